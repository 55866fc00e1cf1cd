#!/bin/sh
# Recorded failures in programs that were edited since: check_drift.sh PROGRAM FOLDER_OF_EDITED WORK_DIR
# PROGRAM-EDIT is the program with an edit; see drifting.c for which there are.
set -eu
program=$1
edited=$2
work=$3
rm -rf "$work"
mkdir -p "$work"
fail() {
    echo "check_drift: $*"
    exit 1
}
exit_of() { # FILE COMMAND...
    file=$1
    shift
    status=0
    "$@" >"$file" 2>&1 || status=$?
}

# The first failures of each scenario, by several strategies: as they were, and as small as they can be.
for scenario in $("$program" list | sed 's/ .*//'); do
    for strategy in random pos portfolio; do
        for seed in 0 1; do
            name=$work/$scenario-$strategy-$seed
            mkdir -p "$name"
            "$program" explore "$scenario" --strategy "$strategy" --seed "$seed" --jobs 1 --out "$name" --quiet >/dev/null &&
                fail "$scenario does not fail"
            mv "$name/$scenario.jsonl" "$name.jsonl"
        done
    done
done
seed=0
long=0
while [ "$long" -lt 4 ]; do
    "$program" run looks_thrice --seed "$seed" --trace "$work/long.jsonl" --quiet >/dev/null ||
        { mv "$work/long.jsonl" "$work/long-$seed.jsonl"; long=$((long + 1)); }
    seed=$((seed + 1))
done

# They come again after a harmless edit, by other choices; what was found is the program's own failure, and gets small.
count=0
otherwise=0
for trace in "$work"/*.jsonl; do
    for edit in lines yield task less; do
        exit_of "$work/said" "$edited-$edit" replay "$trace" --drift
        [ "$status" -eq 1 ] || { cat "$work/said"; fail "$trace does not come again after the edit '$edit': $status"; }
        exit_of "$work/said" "$edited-$edit" replay "$trace"
        [ "$status" -eq 1 ] || otherwise=$((otherwise + 1))
        count=$((count + 1))
    done
    exit_of "$work/said" "$edited-task" shrink "$trace" --drift --out "$work/new.json"
    [ "$status" -eq 1 ] || { cat "$work/said"; fail "$trace is not made small after an edit: $status"; }
    exit_of "$work/said" "$edited-task" replay "$work/new.json"
    [ "$status" -eq 1 ] || { cat "$work/said"; fail "what was made of $trace does not replay: $status"; }
    # and not when it was mended
    exit_of "$work/said" "$edited-mended" replay "$trace" --drift
    [ "$status" -eq 3 ] && grep -q 'does not end as it did' "$work/said" && grep -q 'now, at the end' "$work/said" ||
        { cat "$work/said"; fail "$trace comes again in the program that was mended: $status"; }
    exit_of "$work/said" "$program" replay "$trace" --drift
    [ "$status" -eq 1 ] || { cat "$work/said"; fail "$trace does not come again in the same program"; }
done
[ "$otherwise" -gt 0 ] || fail 'the numbers of the choices alone would have done'

# What held, holds.
"$program" run wakes_in_order --seed 0 --trace "$work/fine.jsonl" --quiet >/dev/null
"$edited-task" replay "$work/fine.jsonl" --drift >/dev/null 2>&1 || fail 'what held does not hold after an edit'

# Where they part.
trace=$(ls "$work"/long-*.jsonl | head -n 1)
exit_of "$work/said" "$edited-mended" replay "$trace" --drift
grep -q 'every step is as recorded' "$work/said" || { cat "$work/said"; fail 'it does not say that all steps are there'; }
exit_of "$work/said" "$edited-gone" replay "$trace" --drift
grep -q 'they part at event' "$work/said" && grep -q 'now: the last of that task: no such task' "$work/said" ||
    { cat "$work/said"; fail 'it does not say where they part'; }
echo "check_drift: $count times a failure came again in an edited program; $otherwise times its numbers had changed"
