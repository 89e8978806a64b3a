#!/usr/bin/env python3
"""Each rule of tools/tidy catches its bad examples, with its words, and nothing else does.

tools/tidy_test/*.txt holds the examples:

    ## RULE: the words expected after "path:line: "
    === path/of/file
    content, until the next line of this kind
    @repeat N text          N such lines

A case is laid into a copy of the good tree (good.txt), which by itself passes every rule.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TIDY = os.path.join(os.path.dirname(HERE), "tidy")


def read_files(text):
    files = {}
    for part in re.split(r"^=== ", text, flags=re.M)[1:]:
        path, _, body = part.partition("\n")
        body = re.sub(r"^@repeat (\d+) (.*)\n", lambda m: (m.group(2) + "\n") * int(m.group(1)), body, flags=re.M)
        files[path.strip()] = (body.rstrip("\n") + "\n").replace("<TAB>", "\t").replace("<SPACE>", " ").replace("<DOT>", ".")
    return files


def use_all(root):
    """An object of a test that takes every name there is."""
    objects = glob.glob(os.path.join(root, "build/**/*.o"), recursive=True)
    listed = subprocess.run(["nm", "-g", "--defined-only", *objects], capture_output=True, text=True, check=True).stdout
    names = sorted(set(re.findall(r"^\w+ [A-Z] (\w+)$", listed, re.M)))
    os.makedirs(os.path.join(root, "build/tests"))
    text = "".join(f"extern char {name}[];\n" for name in names) + "char *all[] = {" + ", ".join(names) + "};\n"
    subprocess.run(["cc", "-w", "-fno-builtin", "-xc", "-c", "-", "-o", "build/tests/all.o"], cwd=root, input=text, text=True, check=True)


def tidy(files, build, used=True):
    with tempfile.TemporaryDirectory() as root:
        for path, body in files.items():
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as f:
                f.write(body)
        args = [sys.executable, TIDY, "--root", root]
        if build:
            for path in (p for p in files if re.fullmatch(r"src/(bft|os)/(?!.*_test)\w+\.c", p)):
                os.makedirs(os.path.join(root, "build", os.path.dirname(path)), exist_ok=True)
                subprocess.run(["cc", "-fPIE", "-w", "-c", "-Isrc", "-Ispec", path, "-o", f"build/{path}.o"], cwd=root,
                               check=True)
            if used:
                use_all(root)
            args.append(os.path.join(root, "build"))
        return subprocess.run(args, capture_output=True, text=True, check=False)


def main():
    with open(os.path.join(HERE, "good.txt"), encoding="utf-8") as f:
        good = read_files(f.read())
    number, bad = 1, 0
    result = tidy(good, True)
    bad += result.returncode
    print("ok 1 - good code passes" if result.returncode == 0 else "not ok 1 - good code passes")
    if result.returncode != 0:
        print("".join(f"# {line}\n" for line in result.stdout.split("\n")))
    for path in sorted(glob.glob(os.path.join(HERE, "*.txt"))):
        with open(path, encoding="utf-8") as f:
            cases = re.split(r"^## ", f.read(), flags=re.M)[1:]
        for case in cases:
            rule, _, words = case.partition("\n")[0].partition(": ")
            result = tidy(good | read_files(case), rule in ("globals", "clashes", "taken", "exported"), rule != "exported")
            failing = re.findall(r"^not ok \d+ - (.*)$", result.stdout, re.M)
            number += 1
            if failing == [rule] and words in result.stdout:
                print(f"ok {number} - {rule}: {words}")
            else:
                print(f"not ok {number} - {rule}: {words}")
                print("".join(f"# {line}\n" for line in (result.stdout + result.stderr).split("\n")))
                bad += 1
    print(f"1..{number}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
