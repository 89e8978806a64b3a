"""Peers that break the protocols, layer by layer: raw sockets, then one that completes its handshakes."""
import socket

import net

# How they misbehave: what the attacker sees at the end, the counter that tells of it.
WAYS = (
    ("yamux-garbage", "closed", 'net_closed_total{why="bad_yamux"}'),
    ("yamux-oversize", "closed", 'net_closed_total{why="bad_yamux"}'),
    ("yamux-pings", "closed", 'net_closed_total{why="flood"}'),
    ("yamux-streams", "closed", 'net_closed_total{why="flood"}'),
    ("yamux-resets", "closed", 'net_closed_total{why="flood"}'),
    ("yamux-unknown", "closed", 'net_closed_total{why="bad_yamux"}'),
    ("yamux-credit", "closed", 'net_closed_total{why="bad_yamux"}'),
    ("rpc-oversize", "closed", 'net_closed_total{why="too_big"}'),
    ("frame-oversize", "closed", 'net_closed_total{why="too_big"}'),
    ("frame-truncated", "open", 'net_closed_total{why="closed"}'),
    ("frame-garbage", "closed", "peer_bad_frames_total"),
    ("blob-garbage", "closed", "peer_bad_frames_total"),
    ("binding-signature", "closed", "peer_bindings_refused_total"),
    ("binding-network", "closed", "peer_bindings_refused_total"),
    ("binding-peer", "closed", "peer_bindings_refused_total"),
    ("bft-garbage", "open", 'bft_messages_refused_total{why="malformed"}'),
    ("bft-signature", "closed", "peer_strangers_refused_total"),
    ("bft-foreign", "open", 'bft_messages_refused_total{why="no_member"}'),
    ("bft-future", "open", 'bft_messages_refused_total{why="past_window"}'),
    ("blob-unknown", "open", None),
    ("blob-stray", "open", "blob_stray_answers_total"),
    ("gossip-signature", "open", 'gossip_messages_total{kind="rejected"}'),
    ("gossip-garbage", "closed", 'operations_refused_total{why="malformed"}'),
)


def closes(sock, seconds):
    """Whether the other end hangs up within so long, whatever it says before."""
    sock.settimeout(seconds)
    try:
        while sock.recv(4096):
            pass
    except socket.timeout:
        return False
    except OSError:
        pass
    return True


def line(text):
    return bytes([len(text) + 1]) + text + b"\n"


def raw(network, results):
    node = network.nodes[0]
    hello = line(b"/multistream/1.0.0")
    cases = (
        ("no multistream", b"GET / HTTP/1.1\r\nHost: a\r\n" + b"x" * 300, "bad_multistream"),
        ("a token over its limit", b"\xff\xff\x7f" + b"x" * 3000, "bad_multistream"),
        ("Noise that is none", hello + line(b"/noise") + b"\x00\x20" + b"\x09" * 32 + b"\x00\x60" + b"\x07" * 96, "bad_noise"),
        ("an oversize Noise message", hello + line(b"/noise") + b"\xff\xff" + b"\x07" * 65535, "too_big"),
        ("a Noise message cut short", hello + line(b"/noise") + b"\x00\x20" + b"\x09" * 5, "handshake_timeout"),
        ("nothing at all", b"", "handshake_timeout"),
    )
    for name, data, why in cases:
        before = node.metric('net_closed_total{why="%s"}' % why)
        with socket.create_connection(("127.0.0.1", node.peer_port), 5) as s:
            try:
                s.sendall(data)
            except OSError:
                pass
            results.check("%s: hung up on" % name, closes(s, 5))
        after = net.until(lambda: node.metric('net_closed_total{why="%s"}' % why) > before, 2)
        results.check("... counted as %s" % why, after, {k: v for k, v in node.metrics().items() if "closed" in k and v})


def crowd(network, results):
    """One address, a thousand connections: a bound on those in the handshake, and the network goes on."""
    node = network.nodes[0]
    before = node.metric('net_closed_total{why="limit_pending"}')
    height = node.status()["height"]
    sockets = []
    for _ in range(1000):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(("127.0.0.1", node.peer_port))
        sockets.append(s)
    over = net.until(lambda: node.metric('net_closed_total{why="limit_pending"}') >= before + 100, 10)
    results.check("1000 connections: those over the limit are refused and counted", over,
                  {k: v for k, v in node.metrics().items() if "closed" in k or "limit" in k})
    results.check("... and the height advances meanwhile", net.until(lambda: node.status()["height"] > height, 15))
    for s in sockets:
        s.close()


def run(network, results):
    node = network.nodes[0]
    raw(network, results)
    for way, ends, counter in WAYS:
        before = node.metric(counter) if counter else 0
        status = node.status()
        out = net.run([network.attacker, str(node.peer_port), network.network, way, str(status["epoch"]),
                       str(status["height"])], 20)[1]
        results.check("%s: %s" % (way, ends), out.splitlines()[-1:] and out.splitlines()[-1].startswith(ends), out)
        if counter:
            results.check("... counted in %s" % counter, net.until(lambda: node.metric(counter) > before, 3))
        if way == "blob-unknown":
            results.check("... each is answered: not here", out.count("answer 0") == 200, out[-200:])
    crowd(network, results)
