#!/usr/bin/env bash
# The tests under AddressSanitizer, on a nightly toolchain. Arguments go to the tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "asan.sh: needs a nightly toolchain: rustup toolchain install nightly" >&2
    exit 1
fi
# No version stands within its record: what is freed there is still in an allocation in use.
export RUSTFLAGS="-Zsanitizer=address --cfg precedent_apart"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/asan"
# Tests leak transactions on purpose; to look for leaks nevertheless, set detect_leaks=1.
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=0}"

# Every test target but those that only read text or need loom.
targets=(--lib)
for file in tests/*.rs tests/*/main.rs; do
    [[ -e $file ]] || continue
    name=${file#tests/}
    name=${name%/main.rs}
    name=${name%.rs}
    case $name in
    tidy | loom) ;;
    *) targets+=(--test "$name") ;;
    esac
done
# A target triple of its own keeps the sanitizer out of build scripts and macros.
cargo +nightly test --features tracing --target x86_64-unknown-linux-gnu "${targets[@]}" -- "$@"
