#!/usr/bin/env bash
# Instructions, allocations and cache misses of one transaction of each kind, counted by callgrind:
# the same on a noisy machine as on a quiet one; and those of a commit of two writes while others
# wait. Needs valgrind.
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

# The cache is simulated, and the same wherever this runs: 32 KiB, 8 ways, lines of 64 bytes.
cache=(--cache-sim=yes --I1=32768,8,64 --D1=32768,8,64 --LL=33554432,16,64)

profile() { # WORKLOAD TRANSACTIONS OPTION...
    valgrind --tool=callgrind "${@:3}" --callgrind-out-file="$out/profile" "$program" "$1" "$2" \
        2>"$out/log" >&2
    sed -n 's/.*Collected : //p' "$out/log"
}

# Instructions, misses of data in the first level, and allocations of so many transactions.
count() { # WORKLOAD TRANSACTIONS
    profile "$1" "$2" "${cache[@]}" | awk '{ printf "%d %d ", $1, $5 + $6 }'
    awk '
        match($0, /^c?fn=\([0-9]+\)/) {
            number = substr($0, index($0, "("), RLENGTH - index($0, "(") + 1)
            if (/__rdl_(alloc|alloc_zeroed|realloc)$/) { allocates[number] = 1 }
        }
        /^calls=/ && number in allocates { calls += substr($1, 7) }
        END { print calls + 0 }' "$out/profile"
}

failed=0
rows=()
check=${1:-}

row() { # NAME INSTRUCTIONS ALLOCATIONS MISSES
    local before
    rows+=("| $1 | $2 | $3 | $4 |")
    echo "${rows[-1]}"
    (($2 > 0)) || {
        echo "instructions.sh: nothing was counted for $1" >&2
        failed=1
    }
    before=$(sed -n "s/^| $1 | \([0-9]*\) |.*/\1/p" "$table" 2>/dev/null || true)
    if [[ $check == --check && -n $before ]] && (($2 * 10 > before * 11)); then
        echo "instructions.sh: $1 took $before before" >&2
        failed=1
    fi
}

# A difference, divided by the transactions that make it, in tenths.
tenths() { # MORE LESS
    local tenths=$((($1 - $2) * 10 / (long - short)))
    echo "$((tenths / 10)).$((tenths % 10))"
}

for workload in "${workloads[@]}"; do
    read -ra less <<<"$(count "$workload" $short)"
    read -ra more <<<"$(count "$workload" $long)"
    row "$workload" $(((more[0] - less[0]) / (long - short))) \
        "$(tenths "${more[2]}" "${less[2]}")" "$(tenths "${more[1]}" "${less[1]}")"
done
for section in "${sections[@]}"; do
    toggle=--toggle-collect=${section#*:}
    less=$(profile "write two" $short "$toggle")
    more=$(profile "write two" $long "$toggle")
    row "write two, under the ${section%%:*}'s lock" $(((more - less) / (long - short))) – –
done
if [[ $check == --write ]]; then
    {
        sed '/^| /,$d' "$table"
        printf '| transaction | instructions | allocations | misses |\n| --- | --: | --: | --: |\n'
        printf '%s\n' "${rows[@]}"
    } >"$out/table"
    cp "$out/table" "$table"
fi
exit $failed
