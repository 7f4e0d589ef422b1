#!/usr/bin/env bash
# The command and its twin: what goes in comes out, is provable, and a second reader agrees.
#
# Ingests the fixture (and, where they lie beside the checkout, a real fleet's log and three
# published trails), compares counts, proves an entry, and lets docs/verify.py, which shares no code
# with us, recompute every hash and the root from the directory alone.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=rig.bash
source "$(dirname "${BASH_SOURCE[0]}")/rig.bash"
data=$root/../shared/data

# ingest LOG FILE [FLAGS]: a new log with the contents of a file.
ingest() {
    local log=$1 file=$2
    shift 2
    exits 0 "$wmark" init "$log"
    exits 0 "$wmark" -C "$log" ingest "$file" --redact off "$@"
}

entries() { "$wmark" -C "$1" query --limit 0 --json; }

# counts_by_type LOG: the command's own aggregation, one sorted line.
counts_by_type() {
    "$wmark" -C "$1" query --count --by event_type --json | python3 -c '
import json, sys
print(json.dumps(json.load(sys.stdin)["counts"], sort_keys=True))'
}

# tally KEY: how often each value of a key stands in the JSON lines on standard input, sorted.
tally() {
    python3 -c '
import collections, json, sys
tally = collections.Counter(json.loads(line)[sys.argv[1]] for line in sys.stdin if line.strip())
print(json.dumps(tally, sort_keys=True))' "$1"
}

# same_content FILE LOG: every field the source gave is what the log gives back, in order.
same_content() {
    entries "$2" >"$scratch/entries.jsonl"
    python3 - "$1" "$scratch/entries.jsonl" <<'PYTHON'
import json, sys
given, kept = ([json.loads(line) for line in open(path, encoding="utf-8")] for path in sys.argv[1:])
assert len(given) == len(kept), f"wanted {len(given)} entries, found {len(kept)}"
fields = ["event_type", "agent_did", "action", "resource", "outcome", "policy_decision",
          "trace_id", "entry_id", "data"]
for line, (want, have) in enumerate(zip(given, kept), 1):
    assert have["index"] == line - 1, f"line {line}: found index {have['index']}"
    for field in fields:
        if field in want:
            assert have.get(field) == want[field], \
                f"line {line}, {field}: wanted {want[field]!r}, found {have.get(field)!r}"
PYTHON
    say "ok: every field of $(wc -l <"$1") entries came back as it was given"
}

# proof LOG INDEX: proves an entry and checks the proof away from the log, with right and wrong root.
proof() {
    local log=$1 index=$2 document root_hex size wrong
    document=$("$wmark" -C "$log" root --json)
    root_hex=$(field root <<<"$document")
    size=$(field size <<<"$document")
    wrong=$(tr '0123456789abcdef' '123456789abcdef0' <<<"$root_hex")
    exits 0 "$wmark" -C "$log" prove "$index" -o "$scratch/proof.json"
    exits 0 "$wmark" verify-proof "$scratch/proof.json" --root "$root_hex" --size "$size"
    exits 1 "$wmark" verify-proof "$scratch/proof.json" --root "$wrong" --size "$size"
    rm "$scratch/proof.json"
    say "ok: entry $index is proved against the root, and against no other"
}

# twin LOG: the second reader finds the root the command tells.
twin() {
    local document wanted found
    exits 0 "$wmark" verify "$1"
    say "ok: wmark verify"
    [[ -f $root/docs/verify.py ]] || return 0
    document=$("$wmark" -C "$1" root --json)
    wanted="root $(field root <<<"$document") size $(field size <<<"$document")"
    exits 0 python3 "$root/docs/verify.py" "$1"
    found=$(tail -n 1 "$scratch/exits.out")
    same "docs/verify.py" "$found" "$wanted"
}

fixture=$root/tests/fixtures/fleet_small.jsonl
echo "fixture: 200 entries"
ingest "$scratch/small" "$fixture"
same_content "$fixture" "$scratch/small"
same "counts by type" "$(counts_by_type "$scratch/small")" "$(tally event_type <"$fixture")"
proof "$scratch/small" 0
proof "$scratch/small" 137
twin "$scratch/small"

if [[ -f $data/fleet/fleet.stdout.jsonl ]]; then
    echo "fleet: 4000 entries"
    ingest "$scratch/fleet" "$data/fleet/fleet.stdout.jsonl"
    python3 - "$data/fleet/fleet.summary.json" >"$scratch/wanted" <<'PYTHON'
import json, sys
summary = json.load(open(sys.argv[1], encoding="utf-8"))
print(summary["entries"], summary["distinct_agents"], summary["denied"])
print(json.dumps(summary["by_type"], sort_keys=True))
print(json.dumps(sorted((agent, count) for count, agent in summary["by_agent_top"])))
PYTHON
    entries "$scratch/fleet" >"$scratch/entries.jsonl"
    python3 - "$scratch/entries.jsonl" "$data/fleet/fleet.summary.json" >"$scratch/found" <<'PYTHON'
import collections, json, sys
entries = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
agents = collections.Counter(entry["agent_did"] for entry in entries)
top = [agent for _, agent in json.load(open(sys.argv[2], encoding="utf-8"))["by_agent_top"]]
print(len(entries), len(agents), sum(entry["outcome"] == "denied" for entry in entries))
types = collections.Counter(entry["event_type"] for entry in entries)
print(json.dumps(types, sort_keys=True))
print(json.dumps(sorted((agent, agents[agent]) for agent in top)))
PYTHON
    for line in "entries, agents, denied" "counts by type" "counts of the five busiest agents"; do
        read -r wanted <&3 && read -r found <&4
        same "$line" "$found" "$wanted"
    done 3<"$scratch/wanted" 4<"$scratch/found"
    same "the same, counted by the command" "$(counts_by_type "$scratch/fleet")" \
        "$(sed -n 2p "$scratch/wanted")"
    proof "$scratch/fleet" 3999
    twin "$scratch/fleet"
else
    say "not here, so not compared: the real fleet's log"
fi

for pair in soc2:9 aml:87 trading:41; do
    name=${pair%:*}
    file=$data/${name}_audit_trail.json
    [[ -f $file ]] || { say "not here, so not compared: the $name trail" && continue; }
    echo "$name trail: ${pair#*:} entries"
    ingest "$scratch/$name" "$file" --map agent_did=agent_id,action=decision,resource=tool \
        --default action=audit,outcome=success
    same "entries" "$("$wmark" -C "$scratch/$name" query --count --json | field count)" "${pair#*:}"
    twin "$scratch/$name"
done

[[ -f $root/docs/verify.py ]] || skip_all "docs/verify.py is missing: no second reader was asked"
