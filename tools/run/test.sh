# The groups of ./run test and how their cases are counted.  Sourced by ./run.
#
# A case is a line "ok ..." or "not ok ..." (TAP) of a unit test or of a script under tests/ or
# interop/; a program that prints no such line is one case by its exit status.  "ok ... # SKIP why"
# counts for nothing and is shown.

test_all=(tidy unit asan clang hardening fuzz sim programs asan-programs)
tally_passed=0 tally_failed=0 tally_names=''

tally_open() {
    tally_passed=0 tally_failed=0 tally_names=''
}

# tally NAME PASSED FAILED adds one group's cases.
tally() {
    tally_passed=$((tally_passed + $2))
    tally_failed=$((tally_failed + $3))
    say "  $1: $2 passed, $3 failed"
    [ "$3" -eq 0 ] || tally_names="$tally_names $1"
}

# The closing line, and the exit status by it.
tally_close() {
    [ -z "$tally_names" ] || say "failed in:$tally_names"
    say "$tally_passed passed, $tally_failed failed"
    [ "$tally_failed" -eq 0 ] && [ "$tally_passed" -gt 0 ]
}

skip() {
    say "  SKIPPED $1: $2"
}

# tally_log NAME KIND FILE STATUS counts the cases of a log (tools/tally.py).
tally_log() {
    local passed failed
    read -r passed failed < <(python3 tools/tally.py "$2" "$3" "$4") || { passed=0 failed=1; }
    tally "$1" "$passed" "$failed"
}

# run_tap NAME COMMAND...: a command that prints TAP.
run_tap() {
    local name=$1 status=0
    shift
    step "$name" "$@" || status=$?
    tally_log "$name" tap "$run_logs/$(printf '%s' "$name" | tr -cs 'A-Za-z0-9' '-').log" "$status"
}

# run_meson NAME FOLDER: the unit tests of a build folder.
run_meson() {
    local name=$1 dir=build/$2 status=0
    setup_build "$2" || { tally "$name" 0 1; return 0; }
    rm -f "$dir/meson-logs/testlog.json"
    step "$name" meson test -C "$dir" --no-rebuild --suite unit --print-errorlogs || status=$?
    tally_log "$name" meson "$dir/meson-logs/testlog.json" "$status"
}

group_tidy() {
    setup_build debug || { tally tidy 0 1; return 0; }
    run_tap tidy tools/tidy build/debug
    run_tap tidy-rules python3 tools/tidy_test/run.py
    if command -v shellcheck >/dev/null; then
        run_tap shell tools/shell_test
    else
        skip shell "shellcheck is not installed"
    fi
}

group_unit() {
    run_meson unit debug
}

group_asan() {
    run_meson asan asan
}

group_clang() {
    run_meson clang clang
}

group_hardening() {
    setup_build release || { tally hardening 0 1; return 0; }
    [ -d build/release/src/cmd ] || { skip hardening "this tree builds no program yet"; return 0; }
    run_tap hardening python3 tools/hardening.py build/release
}

sim_seeds() {
    setup_build release || { tally sim 0 1; return 0; }
    if [ -x build/release/sim/platform-sim ]; then
        run_tap sim build/release/sim/platform-sim --seeds "$1"
    else
        skip sim "this tree builds no platform-sim yet"
    fi
}

group_sim() {
    sim_seeds 200
    setup_build debug clang asan || { tally sim-traces 0 1; return 0; }
    run_tap sim-traces tools/sim_traces 5 build/release build/debug build/clang build/asan
}

group_sim-short() {
    sim_seeds 5
}

fuzz_build() {
    setup_build fuzz || return 1
    step "build the fuzz targets" ninja -C build/fuzz fuzz-targets
}

# fuzz_all SECONDS [TARGET]: the seeds of each target, then a while of new inputs.
fuzz_all() {
    local target name found=no
    for target in build/fuzz/fuzz/*_fuzz; do
        [ -x "$target" ] || continue
        name=$(basename "$target" _fuzz)
        [ -z "${2:-}" ] || [ "$2" = "$name" ] || continue
        found=yes
        mkdir -p "build/fuzz/grown/$name" "build/fuzz/findings/$name" "fuzz/corpus/$name"
        python3 tools/seeds.py "$name" "build/fuzz/grown/$name" || return 1
        run_tap "fuzz-$name" "$target" -max_total_time="$1" -rss_limit_mb=2048 -timeout=10 \
            -print_final_stats=1 -artifact_prefix="build/fuzz/findings/$name/" \
            "build/fuzz/grown/$name" "fuzz/corpus/$name"
    done
    [ "$found" = yes ] || { say "no fuzz target '${2:-}'"; tally fuzz 0 1; }
}

group_fuzz() {
    fuzz_build || { tally fuzz 0 1; return 0; }
    fuzz_all 3
}

# Whole programs on real sockets, and other implementations of what we speak.  Each script gets
# PLATFORM_ROOT and PLATFORM_BUILD; exit status 77 says that it cannot run here, with the reason as
# its last line.
# programs BUILD PREFIX SCRIPT...
programs() {
    local build=$1 prefix=$2 script name log status
    shift 2
    setup_build "$build" || { tally "${prefix}programs" 0 1; return 0; }
    export PLATFORM_ROOT=$PWD PLATFORM_BUILD=$PWD/build/$build
    for script; do
        [ -x "$script" ] || continue
        name=$prefix$(dirname "$script")
        status=0
        step "$name" "$script" || status=$?
        log=$run_logs/$(printf '%s' "$name" | tr -cs 'A-Za-z0-9' '-').log
        if [ "$status" -eq 77 ]; then
            skip "$name" "$(tail -n 1 "$log")"
        else
            tally_log "$name" tap "$log" "$status"
        fi
    done
}

group_programs() {
    programs release '' tests/*/run.sh interop/*/run.sh
}

# The same processes, with every byte that they touch looked at.
group_asan-programs() {
    programs asan 'asan ' tests/{attack,hostile,network,weights,cli}/run.sh
}

test_groups() {
    local group
    [ $# -gt 0 ] || set -- "${test_all[@]}"
    tally_open
    say "groups: $*"
    for group; do
        declare -F "group_$group" >/dev/null || stop "no test group '$group'; there are: ${test_all[*]}"
    done
    for group; do
        say "$group"
        "group_$group"
    done
    say "took $(elapsed)"
    tally_close
}
