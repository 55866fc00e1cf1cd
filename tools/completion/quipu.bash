# Completion of bash for quipu, and for any program that calls quipu_main: `complete -F _quipu ./my_tests`.
#
# Everything is read from the program itself, by `help --table` (commands and options), `list` (scenarios and their
# parameters) and `check --explain all` (rules), so that it is never of another version.

# The words that the value of an option may be: those of its table row that are not in capitals, which stand for any.
_quipu_value() {    # _quipu_value PROGRAM COMMAND OPTION VALUE
    local IFS='|' word
    case $3=$4 in
    *=FILE) compgen -f -- "$cur" ;;
    *=DIR) compgen -d -- "$cur" ;;
    --param=*)
        "$1" list 2>/dev/null | grep -oE '\[[A-Za-z_][A-Za-z0-9_]*=-?[0-9]+\]' | tr -d '[]' | sed 's/=.*/=/' | sort -u ;;
    --explain=*) "$1" check --explain all 2>/dev/null | sed -n 's/^\([A-Z][A-Z0-9-]*\): .*/\1/p' ;;&
    *)
        for word in $4; do
            [[ $word == *[[:lower:]]* ]] && printf '%s\n' "$word"
        done
        ;;
    esac
}

_quipu_operands() {    # _quipu_operands PROGRAM COMMAND OPERANDS
    case $2:$3 in
    help:*) "$1" help --table | awk -F '\t' '$1 == "command" { print $2 }' ;;
    *:NAME*) "$1" list 2>/dev/null | awk '{ print $1 }' ;;
    *:FILE* | *:TRACE | *:A) compgen -f -- "$cur" ;;
    esac
}

_quipu() {
    local program=${COMP_WORDS[0]/#\~/$HOME} cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local command=${COMP_WORDS[1]} table value words word
    COMPREPLY=()
    table=$("$program" help --table 2>/dev/null) || return
    # --seed=7 comes as three words.
    if [[ $cur == = ]]; then
        cur=''
    elif [[ $before == = ]]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    value=$(awk -F '\t' -v c="$command" -v o="$before" '$1 == "option" && $2 == c && $3 == o { print $4; exit }' <<<"$table")
    if [[ $COMP_CWORD -eq 1 ]]; then
        words=$(awk -F '\t' '$1 == "command" { print $2 } END { print "--help"; print "--version" }' <<<"$table")
    elif [[ -n $value ]]; then
        words=$(_quipu_value "$program" "$command" "$before" "$value")
        [[ $before == --param ]] && compopt -o nospace 2>/dev/null
        [[ $value == *FILE || $value == *DIR ]] && compopt -o filenames 2>/dev/null
    elif [[ $cur == -* ]]; then
        words=$(awk -F '\t' -v c="$command" '$1 == "option" && $2 == c { print $3 } END { print "--help" }' <<<"$table")
    else
        value=$(awk -F '\t' -v c="$command" '$1 == "command" && $2 == c { print $3 }' <<<"$table")
        words=$(_quipu_operands "$program" "$command" "$value")
        [[ $value == FILE* || $value == TRACE || $value == A ]] && compopt -o filenames 2>/dev/null
    fi
    # Not by compgen -W, which would execute what stands in the name of a file.
    while IFS= read -r word; do
        [[ -n $word && $word == "$cur"* ]] && COMPREPLY+=("$word")
    done <<<"$words"
}

complete -F _quipu quipu
