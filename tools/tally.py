#!/usr/bin/env python3
"""Counts test cases: prints "PASSED FAILED".

usage: tally.py tap LOG STATUS      the output of one program and its exit status
       tally.py meson LOG STATUS    meson's testlog.json

A case is a TAP line "ok ..." or "not ok ...".  A program without such lines is one case by its exit
status; one that failed without a "not ok" (a crash, a time limit) is one failed case more.
"""
import json
import re
import sys

LINE = re.compile(r"^\s*(not )?ok\b(?!.*# *SKIP)", re.M)
SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed$", re.M)


def count(text, good):
    summary = SUMMARY.findall(text)
    if summary:
        passed, failed = map(int, summary[-1])
    else:
        cases = LINE.findall(text)
        failed = sum(1 for bad in cases if bad)
        passed = len(cases) - failed
        if not cases and not re.search(r"# *SKIP", text):
            passed = int(good)
    if not good and failed == 0:
        failed = 1
    return passed, failed


def meson(path):
    passed = failed = 0
    with open(path, encoding="utf-8") as f:
        for line in f:
            test = json.loads(line)
            p, n = count(test.get("stdout", ""), test["result"] in ("OK", "SKIP"))
            passed, failed = passed + p, failed + n
    return passed, failed


def main():
    kind, path, status = sys.argv[1:]
    try:
        if kind == "meson":
            passed, failed = meson(path)
        else:
            with open(path, encoding="utf-8", errors="replace") as f:
                passed, failed = count(f.read(), status == "0")
    except (OSError, ValueError) as e:
        print(f"tally: {path}: {e}", file=sys.stderr)
        passed, failed = 0, 1
    if status != "0" and failed == 0:
        failed = 1
    print(passed, failed)


if __name__ == "__main__":
    main()
