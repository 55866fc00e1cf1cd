#!/bin/sh
# An example on both clocks, and its race tests: check_example.sh QUIPU PROGRAM WORK RUNS
#
# The program on the real clock; simulated under ten seeds, with traces that hold the contracts, and the same one twice
# for the same seed. Then every scenario of its tests on the real clock, under many seeds, explored with a cancellation
# at each await in turn, and exhaustively up to a bound.
set -eu

quipu=$1
program=$2
work=$3
runs=$4
tests=${program}_test
name=$(basename "$program")
rm -rf "$work"
mkdir -p "$work"

fail() {
    echo "check_example: $name: $1" >&2
    exit 1
}

"$program" >"$work/real" || fail 'fails on the real clock'
for seed in 0 1 2 3 4 5 6 7 8 9; do
    QUIPU_SEED=$seed QUIPU_TRACE=$work/$seed.jsonl "$program" >"$work/simulated" || fail "fails with QUIPU_SEED=$seed"
done
"$quipu" check --quiet "$work"/*.jsonl || fail 'breaks a contract'
QUIPU_SEED=9 QUIPU_TRACE=$work/again.jsonl "$program" >"$work/again" || fail 'fails the second time'
cmp -s "$work/9.jsonl" "$work/again.jsonl" || fail 'another trace for the same seed'
cmp -s "$work/simulated" "$work/again" || fail 'another output for the same seed'

"$tests" run --all --real --quiet || fail 'a scenario fails on the real clock'
"$tests" run --all --seeds "0..$((runs * 50))" --quiet || fail 'a scenario fails'
"$tests" explore --all --cancel each --runs "$runs" --jobs 2 --quiet || fail 'a scenario fails when it is cancelled'
"$tests" explore --all --runs "$((runs * 50))" --jobs 2 --quiet || fail 'a scenario fails'
"$tests" explore --all --exhaustive --faults none --runs "$((runs * 100))" --jobs 2 --quiet || fail 'a scenario fails under some schedule'
