#include "sandbox/sandbox.h"

/* What a challenge of this network's first generation imports, by module and
 * name.  Those marked HOST_REFUSED reach outside of what validators agree on
 * (network, programs, files, other stores), so no policy grants them. */
#define REFUSED 0, HOST_REFUSED

const struct host_entry HOST_TABLE[HOST_TABLE_COUNT] = {
    {"platform_network", "http_request", "iiii>i", REFUSED},
    {"platform_network", "http_get", "iiii>i", REFUSED},
    {"platform_network", "http_post", "iiiii>i", REFUSED},
    {"platform_network", "dns_resolve", "iii>i", REFUSED},
    {"platform_network", "log_message", "iii>", POLICY_HOST_LOG, HOST_LOG},
    {"platform_network", "get_timestamp", ">I", POLICY_HOST_TIME, HOST_TIME},
    {"platform_storage", "storage_get", "iii>i", POLICY_HOST_STORAGE, HOST_STORAGE_GET},
    {"platform_storage", "storage_set", "iiii>i", REFUSED},
    {"platform_storage", "storage_delete", "ii>i", REFUSED},
    {"platform_storage", "storage_get_cross", "iiiii>i", REFUSED},
    {"platform_storage", "storage_propose_write", "iiii>I", REFUSED},
    {"platform_storage", "storage_list_prefix", "iiii>i", REFUSED},
    {"platform_storage", "storage_count_prefix", "ii>I", REFUSED},
    {"platform_exec", "exec_command", "iiii>i", REFUSED},
    {"platform_time", "get_timestamp", ">I", POLICY_HOST_TIME, HOST_TIME},
    {"platform_consensus", "consensus_get_epoch", ">I", POLICY_HOST_CONSENSUS, HOST_EPOCH},
    {"platform_consensus", "consensus_get_block_height", ">I", POLICY_HOST_CONSENSUS, HOST_HEIGHT},
    {"platform_consensus", "consensus_get_submission_count", ">i", POLICY_HOST_CONSENSUS,
     HOST_SUBMISSIONS},
    {"platform_consensus", "consensus_get_state_hash", "i>i", REFUSED},
    {"platform_consensus", "consensus_get_validators", "ii>i", REFUSED},
    {"platform_consensus", "consensus_get_votes", "ii>i", REFUSED},
    {"platform_consensus", "consensus_get_subnet_challenges", "ii>i", REFUSED},
    {"platform_consensus", "consensus_propose_weight", "ii>i", REFUSED},
    {"platform_consensus", "consensus_get_llm_validators", "ii>i", REFUSED},
    {"platform_consensus", "consensus_get_registered_hotkeys", "ii>i", REFUSED},
    {"platform_terminal", "terminal_exec", "iiii>i", REFUSED},
    {"platform_terminal", "terminal_read_file", "iiii>i", REFUSED},
    {"platform_terminal", "terminal_write_file", "iiii>i", REFUSED},
    {"platform_terminal", "terminal_list_dir", "iiii>i", REFUSED},
    {"platform_terminal", "terminal_get_time", ">I", POLICY_HOST_TIME, HOST_TIME},
    {"platform_terminal", "terminal_random_seed", "ii>i", POLICY_HOST_SEED, HOST_SEED},
    {"platform_data", "data_get", "iiii>i", REFUSED},
    {"platform_data", "data_list", "iiii>i", REFUSED},
    {"platform_container", "container_run", "iiii>i", REFUSED},
    {"platform_llm", "llm_chat_completion", "iiii>i", REFUSED},
    {"platform_llm", "llm_is_available", ">i", REFUSED},
    {"platform_sandbox", "sandbox_status", ">i", REFUSED},
    {"platform_sandbox", "sandbox_exec", "iiii>i", REFUSED},
    {"platform_sandbox", "get_timestamp", ">I", POLICY_HOST_TIME, HOST_TIME},
    {"platform_sandbox", "log_message", "iii>", POLICY_HOST_LOG, HOST_LOG},
};

static_assert(HOST_TABLE_COUNT <= 64, "sandbox_facts.imports has a bit for each");

static bool names(struct span s, const char *text)
{
    return span_equal(s, span_of(text, strlen(text)));
}

const struct host_entry *host_entry_find(struct span module, struct span name)
{
    for (size_t i = 0; i < HOST_TABLE_COUNT; i++) {
        if (names(module, HOST_TABLE[i].module) && names(name, HOST_TABLE[i].name))
            return &HOST_TABLE[i];
    }
    return NULL;
}
