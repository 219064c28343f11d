#!/usr/bin/env bash
# Mutants of src/ssi and src/store, as cargo-mutants lists them: does a test notice each?
#
#   ci/mutants.sh           all that can stand behind a switch, in one build (hours)
#   ci/mutants.sh left      what cannot, by cargo-mutants itself, with a build for each
#
# May be stopped and started again: what is known stands in target/mutants/outcomes.tsv. Start
# over (rm -r target/mutants) when src/ssi or src/store has changed. .cargo/mutants.toml says
# what is not asked, and why. First come the units and the suite, then, for what has survived,
# the other tests; not those of the documentation, which are built one by one.
#
# Prints how many were caught, and every survivor: it deserves a test, or a reason in
# docs/12-outside-judges.md. Fails if one stands nowhere there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo_mutants_version=25.3.1
out=target/mutants
unset CARGO_TARGET_DIR

if ! cargo mutants --version 2>/dev/null | grep -q " $cargo_mutants_version$"; then
    cargo install cargo-mutants --locked --version "$cargo_mutants_version"
fi
mkdir -p "$out/tree"
outcomes=$out/outcomes.tsv
[[ -e $out/list.json ]] || cargo mutants --list --json >"$out/list.json"
[[ -e $out/names.txt ]] || cargo mutants --list >"$out/names.txt"

# The last word on each mutant, as `NAME<tab>WORD`.
words() {
    awk -F '\t' '{ word[$1] = $2 } END { for (name in word) print name "\t" word[name] }' "$outcomes"
}

if [[ ${1:-} == left ]]; then
    mapfile -t patterns < <(words | awk -F '\t' '$2 == "left" { print $1 }' |
        sed 's/[][().*+?^$|\\{}]/\\&/g; s/.*/--re=^&$/')
    nice -n 15 cargo mutants -o "$out" --baseline skip --timeout 300 --profile mutants \
        "${patterns[@]}" -- --lib --test suite --test testkit --test endurance
    exit
fi

# What is rewritten is a copy; what has not changed in it is not built again.
git ls-files -z -- Cargo.toml Cargo.lock README.md ARCHITECTURE.md CHANGELOG.md CONTRIBUTING.md \
    BENCHMARKS.md src tests benches examples docs |
    xargs -0 cp --parents --update -t "$out/tree"
cargo build --quiet --release --manifest-path ci/mutants/Cargo.toml
nice -n 15 ci/mutants/target/release/switches \
    "$out/list.json" "$out/names.txt" . "$out/tree" "$out"

echo "of $(wc -l <"$out/names.txt") mutants:"
words | cut -f 2 | sort | uniq -c
failed=0
while read -r name; do
    # The place moves with every edit; what is changed in which function does not.
    if grep -qF "${name#*: }" docs/12-outside-judges.md; then
        echo "explained: $name"
    else
        echo "survived: $name"
        failed=1
    fi
done < <(words | awk -F '\t' '$2 == "missed" || $2 == "doubtful" { print $1 }' | sort)
exit "$failed"
