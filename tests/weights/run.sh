#!/bin/sh
# Weights on a chain that wants them committed to and revealed; see run.py.
root=${PLATFORM_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
exec python3 "$root/tests/weights/run.py" "$root" "${PLATFORM_BUILD:-$root/build/release}" "$@"
