#!/bin/sh
# The installed tree, alone, in a prefix that was moved: check_install.sh SOURCE BUILD CC VERSION [TREE].
# With a TREE it is that one, in the place of one that is installed from BUILD.
#
#  - a project that uses find_package builds against it, static and shared, in C and in C++; so does one by pkg-config,
#    and README's own program by README's own line; each runs through quipu_main, and all of them go the same way;
#  - nothing in it names the folders that it was built or first installed in;
#  - a project that has the checkout as a folder is configured.
set -eu
source=$(CDPATH='' cd -- "$1" && pwd)
build=$2
cc=$3
version=$4
tree=${5-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "check_install: $*"
    exit 1
}
quietly() {
    "$@" >"$work/log" 2>&1 || { cat "$work/log"; fail "this failed: $*"; }
}
# expect STATUS COMMAND...: it exits so; what it said is in the log
expect() {
    wanted=$1 got=0
    shift
    "$@" >"$work/log" 2>&1 || got=$?
    [ "$got" -eq "$wanted" ] || { cat "$work/log"; fail "$* exited with $got and not with $wanted"; }
}

# ---- the tree ----

prefix=$tree
if [ -z "$tree" ]; then
    quietly cmake --install "$build" --prefix "$work/first"
    mv "$work/first" "$work/moved"
    prefix=$work/moved
fi
pc=$(find "$prefix" -name quipu.pc)
libdir=$(dirname "$(dirname "$pc")")
for file in "$libdir/libquipu.a" "$libdir/libquipu.so" "$libdir/libquipu.so.$version" "$prefix/bin/quipu" \
    "$prefix/share/bash-completion/completions/quipu" "$prefix/include/quipu/quipu.h" "$prefix/include/quipu/events.def"; do
    [ -e "$file" ] || fail "not installed: ${file#"$prefix"/}"
done
if [ -d "$build/man" ]; then
    for page in man3/quipu_channel.3 man3/qp_recv.3 man1/quipu.1; do
        gzip -cdf "$prefix/share/man/$page"* | grep -q quipu || fail "the manual is not installed: $page"
    done
fi
for header in "$source"/include/quipu/*; do
    cmp -s "$header" "$prefix/include/quipu/${header##*/}" || fail "installed otherwise than it is: ${header##*/}"
done
if grep -rlF -e "$source" -e "$work/first" "$prefix/lib" "$prefix/include" --include='*.cmake' --include='*.pc' --include='*.h'; then
    fail 'these name the folder that they were made in'
fi

# Whether a program of jobs.c does what it should; its trace goes to $work/NAME.jsonl.
use() {    # use NAME PROGRAM
    expect 0 "$2" version
    grep -qx "$version" "$work/log" || fail "$1 says that it is version $(cat "$work/log")"
    expect 0 "$2" run jobs_are_counted --seeds 0..49 --quiet
    expect 0 "$2" run jobs_are_counted --seed 7 --param producers=3 --trace "$work/$1.jsonl"
    expect 0 "$2" replay "$work/$1.jsonl"
    expect 0 "$2" check "$work/$1.jsonl"
    expect 1 "$2" explore one_is_lost --runs 64 --jobs 1 --out "$work/found"
    grep -q 'assertion failed: seen == complain() (1 and 2)' "$work/log" || fail "$1 did not tell what it found"
    expect 2 "$2" run no_such_scenario
    cmp -s "$work/$1.jsonl" "$work/shared.jsonl" || fail "$1 goes another way than the program that is linked shared"
}

# ---- by find_package ----

quietly cmake -G Ninja -S "$source/tests/outside" -B "$work/outside" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" \
    -DCMAKE_BUILD_TYPE=Debug
quietly cmake --build "$work/outside"
for kind in shared static quipu; do
    use $kind "$work/outside/jobs_$kind"
done
readelf -d "$work/outside/jobs_shared" | grep -q 'NEEDED.*libquipu\.so\.' || fail 'jobs_shared does not use libquipu.so'
if readelf -d "$work/outside/jobs_static" "$work/outside/jobs_quipu" | grep -q 'NEEDED.*libquipu'; then
    fail 'jobs_static uses libquipu.so'
fi
expect 0 "$work/outside/clockwork" run --all --seeds 0..9 --quiet
expect 0 "$prefix/bin/quipu" run --all --seed 3 --quiet

# ---- by pkg-config, and by hand ----

if command -v pkg-config >/dev/null; then
    PKG_CONFIG_PATH=$libdir/pkgconfig
    LD_LIBRARY_PATH=$libdir
    export PKG_CONFIG_PATH LD_LIBRARY_PATH
    [ "$(pkg-config --modversion quipu)" = "$version" ] || fail 'pkg-config gives another version'
    # shellcheck disable=SC2046    # words
    quietly "$cc" -std=c11 -Wall -Wextra -Werror "$source/tests/outside/jobs.c" $(pkg-config --cflags --libs quipu) -o "$work/jobs"
    use pkgconfig "$work/jobs"
    quietly "$cc" -std=c11 "$source/tests/outside/jobs.c" "-I$prefix/include" "$libdir/libquipu.a" -lxxhash -lcjson -luv -o "$work/jobs"
    use by_hand "$work/jobs"
    # The line that README gives, for the program that README shows.
    sed -n '/^```c$/,/^```$/{/^```/d;p}' "$source/README.md" >"$work/no_job_is_lost.c"
    line=$(grep '^cc .*pkg-config' "$source/README.md") || fail 'README has no line that compiles by pkg-config'
    (cd "$work" && quietly sh -ec "cc() { command '$cc' \"\$@\"; }
$line") || exit 1
    expect 0 "$work/no_job_is_lost" run --all --seeds 0..99 --quiet
else
    echo 'check_install: no pkg-config here: not tried'
fi

# ---- as a folder ----

quietly cmake -G Ninja -S "$source/tests/outside" -B "$work/folder" -DQUIPU_SOURCE="$source" -DCMAKE_C_COMPILER="$cc"
grep -q 'jobs_static.*libquipu\.a' "$work/folder/build.ninja" || fail 'as a folder it is not linked'

echo "check_install: the installed tree serves static and shared, C and C++, find_package, pkg-config and a folder"
