#!/usr/bin/env python3
"""Writes the golden vectors of a message table as seeds for its fuzz target.

usage: seeds.py TARGET FOLDER      nothing to do unless TARGET is NAME_msg

A seed is the message's number in the table, one byte, then the encoding (see the generated
NAME_msg_fuzz.c).
"""
import os
import sys

from msggen import Table

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SEED_SIZE_MAX = 1 << 16


def main():
    target, folder = sys.argv[1:]
    name = target.removesuffix("_msg")
    vectors = os.path.join(ROOT, "spec", "vectors", name + ".txt")
    if name == target or not os.path.exists(vectors):
        return
    table = Table(os.path.join(ROOT, "spec", name + ".msg"))
    numbers = {n: i for i, n in enumerate(n for k, n in table.own if k in ("message", "union"))}
    with open(vectors, encoding="ascii") as f:
        for line in f:
            message, variant, *digits = line.split()
            seed = bytes([numbers[message]]) + bytes.fromhex("".join(digits))
            if len(seed) <= SEED_SIZE_MAX:
                with open(os.path.join(folder, f"{message}-{variant}"), "wb") as out:
                    out.write(seed)


if __name__ == "__main__":
    main()
