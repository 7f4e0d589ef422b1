#!/usr/bin/env bash
# The tamper matrix, judged by the command and by the second reader: both end as the table says.
#
# A test writes every class of the matrix as a directory, with what must be said of it
# (tests/verify/tamper/corpus.rs). Then `wmark verify --json` and docs/verify.py, which shares no code
# with it, judge each one, from the files alone and with an anchor: status of both, and the cause the
# command names; where both find the log right, its size and root too. WMARK_TAMPER_SEED repeats a run.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=rig.bash
source "$(dirname "${BASH_SOURCE[0]}")/rig.bash"
command -v cargo >/dev/null || skip_all "cargo is missing: nobody writes the corpus"

corpus=$scratch/corpus
mkdir "$corpus"
(cd "$root" && WMARK_TAMPER_CORPUS=$corpus cargo test --quiet --test verify corpus -- --nocapture) |
    grep '^seed' || fail "the corpus was not written"

python3 - "$wmark" "$root/docs/verify.py" "$corpus" <<'PYTHON'
import concurrent.futures, json, subprocess, sys
wmark, reader, corpus = sys.argv[1:]
cases = [line.rstrip("\n").split("\t") for line in open(f"{corpus}/expected.tsv", encoding="utf-8")]

def run(command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)

def judge(case):
    name, anchor, key, status, cause, twin_status = case
    flags = (["--against", anchor] if anchor else []) + (["--key", key] if key else [])
    command = run([wmark, "verify", f"{corpus}/{name}", "--json", "--no-memory", *flags])
    twin = run([sys.executable, reader, f"{corpus}/{name}", *flags])
    where = f"{name} {'anchored' if anchor else 'alone'}"
    if command.returncode != int(status):
        return f"{where}: wmark ended with {command.returncode}, wanted {status}: {command.stderr}{command.stdout}"
    if twin.returncode != int(twin_status):
        return f"{where}: verify.py ended with {twin.returncode}, wanted {twin_status}:\n{twin.stdout}{twin.stderr}"
    report = json.loads(command.stdout)
    if cause and cause not in [finding["cause"] for finding in report["findings"]]:
        return f"{where}: wmark names no {cause}: {command.stdout}"
    last = twin.stdout.strip().rpartition("\n")[2]
    if status == "0" and last != f"root {report['root']} size {report['size']}":
        return f"{where}: verify.py has {last}, wmark root {report['root']} size {report['size']}"
    return None

with concurrent.futures.ThreadPoolExecutor(2) as pool:
    wrong = [problem for problem in pool.map(judge, cases) if problem]
for problem in wrong:
    print(problem, file=sys.stderr)
if wrong or len(cases) < 100:
    sys.exit(f"{len(wrong)} of {len(cases)} judgements differ")
print(f"  ok: {len(cases)} judgements of {len({case[0] for case in cases})} directories, both as expected")
PYTHON
