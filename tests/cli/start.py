#!/usr/bin/env python3
"""What an operator meets who starts platformd wrongly: each says what, where, why and what to do.

usage: start.py PROGRAMS FOLDER GENESIS CHAIN

CHAIN is a development chain that runs; GENESIS its network's file.  Every case is tried with both
forms of the log."""
import ctypes
import json
import os
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

PROGRAMS, FOLDER, GENESIS, CHAIN = sys.argv[1:5]
PLATFORM, PLATFORMD, SIGNER = (os.path.join(PROGRAMS, p) for p in ("platform", "platformd", "platform-signer"))
WAIT_S = 30
count = {True: 0, False: 0}


def say(name, trouble):
    count[not trouble] += 1
    print(f"{'not ok' if trouble else 'ok'} - start: {name}" + (f"\n  # {trouble}" if trouble else ""), flush=True)


def path(*parts):
    return os.path.join(FOLDER, *parts)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def write(name, content, mode=0o600):
    with open(path(name), "wb") as f:
        f.write(content)
    os.chmod(path(name), mode)
    return path(name)


def command(**settings):
    values = {"data_dir": path("start"), "genesis": GENESIS, "chain": CHAIN,
              "listen": f"/ip4/127.0.0.1/tcp/{free_port()}", "rpc_port": str(free_port())}
    values.update(settings)
    words = [values.pop("program", PLATFORMD)]
    for name, value in values.items():
        if value is not None:
            words += ["--" + name.replace("_", "-"), value]
    return words


def run(words, user=None, env=None):
    """(exit code or None: it went on, standard error)"""
    demote = (lambda: os.setuid(user)) if user else None
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True, preexec_fn=demote, env=env) as p:
        try:
            _, err = p.communicate(timeout=WAIT_S)
            return p.returncode, err
        except subprocess.TimeoutExpired:
            p.terminate()
            return None, p.communicate()[1]


def documents(err):
    return [json.loads(line)["error"] for line in err.splitlines() if line.startswith('{"error"')]


def refuses(name, code, *texts, user=None, parts=("what", "where", "why", "fix"), **settings):
    """It ends with the code and says the texts; as JSON, too, with all parts of the first error."""
    got, err = run(command(**settings), user)
    missing = [t for t in texts if t not in err]
    if got != code or missing or "error: " not in err:
        say(name, f"exit code {got}, without {missing}: {err}")
        return
    got, err = run(command(log_format="json", **settings), user)
    try:
        found = documents(err)
        for line in err.splitlines():
            json.loads(line)  # A collector of logs reads nothing else.
    except ValueError as e:
        found = []
        err += str(e)
    whole = bool(found) and all(found[0].get(p) for p in parts) and found[-1]["exit"] == code
    shown = json.dumps(found, ensure_ascii=False)
    missing = [t for t in texts if t not in shown]
    say(name, "" if got == code and whole and not missing else f"as JSON: exit code {got}, without {missing}: {err}")


# --- settings and files

def settings():
    lines = ("what", "details")
    refuses("nothing is given", 2, "data_dir is required", "genesis is required", "chain is required",
            "3 settings are wrong", parts=lines, data_dir=None, genesis=None, chain=None)
    refuses("many wrong values, all told at once", 2, "'/ip4/1.2.3/tcp/1'", "'here'", "'http://x'", "'70000'", "'localhost'",
            "from 16 to 256", "true or false", "7 settings are wrong", parts=lines, listen="/ip4/1.2.3/tcp/1",
            bootstrap="here", chain="http://x", rpc_port="70000", rpc_address="localhost", streams_per_connection="15",
            approve_all="yes")
    refuses("an unknown setting", 2, "there is no setting 'rpc_prot'", "the nearest is 'rpc_port'", parts=lines, rpc_prot="1")
    refuses("a validator without a key", 2, "set hotkey_file, hotkey_env or hotkey_credential", parts=lines, hotkey=ADDRESS)
    refuses("two sources of a key", 2, "more than one source", parts=lines, hotkey=ADDRESS, hotkey_file="a", hotkey_env="B")
    refuses("a key and no hotkey", 2, "hotkey is empty", parts=lines, hotkey_file=path("validator0"))
    refuses("no chain address", 2, "chain has 0 addresses", parts=lines, chain=",")
    config = write("start.ini", b"data_dir = x\nrpc_port = 99999\nthis is nothing\nhotkeys = a\n")
    refuses("a bad configuration file", 2, "99999", "start.ini:3", "'hotkeys'", parts=lines, config=config)
    refuses("no configuration file", 2, "cannot read the configuration file", parts=lines, config=path("no.ini"))
    seed = "0x" + "ab" * 32
    for name in ("hotkey", "hotkey_file", "hotkey_env", "hotkey_credential"):
        both = {name: seed} if name == "hotkey" else {"hotkey": ADDRESS, name: seed}
        code, err = run(command(**both))
        say(f"a secret given as {name} is not shown", "" if code == 2 and "abab" not in err else f"{code} {err}")
    refuses("no genesis", 2, "the genesis file cannot be used", path("no"), "no such file", "platform genesis", genesis=path("no"))
    garbage = write("garbage", os.urandom(500))
    refuses("a genesis that is none", 2, garbage, "not the genesis of a network", genesis=garbage)
    refuses("a genesis that is a folder", 2, FOLDER, "genesis", genesis=FOLDER)


def bounds():
    """Each number is taken at its bounds and refused one beyond; what --help says is what holds."""
    shown = subprocess.run([PLATFORMD, "--help"], capture_output=True, text=True, check=True).stdout
    shown = {line.split()[0]: line for line in shown.splitlines() if line.startswith("  ")}
    safe = {"rpc_address": "127.0.0.1", "listen": "/ip4/127.0.0.1/tcp/7800", "approve_all": "false", "new_network": "false"}
    say("a node opens itself to nobody unless told", [n for n, v in safe.items() if not shown[n].endswith("; default " + v)])
    limits = {n: re.search(r"; (\d+) to (\d+)", line) for n, line in shown.items()}
    limits = {n: (int(m[1]), int(m[2])) for n, m in limits.items() if m}
    say("there are many bounds", "" if len(limits) >= 15 else limits)
    two = {"rpc_address": "here", "approve_all": "perhaps"}  # Wrong always, so that nothing starts.
    for which, values in (("least", {n: low for n, (low, _) in limits.items()}),
                          ("most", {n: high for n, (_, high) in limits.items()})):
        _, err = run(command(**{**{n: str(v) for n, v in values.items()}, **two}))
        say(f"every number may be its {which}", "" if "2 settings are wrong" in err else err)
    beyond = {n: str(high + 1) for n, (_, high) in limits.items()}
    _, err = run(command(**{**beyond, **two}))
    say("no number may be more", "" if f"{len(beyond) + 2} settings are wrong" in err else err)
    below = {n: str(low - 1) for n, (low, _) in limits.items() if low > 0}
    _, err = run(command(**{**below, **two}))
    say("no number may be less", "" if f"{len(below) + 2} settings are wrong" in err else err)


# --- the data folder

def damaged(name, *where):
    """A copy of the observer's folder, and the path of a file in it."""
    shutil.copytree(path("start-data"), path(name))
    return path(name), os.path.join(path(name), *where)


def change(file, at, content):
    with open(file, "r+b") as f:
        f.seek(at)
        f.write(content)


def resealed(name, where, version=None):
    """A copy whose journal header or store tag is as another version would write it, sum and all;
    without version: damaged."""
    xxhash = ctypes.CDLL("libxxhash.so.0")
    for f in (xxhash.XXH64, xxhash.XXH3_64bits_withSeed):
        f.restype, f.argtypes = ctypes.c_uint64, (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64)
    folder, file = damaged(name, *where)
    with open(file, "rb") as f:
        image = bytearray(f.read())
    if where[-1] != "data.mdb":
        image[8:12] = struct.pack("<I", version)
        image[68:76] = struct.pack("<Q", xxhash.XXH64(bytes(image[:68]), 68, 0x504c5446))
    else:
        tag, found = b"platform", 0
        for at in [m.end() for m in re.finditer(tag, image)]:
            if image[at + 8:at + 12] != struct.pack("<I", 1):
                continue  # The name of a table.
            found += 1
            image[at + 8:at + 12] = struct.pack("<I", version or 0x7777)
            if version:
                value = bytes(image[at + 8:at + 44])
                seed = xxhash.XXH3_64bits_withSeed(tag, len(tag), 8)
                image[at:at + 8] = struct.pack("<Q", xxhash.XXH3_64bits_withSeed(value, len(value), seed))
        assert found > 0
    change(file, 0, image)
    return folder


def folders():
    refuses("a data folder that is a file", 1, "the data folder cannot be used", "Not a directory", data_dir=GENESIS)
    if os.getuid() == 0:
        os.makedirs(path("start-root"), exist_ok=True)
        refuses("a data folder of somebody else", 1, path("start-root"), "Permission denied", user=65534,
                data_dir=path("start-root"))
        shutil.copytree(path("start-data"), path("start-locked"))
        os.chmod(path("start-locked"), 0o755)
        refuses("data of somebody else", 1, path("start-locked"), "Permission denied", user=65534,
                data_dir=path("start-locked"))
    refuses("data of another network", 5, "it belongs to another network", "--data-dir", data_dir=path("start-data"),
            genesis=path("other.bin"))
    refuses("a journal of another version", 5, "another version", "that version only",
            data_dir=resealed("start-journal-version", ("journal.000001",), 2))
    refuses("a store of a newer version", 5, "newer version of this program", "that version only",
            data_dir=resealed("start-store-version", ("store", "data.mdb"), 2))
    folder, file = damaged("start-journal", "journal.000001")
    os.rename(file, os.path.join(folder, "journal.000007"))
    refuses("a journal file under a wrong name", 5, folder, "was renamed", "keep the folder", data_dir=folder)
    folder, file = damaged("start-store", "store", "data.mdb")
    os.truncate(file, 8192)
    refuses("a store that is shorter than it was", 5, folder, "shorter", "keep the folder", data_dir=folder)
    folder, file = damaged("start-store-garbage", "store", "data.mdb")
    change(file, 0, os.urandom(8192))
    refuses("a store that is garbage", 5, folder, "not a store of this program", data_dir=folder)
    refuses("a store whose name tag is damaged", 5, "what it is cannot be read", "keep the folder",
            data_dir=resealed("start-store-entry", ("store", "data.mdb")))
    for name in ("node.key", "salt.key"):
        folder, file = damaged("start-" + name, name)
        os.truncate(file, 5)
        refuses(f"a damaged {name}", 5, file, "not 32 bytes", "backup", data_dir=folder)


# --- what is taken, and what is missing

def surroundings():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refuses("a taken port for peers", 1, f"/ip4/127.0.0.1/tcp/{port}", "in use", "--listen",
                listen=f"/ip4/127.0.0.1/tcp/{port}")
        refuses("a taken port for the RPC", 1, f"127.0.0.1 port {port}", "in use", "--rpc-port", rpc_port=str(port))
    refuses("an address of another machine", 1, "203.0.113.7", "no interface of this machine", "0.0.0.0",
            listen="/ip4/203.0.113.7/tcp/7800")
    os.makedirs(path("alone"), exist_ok=True)
    alone = shutil.copy(PLATFORMD, path("alone", "platformd"))
    refuses("no signer beside it", 1, path("alone", "platform-signer"), "No such file", "install", program=alone,
            hotkey=ADDRESS, hotkey_file=path("validator0"))
    shutil.copy(SIGNER, path("alone", "platform-signer"))
    refuses("no worker beside it", 1, path("alone", "platform-worker"), "No such file", "install", program=alone,
            hotkey=ADDRESS, hotkey_file=path("validator0"))


def key(name, *texts, code=2, **settings):
    shutil.rmtree(path("start-key"), ignore_errors=True)
    refuses(name, code, *texts, "platform-signer refuses to start", data_dir=path("start-key"), hotkey=ADDRESS, **settings)


def keys():
    key("a key file that is not there", path("nokey"), "no such file", hotkey_file=path("nokey"))
    key("a key file that others may read", path("openkey"), "chmod 600", hotkey_file=write("openkey", b"//validator/0\n", 0o644))
    key("a key file that holds none", path("badkey"), "neither", hotkey_file=write("badkey", b"\xff" * 40))
    key("an empty key file", path("emptykey"), "it is empty", hotkey_file=write("emptykey", b""))
    other = subprocess.run([PLATFORM, "key", "show", path("validator1")], capture_output=True, text=True, check=True).stdout.strip()
    key("the key of another validator", "not the validator's", other, ADDRESS, hotkey_file=path("validator1"))
    key("a credential without systemd", "CREDENTIALS_DIRECTORY", hotkey_credential="hotkey")
    refuses("a variable that is not set", 2, "hotkey_env", "the variable is not set", data_dir=path("start-key"), hotkey=ADDRESS,
            hotkey_env="NO_SUCH_VARIABLE")
    guard = path("guard-of-another")
    with socket.socketpair()[0] as one:
        subprocess.run([SIGNER, "--new-guard", "--fd", str(one.fileno()), "--dir", guard, "--genesis", GENESIS, "--key-file", path("validator1")],
                       pass_fds=[one.fileno()], capture_output=True, timeout=WAIT_S, check=False)
    key("a guard of another key", guard, "another key", "docs/operators.md", code=5, hotkey_file=path("validator0"),
        signer_dir=guard)


def signer(*more):
    words = [SIGNER, "--genesis", GENESIS, "--key-file", path("validator0"), *more]
    return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def signers():
    """One guard has one signer, whatever is told to the second; a file of a password is as secret as the key."""
    guard = path("one-guard")
    first = signer("--dir", guard, "--listen", path("one.sock"), "--new-guard")
    try:
        lines = iter(first.stderr.readline, "")
        say("a signer serves a socket", "" if any("signer.started" in line for line in lines) else "it does not start")
        second = signer("--dir", guard, "--listen", path("two.sock"))
        _, err = second.communicate(timeout=WAIT_S)
        say("a second signer of one guard is refused", "" if second.returncode == 5 and "another signer has it" in err else err)
        say("... and opens no socket", "" if not os.path.exists(path("two.sock")) else "it is there")
        eventually(lambda: os.path.exists(path("one.sock")))  # It is made after the guard is open.
        mode = [oct(os.stat(f).st_mode & 0o777) for f in (guard, path("one.sock"), os.path.join(guard, os.listdir(guard)[0]))]
        say("nobody else may look into a guard or speak to its signer", "" if mode[0] == "0o700" and mode[1] == "0o600"
            and mode[2] == "0o600" else mode)
    finally:
        first.kill()
        first.communicate()
    third = signer("--dir", guard, "--listen", path("one.sock"))
    lines = iter(third.stderr.readline, "")
    say("after it another goes on", "" if any("signer.started" in line for line in lines) else "it does not start")
    third.kill()
    third.communicate()
    for name, more in (("two keys", ["--key-env", "K"]), ("a password that others may read",
                                                          ["--password-file", write("openword", b"word", 0o644)])):
        p = signer("--dir", guard, "--listen", path("one.sock"), *more)
        _, err = p.communicate(timeout=WAIT_S)
        say(f"a signer with {name} is refused", "" if p.returncode == 2 else f"{p.returncode} {err}")


# --- a secret in the environment

def children(pid):
    found = []
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        for child in f.read().split():
            found += [int(child)] + children(child)
    return found


def read(pid, name):
    with open(f"/proc/{pid}/{name}", "rb") as f:
        return f.read()


def eventually(question, seconds=WAIT_S):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if question():
            return True
        time.sleep(0.1)
    return False


def environment():
    """The phrase is a key of the development chain, so that its bytes can be looked for."""
    phrase = "bottom drive obey lake curtain smoke basket hold race lonely fit walk//validator//start"
    secret = phrase.encode()
    shown = subprocess.run([PLATFORM, "key", "show", "-"], input=phrase, capture_output=True, text=True, check=True)
    env = dict(os.environ, MY_HOTKEY=phrase)
    log = open(path("env.log"), "w+b")
    p = subprocess.Popen(command(data_dir=path("start-env"), hotkey=shown.stdout.strip(), hotkey_env="MY_HOTKEY"), env=env,
                         stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        started = eventually(lambda: b"signer.started" in open(path("env.log"), "rb").read() and len(children(p.pid)) > 2)
        say("a hotkey by the environment", "" if started else open(path("env.log"), encoding="utf-8").read())
        everyone = [p.pid] + children(p.pid)
        for name in ("environ", "cmdline"):
            leaks = [read(pid, "comm") for pid in everyone if secret in read(pid, name)]
            say(f"... is in no process's /proc/PID/{name}", leaks)
        signer = [pid for pid in children(p.pid) if read(pid, "comm").startswith(b"platform-signer")]
        os.kill(signer[0], signal.SIGKILL)
        again = eventually(lambda: open(path("env.log"), "rb").read().count(b"signer.started") == 2)
        say("... is there for a signer that is started again", "" if again else open(path("env.log"), encoding="utf-8").read())
        leaks = [read(pid, "comm") for pid in [p.pid] + children(p.pid) if secret in read(pid, "environ")]
        say("... and that one's environment has it neither", leaks)
        limits = [read(pid, "limits") for pid in everyone if os.path.exists(f"/proc/{pid}")]
        cores = [re.search(rb"Max core file size +(\S+)", text).group(1) for text in limits]
        say("no process may write a core", [c for c in cores if c != b"0"])
    finally:
        p.terminate()
        p.wait()
        log.close()
    with open(path("env.log"), "rb") as f:
        text = f.read()
    say("... is not in the log", secret in text or b"bottom" in text)


def dumped(words, reads=False):
    """Whether a core is written by a process that dies of a fault, with every limit lifted before."""
    def lift():
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    os.makedirs(path("cores"), exist_ok=True)
    p = subprocess.Popen(words, stdin=subprocess.PIPE if reads else subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE, preexec_fn=lift, cwd=path("cores"))
    if reads:
        eventually(lambda: read(p.pid, "syscall").startswith(b"0 0x0 "))  # It waits in read(0, ...
    else:
        p.stderr.readline()
    os.kill(p.pid, signal.SIGSEGV)
    _, status = os.waitpid(p.pid, 0)
    p.returncode = status
    return os.WCOREDUMP(status)


def cores():
    if not dumped([sys.executable, "-c", "import sys, time; print(file=sys.stderr, flush=True); time.sleep(60)"]):
        print("# no process leaves a core here, so the next two show little")
    say("platformd leaves no core", dumped(command(data_dir=path("start-core"))))
    with socket.socketpair()[0] as one:
        say("platform-signer leaves no core",
            dumped([SIGNER, "--new-guard", "--listen", path("core.sock"), "--fd", str(one.fileno()), "--dir", path("start-core-guard"),
                    "--genesis", GENESIS, "--key-file", path("validator0")]))
    say("platform, which reads a key, leaves no core", dumped([PLATFORM, "key", "show", "-"], reads=True))
    shutil.rmtree(path("cores"))


# --- the chain

def log_of(seconds, until, **settings):
    """What a node says that goes on; until: a text that ends the waiting."""
    p = subprocess.Popen(command(**settings), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    os.set_blocking(p.stderr.fileno(), False)
    out = b""

    def enough():
        nonlocal out
        out += p.stderr.read() or b""
        return until in out
    eventually(enough, seconds)
    p.terminate()
    p.wait()
    return (out + p.stderr.read()).decode()


def lost_and_back():
    """The development chain is killed and started again: one line when it is gone, one when it is back."""
    port = free_port()
    url = f"ws://127.0.0.1:{port}"

    def chain():
        return subprocess.Popen([PLATFORM, "devchain", "--dir", path("other-chain2"), "--port", str(port), "--block-ms",
                                 "200"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    at = chain()
    subprocess.run([PLATFORM, "genesis", "--chain", url, "--netuid", "2", "--out", path("other2.bin"),
                    "--stake-min-tao", "1"], stdout=subprocess.DEVNULL, check=True, timeout=90)
    node = subprocess.Popen(command(data_dir=path("start-lost"), chain=url, genesis=path("other2.bin"),
                                    log_level="debug"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE)
    os.set_blocking(node.stderr.fileno(), False)
    out = b""

    def seen(text, times):
        nonlocal out
        out += node.stderr.read() or b""
        return len(re.findall(text, out)) >= times
    try:
        up = eventually(lambda: seen(rb"chain\.ready", 1), 20)
        at.kill()
        at.wait()
        down = eventually(lambda: seen(rb" debug chain\.lost", 3), 30)
        at = chain()
        back = eventually(lambda: seen(rb"chain\.ready", 2), 60)
    finally:
        node.terminate()
        at.terminate()
        node.wait()
        at.wait()
    lines = [x for x in out.decode().splitlines() if "chain." in x and " debug " not in x]
    want = [rf"info +chain.ready endpoint={url} spec=\d+ block=\d+$",
            rf"warn +chain.lost endpoint={url} why=closed next={url} in_ms=\d+$",
            rf"warn +chain.lost endpoint={url} why=unreachable next={url} in_ms=\d+$",
            rf"info +chain.ready endpoint={url} spec=\d+ block=\d+$"]
    good = up and down and back and len(lines) == len(want)
    say("a chain that goes and comes back is told once each", "" if good and all(
        re.search(w, x) for w, x in zip(want, lines)) else lines)


def chains():
    port = free_port()
    url = f"ws://127.0.0.1:{port}"
    log = log_of(20, b"why=unresolved", data_dir=path("start-chain"), chain=f"{url},ws://nowhere.invalid:9944")
    line = rf"chain.lost endpoint={url} why=unreachable next=ws://nowhere.invalid:9944 in_ms=\d+\n"
    say("a chain that is not there is told in a line", "" if len(re.findall(line, log)) == 1 and
        len([x for x in log.splitlines() if url in x and "next=" + url not in x]) == 1 else log)
    say("... so is one whose name is unknown", "" if re.search(
        rf"chain.lost endpoint=ws://nowhere.invalid:9944 why=unresolved next={url} in_ms=\d+\n", log) else log)
    lost_and_back()
    log = log_of(30, b"why=genesis", data_dir=path("start-chain"), chain=OTHER)
    say("a chain with another genesis is refused", "" if "why=genesis" in log else log)


# --- what the manual says

def manual():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    with open(os.path.join(root, "docs/operators.md"), encoding="utf-8") as f:
        text = f.read()
    shown = subprocess.run([PLATFORMD, "--help"], capture_output=True, text=True, check=True).stdout
    real = {}
    for line in shown.splitlines():
        if m := re.match(r"  (\w+) ", line):
            default = re.search(r"default (\S+)$", line)
            real[m[1]] = default[1] if default else ""
    table = text[text.index("## Settings"):text.index("## The command line")]
    told = {}
    for row in re.findall(r"^\| (`.*) \|$", table, re.M):
        names, defaults, _ = (cell.strip() for cell in row.split("|", 2))
        values = re.findall("`([^`]*)`", defaults) or [""]
        for i, name in enumerate(re.findall(r"`(\w+)`", names)):
            told[name] = values[i] if len(values) > i else values[0]
    say("each setting is in docs/operators.md, and no other", sorted(set(real) ^ set(told)))
    wrong = [n for n in real if n in told and n != "signer_dir" and real[n] != told[n]]
    say("... with its default", [(n, real[n], told[n]) for n in wrong])
    with open(os.path.join(root, "src/node/node.c"), encoding="utf-8") as f:
        names = re.search(r"node_unready_name\(.*?\n}", f.read(), re.S).group(0)
    reasons = set(re.findall('return "(\\w+)"', names))
    watching = text[text.index("| Reason |"):text.index("Alarms worth having")]
    say("each reason of /ready is there, too", sorted(reasons ^ set(re.findall(r"^\| `(\w+)`", watching, re.M))))


def main():
    global ADDRESS, OTHER
    ADDRESS = subprocess.run([PLATFORM, "key", "show", path("validator0")], capture_output=True, text=True, check=True).stdout.strip()
    os.chmod(FOLDER, 0o755)
    os.chmod(GENESIS, 0o644)
    log_of(20, b"chain.ready", data_dir=path("start-data"))  # An observer's folder to spoil copies of.
    port = free_port()
    OTHER = f"ws://127.0.0.1:{port}"
    other = subprocess.Popen([PLATFORM, "devchain", "--dir", path("other-chain"), "--port", str(port), "--tempo", "77",
                              "--block-ms", "200"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        made = subprocess.run([PLATFORM, "genesis", "--chain", OTHER, "--netuid", "2", "--out", path("other.bin"),
                               "--stake-min-tao", "1"], capture_output=True, text=True, timeout=90, check=False)
        say("another network's genesis is made", made.stderr if made.returncode else "")
        for part in (manual, settings, bounds, folders, surroundings, keys, signers, environment, cores, chains):
            part()
    finally:
        other.terminate()
        other.wait()
    print(f"# start: {count[True]} passed, {count[False]} failed")
    return count[False] > 0


sys.exit(main())
