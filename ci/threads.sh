#!/usr/bin/env bash
# Real threads on hot keys, judged by the indexed oracle and by adya; and every kind of
# workload, recorded, judged by adya and by the testkit's judge.
#
#   ci/threads.sh                      the full size
#   PRECEDENT_SIZE=10 ci/threads.sh    a tenth of it (per cent)
#   PRECEDENT_SEED=7 ci/threads.sh     other programs for the threads
#
# Prints what was run and seen. Fails on a missed cycle, a wrong read, an unjustified abort
# or any other fault; if a judge fails to find the faults that are planted for it; and if
# the indexed oracle and the brute-force one disagree about a small history.
set -euo pipefail
cd "$(dirname "$0")/.."

export PRECEDENT_SIZE="${PRECEDENT_SIZE:-100}"
export PRECEDENT_SEED="${PRECEDENT_SEED:-1}"

run() {
    cargo test --workspace --test suite -- --nocapture --test-threads=1 "$@"
}

# The judges first, then the many.
run threads::agreement:: threads::planted::
run threads::hot_keys:: threads::list_append::
cargo test --test testkit -- --nocapture --test-threads=1 threaded::
