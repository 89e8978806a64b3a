#!/bin/sh
# The command line against a real network: a development chain and four validators in a folder of their
# own, on free ports.  Registers the TSP challenge, submits good and bad entries, waits for results,
# explains a score, bundles and verifies it, flips bits and sees each refused.
# usage: tests/cli/run.sh [BUILD-FOLDER]    KEEP=1 leaves the folder.
# Functions are called by the trap, and by expect.
# shellcheck disable=SC2317
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
bin=$(cd "${1:-${PLATFORM_BUILD:-$root/build/debug}}/src/cmd" && pwd)
platform=$bin/platform
dir=$(mktemp -d)
pids=
passed=0
failed=0

end() {
    for pid in $pids; do kill "$pid" 2>/dev/null; done
    for pid in $pids; do wait "$pid" 2>/dev/null; done
    [ -n "${KEEP:-}" ] || [ "$failed" -ne 0 ] || rm -rf "$dir"
}
trap 'end' EXIT
trap 'exit 1' INT TERM

ok() {
    passed=$((passed + 1))
    echo "ok - $1"
}
no() {
    failed=$((failed + 1))
    echo "not ok - $1"
    sed 's/^/  # /' "$dir/out" "$dir/err" 2>/dev/null | tail -n 12
}

# expect NAME CODE COMMAND...: the exit code; what was printed is in $dir/out and $dir/err.
expect() {
    name=$1 code=$2
    shift 2
    "$@" >"$dir/out" 2>"$dir/err"
    got=$?
    if [ "$got" -eq "$code" ]; then ok "$name"; else no "$name (exit code $got, not $code)"; fi
}
# has NAME PATTERN: in what the last command printed.
has() {
    if grep -Eq -- "$2" "$dir/out" "$dir/err"; then ok "$1"; else no "$1 (no $2)"; fi
}
# until NAME SECONDS COMMAND...: polls until the command succeeds.
until_ok() {
    name=$1 end_at=$(($(date +%s) + $2))
    shift 2
    while ! "$@" >"$dir/out" 2>"$dir/err"; do
        if [ "$(date +%s)" -ge "$end_at" ]; then
            no "$name (not in time)"
            return 1
        fi
        sleep 0.2
    done
    ok "$name"
}
field() { python3 -c 'import json,sys
o=json.load(open(sys.argv[1]))
for k in sys.argv[2].split("."): o=o[int(k)] if k.isdigit() else o[k]
print(o)' "$dir/out" "$1"; }
json_only() { python3 -c 'import json,sys; json.load(open(sys.argv[1]))' "$dir/out"; }
finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}

# --- a network

# shellcheck disable=SC2046
set -- $(python3 -c 'import socket
s=[socket.socket() for _ in range(9)]
[x.bind(("127.0.0.1",0)) for x in s]
print(*[x.getsockname()[1] for x in s])')
chain=ws://127.0.0.1:$1
rpc=http://127.0.0.1:$6
PLATFORM_RPC=$rpc
export PLATFORM_RPC
"$platform" devchain --dir "$dir/chain" --port "$1" --block-ms 500 --tempo 40 --validators 4 >"$dir/chain.log" 2>&1 &
pids=$!
expect "genesis is read from the chain" 0 "$platform" genesis --chain "$chain" --netuid 2 \
    --out "$dir/genesis.bin" --stake-min-tao 1 --wait-s 20
boot=/ip4/127.0.0.1/tcp/$2,/ip4/127.0.0.1/tcp/$3,/ip4/127.0.0.1/tcp/$4,/ip4/127.0.0.1/tcp/$5
umask 077
for key in owner miner/0 miner/1 miner/2 validator/0 validator/1 validator/2 validator/3; do
    echo "//$key" >"$dir/$(echo $key | tr -d /)"
done
python3 "$root/tests/cli/start.py" "$bin" "$dir" "$dir/genesis.bin" "$chain" >"$dir/out" 2>"$dir/err"
start_code=$?
if [ $start_code -eq 0 ]; then ok "what platformd refuses to start with"; else no "what platformd refuses to start with"; fi
grep "^not ok" -A 3 "$dir/out"
i=0
expect "a node that is not there: exit code 7" 7 "$platform" status
has "... says what to do" "fix: .*--rpc"
for port in "$2" "$3" "$4" "$5"; do
    rpc_port=
    eval "rpc_port=\${$((i + 6))}"
    ss=$("$platform" key show "$dir/validator$i")
    "$bin/platformd" --data-dir "$dir/n$i" --genesis "$dir/genesis.bin" --hotkey "$ss" \
        --hotkey-file "$dir/validator$i" --chain "$chain" --listen "/ip4/127.0.0.1/tcp/$port" \
        --bootstrap "$boot" --rpc-port "$rpc_port" --approve-all --stake-min-tao 1 --new-network \
        >"$dir/n$i.log" 2>&1 &
    pids="$pids $!"
    i=$((i + 1))
done
until_ok "the node becomes ready" 60 "$platform" status || finish
expect "status as JSON" 0 "$platform" status --json
if json_only; then ok "... is one document"; else no "... is one document"; fi
expect "validators" 0 "$platform" validators
has "... all four" "//|uid 3"

# --- a challenge

tsp=$root/challenges/tsp
cp -r "$tsp" "$dir/tsp"
expect "the challenge is built" 0 "$platform" challenge build "$dir/tsp" --sdk "$root/sdk"
expect "a stranger may not register it" 5 "$platform" challenge register "$dir/tsp" --hotkey "$dir/miner1"
has "... because it is not the owner" "not_owner"
expect "the owner registers it" 0 "$platform" challenge register "$dir/tsp" --hotkey "$dir/owner" --share 9000
id=$(cat "$dir/out")
expect "the validators approve it, the owner activates it" 0 \
    "$platform" challenge activate tsp --hotkey "$dir/owner" --wait
expect "the list has it" 0 "$platform" challenge list
has "... as active" "$id tsp .* active"
expect "show tells its policy" 0 "$platform" challenge show tsp
has "... with its gas" "gas +200000000"

# The author's way, with what each step says to type next, in the folder itself.

mkdir "$dir/author"
PLATFORM_SDK=$root/sdk
export PLATFORM_SDK
at() { (cd "$dir/author/$1" && shift && "$platform" "$@"); }
expect "author: a new challenge" 0 at . challenge new guess
has "author: ... says what comes next" "platform challenge run --input example.txt"
expect "author: ... builds where it is" 0 at guess challenge build
expect "author: ... is one that a validator would load" 0 at guess challenge check
has "author: ... in words" "guess: loads"
expect "author: ... runs" 0 at guess challenge run
has "author: ... with a score" "score +5000 of 10000"
expect "author: ... with an input of its own" 0 at guess challenge run --input example.txt --json
echo nonsense >"$dir/author/nonsense"
expect "author: nonsense is invalid: exit code 3" 3 at guess challenge run --input ../nonsense
has "author: ... and says why" "not a number of one to nine digits"
python3 - "$dir/author/guess/challenge.c" <<'PY'
import sys
p = sys.argv[1]
s = open(p).read()
imports = "".join(f'__attribute__((import_module("{m}"), import_name("{n}"))) int {n}(int);\n'
                  for m, n in (("platform_network", "http_get"), ("evil", "run_it")))
s = s.replace("bool challenge_validate", imports + "bool challenge_validate", 1)
open(p, "w").write(s.replace("int64_t guess, goal;", "int64_t guess, goal = http_get(run_it(1));", 1))
PY
expect "author: a module that wants more is built" 0 at guess challenge build
expect "author: ... and refused" 3 at guess challenge check
has "author: ... which names each import" "evil.run_it, platform_network.http_get"
expect "author: ... registering it is refused, too" 5 at guess challenge register . --hotkey "$dir/owner"
has "author: ... by its name" "evil.run_it"

# --- submissions

expect "an unknown challenge is told" 1 "$platform" submit --challenge nothing --hotkey "$dir/miner0" "$tsp/entries/once.txt"
expect "an empty file is refused at once" 2 "$platform" submit --challenge tsp --hotkey "$dir/miner0" "$tsp/entries/bad_empty.txt"
head -c 70000 /dev/zero >"$dir/large"
expect "a file over the challenge's cap is refused" 5 "$platform" submit --challenge tsp --hotkey "$dir/miner0" "$dir/large"
echo "//nobody" >"$dir/nobody"
expect "a stranger's work is refused" 5 "$platform" submit --challenge tsp --hotkey "$dir/nobody" "$tsp/entries/once.txt"
has "... in words" "not registered on the subnet"
expect "a good entry" 0 "$platform" submit --challenge tsp --hotkey "$dir/miner0" --wait "$tsp/entries/two_opt.txt"
best=$(cat "$dir/out")
expect "another one" 0 "$platform" submit --challenge tsp --hotkey "$dir/miner1" --final --json "$tsp/entries/nearest.txt"
if [ "$(field final.score)" = 8129 ]; then ok "... has its score"; else no "... has its score"; fi
expect "a bad entry" 0 "$platform" submit --challenge tsp --hotkey "$dir/miner2" --final "$tsp/entries/bad_twice.txt"
has "... is invalid" "outcome invalid"
is_final() { "$platform" submission show "$1" --json >"$dir/s" && grep -q '"phase":"final"' "$dir/s"; }
until_ok "the good entry is final" 60 is_final "$best"
# The same bytes run at home: $1 an entry, $2 its submission.
same_at_home() {
    "$platform" submission show "$2" --json >"$dir/net.json" || return 1
    "$platform" challenge run "$dir/tsp" --input "$tsp/entries/$1" --json >"$dir/out" 2>"$dir/err"
    python3 - "$dir/net.json" "$dir/out" <<'PY'
import json, sys
net, home = json.load(open(sys.argv[1]))["final"], json.load(open(sys.argv[2]))
sys.exit(any(net[k] != home[k] for k in ("outcome", "score", "gas")))
PY
}
bad=$("$platform" submission list --json | python3 -c 'import json,sys
print([s["id"] for s in json.load(sys.stdin) if s["final"] and s["final"]["outcome"]=="invalid"][0])')
for pair in "two_opt.txt $best" "bad_twice.txt $bad"; do
    # shellcheck disable=SC2086 # two words
    if same_at_home $pair; then ok "${pair% *} gets at home the same outcome, score and gas"; else no "$pair at home"; fi
done
expect "show: who attested what" 0 "$platform" submission show "$best"
has "... with its score" "result +ok, score 9882 of 10000"
has "... and its attestations" "revealed ok score 9882"
expect "the list of submissions" 0 "$platform" submission list
expect "the leaderboard" 0 "$platform" leaderboard tsp
has "... best first" "^ *1 .* 9882 "

# --- blobs

head -c 1048576 /dev/urandom >"$dir/blob"
expect "a blob of 1 MiB goes up" 0 "$platform" blob put "$dir/blob"
blob=$(cat "$dir/out")
expect "... and comes back" 0 "$platform" blob get "$blob" --out "$dir/blob2"
if cmp -s "$dir/blob" "$dir/blob2"; then ok "... the same"; else no "... the same"; fi
echo x >>"$dir/blob"
expect "a byte more is refused" 1 "$platform" blob put "$dir/blob"

# --- from a weight to a proof

decided() { "$platform" weights --json >"$dir/w" && grep -q '"outcome":"confirmed"' "$dir/w"; }
until_ok "weights are decided and read back from the chain" 90 decided
cp "$dir/w" "$dir/out"
if [ "$(python3 -c 'import json,sys
print(sum(w["value"] for w in json.load(open(sys.argv[1]))["weights"]))' "$dir/w")" = 65535 ]; then
    ok "... and add up to 65535"
else
    no "... and add up to 65535"
fi
miner=$("$platform" key show "$dir/miner0")
explained() { "$platform" score explain "$miner" --json >"$dir/e" &&
    python3 -c 'import json,sys
o=json.load(open(sys.argv[1])); sys.exit(o["weight"] is None or o["weight"]["value"] != o["weight_now"] or not o["chain"])' "$dir/e"; }
until_ok "the explained arithmetic gives the decided weight" 60 explained
expect "explain" 0 "$platform" score explain "$miner"
has "... with its arithmetic" "65535 x 9000/9000 x 9882/18011 = 35956"
has "... and the log's entry" "final result is entry [0-9]+"
has "... and who attested it" "attested by .*: the same result"

# Between two epochs the chain may still have the matrix before.
from_chain() {
    "$platform" score explain "$miner" --chain "$chain" >"$dir/fc" &&
        grep -Eq "validator uid 0 gives it 65535, set at block [0-9]+: as decided" "$dir/fc"
}
until_ok "the same from the chain itself, with what each validator has set" 60 from_chain
on_chain() { "$platform" weights --json >"$dir/w" && "$platform" weights --chain "$chain" --json >"$dir/oc" && python3 - "$dir/oc" "$dir/w" <<'PY'
import json, sys
chain, decided = (json.load(open(p)) for p in sys.argv[1:])
want = {w["uid"]: w["value"] for w in decided["weights"]}
top = max(want.values())
ok = len(chain["validators"]) == 4
for v in chain["validators"]:
    got = {w["uid"]: w["value"] for w in v["weights"]}
    ok = ok and got.keys() == want.keys() and all(abs(got[u] - want[u] * 65535 / top) <= 1 for u in want)
sys.exit(not ok)
PY
}
until_ok "all four have the decided weights on the chain" 60 on_chain
expect "a chain that is not there: exit code 7" 7 "$platform" weights --chain ws://127.0.0.1:1 --timeout-s 1
has "... says why" "unreachable"
expect "a subnet that is not there" 7 "$platform" weights --chain "$chain" --netuid 77 --timeout-s 3

python3 "$root/tests/cli/every.py" "$platform" "$dir" "$root" "$rpc" "$chain" "$best" "$miner" >"$dir/out" 2>"$dir/err"
json_code=$?
if [ $json_code -eq 0 ]; then ok "every command answers in JSON"; else no "every command answers in JSON"; fi
grep "^not ok" "$dir/out"

python3 "$root/tests/cli/metrics.py" "$bin/platformd" "$dir" "$dir/genesis.bin" "$chain" "$rpc" >"$dir/out" 2>"$dir/err"
metrics_code=$?
if [ $metrics_code -eq 0 ]; then ok "metrics are as Prometheus wants them"; else no "metrics are as Prometheus wants them"; fi
grep "^not ok" -A 1 "$dir/out"

# The largest module and the largest input that the nodes take (blob_bytes_max): the proof is over 2 MiB.
cp -r "$dir/tsp" "$dir/big"
python3 - "$dir/big" <<'PY'
import os, sys
d = sys.argv[1]
ini = open(d + "/challenge.ini").read().replace("name = tsp", "name = big").replace("tsp.c", "tsp.c, pad.c")
lines = [l for l in ini.split("\n") if not l.startswith("input_bytes")]
lines.insert(lines.index("[policy]") + 1, "input_bytes = 1048576")
open(d + "/challenge.ini", "w").write("\n".join(lines))
pad = ",".join(str(b) for b in os.urandom(1040000))
open(d + "/pad.c", "w").write("__attribute__((used)) const unsigned char pad[] = {" + pad + "};\n")
open(d + "/input", "wb").write(os.urandom(1048576))
PY
expect "a challenge with a module of 1 MiB is built" 0 "$platform" challenge build "$dir/big" --sdk "$root/sdk"
if [ "$(wc -c <"$dir/big/big.wasm")" -gt 1040000 ]; then ok "... with all of it"; else no "... with all of it"; fi
expect "... is registered" 0 "$platform" challenge register "$dir/big" --hotkey "$dir/owner" --share 500
expect "... is activated" 0 "$platform" challenge activate big --hotkey "$dir/owner" --wait
expect "... and an input of 1 MiB gets a result" 0 "$platform" submit --challenge big --hotkey "$dir/miner2" --final --json "$dir/big/input"
big=$(field id)
expect "its bundle leaves the node in pieces" 0 "$platform" audit bundle --submission "$big" --out "$dir/bundle4"
if [ "$(wc -c <"$dir/bundle4")" -gt 2097152 ]; then ok "... with both in it"; else no "... with both in it"; fi

expect "a bundle by submission" 0 "$platform" audit bundle --submission "$best" --out "$dir/bundle"
expect "a bundle by score" 0 "$platform" audit bundle --score "$miner:tsp" --out "$dir/bundle2"
bad=$("$platform" submission list --json | python3 -c 'import json,sys
print([s["id"] for s in json.load(sys.stdin) if s["final"]["outcome"]=="invalid"][0])')
expect "a bundle of an entry that was refused" 0 "$platform" audit bundle --submission "$bad" --out "$dir/bundle3"
expect "an unknown submission has none" 1 "$platform" audit bundle --submission "$blob" --out "$dir/none"
for pid in $pids; do kill "$pid"; done
for pid in $pids; do wait "$pid" 2>/dev/null; done
pids=
# shellcheck disable=SC2086 # options, or none
verify() { "$platform" audit verify "$1" --genesis "$dir/genesis.bin" $2; }
expect "everything is stopped; the bundle verifies" 0 verify "$dir/bundle" ""
has "... at level 5" "level +5"
has "... by running the challenge" "run here +ok, score 9882"
expect "the other one, too" 0 verify "$dir/bundle2" --json
if json_only && [ "$(field level)" = 5 ] && [ "$(field signers)" -ge 3 ]; then ok "... as JSON"; else no "... as JSON"; fi
expect "the refused entry's verifies" 0 verify "$dir/bundle3" ""
has "... as invalid" "run here +invalid, score 0"
expect "so does the one of 2 MiB" 0 verify "$dir/bundle4" --json
if [ "$(field level)" = 5 ]; then ok "... at level 5"; else no "... at level 5"; fi
expect "--no-run stops at level 2" 0 verify "$dir/bundle" --no-run
has "... and names what is missing" "missing +engine"
expect "a worker that is not there is no verdict" 1 verify "$dir/bundle" "--worker $dir/nothing"
python3 - "$dir" <<'PY'
import os, random, sys
d = sys.argv[1]
whole = open(d + "/bundle", "rb").read()
random.seed(1)
os.mkdir(d + "/flipped")
for i in range(24):
    at = random.randrange(len(whole) * 8)
    b = bytearray(whole)
    b[at // 8] ^= 1 << at % 8
    open(f"{d}/flipped/{i}", "wb").write(b)
open(d + "/flipped/short", "wb").write(whole[:-1])
open(d + "/flipped/long", "wb").write(whole + b"\0")
PY
refused=0
for f in "$dir"/flipped/*; do
    verify "$f" --no-run >"$dir/out" 2>"$dir/err"
    [ $? -eq 6 ] && refused=$((refused + 1))
done
if [ "$refused" -eq 26 ]; then ok "a flipped bit, a byte less or more is refused"; else no "a changed bundle is refused ($refused of 26)"; fi
python3 "$root/tests/cli/damage.py" "$platform" "$dir/bundle" "$dir/genesis.bin" >"$dir/out" 2>"$dir/err"
damage_code=$?
if [ $damage_code -eq 0 ]; then ok "damage at each level fails there, in words and in JSON"; else no "damage at each level"; fi
grep "^not ok" "$dir/out"
expect "another network's genesis does not do" 2 "$platform" audit verify "$dir/bundle" --genesis "$dir/bundle"
finish
