#!/bin/sh
# The dashboard in a headless Chromium; prints TAP.  Screenshots: out/dashboard, or $DASHBOARD_SHOTS.
set -eu
cd "$(dirname "$0")"
server=${PLATFORM_BUILD:-../../build/debug}/tests/dashboard_server
[ -x "$server" ] || { echo "# build the tree first: $server is missing"; exit 1; }
for program in node npm chromium; do
    command -v "$program" >/dev/null || { echo "$program is not installed"; exit 77; }
done
if ! cmp -s package-lock.json node_modules/.lock-installed; then
    npm ci --ignore-scripts --no-progress --loglevel=error
    cp package-lock.json node_modules/.lock-installed
fi
shots=${DASHBOARD_SHOTS:-../../out/dashboard}
mkdir -p "$shots"
exec node test.mjs "$server" "$shots"
