#!/usr/bin/env bash
# Formatting, lints, documentation, tests, examples, benchmarks, weight.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The library without default features may pull in at most this many crates, itself included.
most_crates=12

step() {
    printf '\n-- %s\n' "$*"
    "$@"
}

fail() {
    printf 'check.sh: %s\n' "$*" >&2
    exit 1
}

# The version of Rust that is promised must be the same wherever it is stated.
check_rust_version() {
    local version
    version=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
    [[ -n $version ]] || fail "Cargo.toml states no rust-version"
    grep -qxF "msrv = \"$version\"" clippy.toml || fail "clippy.toml does not say msrv = \"$version\""
    grep -qF "Rust version is $version" README.md || fail "README.md does not say Rust $version"
    if rustup run "$version" cargo --version >/dev/null 2>&1; then
        step rustup run "$version" cargo check --lib --all-features
    else
        echo "Rust $version is stated; its toolchain is not installed, so it was not tried"
    fi
}

check_weight() {
    local crates count
    crates=$(cargo tree -e normal --no-default-features --prefix none | sed 's/ (\*)$//' | sort -u)
    count=$(wc -l <<<"$crates")
    echo "$crates"
    echo "$count crates without default features, at most $most_crates"
    ((count <= most_crates)) || fail "too many dependencies"
}

check_examples() {
    local code=0
    step cargo run --quiet --release --example ledger -- --seconds 1
    printf '\n-- a flag that does not exist\n'
    cargo run --quiet --release --example ledger -- --no-such-flag >/dev/null || code=$?
    ((code == 2)) || fail "a wrong flag must end the example with 2, not $code"
    step cargo run --quiet --release --example parallel_scan
    step cargo run --quiet --release --example million -- 20000
}

# The benchmark tool: a short run in every dress, compared with itself.
check_versus() {
    local folder
    folder=$(mktemp -d)
    step cargo run --quiet --release -p versus -- --quick --only "one hot counter,queue" \
        --json "$folder/a.json" --csv "$folder/a.csv" --markdown "$folder/a.md" --html "$folder/a.html"
    step cargo run --quiet --release -p versus -- compare "$folder/a.json" "$folder/a.json" \
        --fail-if-worse 10%
    grep -q "</html>" "$folder/a.html" || fail "the page of versus is not whole"
    rm -r "$folder"
}

step cargo fmt --all -- --check
step cargo fmt --manifest-path fuzz/Cargo.toml -- --check
step cargo fmt --manifest-path ci/mutants/Cargo.toml -- --check
step cargo clippy --workspace --all-targets -- -D warnings
step cargo clippy --lib -- -D warnings
step cargo clippy --lib --no-default-features -- -D warnings
step cargo clippy --lib --features serde -- -D warnings
step cargo clippy --lib --features testkit -- -D warnings
step cargo clippy --lib --features tracing -- -D warnings
export RUSTDOCFLAGS="-D warnings"
step cargo doc --no-deps --features serde
step cargo doc --no-deps --features serde,testkit --document-private-items
unset RUSTDOCFLAGS
step cargo test --workspace
step cargo test --features tracing --test tracing
check_examples
step cargo bench --no-run
# Each of them once.
step cargo bench --quiet -p micro -- --test
check_versus
printf '\n-- weight\n'
check_weight
printf '\n-- minimum Rust version\n'
check_rust_version
