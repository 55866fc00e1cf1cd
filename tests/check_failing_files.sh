#!/bin/sh
# Whatever fails of what a command asks of the file system, it ends with 2, or as it would have otherwise; it says so
# where that was opening, writing or naming a file, or making a folder; and no file that has its name is half of one.
# Each operation fails in turn, of each command:
#
#     check_failing_files.sh LIBRARY QUIPU QUIPU_BROKEN WORK_DIR
set -eu
library=$1
quipu=$2
broken=$3
work=$4
rm -rf "$work"
mkdir -p "$work"
cd "$work"

fail() {
    echo "with its operation $at failing ($(cat failed)), this $*: $command"
    cat told.txt
    exit 1
}

# What stands in `out`, also what stood there before: each is whole.
check_whole() {
    for file in out/* out/*/*; do
        case $file in
        *'*') ;;
        *.tmp) fail "left $file behind" ;;
        *.jsonl) "$quipu" check "$file" --quiet >check.txt 2>&1 || [ $? -ne 2 ] || fail "left a part of $file" ;;
        *.json) tail -n 1 "$file" | grep -q '[]}]$' || fail "left a part of $file" ;;
        *.html) [ "$(tail -n 1 "$file")" = '</html>' ] || fail "left a part of $file" ;;
        *.xml) [ "$(tail -n 1 "$file")" = '</testsuites>' ] || fail "left a part of $file" ;;
        esac
    done
}

# each STATUS COMMAND...: where nothing fails, it ends with that status.
operations=0
each() {
    expected=$1
    shift
    command=$*
    at=1
    while :; do
        rm -rf out failed
        mkdir out
        cp first.jsonl result.json result.xml out
        status=0
        LD_PRELOAD=$library QUIPU_FAIL_AT=$at QUIPU_FAILED=$work/failed "$@" >told.txt 2>&1 || status=$?
        if [ ! -e failed ]; then
            [ "$status" -eq "$expected" ] || { echo "this ended with $status: $command"; cat told.txt; exit 1; }
            check_whole
            break
        fi
        [ "$status" -eq 2 ] || [ "$status" -eq "$expected" ] || fail "ends with $status"
        if [ "$status" -eq 2 ] || grep -q '^\(open\|write\|rename\|mkdir\) ' failed; then
            grep -q '^quipu: ' told.txt || fail "says nothing"
        fi
        check_whole
        at=$((at + 1))
    done
    [ "$at" -gt 1 ] || { echo "this asks nothing of the file system: $command"; exit 1; }
    operations=$((operations + at - 1))
}

name=stack_aba
"$broken" explore "$name" --seed 1 --out . --json result.json --junit result.xml --shard 1/1 >check.txt 2>&1 || true
mv "$name.jsonl" first.jsonl

each 0 "$broken" run "$name" --seeds 0..1 --every --out out/traces
each 1 "$broken" explore "$name" --runs 300 --out out/traces --view --json out/result.json --junit out/result.xml
each 1 "$broken" explore "$name" --runs 300 --jobs 2 --out out/traces --json out/result.json
each 1 "$quipu" merge out/result.json --junit out/result.xml --json out/result.json
each 1 "$broken" shrink out/first.jsonl
each 1 "$broken" replay out/first.jsonl
each 0 "$quipu" check out/first.jsonl --junit out/check.xml
each 0 "$quipu" view out/first.jsonl --out out/page.html
each 0 "$quipu" export out/first.jsonl --perfetto out/perfetto.json
each 0 "$quipu" show out/first.jsonl
echo "$operations operations failed, each once"
