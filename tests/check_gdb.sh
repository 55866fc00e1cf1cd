#!/bin/sh
# A debugger's view of a program: check_gdb.sh QUIPU SOURCE_DIR
#
# Recorded executions are stopped in the middle, and what quipu.py reads in gdb is held against the program's own listing
# of that moment, to the letter; the backtraces of suspended tasks against their await points; all of it again in a core
# file, where nothing runs.
set -eu
quipu=$1
script=$2/tools/gdb/quipu.py
command -v gdb >/dev/null || { echo "check_gdb: skipped: there is no gdb"; exit 77; }
gdb -nx -batch -ex 'python import gdb.unwinder' 2>&1 | grep -q . && { echo "check_gdb: skipped: this gdb has no Python"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "check_gdb: $*"
    exit 1
}

# Commands of gdb at an event of the recorded execution; what they print is in $work/seen.
debug() { # EVENT COMMAND...
    event=$1
    shift
    gdb -nx -batch -x "$script" -ex run -ex 'echo ----\n' "$@" --args "$quipu" replay "$work/trace" --until "$event" \
        >"$work/all" 2>&1 || fail "gdb ended with $?: $(cat "$work/all")"
    sed '1,/^----$/d' "$work/all" >"$work/seen"
    [ -s "$work/seen" ] || fail "gdb says nothing of $scenario at event $event: $(cat "$work/all")"
}

# The program's own listing, without the time, which only it can ask for.
listing() { # EVENT
    "$quipu" replay "$work/trace" --until "$1" >"$work/out" || fail "replay --until $1 of $scenario ended with $?"
    sed -e 1d -e 's/^\([0-9]* tasks*\) at [0-9.]* ms, after/\1, after/' "$work/out" >"$work/wanted"
    [ "$(wc -l <"$work/wanted")" -ge 2 ] || fail "$scenario has nothing to list at event $1"
}

record() { # SCENARIO
    scenario=$1
    "$quipu" run "$scenario" --seed 1 --trace "$work/trace" --quiet >/dev/null
    events=$(grep -c '"seq"' "$work/trace")
}

compared=0
for name in barrier_generations mutex_cancelled rwlock_order oneshot_recv_cancelled race_timeout semaphore_fifo join_all_failures \
    task_resumable; do
    record "$name"
    at=$((events * 2 / 3))
    listing "$at"
    debug "$at" -ex 'quipu tasks' -ex 'quipu objects'
    cmp -s "$work/wanted" "$work/seen" || fail "$name at event $at:
$(diff "$work/wanted" "$work/seen")"
    compared=$((compared + 1))
done
[ "$compared" -ge 8 ] || fail "only $compared listings were compared"

# The backtrace of a task that waits: its own function, at its await point, with what is in it.
record channel_cloned_receivers
at=0 waiting=
while [ -z "$waiting" ] && [ "$at" -lt "$events" ]; do
    at=$((at + 10))
    listing "$at"
    waiting=$(sed -n "s/^  task \([0-9]*\) '.* waits at .*channel_cloned_receivers.c:\([0-9]*\): qp_recv.*/\1 \2/p" \
        "$work/wanted" | head -n 1)
done
[ -n "$waiting" ] || fail "nobody waits to receive: $(cat "$work/wanted")"
task=${waiting% *}
line=${waiting#* }
sed -n "${line}p" "$2/scenarios/channel_cloned_receivers.c" | grep -q qp_recv || fail "line $line is no qp_recv"
debug "$at" -ex "quipu bt $task full" -ex "quipu bt main"
grep -q "^#0  consume (.*) at .*channel_cloned_receivers.c:$line: qp_recv" "$work/seen" ||
    fail "the backtrace of task $task: $(cat "$work/seen")"
grep -q '^        [a-z]* = ' "$work/seen" || fail "no variables: $(cat "$work/seen")"
grep -q '^#0  channel_cloned_receivers_body .*: qp_join' "$work/seen" || fail "the backtrace of main: $(cat "$work/seen")"
grep '^#0' "$work/seen" >"$work/frames"

# And afterwards, where the system writes core files here; gdb's own generate-core-file leaves out the stacks.
cd "$work"
ulimit -c unlimited || true
debug "$at" -ex 'signal SIGABRT'
core=$(find "$work" -name 'core*' | head -n 1)
if [ -n "$core" ]; then
    gdb -nx -batch -x "$script" -ex 'echo ----\n' -ex 'quipu tasks' -ex 'quipu objects' "$quipu" "$core" 2>&1 |
        sed '1,/^----$/d' >"$work/seen"
    cmp -s "$work/wanted" "$work/seen" || fail "in a core file: $(diff "$work/wanted" "$work/seen")"
    gdb -nx -batch -x "$script" -ex "quipu bt $task" -ex "quipu bt main" "$quipu" "$core" 2>&1 | grep '^#0  c' >"$work/seen"
    cmp -s "$work/frames" "$work/seen" || fail "backtraces in a core file: $(diff "$work/frames" "$work/seen")"
    core=', and a core file,'
else
    echo 'check_gdb: no core file is written here: that part is skipped'
fi

# What is asked for in vain is said.
debug "$at" -ex 'quipu bt 99' -ex 'echo \n' && grep -q "there is no task '99'" "$work/seen" || fail "a task that is not there: $(cat "$work/seen")"
status=0
"$quipu" replay "$work/trace" --until 1000000 2>"$work/seen" || status=$?
[ "$status" = 2 ] && grep -q 'has [0-9]* events' "$work/seen" || fail "an event that is not there: $(cat "$work/seen")"
echo "check_gdb: $compared listings and backtraces$core are what the program says itself"
