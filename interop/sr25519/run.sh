#!/bin/sh
# Our sr25519 against two other implementations, at least 10,000 random cases: prints TAP and
# "N passed, N failed".  Needs node 18 or newer, npm, and the built tree in $PLATFORM_BUILD.
set -eu
cd "$(dirname "$0")"
peer=${PLATFORM_BUILD:-../../build/debug}/interop/sr25519/sr25519_peer
[ -x "$peer" ] || { echo "# build the tree first: $peer is missing"; exit 1; }
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo "node or npm is not installed"
    exit 77
fi
# The lock file pins every package by its hash; installing again only when it changed.
if ! cmp -s package-lock.json node_modules/.lock-installed; then
    npm ci --ignore-scripts --no-progress --loglevel=error
    cp package-lock.json node_modules/.lock-installed
fi
exec node compare.mjs "$peer" "$@"
