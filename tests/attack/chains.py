"""A chain endpoint that does not do what it should, seen by an observer of its own."""
import hashlib
import os
import socket
import subprocess
import threading

import net
from relay import Relay


class Proxy(Relay):
    """Passes bytes on, or does something else."""

    def __init__(self, target):
        super().__init__(target, "silent")

    def become(self, mode, target=None):
        self.target = target or self.target
        super().become(mode)

    def one(self, client, mode):
        try:
            if mode == "silent":
                return
            if mode == "noise":
                client.sendall(os.urandom(4096))
                return
            far = socket.create_connection(("127.0.0.1", self.target), 5)
            self.open.append(far)
            threading.Thread(target=self.pump, args=(client, far, None), daemon=True).start()
            self.pump(far, client, 600 if mode == "cut" else None, mode)
        except OSError:
            client.close()

    @staticmethod
    def pump(source, to, limit, mode=""):
        """garbage: answers keep their frames and lose their sense; oversize: one frame over 16 MiB follows the greeting."""
        total, first = 0, True
        try:
            while data := source.recv(65536):
                if mode == "garbage" and not first:
                    data = data.replace(b'{"', b'["')
                to.sendall(data)
                if mode == "oversize":
                    to.sendall(b"\x81\x7f" + (17 << 20).to_bytes(8, "big") + b" " * (17 << 20))
                first = False
                total += len(data)
                if limit is not None and total > limit:
                    break
        except OSError:
            pass
        for s in (source, to):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def chain_metrics(node):
    return {k: v for k, v in node.metrics().items() if k.startswith("chain_")}


def run(network, results):
    other_port, rpc, peers = net.free_port(), net.free_port(), net.free_port()
    proxy = Proxy(network.chain_port)
    with open(os.path.join(network.folder, "other.log"), "w", encoding="utf-8") as log:
        other = subprocess.Popen([network.platform, "devchain", "--dir", os.path.join(network.folder, "other"),
                                  "--port", str(other_port), "--validators", "3"], stdout=log, stderr=log)
    with open(os.path.join(network.folder, "observer.log"), "w", encoding="utf-8") as log:
        observer = subprocess.Popen(
            [network.platformd, "--data-dir", os.path.join(network.folder, "observer"),
             "--genesis", os.path.join(network.folder, "genesis.bin"), "--chain", "ws://127.0.0.1:%d" % proxy.port,
             "--listen", "/ip4/127.0.0.1/tcp/%d" % peers, "--rpc-port", str(rpc), "--stake-min-tao", "1",
             "--store-bytes", str(16 << 20),
             "--bootstrap", "/ip4/127.0.0.1/tcp/%d" % network.nodes[0].peer_port], stdout=log, stderr=log)
    try:
        observe(results, net.Node(rpc), proxy, network.chain_port, other_port)
    finally:
        observer.terminate()
        other.terminate()
        observer.wait(20)
        other.wait(20)


def observe(results, node, proxy, right, other):
    results.check("the observer starts with a silent chain", net.until(lambda: node.http("/live")[0] == 200, 20))
    results.check("... says why it is not ready", net.until(lambda: "chain" in node.http("/ready")[1], 5), node.http("/ready"))
    modes = (("noise", right, "chain_disconnects_total", "no WebSocket at all"),
             ("garbage", right, "chain_garbage_total", "answers without sense"),
             ("oversize", right, "chain_oversize_total", "a frame over 16 MiB"),
             ("cut", right, "chain_disconnects_total", "closes in the middle"),
             ("pass", other, "chain_wrong_genesis_total", "another genesis"))
    for mode, target, counter, name in modes:
        before = node.metric(counter)
        proxy.become(mode, target)
        results.check("a chain: %s: %s" % (name, counter), net.until(lambda: node.metric(counter) > before, 25),
                      chain_metrics(node))
        results.check("... and no block of it is believed", node.metric("chain_block") == 0, chain_metrics(node))
    proxy.become("pass", right)
    results.check("the right chain again: its blocks are read", net.until(lambda: node.metric("chain_block") > 0, 40),
                  chain_metrics(node))
    before = node.metric("height")
    results.check("... and the observer follows", net.until(lambda: node.metric("height") > before, 25), before)
    uploads(results, node)


def upload(node, number):
    """A blob of a megabyte, piece by piece; the last answer."""
    data, piece = number.to_bytes(4, "big") * (1 << 18), 48 << 10
    name = hashlib.blake2b(data, digest_size=32).hexdigest()
    for at in range(0, len(data), piece):
        answer = node.call("blob_put", blob=name, size=len(data), offset=at, bytes=data[at:at + piece].hex())
        if "error" in answer:
            break
    return answer


def uploads(results, node):
    """More blobs than there is room for: half of the store."""
    answers = [upload(node, i) for i in range(10)]
    taken = sum("result" in a for a in answers)
    results.check("uploads past the room for blobs: error -32005",
                  5 <= taken <= 8 and answers[-1].get("error", {}).get("code") == -32005, answers)
    results.check("... counted in blobs_no_room_total", node.metric("blobs_no_room_total") > 0)
    before = node.metric("height")
    results.check("... and the observer goes on following", net.until(lambda: node.metric("height") > before, 25), before)
    results.check("... without trouble with its disk", "disk" not in node.http("/ready")[1], node.http("/ready"))
