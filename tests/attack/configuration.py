"""What is wrong before a node starts: all of it told, nothing begun."""
import os

import net


def starts(network, **settings):
    """(exit code, output) of a platformd that is expected not to start."""
    values = {"data-dir": os.path.join(network.folder, "new"), "genesis": os.path.join(network.folder, "genesis.bin"),
              "chain": "ws://127.0.0.1:%d" % network.chain_port, "listen": "/ip4/127.0.0.1/tcp/%d" % net.free_port(),
              "rpc-port": str(net.free_port())}
    values.update({k.replace("_", "-"): v for k, v in settings.items()})
    command = [network.platformd]
    for name, value in values.items():
        command += ["--" + name, value]
    return net.run(command, 20)


def has(results, name, outcome, code, *texts):
    got, out = outcome
    results.check(name, got == code and all(t in out for t in texts), outcome)


def run(network, results):
    folder = network.folder
    has(results, "seven wrong values are told at once",
        starts(network, hotkey="5nobody", hotkey_file="/nowhere", listen="/ip4/1.2.3/tcp/1", bootstrap="here,/ip4/1.2.3.4/tcp/1", chain="http://x",
               rpc_port="70000", connections="1000000", rpc_address="localhost"),
        2, "hotkey", "/ip4/1.2.3/tcp/1", "'here'", "http://x", "70000", "1000000", "'localhost'", "7 settings are wrong")
    has(results, "an unknown setting names its neighbour", starts(network, rpc_prot="1"), 2, "rpc_port")
    has(results, "the fewest streams that are allowed do not end the process",
        starts(network, streams_per_connection="15"), 2, "from 16 to 256")
    garbage = os.path.join(folder, "garbage")
    with open(garbage, "wb") as f:
        f.write(os.urandom(500))
    has(results, "a genesis that is garbage", starts(network, genesis=garbage), 2, "genesis", "fix:")
    has(results, "a genesis that is not there", starts(network, genesis=garbage + "x"), 2, "genesis")
    has(results, "a data folder in use", starts(network, data_dir=os.path.join(folder, "node0")), 5, "another platformd")
    other = os.path.join(folder, "other-genesis.bin")
    code, out = net.run([network.platform, "genesis", "--chain", "ws://127.0.0.1:%d" % network.chain_port, "--netuid", "2",
                         "--out", other, "--stake-min-tao", "2"], 30)
    results.check("another network's genesis is made", code == 0, out)
    has(results, "... and does not fit an existing store",
        starts(network, genesis=other, data_dir=os.path.join(folder, "observer")), 5, "store")
    keys(network, results)


def keys(network, results):
    signer = os.path.join(network.programs, "platform-signer")

    def refuses(name, path, text):
        code, out = net.run([signer, "--fd", "0", "--dir", os.path.join(network.folder, "guard"), "--genesis",
                             os.path.join(network.folder, "genesis.bin"), "--key-file", path], 20)
        results.check(name, code != 0 and text in out, out)

    open_key = os.path.join(network.folder, "open-key")
    with open(open_key, "w", encoding="utf-8") as f:
        f.write("//miner/0\n")
    os.chmod(open_key, 0o644)
    refuses("a key that others can read is refused", open_key, "others")
    refuses("a key that is not there", open_key + "x", "no such file")
    with open(open_key, "wb") as f:
        f.write(b"\xff" * 40)
    os.chmod(open_key, 0o600)
    refuses("a key file that holds no key", open_key, "neither")
