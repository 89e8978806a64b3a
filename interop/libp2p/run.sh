#!/bin/sh
# js-libp2p and our host dial each other: prints TAP and "N passed, N failed".  Needs npm and the
# built tree in $PLATFORM_BUILD; node 22 or newer is taken from npm where the system's is older.
set -eu
cd "$(dirname "$0")"
host=${PLATFORM_BUILD:-../../build/debug}/interop/libp2p/libp2p_host
[ -x "$host" ] || { echo "# build the tree first: $host is missing"; exit 1; }
if ! command -v npm >/dev/null; then
    echo "npm is not installed"
    exit 77
fi
# The lock file pins every package by its hash; installing again only when it changed.
if ! cmp -s package-lock.json node_modules/.lock-installed; then
    npm ci --ignore-scripts --no-progress --no-audit --no-fund --loglevel=error
    cp package-lock.json node_modules/.lock-installed
fi
node=node
major=$("$node" --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')
if [ "${major:-0}" -lt 22 ]; then
    node=$(find node_modules -path "*/node-linux-*/bin/node" | head -n 1)
fi
exec "$node" test.mjs "$host" "$@"
