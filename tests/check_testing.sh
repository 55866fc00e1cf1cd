#!/bin/sh
# docs/testing.md is true: check_testing.sh SOURCE BUILD CC.
#
# Each program that it shows is compiled by the line that it gives, against an installed tree, and finds what it says; the
# message of the cmocka test is the one that it prints, to the letter. A framework that is not here is left out.
set -eu
source=$(CDPATH='' cd -- "$1" && pwd)
build=$2
cc=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "check_testing: $*"
    exit 1
}
command -v pkg-config >/dev/null || { echo 'check_testing: no pkg-config here: skipped'; exit 77; }
page=$source/docs/testing.md
for component in library development; do
    cmake --install "$build" --prefix "$work/tree" --component $component >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
done
pc=$(find "$work/tree" -name quipu.pc)
PKG_CONFIG_PATH=$(dirname "$pc")${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
LD_LIBRARY_PATH=$(dirname "$(dirname "$pc")")
export PKG_CONFIG_PATH LD_LIBRARY_PATH

# The files that it shows, each named in its first line; and the message that it shows.
mkdir "$work/server"
cd "$work/server"
awk '
    /^```(c|cpp)$/ { named = 1; next }
    /^```/ { file = ""; named = 0 }
    named && /^\/\* [a-z_.]+ \*\/$/ { file = $2; named = 0; programs++ }
    named { print FILENAME ":" FNR ": the block names no file"; exit 1 }
    file { print > file }' "$page" || fail 'the page has blocks that cannot be tried'
awk '/^```$/ && !inside { inside = 1; next } /^```[a-z]/ { inside = 2; next } /^```$/ { inside = 0; next } inside == 1' \
    "$page" >"$work/shown"

# compile NAME PACKAGE: by the page's lines, from the block that makes it
compile() {
    pkg-config --exists "$2" || { echo "check_testing: no $2 here: its example was not tried"; return 1; }
    lines=$(awk -v name="$1" '
        /^```sh$/ { text = ""; inside = 1; next }
        /^```/ && inside { if (index(text, "-o " name "\n")) print text; inside = 0 }
        inside { text = text $0 "\n" }' "$page")
    [ -n "$lines" ] || fail "the page does not say how $1 is compiled"
    sh -ec "cc() { command '$cc' -Wall -Wextra -Werror \"\$@\"; }
$lines" >"$work/log" 2>&1 || { cat "$work/log"; fail "$1 does not compile"; }
}
# fails STATUS PROGRAM [TEXT]: it ends so, and tells of what it found
fails() {
    got=0 text=${3:-assertion failed: server.served == 1 (0 and 1)}
    # Its own shell says how it was ended, which is nothing to read here.
    sh -c "./$2; exit \$?" >"$work/out" 2>"$work/err" || got=$?
    [ "$got" -eq "$1" ] || { cat "$work/out" "$work/err"; fail "$2 exited with $got and not with $1"; }
    [ "$1" -eq 0 ] || grep -qF "$text" "$work/out" "$work/err" ||
        { cat "$work/out" "$work/err"; fail "$2 does not say what it found"; }
}

if compile test_cmocka cmocka; then
    fails 1 test_cmocka
    grep -vE '^\[|^$| FAILED TEST' "$work/err" | sed "s|$work/server/|/home/you/server/|" >"$work/said"
    diff -u "$work/shown" "$work/said" || fail 'cmocka prints another message than docs/testing.md'
    grep -q '^\[       OK \] test_of_one_task' "$work/out" || fail 'the second cmocka test does not pass'
    # Again by its trace; and mended, it passes, by the trace and without.
    QUIPU_REPLAY=$work/server/quipu-out/first_request_is_served.jsonl
    export QUIPU_REPLAY
    fails 1 test_cmocka
    grep -q '^first_request_is_served: FAILED in the execution of ' "$work/err" || fail 'the trace was not replayed'
    sed 's/{0, 0}/{3, 0}/' server.c >mended.c
    mv server.c broken.c
    mv mended.c server.c
    compile test_cmocka cmocka
    fails 0 test_cmocka
    unset QUIPU_REPLAY
    fails 0 test_cmocka
    QUIPU_REPLAY=$work/server/server.c
    export QUIPU_REPLAY
    fails 2 test_cmocka "first_request_is_served: $work/server/server.c:1:"
    unset QUIPU_REPLAY
    mv broken.c server.c
fi
! compile test_check check || fails 1 test_check
! compile test_google gtest_main || fails 1 test_google
compile test_plain quipu
fails 134 test_plain

# CTest alone: of the two tests the first finds what the others find.
awk '/^```cmake$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$page" >CMakeLists.txt
printf '%s\n' '#!/bin/sh' "$(awk '/^```sh$/ { text = ""; inside = 1; next }
    /^```/ && inside { if (index(text, "ctest ")) print text; inside = 0 } inside { text = text $0 "\n" }' "$page")" >by_ctest
chmod +x by_ctest
CC=$cc CMAKE_PREFIX_PATH=$work/tree
export CC CMAKE_PREFIX_PATH
fails 8 by_ctest
grep -q ' a_pause .* Passed ' "$work/out" && grep -q ' first_request .*Failed ' "$work/out" ||
    { cat "$work/out"; fail 'of the two tests of CTest the first does not fail, or the second does'; }

echo "check_testing: docs/testing.md does what it says"
