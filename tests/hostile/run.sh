#!/bin/sh
# Every hostile module gets its one typed outcome.  usage: tests/hostile/run.sh [BUILD_FOLDER]
# (default: $PLATFORM_BUILD, then build/debug)
# Prints a line for each case and then "N passed, N failed".
here=$(dirname "$(readlink -f "$0")")
exec python3 "$here/run.py" "${1:-${PLATFORM_BUILD:-$here/../../build/debug}}"
