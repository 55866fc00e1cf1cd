#!/bin/sh
# What the libraries show to the outside: check_symbols.sh INCLUDE BUILD.
#
#  - the shared library exports what the public headers declare, all of it and nothing else;
#  - the static one has no global name without our prefix, so that it meets none of a user's program;
#  - what is a thread's own is small enough for a library that is opened by dlopen when all threads are there.
set -eu
include=$1
build=$2
command -v nm >/dev/null && command -v readelf >/dev/null || { echo 'check_symbols: no nm or readelf here: skipped'; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
wrong() {
    echo "check_symbols: $*"
    status=1
}

cat "$include"/quipu/*.h | grep -oE '\b(qp|quipu)_[A-Za-z0-9_]+' | LC_ALL=C sort -u >"$work/declared"
nm -D -P --defined-only "$build/libquipu.so" | awk '{ print $1 }' | LC_ALL=C sort -u >"$work/exported"
nm -P -g "$build/whole/libquipu.a" 2>/dev/null | awk 'NF > 2 && $2 != "U" { print $1 }' | LC_ALL=C sort -u >"$work/defined"
[ -s "$work/exported" ] || wrong 'libquipu.so exports nothing'

LC_ALL=C comm -23 "$work/exported" "$work/declared" | while read -r name; do
    echo "exported, and in no public header: $name"
done >"$work/leaks"
[ ! -s "$work/leaks" ] || wrong "$(cat "$work/leaks")"

LC_ALL=C comm -12 "$work/declared" "$work/defined" | LC_ALL=C comm -23 - "$work/exported" >"$work/hidden"
[ ! -s "$work/hidden" ] ||
    wrong "in a public header, and hidden (is it outside the header's visibility pragmas?): $(cat "$work/hidden")"

nm -P -g "$build/libquipu.a" 2>/dev/null | awk 'NF > 2 && $2 ~ /^[A-TV-Z]$/ && $1 !~ /^(qp_|quipu_|__)/ { print $1 }' >"$work/names"
# Second definitions of the C library's functions, on purpose.
sed -n 's/^AMBIENT(\([a-z0-9_]*\),.*/\1/p' "$include/../tools/ambient.def" >"$work/ambient"
grep -vxFf "$work/ambient" "$work/names" >"$work/others" || true
mv "$work/others" "$work/names"
[ ! -s "$work/names" ] || wrong "global in libquipu.a without a prefix: $(cat "$work/names")"

own=$(readelf -lW "$build/libquipu.so" | awk '$1 == "TLS" { print $6 }')
[ $((own)) -le 512 ] || wrong "a thread's own data are $((own)) bytes; dlopen has room for a few hundred"

[ "$status" -ne 0 ] || echo "check_symbols: $(wc -l <"$work/exported") names are exported, $((own)) bytes are a thread's own"
exit "$status"
