"""Runs the cases of cases.py, and the entries of the tsp challenge, through `platform challenge run`: the worker, caps and
outcomes of the network.  usage: run.py BUILD_FOLDER"""
import json
import os
import subprocess
import sys
import tempfile
import time

import cases

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
POLICY = {"gas": 100000000, "wall_ms": 20000, "memory_pages": 64, "table_elements": 16, "stack_bytes": 65536,
          "host_calls": 100, "host_bytes": 1048576, "input_bytes": 65536, "output_bytes": 4096, "log_bytes": 4096,
          "host_functions": "log, time, seed, consensus, storage"}
SECONDS_MAX = 400  # for a hang; a busy machine is no failure


def assemble(folder, text):
    wat, wasm = os.path.join(folder, "x.wat"), os.path.join(folder, "x.wasm")
    with open(wat, "w", encoding="utf-8") as f:
        f.write(text)
    subprocess.run(["wat2wasm", "--enable-all", "--no-check", wat, "-o", wasm], check=True)
    with open(wasm, "rb") as f:
        return f.read()


def write(path, data):
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def evaluate(program, folder, module=None, entry=None):
    """The answer as a dict, and how long it took."""
    command = [program, "run", folder, "--json", "--input", entry or os.path.join(folder, "input")]
    if module:
        command += ["--module", module]
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, timeout=SECONDS_MAX, check=False)
    took = time.monotonic() - start
    if not done.stdout:
        return {"outcome": "none", "detail": done.stderr.decode(errors="replace")}, took
    return json.loads(done.stdout), took


def run_case(program, folder, case):
    policy = dict(POLICY, **case.get("policy", {}))
    lines = ["[challenge]", "name = hostile", "version = 1", "params = p", "[policy]"]
    lines += [f"{k} = {v}" for k, v in policy.items()] + ["[storage]", "key = value"]
    write(os.path.join(folder, "challenge.ini"), "\n".join(lines) + "\n")
    write(os.path.join(folder, "value"), "stored")
    write(os.path.join(folder, "input"), case.get("input", b"agent"))
    module = case["module"]
    module = assemble(folder, module) if isinstance(module, str) else module
    write(os.path.join(folder, "m.wasm"), module)
    first, took = evaluate(program, folder, os.path.join(folder, "m.wasm"))
    second, _ = evaluate(program, folder, os.path.join(folder, "m.wasm"))
    first.pop("took_us", 0), second.pop("took_us", 0)
    if first != second:
        return first, took, f"a second run differs: {second}"
    if case["expect"] is None:  # Any deterministic outcome will do.
        return first, took, "" if first["outcome"] not in ("infra", "none") else "a local failure"
    if first["outcome"] != case["expect"]:
        return first, took, f"expected {case['expect']}"
    if case.get("detail", "") not in first["detail"]:
        return first, took, f"expected {case['detail']!r} in the detail"
    if first["outcome"] != "ok" and first["score"] != 0:
        return first, took, "a failure has a score"
    for key, want in case.get("also", {}).items():
        if first[key] != want:
            return first, took, f"expected {key} {want}, got {first[key]}"
    return first, took, ""


def entries(program, build):
    folder = os.path.join(ROOT, "challenges", "tsp")
    module = os.path.join(build, "challenges", "tsp.wasm")
    with open(os.path.join(folder, "entries", "expected.txt"), encoding="utf-8") as f:
        for line in f:
            name, outcome, *score = line.split()
            answer, took = evaluate(program, folder, module, os.path.join(folder, "entries", name))
            fine = answer["outcome"] == outcome and answer["score"] == int(score[0] if score else 0)
            yield "tsp " + name, answer, took, "" if fine else f"expected {outcome} {score}"


def main():
    build = os.path.abspath(sys.argv[1])
    program = os.path.join(build, "src", "cmd", "platform-challenge")
    passed = failed = 0

    def report(name, answer, took, trouble):
        nonlocal passed, failed
        passed, failed = passed + (not trouble), failed + bool(trouble)
        detail = answer["detail"] or f"score {answer['score']}"
        print(f"{'not ok' if trouble else 'ok'} {name}: {answer['outcome']}: {detail[:140]} ({took:.2f} s)"
              + (f"\n    {trouble}" if trouble else ""), flush=True)

    with tempfile.TemporaryDirectory() as folder:
        for case in cases.cases():
            report(case["name"], *run_case(program, folder, case))
    for row in entries(program, build):
        report(*row)
    print(f"1..{passed + failed}")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


sys.exit(main())
