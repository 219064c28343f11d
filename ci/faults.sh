#!/usr/bin/env bash
# Breaks the engine on purpose, one patch at a time, and requires that the test which the
# patch names notices: it must run and fail by an assertion.
#   ci/faults.sh [PART OF A FILE NAME]...
# CONTRIBUTING.md says how a patch in ci/faults is written.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# A test that a fault makes hang is stopped after this many seconds, and does not count.
hang_s=300

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}/faults"
# Compiling is what takes the time here.
export CARGO_PROFILE_TEST_DEBUG=0 CARGO_PROFILE_DEV_DEBUG=0 RUST_BACKTRACE=0
export CARGO_PROFILE_TEST_OPT_LEVEL=0 CARGO_INCREMENTAL=1
mkdir -p "$CARGO_TARGET_DIR"
# The same path in every run, so that cargo finds again what it has built.
tree="$CARGO_TARGET_DIR/tree"
log="$CARGO_TARGET_DIR/log"
here=$PWD

header() { # FILE FIELD
    sed -n "1,20s/^# $2: *//p" "$1"
}

# A copy of the tree with fresh time stamps, so that cargo builds what is there now.
copy_tree() {
    rm -rf "$tree"
    mkdir -p "$tree"
    if git rev-parse --git-dir >/dev/null 2>&1; then
        git ls-files -z --cached --others --exclude-standard |
            while IFS= read -r -d '' file; do
                if [[ -e $file ]]; then printf '%s\0' "$file"; fi
            done | tar --null -T - -cf - | tar -xmf - -C "$tree"
    else
        tar --exclude=./target --exclude=./fuzz/target -cf - . | tar -xmf - -C "$tree"
    fi
}

# Runs `cargo test` with the arguments in $1, after `loom: ` as a model; the output goes to
# the log. $2 may hold an argument of cargo's.
cargo_test() {
    local -a args flags=()
    if [[ $1 == "loom: "* ]]; then
        flags=(RUSTFLAGS="--cfg precedent_loom" CARGO_TARGET_DIR="$CARGO_TARGET_DIR/loom")
    fi
    read -ra args <<<"${2:-} ${1#loom: }"
    (cd "$tree" && env "${flags[@]}" timeout "$hang_s" cargo test "${args[@]}") >"$log" 2>&1
}

run_test() { cargo_test "$1"; }

# Whether `cargo test` with the arguments in $1 compiles.
compiles() { cargo_test "$1" --no-run; }

passed_tests() { grep -cE '^test .* \.\.\. ok$' "$log" || true; }
failed_tests() { grep -cE '^test .* \.\.\. FAILED$' "$log" || true; }

# What became of one named test in the broken tree; empty if it noticed.
verdict() {
    local before_dashes=${1%% -- *}
    compiles "$before_dashes" || { echo "does not compile"; return; }
    local code=0
    run_test "$1" || code=$?
    if ((code == 124)); then
        echo "hangs"
    elif ((code == 0)); then
        if (($(passed_tests) == 0)); then echo "runs no test"; else echo "goes unnoticed"; fi
    elif (($(failed_tests) == 0)); then
        echo "ends without a failed test"
    elif (($(passed_tests) > 0)); then
        echo "leaves $(passed_tests) of the named tests passing"
    elif ! grep -q 'panicked at' "$log"; then
        echo "fails without an assertion"
    fi
}

shopt -s nullglob
patches=()
for patch in ci/faults/*.patch; do
    wanted=$(($# == 0))
    for part in "$@"; do [[ $patch == *"$part"* ]] && wanted=1; done
    ((wanted)) && patches+=("$patch")
done
((${#patches[@]} > 0)) || { echo "faults.sh: no patch matches" >&2; exit 1; }

for patch in "${patches[@]}"; do
    for field in name breaks test; do
        [[ -n $(header "$patch" "$field") ]] || { echo "$patch: no '# $field:'" >&2; exit 1; }
    done
done

copy_tree
echo "-- the tree as it is"
while IFS= read -r args; do
    printf '%-70s ' "$args"
    if ! run_test "$args" || (($(passed_tests) == 0)); then
        printf 'FAILED\n\n'
        tail -n 60 "$log"
        echo "faults.sh: a named test fails, or does not exist, in the tree as it is" >&2
        exit 1
    fi
    echo "$(passed_tests) passed"
done < <(for patch in "${patches[@]}"; do header "$patch" test; done | sort -u)

printf '\n-- the tree with one fault each\n'
passed=0
failed=0
for patch in "${patches[@]}"; do
    name=$(header "$patch" name)
    complaint=""
    if (cd "$tree" && patch --batch --forward --fuzz=0 -p1 <"$here/$patch") >"$log" 2>&1; then
        while IFS= read -r args; do
            complaint=$(verdict "$args")
            [[ -z $complaint ]] || break
        done < <(header "$patch" test)
    else
        complaint="does not apply"
    fi
    if [[ -z $complaint ]]; then
        passed=$((passed + 1))
        printf '%-44s caught\n' "$name"
    else
        failed=$((failed + 1))
        printf '%-44s FAILED: %s (%s)\n' "$name" "$complaint" "$patch"
        tail -n 30 "$log" | sed 's/^/    /'
    fi
    # Back to the tree as it is; only what the patch names is touched.
    while IFS= read -r file; do
        rm -f "$tree/$file" "$tree/$file.orig" "$tree/$file.rej"
        if [[ -e $here/$file ]]; then
            mkdir -p "$(dirname "$tree/$file")"
            cp "$here/$file" "$tree/$file"
        fi
    done < <(sed -nE 's#^(---|\+\+\+) [ab]/([^[:space:]]+).*#\2#p' "$patch" | sort -u)
done

printf '\n%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
