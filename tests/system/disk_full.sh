#!/usr/bin/env bash
# No room: on a full file system, on a thin device that promised more than it has, beyond a limit on
# the size of files. Appending ends with an error that says so, everything acknowledged is there, and
# once there is room the log goes on.
#
# On a file system that fills, the room is left out byte by byte: ROUNDS=n sizes are tried.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=rig.bash
source "$(dirname "${BASH_SOURCE[0]}")/rig.bash"
# shellcheck source=disks.bash
source "$root/tests/system/disks.bash"
needs_root

rounds=${ROUNDS:-8}
seeded "the sizes"
# 40 MB in entries of every size up to 20 kB: more than there is room for anywhere here.
python3 - >"$scratch/input.jsonl" <<'PYTHON'
import json
for n in range(4000):
    print(json.dumps({"event_type": "t", "agent_did": f"did:web:full-{n % 11}", "action": "allow",
                      "data": {"n": n, "text": "x" * (n * 7919 % 20000)}}))
PYTHON
head -n 20 "$scratch/input.jsonl" >"$scratch/more.jsonl"

# fills LOG ACKS TEXT [LIMIT]: appends until there is no room, which the error must say.
fills() {
    local status=0
    (
        if [[ -n ${4:-} ]]; then ulimit -f "$4"; fi
        exec python3 "$here/feed.py" run "$scratch/input.jsonl" "$2" \
            "$wmark" -C "$1" ingest --ack --redact off 2>"$scratch/err"
    ) || status=$?
    [[ $status -eq 3 ]] || fail "wanted exit 3, found $status: $(<"$scratch/err")"
    grep -qE "$3" "$scratch/err" || fail "wanted $3 to be told, found: $(<"$scratch/err")"
}

# goes_on LOG ACKS: with room again.
goes_on() {
    exits 0 "$wmark" -C "$1" ingest --redact off "$scratch/more.jsonl"
    exits 0 "$wmark" verify "$1"
    count=$(all_there "$1" "$2") || fail "seed $seed"
    compared=$((compared + count))
}

compared=0
disk=$scratch/tmpfs
for ((round = 1; round <= rounds; round++)); do
    mount_at "$disk" -t tmpfs -o size=6m tmpfs
    log=$disk/log
    head -c $((1000000 + RANDOM * 37)) /dev/zero >"$disk/ballast"
    exits 0 "$wmark" init "$log"
    rm -f "$scratch/acks"
    fills "$log" "$scratch/acks" 'No space left'
    # On a full disk: reading works, and appending fails as before.
    exits 0 "$wmark" -C "$log" query --limit 1
    status=0
    "$wmark" verify "$log" >"$scratch/out" || status=$?
    [[ $status -eq 0 || $status -eq 4 ]] || fail "verify of a full log: $(<"$scratch/out")"
    rm "$disk/ballast"
    goes_on "$log" "$scratch/acks"
    unmount "$disk"
done
say "ok: $rounds full file systems: told, and gone on from; $compared acknowledgements there"

# The device has fewer blocks than its size says: a write, a sync or the journal fails for lack of room.
compared=0
told=()
thin_rounds=$((rounds / 3 + 1))
thin=$scratch/thin
disk=$scratch/disk
for ((round = 1; round <= thin_rounds; round++)); do
    mount_at "$thin" -t tmpfs -o size=14m tmpfs
    truncate -s 64M "$thin/image"
    mkfs.ext4 -q -F -b 4096 "$thin/image"
    head -c $((5000000 + RANDOM * 37)) /dev/zero >"$thin/ballast"
    loop_of "$thin/image"
    # A page at a time: the loop driver takes a write that was cut short for one that succeeded.
    echo 4 >"/sys/block/${loop#/dev/}/queue/max_sectors_kb"
    mount_at "$disk" "$loop"
    log=$disk/log
    exits 0 "$wmark" init "$log"
    rm -f "$scratch/acks"
    fills "$log" "$scratch/acks" 'No space left|Input/output error|Read-only file system'
    told+=("$(grep -oE 'No space|Input/output error|Read-only' "$scratch/err" | head -n 1)")
    rm "$thin/ballast"
    unmount "$disk"
    mount "$loop" "$disk"
    goes_on "$log" "$scratch/acks"
    unmount "$disk"
    losetup -d "$loop"
    unmount "$thin"
done
say "ok: $thin_rounds thin devices ($(printf '%s\n' "${told[@]}" | sort | uniq -c | sort -rn | xargs echo)):" \
    "once there is room, the log goes on; $compared acknowledgements there"

compared=0
for limit in 300 1500 3000; do
    log=$scratch/limited-$limit
    exits 0 "$wmark" init "$log"
    rm -f "$scratch/acks"
    fills "$log" "$scratch/acks" 'File too large' "$limit"
    if [[ -s $scratch/acks ]]; then goes_on "$log" "$scratch/acks"; fi
done
say "ok: beyond RLIMIT_FSIZE: an error, and gone on from; $compared acknowledgements there (${SECONDS}s)"
