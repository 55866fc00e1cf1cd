#!/bin/sh
# Holds the arrows between the folders.
#
#     check_includes.sh [TOP]         what each folder includes (default: the checkout this script is in)
#     check_includes.sh --links DIR   what each folder's library, built in DIR, needs from the others
#     check_includes.sh --self-test   whether the first of these notices wrong includes
#
# The table: a folder, and what it may include. `std` is the standard library and nothing else; without it every system
# header but uv.h is fine; include/quipu/cmocka.h includes cmocka. tests/, bench/, docs/ and examples/ may include
# anything. Nobody, there or in the house, may ask whether it is simulated.
set -eu

arrows='
include         include std
scheduler       include scheduler
scheduler/real  include scheduler scheduler/real uv
primitives      include scheduler primitives
traces          include traces
sim             include scheduler traces sim
scenarios       include std
tools           include sim traces tools
'

# A folder's library, and what it may link. Declarations in public headers are met by any folder, so tools/ may need all.
links='
scheduler
real            scheduler
primitives      scheduler
traces
sim             scheduler traces
tools           scheduler real primitives traces sim
'

here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

# Sources below the folders named, in the C family.
sources() {
    find "$@" -type f \( -name '*.[chS]' -o -name '*.def' -o -name '*.inc' -o -name '*.hpp' -o -name '*.cpp' \) |
        LC_ALL=C sort
}

# Prints one line for each wrong include below the top folder $1.
wrong_includes() {
    cd -- "$1"
    set --
    for folder in include scheduler primitives traces sim scenarios tools tests bench examples; do
        if [ -d "$folder" ]; then
            set -- "$@" "$folder"
        fi
    done
    [ -d include ] || { echo "no include/ in $PWD"; return; }
    sources "$@" | ARROWS=$arrows awk '
        BEGIN {
            count = split(ENVIRON["ARROWS"], lines, "\n")
            for (i = 1; i <= count; i++) {
                words = split(lines[i], word, " ")
                if (words == 0)
                    continue
                known[word[1]] = 1
                for (j = 2; j <= words; j++)
                    may[word[1], word[j]] = 1
            }
            names = "assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign" \
                " stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar" \
                " wchar wctype"
            count = split(names, word, " ")
            for (i = 1; i <= count; i++)
                standard[word[i] ".h"] = 1

            # A name like is_simulated, or a call of one like qp_simulated().
            asks = "(^|[^A-Za-z0-9_])([A-Za-z0-9]+_)*(is|am|in)_sim(ulated|ulation|ulating|ulator)?([^A-Za-z0-9]|$)" \
                "|(^|[^A-Za-z0-9_])(qp_)?(runtime_|task_)?simulated[(]"
        }
        { files[++total] = $0; exists[$0] = 1 }
        END {
            for (i = 1; i <= total; i++) {
                number = 0
                while ((getline line < files[i]) > 0) {
                    number++
                    if (line ~ asks)
                        wrong(files[i], number, "nobody asks whether it is simulated: " line)
                    if (house(files[i]) != "" && line ~ /^[ \t]*#[ \t]*(include|include_next|import)[ \t"<\/]/)
                        judge(files[i], number, line)
                }
                close(files[i])
            }
        }

        # The folder of the house that a path lies in; "" for none.
        function house(path,    parts, n) {
            n = split(path, parts, "/")
            if (n > 2 && (parts[1] "/" parts[2]) in known)
                return parts[1] "/" parts[2]
            return n > 1 && parts[1] in known ? parts[1] : ""
        }

        function normal(path,    parts, n, i, kept, k, text) {
            n = split(path, parts, "/")
            k = 0
            for (i = 1; i <= n; i++) {
                if (parts[i] == "" || parts[i] == ".")
                    continue
                if (parts[i] == ".." && k > 0)
                    k--
                else
                    kept[++k] = parts[i]
            }
            text = k > 0 ? kept[1] : ""
            for (i = 2; i <= k; i++)
                text = text "/" kept[i]
            return text
        }

        function wrong(file, number, why) {
            print file ":" number ": " why
        }

        function judge(file, number, line,    from, named, quoted, near, to, folder) {
            from = house(file)
            if (!match(line, /"[^"]+"|<[^>]+>/)) {
                wrong(file, number, "the include names no file, so nobody can judge it")
                return
            }
            quoted = substr(line, RSTART, 1) == "\""
            named = substr(line, RSTART + 1, RLENGTH - 2)
            folder = file
            sub(/\/[^\/]*$/, "", folder)
            # The bridge to cmocka, for programs that have it, stands on it.
            if (file == "include/quipu/cmocka.h" && named == "cmocka.h")
                return

            # Where it is: beside the file, below include/, or below the top.
            near = normal(folder "/" named)
            to = ""
            if (quoted && (near in exists || named ~ /^\.\.?\//))
                to = near
            else if (named ~ /^quipu\//)
                to = "include/" named
            else if (house(normal(named)) != "")
                to = normal(named)
            if (to != "") {
                folder = house(to)
                if (folder == "")
                    wrong(file, number, "includes " to ", outside the house")
                else if (!((from, folder) in may))
                    wrong(file, number, from "/ may not include " folder "/: " named)
                return
            }
            if (quoted) {
                wrong(file, number, "includes \"" named "\", which is nowhere: give the path from the top")
                return
            }
            if (named ~ /^uv(\.h$|\/)/) {
                if (!((from, "uv") in may))
                    wrong(file, number, "only scheduler/real/ may include " named)
                return
            }
            # A name without a dot is of the C++ standard library: a header may have a part for C++.
            if ((from, "std") in may && !(named in standard) && named ~ /[.\/]/)
                wrong(file, number, from "/ may include the C standard library only: " named)
        }
    '
}

check() {
    found=$(wrong_includes "$1")
    if [ -n "$found" ]; then
        printf '%s\n' "$found"
        echo "include arrows: broken; the table is at the top of tests/check_includes.sh"
        return 1
    fi
    echo "include arrows: they hold"
}

check_links() {
    cd -- "$1"
    set -- libquipu_*.a
    [ -f "$1" ] || { echo "no libquipu_*.a in $PWD"; return 1; }
    found=$(
        for archive in "$@"; do
            name=${archive#libquipu_}
            echo "= ${name%.a}"
            nm -P -g "$archive"
        done | LINKS=$links SYSTEM=$(sed -n 's/^AMBIENT(\([a-z0-9_]*\),.*/\1/p' "$here/tools/ambient.def") awk '
            BEGIN {
                count = split(ENVIRON["SYSTEM"], names, "\n") # the C library'"'"'s, with a second definition in tools/
                for (i = 1; i <= count; i++)
                    system_name[names[i]] = 1
                count = split(ENVIRON["LINKS"], lines, "\n")
                for (i = 1; i <= count; i++) {
                    words = split(lines[i], word, " ")
                    for (j = 2; j <= words; j++)
                        may[word[1], word[j]] = 1
                }
            }
            $1 == "=" { folder = $2; next }
            NF < 2 || $1 ~ /:$/ { next }
            $2 == "U" || $2 == "w" || $2 == "v" { needed[folder, $1] = 1; next }
            !($1 in system_name) { defined[$1] = folder }
            END {
                for (key in needed) {
                    split(key, part, SUBSEP)
                    to = defined[part[2]]
                    if (to != "" && to != part[1] && !((part[1], to) in may))
                        print part[1] "/ may not link " to "/: " part[2]
                }
            }' | LC_ALL=C sort
    )
    if [ -n "$found" ]; then
        printf '%s\n' "$found"
        echo "link arrows: broken; the table is at the top of tests/check_includes.sh"
        return 1
    fi
    echo "link arrows: they hold"
}

# Plants lines in a copy of the house, one at a time: a wrong one must be reported, a right one must not.
self_test() {
    copy=$(mktemp -d)
    trap 'rm -rf "$copy"' EXIT
    for folder in include scheduler primitives traces sim scenarios tools; do
        mkdir -p "$copy/$folder"
        if [ -d "$here/$folder" ]; then
            cp -R "$here/$folder/." "$copy/$folder"
        fi
    done
    mkdir -p "$copy/scheduler/real" "$copy/scenarios/broken" "$copy/tests"
    for folder in scheduler scheduler/real primitives traces sim tools scenarios; do
        echo >"$copy/$folder/planted_header.h"
    done
    failures=0
    planted=0
    plant() {    # plant wrong|right FOLDER LINE
        planted=$((planted + 1))
        printf '#include <stdint.h>\n%s\n' "$3" >"$copy/$2/planted.c"
        said=right
        if ! check "$copy" >"$copy/said" && grep -q "^$2/planted\.c:2:" "$copy/said"; then
            said=wrong
        fi
        if [ "$said" != "$1" ]; then
            echo "self-test: in $2/ this is $1, and was taken for $said: $3"
            failures=$((failures + 1))
        fi
        rm "$copy/$2/planted.c"
    }
    for to in primitives sim traces tools scenarios; do
        plant wrong scheduler "#include \"$to/planted_header.h\""
        plant wrong scheduler "#include \"../$to/planted_header.h\""
        plant wrong scheduler "  #  include <$to/planted_header.h>"
        plant wrong include/quipu "#include \"$to/planted_header.h\""
        plant wrong scenarios "#include \"$to/planted_header.h\""
        plant wrong scenarios/broken "#include \"$to/planted_header.h\""
    done
    for to in sim traces tools scenarios; do
        plant wrong primitives "#include \"$to/planted_header.h\""
    done
    for to in scheduler primitives sim tools scenarios; do
        plant wrong traces "#include \"$to/planted_header.h\""
    done
    for to in primitives tools scenarios; do
        plant wrong sim "#include \"$to/planted_header.h\""
    done
    for to in scheduler primitives scenarios; do
        plant wrong tools "#include \"$to/planted_header.h\""
    done
    plant wrong scheduler '#include "scheduler/real/planted_header.h"'
    plant wrong scheduler '#include "real/planted_header.h"'
    plant wrong primitives '#include "scheduler/real/planted_header.h"'
    plant wrong scheduler/real '#include "primitives/planted_header.h"'
    plant wrong scheduler '#include <uv.h>'
    plant wrong sim '#include <uv.h>'
    plant wrong tools '#include <uv/unix.h>'
    plant wrong scenarios '#include <unistd.h>'
    plant wrong scenarios '#include "planted_header.h"'
    plant wrong include/quipu '#include <pthread.h>'
    plant wrong primitives '#include "no_such_header.h"'
    plant wrong primitives '#include "../tests/private.h"'
    plant wrong primitives '#include SOME_MACRO'
    plant wrong primitives 'if (qp_is_simulated()) return;'
    plant wrong tools 'bool is_sim;'
    plant wrong tests 'extern int qp_runtime_simulated(void);'

    plant right scheduler '#include "scheduler/planted_header.h"'
    plant right scheduler '#include "planted_header.h"'
    plant right scheduler '#include <quipu/quipu.h>'
    plant right scheduler '#include <sys/mman.h>'
    plant right scheduler/real '#include <uv.h>'
    plant right scheduler/real '#include "scheduler/planted_header.h"'
    plant right scheduler/real '#include "scheduler/real/planted_header.h"'
    plant right primitives '#include "scheduler/planted_header.h"'
    plant right primitives '#include "../scheduler/planted_header.h"'
    plant right traces '#include <cjson/cJSON.h>'
    plant right sim '#include "traces/planted_header.h"'
    plant right sim '#include "scheduler/planted_header.h"'
    plant right tools '#include "sim/planted_header.h"'
    plant right scenarios '#include <quipu/quipu.h>'
    plant right scenarios '#include <stdlib.h>'
    plant right include/quipu '#include <stdbool.h>'
    plant right tests '#include <uv.h>'
    plant right tests '#include "sim/planted_header.h"'
    plant right sim '/* The simulated environment is simulated (all of it); this is simple, as is similar. */'
    plant right sim 'int this_simple, basis_simplex;'
    if [ "$failures" -gt 0 ]; then
        echo "self-test: $failures of $planted lines were misjudged"
        return 1
    fi
    echo "self-test: $planted planted lines, all judged rightly"
}

case ${1-} in
--self-test) self_test ;;
--links) check_links "${2:?--links needs the build folder}" ;;
*) check "${1:-$here}" ;;
esac
