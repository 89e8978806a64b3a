#include "sandbox/settings.h"

#include "codec/wr.h"
#include "crypto/hash.h"
#include "sandbox/sandbox.h"

#if defined(__x86_64__)
const char SETTING_TARGET[] = "x86_64-unknown-linux-gnu";
#elif defined(__aarch64__)
const char SETTING_TARGET[] = "aarch64-unknown-linux-gnu";
#else
#error "the engine compiles for x86_64 and aarch64 only"
#endif

uint64_t setting_value(enum setting s)
{
    static const uint64_t values[SETTING_COUNT] = {
        [SETTING_WASMTIME_MAJOR] = 48,
        [SETTING_WASMTIME_MINOR] = 0,
        [SETTING_WASMTIME_PATCH] = 8,
        [SETTING_ABI_VERSION] = 1,
        [SETTING_GAS_HOST_CALL] = SANDBOX_GAS_HOST_CALL,
        [SETTING_GAS_HOST_BYTE] = SANDBOX_GAS_HOST_BYTE,
        [SETTING_FUEL] = 1,
        [SETTING_NAN_CANONICAL] = 1,
        [SETTING_SIGNAL_TRAPS] = 1,
        [SETTING_MEMORY_RESERVED] = UINT64_C(4) << 30,
        [SETTING_MEMORY_GUARD] = UINT64_C(32) << 20,
        [SETTING_WASM_MULTI_VALUE] = 1,
        [SETTING_WASM_BULK_MEMORY] = 1,
    };
    assert(s < SETTING_COUNT);
    return values[s];
}

struct hash sandbox_engine_id(void)
{
    uint8_t room[SETTING_COUNT * sizeof(uint64_t) + 64];
    struct wr w = wr_init((struct room){room, sizeof room});
    for (unsigned i = 0; i < SETTING_COUNT; i++)
        wr_u64(&w, setting_value((enum setting)i));
    wr_bytes(&w, span_of(SETTING_TARGET, strlen(SETTING_TARGET)));
    struct span bytes = wr_done(&w);
    assert(bytes.ptr != NULL);
    return hash_tagged("PLTFENGI", bytes);
}
