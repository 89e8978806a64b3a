#!/usr/bin/env python3
"""Generates C codecs from a message table in spec/.

usage: msggen.py TABLE OUTDIR

Writes OUTDIR/NAME_msg.h, NAME_msg.c (structs, encoders, decoders),
NAME_msg_test.c (golden vectors and canonical-form checks) and NAME_msg_fuzz.c
(what decodes encodes to the same bytes) for spec/NAME.msg.

The table's language, one definition after another; '#' starts a comment:

    include OTHER              use the messages of spec/OTHER.msg
    limit NAME NUMBER          a constant of the C header
    enum NAME                  a u8; the values follow, indented: LABEL NUMBER
    message NAME               the fields follow, indented:  field TYPE
    union NAME                 a u8 tag and one message:  NUMBER field MESSAGE

    TYPE  u8 u16 u32 u64 bool hash hotkey signature   fixed size
          raw SIZE                                     SIZE bytes
          bytes MAX     text MAX                       u32 length; text is printable ASCII
          list TYPE MAX                                u32 count; TYPE of fixed size or a message
          optional MESSAGE                             bool, then the message when true
          an enum's or a message's name

Every message has exactly one encoding: fixed-width little-endian integers, no
padding, no trailing bytes.
"""
import os
import re
import sys

SCALARS = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "bool": 1}
BLOCKS = {"hash": 32, "hotkey": 32, "signature": 64}


class Table:
    def __init__(self, path):
        self.name = os.path.basename(path)[:-len(".msg")]
        self.limits, self.enums, self.messages, self.unions = {}, {}, {}, {}
        self.notes, self.own, self.includes = {}, [], []
        self.parse(path)

    def parse(self, path):
        block, note = None, []
        with open(path, encoding="utf-8") as f:
            lines = f.read().split("\n")
        for number, line in enumerate(lines, 1):
            try:
                text, _, comment = line.partition("#")
                words = text.split()
                if not words:
                    note = note + [comment.strip()] if line.startswith("#") else []
                    continue
                if line[0].isspace():
                    self.row(block, words, comment.strip())
                else:
                    block = self.head(path, words)
                    self.notes[words[1]] = note
                    note = []
            except (IndexError, KeyError, ValueError, TypeError) as e:
                sys.exit(f"{path}:{number}: cannot read '{line.strip()}': {e!r}")

    def head(self, path, words):
        kind, name = words[0], words[1]
        if kind == "include":
            other = Table(os.path.join(os.path.dirname(path), name + ".msg"))
            for mine, theirs in ((self.limits, other.limits), (self.enums, other.enums),
                                 (self.messages, other.messages), (self.unions, other.unions)):
                mine.update(theirs)
            self.includes.append(name)
            return None
        self.own.append((kind, name))
        if kind == "limit":
            self.limits[name] = int(words[2], 0)
            return None
        where = {"enum": self.enums, "message": self.messages, "union": self.unions}[kind]
        if name in where:
            raise ValueError("defined twice")
        where[name] = []
        return where[name]

    def row(self, block, words, comment):
        block.append((words[0], words[1:], comment))

    def limit(self, word):
        return self.limits[word] if word in self.limits else int(word, 0)

    def size_range(self, words):
        """The smallest and largest encoding of a type, in bytes."""
        t = words[0]
        if t in SCALARS:
            return SCALARS[t], SCALARS[t]
        if t in BLOCKS:
            return BLOCKS[t], BLOCKS[t]
        if t == "raw":
            return self.limit(words[1]), self.limit(words[1])
        if t in ("bytes", "text"):
            return 4, 4 + self.limit(words[1])
        if t == "list":
            return 4, 4 + self.limit(words[2]) * self.size_range([words[1]])[1]
        if t == "optional":
            return 1, 1 + self.size_range([words[1]])[1]
        if t in self.enums:
            return 1, 1
        if t in self.unions:
            sizes = [self.size_range([w[1]]) for _, w, _ in self.unions[t]]
            return 1 + min(s[0] for s in sizes), 1 + max(s[1] for s in sizes)
        sizes = [self.size_range(w) for _, w, _ in self.messages[t]]
        return sum(s[0] for s in sizes), sum(s[1] for s in sizes)


def c_type(table, t):
    if t in SCALARS:
        return "bool" if t == "bool" else f"uint{SCALARS[t] * 8}_t"
    return f"enum {t}" if t in table.enums else f"struct {t}"


def comment(lines, indent=""):
    lines = [x for x in lines if x]
    if not lines:
        return ""
    body = f"\n{indent} * ".join(lines)
    return f"{indent}/* {body} */\n"


def field_decl(table, name, words, note):
    t = words[0]
    tail = f" /* {note} */" if note else ""
    if t == "raw":
        return f"    uint8_t {name}[{words[1]}];{tail}\n"
    if t in ("bytes", "text"):
        return f"    struct span {name};{tail}\n"
    if t == "list":
        return (f"    const {c_type(table, words[1])} *{name};{tail}\n"
                f"    uint32_t {name}_count;\n")
    if t == "optional":
        return f"    bool has_{name};\n    struct {words[1]} {name};{tail}\n"
    return f"    {c_type(table, t)} {name};{tail}\n"


def write_value(table, t, expr):
    if t in SCALARS:
        return f"wr_{t}(w, {expr});"
    if t in BLOCKS:
        return f"wr_raw(w, span_of({expr}.bytes, {BLOCKS[t]}));"
    if t in table.enums:
        return f"wr_u8(w, (uint8_t){expr});"
    return f"{t}_write(w, &{expr});"


def read_value(table, t, target):
    if t in SCALARS:
        return f"{target} = rd_{t}(r);"
    if t in BLOCKS:
        return f"rd_into(r, (struct room){{{target}.bytes, {BLOCKS[t]}}});"
    if t in table.enums:
        return f"{target} = {t}_read(r);"
    return f"{t}_read(r, arena, &{target});"


def write_field(table, name, words):
    t, m = words[0], f"m->{name}"
    if t == "raw":
        return [f"wr_raw(w, span_of({m}, {words[1]}));"]
    if t in ("bytes", "text"):
        return [f"assert({m}.len <= {words[1]});", f"wr_bytes(w, {m});"]
    if t == "list":
        return [f"assert({m}_count <= {words[2]});", f"wr_u32(w, {m}_count);",
                f"for (uint32_t i = 0; i < {m}_count; i++)",
                "    " + write_value(table, words[1], f"{m}[i]")]
    if t == "optional":
        return [f"wr_bool(w, m->has_{name});", f"if (m->has_{name})",
                "    " + write_value(table, words[1], m)]
    return [write_value(table, t, m)]


def read_field(table, name, words):
    t, m = words[0], f"m->{name}"
    if t == "raw":
        return [f"rd_into(r, (struct room){{{m}, {words[1]}}});"]
    if t == "bytes":
        return [f"{m} = rd_bytes(r, {words[1]});"]
    if t == "text":
        return [f"{m} = rd_text(r, {words[1]});"]
    if t == "list":
        ct = c_type(table, words[1])
        return [f"m->{name}_count = rd_count(r, {words[2]}, {table.size_range([words[1]])[0]});",
                f"{ct} *{name} = rd_room(r, arena, m->{name}_count, sizeof *{name});",
                f"if ({name} == NULL)", f"    m->{name}_count = 0;",
                f"for (uint32_t i = 0; i < m->{name}_count; i++)",
                "    " + read_value(table, words[1], f"{name}[i]"),
                f"{m} = {name};"]
    if t == "optional":
        return [f"m->has_{name} = rd_bool(r);", f"if (m->has_{name})",
                "    " + read_value(table, words[1], m)]
    return [read_value(table, t, m)]


def signatures(name):
    return (f"void {name}_write(struct wr *w, const struct {name} *m)",
            f"void {name}_read(struct rd *r, struct arena *arena, struct {name} *m)",
            f"struct span {name}_encode(const struct {name} *m, struct room out)",
            f"enum err {name}_decode(struct span in, struct arena *arena, struct {name} *out)")


def header(table):
    guard = f"{table.name.upper()}_MSG_H"
    out = [f"/* Generated from spec/{table.name}.msg by tools/msggen.py; see there.\n"
           " *\n"
           " * X_encode: the encoding, in out; {NULL, 0} when it does not fit.\n"
           " * X_decode: in is borrowed by *out, lists come from arena; any error\n"
           " * leaves *out alone.  X_write and X_read do the same inside another message. */\n"
           f"#ifndef {guard}\n#define {guard}\n\n"
           '#include "base/arena.h"\n#include "codec/rd.h"\n#include "codec/wr.h"\n']
    for name in table.includes:
        out.append(f'#include "{name}_msg.h"\n')
    out.append("\n")
    for kind, name in table.own:
        out.append(comment(table.notes.get(name, [])))
        if kind == "limit":
            out.append(f"enum {{ {name} = {table.limits[name]} }};\n\n")
        elif kind == "enum":
            rows = "".join(f"    {name.upper()}_{label.upper()} = {w[0]},{' /* ' + c + ' */' if c else ''}\n"
                           for label, w, c in table.enums[name])
            out.append(f"enum {name} {{\n{rows}}};\n\n"
                       f"/* {name}_name: the label in lower case; NULL for no such value. */\n"
                       f"const char *{name}_name(enum {name} x);\n"
                       f"enum {name} {name}_read(struct rd *r);\n\n")
        else:
            if kind == "message":
                rows = "".join(field_decl(table, f, w, c) for f, w, c in table.messages[name])
                out.append(f"struct {name} {{\n{rows}}};\n\n")
            else:
                rows = table.unions[name]
                tags = "".join(f"    {name.upper()}_{w[0].upper()} = {n},\n" for n, w, _ in rows)
                arms = "".join(f"        struct {w[1]} {w[0]};\n" for _, w, _ in rows)
                out.append(f"enum {name}_tag {{\n{tags}}};\n\n"
                           f"struct {name} {{\n    enum {name}_tag tag;\n    union {{\n{arms}    }};\n}};\n\n")
            low, high = table.size_range([name])
            out.append(f"#define {name.upper()}_SIZE_MIN {low}u\n#define {name.upper()}_SIZE_MAX {high}u\n")
            out.append("".join(s + ";\n" for s in signatures(name)) + "\n")
    out.append("#endif\n")
    return "".join(out)


def union_bodies(table, name):
    rows = table.unions[name]
    write = ["wr_u8(w, (uint8_t)m->tag);", "switch (m->tag) {"]
    read = ["uint8_t tag = rd_u8(r);", "if (r->bad != ERR_OK)", "    return;", "switch (tag) {"]
    for number, w, _ in rows:
        label = f"{name.upper()}_{w[0].upper()}"
        write += [f"case {label}:", f"    {w[1]}_write(w, &m->{w[0]});", "    break;"]
        read += [f"case {number}:", f"    m->tag = {label};", f"    {w[1]}_read(r, arena, &m->{w[0]});",
                 "    break;"]
    return write + ["}"], read + ["default:", "    rd_fail(r, ERR_MALFORMED);", "}"]


def source(table):
    out = [f"/* Generated from spec/{table.name}.msg by tools/msggen.py. */\n"
           f'#include "{table.name}_msg.h"\n\n#include "codec/msg.h"\n\n']
    for kind, name in table.own:
        if kind == "enum":
            rows = table.enums[name]
            cases = "".join(f'    case {name.upper()}_{l.upper()}:\n        return "{l.lower()}";\n' for l, _, _ in rows)
            out.append(f"const char *{name}_name(enum {name} x)\n{{\n    switch (x) {{\n{cases}    }}\n"
                       "    return NULL;\n}\n\n"
                       f"enum {name} {name}_read(struct rd *r)\n{{\n    enum {name} x = (enum {name})rd_u8(r);\n"
                       f"    if ({name}_name(x) == NULL)\n        rd_fail(r, ERR_MALFORMED);\n    return x;\n}}\n\n")
        if kind in ("message", "union"):
            if kind == "message":
                write = [x for f, w, _ in table.messages[name] for x in write_field(table, f, w)]
                read = [x for f, w, _ in table.messages[name] for x in read_field(table, f, w)]
            else:
                write, read = union_bodies(table, name)
            s = signatures(name)
            body = lambda lines: "".join(f"    {x}\n" for x in lines)
            unused = "    (void)arena;\n"
            out.append(f"{s[0]}\n{{\n{body(write)}}}\n\n{s[1]}\n{{\n{unused}{body(read)}}}\n\n"
                       f"{s[2]}\n{{\n    struct wr w = wr_init(out);\n    {name}_write(&w, m);\n"
                       "    return wr_done(&w);\n}\n\n"
                       f"{s[3]}\n{{\n    struct rd r = rd_init(in);\n    struct {name} m = {{0}};\n"
                       f"    {name}_read(&r, arena, &m);\n    enum err e = rd_end(&r);\n    if (e == ERR_OK)\n"
                       "        *out = m;\n    return e;\n}\n\n")
    return "".join(out).rstrip("\n") + "\n"


def sample_value(table, t, target):
    if t in SCALARS:
        return f"{target} = " + ("sample_bool(s);" if t == "bool" else f"({c_type(table, t)})sample_number(s);")
    if t in BLOCKS:
        return f"sample_fill(s, (struct room){{{target}.bytes, {BLOCKS[t]}}});"
    if t in table.enums:
        values = ", ".join(f"{t.upper()}_{l.upper()}" for l, _, _ in table.enums[t])
        return (f"{target} = ((const enum {t}[]){{{values}}})"
                f"[sample_number(s) % {len(table.enums[t])}];")
    return f"sample_{t}(s, &{target});"


def sample_field(table, name, words):
    t, m = words[0], f"m->{name}"
    if t == "raw":
        return [f"sample_fill(s, (struct room){{{m}, {words[1]}}});"]
    if t in ("bytes", "text"):
        return [f"{m} = sample_{t}(s, {words[1]});"]
    if t == "list":
        ct = c_type(table, words[1])
        return [f"m->{name}_count = sample_count(s, {words[2]});",
                f"{ct} *{name} = arena_array(&s->arena, m->{name}_count, sizeof *{name});",
                f"for (uint32_t i = 0; i < m->{name}_count; i++)",
                "    " + sample_value(table, words[1], f"{name}[i]"), f"{m} = {name};"]
    if t == "optional":
        return [f"m->has_{name} = sample_bool(s);", f"if (m->has_{name})",
                "    " + sample_value(table, words[1], m)]
    return [sample_value(table, t, m)]


def tests(table):
    names = [n for k, n in table.own if k in ("message", "union")]
    every = ([n for n in table.messages] + [n for n in table.unions])
    out = [f"/* Generated from spec/{table.name}.msg by tools/msggen.py. */\n"
           f'#include "{table.name}_msg.h"\n\n#include "codec/msg_test.h"\n\n']
    for name in every:
        out.append(f"[[maybe_unused]] static void sample_{name}(struct sample *s, struct {name} *m);\n")
    out.append("\n")
    for name in every:
        if name in table.messages:
            body = [x for f, w, _ in table.messages[name] for x in sample_field(table, f, w)]
        else:
            rows = table.unions[name]
            body = [f"switch (s->variant % {len(rows)}) {{"]
            for i, (_, w, _) in enumerate(rows):
                body += [f"case {i}:", f"    m->tag = {name.upper()}_{w[0].upper()};",
                         f"    sample_{w[1]}(s, &m->{w[0]});", "    break;"]
            body.append("}")
        lines = "".join(f"    {x}\n" for x in body)
        out.append(f"static void sample_{name}(struct sample *s, struct {name} *m)\n{{\n{lines}}}\n\n")
    for name in names:
        count = max(3, len(table.unions.get(name, [])))
        out.append(f"static void test_{name}(void **state)\n{{\n    (void)state;\n"
                   f"    for (uint32_t variant = 0; variant < {count}; variant++) {{\n"
                   "        struct sample s;\n        sample_open(&s, variant);\n"
                   f"        struct {name} m = {{0}}, back = {{0}};\n        sample_{name}(&s, &m);\n"
                   f"        struct room room = sample_room(&s, {name.upper()}_SIZE_MAX);\n"
                   f"        struct span bytes = {name}_encode(&m, room);\n"
                   f'        sample_golden("{table.name}", "{name}", variant, bytes);\n'
                   f"        assert_int_equal({name}_decode(bytes, &s.arena, &back), ERR_OK);\n"
                   f"        struct span again = {name}_encode(&back, sample_room(&s, bytes.len));\n"
                   "        assert_true(span_equal(bytes, again));\n"
                   "        for (size_t n = 0; n < bytes.len; n += 1 + bytes.len / 512)\n"
                   f"            assert_int_not_equal({name}_decode(span_of(bytes.ptr, n), &s.arena, &back), ERR_OK);\n"
                   f"        assert_int_not_equal({name}_decode(sample_longer(&s, bytes), &s.arena, &back), ERR_OK);\n"
                   "        sample_close(&s);\n    }\n}\n\n")
    rows = "".join(f"        cmocka_unit_test(test_{n}),\n" for n in names)
    out.append(f"int main(void)\n{{\n    const struct CMUnitTest all[] = {{\n{rows}    }};\n"
               f'    return cmocka_run_group_tests_name("{table.name}_msg", all, NULL, NULL);\n}}\n')
    return "".join(out)


def fuzz(table):
    names = [n for k, n in table.own if k in ("message", "union")]
    out = [f"/* Generated from spec/{table.name}.msg by tools/msggen.py: the first byte of an input\n"
           " * chooses a message; what decodes must encode to the very same bytes. */\n"
           f'#include "{table.name}_msg.h"\n\n#include "codec/msg_fuzz.h"\n\n']
    for name in names:
        out.append(f"static void fuzz_{name}(struct span in, struct arena *arena)\n{{\n"
                   f"    struct {name} m;\n    if ({name}_decode(in, arena, &m) != ERR_OK)\n        return;\n"
                   f"    fuzz_same(in, {name}_encode(&m, fuzz_room(in, arena)));\n}}\n\n")
    rows = "".join(f"    fuzz_{n},\n" for n in names)
    out.append(f"static void (*const all[])(struct span, struct arena *) = {{\n{rows}}};\n\n"
               "int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);\n\n"
               "int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)\n{\n"
               "    return fuzz_one(span_of(bytes, size), all, COUNT_OF(all));\n}\n")
    return "".join(out)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    table = Table(sys.argv[1])
    for suffix, text in ((".h", header(table)), (".c", source(table)), ("_test.c", tests(table)),
                         ("_fuzz.c", fuzz(table))):
        text = re.sub(r"[ \t]+\n", "\n", text)
        with open(os.path.join(sys.argv[2], f"{table.name}_msg{suffix}"), "w", encoding="utf-8") as f:
            f.write(text)


if __name__ == "__main__":
    main()
