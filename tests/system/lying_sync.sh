#!/usr/bin/env bash
# A disk that says "synced" and did not: the loss is reported against what is held outside, the
# receipts, a root, a checkpoint, and never called intact.
#
# From some sync on, strace answers fdatasync and fsync with success without asking the kernel; then
# the power is cut. Half of the rounds sign a checkpoint honestly after the lies: its history lies on
# the disk, and the log must refuse to go on from less than it promised. ROUNDS=n, SEED=n.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=rig.bash
source "$(dirname "${BASH_SOURCE[0]}")/rig.bash"
# shellcheck source=disks.bash
source "$root/tests/system/disks.bash"
needs_root strace taskset

rounds=${ROUNDS:-4}
seeded "where the lies begin"
disk=$scratch/disk
truncate -s 64M "$scratch/image"
mkfs.ext4 -q -F "$scratch/image"
loop_of "$scratch/image"
mount_at "$disk" -o data=writeback "$loop"
processor=$(python3 -c 'import os; print(min(os.sched_getaffinity(0)))')
python3 "$here/feed.py" lines 20 500 >"$scratch/first.jsonl"
python3 "$here/feed.py" lines 80 20000 >"$scratch/second.jsonl"

# lies_from WHEN: sets $lying to what a command is started with; every fsync is a lie, and every
# fdatasync from the WHEN-th of its thread on. None is from $never on.
lies_from() {
    lying=(taskset -c "$processor" strace -f -qqq -o /dev/null -e trace=fdatasync,fsync)
    if (($1 < never)); then
        lying+=(-e inject=fsync:retval=0 -e "inject=fdatasync:retval=0:when=$1+")
    fi
}
never=60000

# lost_or_not WANTED WHAT COMMAND...: exit 0 when nothing was lost, 1 when something was.
lost_or_not() {
    exits "$1" "${@:3}"
    if [[ $1 -eq 1 ]]; then
        grep -qE 'truncated|bit_rot|missing|shorter|[0-9]\.seg' "$scratch"/exits.{out,err} ||
            fail "$2: does not say what is lost: $(cat "$scratch"/exits.{out,err})"
    fi
}

for ((round = 0; round <= rounds; round++)); do
    log=$disk/log-$round
    rm -f "$scratch"/*.acks "$scratch"/note*
    exits 0 "$wmark" init "$log"
    key=$("$wmark" -C "$log" keygen --out "$scratch/key-$round" 2>/dev/null | grep -o '^[^ ]*+[^ ]*+[^ ]*$')
    feed "$scratch/first.jsonl" "$scratch/first.acks" "$wmark" -C "$log" ingest --ack 2>/dev/null
    "$wmark" -C "$log" checkpoint --key-file "$scratch/key-$round" -o "$scratch/note.first" 2>/dev/null
    # Round 0 is honest, and loses nothing.
    when=$((3 + RANDOM % 40))
    if ((round == 0)); then when=$never; fi
    lies_from "$when"
    feed "$scratch/second.jsonl" "$scratch/second.acks" "${lying[@]}" \
        "$wmark" -C "$log" ingest --ack --redact off 2>"$scratch/err" ||
        fail "a lie was noticed, which nobody can: $(<"$scratch/err")"
    head=$("$wmark" -C "$log" root --json)
    against="$(field root <<<"$head")@$(field size <<<"$head")"
    # Not all rounds: an honest sync of one file may take others along.
    is_signed_honestly=$((round % 2))
    lies_from $((is_signed_honestly || round == 0 ? never : 1))
    "${lying[@]}" "$wmark" -C "$log" checkpoint --key-file "$scratch/key-$round" \
        -o "$scratch/note" 2>/dev/null
    power_cut "$disk"
    unmount "$disk"
    mount -o data=writeback "$loop" "$disk"
    wanted=$((round > 0))
    if all_there "$log" "$scratch/first.acks" "$scratch/second.acks" >"$scratch/count" 2>"$scratch/err"
    then status=0; else status=1; fi
    same "round $round, lies from sync $when: loss against the receipts" "$status" "$wanted"
    all_there "$log" "$scratch/first.acks" >/dev/null || fail "what was synced honestly is lost"
    lost_or_not "$wanted" "against a root" "$wmark" verify "$log" --against "$against"
    lost_or_not "$wanted" "against a checkpoint" \
        "$wmark" verify "$log" --against "$scratch/note" --key "$key" --no-memory
    if ((round == 0)); then exits 0 "$wmark" verify "$log" --against "$scratch/note.first" --key "$key" --no-memory; fi
    if ((is_signed_honestly)); then
        # The log's own history promises more than there is.
        lost_or_not 1 "its own history" "$wmark" verify "$log" --key "$key" --no-memory
        lost_or_not 1 "opening" "$wmark" -C "$log" ingest "$scratch/first.jsonl"
    fi
    rm -rf "$log" # the disk is small, and rounds may be many
done
say "ok: every loss after a lie was told, by every outside witness (${SECONDS}s in all)"
