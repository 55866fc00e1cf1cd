#!/bin/sh
# The real clock, sleep and entropy in simulated programs: check_ambient.sh AMBIENT_PROGRAM
set -eu
program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "check_ambient: $*"
    exit 1
}
names=$("$program" list | sed -n 's/^\(caught_[a-z0-9_]*\).*/\1/p')
# shellcheck disable=SC2086    # words
"$program" run $names --quiet >"$work/out" || fail "something was not caught: $(cat "$work/out")"
count=$(echo "$names" | wc -l)
[ "$count" -ge 16 ] || fail "only $count functions were tried"

# The sentence says what to use, and where the call stands.
"$program" run entropy >"$work/out" && fail 'entropy was not caught'
grep -q "task 1 'main' calls getrandom (addr2line -e .* says where).*use qp_random()" "$work/out" ||
    fail "no good sentence: $(cat "$work/out")"
if command -v addr2line >/dev/null; then
    place=$(sed -n 's/.*(\(addr2line -e [^ ]* 0x[0-9a-f]*\) says where).*/\1/p' "$work/out" | head -n 1)
    $place | grep -q 'ambient.c:[0-9]' || fail "$place says $($place)"
fi

"$program" run served --seeds 0..9 --ambient virtual --quiet >"$work/out" || fail "not served: $(cat "$work/out")"
"$program" verify served --ambient virtual --quiet >/dev/null || fail 'what is served is not the same twice'
"$program" run entropy --ambient allow --quiet >/dev/null || fail 'what is allowed was not let through'
"$program" verify entropy --ambient allow >"$work/out" 2>&1 && fail 'real entropy was taken for deterministic'
grep -q 'is not the same twice' "$work/out" || fail "verify says: $(cat "$work/out")"
"$program" run served --ambient nonsense 2>/dev/null && fail 'nonsense is taken'
echo "check_ambient: $count functions caught, served and let through"
