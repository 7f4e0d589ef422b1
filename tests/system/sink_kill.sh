#!/usr/bin/env bash
# kill -9 of `wmark sink run` in the middle, again and again, while entries are appended: nothing is
# lost, nothing is in the files twice, and the log verifies.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=rig.bash
source "$(dirname "${BASH_SOURCE[0]}")/rig.bash"

rounds=${ROUNDS:-25}
seeded "the delays"
log=$scratch/log
out=$scratch/out
(umask 077 && printf 'a-key-of-the-test' >"$scratch/key")
python3 - >"$scratch/input.jsonl" <<'PYTHON'
import json
for n in range(2000):
    print(json.dumps({"event_type": "t", "agent_did": "did:web:a", "action": "allow", "data": {"n": n}}))
PYTHON
exits 0 "$wmark" init "$log"
exits 0 "$wmark" -C "$log" sink add archive --file "$out/audit.jsonl" --key-file "$scratch/key" \
    --rotate 60kB --batch 40
midway=0
for ((round = 1; round <= rounds; round++)); do
    exits 0 "$wmark" -C "$log" ingest "$scratch/input.jsonl"
    "$wmark" -C "$log" sink run archive 2>>"$scratch/run.err" &
    pid=$!
    sleep "$(printf '0.%03d' $((40 + RANDOM % 150)))"
    kill -9 "$pid" 2>/dev/null || true
    status=0
    wait "$pid" 2>/dev/null || status=$?
    if [[ $status -eq 137 ]]; then midway=$((midway + 1)); fi
done
exits 0 "$wmark" -C "$log" sink run archive --once
exits 0 "$wmark" -C "$log" sink verify archive
exits 0 "$wmark" verify "$log"
"$wmark" -C "$log" query --limit 0 --json >"$scratch/held.jsonl"
python3 - "$scratch/held.jsonl" "$out" <<'PYTHON' || fail "seed $seed"
import collections, glob, json, sys
held = [json.loads(line)["entry_id"] for line in open(sys.argv[1], encoding="utf-8")]
files = sorted(glob.glob(f"{sys.argv[2]}/audit.0*.jsonl")) + [f"{sys.argv[2]}/audit.jsonl"]
written = [json.loads(line)["entry_id"] for path in files for line in open(path, encoding="utf-8")]
twice = [i for i, count in collections.Counter(written).items() if count > 1]
assert not twice, f"{len(twice)} entries are in the files twice"
assert written == held, f"wanted {len(held)} entries in order, found {len(written)}"
print(f"{len(written)} entries once each in {len(files)} files")
PYTHON
((midway >= rounds / 2)) || fail "wanted half of $rounds kills to hit a running sink, found $midway"
say "ok: $rounds kills, $midway of them midway, nothing lost and nothing twice (${SECONDS}s)"
