#!/usr/bin/env bash
# Exhaustive, random and directed schedules on the engine, judged by the oracle.
#
#   ci/oracle.sh                      the full size
#   PRECEDENT_SIZE=10 ci/oracle.sh    a tenth of it (per cent)
#   PRECEDENT_SEED=7 ci/oracle.sh     other random schedules
#
# Prints what was run and seen. Fails on a missed cycle, an unjustified abort, a wrong
# replay or any other fault, which is printed as a script; and on a floor that was missed.
set -euo pipefail
cd "$(dirname "$0")/.."

export PRECEDENT_SIZE="${PRECEDENT_SIZE:-100}"
export PRECEDENT_SEED="${PRECEDENT_SEED:-1}"

run() {
    cargo test --workspace --test suite -- --nocapture --test-threads=1 "$@"
}

# The judge itself first, then the checked-in scripts, then the many.
run oracle:: schedules::traps::
run schedules::full:: schedules::rules::
