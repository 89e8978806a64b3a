#!/usr/bin/env python3
"""/metrics as Prometheus reads it, and that what is refused is counted.

usage: metrics.py PLATFORMD FOLDER GENESIS CHAIN RPC

RPC is a node that has something to tell."""
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request

try:
    from prometheus_client.parser import text_string_to_metric_families
except ImportError:  # Debian's python3-prometheus-client; ./run test installs it.
    text_string_to_metric_families = None

PLATFORMD, FOLDER, GENESIS, CHAIN, RPC = sys.argv[1:6]
WAIT_S = 30
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABELS = r'(?:\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*\})?'
count = {True: 0, False: 0}


def say(name, trouble):
    count[not trouble] += 1
    print(f"{'not ok' if trouble else 'ok'} - metrics: {name}" + (f"\n  # {trouble}" if trouble else ""), flush=True)


def get(url):
    with urllib.request.urlopen(url + "/metrics", timeout=10) as r:
        return r.headers["Content-Type"], r.read().decode("ascii")


class Families:
    """The text format, version 0.0.4, with no leniency."""

    def __init__(self, text):
        self.types, self.helps, self.samples, self.wrong = {}, {}, {}, []
        current = None
        if not text.endswith("\n"):
            self.wrong.append("no newline at the end")
        for line in text.splitlines():
            current = self.comment(line) if line.startswith("#") else self.sample(line, current)

    def comment(self, line):
        m = re.fullmatch(rf"# (HELP|TYPE) ({NAME}) (.+)", line)
        if not m:
            self.wrong.append(f"neither HELP nor TYPE: {line}")
            return None
        kind, name, rest = m.groups()
        table = self.helps if kind == "HELP" else self.types
        if name in table:
            self.wrong.append(f"a second {kind} of {name}")
        if kind == "TYPE" and name not in self.helps:
            self.wrong.append(f"TYPE before HELP: {name}")
        table[name] = rest
        return name

    def sample(self, line, current):
        m = re.fullmatch(rf"({NAME})({LABELS}) (\d+)", line)
        if not m:
            self.wrong.append(f"no sample: {line}")
            return current
        name, labels, value = m.groups()
        if name != current:
            self.wrong.append(f"a row of {name} outside of its family")
        if (name, labels) in self.samples:
            self.wrong.append(f"twice: {name}{labels}")
        self.samples[name, labels] = int(value)
        return current

    def check(self):
        for name, kind in self.types.items():
            if kind not in ("counter", "gauge"):
                self.wrong.append(f"{name} is a {kind}")
            if (kind == "counter") != name.endswith("_total"):
                self.wrong.append(f"{name} is a {kind}: counters end in _total, and nothing else does")
            if not name.startswith("platform_"):
                self.wrong.append(f"{name} has not our prefix")
            if not self.helps[name].endswith("."):
                self.wrong.append(f"the help of {name} is no sentence: {self.helps[name]}")
            if not any(n == name for n, _ in self.samples):
                self.wrong.append(f"{name} has no rows")
        return self.wrong

    def total(self, name):
        return sum(v for (n, _), v in self.samples.items() if n == name)


def format_():
    kind, text = get(RPC)
    say("the content type", "" if kind.startswith("text/plain; version=0.0.4") else kind)
    families = Families(text)
    say(f"{len(families.types)} families, each well formed", "; ".join(families.check()))
    if text_string_to_metric_families is None:
        print("# no prometheus_client here: only our own reading of the format")
    else:
        try:
            other = {f.name: f for f in text_string_to_metric_families(text)}
            ours = {re.sub("_total$", "", n) for n in families.types}
            say("the client library of Prometheus reads the same families", sorted(set(other) ^ ours))
            samples = sum(len(f.samples) for f in other.values())
            say("... and the same samples", "" if samples == len(families.samples) else f"{samples}, {len(families.samples)}")
        except ValueError as e:
            say("the client library of Prometheus reads it", str(e))
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    with open(os.path.join(root, "docs/operators.md"), encoding="utf-8") as f:
        told = set(re.findall(r"platform_\w+", f.read())) - {"platform_"}
    say("the metrics that docs/operators.md names are there", sorted(told - set(families.types)))
    reasons = {re.search('"(.*)"', labels).group(1): v for (n, labels), v in families.samples.items()
               if n == "platform_net_closed_total"}
    say("a node with its own address among the bootstraps knows itself", "" if reasons["self"] == 2 else reasons)
    say("... and among friends counts nothing bad", {k: v for k, v in reasons.items() if k.startswith("bad_") and v})
    later = Families(get(RPC)[1])
    less = [k for k, v in families.samples.items() if k[0].endswith("_total") and later.samples[k] < v]
    say("no counter goes back", less)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def flood():
    """Far more connections at once than there are sockets: each that does not stay is counted."""
    port, rpc = free_port(), free_port()
    p = subprocess.Popen([PLATFORMD, "--data-dir", os.path.join(FOLDER, "metrics"), "--genesis", GENESIS, "--chain", CHAIN,
                          "--listen", f"/ip4/127.0.0.1/tcp/{port}", "--rpc-port", str(rpc), "--connections", "4",
                          "--handshake-ms", "120000"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    sockets, most = [], 200
    url, end, closed = f"http://127.0.0.1:{rpc}", time.monotonic() + WAIT_S, 0
    try:
        p.stderr.readline()
        os.kill(p.pid, 19)  # It finds them all at once.
        for _ in range(most):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", port))
            sockets.append(s)
        os.kill(p.pid, 18)
        while closed < most - 4 and time.monotonic() < end:
            closed = Families(get(url)[1]).total("platform_net_closed_total")
            time.sleep(0.1)
        say("connections over the limit are counted, all of them", "" if closed == most - 4 else f"{closed} of {most - 4}")
    finally:
        for s in sockets:
            s.close()
        p.terminate()
        p.communicate()


format_()
flood()
print(f"# metrics: {count[True]} passed, {count[False]} failed")
sys.exit(count[False] > 0)
