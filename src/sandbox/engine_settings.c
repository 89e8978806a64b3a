#include "sandbox/engine_settings.h"

#include "codec/wr.h"
#include "crypto/hash.h"
#include "sandbox/sandbox.h"

#if defined(__x86_64__)
const char ENGINE_TARGET[] = "x86_64-unknown-linux-gnu";
#elif defined(__aarch64__)
const char ENGINE_TARGET[] = "aarch64-unknown-linux-gnu";
#else
#error "the engine compiles for x86_64 and aarch64 only"
#endif

uint64_t engine_setting_value(enum engine_setting s)
{
    static const uint64_t values[ENGINE_SETTING_COUNT] = {
        [ENGINE_WASMTIME_MAJOR] = 48,
        [ENGINE_WASMTIME_MINOR] = 0,
        [ENGINE_WASMTIME_PATCH] = 8,
        [ENGINE_ABI_VERSION] = 1,
        [ENGINE_GAS_HOST_CALL] = SANDBOX_GAS_HOST_CALL,
        [ENGINE_GAS_HOST_BYTE] = SANDBOX_GAS_HOST_BYTE,
        [ENGINE_FUEL] = 1,
        [ENGINE_NAN_CANONICAL] = 1,
        [ENGINE_SIGNAL_TRAPS] = 1,
        [ENGINE_MEMORY_RESERVED] = UINT64_C(4) << 30,
        [ENGINE_MEMORY_GUARD] = UINT64_C(32) << 20,
        [ENGINE_WASM_MULTI_VALUE] = 1,
        [ENGINE_WASM_BULK_MEMORY] = 1,
    };
    assert(s < ENGINE_SETTING_COUNT);
    return values[s];
}

struct hash sandbox_engine_id(void)
{
    uint8_t room[ENGINE_SETTING_COUNT * sizeof(uint64_t) + 64];
    struct wr w = wr_init((struct room){room, sizeof room});
    for (unsigned i = 0; i < ENGINE_SETTING_COUNT; i++)
        wr_u64(&w, engine_setting_value((enum engine_setting)i));
    wr_bytes(&w, span_of(ENGINE_TARGET, strlen(ENGINE_TARGET)));
    struct span bytes = wr_done(&w);
    assert(bytes.ptr != NULL);
    return hash_tagged("PLTFENGI", bytes);
}
