#!/usr/bin/env bash
# Our CloudEvents in the hands of an independent SDK (PyPI `cloudevents`), in a virtual environment:
# every event is accepted, keeps the rules of the 1.0 JSON schema, and keeps policy apart from payload.
# Ends with 77 when the package cannot be had.
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
wmark=$(realpath "${WMARK:-$repository/target/release/wmark}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv >/dev/null 2>&1 || { echo "no virtual environment can be made here"; exit 77; }
timeout 120 venv/bin/pip install -q 'cloudevents>=1.11,<3' >pip.log 2>&1 ||
    { echo "the package cloudevents cannot be had here"; exit 77; }

"$wmark" init log --origin events.example >/dev/null
"$wmark" -C log ingest "$repository/tests/fixtures/fleet_small.jsonl" -q
forged='{"action":"allow","outcome":"success","id":"forged","specversion":"0.3","type":"x"}'
"$wmark" -C log append --type tool_blocked --agent 'eve <o_O> 50%' --action deny --outcome denied \
    --resource $'/pay\nroll' --data "$forged" --timestamp 2026-03-01T12:00:00+05:30 >/dev/null
"$wmark" -C log export --format cloudevents -o events.jsonl
"$wmark" -C log export --format cloudevents-batch -o batch.json
venv/bin/python - <<'PY'
import json, re
from datetime import datetime

try:
    from cloudevents.http import from_json
except ImportError:
    from cloudevents.v1.http import from_json
try:
    # Newer releases have a second, stricter reader.
    from cloudevents.core.formats.json import JSONFormat
    from cloudevents.core.v1.event import CloudEvent
    strict = lambda line: JSONFormat().read(CloudEvent, line)
except ImportError:
    strict = lambda line: None

lines = open("events.jsonl").read().splitlines()
assert json.load(open("batch.json")) == [json.loads(line) for line in lines]
URI = re.compile(r"^(?:[A-Za-z][A-Za-z0-9+.-]*:)?[A-Za-z0-9\-._~:/?@!$&'()*+,;=%]+$")
for line in lines:
    event = from_json(line)
    strict(line)
    raw = json.loads(line)
    # The rules of the CloudEvents 1.0 JSON schema, and those of section 3 of the specification.
    assert raw["specversion"] == event["specversion"] == "1.0"
    for name in ("id", "source", "type", "subject", "dataschema", "datacontenttype"):
        assert name not in raw or (isinstance(raw[name], str) and raw[name]), (name, line)
    for name in ("id", "source", "type"):
        assert raw[name] == event[name]
    assert URI.match(raw["source"]) and ":" in raw["dataschema"]
    assert re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$", raw["time"]), raw["time"]
    datetime.fromisoformat(event["time"][:26].rstrip("Z") + "+00:00")
    for name, value in raw.items():
        assert re.match(r"^[a-z0-9]{1,21}$", name), name
        assert name == "data" or (isinstance(value, str) and not re.search(r"[\x00-\x1f\x7f-\x9f]", value))
    assert event.data["action"] == raw["data"]["action"]
last = json.loads(lines[-1])
assert last["type"] == "ai.agentmesh.tool.blocked" and last["id"] != "forged"
assert (last["data"]["action"], last["data"]["outcome"]) == ("deny", "denied")
assert last["data"]["data"]["outcome"] == "success"
print(f"{len(lines)} events accepted")
PY
