#!/usr/bin/env bash
# What the operating system was asked, in which order: no acknowledgement leaves before the sync
# that covers it has returned, nothing is synced again after an error, names are made durable before
# they are built on, no file of the log is mapped for writing. trace_check.py has the rules, and
# forged traces that break each of them; real traces without one of their syncs must not pass.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=rig.bash
source "$(dirname "${BASH_SOURCE[0]}")/rig.bash"
needs strace

here=$root/tests/system
entries=${ENTRIES:-150}
# On one processor one thread appends, and the number of a call is the number in that thread.
processor=$(python3 -c 'import os; print(min(os.sched_getaffinity(0)))')
calls=openat,openat2,mkdir,renameat2,renameat,rename,pwrite64,write,fdatasync,fsync,mmap,ftruncate
calls+=,fallocate,unlinkat,fadvise64,pread64
strace=(strace -f -y -qqq -s 1000000 -e "trace=$calls" -o "$scratch/trace")
log=$scratch/log

# judge WHAT [FLAG]: the trace as it is now.
judge() {
    local found
    found=$(python3 "$here/trace_check.py" "${@:2}" "$log" "$scratch/trace") || fail "$1"
    say "ok: $1: $found"
}

# ingest FILE COMMAND...: as `feed.py run`; what the command said stands in err.
ingest() { python3 "$here/feed.py" run "$1" "$scratch/acks" "${@:2}" 2>"$scratch/err"; }

forged=$(python3 "$here/trace_check.py" --forged) || fail "the checker itself"
say "ok: $forged"

"${strace[@]}" "$wmark" init "$log" >"$scratch/out" 2>&1
judge "creating a log"

# Each entry waits for its answer; 24 kB each, so that young segments fill and are sealed.
python3 "$here/feed.py" lines "$entries" 24000 >"$scratch/large.jsonl"
ingest "$scratch/large.jsonl" "${strace[@]}" "$wmark" -C "$log" ingest --ack --redact off ||
    fail "$(<"$scratch/err")"
judge "one at a time, with rotation" --thinned
segments=$(find "$log" -name '*.seg' | wc -l)
((segments > 1)) || fail "wanted a rotation, found one segment"

python3 "$here/feed.py" lines $((entries * 10)) 100 >"$scratch/small.jsonl"
"${strace[@]}" "$wmark" -C "$log" ingest --ack --redact off "$scratch/small.jsonl" \
    >"$scratch/out" 2>"$scratch/err" || fail "$(<"$scratch/err")"
judge "many at once"

# A killed writer leaves a group that was written and not synced; what follows recovers it.
status=0
ingest "$scratch/small.jsonl" taskset -c "$processor" strace -f -qqq -o /dev/null \
    -e trace=fdatasync -e inject=fdatasync:signal=KILL:when=3 \
    "$wmark" -C "$log" ingest --ack --redact off || status=$?
same "exit of a writer that is killed in its third sync" "$status" 137
python3 - "$log" <<'PYTHON'
import glob, sys
with open(max(glob.glob(f"{sys.argv[1]}/*.seg")), "r+b") as file:
    end = len(file.read().rstrip(b"\0"))
    file.seek(end - 60)
    file.write(b"\xff" * 32)
PYTHON
head -n 5 "$scratch/small.jsonl" >"$scratch/five.jsonl"
"${strace[@]}" "$wmark" -C "$log" ingest --ack "$scratch/five.jsonl" >"$scratch/out" \
    2>"$scratch/err" || fail "$(<"$scratch/err")"
same "quarantine files" "$(find "$log" -name 'quarantine-*' | wc -l)" 1
judge "recovering a torn tail"
# Before a segment is read, but for its last 96 bytes, what the page cache has of it is dropped.
first=$(awk '/^[0-9]+ +(fadvise64|pread64)\([0-9]+<[^>]*\.seg>/ && !/, 96, [0-9]+\) += 96$/ { print; exit }' \
    "$scratch/trace")
[[ $first == *DONTNEED* ]] || fail "a segment was read before its cache was dropped: $first"
say "ok: what recovery reads, it reads from the medium"

exits 0 "$wmark" -C "$log" keygen --out "$scratch/key"
"${strace[@]}" "$wmark" -C "$log" checkpoint --key-file "$scratch/key" >"$scratch/out"
judge "signing a checkpoint"

# Errors, at several syncs: the first one is the last.
for name in fdatasync fsync pwrite64; do
    for number in 2 5 9; do
        rm -rf "$log"
        exits 0 "$wmark" init "$log"
        status=0
        ingest "$scratch/large.jsonl" taskset -c "$processor" "${strace[@]}" \
            -e "inject=$name:error=EIO:when=$number" \
            "$wmark" -C "$log" ingest --ack --redact off || status=$?
        grep -q INJECTED "$scratch/trace" || continue
        [[ $status -eq 3 ]] || fail "$name $number: wanted exit 3, found $status: $(<"$scratch/err")"
        grep -q 'Input/output error' "$scratch/err" || fail "$name $number: $(<"$scratch/err")"
        judge "EIO at $name $number"
    done
done
exits 0 "$wmark" verify "$log"
