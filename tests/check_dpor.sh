#!/bin/sh
# The exhaustive search explores as much as there is and no more: on the programs of the literature, as many executions as
# there are classes, none redundant, none blocked; and so on those with a channel and a lock, also with each cancellation.
#
#     check_dpor.sh QUIPU WORK_DIR           readers 1..13, lastzero 1..13, increments 2..7, sleepers, channel, mutex
#     check_dpor.sh QUIPU WORK_DIR FROM TO   lastzero of these
#
# An algorithm that only sleeps takes more of lastzero (source-DPOR: 302587 executions for 15) and is blocked in sleepers.
set -eu
quipu=$1
work=$2
mkdir -p "$work"

expect() { # EXECUTIONS SCENARIO [OPTION...]
    wanted_count=$1
    shift
    "$quipu" explore "$@" --exhaustive --no-check --json "$work/dpor.json" >/dev/null
    for wanted in "\"executions\":	$wanted_count," '"redundant":	0,' '"blocked":	0,' '"proved":	"complete"'; do
        grep -q "$wanted" "$work/dpor.json" || { cat "$work/dpor.json"; echo "$*: not $wanted"; exit 1; }
    done
}

lastzero() { # FROM TO
    n=$1
    while [ "$n" -le "$2" ]; do
        expect $(((n + 3) * (1 << n) / 4)) dpor_lastzero --param n="$n"
        n=$((n + 1))
    done
}

if [ $# -eq 4 ]; then
    lastzero "$3" "$4"
    echo "dpor: lastzero $3 to $4, none redundant, none blocked"
    exit 0
fi
lastzero 1 13
n=1
factorial=1
while [ "$n" -le 13 ]; do
    factorial=$((factorial * n))
    expect $((1 << n)) dpor_readers --param n="$n"
    [ "$n" -lt 2 ] || [ "$n" -gt 7 ] || expect "$factorial" dpor_increments --param n="$n"
    n=$((n + 1))
done
expect 12 dpor_sleepers
expect 48 dpor_channel # of 100 schedules: tests/test_dpor.c executes them all
expect 12 dpor_mutex
expect 108 dpor_sleepers --cancel each
expect 1359 dpor_channel --cancel each
expect 183 dpor_mutex --cancel each

# What is said to be proved: everything, or up to which bound.
"$quipu" explore dpor_readers --param n=6 --exhaustive --runs 5 --json "$work/dpor.json" >"$work/dpor.txt"
grep -q '"proved":	"bounded"' "$work/dpor.json"
grep -q 'bounded to 5 executions' "$work/dpor.txt" || { cat "$work/dpor.txt"; exit 1; }
echo "dpor: readers and lastzero 1 to 13, increments 2 to 7, sleepers, channel, mutex, none redundant, none blocked"
