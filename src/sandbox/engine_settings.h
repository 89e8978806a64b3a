/* engine_settings: every setting of the engine, once, as numbers.
 *
 * Part of sandbox; seen in this folder only.  engine.c applies exactly this
 * list and sandbox_engine_id hashes exactly this list, so a setting cannot
 * change without a new engine id. */
#ifndef SANDBOX_ENGINE_SETTINGS_H
#define SANDBOX_ENGINE_SETTINGS_H

#include "base/base.h"

enum engine_setting {
    ENGINE_WASMTIME_MAJOR,
    ENGINE_WASMTIME_MINOR,
    ENGINE_WASMTIME_PATCH,
    ENGINE_ABI_VERSION,
    ENGINE_GAS_HOST_CALL,
    ENGINE_GAS_HOST_BYTE,
    ENGINE_FUEL,
    ENGINE_EPOCHS,
    ENGINE_NAN_CANONICAL,
    ENGINE_OPTIMISE,  /* 0 none */
    ENGINE_REGISTERS, /* 0 backtracking */
    ENGINE_SIGNAL_TRAPS,
    ENGINE_UNWIND_INFO,
    ENGINE_ADDRESS_MAP,
    ENGINE_MEMORY_RESERVED,
    ENGINE_MEMORY_GUARD,
    ENGINE_MEMORY_MOVES,
    ENGINE_MEMORY_COPY_ON_WRITE,
    ENGINE_WASM_SIMD,
    ENGINE_WASM_RELAXED_SIMD,
    ENGINE_WASM_SHARED_MEMORY,
    ENGINE_WASM_MEMORY64,
    ENGINE_WASM_MULTI_MEMORY,
    ENGINE_WASM_MULTI_VALUE,
    ENGINE_WASM_BULK_MEMORY,
    ENGINE_WASM_TAIL_CALL,
    ENGINE_WASM_EXTENDED_CONST,
    ENGINE_WASM_CUSTOM_PAGES,
    ENGINE_WASM_WIDE_ARITHMETIC,
    ENGINE_WASM_STACK_SWITCHING,
    ENGINE_WASM_BRANCH_HINTS,
    ENGINE_WASM_GC,
    ENGINE_SETTING_COUNT,
};

uint64_t engine_setting_value(enum engine_setting s);

/* The code is for the plain architecture, without what this one CPU has more,
 * so that frames on the stack are as large on every validator. */
extern const char ENGINE_TARGET[];

#endif
