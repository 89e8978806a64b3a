#include "sandbox/verdict.h"

void verdict_add(struct sandbox_verdict *v, struct span text)
{
    for (size_t i = 0; i < text.len && v->detail_size < sizeof v->detail; i++) {
        uint8_t c = text.ptr[i];
        v->detail[v->detail_size++] = c >= 0x20 && c <= 0x7e ? (char)c : '?';
    }
}

void verdict_text(struct sandbox_verdict *v, const char *text)
{
    verdict_add(v, span_of(text, strlen(text)));
}

void verdict_number(struct sandbox_verdict *v, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    verdict_add(v, span_of(digits + at, sizeof digits - at));
}

void verdict_set(struct sandbox_verdict *v, enum outcome outcome, const char *text)
{
    v->outcome = outcome;
    v->detail_size = 0;
    verdict_text(v, text);
}

void verdict_cap(struct sandbox_verdict *v, enum outcome outcome, const char *label, uint64_t n,
                 uint64_t max)
{
    verdict_set(v, outcome, label);
    verdict_text(v, " is ");
    verdict_number(v, n);
    verdict_text(v, "; the cap is ");
    verdict_number(v, max);
}
