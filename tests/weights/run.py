#!/usr/bin/env python3
"""A validator on a chain with commit and reveal: its weights arrive, whatever happens in between.

usage: run.py ROOT BUILD [--keep]

One validator is its own quorum, so that its restarts are all that happens.  Prints TAP and
"N passed, N failed"; waits are polls with deadlines."""
import json
import os
import re
import shutil
import sys
import tempfile

ROOT, BUILD = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
sys.path.insert(0, os.path.join(ROOT, "tools"))
from devnet import Chain, Failure, Net, poll  # noqa: E402

LONG, NETUID, UID = 90, 2, 0


class Watch(Net):
    def answer(self, epoch=None):
        extra = ["--epoch", epoch] if epoch is not None else []
        out = self.platform("weights", "--json", "--rpc", self.nodes[0], *extra, ok=(0, 1, 7))
        return json.loads(out) if out else {}

    def phase(self, epoch):
        for c in self.answer().get("commits", []):
            if c["epoch"] == epoch:
                return c["phase"]
        return None

    def await_committed(self):
        """The newest epoch with weights on the chain that wait for their reveal."""
        def ask():
            o = self.answer()
            taken = [c["epoch"] for c in o.get("commits", []) if c["phase"] == "committed"]
            return (str(max(taken)) if taken else None), o
        return int(poll("weights to be committed to", LONG, ask))

    def told(self, event, epoch):
        return len(re.findall(rf" {event} .*\bepoch={epoch}\b", self.log("node0")))

    def await_told(self, event, epoch):
        poll(f"{event} of epoch {epoch}", LONG, lambda: (self.told(event, epoch), self.answer()))

    def metric(self, name):
        _, body = self.http(0, "/metrics")
        found = re.search(rf"^platform_{name} (\d+)$", body, re.MULTILINE)
        return int(found.group(1)) if found else None

    def on_chain(self):
        chain = Chain(self.chain)
        try:
            return chain.weights(NETUID, UID)
        finally:
            chain.close()


def starts(net):
    net.up(tempo=20, block_ms=300, commit_reveal="true")
    poll("the node to be ready", LONG, lambda: (net.node_status(0).get("ready"), net.node_status(0)))


def arrives(net):
    if net.on_chain():
        raise Failure("there are weights before any were revealed")
    epoch = net.await_committed()
    net.await_told("weights.confirmed", epoch)
    want = {w["uid"]: w["value"] for w in net.answer(epoch)["weights"]}
    if net.on_chain() != want:
        raise Failure(f"the chain has {net.on_chain()}, decided was {want}")


def survives_a_restart(net):
    """kill -9 between the commit and its reveal; the salt is in the store."""
    epoch = net.await_committed()
    net.node("kill", 0)
    if net.told("weights.confirmed", epoch):
        raise Failure("it was revealed before the restart: the test is too slow")
    net.node("start", 0)
    net.await_told("weights.confirmed", epoch)
    if net.told("weights.committed", epoch) != 1:
        raise Failure("it committed twice")


def survives_a_restart_of_the_chain(net):
    epoch = net.await_committed()
    net.node("kill", "chain")
    net.node("start", "chain")
    net.await_told("weights.confirmed", epoch)


def tells_a_missed_reveal(net):
    """Down for the whole epoch in which the chain would have taken the reveal."""
    epoch = net.await_committed()
    until = [c["reveal_epoch"] for c in net.answer()["commits"] if c["epoch"] == epoch][0]
    net.node("stop", 0)
    chain = Chain(net.chain)
    try:
        poll(f"the chain to pass its epoch {until}", LONG,
             lambda: ((chain.block() + NETUID + 1) // 21 > until, chain.block()))
    finally:
        chain.close()
    net.node("start", 0)
    net.await_told("weights.reveal_missed", epoch)
    if net.metric("weights_commits_lost_total") != 1:
        raise Failure("not counted")
    epoch = net.await_committed()
    net.await_told("weights.confirmed", epoch)


def explains_itself(net):
    net.await_committed()
    out = net.platform("weights", "--rpc", net.nodes[0])
    if not re.search(r"commit of epoch \d+: committed in the chain's epoch \d+, to be revealed in \d+", out):
        raise Failure(out)


STEPS = [
    ("a network starts on a chain with commit and reveal", starts),
    ("weights are committed to, revealed and on the chain", arrives),
    ("kill -9 between commit and reveal: they are revealed", survives_a_restart),
    ("the chain restarts between commit and reveal: they are revealed", survives_a_restart_of_the_chain),
    ("platform weights tells where a commit stands", explains_itself),
    ("a missed reveal is told and counted, and the next one works", tells_a_missed_reveal),
]


def main():
    net = Watch(BUILD, tempfile.mkdtemp(prefix="platform-weights-"), nodes=1)
    passed = failed = 0
    print(f"1..{len(STEPS)}")
    for i, (name, step) in enumerate(STEPS):
        try:
            step(net)
            passed += 1
            print(f"ok {i + 1} - {name}", flush=True)
        except (Failure, OSError) as e:
            failed += 1
            print(f"not ok {i + 1} - {name}\n  # {e}", flush=True)
            if i == 0:
                break
    net.platform("devnet", "down", "--dir", net.dir, ok=(0, 1))
    if failed or "--keep" in sys.argv:
        print(f"# folder {net.dir}")
    else:
        shutil.rmtree(net.dir)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
