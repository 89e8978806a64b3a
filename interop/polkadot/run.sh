#!/bin/sh
# A standard Substrate client, @polkadot/api, against `platform devchain`.
# usage: interop/polkadot/run.sh [PLATFORM]    the last line is `N passed, N failed`
set -eu
here=$(cd "$(dirname "$0")" && pwd)
platform=${1:-${PLATFORM_BUILD:-$here/../../build/debug}/src/cmd/platform}
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo "node or npm is not installed"
    exit 77
fi
if [ ! -d "$here/node_modules" ]; then
    (cd "$here" && npm ci --ignore-scripts --no-audit --no-fund >&2)
fi
exec node "$here/test.mjs" "$platform"
