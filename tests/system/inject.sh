#!/usr/bin/env bash
# A fault at each system call that a writer makes on its log, while it appends over a rotation and
# while it recovers: EIO, ENOSPC and others, or death. After each one the exit code and the message
# say what happened, the verifier raises no false alarm, the log opens again, and everything that was
# acknowledged is in it. STRIDE=1 tries all of them, STRIDE=n every n-th from SEED on.
set -euo pipefail
# What is not synced survives the death of a process, so memory will do, and is quicker.
if [[ -d /dev/shm && -w /dev/shm ]]; then export TMPDIR=/dev/shm; fi
# shellcheck source-path=SCRIPTDIR source=rig.bash
source "$(dirname "${BASH_SOURCE[0]}")/rig.bash"
needs strace

seeded "the choice"
python3 "$root/tests/system/inject.py" "$wmark" "$scratch" "${STRIDE:-3}" "$seed" ||
    fail "a fault went wrong, seed $seed"
