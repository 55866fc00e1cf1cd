#!/bin/sh
# Fuzzers whose input is the list of choices, each for a few seconds: libFuzzer and AFL++ find a planted race, and their
# input finds it again in a program without them: check_fuzzers.sh SOURCE BUILD FUZZ_SCHEDULE_MAIN
set -u
source=$1
build=$2
plain=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "check_fuzzers: $*"
    exit 1
}
# stack_aba needs a schedule of its own; every input is one.
QUIPU_SCENARIO=stack_aba
export QUIPU_SCENARIO
libraries="$build/libquipu.a $(pkg-config --libs libxxhash libcjson libuv) -lpthread"
done=''

comes_again() { # FUZZER INPUT
    "$plain" "$2" >"$work/again" 2>&1 && fail "what $1 found does not fail in a program without it"
    grep -q 'minimised in' "$work/again" || { cat "$work/again"; fail "what $1 found is not told"; }
}

if command -v clang >/dev/null && echo 'int LLVMFuzzerTestOneInput(const char *d, long n); int LLVMFuzzerTestOneInput(
    const char *d, long n) { return !d && n; }' | clang -fsanitize=fuzzer -x c - -o "$work/probe" 2>/dev/null; then
    # shellcheck disable=SC2086    # words
    clang -std=c11 -O1 -g -fsanitize=fuzzer -I"$source/include" "$source/tests/fuzz/fuzz_schedule.c" \
        "$source"/scenarios/broken/*.c $libraries -o "$work/libfuzzer" || fail 'the harness does not build for libFuzzer'
    (cd "$work" && ./libfuzzer -max_total_time=20 -max_len=256 -artifact_prefix="$work/found-" >"$work/out" 2>&1) &&
        { tail -n 5 "$work/out"; fail 'libFuzzer found nothing in 20 s'; }
    comes_again libFuzzer "$(ls "$work"/found-crash-*)"
    done="$done libFuzzer"
else
    echo 'check_fuzzers: there is no clang with libFuzzer: not tried'
fi

if command -v afl-fuzz >/dev/null && command -v afl-cc >/dev/null; then
    # shellcheck disable=SC2086
    AFL_QUIET=1 afl-cc -std=c11 -O1 -g -DFUZZ_MAIN -I"$source/include" "$source/tests/fuzz/fuzz_schedule.c" \
        "$source"/scenarios/broken/*.c $libraries -o "$work/afl" >"$work/out" 2>&1 ||
        { cat "$work/out"; fail 'the harness does not build for AFL++'; }
    mkdir "$work/in"
    printf '\000\001\002\003\000\001\002\003' >"$work/in/seed"
    AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_BENCH_UNTIL_CRASH=1 \
        afl-fuzz -V 20 -i "$work/in" -o "$work/afl-out" -- "$work/afl" @@ >"$work/out" 2>&1
    found=$(ls "$work"/afl-out/default/crashes/id* 2>/dev/null | head -n 1)
    [ -n "$found" ] || { tail -n 20 "$work/out"; fail 'AFL++ found nothing in 20 s'; }
    comes_again AFL++ "$found"
    done="$done AFL++"
else
    echo 'check_fuzzers: there is no afl++: not tried'
fi

[ -n "$done" ] || exit 77
echo "check_fuzzers: the planted race was found by$done"
