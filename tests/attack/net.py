"""A network of real processes, and what its tests see of it."""
import json
import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request

NODES = 4
RSS_MAX_KIB = 400 * 1024  # an unoptimized build with everything that an attack may make it hold
POLL_S = 0.1


class Results:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, name, good, detail=""):
        if good:
            self.passed += 1
            print("ok - " + name, flush=True)
        else:
            self.failed += 1
            print("not ok - %s %s" % (name, str(detail)[:600]), flush=True)
        return good


def until(condition, seconds):
    """Polls; the last value of the condition."""
    end = time.monotonic() + seconds
    value = condition()
    while not value and time.monotonic() < end:
        time.sleep(POLL_S)
        value = condition()
    return value


def run(command, seconds=60, env=None):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds, check=False,
                          env={**os.environ, **(env or {})})
    return done.returncode, done.stdout.decode(errors="replace")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Node:
    def __init__(self, rpc_port, peer_port=0):
        self.rpc_port, self.peer_port = rpc_port, peer_port

    def http(self, path, body=None, headers=None, method=None):
        """(status, text)"""
        request = urllib.request.Request("http://127.0.0.1:%d%s" % (self.rpc_port, path), data=body,
                                         headers=headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode(errors="replace")
        except (OSError, urllib.error.URLError) as e:
            return 0, str(e)

    def post(self, body):
        return self.http("/rpc", body if isinstance(body, bytes) else body.encode(),
                         {"Content-Type": "application/json"})

    def call(self, method, **params):
        """{"result": ...} or {"error": ...}"""
        text = self.post(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))[1]
        try:
            return json.loads(text)
        except ValueError:
            return {"error": {"code": 0, "message": text}}

    def status(self):
        return self.call("node_status").get("result", {})

    def metrics(self):
        rows = {}
        for line in self.http("/metrics")[1].splitlines():
            match = re.match(r"platform_(\S+) (\d+)$", line)
            if match:
                rows[match.group(1)] = int(match.group(2))
        return rows

    def metric(self, name):
        return self.metrics().get(name, 0)


class Network:
    def __init__(self, build, folder):
        self.build, self.folder = build, folder
        self.programs = os.path.join(build, "src", "cmd")
        self.platform = os.path.join(self.programs, "platform")
        self.platformd = os.path.join(self.programs, "platformd")
        self.attacker = os.path.join(build, "tests", "attacker")
        self.op_program = os.path.join(build, "tests", "attack_op")
        self.nodes, self.network = [], ""
        self.nonces = {}

    def up(self):
        code, text = run([self.platform, "devnet", "up", "--dir", self.folder, "--block-ms", "250", "--tempo", "12",
                          "--nodes", str(NODES)], 100, {"PLATFORM_HANDSHAKE_MS": "1500"})
        if code != 0:
            return text
        with open(os.path.join(self.folder, "devnet.ini"), encoding="utf-8") as f:
            base = int(re.search(r"port_base = (\d+)", f.read()).group(1))
        self.chain_port = base
        self.nodes = [Node(base + 2 + 2 * i, base + 1 + 2 * i) for i in range(NODES)]
        self.network = self.nodes[0].status().get("network", "")
        return "" if self.network else "no status"

    def down(self):
        run([self.platform, "devnet", "down", "--dir", self.folder], 60)

    def key(self, name):
        return os.path.join(self.folder, "keys", name)

    def pids(self):
        pids = []
        for i in range(NODES):
            with open(os.path.join(self.folder, "node%d.pid" % i), encoding="utf-8") as f:
                pids.append(int(re.match(r"\d+", f.read()).group(0)))
        return pids

    def rss_kib(self):
        sizes = []
        for pid in self.pids():
            try:
                with open("/proc/%d/status" % pid, encoding="utf-8") as f:
                    sizes.append(int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)))
            except (OSError, AttributeError):
                sizes.append(1 << 40)  # gone
        return sizes

    def all_ready(self):
        return all(n.http("/ready")[0] == 200 for n in self.nodes)

    def nonce(self, key):
        """One that this run has not used; operations that are refused use none up in the state."""
        self.nonces[key] = self.nonces.get(key, 0) + 1
        return self.nonces[key]

    def op(self, key, *body, network=None, epoch=None, nonce=None):
        """A signed operation in hexadecimal, and the id of a registered challenge."""
        epoch = self.nodes[0].status()["epoch"] if epoch is None else epoch
        nonce = self.nonce(key) if nonce is None else nonce
        code, text = run([self.op_program, network or self.network, str(epoch), str(nonce), self.key(key)] +
                         [str(b) for b in body])
        if code != 0:
            raise RuntimeError(text)
        return (text.split() + [""])[:2]

    def submit(self, op, node=0):
        """The reject code, "" when it was taken, else what went wrong."""
        answer = self.nodes[node].call("op_submit", op=op)
        error = answer.get("error")
        return "" if error is None else error.get("data", {}).get("reject", error["message"])

    def executed(self, op, node=1, seconds=20):
        """Submits a right operation and waits until another node has executed it."""
        answer = self.nodes[0].call("op_submit", op=op)
        if "error" in answer:
            return False
        op_id = answer["result"]["id"]
        return until(lambda: self.nodes[node].call("op_status", id=op_id).get("result", {}).get("state") == "executed",
                     seconds)
