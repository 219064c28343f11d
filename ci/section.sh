#!/usr/bin/env bash
# How long a commit of two writes keeps others waiting, on average: the share of samples in
# the functions that hold a lock, of the time of a transaction. On one thread, so every line
# is at hand; the functions include taking the lock and giving it back. Needs perf. Then how
# appends to a log alone are distributed, by the clock, on one thread and on two.
#
#   ci/section.sh              2,000,000 transactions
#   ci/section.sh 500000       so many
#   ci/section.sh --check      and fails if the log is locked for longer than was set as a goal
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Nanoseconds that a commit of two writes may keep others from appending.
goal=100

check=0
transactions=2000000
for word in "$@"; do
    case $word in
    --check) check=1 ;;
    *) transactions=$word ;;
    esac
done
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

program=$(cargo bench --no-run --bench instructions --message-format=json 2>/dev/null |
    grep '"name":"instructions"' | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p')
[[ -x $program ]] || {
    echo "section.sh: the benchmark was not built" >&2
    exit 1
}

seconds() { # TRANSACTIONS
    local begun=$EPOCHREALTIME
    "$program" "write two" "$1"
    local ended=$EPOCHREALTIME
    echo $((${ended/./} - ${begun/./}))
}

# What it takes to set up is in both.
short=$(seconds 1)
long=$(seconds "$transactions")
nanoseconds=$(((long - short) * 1000 / transactions))
perf record -q -e cpu-clock -F 9999 -o "$out/perf" -- "$program" "write two" "$transactions"
perf report --stdio -q -F overhead,symbol -i "$out/perf" >"$out/report" 2>/dev/null
echo "a transaction: $nanoseconds ns"
for section in CommitLog::enter Publisher::installed; do
    awk -v section="$section" -v each="$nanoseconds" '
        index($0, section) { share += $1 }
        END {
            if (share == 0) { print "section.sh: no sample in " section > "/dev/stderr"; exit 1 }
            printf "%s: %.0f ns (%.1f %%)\n", section, each * share / 100, share
        }' "$out/report" | tee -a "$out/found"
done
cargo test --quiet --release --lib -- --ignored --exact --nocapture ssi::log::tests::how_long_an_append_takes |
    grep '^an append'
((check == 0)) || awk -v goal="$goal" '/enter/ && $2 > goal { exit 1 }' "$out/found" || {
    echo "section.sh: the goal is $goal ns" >&2
    exit 1
}
