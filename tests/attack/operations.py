"""Operations that must be refused, each with its code and its counter."""
import hashlib
import os

import net

ABSENT = "ab" * 32
STATE = {}


def blob(data):
    return hashlib.blake2b(data, digest_size=32).hexdigest()


def prepare(network, results):
    """An active challenge; returns the module's hash and size."""
    with open(os.path.join(network.programs, "ok.wasm"), "rb") as f:
        module = f.read()
    node = network.nodes[0]
    node.call("blob_put", blob=blob(module), size=len(module), offset=0, bytes=module.hex())
    op, challenge = network.op("owner", "register", "attacked", blob(module), len(module))
    results.check("a challenge is registered", network.executed(op))
    STATE["challenge"] = challenge

    def phase(wanted):
        return str(node.call("challenge_get", id=challenge)).find("'%s'" % wanted) >= 0

    results.check("... and approved", net.until(lambda: phase("approved"), 20), node.call("challenge_get", id=challenge))
    op, _ = network.op("owner", "activate", challenge, node.status()["height"] + 8)
    results.check("... and activated", network.executed(op) and net.until(lambda: phase("active"), 20))
    return blob(module), len(module)


def refused(network, results, name, op, code):
    metric = 'operations_refused_total{why="%s"}' % code
    before = network.nodes[0].metric(metric)
    got = network.submit(op)
    results.check("%s: %s" % (name, code), got == code, got)
    results.check("... is counted", network.nodes[0].metric(metric) > before)


def flipped(op):
    return op[:-2] + "%02x" % (int(op[-2:], 16) ^ 1)


def long_name(network):
    """The codec writes no name over its limit: it is put in afterwards."""
    op, _ = network.op("owner", "register", "A" * 64, ABSENT, 10)
    data = bytes.fromhex(op)
    at = data.index(b"A" * 64)
    return (data[:at - 4] + (65).to_bytes(4, "little") + b"A" + data[at:]).hex()


def run(network, results):
    node, challenge = network.nodes[0], STATE["challenge"]
    net.until(lambda: node.status()["epoch"] >= 2, 30)
    epoch = node.status()["epoch"]
    blank = ("submission", challenge, ABSENT, 10)
    refused(network, results, "a wrong signature", flipped(network.op("miner0", *blank)[0]), "bad_signature")
    refused(network, results, "another network", network.op("miner0", *blank, network=ABSENT)[0], "wrong_network")
    refused(network, results, "a past epoch", network.op("miner0", *blank, epoch=epoch - 2)[0], "wrong_epoch")
    refused(network, results, "a future epoch", network.op("miner0", *blank, epoch=epoch + 9)[0], "wrong_epoch")
    with open(network.key("stranger"), "w", encoding="utf-8") as f:
        f.write("//stranger\n")
    refused(network, results, "a stranger's submission", network.op("stranger", *blank)[0], "not_registered")
    refused(network, results, "a miner who approves", network.op("miner0", "approve", challenge)[0], "not_validator")
    refused(network, results, "a validator who registers",
            network.op("validator0", "register", "mine", ABSENT, 10, nonce=200)[0], "not_owner")
    refused(network, results, "an unknown challenge",
            network.op("miner0", "submission", ABSENT, ABSENT, 10)[0], "unknown_challenge")
    refused(network, results, "a submission over its limit",
            network.op("miner0", "submission", challenge, ABSENT, 1025)[0], "limit")
    refused(network, results, "a name that is too long", long_name(network), "malformed")
    right = network.op("miner0", *blank)[0]
    refused(network, results, "half an operation", right[:len(right) // 4 * 2], "malformed")
    refused(network, results, "a byte too much", right + "00", "malformed")
    refused(network, results, "an oversize operation", "00" * 65001, "malformed")
    replays(network, results)
    blobs(network, results, right)


def replays(network, results):
    data = b"some tour"
    network.nodes[0].call("blob_put", blob=blob(data), size=len(data), offset=0, bytes=data.hex())
    nonce = network.nonce("miner1")
    body = ("submission", STATE["challenge"], blob(data), len(data))
    op, _ = network.op("miner1", *body, nonce=nonce)
    results.check("a right submission", network.executed(op, node=0))
    refused(network, results, "the same again", op, "replayed")
    other, _ = network.op("miner1", "submission", STATE["challenge"], blob(b"other"), 5, nonce=nonce)
    refused(network, results, "its nonce for another body", other, "replayed")


def blobs(network, results, submission):
    node = network.nodes[0]

    def code(method, **params):
        return node.call(method, **params).get("error", {}).get("code")

    results.check("hex that is none", code("op_submit", op="zz") == -32602)
    results.check("half a byte of hex", code("op_submit", op="abc") == -32602)
    results.check("an unknown blob", code("blob_get", blob=ABSENT) == -32001)
    results.check("bytes of another hash", code("blob_put", blob=ABSENT, size=2, offset=0, bytes="0011") == -32006)
    results.check("a submission with another blob", code("submission_submit", op=submission, blob="0011") == -32006)
    results.check("a blob over the limit", code("blob_put", blob=ABSENT, size=1 << 30, offset=0, bytes="00") == -32004)
    results.check("a piece past the end", code("blob_put", blob=ABSENT, size=1, offset=0, bytes="0000") == -32602)
    results.check("a piece out of turn", code("blob_put", blob=ABSENT, size=9, offset=5, bytes="00") == -32006)
