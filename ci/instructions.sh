#!/usr/bin/env bash
# Instructions for one transaction of each kind, counted by callgrind: the same on a noisy
# machine as on a quiet one. Needs valgrind.
#
#   ci/instructions.sh            prints the table
#   ci/instructions.sh --check    and fails where one is more than a tenth above docs/instructions.md
#   ci/instructions.sh --write    and writes it there
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

workloads=("nothing" "read" "change" "write" "read 8, change 2" "scan 100" "insert" "ledger" "abort")
short=500
long=2500
table=docs/instructions.md
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

program=$(cargo bench --no-run --bench instructions --message-format=json 2>/dev/null |
    grep '"name":"instructions"' | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p')
[[ -x $program ]] || {
    echo "instructions.sh: the benchmark was not built" >&2
    exit 1
}

count() { # WORKLOAD TRANSACTIONS
    valgrind --tool=callgrind --callgrind-out-file="$out/profile" "$program" "$1" "$2" 2>"$out/log" >&2
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$out/log"
}

failed=0
rows=()
for workload in "${workloads[@]}"; do
    each=$((($(count "$workload" $long) - $(count "$workload" $short)) / (long - short)))
    row=$(printf '| %s | %d |' "$workload" "$each")
    rows+=("$row")
    echo "$row"
    before=$(sed -n "s/^| $workload | \([0-9]*\) |\$/\1/p" "$table" 2>/dev/null || true)
    if [[ ${1:-} == --check && -n $before ]] && ((each * 10 > before * 11)); then
        echo "instructions.sh: $workload took $before before" >&2
        failed=1
    fi
done
if [[ ${1:-} == --write ]]; then
    {
        sed '/^| /,$d' "$table"
        printf '| transaction | instructions |\n| --- | --: |\n'
        printf '%s\n' "${rows[@]}"
    } >"$out/table"
    cp "$out/table" "$table"
fi
exit $failed
