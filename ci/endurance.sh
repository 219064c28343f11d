#!/usr/bin/env bash
# What stays open, for how long, and what it costs in bytes and versions.
#
#   ci/endurance.sh                      the full size: ten million updates
#   PRECEDENT_SIZE=10 ci/endurance.sh    a tenth of it (per cent)
#
# Prints what was measured. Fails if something is not given back, or grows.
set -euo pipefail
cd "$(dirname "$0")/.."

export PRECEDENT_SIZE="${PRECEDENT_SIZE:-100}"
cargo test --workspace --test endurance -- --nocapture --test-threads=1 "$@"
