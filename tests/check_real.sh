#!/bin/sh
# The catalogue on the real clock: check_real.sh QUIPU WORK
#
# Every scenario, with the assertions that it makes of a simulated run but for what it says is decided by time; and its
# trace, which has the same form and is judged by the same rules. Then once more while nobody listens, as in production:
# much takes a shorter way there. Several at a time, for they mostly wait. One that fails gets further chances, and that
# is said: somebody else may have had the processor when a deadline came.
set -eu

quipu=$1
work=$2
rm -rf "$work"
mkdir -p "$work"

# shellcheck disable=SC2016    # for the inner shell to expand
one='
    for chance in 1 2 3 4 5 6 7 8 9; do
        "$0" run "$2" --real --quiet --trace "$1/$2.jsonl" >"$1/$2.log" 2>&1 &&
            "$0" check --quiet "$1/$2.jsonl" >"$1/$2.log" 2>&1 &&
            "$0" run "$2" --real --no-check --quiet >"$1/$2.log" 2>&1 && exit 0
        echo "$2, chance $chance:"
        cat "$1/$2.log"
        sleep 0.2
    done
    touch "$1/failed"'
"$quipu" list | cut -d ' ' -f 1 | xargs -P 6 -n 1 sh -c "$one" "$quipu" "$work"

traces=$(find "$work" -name '*.jsonl' | wc -l)
scenarios=$("$quipu" list | wc -l)
[ ! -e "$work/failed" ] || { echo 'check_real: a scenario does not hold on the real clock' >&2; exit 1; }
[ "$traces" -eq "$scenarios" ] || { echo "check_real: $scenarios scenarios, and $traces traces" >&2; exit 1; }
head -n 1 "$work/time_sleep.jsonl" | grep -q '"strategy":"real"' || { echo 'check_real: no trace of the real clock' >&2; exit 1; }

# What is decided by time is asserted only there, and only where a scenario says so.
"$quipu" list | grep -q '^race_timeout .*by time: ' || { echo 'check_real: list does not say what time decides' >&2; exit 1; }
echo "$scenarios scenarios on the real clock, each with a trace that breaks no rule"
