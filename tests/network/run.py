#!/usr/bin/env python3
"""A network of four validators, each a few real processes on real sockets, and what befalls it.

usage: run.py ROOT BUILD [--keep] [STEP...]

Prints TAP and "N passed, N failed".  Waits are polls with deadlines; ports are free ones.
STEP: the name of a function below; only those run.
--keep: the folder with data and logs stays."""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT, BUILD = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
sys.path.insert(0, os.path.join(ROOT, "tools"))
from devnet import Failure, Net, never, poll  # noqa: E402

MINERS, ALL = 8, range(4)
QUICK, LONG, KILLS = 30, 60, 30


class Skip(Exception):
    """The step cannot run here."""


class Network(Net):
    """With entries to hand in, and a memory of everything that was ever final."""

    def __init__(self):
        super().__init__(BUILD, tempfile.mkdtemp(prefix="platform-network-"))
        self.sent = 0
        self.finals = {}
        self.hotkeys = []

    def entry(self):
        """A new tour of a known score: each instance's, begun at another city."""
        with open(os.path.join(ROOT, "challenges/tsp/entries/two_opt.txt"), encoding="utf-8") as f:
            lines = f.read().split("\n")
        self.sent += 1
        for i in range(1, len(lines)):
            if ":" in lines[i]:
                name, tour = lines[i].split(":")
                tour = tour.split()
                at = self.sent % len(tour)
                lines[i] = name + ": " + " ".join(tour[at:] + tour[:at])
        path = self.path(f"entry{self.sent}.txt")
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(lines))
        return path

    def send(self, via):
        """Hands an entry in and waits until it is decided."""
        path = self.entry()
        return self.submit(via, f"miner{self.sent % MINERS}", path)

    def hand_in(self, via):
        """The same, without waiting: a process whose first word is the submission."""
        path = self.entry()
        return subprocess.Popen(
            [os.path.join(self.programs, "platform"), "submit", "--rpc", self.nodes[via], "--challenge", "tsp",
             "--hotkey", self.key(f"miner{self.sent % MINERS}"), "--wait", path],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def await_final(self, submission, nodes):
        """The one result that all these nodes give."""
        for i in nodes:
            final = poll(f"a result on node {i}", QUICK,
                         lambda i=i: (self.result(i, submission)[1], self.result(i, submission)))
            self.remember(i, submission, final)
        if self.finals[submission][1:] != ("ok", 9882):
            raise Failure(f"result {self.finals[submission]} instead of ok 9882")

    def remember(self, node, submission, final):
        value = (final["output"], final["outcome"], final["score"])
        if self.finals.setdefault(submission, value) != value:
            raise Failure(f"node {node} has {value} for {submission}, but {self.finals[submission]} was final")

    def decide(self, nodes, via=None):
        """A submission handed in at one node becomes final on these."""
        submission = self.send(nodes[0] if via is None else via)
        self.await_final(submission, nodes)
        return submission

    def keep_finals(self, nodes):
        """Everything that was ever final is, the same, on these nodes."""
        for submission in self.finals:
            self.await_final(submission, nodes)

    def prove_oldest(self):
        """The first final result, by now most likely out of the state and in the log alone, as users see it."""
        oldest, proof = next(iter(self.finals)), self.path("oldest.bundle")
        shown = self.platform("submission", "show", oldest, "--rpc", self.nodes[0])
        if "score 9882" not in shown:
            raise Failure(f"the oldest submission is shown without its score: {shown}")
        self.platform("audit", "bundle", "--submission", oldest, "--out", proof, "--rpc", self.nodes[0])
        self.platform("audit", "verify", proof, "--genesis", self.path("genesis.bin"))
        self.platform("score", "explain", self.address("miner1"), "--rpc", self.nodes[0])

    def leader(self):
        for v in self.rpc(self.living()[0], "validator_list")["validators"]:
            if v["leader"]:
                return self.hotkeys.index(v["hotkey"])
        raise Failure("no leader is known")

    def living(self):
        return [i for i, n in enumerate(self.status()["nodes"]) if n["pid"] != 0]

    def pid(self, index):
        return self.status()["nodes"][index]["pid"]

    def reasons(self, index):
        """What /ready says, as {name: text}."""
        code, body = self.http(index, "/ready")
        try:
            found = {r["name"]: r["text"] for r in json.loads(body)["reasons"]}
        except (ValueError, KeyError):
            return None
        if (code == 200) != (not found):
            raise Failure(f"/ready of node {index}: status {code} with reasons {found}")
        return found

    def await_ready(self, nodes, seconds=LONG):
        for i in nodes:
            poll(f"node {i} to be ready", seconds, lambda i=i: (self.reasons(i) == {}, self.reasons(i)))

    def await_level(self, index, seconds=LONG):
        """It has executed what the others had when this was asked."""
        want = max(self.node_status(i).get("height", 0) for i in self.living())
        poll(f"node {index} to reach height {want}", seconds,
             lambda: (self.node_status(index).get("height", -1) >= want, self.node_status(index)))

    def await_vote(self, index, seconds=LONG):
        """It attests a submission: it follows, evaluates and takes part again."""
        poll(f"node {index} to vote", seconds,
             lambda: (self.node_status(index).get("voting"), self.node_status(index)))
        deadline = time.monotonic() + seconds
        while True:
            submission = self.decide(self.living(), via=index)
            s = self.rpc(index, "submission_get", id=submission)
            if self.hotkeys[index] in [a["validator"] for a in s["attests"]]:
                return
            if time.monotonic() > deadline:
                raise Failure(f"node {index} attests nothing: {s['attests']}")

    def children(self, index, name):
        """The processes of this name under a node."""
        out = subprocess.run(["ps", "-o", "pid=,ppid=,stat=,args=", "-e"], capture_output=True, text=True, check=True)
        parents = {self.pid(index)}
        found = set()
        for _ in range(3):
            for line in out.stdout.splitlines():
                pid, parent, state, args = line.split(None, 3)
                if int(parent) in parents and not state.startswith("Z"):
                    parents.add(int(pid))
                    if os.path.basename(args.split()[0]) == name:
                        found.add(int(pid))
        return found

    def heights(self, nodes):
        return {i: self.node_status(i).get("height") for i in nodes}


# --- the steps, in order; each leaves the network whole again

def starts(net):
    net.up()
    net.hotkeys = [net.address(f"validator{i}") for i in ALL]
    net.await_ready(ALL)
    net.open_tsp(ROOT, os.path.join(BUILD, "challenges/tsp.wasm"))


def decides(net):
    net.decide(list(ALL))


def follower_dies(net):
    victim = (net.leader() + 1) % 4
    net.node("kill", victim)
    others = [i for i in ALL if i != victim]
    for _ in range(2):
        net.decide(others)
    net.node("start", victim)
    net.await_level(victim)
    net.await_ready([victim])
    net.await_vote(victim)


def leader_dies(net):
    victim = net.leader()
    others = [i for i in ALL if i != victim]
    view = net.node_status(others[0])["view"], net.node_status(others[0])["epoch"]
    net.node("kill", victim)
    for via in others:
        net.decide(others, via)
    now = net.node_status(others[0])["view"], net.node_status(others[0])["epoch"]
    if now == view:
        raise Failure(f"still in view and epoch {view}")
    net.node("start", victim)
    net.await_level(victim)
    net.await_vote(victim)


def leader_stands_still(net):
    victim = net.leader()
    others = [i for i in ALL if i != victim]
    pid = net.pid(victim)
    os.kill(pid, signal.SIGSTOP)
    try:
        for via in others:
            net.decide(others, via)
    finally:
        os.kill(pid, signal.SIGCONT)
    net.await_level(victim)
    net.await_vote(victim)


def all_die(net):
    """At once, as when the power goes."""
    for _ in range(2):
        for i in ALL:
            os.kill(net.pid(i), signal.SIGKILL)
        for i in ALL:
            net.node("start", i)
        net.await_ready(ALL)
        net.keep_finals(ALL)
        net.decide(list(ALL))


def two_are_not_enough(net):
    down = [1, 3]
    others = [0, 2]
    for i in down:
        net.node("stop", i)
    for i in others:
        poll(f"node {i} to say that there is no quorum", QUICK,
             lambda i=i: ("no_quorum" in (net.reasons(i) or {}), net.reasons(i)))
    before = net.heights(others)
    path = net.entry()
    miner = f"miner{net.sent % MINERS}"
    out = net.platform("submit", "--rpc", net.nodes[0], "--challenge", "tsp", "--hotkey", net.key(miner), path)
    never("a decision with two of four", 5, lambda: (net.heights(others) != before, net.heights(others)))
    net.node("start", down[0])
    net.await_final(out.split()[0], others + down[:1])
    net.node("start", down[1])
    net.await_level(down[1])
    net.await_ready(ALL)
    net.await_vote(down[1])


def nothing_final_changes(net):
    net.keep_finals(ALL)
    for i in ALL:
        net.node("stop", i)
    for i in ALL:
        net.node("start", i)
    net.await_ready(ALL)
    net.keep_finals(ALL)
    net.prove_oldest()
    net.decide(list(ALL))


def helper_processes_die(net):
    victim = 2
    for name in ("platform-worker", "platform-signer"):
        before = poll(f"a {name}", QUICK, lambda n=name: (net.children(victim, n), "none"))
        for pid in before:
            kill_if_there(pid)
        poll(f"{name} to be replaced", QUICK,
             lambda n=name, b=before: (net.children(victim, n) - b, f"{net.children(victim, n)} after {b}"))
        net.await_ready([victim])
        net.await_vote(victim)
    net.keep_finals([victim])


def any_moment(net):
    """30 times, in the middle of a submission: one process, of any kind, at no particular moment."""
    seed = int.from_bytes(os.urandom(4), "little")
    print(f"# seed {seed}", flush=True)
    rng, running = random.Random(seed), []
    names = ("platformd", "platformd", "platform-worker", "platform-signer", "chain")
    for _ in range(KILLS):
        victim, name = rng.choice(ALL), rng.choice(names)
        running.append(net.hand_in((victim + rng.randrange(4)) % 4))
        time.sleep(rng.random() / 4)  # The moment, not a wait for something.
        if name in ("platformd", "chain"):
            which = victim if name == "platformd" else "chain"
            net.node("kill", which)
            net.node("start", which)
        else:
            for pid in net.children(victim, name):
                kill_if_there(pid)
    net.await_ready(ALL)
    decided = [p.communicate(timeout=LONG)[0].split() for p in running]
    decided = [words[0] for p, words in zip(running, decided) if p.returncode == 0]
    print(f"# {len(decided)} of {KILLS} were told to be decided", flush=True)
    for submission in decided:
        net.await_final(submission, ALL)
    net.keep_finals(ALL)
    for i in ALL:
        net.await_vote(i)


def kill_if_there(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # It ended by itself, or with its parent.


def wiped_node_waits_for_its_epoch(net):
    victim = 3
    net.node("stop", victim)
    shutil.rmtree(net.path(f"node{victim}"))
    net.node("start", victim)
    first = poll("the wiped node to answer", QUICK, lambda: (net.node_status(victim), "no answer"))
    if first["voting"]:
        raise Failure("it votes at once, without knowing what it voted before")
    epoch = max(net.node_status(i)["epoch"] for i in (0, 1, 2))
    net.await_level(victim)
    poll("it to vote again", LONG, lambda: (net.node_status(victim).get("voting"), net.node_status(victim)))
    if net.node_status(victim)["epoch"] <= epoch:
        raise Failure(f"it votes in epoch {net.node_status(victim)['epoch']}, wiped in {epoch}")
    net.await_ready([victim])
    net.await_vote(victim)
    net.keep_finals([victim])


def second_node_with_the_key(net):
    victim = 1
    folder = net.path("double")
    with open(net.path("double.log"), "wb") as log:
        double = subprocess.Popen(
            [os.path.join(net.programs, "platformd"), "--data-dir", folder, "--genesis", net.path("genesis.bin"),
             "--hotkey", net.hotkeys[victim], "--hotkey-file", net.key(f"validator{victim}"), "--chain", net.chain,
             "--listen", "/ip4/127.0.0.1/tcp/0", "--bootstrap", bootstrap(net), "--rpc-port", "0",
             "--stake-min-tao", "1"], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        for name in ("double", f"node{victim}"):
            poll(f"{name} to raise the alarm", QUICK,
                 lambda n=name: ("validator.duplicate_hotkey" in net.log(n), net.log(n)[-300:]))
        others = [i for i in ALL if i != victim]
        net.decide(others)
    finally:
        double.terminate()
        double.wait(10)
    net.node("stop", victim)
    net.node("start", victim)
    net.await_level(victim)
    net.await_vote(victim)


def bootstrap(net):
    return ",".join(net.listens)


def disk_fills_up(net):
    if os.geteuid() != 0:
        raise Skip("needs root to mount a small file system")
    victim = 2
    place, moved = net.path(f"node{victim}"), net.path("moved")
    net.node("stop", victim)
    os.rename(place, moved)
    os.mkdir(place)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", place], check=False,
                      capture_output=True).returncode != 0:
        os.rmdir(place)
        os.rename(moved, place)
        net.node("start", victim)
        raise Skip("tmpfs cannot be mounted here")
    try:
        subprocess.run(["cp", "-a", moved + "/.", place], check=True)
        net.node("start", victim)
        net.await_ready([victim])
        net.await_vote(victim)
        disk_is_full(net, victim, place)
    finally:
        net.node("stop", victim)
        shutil.rmtree(moved)
        subprocess.run(["cp", "-a", place + "/.", moved], check=True)
        subprocess.run(["umount", place], check=True)
        os.rmdir(place)
        os.rename(moved, place)
        net.node("start", victim)
    net.await_level(victim)
    net.await_vote(victim)


def lost_guard_is_missed(net):
    """Without its guard the signer would sign a second vote: the node does not go on as if it were new."""
    victim = 3
    guard, away = net.path(f"node{victim}/signer"), net.path("guard-away")
    net.node("stop", victim)
    os.rename(guard, away)
    mark = len(net.log(f"node{victim}"))
    try:
        net.node("start", victim)
    except Failure:
        pass  # It is gone before it was ready.
    poll("the node to miss its guard", QUICK,
         lambda: ("--new-guard" in net.log(f"node{victim}")[mark:], net.log(f"node{victim}")[mark:][-300:]))
    poll("the node to end", QUICK, lambda: (net.pid(victim) == 0, net.pid(victim)))
    shutil.rmtree(guard, ignore_errors=True)
    os.rename(away, guard)
    net.node("start", victim)
    net.await_level(victim)
    net.await_vote(victim)


def disk_is_full(net, victim, place):
    mark = len(net.log(f"node{victim}"))
    filler = os.path.join(place, "filler")
    with open(filler, "wb", buffering=0) as f:
        try:
            while True:
                f.write(bytes(4096))
        except OSError:
            pass
    others = [i for i in ALL if i != victim]
    deadline = time.monotonic() + LONG
    while net.pid(victim) != 0:
        net.decide(others)
        if time.monotonic() > deadline:
            raise Failure("the node goes on with a full disk")
    said = net.log(f"node{victim}")[mark:]
    if "error:" not in said or "the disk has room" not in said:
        raise Failure(f"it stopped without saying why: {said[-500:]}")
    net.decide(others)
    os.unlink(filler)
    net.node("start", victim)
    net.await_level(victim)
    net.await_vote(victim)
    net.keep_finals([victim])


def chain_goes_away(net):
    net.node("stop", "chain")
    for i in ALL:
        poll(f"node {i} to miss the chain", LONG,
             lambda i=i: ("chain" in " ".join(net.reasons(i) or {}), net.reasons(i)))
    net.decide(list(ALL))  # Decisions need no chain until the epoch ends.
    net.node("start", "chain")
    net.await_ready(ALL)
    epoch = net.node_status(0)["epoch"]
    poll("the next epoch", LONG, lambda: (net.node_status(0)["epoch"] > epoch, net.node_status(0)))
    net.decide(list(ALL))


def bad_settings_are_all_named(net):
    wrong = {"--view-timeout-ms": "fast", "--log-format": "xml", "--evaluation-slots": "0", "--chian": "x"}
    config = net.path("bad.ini")
    with open(config, "w", encoding="utf-8") as f:
        f.write("status_ms = 1\nno_such_thing = 2\n")
    args = [x for pair in wrong.items() for x in pair]
    run = subprocess.run([os.path.join(net.programs, "platformd"), "--config", config, *args],
                         env={**os.environ, "PLATFORM_RPC_PORT": "70000"}, capture_output=True, text=True, timeout=20,
                         check=False)
    names = ["view_timeout_ms", "log_format", "evaluation_slots", "chian", "status_ms", "no_such_thing", "rpc_port",
             "data_dir", "genesis"]
    missing = [n for n in names if not re.search(r"^error:.*" + n, run.stderr, re.M)]
    if run.returncode != 2 or missing:
        raise Failure(f"exit code {run.returncode}, not named: {missing}: {run.stderr}")


def equivocation_is_evidence(net):
    victim = 1
    liar = net.path("liar")  # It finds its signer and worker beside itself.
    os.mkdir(liar)
    shutil.copy(os.path.join(BUILD, "tests/platformd-equivocator"), liar)
    for name in ("platform-signer", "platform-worker"):
        shutil.copy(os.path.join(net.programs, name), liar)
    marks = {i: len(net.log(f"node{i}")) for i in ALL}
    net.node("stop", victim)
    with open(net.path(f"node{victim}.liar.log"), "wb") as log:
        process = subprocess.Popen(
            [os.path.join(liar, "platformd-equivocator"), "--data-dir", net.path(f"node{victim}"), "--genesis",
             net.path("genesis.bin"), "--hotkey", net.hotkeys[victim], "--hotkey-file", net.key(f"validator{victim}"),
             "--chain", net.chain, "--listen", "/ip4/127.0.0.1/tcp/0", "--bootstrap", bootstrap_but(net, victim),
             "--rpc-port", "0", "--stake-min-tao", "1", "--approve-all"],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    others = [i for i in ALL if i != victim]
    try:
        for i in others:
            poll(f"evidence in the log of node {i}", LONG, lambda i=i: proof_of_lie(net, i, marks[i], others))
    finally:
        process.terminate()
        process.wait(10)
    entries = {json.dumps(evidence_entry(net, i)) for i in others}
    if len(entries) != 1 or "null" in entries:
        raise Failure(f"the nodes' logs tell different things: {entries}")
    net.node("start", victim)
    net.await_level(victim)
    poll("the evidence on the liar's own node", QUICK, lambda: (evidence_entry(net, victim), "none"))
    net.keep_finals(ALL)


def proof_of_lie(net, index, mark, others):
    if "validator.equivocated" in net.log(f"node{index}")[mark:] and evidence_entry(net, index):
        return True, ""
    net.decide(others)  # More votes, more to contradict.
    return False, net.log(f"node{index}")[-300:]


def evidence_entry(net, index):
    """The first entry of kind evidence in the audit log of a node."""
    head = net.rpc(index, "audit_head")
    end = head["size"] if head else 0
    found = None
    while end > 0:
        entries = net.rpc(index, "audit_list", end=end) or []
        for e in entries:
            if "evidence" in json.dumps(e):
                found = e
        if not entries:
            break
        end = min(e["index"] for e in entries)
    return found


def bootstrap_but(net, index):
    return ",".join(a for i, a in enumerate(net.listens) if i != index)


def two_networks_at_once(net):
    many = [Net(BUILD, net.path(f"other{i}"), nodes=1) for i in range(3)]
    ups = [subprocess.Popen([os.path.join(n.programs, "platform"), "devnet", "up", "--dir", n.dir, "--nodes", "1", "--json"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
           for n in many]
    try:
        answers = [up.communicate(timeout=120) for up in ups]
        if any(up.returncode != 0 for up in ups):
            raise Failure(f"not all came up: {[a[1] for a in answers]}")
        places = [p for a in answers for p in [json.loads(a[0])["chain"], json.loads(a[0])["nodes"][0]["rpc"]]]
        if len(set(places)) != len(places):
            raise Failure(f"they share a port: {places}")
    finally:
        for n in many:
            n.platform("devnet", "down", "--dir", n.dir, ok=(0, 1))


def seven_bear_two(net):
    many = Net(BUILD, net.path("seven"), nodes=7)
    many.up()
    try:
        many.open_tsp(ROOT, os.path.join(BUILD, "challenges/tsp.wasm"))
        for i in (5, 6):
            many.node("kill", i)
        many.submit(0, "miner0", net.entry())
        many.node("kill", 4)
        poll("the four to say that there is no quorum", QUICK,
             lambda: ("no_quorum" in many.http(0, "/ready")[1], many.http(0, "/ready")))
        many.node("start", 4)
        many.submit(0, "miner1", net.entry())
    finally:
        many.down()


def leaves_nothing(net):
    net.down()
    left = subprocess.run(["ps", "-o", "pid=,args=", "-e"], capture_output=True, text=True, check=True).stdout
    left = [line for line in left.splitlines() if net.dir in line and "run.py" not in line]
    if left:
        raise Failure(f"still there: {left}")


def mend(net):
    """After a step that did not hold, so that the next ones say something of their own."""
    for which in ["chain", *ALL]:
        net.node("start", which)


STEPS = [
    ("four validators start, and approve a challenge", starts),
    ("a submission is final everywhere", decides),
    ("kill -9 of a follower: decisions go on; it comes back and votes", follower_dies),
    ("kill -9 of the leader: decisions go on; it comes back and votes", leader_dies),
    ("SIGSTOP of the leader: decisions go on; it catches up and votes", leader_stands_still),
    ("kill -9 of all at once: nothing final is lost or changed", all_die),
    ("two of four decide nothing and say why; with a third they go on", two_are_not_enough),
    ("kill -9 of workers and of the signer: replaced, nothing lost", helper_processes_die),
    ("kill -9 of 30 processes at any moment: nothing final is lost or changed", any_moment),
    ("a wiped node catches up and votes from the next epoch on", wiped_node_waits_for_its_epoch),
    ("a signer whose guard is lost does not begin a new one by itself", lost_guard_is_missed),
    ("a second node with the same hotkey raises an alarm", second_node_with_the_key),
    ("a full disk: the node stops, says why, and goes on when there is space", disk_fills_up),
    ("the chain goes away and comes back", chain_goes_away),
    ("bad settings are all named at once", bad_settings_are_all_named),
    ("two contradicting votes are evidence in every node's log", equivocation_is_evidence),
    ("all restarted: nothing final is lost or changed", nothing_final_changes),
    ("networks that start at the same time take different ports", two_networks_at_once),
    ("seven validators: two may die, a third may not", seven_bear_two),
    ("nothing stays behind", leaves_nothing),
]

def main():
    net, passed, failed = Network(), 0, 0
    only = [a for a in sys.argv[3:] if not a.startswith("--")]
    try:
        for number, (name, step) in enumerate(STEPS, 1):
            if only and step.__name__ not in only + ["starts", "leaves_nothing"]:
                continue
            started = time.monotonic()
            try:
                step(net)
                passed += 1
                print(f"ok {number} - {name} # {time.monotonic() - started:.1f} s", flush=True)
            except Skip as e:
                print(f"ok {number} - {name} # SKIP {e}", flush=True)
            except (Failure, OSError, KeyError, TypeError, ValueError, subprocess.SubprocessError) as e:
                failed += 1
                print(f"not ok {number} - {name} # {time.monotonic() - started:.1f} s\n# {type(e).__name__}: {e}",
                      flush=True)
                if step is starts:
                    break
                mend(net)
    finally:
        subprocess.run(["umount", net.path("node2")], check=False, capture_output=True)
        if os.path.exists(net.path("devnet.ini")):
            net.down()
        if failed or "--keep" in sys.argv:
            print(f"# data and logs: {net.dir}")
        else:
            shutil.rmtree(net.dir)
    print(f"1..{passed + failed}\n{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
