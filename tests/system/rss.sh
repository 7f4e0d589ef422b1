#!/usr/bin/env bash
# How much memory the verifier takes: resident set, most of it ever.
#
# A log of ENTRIES entries with 900 bytes of data each, by AGENTS agents, is verified under a bound of
# 128 MiB, first without a cap and then told to keep to 96 MiB: nothing may be left out. The long form,
# ENTRIES=1100000 AGENTS=10000, makes 1 GiB. It is also verified where no thread can be started. Then come logs that are made to need more than the cap:
# more names than fit, a footer that claims many, many segments. Each stays under it, and is called
# neither intact nor tampered with.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=rig.bash
source "$(dirname "${BASH_SOURCE[0]}")/rig.bash"
[[ -x /usr/bin/time ]] || skip_all "/usr/bin/time is missing (Debian package time)"

entries=${ENTRIES:-120000}
agents=${AGENTS:-10000}
bound_kib=$((128 << 10))
cap_mib=96
cap_kib=$((cap_mib << 10))

# fill LOG ENTRIES AGENTS TEXT_LEN: a log of so many entries; every trace and resource is another one.
fill() {
    exits 0 "$wmark" init "$1"
    python3 - "${@:2}" <<'PYTHON' | "$wmark" -C "$1" ingest --redact off 2>"$scratch/err"
import sys
entries, agents, text = map(int, sys.argv[1:])
text = "x" * text
for n in range(entries):
    sys.stdout.write(f'{{"event_type":"t{n % 20}","agent_did":"did:web:agent-{n * 7919 % agents:06}.example.com",'
                     f'"action":"allow","trace_id":"trace-{n // 8}","resource":"/orders/{n}",'
                     f'"data":{{"n":{n},"text":"{text}"}}}}\n')
PYTHON
}

# peak LIMIT_KIB STATUS COMMAND...: runs it under a bound and says what it took.
peak() {
    local status=0
    /usr/bin/time -f %M -o "$scratch/peak" "${@:3}" >"$scratch/out" 2>"$scratch/err" || status=$?
    [[ $status -eq $2 ]] ||
        fail "${*:3}: wanted exit $2, found $status: $(tail -n 3 "$scratch/out" "$scratch/err")"
    peak_kib=$(tail -n 1 "$scratch/peak")
    ((peak_kib <= $1)) || fail "${*:3}: wanted at most $1 KiB, found $peak_kib"
}

# told: the causes of what was found, once each.
told() {
    python3 -c 'import json, sys
d = json.load(sys.stdin)
assert d["verdict"] == "unverifiable" and len(d["not_covered"]) > 1, d
print(*sorted({f["cause"] for f in d["findings"]}))' <"$scratch/out"
}

log=$scratch/log
fill "$log" "$entries" "$agents" 870
mib=$(($(du -sk "$log" | cut -f 1) >> 10))
peak "$bound_kib" 0 "$wmark" verify "$log"
say "ok: $mib MiB, $entries entries, $agents agents: verified within $((peak_kib >> 10)) MiB (${SECONDS}s)"
peak "$cap_kib" 0 "$wmark" verify --memory "${cap_mib}MiB" "$log"
say "ok: the same with a cap of $cap_mib MiB: everything checked within $((peak_kib >> 10)) MiB (${SECONDS}s)"

# A process that is given no second thread does the work on the one it has. Limits of processes do not
# bind root, so somebody else runs it.
if [[ $(id -u) -eq 0 ]] && command -v setpriv >/dev/null; then
    chmod 711 "$scratch"
    cp "$wmark" "$scratch/wmark"
    chown -R 65534 "$log"
    exits 0 timeout 60 setpriv --reuid 65534 --clear-groups prlimit --nproc=1 \
        "$scratch/wmark" verify --threads 4 "$log"
    say "ok: the same where no second thread is to be had (${SECONDS}s)"
else
    say "SKIPPED: no second thread: only root can become somebody else to try it"
fi
rm -rf "$log"

# As many agents as entries: their numbers cannot all be recounted.
fill "$log" "${NAMES:-80000}" 1000000 0
peak "$cap_kib" 4 "$wmark" verify --memory "${cap_mib}MiB" --json "$log"
same "what is said of more names than fit in $((peak_kib >> 10)) MiB" "$(told)" memory_limit

# A segment that ends in a footer of hundreds of MiB, none of which is on the disk.
first=$(find "$log" -name '*.seg' | sort | head -n 1)
python3 - "$first" <<'PYTHON'
import os, struct, sys
with open(sys.argv[1], "r+b") as f:
    f.truncate((600 << 20) - 16)
    f.seek(100 << 20)
    f.write(b"\xffWMSEAL\x01")
    f.seek(0, os.SEEK_END)
    f.write(struct.pack("<Q", 500 << 20) + b"WMARKEND")
PYTHON
peak "$cap_kib" 3 "$wmark" verify --memory "${cap_mib}MiB" --json "$log"
same "what is said of a footer of 500 MiB, in $((peak_kib >> 10)) MiB" "$(told)" "memory_limit unreadable"

# Ten thousand segments that are none, with side files.
rm -f "$log"/*.seg "$log"/*.index "$log"/*.nodes
python3 - "$log" <<'PYTHON'
import os, sys
for n in range(10_000):
    for ending in ("seg", "index", "nodes"):
        open(os.path.join(sys.argv[1], f"{n * 1000:020}.{ending}"), "wb").close()
PYTHON
peak "$cap_kib" 1 "$wmark" verify --memory "${cap_mib}MiB" "$log"
say "ok: 10,000 segments that are empty: told within $((peak_kib >> 10)) MiB (${SECONDS}s)"
