#!/usr/bin/env bash
# Breaks the engine on purpose, one patch at a time, and requires that the test which the
# patch names notices: it must run and fail by an assertion.
#   ci/faults.sh [PART OF A FILE NAME]...
# CONTRIBUTING.md says how a patch in ci/faults is written.
#
# Compiling is what takes the time. So the tree that is broken holds the tests that are named and
# no others, the modules of the suite are targets of their own there, and each fault starts from
# what rustc knows of the tree as it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# A test that a fault makes hang is stopped after this many seconds, and does not count.
hang_s=300

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}/faults"
export CARGO_PROFILE_TEST_DEBUG=0 CARGO_PROFILE_DEV_DEBUG=0 RUST_BACKTRACE=0
export CARGO_PROFILE_TEST_OPT_LEVEL=0 CARGO_INCREMENTAL=1
mkdir -p "$CARGO_TARGET_DIR"
# The same path in every run, so that cargo finds again what it has built.
tree="$CARGO_TARGET_DIR/tree"
whole="$CARGO_TARGET_DIR/whole"
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

# Leaves only those of the tree's tests whose names stand in the arguments of `cargo test` given
# on standard input; all of them if one of these is no exact name.
thin_tree() {
    local names file
    names=$(sed -E 's/^.*[ :]([A-Za-z0-9_]+) -- --exact$/\1/')
    if grep -qvE '^[A-Za-z0-9_]+$' <<<"$names"; then return; fi
    while IFS= read -r file; do
        awk -v names="$names" '
            BEGIN { split(names, list, "\n"); for (at in list) named[list[at]] = 1 }
            /^ *#\[test\]$/ { held = 1; next }
            held && match($0, /^ *fn [A-Za-z0-9_]+/) {
                name = substr($0, 1, RLENGTH); sub(/^ *fn /, "", name)
                print (name in named) ? "#[test]" : "#[cfg(any())]"
                held = 0
            }
            { print }' "$file" >"$file.thin"
        mv "$file.thin" "$file"
    done < <(grep -rlE '^ *#\[test\]$' --include='*.rs' "$tree/src" "$tree/tests")
}

# The modules of the suite that module $1 stands on, itself among them.
suite_modules() {
    local known="$1" before=""
    while [[ $known != "$before" ]]; do
        before=$known
        known=$({ printf '%s\n' $before
            for module in $before; do
                grep -rhoE '\bcrate::[a-z_]+' "$tree/tests/suite/$module" "$tree/tests/suite/$module.rs" 2>/dev/null || true
            done | sed 's/crate:://'; } | sort -u)
    done
    printf '%s\n' "$known"
}

# Gives each module of the suite that is named on standard input a target of its own.
split_suite() {
    local module
    while IFS= read -r module; do
        {
            grep -v '^mod ' "$tree/tests/suite/main.rs"
            suite_modules "$module" | sed 's/.*/mod &;/'
        } >"$tree/tests/suite/only_$module.rs"
        printf '\n[[test]]\nname = "suite_%s"\npath = "tests/suite/only_%s.rs"\n' "$module" "$module" >>"$tree/Cargo.toml"
    done
}

# The folders in which rustc keeps what it knows.
knowledge=("$CARGO_TARGET_DIR/debug/incremental" "$CARGO_TARGET_DIR/loom/debug/incremental")

# Keeps what rustc knows now. It never writes into a file that is there: links are enough.
keep_knowledge() {
    local folder
    for folder in "${knowledge[@]}"; do
        rm -rf "$folder.kept"
        if [[ -e $folder ]]; then cp -al "$folder" "$folder.kept"; fi
    done
}

# Forgets what rustc has learned since.
restore_knowledge() {
    local folder
    for folder in "${knowledge[@]}"; do
        if [[ -e $folder.kept ]]; then
            rm -rf "$folder"
            cp -al "$folder.kept" "$folder"
        fi
    done
}

# Runs `cargo test` with the arguments in $1, after `loom: ` as a model; the output goes to
# the log. The words from $2 on stand before `cargo`.
cargo_test() {
    local -a args flags=()
    local wanted
    wanted=$(sed -E 's/^--test suite ([a-z_]+)::/--test suite_\1 \1::/' <<<"$1")
    if [[ $1 == "loom: "* ]]; then
        flags=(RUSTFLAGS="--cfg precedent_loom" CARGO_TARGET_DIR="$CARGO_TARGET_DIR/loom")
    fi
    read -ra args <<<"${wanted#loom: }"
    (cd "$tree" && env "${flags[@]}" "${@:2}" cargo test "${args[@]}") >"$log" 2>&1
}

run_test() { cargo_test "$1" timeout "$hang_s"; }

# Whether `cargo test` with the arguments in $1 compiles, however long that takes.
compiles() { cargo_test "${1%% -- *} --no-run"; }

passed_tests() { grep -cE '^test .* \.\.\. ok$' "$log" || true; }
failed_tests() { grep -cE '^test .* \.\.\. FAILED$' "$log" || true; }

# What became of one named test in the broken tree; empty if it noticed.
verdict() {
    compiles "$1" || { echo "does not compile"; return; }
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

named=$(for patch in "${patches[@]}"; do header "$patch" test; done | sort -u)
copy_tree
thin_tree <<<"$named"
sed -nE 's/^--test suite ([a-z_]+)::.*/\1/p' <<<"$named" | sort -u | split_suite
rm -rf "$whole"
cp -a "$tree" "$whole"
echo "-- the tree as it is"
while IFS= read -r args; do
    printf '%-70s ' "$args"
    if ! compiles "$args" || ! run_test "$args" || (($(passed_tests) == 0)); then
        printf 'FAILED\n\n'
        tail -n 60 "$log"
        echo "faults.sh: a named test fails, or does not exist, in the tree as it is" >&2
        exit 1
    fi
    echo "$(passed_tests) passed"
done <<<"$named"
keep_knowledge

printf '\n-- the tree with one fault each\n'
passed=0
failed=0
for patch in "${patches[@]}"; do
    began=$SECONDS
    restore_knowledge
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
        printf '%-44s caught, %d s\n' "$name" $((SECONDS - began))
    else
        failed=$((failed + 1))
        printf '%-44s FAILED: %s (%s)\n' "$name" "$complaint" "$patch"
        tail -n 30 "$log" | sed 's/^/    /'
    fi
    # Back to the tree as it is; only what the patch names is touched.
    while IFS= read -r file; do
        rm -f "$tree/$file" "$tree/$file.orig" "$tree/$file.rej"
        if [[ -e $whole/$file ]]; then
            mkdir -p "$(dirname "$tree/$file")"
            cp "$whole/$file" "$tree/$file"
        fi
    done < <(sed -nE 's#^(---|\+\+\+) [ab]/([^[:space:]]+).*#\2#p' "$patch" | sort -u)
done

printf '\n%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
