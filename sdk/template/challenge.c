/* NAME: the submission is a number as text; the score is how close it comes to
 * the number in the challenge's params. */
#include "platform.h"

static bool read_number(struct platform_bytes text, int64_t *number)
{
    int64_t n = 0;
    if (text.len > 0 && text.ptr[text.len - 1] == '\n')
        text.len--;
    if (text.len == 0 || text.len > 9)
        return false;
    for (uint32_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        n = n * 10 + (text.ptr[i] - '0');
    }
    *number = n;
    return true;
}

bool challenge_validate(const struct platform_input *in, struct platform_text *why)
{
    int64_t guess;
    if (read_number(in->submission, &guess))
        return true;
    platform_add(why, "the submission is not a number of one to nine digits");
    return false;
}

int64_t challenge_evaluate(const struct platform_input *in, struct platform_text *message)
{
    int64_t guess, goal;
    if (!read_number(in->submission, &guess))
        return PLATFORM_INVALID;
    if (!read_number(in->params, &goal))
        platform_fail(); /* The challenge itself is wrong, not the submission. */
    int64_t off = guess > goal ? guess - goal : goal - guess;
    platform_add(message, "off by ");
    platform_add_number(message, off);
    return PLATFORM_SCORE_ONE / (1 + off);
}
