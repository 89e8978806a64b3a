/* settings: every setting of the engine, once, as numbers.
 *
 * Part of sandbox; seen in this folder only.  engine.c applies exactly this
 * list and sandbox_engine_id hashes exactly this list, so a setting cannot
 * change without a new engine id. */
#ifndef SANDBOX_SETTINGS_H
#define SANDBOX_SETTINGS_H

#include "base/base.h"

enum setting {
    SETTING_WASMTIME_MAJOR,
    SETTING_WASMTIME_MINOR,
    SETTING_WASMTIME_PATCH,
    SETTING_ABI_VERSION,
    SETTING_GAS_HOST_CALL,
    SETTING_GAS_HOST_BYTE,
    SETTING_FUEL,
    SETTING_EPOCHS,
    SETTING_NAN_CANONICAL,
    SETTING_OPTIMISE,          /* 0 none */
    SETTING_REGISTERS,         /* 0 backtracking */
    SETTING_SIGNAL_TRAPS,
    SETTING_UNWIND_INFO,
    SETTING_ADDRESS_MAP,
    SETTING_MEMORY_RESERVED,
    SETTING_MEMORY_GUARD,
    SETTING_MEMORY_MOVES,
    SETTING_MEMORY_COPY_ON_WRITE,
    SETTING_WASM_SIMD,
    SETTING_WASM_RELAXED_SIMD,
    SETTING_WASM_SHARED_MEMORY,
    SETTING_WASM_MEMORY64,
    SETTING_WASM_MULTI_MEMORY,
    SETTING_WASM_MULTI_VALUE,
    SETTING_WASM_BULK_MEMORY,
    SETTING_WASM_TAIL_CALL,
    SETTING_WASM_EXTENDED_CONST,
    SETTING_WASM_CUSTOM_PAGES,
    SETTING_WASM_WIDE_ARITHMETIC,
    SETTING_WASM_STACK_SWITCHING,
    SETTING_WASM_BRANCH_HINTS,
    SETTING_WASM_GC,
    SETTING_COUNT,
};

uint64_t setting_value(enum setting s);

/* The code is for the plain architecture, without what this one CPU has more,
 * so that frames on the stack are as large on every validator. */
extern const char SETTING_TARGET[];

#endif
