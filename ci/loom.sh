#!/usr/bin/env bash
# The protocols under loom: every interleaving with at most LOOM_MAX_PREEMPTIONS preemptions.
# Arguments, if any, filter the tests by name.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export RUSTFLAGS="--cfg precedent_loom --cfg precedent_tiny"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/loom"
export LOOM_MAX_PREEMPTIONS="${LOOM_MAX_PREEMPTIONS:-3}"

echo "at most $LOOM_MAX_PREEMPTIONS preemptions"
total=0

# Runs one test target and adds up what passed; a target that runs no test fails.
models() {
    local log passed
    log=$(mktemp)
    printf '\n-- cargo test --release %s\n' "$*"
    # The tests run side by side, each model on one thread.
    if ! cargo test --release "$@" >"$log" 2>&1; then
        cat "$log"
        rm -f "$log"
        exit 1
    fi
    grep -E '^(test |running |test result)' "$log" || true
    passed=$(sed -n 's/^test result: ok\. \([0-9]*\) passed.*/\1/p' "$log" | awk "{ sum += \$1 } END { print sum + 0 }")
    rm -f "$log"
    if ((${passed:-0} == 0)); then
        echo "loom.sh: no model was run by: $*" >&2
        exit 1
    fi
    total=$((total + passed))
}

if (($# > 0)); then
    models --lib "$@"
else
    models --lib models::
    if [[ -e tests/loom.rs || -e tests/loom/main.rs ]]; then
        models --test loom
    fi
fi
printf '\n%d models held\n' "$total"
