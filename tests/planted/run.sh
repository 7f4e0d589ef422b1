#!/usr/bin/env bash
# Deliberate bugs, one at a time: each must make a test of the ordinary suite fail.
#
# A patch in this directory begins with three lines: `bug:` what it does, `breaks:` the promise that is
# gone, `first:` the arguments of `cargo test` that select the tests most likely to notice; the whole
# suite is asked only when these stay green. The checkout is not touched: patches are applied to a copy,
# target/planted/tree, which has a target directory of its own, so that no program with a bug in it
# lies where a good one is expected. First the `first:` tests run on the copy as it is, because a test
# that is red without the bug proves nothing. A patch that does not apply, does not compile, runs no
# test or stays green ends the run.
#
# `tests/planted/run.sh [NAME...]`, or `just planted`. To mend a patch that no longer applies, put the
# bug into the code, write `git diff -U2 FILE` behind the three lines, and take it out again.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
home=$root/target/planted
tree=$home/tree
log=$home/without-a-bug.log
# How long the tests may take with a bug that makes them wait for ever.
patience=1200
# Above the copy nothing may pass for its repository: git would skip files that it ignores.
export GIT_CEILING_DIRECTORIES=$home CARGO_TARGET_DIR=$home/build CARGO_TERM_COLOR=never

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

# header PATCH KEY: what the patch says of itself.
header() {
    local said
    said=$(sed -n "s/^$2: //p;/^---/q" "$1")
    [[ -n $said ]] || fail "$1: wanted a line \`$2:\`"
    printf '%s' "$said"
}

# Exit status of `cargo test ARGS`; what it said is in $log, kept as target/planted/NAME.log.
run_tests() {
    local status=0
    (cd "$tree" && timeout "$patience" cargo test "$@") >"$log" 2>&1 || status=$?
    return "$status"
}

# The first test that failed, or what ended the program that runs them.
first_red() {
    local red
    red=$(sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p;T;q' "$log")
    [[ -n $red ]] || red=$(sed -n 's/.*(signal: \(.*\))$/ended by signal \1/p;T;q' "$log")
    printf '%s' "$red"
}

patches=()
for name in "$@"; do patches+=("$here/$name.patch"); done
(($# > 0)) || patches=("$here"/*.patch)

rm -rf "$tree"
mkdir -p "$tree"
# With new times: what a run that was cut short has compiled must not pass for this code.
tar -C "$root" --exclude=target --exclude=.git -cf - . | tar -C "$tree" -xmf -

printf 'without a bug\n'
for patch in "${patches[@]}"; do header "$patch" first && echo; done | sort -u >"$home/firsts"
while read -ra arguments; do
    run_tests "${arguments[@]}" </dev/null || { tail -n 60 "$log"; fail "red without a bug: ${arguments[*]}"; }
    grep -q '^running [1-9]' "$log" || fail "these select no test: ${arguments[*]}"
done <"$home/firsts"

printf '%-28s %-78s %7s\n' patch 'first red test' seconds
for patch in "${patches[@]}"; do
    name=$(basename "$patch" .patch)
    read -ra arguments <<<"$(header "$patch" first)"
    log=$home/$name.log
    export WMARK_PLANTED=$name
    (cd "$tree" && git apply "$patch") || fail "$name: it no longer applies"
    start=$SECONDS
    run_tests --no-run "${arguments[@]}" || { tail -n 60 "$log"; fail "$name: it does not compile"; }
    status=0
    run_tests "${arguments[@]}" || status=$?
    ((status != 0)) || run_tests || status=$?
    ((status != 0)) || fail "$name: every test is green"
    ((status != 124)) || fail "$name: no end after $patience s"
    red=$(first_red)
    [[ -n $red ]] || { tail -n 60 "$log"; fail "$name: \`cargo test\` failed, but no test"; }
    printf '%-28s %-78s %7d\n' "$name" "$red" $((SECONDS - start))
    (cd "$tree" && git apply -R "$patch")
done
printf 'ok: each of %d bugs was noticed\n' "${#patches[@]}"
