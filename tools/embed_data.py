#!/usr/bin/env python3
"""embed_data: a file as a C array.

    embed_data.py NAME INPUT OUTPUT

writes OUTPUT, a C source that defines `const unsigned char NAME[]` and
`const unsigned long NAME_size`, for data that a program must carry with it.
"""
import sys


def main():
    name, source, output = sys.argv[1:]
    with open(source, "rb") as f:
        data = f.read()
    rows = [", ".join(str(b) for b in data[i : i + 24]) for i in range(0, len(data), 24)]
    with open(output, "w", encoding="ascii") as f:
        f.write(f"extern const unsigned char {name}[];\nextern const unsigned long {name}_size;\n")
        f.write(f"const unsigned char {name}[] = {{\n" + ",\n".join(rows) + "};\n")
        f.write(f"const unsigned long {name}_size = sizeof {name};\n")


main()
