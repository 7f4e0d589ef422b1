#!/usr/bin/env bash
# kill -9 in the middle of `wmark ingest --ack`, 100 times: what was acknowledged is there afterwards.
#
# A log is killed four times over, so that recovery is tried on what recovery left behind. After
# each kill the log is reopened for writing by a short ingest and must verify; before a log is
# dropped, every acknowledgement ever read from it, complete lines only, is compared by index and
# entry hash with what a query gives. Delays are random; SEED=n repeats them.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=rig.bash
source "$(dirname "${BASH_SOURCE[0]}")/rig.bash"

rounds=100
rounds_per_log=4
midway_min=90 # Rounds that must have hit a running ingest, or nothing was tested.
delay_ms_max=30
seed=${SEED:-$(($(date +%s) % 32768))}
RANDOM=$seed
say "seed $seed (SEED=$seed repeats the delays)"

# Ids are left out, so that every line of every round is a new entry.
python3 - "$scratch/input.jsonl" <<'PYTHON'
import json, sys
with open(sys.argv[1], "w", encoding="utf-8") as out:
    for line in range(300_000):
        out.write(json.dumps({
            "event_type": ("tool_invocation", "tool_blocked", "policy_evaluation")[line % 3],
            "agent_did": f"did:web:killed-{line % 17:02}.example.com",
            "action": "allow", "outcome": "success", "resource": f"/orders/{line}",
            "data": {"line": line, "text": "x" * (line % 211)},
        }) + "\n")
PYTHON
head -n 1 "$scratch/input.jsonl" >"$scratch/one.jsonl"

# kill_midway LOG ACKS: starts an ingest, lets the first acknowledgement come, kills it; true when
# it was still running.
kill_midway() {
    local log=$1 acks=$2 pid status=0 waited=0
    "$wmark" -C "$log" ingest --ack "$scratch/input.jsonl" >"$acks" 2>"$scratch/ingest.err" &
    pid=$!
    while [[ ! -s $acks ]] && kill -0 "$pid" 2>/dev/null; do
        sleep 0.002
        waited=$((waited + 1))
        [[ $waited -lt 5000 ]] || { kill -9 "$pid" && break; }
    done
    sleep "$(printf '0.%03d' $((RANDOM % (delay_ms_max + 1))))"
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || status=$?
    [[ -s $acks ]] || {
        cat "$scratch/ingest.err" >&2
        fail "ingest (status $status) acknowledged nothing"
    }
    [[ $status -eq 137 ]]
}

# compare LOG: every complete acknowledgement of this log's rounds against what the log holds.
compare() {
    "$wmark" -C "$1" query --limit 0 --json >"$scratch/held.jsonl"
    python3 - "$scratch/held.jsonl" "$scratch"/acks.* <<'PYTHON'
import json, sys
held = {}
for line in open(sys.argv[1], encoding="utf-8"):
    entry = json.loads(line)
    held[entry["index"]] = entry["entry_hash"]
acks = 0
for path in sys.argv[2:]:
    for line in open(path, "rb"):
        if not line.endswith(b"\n"):
            continue  # The kill cut the line: nobody was told anything.
        ack = json.loads(line)
        if ack.get("type") != "ack":
            continue
        acks += 1
        where = f"{path.rsplit('/', 1)[-1]}, entry {ack['index']}"
        assert ack["durable"] is True, f"{where}: acknowledged before it was durable"
        assert ack["index"] in held, f"{where}: acknowledged, and not in the log"
        assert held[ack["index"]] == ack["entry_hash"], \
            f"{where}: wanted hash {ack['entry_hash']}, found {held[ack['index']]}"
assert acks > 0, "no acknowledgement to compare"
print(acks)
PYTHON
}

midway=0
compared=0
for ((round = 1; round <= rounds; round++)); do
    log=$scratch/log-$(((round - 1) / rounds_per_log))
    [[ -d $log ]] || exits 0 "$wmark" init "$log"
    if kill_midway "$log" "$scratch/acks.$round"; then midway=$((midway + 1)); fi
    exits 0 "$wmark" -C "$log" ingest "$scratch/one.jsonl"
    exits 0 "$wmark" verify "$log"
    if ((round % rounds_per_log == 0 || round == rounds)); then
        acks=$(compare "$log") || fail "round $round, seed $seed"
        compared=$((compared + acks))
        rm -rf "$log" "$scratch"/acks.*
    fi
    if ((round % 20 == 0)); then say "$round kills, ${SECONDS}s"; fi
done

((midway >= midway_min)) ||
    fail "wanted $midway_min of $rounds kills to hit a running ingest, found $midway"
say "ok: $compared acknowledgements after $rounds kills, $midway of them midway, all there"
say "ok: every reopened log verified (${SECONDS}s in all)"
