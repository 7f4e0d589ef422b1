#!/usr/bin/env bash
# `wmark verify --sandbox`: the same verdicts, and from the moment the sandbox is entered no file
# outside the log is opened. strace is the witness.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=rig.bash
source "$(dirname "${BASH_SOURCE[0]}")/rig.bash"
needs strace

log=$scratch/log
python3 "$root/tests/system/feed.py" lines 150 20000 >"$scratch/input.jsonl"
exits 0 "$wmark" init "$log"
key=$("$wmark" -C "$log" keygen --out "$scratch/key" 2>/dev/null | grep -o '^[^ ]*+[^ ]*+[^ ]*$')
exits 0 "$wmark" -C "$log" ingest --redact off "$scratch/input.jsonl"
exits 0 "$wmark" -C "$log" checkpoint --key-file "$scratch/key" -o "$scratch/note"
cp -a "$log" "$scratch/bad"
python3 - "$(find "$scratch/bad" -name '*.seg' | sort | head -n 1)" <<'PYTHON'
import os, sys
os.chmod(sys.argv[1], 0o600)
with open(sys.argv[1], "r+b") as file:
    file.seek(300_000)
    byte = file.read(1)[0]
    file.seek(300_000)
    file.write(bytes([byte ^ 1]))
PYTHON

status=0
"$wmark" verify "$log" --sandbox >"$scratch/out" 2>"$scratch/err" || status=$?
if [[ $status -eq 3 ]] && grep -q Landlock "$scratch/err"; then
    skip_all "no Landlock in this kernel, which the command says: $(head -n 1 "$scratch/err")"
fi
same "exit for a log that is intact" "$status" 0
exits 1 "$wmark" verify "$scratch/bad" --sandbox
exits 0 "$wmark" verify "$log" --sandbox --json --threads 4
exits 0 env XDG_STATE_HOME="$scratch/state" "$wmark" verify "$log" --sandbox --key "$key" \
    --against "$scratch/note" --report "$scratch/report.json"
[[ -s $scratch/report.json ]] || fail "no report was written"
exits 0 env XDG_STATE_HOME="$scratch/state" "$wmark" verify "$log" --sandbox --key "$key"
grep -q 'still holds' "$scratch/exits.err" || fail "what was remembered was not found again"
say "ok: a log, a damaged one, threads, a checkpoint, a report, a memory: verdicts as without"

strace -f -qq -y -o "$scratch/trace" \
    -e trace=landlock_restrict_self,open,openat,openat2,socket,connect,execve,kill,unlink,unlinkat,renameat2 \
    "$wmark" verify "$log" --sandbox >"$scratch/out"
python3 - "$scratch/trace" "$log" <<'PYTHON' || fail "$(cat "$scratch/trace")"
import re, sys
inside, opened = False, 0
for line in open(sys.argv[1], encoding="utf-8", errors="replace"):
    if "landlock_restrict_self" in line:
        inside = line.rstrip().endswith("= 0")
        continue
    call = re.match(r"\d+ +(\w+)\(.*\) += (\d+)(<[^>]*>)?", line)
    if not inside or not call:
        continue  # before it, or a call that failed
    assert call.group(1).startswith("open"), f"in the sandbox: {line}"
    assert call.group(3).strip("<>").startswith(sys.argv[2]), f"outside of the log: {line}"
    opened += 1
assert inside, "the sandbox was not entered"
assert opened > 3, f"wanted the log's files to be opened in the sandbox, found {opened}"
PYTHON
say "ok: in the sandbox nothing but the log's files was opened"
