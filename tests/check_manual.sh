#!/bin/sh
# The manual's pages are whole and clean: check_manual.sh SOURCE BUILD.
#
#  - there is one for the command, which has every command and option of its table, and one for each public header;
#  - each exported function that a header documents is found by its name, and a macro that stands for one is shown as one;
#  - mandoc or groff reads them without a word.
set -eu
source=$1
man=$2/man
quipu=$2/quipu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
wrong() {
    echo "check_manual: $*"
    status=1
}

# What a page says, without its fonts and hyphens.
plain() {
    sed -e 's/\\f[BIR]//g' -e 's/\\-/-/g' -e 's/\\e/\\/g' -e "s/\\\\(aq/'/g" "$@"
}

for header in "$source"/include/quipu/*.h; do
    name=$(basename "$header" .h)
    [ -s "$man/man3/quipu_$name.3" ] || wrong "no page for <quipu/$name.h>"
done
plain "$man/man1/quipu.1" >"$work/quipu.1"
"$quipu" help --table >"$work/table"
awk -F '\t' '$1 == "command" { print ".SS " $2 }
    $1 == "option" && !seen[$3]++ { print $3 }' "$work/table" | while read -r line; do
    grep -qF -e "$line" "$work/quipu.1" || echo "quipu(1) has no '$line'"
done >"$work/missing"
[ ! -s "$work/missing" ] || wrong "$(cat "$work/missing")"

# Each function of which a comment speaks directly has a page, which shows it.
cat "$source"/include/quipu/*.h | awk '
    /\*\/$/ { told = 1; next }
    told && match($0, /(qp|quipu)_[a-z0-9_]+\(/) && !/^#|^ |^static|^template|^typedef|^struct [a-z_]+ \{|^enum [a-z_]+ \{/ {
        print substr($0, RSTART, RLENGTH - 1)
    }
    { told = 0 }' | LC_ALL=C sort -u >"$work/functions"
[ "$(wc -l <"$work/functions")" -gt 50 ] || wrong "only $(wc -l <"$work/functions") functions were found in the headers"
while read -r name; do
    page=$man/man3/$name.3
    [ -e "$page" ] || { echo "no page leads to $name"; continue; }
    so=$(sed -n 's/^\.so //p' "$page")
    # The page of <quipu/main.h> leads on to the one that has quipu_main().
    [ "$name" != quipu_main ] || so=man3/quipu_scenario.3
    plain "$man/${so:-man3/$name.3}" | grep -q "[ *]$name(" || echo "the page for $name does not show it"
done <"$work/functions" >"$work/missing"
[ ! -s "$work/missing" ] || wrong "$(cat "$work/missing")"

shows() {    # shows PAGE LINE
    plain "$man/man3/$1.3" | grep -qxF -e "$2" || wrong "$1(3) does not show: $2"
}
shows quipu_channel 'struct qp_future *qp_send(struct qp_sender *sender, void *value);'
shows quipu_time 'struct qp_future *qp_sleep(double seconds);'
shows quipu_status 'QP_TIMEOUT'
shows quipu_event 'future.ready'
shows quipu_quipu 'quipu_channel(3)'

if command -v mandoc >/dev/null; then
    reader='mandoc'
    for page in "$man"/man1/*.1 "$man"/man3/quipu_*.3; do
        mandoc -Tlint -Wstyle "$page" || true
    done >"$work/words" 2>&1
elif command -v groff >/dev/null; then
    reader='groff'
    for page in "$man"/man1/*.1 "$man"/man3/quipu_*.3; do
        groff -man -ww -z -Tutf8 "$page" || true
    done >"$work/words" 2>&1
else
    [ "$status" -eq 0 ] || exit 1
    echo 'check_manual: the pages are whole; no mandoc and no groff here to read them: skipped'
    exit 77
fi
[ ! -s "$work/words" ] || wrong "$reader says: $(head -20 "$work/words")"
[ "$status" -ne 0 ] || echo "check_manual: $(ls "$man"/man3 | wc -l) pages, of which $reader says nothing"
exit "$status"
