#!/usr/bin/env python3
"""Every command of `platform help` with --json: one document on standard output, also when it fails.

usage: every.py PLATFORM FOLDER ROOT RPC CHAIN SUBMISSION MINER

Against a network that runs (tests/cli/run.sh).  A command or verb without a case here fails."""
import json
import os
import re
import socket
import subprocess
import sys

PLATFORM, FOLDER, ROOT, RPC, CHAIN, SUBMISSION, MINER = sys.argv[1:8]
TSP = os.path.join(ROOT, "challenges/tsp")
SDK = os.path.join(ROOT, "sdk")


def path(*parts):
    return os.path.join(FOLDER, *parts)


def run(*words, seconds=120):
    """(exit code, document or None, standard error)"""
    env = {k: v for k, v in os.environ.items() if k not in ("PLATFORM_RPC", "PLATFORM_JSON")}
    env["PLATFORM_RPC"] = RPC
    r = subprocess.run([PLATFORM, *words, "--json"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                       timeout=seconds, env=env, check=False)
    try:
        return r.returncode, json.loads(r.stdout), r.stderr
    except ValueError:
        return r.returncode, None, r.stderr + r.stdout


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return str(s.getsockname()[1])


def devchain():
    """It goes on running: its document is its first line."""
    p = subprocess.Popen([PLATFORM, "devchain", "--dir", path("json-chain"), "--port", "0", "--json"],
                         stdout=subprocess.PIPE, text=True)
    try:
        return 0, json.loads(p.stdout.readline()), ""
    except ValueError as e:
        return 1, None, str(e)
    finally:
        p.terminate()
        p.wait()


OWNER, VALIDATOR, NET = path("owner"), path("validator0"), path("json-net")
# What each gives when it is right: exit codes that may come, and a key or a type of the document.
GOOD = {
    "status": [(["status"], {0}, "height")],
    "validators": [(["validators"], {0}, "validators")],
    "submit": [(["submit", "--challenge", "tsp", "--hotkey", path("miner1"), os.path.join(TSP, "entries/once.txt")],
                {0}, "id")],
    "submission show": [(["submission", "show", SUBMISSION], {0}, "phase")],
    "submission list": [(["submission", "list"], {0}, list)],
    "leaderboard": [(["leaderboard", "tsp"], {0}, list)],
    "weights": [(["weights"], {0}, "weights"), (["weights", "--chain", CHAIN], {0}, "validators")],
    "score explain": [(["score", "explain", MINER], {0}, "challenges"),
                      (["score", "explain", MINER, "--chain", CHAIN], {0}, "on_chain")],
    "audit bundle": [(["audit", "bundle", "--submission", SUBMISSION, "--out", path("json-bundle")], {0}, "size")],
    "audit verify": [(["audit", "verify", path("json-bundle"), "--genesis", path("genesis.bin")], {0}, "level")],
    "blob put": [(["blob", "put", os.path.join(TSP, "entries/once.txt")], {0}, "blob")],
    "blob get": [(["blob", "get", "", "--out", path("json-blob")], {0}, "size")],
    "challenge new": [(["challenge", "new", "json-test", path("json-test"), "--sdk", SDK], {0}, "folder")],
    "challenge build": [(["challenge", "build", path("json-test"), "--sdk", SDK], {0}, "module")],
    "challenge check": [(["challenge", "check", path("json-test")], {0}, "outcome")],
    "challenge run": [(["challenge", "run", path("json-test"), "--input", path("json-test/example.txt")], {0},
                       "outcome")],
    "challenge register": [(["challenge", "register", path("json-test"), "--hotkey", OWNER, "--share", "1000"],
                            {0}, "id")],
    "challenge approve": [(["challenge", "approve", "json-test", "--hotkey", VALIDATOR], {0, 5}, None)],
    "challenge activate": [(["challenge", "activate", "json-test", "--hotkey", OWNER, "--wait"], {0}, "id")],
    "challenge retire": [(["challenge", "retire", "json-test", "--hotkey", OWNER], {0}, "id")],
    "challenge list": [(["challenge", "list"], {0}, list)],
    "challenge show": [(["challenge", "show", "tsp"], {0}, "policy")],
    "key new": [(["key", "new", path("json-key")], {0}, "address")],
    "key show": [(["key", "show", path("json-key")], {0}, "public_key")],
    "genesis": [(["genesis", "--chain", CHAIN, "--netuid", "2", "--out", path("json-genesis"), "--stake-min-tao",
                  "1"], {0}, "network")],
    "devchain": [devchain],
    "devnet up": [(["devnet", "up", "--dir", NET, "--nodes", "1"], {0}, "nodes")],
    "devnet status": [(["devnet", "status", "--dir", NET], {0}, "nodes")],
    "devnet logs": [(["devnet", "logs", "0", "--dir", NET], {0}, list)],
    "devnet stop": [(["devnet", "stop", "0", "--dir", NET], {0}, "done")],
    "devnet start": [(["devnet", "start", "0", "--dir", NET], {0}, "done")],
    "devnet kill": [(["devnet", "kill", "0", "--dir", NET], {0}, "done")],
    "devnet down": [(["devnet", "down", "--dir", NET], {0}, "done")],
}


def wrong(code, doc, want):
    if doc is None:
        return "no JSON"
    if code not in want[0]:
        return f"exit code {code}: {doc}"
    if code != 0:
        return None if "what" in doc.get("error", {}) else f"no error: {doc}"
    kind = want[1]
    if isinstance(kind, str) and kind not in doc:
        return f"no {kind}: {doc}"
    if isinstance(kind, type) and not isinstance(doc, kind):
        return f"not a {kind}: {doc}"
    return None


# The help of `challenge` tells of the verbs that work at home and of those that work on a network.
AT_HOME = {"new", "build", "check", "run"}
HOME_OPTIONS = {"--sdk", "--out", "--worker", "--input", "--module"}
NETWORK_OPTIONS = {"--hotkey", "--share", "--height", "--wait", "--rpc", "--timeout-s", "--module"}


def of_another_verb(name, option):
    command, _, verb = name.partition(" ")
    if option == "--name":
        return True  # It stands for any of them.
    return command == "challenge" and option in (NETWORK_OPTIONS if verb in AT_HOME else HOME_OPTIONS)


def main():
    passed, failed = 0, 0

    def say(name, trouble):
        nonlocal passed, failed
        passed, failed = passed + (not trouble), failed + bool(trouble)
        print(f"{'not ' if trouble else ''}ok - --json: {name}" + (f"\n  # {trouble}" if trouble else ""), flush=True)

    code, doc, _ = run("help")
    say("help", wrong(code, doc, ({0}, "commands")))
    names = []
    for c in doc["commands"]:
        names += [c["name"] + " " + v for v in c["verbs"].split()] or [c["name"]]
    say("every command has a case", sorted(set(names) ^ set(GOOD)))
    # In the order of the cases: they build on each other.
    blob = ""
    for name, cases in GOOD.items():
        for case in cases:
            if callable(case):
                code, doc, err = case()
                case = ([name], {0}, "url")
            else:
                words = [blob if w == "" else w for w in case[0]]
                code, doc, err = run(*words)
            trouble = wrong(code, doc, case[1:])
            say(" ".join(case[0][:2 if " " in name else 1]) + (" --chain" if "--chain" in case[0][2:] else ""),
                trouble and f"{trouble} {err}")
            if name == "blob put" and doc:
                blob = doc.get("blob", "")
    for name in names:
        for what, words in (("--help", ["--help"]), ("a wrong option", ["--no-such-option"])):
            code, doc, err = run(*name.split(), *words)
            say(f"{name}, {what}", wrong(code, doc, ({0} if words[0] == "--help" else {2}, "usage")) and f"{code} {doc} {err}")
    for name in names:
        _, doc, _ = run(*name.split(), "--help")
        unknown = []
        for option in sorted(set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", doc["usage"]))):
            text = json.dumps(run(*name.split(), option, "x", "--help")[1])
            if re.search("no such option|what is this|there is no setting", text) and not of_another_verb(name, option):
                unknown.append(option)
        say(f"{name}: every option of its --help is one", unknown)
    code, doc, _ = run("nothing")
    say("a command that is not there", wrong(code, doc, ({2}, None)))
    print(f"# json: {passed} passed, {failed} failed")
    return failed > 0


sys.exit(main())
