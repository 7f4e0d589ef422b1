# What the system tests share; sourced, never run.
#
# Gives: $root (the checkout), $wmark (the command), $scratch (a private directory, removed on
# exit), and the functions below. A system test prints each thing it checks, exits 0 when all of it
# holds, 77 when it cannot be tried here, and anything else when something is wrong.

# shellcheck shell=bash
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
wmark=${WMARK:-${CARGO_TARGET_DIR:-$root/target}/release/wmark}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

say() { printf '  %s\n' "$*"; }

fail() {
    printf '  FAIL: %s\n' "$*" >&2
    exit 1
}

skip_all() {
    printf '  SKIPPED: %s\n' "$*"
    exit 77
}

# seeded WHAT: sets $seed, and has $RANDOM follow from it.
seeded() {
    seed=${SEED:-$(($(date +%s) % 32768))}
    RANDOM=$seed
    say "seed $seed (SEED=$seed repeats $1)"
}

# needs TOOL...: what cannot be tried without these is skipped.
needs() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || skip_all "$tool is missing"
    done
}

# same WHAT FOUND WANTED
same() {
    [[ $2 == "$3" ]] || fail "$1: wanted $3, found $2"
    say "ok: $1 = $3"
}

# exits WANTED COMMAND...: the command ends with exactly this status.
exits() {
    local wanted=$1 status=0
    shift
    "$@" >"$scratch/exits.out" 2>"$scratch/exits.err" || status=$?
    [[ $status -eq $wanted ]] || {
        tail -n 20 "$scratch/exits.out" "$scratch/exits.err" >&2
        fail "exit status of $*: wanted $wanted, found $status"
    }
}

# field KEY: the value of a key of the one JSON document on standard input.
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

export PYTHONDONTWRITEBYTECODE=1
[[ -x $wmark ]] || skip_all "no $wmark; build it with: cargo build --release"
command -v python3 >/dev/null || skip_all "python3 is missing"
