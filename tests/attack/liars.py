"""A validator whose chain endpoint lies, while the endpoint of the other three does not: nothing of the lie
is decided, the validator says so and goes on with the others, and is itself again when the lies end."""
import json
import os
import signal
import socket
import struct
import subprocess
import threading
import time

import net
from relay import Relay

INDEX = 3
SELECTIVE = "SubnetInfoRuntimeApi_get_selective_metagraph"


# --- the answer to get_selective_metagraph, taken apart and put together again (src/chain/metagraph.c)

FIELDS = (5, 7, 8, 9, 26, 27, 46, 47, 52, 53, 56, 57, 59, 69)
LISTS = {52: "key", 53: "key", 56: "bool", 57: "bool", 59: "number", 69: "number"}
SINGLE = {5: "key", 46: "bool"}


def take_compact(data, at):
    mode = data[at] & 3
    if mode < 2:
        size = 1 << mode
        return int.from_bytes(data[at:at + size], "little") >> 2, at + size
    if mode == 2:
        return int.from_bytes(data[at:at + 4], "little") >> 2, at + 4
    size = (data[at] >> 2) + 4
    return int.from_bytes(data[at + 1:at + 1 + size], "little"), at + 1 + size


def compact(value):
    if value < 1 << 6:
        return bytes([value << 2])
    if value < 1 << 14:
        return (value << 2 | 1).to_bytes(2, "little")
    if value < 1 << 30:
        return (value << 2 | 2).to_bytes(4, "little")
    size = max(4, (value.bit_length() + 7) // 8)
    return bytes([(size - 4) << 2 | 3]) + value.to_bytes(size, "little")


def take(kind, data, at):
    if kind == "key":
        return data[at:at + 32], at + 32
    if kind == "bool":
        return data[at], at + 1
    return take_compact(data, at)


def put(kind, value):
    return value if kind == "key" else bytes([value]) if kind == "bool" else compact(value)


def decode(data):
    """{field: value or list}, and what follows them."""
    netuid, at = take_compact(data, 1)
    fields = {0: netuid}
    for i in range(1, 72):
        there, at = data[at], at + 1
        if not there:
            continue
        if i in LISTS:
            count, at = take_compact(data, at)
            fields[i] = []
            for _ in range(count):
                value, at = take(LISTS[i], data, at)
                fields[i].append(value)
        else:
            fields[i], at = take(SINGLE.get(i, "number"), data, at)
    return fields, data[at:]


def encode(fields, rest):
    out = b"\1" + compact(fields[0])
    for i in range(1, 72):
        out += bytes([i in fields])
        if i in LISTS and i in fields:
            out += compact(len(fields[i])) + b"".join(put(LISTS[i], v) for v in fields[i])
        elif i in fields:
            out += put(SINGLE.get(i, "number"), fields[i])
    return out + rest


def wrong_lengths(f):
    f[69] = f[69][:-1]


def huge_stake(f):
    f[69][1] = 1 << 64


def other_block(f):
    f[7] += 1


def all_the_stake(f):
    f[69][0] = (1 << 64) - 1


def duplicates(f):
    f[52][1] = f[52][0]


def a_stranger(f):
    f[52][2] = b"\x42" * 32


# --- between the node and the chain

class Liar(Relay):
    """Forwards frames; what lie does to a metagraph is done to each. drip, endless, flood, shrink: see told_instead."""

    def __init__(self, target):
        self.lie, self.told = None, 0
        super().__init__(target, "pass")

    def become(self, mode, lie=None):
        self.lie, self.told = lie, 0
        super().become(mode)

    def one(self, client, _mode):
        try:
            far = socket.create_connection(("127.0.0.1", self.target), 5)
            far.settimeout(None)
            self.open.append(far)
            asked = set()
            threading.Thread(target=self.pump, args=(client, far, self.requests, asked), daemon=True).start()
            self.pump(far, client, self.answers, asked)
        except OSError:
            client.close()

    @staticmethod
    def read(source, size):
        data = b""
        while len(data) < size:
            piece = source.recv(size - len(data))
            if not piece:
                raise OSError
            data += piece
        return data

    def pump(self, source, to, handle, asked):
        try:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += self.read(source, 1)
            to.sendall(head)
            while True:
                frame = self.read(source, 2)
                size = frame[1] & 127
                if size > 125:
                    frame += self.read(source, 2 if size == 126 else 8)
                    size = int.from_bytes(frame[2:], "big")
                mask = self.read(source, 4) if frame[1] & 128 else b""
                body = self.read(source, size)
                if mask:
                    body = bytes(b ^ mask[i % 4] for i, b in enumerate(body))
                handle(to, frame[0], body, mask, asked)
        except OSError:
            pass
        for s in (source, to):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    @staticmethod
    def frame(first, body, mask=b""):
        flag = 128 if mask else 0
        size = len(body)
        head = bytes([first, flag | size]) if size < 126 else bytes([first, flag | 126]) + struct.pack(">H", size) \
            if size < 1 << 16 else bytes([first, flag | 127]) + struct.pack(">Q", size)
        return head + mask + (bytes(b ^ mask[i % 4] for i, b in enumerate(body)) if mask else body)

    def requests(self, to, first, body, mask, asked):
        if SELECTIVE.encode() in body:
            asked.add(json.loads(body)["id"])
        to.sendall(self.frame(first, body, mask))

    def answers(self, to, first, body, _mask, asked):
        if first & 15 == 1:
            body = self.told_instead(to, json.loads(body), asked, body)
        if body is not None:
            to.sendall(self.frame(first, body))

    def told_instead(self, to, message, asked, body):
        number = message.get("params", {}).get("result", {}) if isinstance(message.get("params"), dict) else {}
        if self.lie is not None and message.get("id") in asked and isinstance(message.get("result"), str):
            fields, rest = decode(bytes.fromhex(message["result"][2:]))
            assert encode(fields, rest).hex() == message["result"][2:]
            self.lie(fields)
            message["result"] = "0x" + encode(fields, rest).hex()
            self.told += 1
            return json.dumps(message).encode()
        if self.mode == "shrink" and isinstance(number, dict) and "number" in number:
            self.told += 1
            number["number"] = hex(max(1, int(number["number"], 16) - 5 - 2 * self.told))
            return json.dumps(message).encode()
        if self.mode == "flood":
            while True:
                to.sendall(self.frame(0x81, b'{"jsonrpc":"2.0","id":987654,"result":1}'))
                self.told += 1
        if self.mode == "endless":
            to.sendall(self.frame(0x01, b'{"jsonrpc":"2.0","id":1,"result":"'))
            while True:
                to.sendall(self.frame(0x00, b"a" * 60000))
                self.told += 1
        if self.mode == "drip":
            for byte in self.frame(0x81, body):
                to.sendall(bytes([byte]))
                self.told += 1
                time.sleep(1)
        return body


# --- the validator

class Validator:
    """Node INDEX of the network, started again with another endpoint."""

    def __init__(self, network, port, before=None):
        self.words = before.words if before is not None else self.words_of(network, port)
        self.log = os.path.join(network.folder, "liar.log")
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(self.words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    @staticmethod
    def words_of(network, port):
        with open("/proc/%d/cmdline" % network.pids()[INDEX], "rb") as f:
            words = f.read().decode().split("\0")[:-1]
        words[words.index("--chain") + 1] = "ws://127.0.0.1:%d" % port
        net.run([network.platform, "devnet", "stop", str(INDEX), "--dir", network.folder])
        return words

    def lines(self, *texts):
        with open(self.log, encoding="utf-8") as f:
            return [x for x in f.read().splitlines() if all(t in x for t in texts)]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


def validators(node):
    return node.call("validator_list").get("result", {})


def same_set(network):
    """Whether the one that is lied to and another are in one epoch, with one set."""
    one, other = validators(network.nodes[INDEX]), validators(network.nodes[0])
    return bool(one) and one.get("epoch") == other.get("epoch") and \
        [v["hotkey"] for v in one.get("validators", [])] == [v["hotkey"] for v in other.get("validators", [])]


def follows(results, network, name, epochs=2):
    node = network.nodes[INDEX]
    before = node.status()["epoch"]
    results.check("%s: epochs go on, and it is in each" % name,
                  net.until(lambda: node.status().get("epoch", 0) >= before + epochs, 60), (before, node.status()))
    results.check("... with the set that the others have", net.until(lambda: same_set(network), 20),
                  (validators(node), validators(network.nodes[0])))


def honest_again(results, network, liar, name):
    node = network.nodes[INDEX]
    liar.become("pass")
    results.check("%s, and honest again: it is ready" % name,
                  net.until(lambda: node.http("/ready")[0] == 200, 60), node.http("/ready"))


def run(network, results):
    liar, validator = Liar(network.chain_port), None
    node = network.nodes[INDEX]
    cases = [("a metagraph with %s" % f.__name__.replace("_", " "), shape, f)
             for f in (wrong_lengths, huge_stake, other_block)]
    cases += [("a set with %s" % f.__name__.replace("_", " "), contents, f)
              for f in (all_the_stake, duplicates, a_stranger)]
    cases += [("an endpoint with a flood of answers", stream, ("flood", "flood")),
              ("an endpoint with an endless answer", stream, ("endless", "oversize")),
              ("an endpoint that drips", stream, ("drip", "stalled")),
              ("an endpoint whose blocks go down", shrinking, None)]
    try:
        for name, case, what in cases:
            if validator is not None:
                validator.stop()  # So that each begins with the shortest delay between dials.
            validator = Validator(network, liar.port, validator)
            results.check("%s: before, it is ready" % name, net.until(lambda: node.http("/ready")[0] == 200, 40),
                          node.http("/ready"))
            case(results, network, liar, validator, name, what)
            honest_again(results, network, liar, name)
        before = node.metric("weights_confirmed_block")
        results.check("in the end its weights are confirmed again",
                      net.until(lambda: node.metric("weights_confirmed_block") > before, 60), before)
        results.check("... and it has not ended", validator.process.poll() is None)
    finally:
        if validator is not None:
            validator.stop()


def shape(results, network, liar, validator, name, lie):
    """A metagraph that cannot be."""
    node = network.nodes[INDEX]
    liar.become("pass", lie)
    results.check(name + ": /ready says chain_lies", net.until(lambda: "chain_lies" in node.http("/ready")[1], 40),
                  node.http("/ready"))
    results.check("... the log names the endpoint and why",
                  net.until(lambda: validator.lines("chain.lost", "why=metagraph", str(liar.port)), 5))
    follows(results, network, name, 1)


def contents(results, network, liar, validator, name, lie):
    """A metagraph that could be, and is not the others'."""
    node = network.nodes[INDEX]
    liar.become("pass", lie)
    results.check(name + ": /ready says chain_lies", net.until(lambda: "chain_lies" in node.http("/ready")[1], 60),
                  node.http("/ready"))
    results.check("... the log says that the validators decided another", net.until(
        lambda: validator.lines("epoch.contradicted") and validator.lines("why=contradicts", str(liar.port)), 5))
    follows(results, network, name, 1)


def stream(results, network, liar, validator, name, what):
    """Answers without end, or with none in sight."""
    node, (mode, why) = network.nodes[INDEX], what
    liar.become(mode)
    results.check("%s is left: %s" % (name, why), net.until(lambda: validator.lines("chain.lost", "why=" + why), 60),
                  validator.lines("chain."))
    results.check("... /ready says that there is no chain",
                  net.until(lambda: "chain_silent" in node.http("/ready")[1], 30), node.http("/ready"))
    before = node.status()["height"]
    results.check("... it goes on with the others", net.until(lambda: node.status()["height"] > before, 20))


def shrinking(results, network, liar, _validator, name, _what):
    node = network.nodes[INDEX]
    before = node.metric("chain_block")
    liar.become("shrink")
    results.check(name + " tells some", net.until(lambda: liar.told > 4, 40), liar.told)
    results.check("... and is not believed", node.metric("chain_block") >= before, (before, node.metric("chain_block")))
