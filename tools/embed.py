#!/usr/bin/env python3
"""Writes the files of a folder as C constants (src/rpc/files.h).

usage: embed.py OUT.c FILE...      index.html is served as "/"
"""
import hashlib
import os
import sys

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".svg": "image/svg+xml"}


def main():
    out = ['#include "rpc/files.h"\n\n']
    rows = []
    for number, path in enumerate(sorted(sys.argv[2:], key=os.path.basename)):
        with open(path, "rb") as f:
            data = f.read()
        name = os.path.basename(path)
        lines = [", ".join(str(b) for b in data[i:i + 24]) for i in range(0, len(data), 24)]
        out.append(f"static const uint8_t file{number}[] = {{\n    " + ",\n    ".join(lines) + "};\n\n")
        served = "/" if name == "index.html" else "/" + name
        etag = hashlib.sha256(data).hexdigest()[:16]
        rows.append(f'    {{"{served}", "{TYPES[os.path.splitext(name)[1]]}", "\\"{etag}\\"", {{file{number}, {len(data)}}}}},\n')
    out.append("const struct rpc_file rpc_files[] = {\n" + "".join(rows) + "};\n\n"
               f"const uint32_t rpc_files_count = {len(rows)};\n")
    with open(sys.argv[1], "w", encoding="ascii") as f:
        f.write("".join(out))


if __name__ == "__main__":
    main()
