/* The small guest of bench/evaluation.c: mixes its input, logs a line. */
#include "platform.h"

bool challenge_validate(const struct platform_input *in, struct platform_text *why)
{
    (void)why;
    return in->submission.len > 0;
}

int64_t challenge_evaluate(const struct platform_input *in, struct platform_text *message)
{
    uint64_t mix = UINT64_C(0xcbf29ce484222325);
    for (uint32_t i = 0; i < in->submission.len; i++)
        mix = (mix ^ in->submission.ptr[i]) * UINT64_C(0x100000001b3);
    platform_log_text(0, "mixed");
    platform_add_number(message, (int64_t)(mix >> 1));
    return (int64_t)(mix % (PLATFORM_SCORE_ONE + 1));
}
