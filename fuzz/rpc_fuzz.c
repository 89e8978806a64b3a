/* rpc: any body, and any arguments to any method, get an answer that is JSON,
 * or none.  The first byte chooses: a whole body, or a method whose params the
 * rest is. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "rpc/internal.h"
#include "rpc/sample_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static struct rpc *open_rpc(void)
{
    static struct sample sample;
    static struct arena memory;
    static struct rpc *rpc;
    if (rpc != NULL)
        return rpc;
    struct rpc_config c = {.view = &sample.view, .blob_bytes_max = 1 << 16};
    sample_open(&sample);
    if (arena_open(&memory, rpc_arena_size(&c)) != ERR_OK || rpc_init(&rpc, &memory, &c) != ERR_OK)
        abort();
    return rpc;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char body[4096];
    struct rpc *r = open_rpc();
    if (size == 0)
        return 0;
    const struct method *m = rpc_method_at(bytes[0]);
    struct span in = span_of(bytes + 1, size - 1);
    if (m != NULL) {
        int n = snprintf(body, sizeof body,
                         "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%.*s}",
                         m->name, (int)in.len, (const char *)in.ptr);
        in = span_of(body, n < 0 || (size_t)n >= sizeof body ? 0 : (size_t)n);
    }
    struct span out = rpc_call(r, in);
    if (out.len == 0)
        return 0;
    json_t *answer = json_loadb((const char *)out.ptr, out.len, JSON_REJECT_DUPLICATES, NULL);
    if (answer == NULL)
        abort();
    json_decref(answer);
    return 0;
}
