#!/bin/bash
# The key-value server of the examples as a program: check_kv_server.sh PROGRAM QUIPU WORK
#
# It is asked over TCP, ended by SIGTERM, and started again on the same file, whose last line was cut off. Its trace on the
# real clock holds every contract. What makes no sense is said, and ends it with 2. (bash, for its /dev/tcp.)
set -eu

program=$1
quipu=$2
work=$3
rm -rf "$work"
mkdir -p "$work"

fail() {
    echo "check_kv_server: $1" >&2
    [ -z "${server-}" ] || kill -KILL "$server" 2>/dev/null || true
    exit 1
}

start() {
    : >"$work/$1.out"    # it is read from at once, maybe before the program has opened it
    QUIPU_TRACE=$work/$1.jsonl "$program" 0 "$work/data" >"$work/$1.out" 2>"$work/$1.err" &
    server=$!
    for _ in {1..200}; do
        port=$(sed -n 's/^listening on 127.0.0.1:\([0-9]*\)$/\1/p' "$work/$1.out")
        [ -z "$port" ] || return 0
        sleep 0.05
    done
    fail 'does not listen'
}

# Sends what is said, and compares with what is answered.
talk() {
    exec 3<>"/dev/tcp/127.0.0.1/$port" || fail 'does not accept'
    printf '%b' "$1" >&3
    for expected in "${@:2}"; do
        read -r -t 20 answer <&3 || fail "no answer, where '$expected' should come"
        [ "$answer" = "$expected" ] || fail "'$answer' instead of '$expected'"
    done
}

stop() {
    kill -TERM "$server"
    wait "$server" || fail "ended with $? by SIGTERM"
    exec 3>&-
    grep -q 'everything is written$' "$work/$1.out" || fail 'does not say that everything is written'
    "$quipu" check --quiet "$work/$1.jsonl" || fail 'breaks a contract'
    server=''
}

start first
talk 'SET a 1\nSET b 2\nDEL a\nGET b\n' OK OK OK 'VALUE 2'
stop first
printf 'SET b 7' >>"$work/data"
start second
talk 'GET a\nGET b\nSET c 3\nQUIT\n' NONE 'VALUE 2' OK BYE
stop second
[ "$(tail -n 1 "$work/data")" = 'SET c 3' ] || fail 'the file does not end with what was set last'

for arguments in "99999 $work/data" "x $work/data" "0 $work/none/data" '1 2 3' 0 99; do
    status=0
    # shellcheck disable=SC2086    # several words
    "$program" $arguments >"$work/said" 2>&1 || status=$?
    [ "$status" -eq 2 ] && grep -q '^usage: \|^kv_server: ' "$work/said" || fail "'$arguments' ends with $status"
done
