#!/bin/sh
# The mean number of executions until each planted race of scenarios/broken/ is found, by strategy, over 20 seeds:
#
#     bench/strategies.sh [BUILD_DIR [RUNS]]      a table in Markdown; '>' where some seeds found nothing in RUNS (10000)
set -eu
cd -- "$(dirname -- "$0")/.."
broken=${1:-build}/quipu-broken
runs=${2:-10000}
traces=$(mktemp -d)
trap 'rm -rf "$traces"' EXIT
strategies='random pct pos surw portfolio'
for strategy in $strategies; do
    seed=0
    while [ "$seed" -lt 20 ]; do
        "$broken" explore --all --strategy "$strategy" --seed $((seed * 1000003)) --runs "$runs" --most 1 --out "$traces" 2>/dev/null |
            awk -v strategy="$strategy" '/ executions  / { print strategy, $1, $2, $4 }' || true
        seed=$((seed + 1))
    done
done | awk -v strategies="$strategies" '
    { sum[$1, $2] += $3; count[$1, $2]++; missed[$1, $2] += ($4 != "FAILED"); if (!($2 in seen)) { seen[$2]; names[++n] = $2 } }
    END {
        k = split(strategies, all, " ")
        printf "| program |"; for (i = 1; i <= k; i++) printf " %s |", all[i]; print ""
        printf "| --- |"; for (i = 1; i <= k; i++) printf " ---: |"; print ""
        for (j = 1; j <= n; j++) {
            printf "| `%s` |", names[j]
            for (i = 1; i <= k; i++)
                printf " %s%.1f |", (missed[all[i], names[j]] ? "> " : ""), sum[all[i], names[j]] / count[all[i], names[j]]
            print ""
        }
    }'
