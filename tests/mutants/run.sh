#!/bin/sh
# Shows that the contract checker finds mistakes: builds the runtime with each of the patches beside this script, runs
# the catalogue of scenarios with a cancellation at every await in turn, and prints which rule was broken first, and
# after how many executions.
#
#     run.sh SOURCE_DIR WORK_DIR [NAME...]        every patch, or those named
#     run.sh --self-test SOURCE_DIR WORK_DIR      whether it notices patches that nobody finds
#
# A mutant is found when a run reports a rule of traces/rules.def; a failed assertion, a leak, a crash or a hang alone do
# not count. The build without a patch must break no rule. Rounds of more and more seeds go on until a rule is broken or
# the time is over. From the environment:
#
#     MUTANT_SECONDS   the most time for one mutant (60)
#     CLEAN_RUNS       executions of the build without a patch, at least (20000)
#     JOBS             work trees in use at once (one for each processor)
#     PATCHES          another folder of patches
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
self_testing=
if [ "${1-}" = --self-test ]; then
    self_testing=yes
    shift
fi
[ $# -ge 2 ] || { echo "usage: run.sh [--self-test] SOURCE_DIR WORK_DIR [NAME...]" >&2; exit 2; }
source=$(CDPATH='' cd -- "$1" && pwd)
mkdir -p "$2"
work=$(CDPATH='' cd -- "$2" && pwd)
shift 2
seconds=${MUTANT_SECONDS:-60}
clean_runs=${CLEAN_RUNS:-20000}
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)}
patches=${PATCHES:-$here}
tab=$(printf '\t')

# ---- trees: a copy of the sources for each job, built once, and then again and again with one patch ----

copy_source() {
    rm -rf "$work/source" "$work/found"
    mkdir -p "$work/source" "$work/found"
    for part in CMakeLists.txt LICENSE cmake include scheduler primitives traces sim scenarios tools examples; do
        cp -R "$source/$part" "$work/source/$part"
    done
}

build() { # TREE
    ninja -C "$1/build" -j1 quipu >"$1/build.log" 2>&1
}

make_tree() { # TREE
    rm -rf "$1"
    mkdir -p "$1"
    cp -R "$work/source/." "$1"
    if ! cmake -S "$1" -B "$1/build" -G Ninja -DBUILD_TESTING=OFF -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS=-O1 \
        >"$1/build.log" 2>&1 || ! build "$1"; then
        tail -n 20 "$1/build.log"
        echo "the sources do not build even without a patch"
        return 1
    fi
    cp "$1/build/quipu" "$1/quipu-clean"
}

patched_files() { # PATCH
    sed -n 's|^+++ b/\([^[:blank:]]*\).*|\1|p' "$1"
}

# By the file that they patch, so that one after the other compiles little.
all_mutants() {
    (cd "$patches" && grep '^+++ b/' -- *.patch) | sed 's|^\(.*\)\.patch:+++ b/\([^[:blank:]]*\).*|\2 \1|' |
        LC_ALL=C sort | awk '!seen[$2]++ { print $2 }'
}

# ---- running the catalogue ----

# Reads what `quipu run` prints. Prints the first rule that was broken, or why the first scenario failed, or nothing; and
# the executions up to there.
read_runs='
    / runs .* virtual / {
        if (rule == "")
            runs += $2
        next
    }
    rule == "" && match($0, /[A-Z]+-[A-Z]+-[0-9]+/) {
        name = substr($0, RSTART, RLENGTH)
        if (index(RULES, " " name " "))
            rule = name
    }
    why == "" && / ended as / {
        why = $0
        sub(/.* ended as /, "", why)
        why = tolower(why)
    }
    why == "failed" && /bytes were not given back/ { why = "leak" }
    END { print (rule != "" ? rule : "-") "\t" runs + 0 "\t" why }
'

judge() { # OUTPUT: "rule runs why"
    awk -v RULES="$rules" "$read_runs" "$1"
}

# One execution of the command: "rule runs why" into the fields, where a crash or a hang is a reason too.
attempt() { # QUIPU LIMIT ARGUMENT...
    command=$1 limit=$2
    shift 2
    status=0
    timeout -k 1 "$limit" "$command" run "$@" --cancel each >"$tree/output" 2>"$tree/errors" || status=$?
    IFS="$tab" read -r rule runs why <<END
$(judge "$tree/output")
END
    case $status in
    0 | 1) ;;
    124 | 137) why=hang ;;
    *) why="crash, status $status" ;;
    esac
}

# Seconds that this mutant still has, but no more than so many.
time_left() { # MOST
    left=$((seconds - $(date +%s) + began))
    [ "$left" -lt "$1" ] || left=$1
}

# Runs rounds of more and more seeds: "rule runs why" of all of them together.
hunt() { # QUIPU
    began=$(date +%s) total=0 reason= most=10
    for seeds in 0..0 1..2 3..29 30..299 300..999 1000..2999 3000..9999 10000..99999; do
        time_left "$most"
        [ "$left" -gt 0 ] || break
        attempt "$1" "$left" --all --seeds "$seeds"
        [ "$seeds" = 0..0 ] || [ "$why" != hang ] || why= # it is only that so many take long
        most=$((most * 2))
        total=$((total + runs))
        reason=${reason:-$why}
        [ "$rule" = - ] || break
        case $why in
        hang | crash*) hunt_one_by_one "$1" "$seeds" ;;
        esac
        [ "$rule" = - ] || break
    done
    runs=$total why=$reason
}

# One scenario crashes or hangs: the others may still break a rule.
hunt_one_by_one() { # QUIPU SEEDS
    for scenario in $scenarios; do
        time_left 5
        [ "$left" -gt 0 ] || return 0
        attempt "$1" "$left" "$scenario" --seeds "$2"
        total=$((total + runs))
        [ "$rule" = - ] || return 0
    done
}

# The traces of one seed, as one number: whether a mutant makes any difference in the catalogue.
traces() { # QUIPU
    rm -rf "$tree/recorded"
    mkdir "$tree/recorded"
    (cd "$tree/recorded" && timeout -k 1 60 "$1" run --all --seed 0 --cancel each --out . --every --quiet) \
        >/dev/null 2>&1 || true
    find "$tree/recorded" -name '*.jsonl' | LC_ALL=C sort | xargs cat | cksum
    rm -rf "$tree/recorded"
}

# ---- one mutant, one tree, all of them ----

found() { # NAME RULE RUNS
    printf '%s\t%s\t%s\tpassed\n' "$1" "$2" "$3" >"$work/found/$1"
}

missed() { # NAME WHY RUNS
    printf '%s\t%s\t%s\tfailed\n' "$1" "$2" "$3" >"$work/found/$1"
}

try_mutant() { # NAME
    patch=$patches/$1.patch
    if ! patch -p1 -s -f --dry-run -d "$tree" -i "$patch" >"$tree/patch.log" 2>&1; then
        missed "$1" "the patch does not apply" 0
        return
    fi
    patch -p1 -s -f --no-backup-if-mismatch -d "$tree" -i "$patch" >"$tree/patch.log" 2>&1
    if build "$tree"; then
        hunt "$tree/build/quipu"
        if [ "$rule" != - ]; then
            found "$1" "$rule" "$runs"
        elif [ -n "$why" ]; then
            missed "$1" "no rule ($why)" "$runs"
        elif [ "$(traces "$tree/build/quipu")" = "$(traces "$tree/quipu-clean")" ]; then
            missed "$1" "no rule, and no trace differs" "$runs"
        else
            missed "$1" "no rule, but traces differ" "$runs"
        fi
    else
        missed "$1" "it does not compile" 0
    fi
    for file in $(patched_files "$patch"); do
        cp "$work/source/$file" "$tree/$file"
    done
}

# The build without a patch breaks no rule, in as many executions as were asked for.
try_clean() {
    total=0 first=0 many=16
    while :; do
        attempt "$tree/quipu-clean" 3600 --all --seeds "$first..$((first + many - 1))"
        total=$((total + runs))
        if [ "$rule" != - ] || [ -n "$why" ]; then
            missed '(none)' "false alarm: ${rule#-} $why" "$total"
            return
        fi
        [ "$runs" -gt 0 ] || { missed '(none)' "nothing runs" 0; return; }
        [ "$total" -lt "$clean_runs" ] || break
        first=$((first + many)) many=$((many * 2))
        most=$(((clean_runs - total) * many / 2 / runs + 1))
        [ "$many" -lt "$most" ] || many=$most
    done
    found '(none)' none "$total"
}

# Takes whatever nobody has taken yet, until there is nothing left.
work_through() { # TREE NAME...
    tree=$1
    shift
    make_tree "$tree" || exit 1
    rules=" $(sed -n 's/^RULE([^"]*"\([^"]*\)".*/\1/p' "$work/source/traces/rules.def" | tr '\n' ' ')"
    scenarios=$("$tree/quipu-clean" list | awk '/^[a-z]/ { print $1 }')
    for name in "$@"; do
        mkdir "$work/found/$name.taken" 2>/dev/null || continue
        if [ "$name" = '(none)' ]; then
            try_clean
        else
            try_mutant "$name"
        fi
    done
}

run_all() { # NAME...
    copy_source
    pids=
    trap 'kill $pids 2>/dev/null; exit 130' INT TERM
    job=0
    while [ "$job" -lt "$jobs" ]; do
        work_through "$work/tree$job" "$@" &
        pids="$pids $!"
        job=$((job + 1))
    done
    for pid in $pids; do
        wait "$pid" || true
    done
    trap - INT TERM
}

print_table() { # NAME...
    printf '%-46s %-40s %s\n' mutant rule executions
    for name in "$@"; do
        [ -f "$work/found/$name" ] || missed "$name" "not tried" 0
        cat "$work/found/$name"
    done | awk -F "$tab" '
        { printf "%-46s %-40s %s\n", $1, ($4 == "passed" ? "" : "NOT FOUND: ") $2, $3; sums[$4]++ }
        END { printf "%d passed, %d failed\n", sums["passed"], sums["failed"]; exit sums["failed"] > 0 }'
}

# ---- does it notice a mutant that nobody finds? ----

# Plants a patch that changes one line of a file.
plant() { # NAME FILE LINE-NUMBER NEW-LINE
    mkdir -p "$work/planted"
    sed "$3s|.*|$4|" "$source/$2" | diff -u "$source/$2" - |
        sed -e "s|^--- .*|--- a/$2|" -e "s|^+++ .*|+++ b/$2|" >"$work/planted/$1.patch"
}

line_of() { # FILE TEXT: of its first occurrence
    grep -n -F -- "$2" "$source/$1" | head -n 1 | cut -d: -f1
}

self_test() {
    rm -rf "$work/planted"
    plant harmless primitives/race.c 1 '/* Races and joins.'
    plant does_not_compile primitives/race.c "$(line_of primitives/race.c 'static void drop_arms')" 'static drop arms'
    plant crashes primitives/race.c "$(line_of primitives/race.c 'return self->count ?')" \
        '    return self->arms[1000000].future->state ? QP_PENDING : QP_NO_ARMS;'
    plant hangs primitives/race.c "$(line_of primitives/race.c 'return self->count ?')" '    for (;;) ;'
    sed 's/^-\(.\)/-X\1/' "$work/planted/harmless.patch" >"$work/planted/does_not_apply.patch"
    set -- harmless does_not_compile crashes hangs does_not_apply
    PATCHES=$work/planted MUTANT_SECONDS=3 sh "$here/run.sh" "$source" "$work/self" "$@" >"$work/planted/said" || true
    cat "$work/planted/said"
    [ "$(tail -n 1 "$work/planted/said")" = "0 passed, $# failed" ] ||
        { echo "self-test: a patch that nobody finds was taken for found"; return 1; }
    echo "self-test: $# patches that nobody finds, all noticed"
}

if [ -n "$self_testing" ]; then
    self_test
    exit
fi
if [ $# -eq 0 ]; then
    set -- '(none)' $(all_mutants)
fi
run_all "$@"
print_table "$@"
