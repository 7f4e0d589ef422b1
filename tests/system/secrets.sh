#!/usr/bin/env bash
# Made-up secrets of a real fleet's log reach no file, in any mode.
#
# Ingests the fleet, with some broken lines that carry the same secrets, in each mode; then looks for
# every secret, plain, in base64 and with JSON escapes, in every file of the log, in the quarantine,
# in the exports, and in what sinks were handed: rotated files with their sidecar, stdout. With
# redaction off they must be there, so the search itself is tried as well.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=rig.bash
source "$(dirname "${BASH_SOURCE[0]}")/rig.bash"
fleet=$root/../shared/data/fleet/fleet.stdout.jsonl
[[ -f $fleet ]] || skip_all "the fleet's log is not beside the checkout"

python3 - "$fleet" "$scratch" <<'PYTHON'
import json, sys
fleet, scratch = sys.argv[1:]
secrets, lines = [], open(fleet, encoding="utf-8").read().splitlines()
for line in lines:
    data = json.loads(line).get("data") or {}
    if "password" in data:
        secrets.append(data["password"])
    if "headers" in data:
        secrets.append(data["headers"]["Authorization"].removeprefix("Bearer "))
carriers = [line for line in lines if "password" in line or "Bearer " in line]
broken = [line[:-1] + "," for line in carriers[:40]] + [line.replace('"event_type"', '"x"') for line in carriers[40:60]]
open(f"{scratch}/input.jsonl", "w", encoding="utf-8").write("\n".join(lines + broken) + "\n")
json.dump(secrets, open(f"{scratch}/secrets.json", "w"))
print(f"  {len(secrets)} secrets in {len(lines)} lines, {len(broken)} broken lines with them")
PYTHON

# found FILES...: how many of the secrets stand in the files, in any form.
found() {
    python3 - "$scratch/secrets.json" "$@" <<'PYTHON'
import base64, json, sys
secrets = json.load(open(sys.argv[1]))
text = b"\n".join(open(path, "rb").read() for path in sys.argv[2:])
def forms(secret):
    raw = secret.encode()
    yield raw
    yield "".join(f"\\u{ord(c):04x}" for c in secret).encode()
    yield raw.hex().encode()
    # Base64 depends on where the secret begins; the outermost letters depend on its neighbours.
    for shift in range(3):
        yield base64.b64encode(b"x" * shift + raw)[4:-4]
print(sum(any(form in text for form in forms(secret)) for secret in secrets))
PYTHON
}

head -c 32 /dev/urandom | base64 >"$scratch/key"
chmod 600 "$scratch/key"
for mode in mask drop hmac off; do
    log=$scratch/$mode
    exits 0 "$wmark" init "$log"
    exits 0 "$wmark" -C "$log" ingest "$scratch/input.jsonl" --quarantine "$log.bad" --json \
        --redact "$mode" --redact-key-file "$scratch/key"
    summary=$(<"$scratch/exits.out")
    exits 0 "$wmark" -C "$log" export -o "$log.export"
    mkdir "$log.sinks"
    exits 0 "$wmark" -C "$log" sink add files --file "$log.sinks/trail.jsonl" \
        --key-file "$scratch/key" --rotate 1MiB
    exits 0 "$wmark" -C "$log" sink run files --once
    exits 0 "$wmark" -C "$log" sink add out --stdout
    exits 0 "$wmark" -C "$log" sink run out --once
    cp "$scratch/exits.out" "$log.sinks/stdout"
    exits 0 "$wmark" verify "$log"
    mapfile -t files < <(find "$log" "$log.sinks" "$log.bad" "$log.export" -type f)
    [[ ${#files[@]} -gt 10 && $(wc -l <"$log.sinks/stdout") -ge 4000 ]] || fail "files are missing"
    count=$(found "${files[@]}")
    redacted=$(field redacted <<<"$summary")
    if [[ $mode == off ]]; then
        [[ $count -gt 90 ]] || fail "the search finds secrets that are there: found $count"
        same "entries redacted, off" "$redacted" 0
        say "ok: off: $count secrets are there, so the search works"
    else
        same "secrets in any file, $mode" "$count" 0
        [[ $redacted -gt 90 ]] || fail "entries redacted: wanted about 100, found $redacted"
        say "ok: $redacted entries redacted"
    fi
done
