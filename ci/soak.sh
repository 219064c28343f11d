#!/usr/bin/env bash
# A soak: rounds of a few seconds in which threads do everything at once on a database with
# bounds, faults and panics drawn from a seed. Every history is judged, all memory must be
# given back, and a round that does not end fails.
#
#   ci/soak.sh                  for a minute
#   ci/soak.sh 60 7             for an hour, with the rounds of seed 7
#   ci/soak.sh 1 1 4711         only the round of this seed, again and again for a minute
#
# Prints a line every minute, and at the end what was done. A round that went wrong is told
# with the command that repeats it; threads make of the same round something else each time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

minutes=${1:-1}
export PRECEDENT_SOAK_SECONDS=$((minutes * 60))
export PRECEDENT_SEED="${2:-1}"
if (($# > 2)); then
    export PRECEDENT_ROUND="$3"
fi
cargo test --test soak -- --nocapture
