#!/usr/bin/env bash
# usage: bench/sim.sh BUILD-FOLDER      ./run bench sim calls it
#
# The simulator on one core, by processor time: events of 40 seeds with every fault, and how much
# virtual time four idle nodes pass in a second.
set -euo pipefail
sim=$1/sim/platform-sim
# platform-sim's own last figures: "N events/s, M virtual seconds per second".
line() {
    taskset -c 0 "$sim" "$@" | grep -oE '^[0-9]+ events/s, [0-9]+ virtual'
}
events=$(line --seeds 40 --first 1)
idle=$(line --seeds 1 --nodes 4 --idle 600000)
echo "sim events ${events%% *} /s"
idle=${idle#*, }
echo "sim speed ${idle%% *} x"
