"""The hostile modules: each with the one outcome that it must give.

A case is a dict: name; module (WAT text or bytes); expect (outcome); and where needed detail (part of the sentence), policy
(caps other than run.py's), input, also (other fields of the answer).
"""
import struct

# What a well-behaved module has; a case replaces one part of it.
OUTPUT = r'(data (i32.const 64) "\10\27\00\00\00\00\00\00\01\02\00\00\00\00\00\00\00ok\00\00")'
MEMORY = '(memory (export "memory") 2)'
ALLOC = '(func (export "alloc") (param i32) (result i32) (i32.const 1024))'
GIVE = "(i64.const 0x1500000040)"  # 21 bytes at 64
IMPORT_LOG = '(import "platform_sandbox" "log_message" (func $log (param i32 i32 i32)))'


def module(body, before="", memory=MEMORY, alloc=ALLOC, output=OUTPUT, more="", locals_=""):
    """A module whose evaluate is body and then the good answer."""
    return f"""(module {before} {memory} {output} {alloc} {more}
      (func (export "evaluate") (param i32 i32) (result i64) {locals_} {body}))"""


def result(packed, **parts):
    return module(f"(i64.const {packed})", **parts)


def answer(text, size):
    return result(size << 32 | 64, output=f'(data (i32.const 64) "{text}")')


def limits():
    yield "good", module(GIVE), "ok", {"also": {"score": 10000, "message": "ok"}}
    yield "loop", module("(loop $l (br $l))" + GIVE), "out_of_gas", {"also": {"gas": 100000000}}
    yield "loop in start", module(GIVE, more="(func $s (loop $l (br $l))) (start $s)"), "out_of_gas"
    yield "loop in _initialize", module(GIVE, more='(func (export "_initialize") (loop $l (br $l)))'), "out_of_gas"
    yield "loop in alloc", module(GIVE, alloc='(func (export "alloc") (param i32) (result i32) (loop $l (br $l)) '
                                              '(i32.const 0))'), "out_of_gas"
    yield "loop in validate", module(GIVE, more='(func (export "validate") (param i32 i32) (result i32) '
                                                '(loop $l (br $l)) (i32.const 1))'), "out_of_gas"
    yield "long straight code", module("(drop (i32.add (i32.const 1) (i32.const 2)))" * 9000 + GIVE), "out_of_gas", {
        "policy": {"gas": 5000}}
    yield "memory.fill by the gigabyte", module(
        "(loop $l (memory.fill (i32.const 0) (i32.const 0) (i32.const 131072)) (br $l))" + GIVE), "out_of_gas"
    yield "recursion", module("(call $f (i32.const 0)) (drop)" + GIVE, more="""(func $f (param i32) (result i32)
        (i32.add (call $f (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))"""), "stack"
    yield "mutual recursion", module("(call $f)" + GIVE, more="(func $f (call $g)) (func $g (call $f))"), "stack"
    yield "recursion through the table", module("(call $f)" + GIVE, more="""(table 1 funcref) (elem (i32.const 0) $f)
        (type $t (func)) (func $f (call_indirect (type $t) (i32.const 0)))"""), "stack"
    yield "recursion with many locals", module("(call $f)" + GIVE, more="(func $f (local " + "i64 " * 200
                                               + ") (call $f))"), "stack"
    grow = "(local.set 2 (memory.grow (i32.const 1))) (br_if $l (i32.ne (local.get 2) (i32.const -1)))"
    yield "grow to the cap", module(f"(loop $l {grow})" + GIVE, locals_="(local i32)"), "ok", {
        "also": {"memory": 64 << 16}}
    yield "grow to the cap and give up", module(f"(loop $l {grow}) (unreachable)", locals_="(local i32)"), "memory", {
        "also": {"memory": 64 << 16}}
    yield "grow by 4 GiB", module("""(if (i32.ne (memory.grow (i32.const 65536)) (i32.const -1))
        (then (unreachable)))""" + GIVE), "ok"
    yield "too much memory at the start", module(GIVE, memory='(memory (export "memory") 100)'), "memory"
    yield "4 GiB of memory at the start", module(GIVE, memory='(memory (export "memory") 65536)'), "module"
    yield "too large a table", module(GIVE, more="(table 100 funcref)"), "table"
    yield "ten million table elements", module(GIVE, more="(table 10000000 funcref)"), "module"


def hosts():
    log = "(call $log (i32.const 0) (i32.const 0) (i32.const {}))"
    flood = "(loop $l {} (br $l))" + GIVE
    yield "host-call flood", module(flood.format(log.format(1)), IMPORT_LOG), "host_calls", {"also": {"host_calls": 100}}
    yield "host-call flood, no gas", module(flood.format(log.format(1)), IMPORT_LOG), "out_of_gas", {
        "policy": {"gas": 5000}}
    yield "megabytes to the host", module(flood.format(log.format(65536)), IMPORT_LOG), "host_bytes", {
        "also": {"host_bytes": 1048576}}
    yield "a log of a megabyte", module(log.format(65536) * 15 + GIVE, IMPORT_LOG), "ok", {
        "also": {"log_dropped": 15 * 65536 - 4093}}
    yield "log from outside of memory", module(
        "(call $log (i32.const 0) (i32.const -16) (i32.const 32)) (call $log (i32.const 0) (i32.const 131070) "
        "(i32.const 3)) (call $log (i32.const 0) (i32.const 0) (i32.const -1))" + GIVE, IMPORT_LOG), "ok", {
        "also": {"log": "", "host_calls": 3, "host_bytes": 0}}
    get = '(import "platform_storage" "storage_get" (func $get (param i32 i32 i32) (result i32)))'
    check = "(if (i32.ne (call $get (i32.const {}) (i32.const {}) (i32.const {})) (i32.const {})) (then (unreachable)))"
    key = '(data (i32.const 200) "key")'
    for name, k, n, to, want in (("a key", 200, 3, 300, 6), ("no such key", 200, 2, 300, 0),
                                 ("out of memory's end", 200, 3, 131070, -100), ("to the end of 32 bits", 200, 3, -4, -100),
                                 ("a key outside", -2, 3, 300, -100), ("a key too long", 0, 1025, 300, -1)):
        yield "storage_get: " + name, module(check.format(k, n, to, want) + GIVE, get, more=key), "ok"
    seed = '(import "platform_terminal" "terminal_random_seed" (func $seed (param i32 i32) (result i32)))'
    yield "seed outside of memory", module("""(if (i32.ne (call $seed (i32.const 131071) (i32.const 2)) (i32.const -100))
        (then (unreachable)))""" + GIVE, seed), "ok"
    yield "seed of 70,000 bytes", module("""(if (i32.ne (call $seed (i32.const 0) (i32.const 70000)) (i32.const -100))
        (then (unreachable)))""" + GIVE, seed), "ok"


def boundary():
    yield "no output", result(0), "abi", {"detail": "gave nothing"}
    yield "output past the end", result(21 << 32 | 131060), "abi", {"detail": "outside"}
    yield "output that wraps", result(32 << 32 | 0xfffffff0), "abi", {"detail": "outside"}
    yield "output at address 0", result(21 << 32), "abi"
    yield "output of 2 GiB", result(0x8000000000000040), "output"
    yield "output of minus one", result(-1), "output"
    yield "output one over the cap", result(4097 << 32 | 64), "output", {"detail": "4097"}
    yield "output at the cap", result(4096 << 32 | 64), "ok"
    yield "alloc gives 0", module(GIVE, alloc='(func (export "alloc") (param i32) (result i32) (i32.const 0))'), "abi"
    yield "alloc at the end", module(GIVE, alloc='(func (export "alloc") (param i32) (result i32) (i32.const 131071))'
                                     ), "abi"
    yield "alloc at -1", module(GIVE, alloc='(func (export "alloc") (param i32) (result i32) (i32.const -1))'), "abi"
    yield "alloc traps", module(GIVE, alloc='(func (export "alloc") (param i32) (result i32) (unreachable))'), "trap"
    yield "alloc grows memory", module(GIVE, alloc="""(func (export "alloc") (param i32) (result i32)
        (i32.mul (memory.grow (i32.const 1)) (i32.const 65536)))"""), "ok"
    yield "allocate", module(GIVE, alloc='(func (export "allocate") (param i32 i32) (result i32) (i32.const 1024))'), "ok"
    good = r"\10\27\00\00\00\00\00\00"
    yield "a bool of 2", answer(good + r"\02\00\00\00\00\00\00\00\00\00\00", 19), "abi"
    yield "an option of 2", answer(good + r"\01\00\00\00\00\00\00\00\00\02\00", 19), "abi"
    yield "text that is not UTF-8", answer(good + r"\01\01\00\00\00\00\00\00\00\ff\00\00", 20), "abi"
    yield "a count of 2^64-1", answer(good + r"\01\ff\ff\ff\ff\ff\ff\ff\ff\00\00", 19), "abi"
    yield "output cut short", answer(good + r"\01", 9), "abi"
    yield "a negative score", answer(r"\ff\ff\ff\ff\ff\ff\ff\ff\01\00\00\00\00\00\00\00\00\00\00", 19), "abi"
    yield "a score over 1.0", answer(r"\11\27\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\00\00", 19), "abi"
    yield "valid = false", answer(good + r"\00\00\00\00\00\00\00\00\00\00\00", 19), "invalid"
    yield "validate says no", module(GIVE, more="""(func (export "validate") (param i32 i32) (result i32)
        (i32.const 0))"""), "invalid"
    yield "input over the policy", module(GIVE), "policy", {"input": b"x" * 65537, "detail": "65537"}


def imports():
    wasi = '(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))'
    yield "WASI and env", module(GIVE, wasi + '(import "env" "abort" (func))'), "policy", {
        "detail": "wasi_snapshot_preview1.fd_write, env.abort"}
    http = '(import "platform_network" "http_get" (func (param i32 i32 i32 i32) (result i32)))'
    run = '(import "platform_exec" "exec_command" (func (param i32 i32 i32 i32) (result i32)))'
    yield "network and programs", module(GIVE, http + run), "policy", {
        "detail": "platform_network.http_get, platform_exec.exec_command"}
    yield "a host function of another type", module(
        GIVE, '(import "platform_sandbox" "log_message" (func (param i64)))'), "policy", {"detail": "of another type"}
    yield "log without a grant", module(GIVE, IMPORT_LOG), "policy", {
        "policy": {"host_functions": "storage"}, "detail": "platform_sandbox.log_message"}
    yield "an imported memory", module(GIVE, '(import "env" "memory" (memory 1))'), "policy", {"detail": "a memory"}
    yield "an imported table", module(GIVE, '(import "env" "t" (table 1 funcref))'), "policy", {"detail": "a table"}
    yield "an imported global", module(GIVE, '(import "env" "g" (global i32))'), "policy", {"detail": "a global"}
    yield "a name that writes on the terminal", module(GIVE, r'(import "\1b[2J" "\07" (func))'), "policy", {
        "detail": "?[2J.?"}
    yield "no memory exported", module(GIVE, memory="(memory 2)"), "abi", {"detail": "memory"}
    yield "no evaluate", f'(module {MEMORY} {ALLOC})', "abi", {"detail": "evaluate"}
    yield "evaluate of another type", f'(module {MEMORY} {ALLOC} (func (export "evaluate")))', "abi"
    yield "evaluate is an import", f"""(module (import "platform_storage" "storage_count_prefix" (func $f (param i32 i32)
        (result i64))) {MEMORY} {ALLOC} (export "evaluate" (func $f)))""", "abi"
    yield "no alloc", module(GIVE, alloc=""), "abi", {"detail": "alloc"}


def traps():
    zero = "(local.get 2)"
    for name, code in (("unreachable", "(unreachable)"),
                       ("division by zero", f"(drop (i32.div_u (i32.const 1) {zero}))"),
                       ("INT_MIN / -1", f"(drop (i32.div_s (i32.const 0x80000000) (i32.sub {zero} (i32.const 1))))"),
                       ("load past the end", f"(drop (i32.load offset=131069 {zero}))"),
                       ("load 4 GiB away", f"(drop (i32.load offset=0xffffffff (i32.sub {zero} (i32.const 1))))"),
                       ("fill past the end", "(memory.fill (i32.const 131071) (i32.const 0) (i32.const 2))"),
                       ("a float that is no integer", "(drop (i32.trunc_f64_s (f64.div (f64.const 0) (f64.const 0))))"),
                       ("indirect call of nothing", "(call_indirect (type $v) (i32.const 1))"),
                       ("indirect call of another type", "(call_indirect (type $v) (i32.const 0))"),
                       ("indirect call past the table", "(call_indirect (type $v) (i32.const 9))")):
        yield "trap: " + name, module(code + GIVE, more="(type $v (func)) (table 2 funcref) (elem (i32.const 0) $h) "
                                      "(func $h (param i32))", locals_="(local i32)"), "trap"
    yield "data past the end", module(GIVE, more='(data (i32.const 131071) "ab")'), "trap"
    yield "NaN has one form", module("""(if (i64.ne (i64.reinterpret_f64 (f64.div (f64.const 0) (local.get 2)))
        (i64.const 0x7ff8000000000000)) (then (unreachable)))""" + GIVE, locals_="(local f64)"), "ok"
    yield "fresh memory is zero", module("""(loop $l (if (i64.ne (i64.load offset=128 (local.get 2)) (i64.const 0))
        (then (unreachable))) (local.set 2 (i32.add (local.get 2) (i32.const 8)))
        (br_if $l (i32.lt_u (local.get 2) (i32.const 130000)))) (i64.store offset=8192 (i32.const 0) (i64.const -1))"""
                                 + GIVE, locals_="(local i32)",
                                 alloc='(func (export "alloc") (param i32) (result i32) (i32.const 130944))'), "ok"


def features():
    yield "SIMD", module("(drop (v128.const i64x2 0 0))" + GIVE), "module", {"detail": "uses SIMD"}
    yield "atomics", module("(drop (i32.atomic.load (i32.const 0)))" + GIVE), "module", {"detail": "atomics"}
    yield "shared memory", module(GIVE, memory='(memory (export "memory") 1 1 shared)'), "module", {"detail": "shared"}
    yield "64-bit memory", module(GIVE, memory='(memory (export "memory") i64 1)'), "module", {"detail": "64-bit"}
    yield "two memories", module(GIVE, more="(memory 1)"), "module", {"detail": "number of memories is 2"}
    yield "two tables", module(GIVE, more="(table 1 funcref) (table 1 funcref)"), "module", {"detail": "tables"}
    yield "tail calls", module("(return_call 1 (local.get 0) (local.get 1))"), "module", {"detail": "tail calls"}
    yield "exceptions", module("(try (do) (catch_all))" + GIVE), "module", {"detail": "exceptions"}
    yield "a tag", module(GIVE, more="(tag)"), "module", {"detail": "exceptions"}
    yield "passive data", module(GIVE, more='(data "x")'), "module", {"detail": "passive"}
    yield "table.grow", module("(drop (table.grow 0 (ref.null func) (i32.const 1)))" + GIVE, more="(table 1 funcref)"
                               ), "module", {"detail": "function 1: "}
    yield "externref", module(GIVE, more="(func (param externref))"), "module"
    yield "types that do not fit", module("(i32.const 1)"), "module", {"detail": "validator"}


def more_structure():
    """What a validator must refuse before the engine sees it, or run and outlive."""
    yield "an imported mutable global", module(GIVE, '(import "env" "g" (global (mut i32)))'), "policy", {
        "detail": "a global"}
    yield "an imported tag", module(GIVE, '(import "env" "t" (tag))'), "policy", {
        "detail": "a tag"}
    yield "validate is a memory, so there is none", module(GIVE, more='(export "validate" (memory 0))'), "ok"
    yield "evaluate is a global", f'(module {MEMORY} {ALLOC} (global (export "evaluate") i32 (i32.const 1)))', "abi"
    yield "memory is a function", module(GIVE, memory="(memory 2)", more='(func (export "memory"))'), "abi"
    yield "a start function that takes something", module(GIVE, more="(func $s (param i32)) (start $s)"), "module"
    yield "a start function that is not there", module(GIVE, more="(start 99)"), "module"
    yield "a start function that traps", module(GIVE, more="(func $s (unreachable)) (start $s)"), "trap"
    yield "a start function that grows", module(
        GIVE, more="(func $s (loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))) (start $s)"), "ok", {
        "also": {"memory": 64 << 16}}
    yield "the same export twice", module(GIVE, more='(func $x) (export "x" (func $x)) (export "x" (func $x))'), "module"
    yield "an element past the table", module(GIVE, more="(table 1 funcref) (func $f) (elem (i32.const 1) $f)"), "trap"
    yield "an element of no such function", module(GIVE, more="(table 1 funcref) (elem (i32.const 0) 99)"), "module"
    yield "a global that reads itself", module(GIVE, more="(global $a i32 (global.get $a))"), "module"
    yield "a mutable global as an offset", module(GIVE, more='(global $a (mut i32) (i32.const 0)) (data (global.get $a) "x")'
                                                  ), "module"
    yield "writing a constant", module("(global.set $c (i32.const 1))" + GIVE, more="(global $c i32 (i32.const 0))"), "module"
    yield "300 globals", module(GIVE, more="(global i32 (i32.const 0))" * 300), "module", {"detail": "number of globals"}
    yield "ten thousand element segments", module(GIVE, more="(table 1 funcref) " + "(elem (i32.const 0))" * 10000), "module"
    yield "one host function twice", module(GIVE, IMPORT_LOG + IMPORT_LOG.replace("$log", "$again")), "ok"
    yield "200 imports", module(GIVE, "".join(IMPORT_LOG.replace("$log", f"$l{i}") for i in range(200))), "module", {
        "detail": "number of imports"}
    yield "names that are no UTF-8", binary([]) + section(0, b"\x04\xff\xfe\xfd\xfc"), "module"
    yield "an import with a name of 100 KB", HEAD + section(1, vector([b"\x60\0\0"])) + section(
        2, b"\1" + leb(100000) + b"a" * 100000 + b"\1b\0\0"), None
    yield "code without functions", HEAD + section(10, vector([b"\2\0\x0b"])), "module"
    yield "functions without code", HEAD + section(1, vector([b"\x60\0\0"])) + section(3, b"\1\0"), "module"
    yield "a branch out of everything", module("(br 7)" + GIVE), "module"
    yield "a br_table with a depth of 2^32-1", binary([b"\0\x41\0\x0e\1\0\xff\xff\xff\xff\x0f\x0b"]), "module"
    yield "an opcode that is none", binary([b"\0\xff\x0b"]), "module"
    yield "an end too few", binary([b"\0\x02\x40\x0b"]), "module"
    yield "alignment of 2^31", binary([b"\0\x41\0\x28\x1f\0\x1a\x0b"]), "module"
    yield "text for the dashboard", answer(r"\10\27\00\00\00\00\00\00\01\19\00\00\00\00\00\00\00"
                                           "<img src=x onerror=a()>\\0a\\1b" + r"\00\00", 44), "ok", {
        "also": {"message": "<img src=x onerror=a()>\n\x1b"}}


def leb(n):
    out = b""
    while True:
        b, n = n & 0x7f, n >> 7
        out += bytes([b | (0x80 if n else 0)])
        if not n:
            return out


def section(number, body):
    return bytes([number]) + leb(len(body)) + body


def vector(items):
    return leb(len(items)) + b"".join(items)


HEAD = b"\0asm\1\0\0\0"


def binary(bodies, types=(), custom=b"", export_count=3, head=HEAD):
    """A good module in bytes, with more functions () -> () of the given bodies behind alloc and evaluate."""
    all_types = [b"\x60\x01\x7f\x01\x7f", b"\x60\x02\x7f\x7f\x01\x7e", b"\x60\0\0", *types]
    functions = [b"\0", b"\1"] + [b"\2"] * len(bodies)
    code = [b"\0\x41\x80\x08\x0b", b"\0\x42\xc0\x80\x80\x80\xd0\x02\x0b"] + list(bodies)
    exports = [b"\x06memory\x02\0", b"\x05alloc\0\0", b"\x08evaluate\0\1"]
    exports += [b"\x04" + b"%04d" % i + b"\0\0" for i in range(export_count - 3)]
    data = [b"\0\x41\xc0\0\x0b\x15" + b"\x10\x27\0\0\0\0\0\0\1\2\0\0\0\0\0\0\0ok\0\0"]
    return (head + section(1, vector(all_types)) + section(3, vector(functions)) + section(5, b"\1\0\2")
            + section(7, vector(exports)) + section(10, vector([leb(len(c)) + c for c in code])) + custom
            + section(11, vector(data)))


def bomb(loops, locals_):
    """Nested loops over many locals: the shape that costs the compiler most."""
    body = b"".join(b"\x03\x40" + b"\x20" + leb(i % locals_) + b"\x21" + leb((i * 7) % locals_) for i in range(loops))
    return leb(1) + leb(locals_) + b"\x7f" + body + b"\x0b" * loops + b"\x0b"


def chain(loops, locals_):
    body = b"".join(b"\x03\x40" + b"\x20" + leb(i % locals_) + b"\x21" + leb((i * 7) % locals_) + b"\x0b"
                    for i in range(loops))
    return leb(1) + leb(locals_) + b"\x7f" + body + b"\x0b"


def binaries():
    good = binary([])
    yield "made of bytes", good, "ok"
    yield "not WASM: text", b"#!/bin/sh\necho hello\n", "module", {"detail": "not a WASM module"}
    yield "not WASM: nothing", b"", "module", {"detail": "not a WASM module"}
    yield "not WASM: an ELF head", b"\x7fELF" + b"\0" * 100, "module"
    yield "a component", b"\0asm\x0d\0\1\0", "module"
    yield "a head only", HEAD, "abi"
    yield "cut in the middle", good[:len(good) // 2], "module"
    yield "a section longer than the module", HEAD + b"\x01\xff\xff\xff\x7f", "module"
    yield "a section twice", good + section(5, b"\1\0\2"), "module", {"detail": "twice"}
    yield "an unknown section", good + section(77, b""), "module", {"detail": "unknown section"}
    yield "a LEB of six bytes", HEAD + b"\x01\x80\x80\x80\x80\x80\x00", "module"
    yield "a LEB longer than needed", HEAD + b"\x01\x95\x80\x80\x80\x00" + good[10:], "ok" if good[9] == 0x15 else "module"
    yield "a million of types", HEAD + section(1, leb(1000000)), "module", {"detail": "number of types is 1000000"}
    yield "a megabyte and a byte", good + section(0, b"\x01x" + b"\0" * (1 << 20)), "module", {"detail": "size of the module"}
    yield "a large custom section", good + section(0, b"\x01x" + b"\0" * 300000), "module", {"detail": "custom"}
    yield "a custom section", good + section(0, b"\x01x" + b"\0" * 3000), "ok"
    yield "5,000 functions", binary([b"\0\x0b"] * 5000), "module", {"detail": "number of functions"}
    yield "4,000 functions", binary([b"\0\x0b"] * 4000), "ok"
    yield "300 exports", binary([], export_count=300), "module", {"detail": "number of exports"}
    yield "a body over the cap", binary([b"\0" + b"\x01" * 65536 + b"\x0b"]), "module", {"detail": "size of its code"}
    yield "2,001 blocks", binary([b"\0" + b"\x02\x40\x0b" * 2001 + b"\x0b"]), "module", {"detail": "number of blocks"}
    yield "257 locals", binary([b"\1" + leb(257) + b"\x7f\x0b"]), "module", {"detail": "locals"}
    yield "2^32 locals", binary([b"\2\xff\xff\xff\xff\x0f\x7f\xff\xff\xff\xff\x0f\x7f\x0b"]), "module", {"detail": "locals"}
    yield "300 blocks deep", binary([b"\0" + b"\x02\x40" * 300 + b"\x0b" * 301]), "module", {"detail": "nesting of blocks"}
    yield "compile bomb: 200 loops deep", binary([bomb(200, 250)]), "module", {"detail": "nesting of loops"}
    yield "compile bomb: 17 loops deep", binary([bomb(17, 200)]), "module", {"detail": "nesting of loops"}
    yield "compile bomb: 16 loops deep", binary([bomb(16, 250)] * 16), "ok"
    yield "compile bomb: loops times locals", binary([chain(33, 250)]), "module", {"detail": "loops times locals"}
    yield "compile bomb: in many functions", binary([chain(32, 250)] * 9), "module", {"detail": "loops times locals"}
    yield "compile bomb: just below the caps", binary([chain(32, 250)] * 8), "ok"
    adds = b"\0" + b"\x41\1\x41\2\x6a\x1a" * 10000 + b"\x0b"
    yield "compile bomb: straight code", binary([adds] * 15), "ok"
    calls = b"\0" + b"\x10\2" * 30000 + b"\x0b"
    yield "compile bomb: calls", binary([b"\0\x0b"] + [calls] * 15), "ok"
    table = b"\0\x41\0\x0e" + leb(513) + b"\0" * 514 + b"\x0b"
    yield "a br_table over the cap", binary([table]), "module", {"detail": "br_table"}
    yield "5,000 data segments", HEAD + section(1, vector([b"\x60\0\0"])) + section(5, b"\1\0\1") + section(
        11, vector([b"\0\x41\0\x0b\0"] * 5000)), "module", {"detail": "data segments"}
    seed = struct.unpack("<I", b"seed")[0]
    for i in range(40):
        flipped = bytearray(good)
        for _ in range(1 + i % 4):
            seed = seed * 1103515245 + 12345 & 0x7fffffff
            flipped[8 + (seed >> 8) % (len(good) - 8)] ^= 1 << (seed & 7)
        yield f"flipped bits {i}", bytes(flipped), None


def cases():
    for group in (limits, hosts, boundary, imports, traps, features, more_structure, binaries):
        for name, code, expect, *more in group():
            yield {"name": name, "module": code, "expect": expect, **(more[0] if more else {})}
