#!/bin/sh
# Every planted mistake is found, small, and its trace replays; a crash is a
# finding:
#
#     check_explore.sh QUIPU_BROKEN WORK_DIR QUIPU CRASHING SCENARIOS_THAT_NEED_A_FAULT
set -eu
broken=$1
work=$2
quipu=$3
crashing=$4
needy=$5
rm -rf "$work"
mkdir -p "$work"

status=0
"$broken" explore --all --jobs 2 --out "$work/first" --json "$work/first.json" --junit "$work/first.xml" \
    >"$work/first.txt" || status=$?
[ "$status" -eq 1 ] || { echo "explore ended with $status"; exit 1; }
count=$("$broken" list | wc -l)
found=$(grep -c ' FAILED$' "$work/first.txt")
[ "$found" -eq "$count" ] || { echo "$found of $count planted mistakes were found"; exit 1; }

# Those that are wrong under one kind of fault are right without it.
faulty=$(sed -n 's/^QP_BEARS(\([a-z_]*\),.*/\1/p' "$needy")
"$broken" explore $faulty --faults none --runs 500 --quiet >"$work/none.txt" ||
    { cat "$work/none.txt"; echo "a planted mistake that needs a fault was found without one"; exit 1; }

# The same with any number of processes.
"$broken" explore --all --jobs 1 --out "$work/second" >"$work/second.txt" || true
sed "s|$work/[a-z]*/||; / scenarios, .* failed;/d" "$work/first.txt" >"$work/first.cut"
sed "s|$work/[a-z]*/||; / scenarios, .* failed;/d" "$work/second.txt" >"$work/second.cut"
diff "$work/first.cut" "$work/second.cut"

# Each trace replays, fails again, and is as small as it can be.
for trace in "$work"/first/*.jsonl; do
    status=0
    "$broken" replay "$trace" >"$work/replay.txt" 2>&1 || status=$?
    [ "$status" -eq 1 ] || { cat "$work/replay.txt"; echo "the replay of $trace ended with $status"; exit 1; }
    cmp -s "$trace" "$work/second/${trace##*/}" || { echo "$trace is not the same twice"; exit 1; }
done

# A failure of a random run is minimised.
seed=0
while "$broken" run reorder_10 --seed "$seed" --trace "$work/long.jsonl" --quiet >"$work/run.txt"; do
    seed=$((seed + 1))
done
status=0
"$broken" shrink "$work/long.jsonl" --out "$work/short.jsonl" >"$work/shrink.txt" || status=$?
[ "$status" -eq 1 ] || { cat "$work/shrink.txt"; exit 1; }
tail -n 1 "$work/shrink.txt"
"$broken" shrink "$work/none.jsonl" 2>/dev/null && exit 1
"$broken" explore --all --strategy nonsense 2>/dev/null && exit 1
"$broken" explore nobody 2>/dev/null && exit 1

# The tall ladders are found by the portfolio within 1000 executions on the mean of 20 seeds.
for name in reorder_100 twostage_100; do
    sum=0
    for seed in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19; do
        executions=$("$broken" explore "$name" --seed $((seed * 1000003)) --no-check --most 1 --jobs 1 --out "$work/ladder" |
            sed -n 's/^'"$name"' *\([0-9]*\) executions  FAILED.*/\1/p')
        sum=$((sum + ${executions:-100000}))
    done
    [ "$sum" -le 20000 ] || { echo "$name takes $((sum / 20)) executions on the mean"; exit 1; }
    echo "$name: $((sum / 20)) executions on the mean of 20 seeds"
done

# What crashes is a finding, and not the end.
status=0
"$crashing" explore --all --jobs 2 >"$work/crash.txt" 2>/dev/null || status=$?
[ "$status" -eq 1 ] && grep -q 'crashed: Abort' "$work/crash.txt" && grep -q '^fine .* sampled' "$work/crash.txt" ||
    { cat "$work/crash.txt"; echo "a crash was not told of"; exit 1; }

# What does not count, because the scenario does not bear what was injected, is told of, and how it would count.
"$quipu" explore barrier_generations --cancel each --runs 20 >"$work/excused.txt"
grep -q ' of them cancelled, [1-9][0-9]* excused, ' "$work/excused.txt" &&
    grep -q 'QP_BEARS(barrier_generations, QP_FAULT_CANCEL) makes that count' "$work/excused.txt" ||
    { cat "$work/excused.txt"; echo "what was excused was not told of"; exit 1; }
"$quipu" explore barrier_generations --cancel none --runs 20 >"$work/excused.txt"
! grep -q excused "$work/excused.txt" || { cat "$work/excused.txt"; echo "what was not disturbed was excused"; exit 1; }

# What is not deterministic is told of.
status=0
"$crashing" verify looks_at_an_address >"$work/verify.txt" 2>/dev/null || status=$?
[ "$status" -eq 1 ] && grep -q 'is not the same twice' "$work/verify.txt" ||
    { cat "$work/verify.txt"; echo "a scenario that looks at an address was taken for deterministic"; exit 1; }

echo "explore: $count planted mistakes, all found and replayed, the same with one process and with two"

# Fuzzing finds what is planted, keeps what it learnt, and tells of each bug once, also the next time; crashes included.
rm -rf "$work/corpus" "$work/fuzzed"
fuzz() { # PROGRAM FILE ARGUMENTS...
    program=$1
    file=$2
    shift 2
    status=0
    "$program" fuzz "$@" --corpus "$work/corpus" --out "$work/fuzzed" --jobs 2 --quiet >"$file" 2>"$file.errors" || status=$?
}
fuzz "$broken" "$work/fuzz.txt" lost_wakeup item_lost_by_timeout two_locks reorder_5 --time 3
[ "$status" -eq 1 ] && [ "$(grep -c ': a new bug ' "$work/fuzz.txt")" -eq 4 ] ||
    { cat "$work/fuzz.txt"; echo "fuzzing did not find the four planted bugs, once each"; exit 1; }
for trace in "$work"/fuzzed/*.jsonl; do
    status=0
    "$broken" replay "$trace" >/dev/null 2>&1 || status=$?
    [ "$status" -eq 1 ] || { echo "the replay of $trace, which fuzzing wrote, ended with $status"; exit 1; }
done
echo 'no list' >"$work/corpus/two_locks/list-0"
fuzz "$broken" "$work/again.txt" lost_wakeup item_lost_by_timeout two_locks reorder_5 --time 2
[ "$status" -eq 1 ] && ! grep -q ': a new bug ' "$work/again.txt" && grep -q ' 0 new bugs, [1-4] known' "$work/again.txt" ||
    { cat "$work/again.txt"; echo "a known bug was told of again"; exit 1; }
grep -q 'list-0 is no file of a corpus' "$work/again.txt.errors" || { echo "a damaged file was not told of"; exit 1; }
fuzz "$crashing" "$work/fuzz-crash.txt" --all --time 2
[ "$status" -eq 1 ] && [ "$(grep -c ': a new bug ' "$work/fuzz-crash.txt")" -eq 1 ] ||
    { cat "$work/fuzz-crash.txt"; echo "fuzzing did not survive a crash"; exit 1; }
fuzz "$quipu" "$work/fuzz-fine.txt" channel_cloned_receivers --time 1
[ "$status" -eq 0 ] || { cat "$work/fuzz-fine.txt"; echo "fuzzing what is right ended with $status"; exit 1; }
"$quipu" fuzz --all --cancel each 2>/dev/null && exit 1
"$quipu" fuzz 2>/dev/null && exit 1
echo "fuzzing: four bugs, once each"

# Shards: together they find what one machine would have found, whatever their number.
"$broken" explore --all --runs 1000 --json "$work/whole.json" --quiet >/dev/null 2>&1 || true
for shards in 2 5; do
    shard=1
    while [ "$shard" -le "$shards" ]; do
        CI_NODE_INDEX=$shard CI_NODE_TOTAL=$shards "$broken" explore --all --runs 1000 --quiet \
            --json "$work/part-$shards-$shard.json" >/dev/null 2>"$work/shard.txt" || true
        grep -q "shard $shard/$shards, as GitLab says" "$work/shard.txt" || { echo "no word of the shard"; exit 1; }
        shard=$((shard + 1))
    done
    status=0
    "$broken" merge "$work/part-$shards"-*.json --json "$work/merged.json" --junit "$work/merged.xml" >"$work/merge.txt" ||
        status=$?
    [ "$status" -eq 1 ] || { cat "$work/merge.txt"; echo "merge ended with $status"; exit 1; }
    for file in whole merged; do
        grep -E '"(name|case|failure|failures)":' "$work/$file.json" | sed 's|,$||' | sort >"$work/$file.found"
    done
    cmp "$work/whole.found" "$work/merged.found" || { echo "$shards shards found something else than one"; exit 1; }
done
refuses() { # ARGUMENTS...: a sentence, and status 2
    status=0
    "$broken" "$@" >/dev/null 2>"$work/refused.txt" || status=$?
    [ "$status" -eq 2 ] && [ -s "$work/refused.txt" ] || { echo "$* ended with $status"; exit 1; }
}
refuses merge
refuses merge "$work/part-2-1.json"
refuses merge "$work/part-2-1.json" "$work/part-2-1.json"
refuses merge "$work/part-2-1.json" "$work/part-5-2.json"
refuses merge "$work/first.txt"
refuses explore --all --shard 0/3
refuses explore --all --shard 4/3
refuses explore --all --shard x
refuses explore --all --exhaustive --strategy pct
refuses explore --all --exhaustive --cancel pairs
refuses explore --all --exhaustive --faults late
SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_MIN=5 SLURM_ARRAY_TASK_COUNT=4 "$quipu" run --all --seeds 0..7 --quiet \
    >"$work/shard-run.txt" 2>&1
grep -q "$(($("$quipu" list | wc -l) * 2)) runs, 0 failed" "$work/shard-run.txt" ||
    { cat "$work/shard-run.txt"; echo "the third of four shards did not run two of eight seeds"; exit 1; }
echo "shards: 2 and 5 find what one finds"
