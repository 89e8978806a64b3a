/* Any bytes as a module: the inspection ends, within its arena. */
#include "sandbox/sandbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static _Alignas(ARENA_ALIGN) uint8_t memory[128 << 10];
    static struct sandbox_verdict verdict;
    struct sandbox_facts facts = {0};
    struct arena arena;
    arena_init(&arena, (struct room){memory, sizeof memory});
    sandbox_inspect(span_of(data, size), &arena, &facts, &verdict);
    assert(verdict.outcome != OUTCOME_INFRA && arena_mark(&arena) == 0);
    assert(verdict.outcome != OUTCOME_OK || facts.pages_min <= MODULE_PAGES_START_MAX);
    return 0;
}
