#!/usr/bin/env bash
# Instructions for one transaction of each kind, counted by callgrind: the same on a noisy
# machine as on a quiet one; and those of a commit of two writes while others wait. Needs
# valgrind.
#
#   ci/instructions.sh            prints the table
#   ci/instructions.sh --check    and fails where one is more than a tenth above docs/instructions.md
#   ci/instructions.sh --write    and writes it there
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

workloads=("nothing" "read" "change" "write" "write two" "read 8, change 2" "scan 100" "insert" "ledger" "abort")
# What others wait for: the function that holds the lock, as callgrind matches it.
sections=("log:*CommitLog*enter*" "publisher:*Publisher*installed*")
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

count() { # WORKLOAD TRANSACTIONS [OPTION]
    valgrind --tool=callgrind ${3:+"$3"} --callgrind-out-file="$out/profile" "$program" "$1" "$2" \
        2>"$out/log" >&2
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$out/log"
}

failed=0
rows=()
check=${1:-}

measure() { # NAME WORKLOAD [OPTION]
    local each row before
    each=$((($(count "$2" $long "${3:-}") - $(count "$2" $short "${3:-}")) / (long - short)))
    row=$(printf '| %s | %d |' "$1" "$each")
    rows+=("$row")
    echo "$row"
    ((each > 0)) || {
        echo "instructions.sh: nothing was counted for $1" >&2
        failed=1
    }
    before=$(sed -n "s/^| $1 | \([0-9]*\) |\$/\1/p" "$table" 2>/dev/null || true)
    if [[ $check == --check && -n $before ]] && ((each * 10 > before * 11)); then
        echo "instructions.sh: $1 took $before before" >&2
        failed=1
    fi
}

for workload in "${workloads[@]}"; do
    measure "$workload" "$workload"
done
for section in "${sections[@]}"; do
    measure "write two, under the ${section%%:*}'s lock" "write two" "--toggle-collect=${section#*:}"
done
if [[ $check == --write ]]; then
    {
        sed '/^| /,$d' "$table"
        printf '| transaction | instructions |\n| --- | --: |\n'
        printf '%s\n' "${rows[@]}"
    } >"$out/table"
    cp "$out/table" "$table"
fi
exit $failed
