#!/usr/bin/env bash
# Our CloudEvents in the hands of others, in a virtual environment: an independent SDK (PyPI
# `cloudevents`) accepts every event, a validator (PyPI `jsonschema`) finds it valid against the JSON
# schema of the specification, formats included, and refuses events that are broken on purpose; what
# no schema says is checked here: characters, names, and policy apart from payload.
# Ends with 77 when a package cannot be had.
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
wmark=$(realpath "${WMARK:-$repository/target/release/wmark}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv >/dev/null 2>&1 || { echo "no virtual environment can be made here"; exit 77; }
timeout 120 venv/bin/pip install -q 'cloudevents>=1.11,<3' 'jsonschema[format-nongpl]>=4,<5' >pip.log 2>&1 ||
    { echo "the packages cloudevents and jsonschema cannot be had here"; exit 77; }

"$wmark" init log --origin events.example >/dev/null
"$wmark" -C log ingest "$repository/tests/fixtures/fleet_small.jsonl" -q
forged='{"action":"allow","outcome":"success","id":"forged","specversion":"0.3","type":"x"}'
"$wmark" -C log append --type tool_blocked --agent 'eve <o_O> 50%' --action deny --outcome denied \
    --resource $'/pay\nroll' --data "$forged" --timestamp 2026-03-01T12:00:00+05:30 >/dev/null
"$wmark" -C log export --format cloudevents -o events.jsonl
"$wmark" -C log export --format cloudevents-batch -o batch.json
# Forms that the fixture lacks: no data, no resource, names that are no URIs, a time before 1970.
"$wmark" -C log append --type agent_verified --agent '9:30 robot' --action allow >/dev/null
"$wmark" -C log append --type $'odd\ttype' --agent '//größe' --action audit --trace t --session s \
    --timestamp 1969-12-31T23:59:59.5Z >/dev/null
"$wmark" -C log export --format cloudevents -o more.jsonl
"$wmark" -C log export --format cloudevents-batch -o more.json
SCHEMA="$repository/tests/fixtures/cloudevents/cloudevents-1.0.2.schema.json" venv/bin/python - <<'PY'
import json, os
from jsonschema import Draft7Validator

schema = json.load(open(os.environ["SCHEMA"]))
Draft7Validator.check_schema(schema)
formats = Draft7Validator.FORMAT_CHECKER
assert {"date-time", "uri", "uri-reference"} <= set(formats.checkers), "formats are not checked"
valid = Draft7Validator(schema, format_checker=formats)
lines = [json.loads(line) for name in ("events.jsonl", "more.jsonl") for line in open(name)]
batch = json.load(open("more.json"))
for event in lines + batch:
    valid.validate(event)
# A validator that accepts everything would show nothing.
event = lines[0]
without = lambda name: {key: value for key, value in event.items() if key != name}
broken = {
    "no id": without("id"),
    "no source": without("source"),
    "no type": without("type"),
    "no version": without("specversion"),
    "empty id": event | {"id": ""},
    "an id that is a number": event | {"id": 7},
    "a source with blanks": event | {"source": "eve <o_O>"},
    "a schema that is no URI": event | {"dataschema": "no uri"},
    "an empty subject": event | {"subject": ""},
    "the reference's time": event | {"time": "2026-03-01T12:00:00+00:00Z"},
    "a time without offset": event | {"time": "2026-03-01T12:00:00"},
}
for what, event in broken.items():
    assert not valid.is_valid(event), what
print(f"{len(lines) + len(batch)} events valid against the schema, {len(broken)} broken ones refused")
PY
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
