#!/bin/sh
# Attacks on a network of real processes: each has its typed refusal, and nobody else is disturbed.
# usage: tests/attack/run.sh [BUILD_FOLDER]    (default: $PLATFORM_BUILD, then build/debug)
# KEEP=1 leaves the network's folder.  Prints a line for each case, then "N passed, N failed".
here=$(dirname "$(readlink -f "$0")")
exec python3 "$here/run.py" "${1:-${PLATFORM_BUILD:-$here/../../build/debug}}"
