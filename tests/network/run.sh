#!/bin/sh
# Four validators as real processes, and what happens to them; see run.py.
root=${PLATFORM_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
exec python3 "$root/tests/network/run.py" "$root" "${PLATFORM_BUILD:-$root/build/release}" "$@"
