#!/usr/bin/env bash
# The gate of examples/ci, on logs and software that are good and that are not; and the steps of the
# workflow beside it, taken from its YAML and run in order as a runner would.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=rig.bash
source "$(dirname "${BASH_SOURCE[0]}")/rig.bash"
for command in compliance integrity report; do
    "$wmark" "$command" --help >/dev/null 2>&1 || skip_all "this wmark has no command $command"
done
work=$scratch/work
mkdir -p "$work/governance" "$work/bin" "$scratch/path"
ln -s "$wmark" "$scratch/path/wmark"
export PATH="$scratch/path:$PATH"
cp "$root/examples/ci/gate.sh" "$work/"
cd "$work"

cat >deployment.toml <<'TOML'
schema = "wmark.deployment/1"
name = "acme-agents"
[policy]
default_action = "deny"
versions = ["7"]
rules = [{ id = "crm" }, { id = "no-payroll" }]
[[tools]]
name = "crm_lookup"
resources = ["/crm/"]
[[tools]]
name = "deploy"
[[identities]]
did = "did:web:sales.example"
tools = ["crm_lookup"]
[[identities]]
did = "did:web:coder.example"
tools = ["deploy"]
[[identities]]
did = "did:web:boss.example"
role = "approver"
[[identities]]
did = "did:web:watch.example"
role = "detector"
[escalation]
required_for = ["/deploy/"]
approvers = ["did:web:boss.example"]
[logging]
max_idle_hours = 24
[integrity]
manifest = "governance/integrity.json"
roots = { bin = "bin" }
[monitoring]
detectors = ["did:web:watch.example"]
max_silence_hours = 24
TOML
cat >good.jsonl <<'JSONL'
{"event_type":"tool_invocation","agent_did":"did:web:sales.example","action":"allow","resource":"/crm/contacts","matched_rule":"crm","policy_version":"7","trace_id":"t1","data":{"tool":"crm_lookup"}}
{"event_type":"tool_blocked","agent_did":"did:web:sales.example","action":"deny","outcome":"denied","resource":"/payroll","matched_rule":"no-payroll","policy_version":"7","trace_id":"t2"}
{"event_type":"tool_invocation","agent_did":"did:web:coder.example","action":"allow","resource":"/deploy/prod","matched_rule":"crm","policy_version":"7","approver_did":"did:web:boss.example","data":{"tool":"deploy"}}
{"event_type":"agent_invocation","agent_did":"did:web:sales.example","action":"allow","target_did":"did:web:coder.example"}
{"event_type":"rogue_detection","agent_did":"did:web:watch.example","action":"audit","target_did":"did:web:sales.example"}
JSONL

# What a release does, long before the gate: its files, their manifest, and an anchor of the log.
printf 'the released agent\n' >bin/agent
exits 0 wmark integrity generate --root bin=bin -o governance/integrity.json
exits 0 wmark init audit-log --origin acme.example/agents
exits 0 wmark -C audit-log ingest good.jsonl
wmark -C audit-log root --json >governance/anchor.json

export GATE_DEPLOYMENT=deployment.toml GATE_MANIFEST=governance/integrity.json
export GATE_ANCHOR=governance/anchor.json GATE_ROOTS=bin=bin

gate() { # WANTED LOG WORDS: the gate ends so and says so.
    exits "$1" ./gate.sh "$2" out
    grep -qF -- "$3" "$scratch/exits.out" || {
        cat "$scratch/exits.out" >&2
        fail "the gate did not say: $3"
    }
    say "ok: gate on $2 ends with $1: $3"
}

gate 0 audit-log "gate: open"
same "controls met" "$(field controls_passed <out/asi_report.json)" 10
same "software passed" "$(field passed <out/integrity_report.json)" True
[[ -s out/report.html && -s out/report.json ]] || fail "no reports"

# A change after the anchor that nobody allowed.
cp -r audit-log altered
python3 - <<'PYTHON'
import glob, os
path = sorted(glob.glob("altered/*.seg"))[0]
data = bytearray(open(path, "rb").read())
data[data.index(b"no-payroll")] ^= 1
os.chmod(path, 0o600)
open(path, "wb").write(data)
PYTHON
gate 1 altered "FAILED  log intact"
# A log that agrees with itself, and is not the one of the anchor.
exits 0 wmark init other --origin acme.example/agents
exits 0 wmark -C other ingest good.jsonl
gate 1 other "FAILED  log intact"
# An agent that nobody declared.
cp -r audit-log strange
exits 0 wmark -C strange append --type tool_invocation --agent did:web:stranger.example \
    --action allow --data '{"tool":"crm_lookup"}'
gate 1 strange "FAILED  controls met"
# Another program than the one that was released. A manifest made now would not notice.
printf 'another agent\n' >bin/agent
gate 1 audit-log "FAILED  software as listed"
printf 'the released agent\n' >bin/agent
gate 3 nowhere "gate: closed"
GATE_MANIFEST="" gate 0 audit-log "the software was not checked"

# The workflow: every `run:` of it, in order; after a failure only those with `if: always()`.
cat >"$scratch/steps.py" <<'PYTHON'
import os, re, subprocess, sys
lines = open(sys.argv[1], encoding="utf-8").read().split("\n")
env, steps, at = dict(os.environ), [], 0
for line in lines[lines.index("env:") + 1:]:
    if not line.startswith("  "):
        break
    key, value = line.strip().split(": ", 1)
    env[key] = value
for number, line in enumerate(lines):
    if re.match(r" {6}- ", line):
        steps.append({"name": line.strip(" -"), "always": False, "run": None})
    elif re.match(r" {8}if: always\(\)", line):
        steps[-1]["always"] = True
    elif re.match(r" {8}run: \|", line):
        body = []
        for inner in lines[number + 1:]:
            if inner.strip() and not inner.startswith(" " * 10):
                break
            body.append(inner[10:])
        steps[-1]["run"] = "\n".join(body)
runs = [step for step in steps if step["run"]]
assert len(runs) >= 4, f"wanted at least 4 run steps, found {len(runs)}"
assert sum("uses: actions/upload-artifact" in line for line in lines) == 1
failed = None
for step in runs:
    if failed and not step["always"]:
        continue
    code = subprocess.run(["bash", "-e", "-c", step["run"]], env=env).returncode
    print(f"step {step['name']}: {code}")
    failed = failed or (step["name"] if code else None)
print(f"job: {'failed at ' + failed if failed else 'passed'}")
PYTHON
export GITHUB_STEP_SUMMARY=$scratch/summary.md
unset GATE_DEPLOYMENT GATE_MANIFEST GATE_ANCHOR GATE_ROOTS
workflow() { # WANTED: how the job ends.
    rm -rf compliance-reports
    : >"$GITHUB_STEP_SUMMARY"
    python3 "$scratch/steps.py" "$root/examples/ci/github-actions.yml" >"$scratch/job.txt" 2>&1
    same "workflow" "$(tail -n 1 "$scratch/job.txt")" "job: $1"
    grep -q '^# Audit report' "$GITHUB_STEP_SUMMARY" || fail "no summary"
    for file in asi_report.json integrity_report.json report.json report.html; do
        [[ -s compliance-reports/$file ]] || fail "artifact $file is missing"
    done
    # The paths it uploads are the paths it wrote.
    for path in $(grep -o 'compliance-reports/[a-z_.]*' "$root/examples/ci/github-actions.yml"); do
        [[ -s $path ]] || fail "$path is uploaded and not written"
    done
}
workflow "passed"
mv audit-log kept && cp -r altered audit-log
workflow "failed at name: Gate"
rm -rf audit-log && mv kept audit-log
say "ok: the workflow's steps ran in order, on a good and on an altered log"
