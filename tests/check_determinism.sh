#!/bin/sh
# The same seed gives the same trace, to the byte: in two fresh processes, with other compilers, at other optimisation.
#
#   check_determinism.sh SOURCE_DIR QUIPU WORK_DIR [LAST_SEED]
#
# Builds the command again with each variant that the machine has a compiler for, writes the traces of every scenario
# under seeds 0..LAST_SEED (99) with each of them, and compares the folders.
set -eu
source=$1 quipu=$2 work=$3 last=${4:-99}
rm -rf "$work/traces"
mkdir -p "$work/traces"

write() { # NAME COMMAND: the traces of that command, as one list of checksums
    mkdir -p "$work/traces/$1"
    (cd "$work/traces/$1" && "$2" run --all --seeds "0..$last" --out . --every --quiet >/dev/null) || [ $? -eq 1 ] # a failed scenario is the business of another test
    (cd "$work/traces/$1" && find . -name '*.jsonl' | LC_ALL=C sort | xargs sha256sum) >"$work/$1.sums"
    rm -rf "$work/traces/$1"
}

compare() { # NAME: against the first
    if ! cmp -s "$work/first.sums" "$work/$1.sums"; then
        echo "the traces of '$1' differ from the first ones:"
        diff "$work/first.sums" "$work/$1.sums" | head -n 6
        exit 1
    fi
    echo "$1: $(wc -l <"$work/$1.sums") traces, the same to the byte"
}

build() { # NAME COMPILER FLAGS
    cmake -S "$source" -B "$work/$1" -G Ninja -DCMAKE_C_COMPILER="$2" -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS="$3" \
        -DBUILD_TESTING=OFF >/dev/null
    ninja -C "$work/$1" --quiet quipu
}

write first "$quipu"
[ -s "$work/first.sums" ] || { echo "there are no traces to compare"; exit 1; }
write second "$quipu"
compare second
for variant in "gcc-O0 gcc -O0" "gcc-O3 gcc -O3" "clang-O2 clang -O2" "clang-O0 clang -O0"; do
    set -- $variant
    if ! command -v "$2" >/dev/null 2>&1; then
        echo "$1: skipped, there is no $2 on this machine"
        continue
    fi
    build "$1" "$2" "$3"
    write "$1" "$work/$1/quipu"
    compare "$1"
done
