# How ./run speaks: one line a step, what it is doing while it does it, and how long it took.
# Sourced by ./run.

run_started=$SECONDS
run_logs=build/logs
mkdir -p "$run_logs"
if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ]; then run_tty=yes; else run_tty=no; fi

say() {
    printf '%s\n' "$*"
}

stop() {
    printf 'run: %s\n' "$*" >&2
    exit 1
}

elapsed() {
    local s=$((SECONDS - ${1:-$run_started}))
    if [ "$s" -ge 60 ]; then printf '%dm%02ds' $((s / 60)) $((s % 60)); else printf '%ds' "$s"; fi
}

# step TEXT COMMAND...: runs the command with its output in a log; shows its last line while it runs
# (rewritten in place on a terminal, now and then elsewhere) and the log's end when it fails.
step() {
    local text=$1 log job status=0 started=$SECONDS next=$((SECONDS + 20)) last
    shift
    log=$run_logs/$(printf '%s' "$text" | tr -cs 'A-Za-z0-9' '-').log
    [ "$run_tty" = yes ] || say "  $text ..."
    "$@" >"$log" 2>&1 9>&- &
    job=$!
    while kill -0 "$job" 2>/dev/null; do
        # Meanwhile, not a race: the loop ends with the job, and the pause only paces the display.
        if [ "$run_tty" = yes ]; then
            last=$(tail -c 400 "$log" | tr -d '\r' | tail -n 1 | cut -c1-70)
            printf '\r\033[K  %s  %s  %s' "$text" "$(elapsed "$started")" "$last"
            sleep 0.2
        else
            if [ "$SECONDS" -ge "$next" ]; then
                last=$(tail -c 400 "$log" | tr -d '\r' | tail -n 1 | cut -c1-90)
                say "    $(elapsed "$started")  $last"
                next=$((SECONDS + 20))
            fi
            sleep 0.1
        fi
    done
    wait "$job" || status=$?
    [ "$run_tty" = no ] || printf '\r\033[K'
    if [ "$status" -eq 0 ]; then
        [ "$run_tty" = no ] || say "  $text  $(elapsed "$started")"
        [ "$run_tty" = yes ] || [ $((SECONDS - started)) -lt 5 ] || say "  $text: $(elapsed "$started")"
    else
        say "  $text FAILED after $(elapsed "$started"); the end of $log:"
        tail -n 40 "$log" | sed 's/^/    /'
    fi
    return "$status"
}
