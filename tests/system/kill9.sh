#!/usr/bin/env bash
# kill -9 of `wmark ingest --ack`, again and again: what was acknowledged is there afterwards.
#
# Acknowledgements are read through a pipe, complete lines only. The kills come while entries are
# appended, while segments fill, are sealed and replaced (young segments are small), and while a log
# is opened and recovered, on logs that were killed before. After every few kills the log is opened
# once more, verified, and every acknowledgement ever read from it is compared by index and hash.
# KILLS=n for more, SEED=n to repeat the choices.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=rig.bash
source "$(dirname "${BASH_SOURCE[0]}")/rig.bash"

seeded "the choices"
python3 "$root/tests/system/kill9.py" "$wmark" "$scratch" "${KILLS:-100}" "$seed" ||
    fail "seed $seed"
