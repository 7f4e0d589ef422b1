#!/usr/bin/env bash
# The power goes while `wmark ingest --ack` runs on a real ext4: what was acknowledged is there.
#
# The file system is shut down at a random moment (FS_IOC_SHUTDOWN, journal not flushed), which
# leaves what a power cut leaves: what was synced, some or none of the rest, names undone. It is
# mounted again, the log is opened by a short ingest, which is also cut now and then, and verified.
# ROUNDS=n for more, SEED=n to repeat the delays.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=rig.bash
source "$(dirname "${BASH_SOURCE[0]}")/rig.bash"
# shellcheck source=disks.bash
source "$root/tests/system/disks.bash"
needs_root

rounds=${ROUNDS:-16}
rounds_per_log=4
seeded "the delays"
disk=$scratch/disk
truncate -s 96M "$scratch/image"
mkfs.ext4 -q -F "$scratch/image"
loop_of "$scratch/image"
mount_at "$disk" "$loop"
power_cut "$disk" 2>"$scratch/err" || skip_all "no FS_IOC_SHUTDOWN here: $(tail -n 1 "$scratch/err")"
unmount "$disk"

# The rig itself: without a sync the cut takes bytes away, with one it does not.
mount "$loop" "$disk"
python3 - "$disk" <<'PYTHON'
import os, sys
for name in ("synced", "unsynced"):
    with open(f"{sys.argv[1]}/{name}", "wb") as file:
        file.write(b"A" * 4096)
        os.fsync(file.fileno())
        file.seek(0)
        file.write(b"B" * 4096)
        file.flush()
        if name == "synced":
            os.fdatasync(file.fileno())
PYTHON
power_cut "$disk"
unmount "$disk"
mount "$loop" "$disk"
same "after a cut, synced and unsynced bytes" \
    "$(head -c 1 "$disk/synced")$(head -c 1 "$disk/unsynced")" BA
rm "$disk/synced" "$disk/unsynced"

# Entries of every size up to 40 kB, so that young segments fill and rotations are cut as well.
python3 - >"$scratch/input.jsonl" <<'PYTHON'
import json
for n in range(4000):
    print(json.dumps({"event_type": "t", "agent_did": f"did:web:cut-{n % 11}", "action": "allow",
                      "data": {"n": n, "text": "x" * (n * 7919 % 40000)}}))
PYTHON
head -n 1 "$scratch/input.jsonl" >"$scratch/one.jsonl"

# cut_during INPUT ACKS MILLISECONDS [AWAITED]: an ingest, and a cut that long after it began, or
# after its first acknowledgement. Sets $status.
cut_during() {
    local feeder
    feed "$1" "$2" "$wmark" -C "$log" ingest --ack --redact off 2>"$scratch/ingest.err" &
    feeder=$!
    while [[ -n ${4:-} && ! -s $2 ]] && kill -0 "$feeder" 2>/dev/null; do sleep 0.005; done
    sleep "$(printf '0.%03d' "$3")"
    power_cut "$disk"
    status=0
    wait "$feeder" || status=$?
    # Whatever it was doing failed; only an ingest that had nothing left to do ends well.
    [[ $status -eq 0 || $status -eq 3 ]] || fail "exit $status: $(<"$scratch/ingest.err")"
    unmount "$disk"
    mount "$loop" "$disk"
}

midway=0
opening=0
compared=0
for ((round = 1; round <= rounds; round++)); do
    log=$disk/log-$(((round - 1) / rounds_per_log))
    [[ -d $log ]] || exits 0 "$wmark" init "$log"
    acks=$scratch/acks.$round
    cut_during "$scratch/input.jsonl" "$acks" $((RANDOM % 150)) awaited
    if [[ $status -eq 3 ]]; then midway=$((midway + 1)); fi
    if ((round % 2 == 0)); then
        cut_during "$scratch/one.jsonl" "$acks.one" $((30 + RANDOM % 40))
        if [[ $status -eq 3 ]]; then opening=$((opening + 1)); fi
    fi
    exits 0 "$wmark" -C "$log" ingest "$scratch/one.jsonl"
    exits 0 "$wmark" verify "$log"
    if ((round % rounds_per_log == 0 || round == rounds)); then
        count=$(all_there "$log" "$scratch"/acks.*) || fail "round $round, seed $seed"
        compared=$((compared + count))
        rm -rf "$log" "$scratch"/acks.*
    fi
done
((midway >= rounds * 3 / 4)) || fail "wanted most of $rounds cuts to hit a running ingest, found $midway"
say "ok: $compared acknowledgements after $rounds cuts, $midway of them midway, all there"
say "ok: $opening more cuts while a log was opened or closed (${SECONDS}s in all)"
