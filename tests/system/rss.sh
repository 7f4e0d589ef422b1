#!/usr/bin/env bash
# How much memory the verifier takes for a log that is much larger: resident set, most of it ever.
#
# A log of ENTRIES entries with 900 bytes of data each, by AGENTS agents, is verified under a bound of
# 128 MiB. The long form, ENTRIES=1100000 AGENTS=10000, makes 1 GiB.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=rig.bash
source "$(dirname "${BASH_SOURCE[0]}")/rig.bash"
[[ -x /usr/bin/time ]] || skip_all "/usr/bin/time is missing (Debian package time)"

entries=${ENTRIES:-120000}
agents=${AGENTS:-10000}
bound_kib=$((128 << 10))
log=$scratch/log
exits 0 "$wmark" init "$log"
python3 - "$entries" "$agents" <<'PYTHON' | "$wmark" -C "$log" ingest --redact off 2>"$scratch/err"
import sys
entries, agents = map(int, sys.argv[1:])
text = "x" * 870
for n in range(entries):
    sys.stdout.write(f'{{"event_type":"t{n % 20}","agent_did":"did:web:agent-{n * 7919 % agents:06}.example.com",'
                     f'"action":"allow","trace_id":"trace-{n // 8}","resource":"/orders/{n}",'
                     f'"data":{{"n":{n},"text":"{text}"}}}}\n')
PYTHON

# peak LIMIT_KIB COMMAND...: runs it under a bound and says what it took.
peak() {
    local status=0
    /usr/bin/time -f %M -o "$scratch/peak" "${@:2}" >"$scratch/out" 2>"$scratch/err" || status=$?
    [[ $status -eq 0 ]] || fail "${*:2}: exit $status: $(tail -n 3 "$scratch/out" "$scratch/err")"
    peak_kib=$(tail -n 1 "$scratch/peak")
    ((peak_kib <= $1)) || fail "${*:2}: wanted at most $1 KiB, found $peak_kib"
}

mib=$(($(du -sk "$log" | cut -f 1) >> 10))
peak "$bound_kib" "$wmark" verify "$log"
say "ok: $mib MiB, $entries entries, $agents agents: verified within $((peak_kib >> 10)) MiB (${SECONDS}s)"
