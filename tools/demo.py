#!/usr/bin/env python3
"""The demo: a network on this machine, a real challenge, miners; weights on a chain and a proof.

usage: demo.py --build FOLDER [--once] [--dir DIR]

Prints what it does; runs on until Ctrl-C, then leaves no process.  --once: ends when every step
held, with 0, and leaves data, logs and `bundle` in DIR."""
import argparse
import os
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from devnet import Chain, Failure, Net, poll  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GOOD = ["order.txt", "nearest.txt", "once.txt", "two_opt.txt"]
BAD = ["bad_twice.txt", "bad_short.txt", "bad_garbage.bin"]
EMPTY = "bad_empty.txt"
NETUID, SCORE_ONE = 2, 10000


def say(text=""):
    print(text, flush=True)


def indent(text):
    say("\n".join(("    " + line).rstrip() for line in text.rstrip().split("\n")))


class Demo:
    def __init__(self, net):
        self.net, self.started, self.epoch, self.height, self.shown = net, time.monotonic(), None, None, 0.0

    def step(self, text):
        say(f"\n[{time.monotonic() - self.started:3.0f} s] {text}")

    def progress(self):
        """A line when an epoch ends, and now and then while it lasts."""
        s = self.net.node_status(0)
        if not s:
            return
        now, epoch = time.monotonic(), s["epoch"]
        if epoch != self.epoch or (now - self.shown > 10 and s["height"] != self.height):
            say(f"    epoch {epoch}  height {s['height']}  view {s['view']}  chain block {s['chain']['block']}"
                f"  log {s['log_size']} entries")
            self.epoch, self.height, self.shown = epoch, s["height"], now

    def start(self):
        self.step("four validators and a development chain")
        self.net.up()
        say(f"    chain        {self.net.chain}")
        for i, url in enumerate(self.net.nodes):
            say(f"    validator {i}  {url}/    (its dashboard)")

    def open_challenge(self):
        self.step("the subnet's owner registers the challenge tsp; the validators approve it")
        self.net.open_tsp(ROOT, os.path.join(self.net.build, "challenges/tsp.wasm"))
        indent(self.net.platform("challenge", "list", "--rpc", self.net.nodes[0]))

    def submit_all(self):
        self.step("miners hand in tours: four of differing quality, four that are none")
        with open(os.path.join(ROOT, "challenges/tsp/entries/expected.txt"), encoding="utf-8") as f:
            expected = {line.split()[0]: line.split()[1:] for line in f if line.strip()}
        sent = []
        entries = os.path.join(ROOT, "challenges/tsp/entries")
        for i, name in enumerate(GOOD + BAD):
            entry = os.path.join(entries, name)
            sent.append((f"miner{i}", name, self.net.submit(i % len(self.net.nodes), f"miner{i}", entry)))
        for miner, name, submission in sent:
            final = poll(f"a result for {name}", 40, lambda s=submission: self.final(s), self.progress)
            want = expected[name]
            if final["outcome"] != want[0] or (len(want) > 1 and final["score"] != int(want[1])):
                raise Failure(f"{name}: {final['outcome']} {final['score']} instead of {' '.join(want)}")
            score = f"score {final['score']:5} of {SCORE_ONE}" if want[0] == "ok" else "no score"
            say(f"    {miner}  {name:16} {final['outcome']:8} {score}   {submission[:16]}...")
        try:
            self.net.submit(0, "miner7", os.path.join(entries, EMPTY))
        except Failure as e:
            say(f"    miner7  {EMPTY:16} refused  {str(e).splitlines()[0].split('error: ')[-1]}")
            return sent
        raise Failure(f"{EMPTY} was taken")

    def final(self, submission):
        """Final on every node, and the same there."""
        results = [self.net.result(i, submission) for i in range(len(self.net.nodes))]
        finals = [final for _, final in results]
        same = all(final and final["output"] == finals[0]["output"] and final["score"] == finals[0]["score"]
                   for final in finals if finals[0])
        return (finals[0] if finals[0] and same else None), [phase for phase, _ in results]

    def decided(self):
        """The newest matrix that gives miners something and is confirmed on the chain by every validator."""
        answers = [self.net.rpc(i, "weights_get") or {} for i in range(len(self.net.nodes))]
        first = answers[0]
        good = (first.get("weights") and len(first["weights"]) >= len(GOOD) and all(
            a.get("weights") == first["weights"] and (a.get("chain") or {}).get("outcome") == "confirmed"
            for a in answers))
        return (first if good else None), [(a.get("epoch"), a.get("chain")) for a in answers]

    def on_chain(self, weights):
        """Each validator's row, read from the chain itself, is the decided one."""
        most = max(w["value"] for w in weights)
        want = {w["uid"]: w["value"] for w in weights}
        chain = Chain(self.net.chain)
        uids = sorted(v["uid"] for v in self.net.rpc(0, "validator_list")["validators"])
        rows = {uid: chain.weights(NETUID, uid) for uid in uids}
        chain.close()
        # The chain scales a row so that its greatest is 65535.
        scaled = {uid: value * 65535 // most for uid, value in want.items()}
        good = all(row.keys() == scaled.keys() and all(abs(row[u] - scaled[u]) <= 1 for u in row)
                   for row in rows.values())
        return (rows if good else None), rows

    def show_weights(self):
        self.step("the epoch's scores become weights; each validator puts them on the chain")
        decided = poll("weights that every validator confirmed on the chain", 80, self.decided, self.progress)
        rows = poll("the chain to have the decided weights", 20, lambda: self.on_chain(decided["weights"]),
                    self.progress)
        say(f"    decided for epoch {decided['epoch']}, and what each validator has on {self.net.chain}, read back there")
        say("    (the chain rescales each validator's weights so that the largest is 65535):")
        names = {self.net.address(f"miner{i}"): f"miner{i}" for i in range(len(GOOD))}
        board = self.net.rpc(0, "leaderboard_get", challenge=self.net.rpc(0, "challenge_list")[0]["id"])
        miners = {m["uid"]: names[m["miner"]] for m in board}
        say("    " + "miner".ljust(8) + "uid".rjust(4) + "decided".rjust(10) + "".join(f"validator {v}".rjust(13) for v in rows))
        for w in decided["weights"]:
            say("    " + miners.get(w["uid"], "").ljust(8) + str(w["uid"]).rjust(4) + str(w["value"]).rjust(10) +
                "".join(str(row[w["uid"]]).rjust(13) for row in rows.values()))

    def explain(self, miner):
        self.step(f"why {miner} has its weight")
        indent(self.net.platform("score", "explain", self.net.address(miner), "--rpc", self.net.nodes[0]))

    def prove(self, submission):
        self.step("a score proven offline, with no network and no database")
        bundle = self.net.path("bundle")
        poll("a certified bundle", 60, lambda: self.bundle(submission, bundle), self.progress, 0.5)
        out = self.net.platform("audit", "verify", bundle, "--genesis", self.net.path("genesis.bin"))
        say(f"    {bundle}: {os.path.getsize(bundle)} bytes")
        indent(out)

    def bundle(self, submission, path):
        try:
            self.net.platform("audit", "bundle", "--submission", submission, "--out", path, "--rpc", self.net.nodes[0])
        except Failure as e:
            return False, e
        return os.path.exists(path), "no file"

    def run(self):
        self.start()
        self.open_challenge()
        sent = self.submit_all()
        self.show_weights()
        self.explain("miner3")
        self.prove(sent[3][2])
        self.step("all of it held")
        say(f"    dashboard  {self.net.nodes[0]}/")

    def stay(self):
        say("\n    It runs on; Ctrl-C ends it.  Meanwhile, in another terminal:")
        say(f"    {self.net.programs}/platform devnet kill 1 --dir {self.net.dir}     (and: start 1)")
        while True:
            self.progress()
            time.sleep(1)


def arguments():
    p = argparse.ArgumentParser(prog="./run demo", description="a network, a challenge, miners, weights and a proof")
    p.add_argument("--build", required=True, help=argparse.SUPPRESS)
    p.add_argument("--once", action="store_true", help="end when every step held")
    p.add_argument("--dir", help="keep data, logs and the bundle there (default: a folder that goes at the end)")
    return p.parse_args()


def interrupted(_number, _frame):
    raise KeyboardInterrupt


def clean_up(net):
    """No process stays, whatever the user presses meanwhile."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if os.path.exists(net.path("devnet.ini")):
        net.down()


def main():
    args = arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # Also where a shell has it ignored: demo &
        signal.signal(number, interrupted)
    folder = os.path.abspath(args.dir) if args.dir else tempfile.mkdtemp(prefix="platform-demo-")
    if os.path.exists(os.path.join(folder, "devnet.ini")):
        print(f"run: {folder} has a network already; choose another --dir", file=sys.stderr)
        return 2
    os.makedirs(folder, exist_ok=True)
    demo, status = Demo(Net(os.path.abspath(args.build), folder)), 1
    try:
        demo.run()
        status = 0
        if not args.once:
            demo.stay()
    except KeyboardInterrupt:
        say("\nending the network")
        status = 0 if status == 0 else 130
    except Failure as e:
        print(f"\nFAILED: {e}\nlogs: {folder}/*.log", file=sys.stderr)
    finally:
        clean_up(demo.net)
    if not args.dir and status != 1:
        shutil.rmtree(folder)
    else:
        say(f"data, logs and the bundle: {folder}")
    return status


sys.exit(main())
