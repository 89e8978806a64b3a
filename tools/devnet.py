"""A development network seen from outside: for the demo and the network tests.

Everything goes through what users have: the command line, the RPC, the chain's WebSocket."""
import base64
import json
import os
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.request


class Failure(Exception):
    """A step did not hold; the text says which and why."""


def poll(what, seconds, ask, tick=None, pause=0.1):
    """The first true answer of ask; Failure with what was last seen when none comes in time.
    ask gives (answer, what was seen)."""
    deadline = time.monotonic() + seconds
    while True:
        answer, seen = ask()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise Failure(f"{what}: not within {seconds} s; last seen: {seen}")
        if tick:
            tick()
        time.sleep(pause)


def never(what, seconds, ask, pause=0.1):
    """ask stays false for so long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer, seen = ask()
        if answer:
            raise Failure(f"{what}: but it did: {seen}")
        time.sleep(pause)


class Net:
    def __init__(self, build, folder, nodes=4):
        self.build, self.dir, self.count = build, folder, nodes
        self.programs = os.path.join(build, "src/cmd")
        self.chain, self.nodes, self.listens = None, [], []

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def key(self, name):
        return self.path("keys", name)

    def platform(self, *args, ok=(0,), seconds=120):
        """Runs the command line; its standard output."""
        run = subprocess.run([os.path.join(self.programs, "platform"), *map(str, args)], stdin=subprocess.DEVNULL,
                             capture_output=True, text=True, timeout=seconds, check=False)
        if run.returncode not in ok:
            words = "platform " + " ".join(map(str, args))
            raise Failure(f"{words}: exit code {run.returncode}: {(run.stderr or run.stdout).strip()}")
        return run.stdout

    def up(self, **more):
        flags = [x for k, v in more.items() for x in ("--" + k.replace("_", "-"), v)]
        out = json.loads(self.platform("devnet", "up", "--dir", self.dir, "--nodes", self.count, "--json", *flags,
                                       seconds=200))
        self.chain, self.nodes = out["chain"], [n["rpc"] for n in out["nodes"]]
        self.listens = [n["listen"] for n in out["nodes"]]

    def down(self):
        self.platform("devnet", "down", "--dir", self.dir)

    def node(self, verb, which):
        self.platform("devnet", verb, which, "--dir", self.dir)

    def status(self):
        return json.loads(self.platform("devnet", "status", "--dir", self.dir, "--json", ok=(0, 4)))

    def http(self, index, path):
        """(status, body) of a GET; (0, why) when nobody answers."""
        try:
            with urllib.request.urlopen(self.nodes[index] + path, timeout=3) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()
        except OSError as e:
            return 0, str(e)

    def rpc(self, index, method, **params):
        """The result, or None with an error or without an answer."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        ask = urllib.request.Request(self.nodes[index] + "/rpc", body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(ask, timeout=5) as answer:
                return json.loads(answer.read()).get("result")
        except (OSError, ValueError):
            return None

    def node_status(self, index):
        return self.rpc(index, "node_status") or {}

    def log(self, name):
        with open(self.path(name + ".log"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def address(self, name):
        return self.platform("key", "show", self.key(name)).strip()

    def submit(self, via, miner, path):
        """The submission's id once it is decided."""
        return self.platform("submit", "--rpc", self.nodes[via], "--challenge", "tsp", "--hotkey", self.key(miner),
                             "--wait", path).split()[0]

    def open_tsp(self, root, module):
        """The owner registers the challenge and makes it active."""
        rpc = ["--rpc", self.nodes[0], "--hotkey", self.key("owner")]
        self.platform("challenge", "register", os.path.join(root, "challenges/tsp"), "--module", module, *rpc)
        self.platform("challenge", "activate", "tsp", "--wait", *rpc)

    def result(self, index, submission):
        """(phase, final or None) of a submission as a node has it."""
        s = self.rpc(index, "submission_get", id=submission)
        return (s["phase"], s["final"]) if s else ("unknown", None)


# --- the chain, read by code that shares nothing with the node's

MASK = (1 << 64) - 1
P1, P2, P3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
P4, P5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5


def rotate(x, n):
    return (x << n | x >> (64 - n)) & MASK


def xxh64(data, seed):
    """xxHash64, for texts of under 32 bytes: the names in storage keys."""
    assert len(data) < 32
    h, at = (seed + P5 + len(data)) & MASK, 0
    while at + 8 <= len(data):
        k = rotate(struct.unpack_from("<Q", data, at)[0] * P2 & MASK, 31) * P1 & MASK
        h, at = (rotate(h ^ k, 27) * P1 + P4) & MASK, at + 8
    if at + 4 <= len(data):
        h, at = (rotate(h ^ struct.unpack_from("<I", data, at)[0] * P1 & MASK, 23) * P2 + P3) & MASK, at + 4
    for byte in data[at:]:
        h = rotate(h ^ byte * P5 & MASK, 11) * P1 & MASK
    h = (h ^ h >> 33) * P2 & MASK
    h = (h ^ h >> 29) * P3 & MASK
    return h ^ h >> 32


def twox128(name):
    return struct.pack("<QQ", xxh64(name.encode(), 0), xxh64(name.encode(), 1))


class Chain:
    """A WebSocket to a chain, for single requests."""

    def __init__(self, url):
        host, port = url.removeprefix("ws://").rstrip("/").split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=10)
        self.file = self.socket.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        if b" 101 " not in self.file.readline():
            raise Failure(f"{url} speaks no WebSocket")
        while self.file.readline() not in (b"\r\n", b""):
            pass

    def close(self):
        self.file.close()
        self.socket.close()

    def call(self, method, *params):
        text, mask = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode(), os.urandom(4)
        size = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + struct.pack(">H", len(text))
        self.socket.sendall(b"\x81" + size + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(text)))
        while True:
            first, second = self.file.read(2)
            size = second & 127
            if size == 126:
                size, = struct.unpack(">H", self.file.read(2))
            elif size == 127:
                size, = struct.unpack(">Q", self.file.read(8))
            body = self.file.read(size)
            if first & 15 != 1:
                continue
            answer = json.loads(body)
            if answer.get("id") == 1:
                return answer.get("result")

    def weights(self, netuid, uid):
        """{uid: value} that a validator has set, at the newest finalized block."""
        at = self.call("chain_getFinalizedHead")
        key = twox128("SubtensorModule") + twox128("Weights") + struct.pack("<HH", netuid, uid)
        value = self.call("state_getStorage", "0x" + key.hex(), at)
        if not value:
            return {}
        data = bytes.fromhex(value[2:])
        if data[0] & 3 == 1:
            count, at = (data[0] | data[1] << 8) >> 2, 2
        else:
            count, at = data[0] >> 2, 1
        return dict(struct.unpack_from("<HH", data, at + 4 * i) for i in range(count))

    def block(self):
        """The number of the newest finalized block."""
        return int(self.call("chain_getHeader", self.call("chain_getFinalizedHead"))["number"], 16)
