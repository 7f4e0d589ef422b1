#!/usr/bin/env bash
# A block device that answers writes with EIO for a while, under a real ext4: a failed sync ends
# writing, is never tried again, and nothing is believed afterwards that is not on the disk.
#
# The kernel may mark what it failed to write as clean: the next sync says success, and until the
# cache is dropped everybody reads what the disk does not have. So the log is opened again in the
# same boot, what it says then is noted, the file system is mounted afresh, which drops the cache,
# and it must still say all of it. ROUNDS=n, SEED=n.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=rig.bash
source "$(dirname "${BASH_SOURCE[0]}")/rig.bash"
# shellcheck source=disks.bash
source "$root/tests/system/disks.bash"
needs_root strace nbdkit nbdfuse fusermount3
[[ -c /dev/fuse ]] || skip_all "no /dev/fuse here"

rounds=${ROUNDS:-8}
seeded "the delays"
disk=$scratch/disk
mkdir "$scratch/device"
# The device is gone with the mount of nbdfuse, and nbdkit with nbdfuse.
nbdfuse "$scratch/device/image" --command nbdkit -s --exit-with-parent --filter=error memory 64M \
    error=EIO error-pwrite-rate=100% error-pwrite-file="$scratch/failing-writes" \
    error-pread-rate=100% error-pread-file="$scratch/failing-reads" >"$scratch/nbd.log" 2>&1 &
mounts+=("$scratch/device")
for ((wait = 0; wait < 100; wait++)); do [[ -e $scratch/device/image ]] && break || sleep 0.05; done
[[ -e $scratch/device/image ]] || skip_all "nbdfuse does not work here: $(<"$scratch/nbd.log")"
# Directly: a loop device with a page cache of its own takes writes that fail only later, and tells the
# first who flushes. That may be the journal's thread, and whoever syncs next hears of no error.
loop_of "$scratch/device/image" --direct-io=on
mkfs.ext4 -q -F "$loop"
mount_at "$disk" "$loop"

again() {
    unmount "$disk"
    mount "$loop" "$disk"
}

# The rig itself, and why there is anything to test: what a program that tries again would believe.
python3 - "$disk/file" "$scratch/failing-writes" >"$scratch/believed" <<'PYTHON'
import os, sys
path, failing = sys.argv[1:]
fd = os.open(path, os.O_RDWR | os.O_CREAT)
os.pwrite(fd, b"A" * 4096, 0)
os.fsync(fd)
os.pwrite(fd, b"B" * 4096, 0)
open(failing, "w").close()
said = []
for _ in range(2):
    try:
        os.fdatasync(fd)
        said.append("success")
    except OSError:
        said.append("error")
os.unlink(failing)
print("then".join(f" {word} " for word in said).strip() + f", reads {os.pread(fd, 1, 0).decode()}")
assert said[0] == "error", "no sync failed: the rig injects nothing"
PYTHON
again
say "ok: two syncs by a naive program: $(<"$scratch/believed"); on the disk: $(head -c 1 "$disk/file")"
rm "$disk/file"

python3 "$here/feed.py" lines 2000 6000 >"$scratch/input.jsonl"
python3 "$here/feed.py" lines 1 10 >"$scratch/one.jsonl"
python3 "$here/feed.py" lines 300 6000 >"$scratch/more.jsonl"

# fail_during INPUT ACKS: an ingest, traced, during which writes begin to fail.
fail_during() {
    local feeder status=0
    feed "$1" "$2" strace -f -y -qqq -s 65536 -o "$scratch/trace" \
        -e trace=openat2,mkdir,renameat2,pwrite64,write,fdatasync,fsync,mmap \
        "$wmark" -C "$log" ingest --ack --redact off 2>"$scratch/err" &
    feeder=$!
    while [[ ! -s $2 ]] && kill -0 "$feeder" 2>/dev/null; do sleep 0.005; done
    sleep "$(printf '0.%03d' $((RANDOM % 150)))"
    touch "$scratch/failing-writes"
    wait "$feeder" || status=$?
    [[ $status -eq 3 ]] || fail "wanted exit 3, found $status: $(<"$scratch/err")"
    grep -q 'Input/output error' "$scratch/err" || fail "the error does not say: $(<"$scratch/err")"
    python3 "$here/trace_check.py" "$log" "$scratch/trace" >"$scratch/judged" || fail "order of calls"
}

entries() { "$wmark" -C "$1" query --limit 0 --json | python3 -c '
import json, sys
for line in sys.stdin:
    entry = json.loads(line)
    print(entry["index"], entry["entry_hash"])'; }

compared=0
syncs=0
remounted=0
for ((round = 1; round <= rounds; round++)); do
    log=$disk/log
    rm -rf "$log" "$scratch"/acks*
    exits 0 "$wmark" init "$log"
    fail_during "$scratch/input.jsonl" "$scratch/acks"
    if grep -q 'failed syncs' "$scratch/judged"; then syncs=$((syncs + 1)); fi
    if ((round % 3 == 0)); then
        # The disk is still broken: opening says so, and does not get far.
        exits 3 "$wmark" -C "$log" ingest "$scratch/one.jsonl"
    fi
    rm "$scratch/failing-writes"
    if ! { touch "$disk/writable" && sync "$disk/writable"; } 2>/dev/null; then
        # The journal failed too, so the kernel allows reading only until it is mounted again.
        again
        remounted=$((remounted + 1))
    fi
    exits 0 "$wmark" -C "$log" ingest "$scratch/one.jsonl"
    entries "$log" >"$scratch/believed"
    again
    entries "$log" >"$scratch/held"
    cmp -s "$scratch/believed" "$scratch/held" ||
        fail "round $round, seed $seed: believed before the cache was dropped, and not on the disk:
$(diff "$scratch/believed" "$scratch/held" | head -n 5)"
    exits 0 "$wmark" verify "$log"
    count=$(all_there "$log" "$scratch/acks") || fail "round $round, seed $seed"
    compared=$((compared + count))
done
((syncs > 0)) || fail "no sync failed in $rounds rounds: nothing was tested"
say "ok: $rounds failing disks, $syncs of them in a sync, $remounted remounted: never synced again"
say "ok: what was believed after it is on the disk, $compared acknowledgements among it"

# Reading fails: nothing can be decided, and nothing is called tampered.
exits 0 "$wmark" -C "$log" ingest "$scratch/more.jsonl"
again
ls -l "$log" >/dev/null
touch "$scratch/failing-reads"
exits 3 "$wmark" verify "$log"
rm "$scratch/failing-reads"
exits 0 "$wmark" verify "$log"
say "ok: a disk that cannot be read: exit 3; once it can, intact (${SECONDS}s in all)"
