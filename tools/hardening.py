#!/usr/bin/env python3
"""Checks the hardening of built programs: one TAP case a program and property.

usage: hardening.py BUILD-FOLDER      every ELF program under src/cmd there
       hardening.py FILE...

Position independent, full RELRO, no executable stack, no writable and executable segment, stack
canaries, fortified calls, CET marks (x86-64), no path of the build machine to look for libraries in.
"""
import os
import platform
import re
import subprocess
import sys


def read(*args):
    return subprocess.run(["readelf", "-W", *args], capture_output=True, text=True, check=True).stdout


def properties(path):
    header, segments, dynamic, symbols = read("-h", path), read("-l", path), read("-d", path), read("-s", path)
    stack = re.search(r"GNU_STACK.*", segments)
    yield "position independent", "DYN (" in header
    yield "RELRO", "GNU_RELRO" in segments
    yield "bound at start", "BIND_NOW" in dynamic or re.search(r"FLAGS_1.*\bNOW\b", dynamic) is not None
    yield "stack not executable", stack is not None and "RWE" not in stack.group(0)
    yield "nothing writable and executable", re.search(r"LOAD.*\bRWE\b", segments) is None
    yield "stack canaries", "__stack_chk_fail" in symbols
    yield "fortified calls", re.search(r"__\w+_chk\b(?<!stack_chk)", symbols.replace("__stack_chk_fail", "")) is not None
    yield "no library path", "RUNPATH" not in dynamic and "RPATH" not in dynamic
    if platform.machine() == "x86_64":
        # The note of the whole file is absent: Debian 12's start files carry no mark.  Ours do.
        main = subprocess.run(["objdump", "-d", "--disassemble=main", path], capture_output=True, text=True, check=True)
        yield "control flow marks", re.search(r"<main>:\n.*endbr64", main.stdout) is not None


def is_program(path):
    if not os.path.isfile(path) or not os.access(path, os.X_OK):
        return False
    with open(path, "rb") as f:
        return f.read(4) == b"\x7fELF"


def main():
    paths = sys.argv[1:]
    if len(paths) == 1 and os.path.isdir(paths[0]):
        folder = os.path.join(paths[0], "src", "cmd")
        paths = [os.path.join(folder, x) for x in sorted(os.listdir(folder)) if not x.endswith("_test")]
        paths = [x for x in paths if is_program(x)]
    number = failed = 0
    for path in paths:
        for name, good in properties(path):
            number += 1
            failed += not good
            print(f"{'ok' if good else 'not ok'} {number} - {os.path.basename(path)}: {name}")
    print(f"1..{number}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
