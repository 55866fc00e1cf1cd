#!/bin/sh
# What the commands say of themselves is whole: check_help.sh QUIPU. Completion and manual are made of it.
#
#  - each option that a command takes is described in its help, and each that its help speaks of is taken;
#  - each word that a value may be is taken, and a word that it may not be is refused.
set -eu
quipu=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
wrong() {
    echo "check_help: $*"
    status=1
}

"$quipu" help --table >"$work/table"
awk -F '\t' '$1 == "command" { print $2 }' "$work/table" >"$work/commands"
"$quipu" --help | sed -n 's/^  \([a-z]*\) .*/\1/p' | cmp -s - "$work/commands" ||
    wrong "--help and help --table name other commands"

while read -r command; do
    "$quipu" help "$command" >"$work/help"
    "$quipu" "$command" --help | cmp -s - "$work/help" || wrong "help $command and $command --help differ"
    awk -F '\t' -v command="$command" '$1 == "option" && $2 == command { print $3 }' "$work/table" |
        LC_ALL=C sort >"$work/taken"
    # Those of the usage, and those that a line of the help begins with.
    { sed -n '1s/--/\n--/gp' "$work/help"; sed -n 's/^  --/--/p' "$work/help"; } |
        sed -n 's/^\(--[a-z-]*\).*/\1/p' | LC_ALL=C sort -u >"$work/said"
    cmp -s "$work/taken" "$work/said" ||
        wrong "options of $command, taken (<) and said (>): $(diff "$work/taken" "$work/said" | grep '^[<>]')"
done <"$work/commands"

awk -F '\t' '$NF == "" { print $2, $3 }' "$work/table" >"$work/silent"
[ ! -s "$work/silent" ] || wrong "nothing is said of $(cat "$work/silent")"

# With a value that it takes a command has nothing to complain of.
scenario=$("$quipu" list | sed -n '1s/ .*//p')
awk -F '\t' '$1 == "command" { operands = $3 }
    $1 == "option" && $4 ~ /\|/ { print $2, $3, $4, operands }' "$work/table" >"$work/worded"
[ -s "$work/worded" ] || wrong 'no option has words for a value'
while read -r command option words operands; do
    operand=''
    case $operands in NAME*) operand=$scenario ;; esac
    ! grep -q "^option	$command	--runs	" "$work/table" || operand="$operand --runs 1"
    ! grep -q "^option	$command	--corpus	" "$work/table" || operand="$operand --time 1 --corpus $work/corpus"
    for word in $(echo "$words" | tr '|' ' ') no-such-word; do
        case $word in [A-Z]*) continue ;; esac
        taken=yes
        # shellcheck disable=SC2086    # words, or none
        timeout 60 "$quipu" "$command" $operand "$option" "$word" >/dev/null 2>"$work/err" || [ $? -eq 1 ] || taken=no
        # Without a file there is still something to complain of, but not this option.
        case $operands in FILE*) grep -q -e "$option" "$work/err" || taken=yes ;; esac
        case $word,$taken in
        no-such-word,no) grep -q no-such-word "$work/err" || wrong "$command $option no-such-word: $(cat "$work/err")" ;;
        no-such-word,yes) wrong "$command $option takes 'no-such-word'" ;;
        *,no) wrong "$command $option $word: $(cat "$work/err")" ;;
        esac
    done
done <"$work/worded"

# Bad use: a sentence, and status 2.
refuses() {
    if "$quipu" "$@" >"$work/out" 2>"$work/err" || [ $? -ne 2 ] || [ ! -s "$work/err" ] || [ -s "$work/out" ]; then
        wrong "$* is not refused with a sentence"
    fi
}
refuses
refuses no-such-command
refuses help no-such-command
refuses help run explore
refuses help run --table
refuses run --no-such-option
refuses run --all=yes
refuses run --all --seed
refuses run --all --seed ''
refuses run --all --seed=-1
refuses run --all --seeds 9..1
refuses run --all --param jobs
refuses explore --all --runs 0
refuses explore --all --json

[ "$("$quipu" --version)" = "quipu $2" ] || wrong "--version says $("$quipu" --version), and not $2"
[ "$status" -ne 0 ] || echo "check_help: $(wc -l <"$work/table") lines of the table hold"
exit "$status"
