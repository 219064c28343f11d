#!/usr/bin/env bash
# Fuzzes each target (or those named) for a number of seconds.
#   ci/fuzz.sh [SECONDS] [TARGET...]
# What the fuzzer finds interesting goes to fuzz/target/corpus; fuzz/corpus holds the seeds.
# What inputs of a target are made of may stand in fuzz/words.
# A crash is left in fuzz/artifacts, with the command that repeats it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo_fuzz_version=0.13.2
seconds="${1:-60}"
[[ $seconds =~ ^[1-9][0-9]*$ ]] || {
    echo "fuzz.sh: the number of seconds must be a whole number, not '$seconds'" >&2
    exit 2
}
shift || true

if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "fuzz.sh: needs a nightly toolchain: rustup toolchain install nightly" >&2
    exit 1
fi
if ! cargo fuzz --version >/dev/null 2>&1; then
    cargo install cargo-fuzz --locked --version "$cargo_fuzz_version"
fi
# The fuzz folder is a workspace of its own and keeps its own target folder.
unset CARGO_TARGET_DIR

if (($# > 0)); then targets=("$@"); else mapfile -t targets < <(cargo fuzz list); fi
((${#targets[@]} > 0)) || { echo "fuzz.sh: there are no targets" >&2; exit 1; }

for target in "${targets[@]}"; do
    printf '\n-- %s for %s s\n' "$target" "$seconds"
    found="fuzz/target/corpus/$target"
    mkdir -p "$found" "fuzz/corpus/$target"
    words=()
    [[ ! -e fuzz/words/$target ]] || words=(-dict="fuzz/words/$target")
    log=$(mktemp)
    # Enough memory for AddressSanitizer's shadow; an input that takes 20 s is a hang.
    cargo +nightly fuzz run "$target" "$found" "fuzz/corpus/$target" -- \
        -max_total_time="$seconds" -max_len=1024 -len_control=0 -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 \
        "${words[@]}" \
        >"$log" 2>&1 || { cat "$log"; exit 1; }
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    # Edges of the control flow, and those with how often they were taken.
    reached=$(sed -n 's/.* \(cov: [0-9]* ft: [0-9]*\) .*/\1/p' "$log" | tail -1)
    rm -f "$log"
    echo "$target: ${runs:-0} runs, ${reached:-no coverage told}, no failure"
    ((${runs:-0} > 0)) || { echo "fuzz.sh: $target ran nothing" >&2; exit 1; }
done
