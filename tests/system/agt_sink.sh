#!/usr/bin/env bash
# Our file sink and the published package agentmesh-platform 3.7.0, in both directions.
#
# 4,000 entries go through `wmark ingest` and `wmark sink run` into files that rotate; the package
# verifies every one of them and reads every entry. Then the package writes files, and rotates them;
# ours takes one over and goes on in it, and the package verifies that as well.
#
# Needs PyPI once; the virtual environment is kept under target/. Without it: exit 77.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=rig.bash
source "$(dirname "${BASH_SOURCE[0]}")/rig.bash"

package=agentmesh-platform==3.7.0
venv=${AGT_VENV:-${CARGO_TARGET_DIR:-$root/target}/venv-agt-3.7.0}
python=$venv/bin/python
if ! "$python" -c 'import agentmesh.governance' >/dev/null 2>&1; then
    rm -rf "$venv"
    if ! { python3 -m venv "$venv" && "$venv/bin/pip" install -q --disable-pip-version-check "$package"; } >&2; then
        skip_all "$package cannot be installed here"
    fi
fi

key=$scratch/key
(umask 077 && printf 'golden-hmac-key-v1' >"$key")
log=$scratch/log
out=$scratch/out
entries=4000

exits 0 "$wmark" init "$log"
python3 - "$entries" >"$scratch/input.jsonl" <<'PYTHON'
import json, sys
for n in range(int(sys.argv[1])):
    print(json.dumps({
        "entry_id": f"audit_{n:016x}", "timestamp": f"2026-11-25T12:00:{n % 60:02}.{n:06}+00:00",
        "event_type": ("tool_invocation", "tool_blocked", "policy_evaluation")[n % 3],
        "agent_did": f"did:web:größe-{n % 7}.example.com", "action": ("allow", "deny")[n % 2],
        "outcome": ("success", "denied")[n % 2], "resource": f"/r/{n}\n\u2028\U0001f642",
        "trace_id": f"trace-{n // 5}", "environment": "prod",
        "data": {"n": n, "f": n / 7, "big": 10**20 + n, "text": "日本語\x00\x7f", "nested": [{"z": 1, "a": None}]},
    }, ensure_ascii=False))
PYTHON
exits 0 "$wmark" -C "$log" ingest "$scratch/input.jsonl"
exits 0 "$wmark" -C "$log" sink add archive --file "$out/audit.jsonl" --key-file "$key" --rotate 256KiB
exits 0 "$wmark" -C "$log" sink run archive --once
exits 0 "$wmark" -C "$log" sink verify archive
exits 0 "$wmark" verify "$log"

"$python" - "$out" "$key" "$entries" <<'PYTHON' || fail "the package does not accept our files"
import glob, os, sys
from agentmesh.governance.audit_backends import FileAuditSink, HashChainVerifier

out, key, wanted = sys.argv[1], open(sys.argv[2], "rb").read(), int(sys.argv[3])
files = sorted(glob.glob(f"{out}/audit.0*.jsonl")) + [f"{out}/audit.jsonl"]
assert len(files) > 5, files
ids = []
for path in files:
    valid, errors = HashChainVerifier().verify_file(path, key)
    assert valid, (path, errors[:3])
    assert FileAuditSink(path, key).verify_integrity() == (True, None)
    assert os.stat(path).st_mode & 0o777 == 0o600, path
    ids += [entry.entry_id for entry in FileAuditSink(path, key).read_entries()]
assert ids == [f"audit_{n:016x}" for n in range(wanted)], len(ids)
assert not HashChainVerifier().verify_file(files[0], b"golden-hmac-key-WRONG")[0]
print(f"the package accepts {len(files)} files with {len(ids)} entries")
PYTHON

# The other direction: the package writes and rotates, ours judges, takes over and goes on.
"$python" - "$scratch/theirs" "$key" <<'PYTHON'
import os, sys, time
from agentmesh.governance.audit import AuditEntry
from agentmesh.governance.audit_backends import FileAuditSink
out, key = sys.argv[1], open(sys.argv[2], "rb").read()
os.mkdir(out)
sink = FileAuditSink(f"{out}/audit.jsonl", key, max_file_size=20_000)
for n in range(100):
    sink.write(AuditEntry(entry_id=f"theirs_{n}", event_type="tool_invocation", agent_did="did:web:é",
                          action="allow", data={"n": n, "f": n / 3, "t": "日本語"}))
    if n % 30 == 29:
        time.sleep(1.1)  # Its names have seconds: quicker, and it would overwrite its own file.
assert len(os.listdir(out)) > 2, os.listdir(out)
PYTHON
exits 0 "$wmark" init "$scratch/log-2"
head -n 50 "$scratch/input.jsonl" >"$scratch/fifty.jsonl"
exits 0 "$wmark" -C "$scratch/log-2" ingest "$scratch/fifty.jsonl"
judged=0
for file in "$scratch"/theirs/*.jsonl; do
    name=judge-$judged
    exits 0 "$wmark" -C "$scratch/log-2" sink add "$name" --file "$file" --key-file "$key"
    exits 0 "$wmark" -C "$scratch/log-2" sink verify "$name"
    # One digit of one line: ours must not accept what theirs would not.
    cp "$file" "$scratch/kept"
    sed -i '1s/"theirs_/"theirs-/' "$file"
    exits 1 "$wmark" -C "$scratch/log-2" sink verify "$name"
    mv "$scratch/kept" "$file"
    judged=$((judged + 1))
done
exits 0 "$wmark" -C "$scratch/log-2" sink run --once
"$python" - "$scratch/theirs" "$key" <<'PYTHON' || fail "the package does not accept its files any more"
import glob, sys
from agentmesh.governance.audit_backends import FileAuditSink, HashChainVerifier
out, key = sys.argv[1], open(sys.argv[2], "rb").read()
files = glob.glob(f"{out}/*.jsonl")
for path in files:
    valid, errors = HashChainVerifier().verify_file(path, key)
    assert valid, (path, errors[:3])
    ids = [entry.entry_id for entry in FileAuditSink(path, key).read_entries()]
    assert ids[0].startswith("theirs_") and ids[-50:] == [f"audit_{n:016x}" for n in range(50)]
print(f"the package accepts {len(files)} files of its own, continued by ours")
PYTHON
say "ok: 4000 entries in rotated files, both directions (${SECONDS}s)"
