#include "sandbox/verdict.h"

struct policy sandbox_policy_default(void)
{
    return (struct policy){
        .gas = 2000000000,
        .wall_ms = 60000,
        .memory_pages = 1024,
        .table_elements = MODULE_TABLE_ELEMENTS_MAX,
        .stack_bytes = 512 << 10,
        .host_calls = 10000,
        .host_bytes = 64 << 20,
        .input_bytes = 1 << 20,
        .output_bytes = 1 << 20,
        .log_bytes = 16 << 10,
        .host_functions = POLICY_HOST_LOG | POLICY_HOST_TIME | POLICY_HOST_SEED |
                          POLICY_HOST_CONSENSUS | POLICY_HOST_STORAGE,
        .join = POLICY_JOIN_DETERMINISTIC,
        .reveal_after = 64,
    };
}

static bool within(struct sandbox_verdict *v, const char *label, uint64_t n, uint64_t min,
                   uint64_t max)
{
    if (n >= min && n <= max)
        return true;
    verdict_set(v, OUTCOME_POLICY, "the policy's ");
    verdict_text(v, label);
    verdict_text(v, " is ");
    verdict_number(v, n);
    verdict_text(v, "; it must be from ");
    verdict_number(v, min);
    verdict_text(v, " to ");
    verdict_number(v, max);
    return false;
}

void sandbox_policy_check(const struct policy *p, struct sandbox_verdict *out)
{
    const uint32_t host_all = POLICY_HOST_LOG | POLICY_HOST_TIME | POLICY_HOST_SEED |
                              POLICY_HOST_CONSENSUS | POLICY_HOST_STORAGE;
    verdict_set(out, OUTCOME_OK, "");
    bool fine = within(out, "gas", p->gas, 1, INT64_MAX) &&
                within(out, "wall_ms", p->wall_ms, 1, 3600000) &&
                within(out, "memory_pages", p->memory_pages, 1, SANDBOX_PAGES_MAX) &&
                within(out, "table_elements", p->table_elements, 0, MODULE_TABLE_ELEMENTS_MAX) &&
                within(out, "stack_bytes", p->stack_bytes, SANDBOX_STACK_MIN, SANDBOX_STACK_MAX) &&
                within(out, "host_calls", p->host_calls, 0, UINT32_MAX) &&
                within(out, "input_bytes", p->input_bytes, 1, SANDBOX_INPUT_MAX) &&
                within(out, "output_bytes", p->output_bytes, 1, SANDBOX_INPUT_MAX) &&
                within(out, "log_bytes", p->log_bytes, 0, SANDBOX_LOG_MAX);
    if (fine && (p->stack_bytes & (p->stack_bytes - 1)) != 0)
        verdict_set(out, OUTCOME_POLICY, "the policy's stack_bytes must be a power of two");
    else if (fine && (p->host_functions & ~host_all) != 0)
        verdict_set(out, OUTCOME_POLICY, "the policy's host_functions has an unknown bit");
}

static void refuse_imports(const struct sandbox_facts *facts, const struct policy *policy,
                           struct sandbox_verdict *out)
{
    for (size_t i = 0; i < HOST_TABLE_COUNT; i++) {
        const struct host_entry *e = &HOST_TABLE[i];
        bool granted = e->policy != 0 && (policy->host_functions & e->policy) != 0;
        if ((facts->imports >> i & 1) == 0 || granted)
            continue;
        if (out->outcome == OUTCOME_OK)
            verdict_set(out, OUTCOME_POLICY, "imports that the policy does not grant: ");
        else
            verdict_text(out, ", ");
        verdict_text(out, e->module);
        verdict_text(out, ".");
        verdict_text(out, e->name);
    }
}

void sandbox_admit(const struct sandbox_facts *facts, const struct policy *policy,
                   struct sandbox_verdict *out)
{
    sandbox_policy_check(policy, out);
    if (out->outcome == OUTCOME_OK)
        refuse_imports(facts, policy, out);
    if (out->outcome == OUTCOME_OK && facts->pages_min > policy->memory_pages)
        verdict_cap(out, OUTCOME_MEMORY, "number of memory pages at the start", facts->pages_min,
                    policy->memory_pages);
    if (out->outcome == OUTCOME_OK && facts->table_min > policy->table_elements)
        verdict_cap(out, OUTCOME_TABLE, "number of table elements", facts->table_min,
                    policy->table_elements);
}
