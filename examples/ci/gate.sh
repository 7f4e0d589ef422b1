#!/usr/bin/env bash
# A gate for a pipeline: stops it when the log, a control, or the deployed files do not hold.
#
#   gate.sh LOG OUT
#
# LOG is the log's directory, or a copy of it. OUT receives the artifacts, whether the gate opens or
# not: asi_report.json, integrity_report.json, report.json, report.html. From the environment:
#
#   WMARK            the command; `wmark` on the PATH when not set
#   GATE_ANCHOR      ROOT@SIZE that was noted at an earlier time, or a file with it
#   GATE_DEPLOYMENT  deployment.toml, what the deployment declares about itself
#   GATE_MANIFEST    integrity.json, made when the software was released
#   GATE_ROOTS       where the manifest's roots lie, as NAME=DIR with blanks between; beside it if not
#   GATE_KEY         verifier key, or a file with it: then the manifest must be signed by it
#
# What a gate compares with must not come from what it judges. A job that makes a manifest and then
# checks against it compares the files with themselves, and passes whatever they are. So this script
# makes nothing: anchor and manifest are fetched from where an earlier, trusted run put them, and
# when the manifest is not given the software counts as not checked, which is said.
#
# Exit: 0 everything that was asked for holds, 1 something does not, 2 wrong usage, 3 undecided.
set -uo pipefail

[[ $# -eq 2 ]] || {
    echo "usage: gate.sh LOG OUT" >&2
    exit 2
}
log=$1
out=$2
wmark=${WMARK:-wmark}
mkdir -p "$out" || exit 3
failed=0
undecided=0

# step NAME COMMAND...: runs it, says how it ended, and remembers.
step() {
    local name=$1 code=0
    shift
    "$@" || code=$?
    case $code in
        0) printf 'ok      %s\n' "$name" ;;
        1) printf 'FAILED  %s\n' "$name" && failed=1 ;;
        *) printf 'UNKNOWN %s (exit %d)\n' "$name" "$code" && undecided=1 ;;
    esac
}

verify=("$wmark" verify "$log" -q)
if [[ -n ${GATE_ANCHOR:-} ]]; then
    verify+=(--against "$GATE_ANCHOR")
else
    echo "note: no GATE_ANCHOR, so a log that was rewritten as a whole looks intact"
fi
step "log intact" "${verify[@]}"

given=()
[[ -z ${GATE_DEPLOYMENT:-} ]] || given+=(--deployment "$GATE_DEPLOYMENT")
controls() { "$wmark" -C "$log" compliance verify "${given[@]}" --json >"$out/asi_report.json"; }
step "controls met" controls

if [[ -n ${GATE_MANIFEST:-} ]]; then
    listed=()
    for place in ${GATE_ROOTS:-}; do listed+=(--root "$place"); done
    [[ -z ${GATE_KEY:-} ]] || listed+=(--key "$GATE_KEY")
    software() {
        "$wmark" integrity check "$GATE_MANIFEST" "${listed[@]}" --json >"$out/integrity_report.json"
    }
    step "software as listed" software
    given+=(--manifest "$GATE_MANIFEST" "${listed[@]}")
else
    echo "note: no GATE_MANIFEST, so the software was not checked"
fi

# The reports are for people; what they say was judged above.
for format in json html; do
    "$wmark" -C "$log" report --days 30 "${given[@]}" --format "$format" \
        -o "$out/report.$format" --force -q
    code=$?
    [[ $code -le 1 || $code -eq 4 ]] || undecided=1
done

if ((failed)); then
    echo "gate: closed"
    exit 1
elif ((undecided)); then
    echo "gate: closed, since not everything could be decided"
    exit 3
fi
echo "gate: open"
