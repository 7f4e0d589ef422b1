#!/usr/bin/env bash
# Somebody else's code on what we hand out: golang.org/x/mod/sumdb/note and tlog.
#
# A log grows through many sizes and signs a checkpoint at each. A Go program (go/main.go) that knows
# the public formats and nothing of us opens every checkpoint, every bundle, and a proof of every
# earlier size, and must refuse them with anything changed.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=rig.bash
source "$(dirname "${BASH_SOURCE[0]}")/rig.bash"

gopath=/usr/share/gocode
command -v go >/dev/null || skip_all "go is missing (Debian: golang-go)"
[[ -d $gopath/src/golang.org/x/mod/sumdb/note ]] ||
    skip_all "golang.org/x/mod is missing (Debian: golang-golang-x-mod-dev)"

export GO111MODULE=off GOPATH=$gopath GOCACHE=$scratch/gocache GOFLAGS=
go build -o "$scratch/go_verify" "$root/tests/system/go/main.go"

log=$scratch/log
exits 0 "$wmark" init "$log" --origin go.example/log
key=$("$wmark" -q keygen -C "$log" --out "$scratch/log.key")
export WMARK_KEY_FILE=$scratch/log.key

# sign SIZE: grows the log to this size and signs it.
grown=0
sign() {
    if [[ $1 -gt $grown ]]; then
        python3 -c '
import json, sys
for n in range(int(sys.argv[1]), int(sys.argv[2])):
    print(json.dumps({"event_type": "tool_invocation", "agent_did": f"did:web:a{n % 5}",
                      "action": "allow", "data": {"n": n}}))' "$grown" "$1" |
            "$wmark" -q -C "$log" ingest || fail "ingest up to $1"
        grown=$1
    fi
    "$wmark" -q -C "$log" checkpoint --out "$scratch/$1.note"
}

notes=() bundles=0 consistencies=0
for size in 0 1 2 3 4 5 6 7 8 9 15 16 17 31 32 33 64 100 127 128 129 255 256 257 1000; do
    sign "$size"
    notes+=("$scratch/$size.note")
    for index in 0 1 2 3 7 8 16 31 63 99 128 254 255 256 $((size - 2)) $((size - 1)); do
        [[ $index -ge 0 && $index -lt $size ]] || continue
        "$wmark" -q -C "$log" prove "$index" --bundle >>"$scratch/bundles"
        bundles=$((bundles + 1))
    done
    for old in 1 2 3 4 7 8 16 17 64 127 128 255 256 $((size - 1)) "$size"; do
        [[ $old -ge 1 && $old -le $size ]] || continue
        "$wmark" -q -C "$log" prove-consistency "$old" --bundle >>"$scratch/consistencies"
        consistencies=$((consistencies + 1))
    done
done
say "${#notes[@]} checkpoints, $bundles bundles, $consistencies proofs of a prefix"

# go_verify WHAT FILE...: the Go program's word, and how many it accepted.
go_verify() {
    local wanted=$1 words
    shift
    words=$("$scratch/go_verify" "$key" "$@") || fail "go_verify $1"
    [[ $words == *": $wanted accepted, "* ]] || fail "wanted $wanted accepted, found: $words"
    say "ok: Go: $words"
}

go_verify "${#notes[@]}" checkpoint "${notes[@]}"
go_verify "$bundles" bundles "$scratch/bundles"
go_verify "$consistencies" consistency "$scratch/consistencies"

# During a change of keys both of Go's verifiers accept.
new=$("$wmark" -q keygen -C "$log" --out "$scratch/new.key")
"$wmark" -q -C "$log" checkpoint --key-file "$scratch/log.key" --key-file "$scratch/new.key" \
    --out "$scratch/both.note"
go_verify 1 checkpoint "$scratch/1000.note"
for one in "$key" "$new"; do
    "$scratch/go_verify" "$one" opens "$scratch/both.note" || fail "go does not open both.note"
done
say "ok: Go opens a checkpoint of two keys with either"
exits 0 "$wmark" verify "$log" --key "$key" --no-memory
say "ok: wmark verify --key"
