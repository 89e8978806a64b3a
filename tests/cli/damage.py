#!/usr/bin/env python3
"""A sound bundle, damaged for each check of `platform audit verify`: exit code 6, and in words and in JSON the
check that failed, the level it belongs to, and no level that was not reached.

usage: damage.py PLATFORM BUNDLE GENESIS"""
import hashlib
import json
import os
import re
import struct
import subprocess
import sys

PLATFORM, BUNDLE, GENESIS = sys.argv[1:4]
HASH, SIGNATURE, STATEMENT, BITMAP = 32, 64, 1 + 3 * 8 + 2 * 32, 32


class Reader:
    """Where the parts of a bundle are (spec/audit.msg): each is (from, to)."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        assert self.at + size <= len(self.data)
        self.at += size
        return self.at - size, self.at

    def count(self):
        at, _ = self.take(4)
        return struct.unpack_from("<I", self.data, at)[0]

    def bytes(self):
        return self.take(self.count())

    def checkpoint(self):
        self.take(STATEMENT)
        self.take(BITMAP)
        signatures = self.take(self.count() * SIGNATURE)
        self.take(HASH + 8)
        root = self.take(HASH)
        self.take(HASH)
        return {"signatures": signatures, "log_root": root}

    def valset(self):
        self.take(8 + 8 + HASH + HASH)
        return self.take(self.count() * (2 + HASH + 8))


def parse(data):
    r, p = Reader(data), {}
    p["format"], p["network"] = r.take(1), r.take(HASH)
    p["handovers"] = [(r.checkpoint(), r.valset()) for _ in range(r.count())]
    p["checkpoint"] = r.checkpoint()
    p["leaves_at"] = r.at
    p["leaves"] = []
    for _ in range(r.count()):
        begin, entry = r.at, r.bytes()
        path = r.take(r.count() * HASH)
        p["leaves"].append({"all": (begin, r.at), "entry": entry, "path": path})
    p["module"], p["input"] = r.bytes(), r.bytes()
    assert r.at == len(data)
    return p


def flip(data, part, at=0):
    """One bit; at < 0 counts from the part's end."""
    where = part[1] + at if at < 0 else part[0] + at
    assert part[0] <= where < part[1]
    return data[:where] + bytes([data[where] ^ 1]) + data[where + 1:]


def with_leaves(data, p, order):
    end = p["leaves"][-1]["all"][1]
    rest = b"".join(data[slice(*p["leaves"][i]["all"])] for i in order)
    return data[:p["leaves_at"]] + struct.pack("<I", len(order)) + rest + data[end:]


def cases(data):
    p = parse(data)
    leaves = p["leaves"]
    assert len(leaves) == 3 and p["handovers"], "a bundle after the first epoch"
    tags = [data[l["entry"][0] + 25 + HASH] for l in leaves]  # body: 3 final, 2 operation
    assert tags[0] == 3
    yield "format", 0, b""
    yield "format", 0, os.urandom(300)
    yield "format", 0, data[:-1]
    yield "format", 0, flip(data, p["format"])
    yield "network", 0, flip(data, p["network"])
    yield "entry", 0, flip(data, leaves[0]["entry"])
    yield "entry", 0, with_leaves(data, p, [0, 1, 1])
    yield "score", 0, with_leaves(data, p, [1, 2])
    yield "score", 0, with_leaves(data, p, [])
    yield "inclusion", 1, flip(data, leaves[0]["path"])
    yield "inclusion", 1, flip(data, leaves[0]["entry"], -1)  # who revealed another result
    yield "inclusion", 1, flip(data, p["checkpoint"]["log_root"])
    yield "handover", 2, flip(data, p["handovers"][0][0]["signatures"])
    yield "handover", 2, flip(data, p["handovers"][0][1], -3)  # a member's stake
    yield "certificate", 2, flip(data, p["checkpoint"]["signatures"])
    yield "module", 5, flip(data, p["module"], -1)
    yield "input", 5, flip(data, p["input"], -1)
    names = [leaf_names(data, p, k) for k in (1, 2)]
    assert sorted(names) == ["challenge", "submission"], names
    for k, name in zip((1, 2), names):
        yield name, 0, with_leaves(data, p, [0, 3 - k])


def leaf_names(data, p, k):
    """What is missing without leaf k: the miner's operation is the one that names the input's hash."""
    blob = hashlib.blake2b(data[slice(*p["input"])], digest_size=HASH).digest()
    return "submission" if blob in data[slice(*p["leaves"][k]["entry"])] else "challenge"


def verify(path, *options):
    r = subprocess.run([PLATFORM, "audit", "verify", path, "--genesis", GENESIS, *options], capture_output=True,
                       text=True, timeout=60, check=False)
    return r.returncode, r.stdout


SHOWN = {0: ("miner", "submission", "challenge", "score", "epoch", "height"), 1: ("log_size", "log_root"),
         2: ("signers", "members", "certified_stake", "total_stake"), 5: ("recomputed",)}


def trouble(name, tried, path):
    """What is wrong with the answer; empty: nothing."""
    reached = {0: None, 1: 0, 2: 1, 5: 2}[tried]
    code, text = verify(path)
    if code != 6:
        return "exit code %d: %s" % (code, text)
    if not text.startswith("the bundle does not hold\n"):
        return text
    if not re.search(r"^level +%s: " % ("none" if reached is None else reached), text, re.M):
        return "the level: " + text
    if not re.search(r"^failed +%s, for level %d: [a-z].{15}" % (name, tried), text, re.M):
        return "what failed: " + text
    if reached is None and re.search(r"well formed and belong|leaves of one|two thirds|comes out", text):
        return "claims a level: " + text
    code, text = verify(path, "--json")
    doc = json.loads(text)
    want = {"valid": False, "level": reached, "failed": name, "failed_level": tried}
    got = {k: doc.get(k) for k in want}
    if code != 6 or got != want or not doc["why"]:
        return "JSON: exit code %d: %s" % (code, text)
    for level, keys in SHOWN.items():
        for key in keys:
            if (key in doc) != (reached is not None and level <= reached):
                return "JSON: %s at level %s: %s" % (key, reached, text)
    return ""


def main():
    failed = 0
    with open(BUNDLE, "rb") as f:
        data = f.read()
    path = BUNDLE + ".damaged"
    for name, tried, damaged in cases(data):
        with open(path, "wb") as f:
            f.write(damaged)
        why = trouble(name, tried, path)
        failed += why != ""
        print("%s - %s at level %d %s" % ("not ok" if why else "ok", name, tried, why.replace("\n", " | ")))
    return 1 if failed else 0


sys.exit(main())
