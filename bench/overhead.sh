#!/bin/sh
# What it costs that events are compiled in while nobody listens: instructions per operation, counted by callgrind, of
# the normal build and of one without events (QUIPU_NO_EVENTS), and their ratio.
#
#     bench/overhead.sh [NAME...]      by default the hot paths of tasks, channels, locks and timeouts
#
# An operation's count is that of a long run less that of a short one, so that beginning and ending cost nothing.
set -eu
cd -- "$(dirname -- "$0")/.."
short=1000
long=11000
[ $# -gt 0 ] || set -- 'yield, 1 task' 'yield, 1,000 tasks' 'spawn and join (coroutine)' 'spawn and join (resumable)' \
    'channel of 1' 'channel of 32' 'channel of 1,024' 'channel of 1,024, 4 producers' 'channel, unbounded' \
    'request and response' 'mutex, uncontended' 'mutex, 8 tasks across a yield' 'rwlock, read' \
    'semaphore, uncontended' 'semaphore, 8 tasks on 2 permits' 'barrier of 8' 'timeout around what is ready' \
    'timeout around one suspension'

if ! command -v valgrind >/dev/null 2>&1; then
    echo 'overhead.sh: valgrind is not installed, so instructions cannot be counted.' >&2
    exit 77
fi
for events in OFF ON; do
    cmake -S . -B "build-events-$events" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF \
        -DQUIPU_NO_EVENTS="$events" >"build-events-$events.log" 2>&1 &&
        ninja -C "build-events-$events" quipu-bench >>"build-events-$events.log" 2>&1 || {
        cat "build-events-$events.log" >&2
        exit 1
    }
    rm -f "build-events-$events.log"
done

instructions() {    # instructions PROGRAM NAME COUNT
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$1" "$2" --count "$3" 2>&1 |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

each() {    # each PROGRAM NAME: instructions per operation
    echo "$(instructions "$1" "$2" $long) $(instructions "$1" "$2" $short)" |
        awk -v operations=$((long - short)) '{ print ($1 - $2) / operations }'
}

printf '%-36s %12s %12s %8s\n' 'instructions per operation' 'with events' 'without' 'ratio'
for name in "$@"; do
    with=$(each build-events-OFF/quipu-bench "$name")
    without=$(each build-events-ON/quipu-bench "$name")
    echo "$with $without" | awk -v name="$name" '{ printf "%-36s %12.1f %12.1f %8.3f\n", name, $1, $2, $1 / $2 }'
done
