"""HTTP and JSON-RPC from somebody who means harm."""
import json
import socket

import net

JSON = {"Content-Type": "application/json"}


def refused(network, results, name, status, path, body=None, headers=None, method=None):
    node = network.nodes[1]
    before = node.metric("rpc_refused_requests_total")
    got = node.http(path, body, headers, method)[0]
    results.check("%s: status %d" % (name, status), got == status, got)
    results.check("... is counted", node.metric("rpc_refused_requests_total") > before)


def error(network, results, name, body, code):
    node = network.nodes[1]
    before = node.metric("rpc_errors_total")
    text = node.post(body)[1]
    try:
        got = json.loads(text)["error"]["code"]
    except (ValueError, KeyError, TypeError):
        got = text
    results.check("%s: error %d" % (name, code), got == code, got)
    results.check("... is counted", node.metric("rpc_errors_total") > before)


def half_open(port, start, count):
    """Connections that begin a request and leave it."""
    sockets = []
    for _ in range(count):
        try:
            s = socket.create_connection(("127.0.0.1", port), 2)
            s.sendall(start)
            sockets.append(s)
        except OSError:
            break
    return sockets


def run(network, results):
    one = {"jsonrpc": "2.0", "id": 1, "method": "node_status"}
    refused(network, results, "a body over the cap", 413, "/rpc", b"x" * (200 << 10), JSON)
    refused(network, results, "another host's name", 421, "/rpc", b"{}", {**JSON, "Host": "evil.example"})
    refused(network, results, "a form's content type", 415, "/rpc", b"{}", {"Content-Type": "text/plain"})
    refused(network, results, "GET of the RPC", 405, "/rpc")
    refused(network, results, "DELETE", 405, "/", method="DELETE")
    refused(network, results, "a path out of the folder", 404, "/../../etc/passwd")
    error(network, results, "deep JSON", "[" * 60000, -32700)
    error(network, results, "JSON that ends in the middle", json.dumps(one)[:-5], -32700)
    error(network, results, "no UTF-8", b'{"jsonrpc":"2.0","id":1,"method":"\xff\xfe"}', -32700)
    error(network, results, "a batch over the cap", json.dumps([one] * 33), -32600)
    error(network, results, "an unknown method", json.dumps({**one, "method": "x"}), -32601)
    error(network, results, "a parameter too many", json.dumps({**one, "params": {"x": 1}}), -32602)
    slow(network, results)


def slow(network, results):
    node, quiet = network.nodes[1], network.nodes[2]
    head = b"POST /rpc HTTP/1.1\r\nHost: localhost\r\n"
    sockets = half_open(node.rpc_port, head, 150)
    sockets += half_open(node.rpc_port, head + b"Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{", 50)
    results.check("200 half requests: others are answered", node.http("/live")[0] == 200)
    more = half_open(node.rpc_port, head, 200)
    results.check("400 half requests: the other nodes go on", net.until(lambda: quiet.http("/ready")[0] == 200, 5))
    for s in sockets + more:
        s.close()
    results.check("... and this one again when they end", net.until(lambda: node.http("/live")[0] == 200, 20))
