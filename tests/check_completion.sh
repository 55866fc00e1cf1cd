#!/bin/sh
# The shells complete what the command takes: check_completion.sh SOURCE QUIPU. Bash is asked for its list of words; zsh
# has a line typed into it on a terminal of its own.
set -eu
source=$(CDPATH='' cd -- "$1" && pwd)
quipu=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ln -s "$quipu" "$work/quipu"
PATH=$work:$PATH
export PATH
cd "$work"
mkdir folder
: >trace.jsonl
: >'with a space.jsonl'
: >'$(touch executed).jsonl'

cat >bash.sh <<'END'
source "$1"
status=0
compopt() { :; }
# completes WANTED WORD...: the words that are offered for the last one, with spaces between
completes() {
    local wanted=$1
    shift
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    _quipu
    local IFS=' '
    [[ ${COMPREPLY[*]} == $wanted ]] || { echo "bash: '$*' gives '${COMPREPLY[*]}' and not '$wanted'"; status=1; }
}
completes 'explore' quipu expl
completes '*run*--version' quipu ''
completes '--seed --seeds' quipu run --see
completes 'doc_channel*' quipu run doc_chan
completes 'portfolio' quipu explore --all --strategy port
completes 'none each pairs random' quipu explore --cancel ''
completes 'each' quipu run --cancel = e
completes 'none random' quipu fuzz --cancel =
completes 'participants=' quipu run barrier_generations --param part
completes 'CHAN-RECV-1' quipu check --explain CHAN-RECV-1
completes 'all' quipu check --explain al
completes 'trace.jsonl' quipu replay tr
completes 'trace.jsonl' quipu show tr
completes 'with a space.jsonl' quipu check wi
completes '$(touch executed).jsonl' quipu replay '$'
[[ ! -e executed ]] || { echo 'bash: the name of a file was executed'; status=1; }
completes 'folder' quipu run --out f
completes 'shrink' quipu help shr
completes '' quipu no_such_command x
completes '' quipu run --seed ''
completes '' no_such_program run ''
# Each command, and each option of each, is offered.
while IFS= read -r row; do
    kind=${row%%$'\t'*} rest=${row#*$'\t'}
    name=${rest%%$'\t'*} rest=${rest#*$'\t'}
    [[ $kind == command ]] && completes "*$name*" quipu "$name" || completes "*${rest%%$'\t'*}*" quipu "$name" "${rest%%$'\t'*}"
done < <(quipu help --table)
complete -p quipu | grep -q _quipu || { echo 'bash: nothing is registered for quipu'; status=1; }
exit $status
END

cat >zsh.zsh <<'END'
zmodload zsh/zpty
zpty shell 'zsh -f -i'
{
    typed() { zpty -w shell "$1" }
    typed "PS1='' fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D -d $PWD/dump; zstyle ':completion:*' menu no"
    typed 'LISTMAX=0; unsetopt beep listbeep autolist automenu; tell() { zle -I; print -r -- "<<$BUFFER>>"; BUFFER= }; zle -N tell; bindkey "^T" tell; print rea""dy'
    zpty -r shell answer '*ready*'
    failed=0
    # completes WANTED LINE: what the line becomes by a tab
    completes() {
        zpty -n -w shell "$2"$'\t\C-T'
        zpty -r shell answer '*>>*'
        answer=${${answer##*'<<'}%%'>>'*}
        [[ $answer == "$1" ]] || { print -r -- "zsh: '$2' becomes '$answer' and not '$1'"; failed=1; }
    }
    completes 'quipu explore ' 'quipu expl'
    completes 'quipu run --seed' 'quipu run --see'
    completes 'quipu run barrier_generations ' 'quipu run barrier_gen'
    completes 'quipu explore --all --strategy portfolio ' 'quipu explore --all --strategy port'
    completes 'quipu explore --strategy=portfolio ' 'quipu explore --strategy=port'
    completes 'quipu run --cancel each ' 'quipu run --cancel e'
    completes 'quipu run x --param generations=' 'quipu run x --param gen'
    completes 'quipu check --explain CHAN-ORDER-1 ' 'quipu check --explain CHAN-ORD'
    completes 'quipu check --explain all ' 'quipu check --explain al'
    completes 'quipu replay trace.jsonl ' 'quipu replay tr'
    completes 'quipu run --out folder/' 'quipu run --out f'
    completes 'quipu help shrink ' 'quipu help shr'
    completes 'quipu --version ' 'quipu --v'
    exit $failed
} always {
    zpty -d shell
}
END

tried=''
status=0
if command -v bash >/dev/null; then
    bash bash.sh "$source/tools/completion/quipu.bash" || status=1
    tried="bash"
else
    echo 'check_completion: no bash here: not tried'
fi
if command -v zsh >/dev/null; then
    zsh -f zsh.zsh "$source/tools/completion" || status=1
    tried="${tried:+$tried and }zsh"
else
    echo 'check_completion: no zsh here: not tried'
fi
[ "$status" -eq 0 ] || exit 1
[ -n "$tried" ] || exit 77
echo "check_completion: $tried complete what the command takes"
