"""Writes base_table.c: odd multiples of the base point, for point.h.

Plain affine arithmetic modulo p, from the curve's definition (RFC 8032, 5.1).
Usage: base_table.py OUTPUT
"""
import sys

P = 2**255 - 19
D = -121665 * pow(121666, P - 2, P) % P
STRIDE, TABLES, ENTRIES = 16, 16, 64


def add(a, b):
    (x1, y1), (x2, y2) = a, b
    k = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + k, P - 2, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - k, P - 2, P) % P
    return x, y


def base():
    y = 4 * pow(5, P - 2, P) % P
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P != 0:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert (x * x - x2) % P == 0
    return (P - x if x % 2 else x), y


def limbs(value):
    value %= P
    return "{{" + ", ".join(hex(value >> 51 * i & (2**51 - 1)) for i in range(5)) + "}}"


def entry(point):
    x, y = point
    return "{%s,\n %s,\n %s}" % (limbs(y + x), limbs(y - x), limbs(2 * D * x * y))


def main():
    point, tables = base(), []
    for _ in range(TABLES):
        twice, multiple, entries = add(point, point), point, []
        for _ in range(ENTRIES):
            entries.append(entry(multiple))
            multiple = add(multiple, twice)
        tables.append("{" + ",\n".join(entries) + "}")
        for _ in range(STRIDE):
            point = add(point, point)
    with open(sys.argv[1], "w") as out:
        out.write('#include "crypto/point.h"\n\n')
        out.write("const struct affine base_table[POINT_TABLES][POINT_TABLE_BASE] = {\n")
        out.write(",\n".join(tables) + "};\n")


main()
