#!/bin/sh
# Everything bad that may come in, each with the one outcome that it must have.
# usage: tests/bad_input.sh [BUILD_FOLDER]    (default: $PLATFORM_BUILD, then build/debug)
#
#   modules     what a module or a submission may try, run as on the network: outcome, and why
#   inputs      wrong operations, requests, peers, chain endpoints, settings and keys, against a
#               network of real processes: the error, its counter, and that the others go on
#   processes   kill -9 of any process at any moment, a full disk, a second node with the same
#               hotkey, a lost guard: nothing final is lost or changed
#
# Prints a line for each case, and at the end "N passed, N failed".
here=$(dirname "$(readlink -f "$0")")
build=$(readlink -f "${1:-${PLATFORM_BUILD:-$here/../build/debug}}")
total_passed=0 total_failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# part TITLE COMMAND...
part() {
    echo
    echo "== $1"
    shift
    "$@" >"$log" 2>&1 &
    tail -n +1 -f --pid=$! "$log" | grep -v -e '^1\.\.' -e '^[0-9]* passed, [0-9]* failed$'
    wait $!
    passed=$(grep -c '^ok ' "$log")
    failed=$(grep -c '^not ok ' "$log")
    grep -q '^[0-9]* passed, [0-9]* failed$' "$log" || failed=$((failed + 1)) # It did not get to its end.
    total_passed=$((total_passed + passed)) total_failed=$((total_failed + failed))
}

part "modules and submissions" "$here/hostile/run.sh" "$build"
part "operations, requests, peers, chain endpoints, settings, keys" "$here/attack/run.sh" "$build"
part "processes, disks and keys" python3 "$here/network/run.py" "$here/.." "$build" \
    all_die helper_processes_die any_moment lost_guard_is_missed second_node_with_the_key \
    disk_fills_up chain_goes_away
echo
echo "$total_passed passed, $total_failed failed"
[ "$total_failed" -eq 0 ] && [ "$total_passed" -gt 0 ]
