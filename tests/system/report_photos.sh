#!/usr/bin/env bash
# The report in a real browser: two widths, light and dark, and printed.
#
# Makes a month of a fleet with names that would like to act, writes its report, photographs it
# into target/report-photos, and checks what a look would find first: a page that is blank, wider
# than its window, the same in light and dark, or that runs what an agent wrote.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=rig.bash
source "$(dirname "${BASH_SOURCE[0]}")/rig.bash"
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
[[ -n $chromium ]] || skip_all "no chromium; on Debian: apt-get install chromium poppler-utils"
command -v pdftoppm >/dev/null || skip_all "no pdftoppm; on Debian: apt-get install poppler-utils"
photos=${CARGO_TARGET_DIR:-$root/target}/report-photos
mkdir -p "$photos"
rm -f "$photos"/*

python3 - "$scratch/month.jsonl" <<'PYTHON'
import datetime, json, random, sys
random.seed(7)
now = datetime.datetime.now(datetime.timezone.utc)
agents = [f"did:web:{name}.acme.example" for name in
          ("sales", "support", "coder", "finance", "research", "ops", "hr", "legal")]
agents += ["did:web:<script>document.title='owned'</script>\u202egpj.evil\u202c",
           "did:web:" + "a-very-long-name-without-any-break-" * 6 + ".example"]
def line(days, **more):
    seconds = random.random() * 86400
    time = now - datetime.timedelta(days=days, seconds=seconds)
    return {"timestamp": time.isoformat().replace("+00:00", "Z"),
            "agent_did": random.choices(agents, [30, 22, 14, 9, 8, 6, 4, 3, 1, 1])[0], **more}
lines = []
for day in range(30):
    weekend = (now - datetime.timedelta(days=day)).weekday() >= 5
    for _ in range(random.randint(10, 20) if weekend else random.randint(60, 110)):
        kind = random.random()
        if kind < 0.72:
            lines.append(line(day, event_type="tool_invocation", action="allow", outcome=random.choices(
                ["success", "failure", "error"], [95, 4, 1])[0], resource=random.choice(
                ["/crm/contacts", "/tickets", "/repo/main", "/ledger/2026/q4", "/mail/outbox"])))
        elif kind < 0.9:
            lines.append(line(day, event_type="policy_evaluation", action="audit", outcome="success"))
        elif kind < 0.955:
            lines.append(line(day, event_type="tool_blocked", action="deny", outcome="denied",
                resource=random.choice(["/payroll", "/crm/export?rows=120000", "/deploy/prod"]),
                policy_decision=random.choice(["blocked: pii-export", "blocked: needs approval",
                "blocked: outside working hours"]), matched_rule="no-bulk-export", trace_id="trace-7f3a"))
        elif kind < 0.975:
            lines.append(line(day, event_type="agent_invocation", action="allow", outcome="success",
                              target_did="did:web:research.acme.example"))
        elif kind < 0.99:
            lines.append(line(day, event_type="policy_violation", action="quarantine", outcome="denied",
                resource="/mail/outbox", policy_decision="sent customer data to an unknown address"))
        else:
            lines.append(line(day, event_type="rogue_detection", action="warning", outcome="failure",
                policy_decision="call rate 14 times the usual"))
lines.append(line(1, event_type="tool_blocked", action="deny", outcome="denied",
                  resource="https://evil.example/" + "x" * 300, policy_decision="<b onmouseover=alert(1)>\u0007"))
with open(sys.argv[1], "w", encoding="utf-8") as out:
    for entry in lines:
        out.write(json.dumps(entry) + "\n")
PYTHON
exits 0 "$wmark" init "$scratch/log" --origin acme.example/agents
exits 0 "$wmark" -C "$scratch/log" ingest "$scratch/month.jsonl"
report=$photos/report.html
cd "$scratch"
mkdir bin && printf 'the released agent\n' >bin/agent
exits 0 "$wmark" integrity generate --root bin -o integrity.json
"$wmark" keygen --name acme.example/agents --out log.key >log.pub 2>/dev/null
exits 0 "$wmark" -C log checkpoint --key-file log.key --out note
exits 0 "$wmark" -C log append --type tool_invocation --agent did:web:sales.acme.example
cat >deployment.toml <<'TOML'
schema = "wmark.deployment/1"
name = "acme-agents"
[policy]
default_action = "deny"
rules = [{ id = "no-bulk-export" }]
[[tools]]
name = "crm"
resources = ["/crm/"]
[[identities]]
did = "did:web:sales.acme.example"
[integrity]
manifest = "integrity.json"
TOML
exits 0 "$wmark" -C log report --format html -o "$report" --force --list 20 \
    --deployment deployment.toml --key log.pub

browse() {
    timeout 60 "$chromium" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
        --disable-background-networking --disable-component-update --disable-sync \
        --hide-scrollbars --allow-file-access-from-files --virtual-time-budget=3000 \
        --user-data-dir="$scratch/profile" "$@" 2>"$scratch/browser.err"
}

# frame WIDTH HEIGHT: a page that shows the report in a window of its own of that width. A browser's
# own window does not get as narrow as a telephone.
frame() {
    cat <<HTML
<!DOCTYPE html><meta charset="utf-8"><title>frame</title><style>body{margin:0}iframe{border:0;display:block}</style>
<iframe src="file://$report" style="width:$1px;height:$2px"></iframe>
<script>
const frame = document.querySelector("iframe");
frame.onload = () => {
    const page = frame.contentDocument;
    const wide = [...page.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > $1 + 0.5
        && !e.closest(".skip") && getComputedStyle(e).position !== "absolute");
    const cells = [...page.querySelectorAll("td, tbody th, p, li")].map(e => [e, e.getBoundingClientRect()]);
    const squeezed = cells.filter(([e, box]) => box.width > 1 && box.height > 120 && box.height > 3 * box.width);
    document.body.dataset.result = JSON.stringify({width: page.documentElement.scrollWidth,
        height: page.documentElement.scrollHeight, title: page.title, scripts: page.scripts.length,
        squeezed: squeezed.slice(0, 3).map(([e]) => e.outerHTML.slice(0, 120)),
        wide: wide.slice(0, 3).map(e => e.outerHTML.slice(0, 120))});
};
</script>
HTML
}

# ink FILE: the share of bytes of an image that differ from their neighbour, in thousandths.
ink() {
    python3 - "$1" <<'PYTHON'
import struct, sys, zlib
data, at, packed = open(sys.argv[1], "rb").read(), 8, b""
while at < len(data):
    size, kind = struct.unpack(">I4s", data[at:at + 8])
    if kind == b"IDAT":
        packed += data[at + 8:at + 8 + size]
    at += size + 12
raw = zlib.decompress(packed)
print(1000 - 1000 * max(raw.count(value) for value in range(256)) // len(raw))
PYTHON
}

for width in 1280 390; do
    frame "$width" 2000 >"$scratch/frame.html"
    browse --window-size=1400,2000 --dump-dom "file://$scratch/frame.html" >"$scratch/dom.html"
    measured=$(python3 - "$scratch/dom.html" <<'PYTHON'
import html, re, sys
print(html.unescape(re.search('data-result="([^"]*)"', open(sys.argv[1], encoding="utf-8").read()).group(1)))
PYTHON
    ) || fail "the browser measured nothing: $(tail -n 3 "$scratch/browser.err")"
    same "scroll width in a window of $width" "$(field width <<<"$measured")" "$width"
    same "elements beyond the right edge at $width" "$(field wide <<<"$measured")" "[]"
    same "squeezed cells at $width" "$(field squeezed <<<"$measured")" "[]"
    same "scripts on the page at $width" "$(field scripts <<<"$measured")" 0
    [[ $(field title <<<"$measured") == "Audit report: acme.example/agents"* ]] || fail "the title: $measured"
    height=$(field height <<<"$measured")
    [[ $height -le 16000 ]] || height=16000
    frame "$width" "$height" >"$scratch/frame.html"
    window=$((width < 500 ? 500 : width))
    for scheme in light dark; do
        photo=$photos/$width-$scheme.png
        # A browser keeps some of its window's height for itself.
        browse --window-size="$window,$((height + 100))" --screenshot="$photo" \
            --blink-settings=preferredColorScheme=$([[ $scheme == dark ]] && echo 0 || echo 1) \
            "file://$scratch/frame.html"
        [[ $(ink "$photo") -ge 10 ]] || fail "$photo is blank: $(ink "$photo") thousandths of ink"
        say "ok: $photo, $width x $height"
    done
    cmp -s "$photos/$width-light.png" "$photos/$width-dark.png" && fail "light and dark look the same"
done

browse --no-pdf-header-footer --print-to-pdf="$photos/print.pdf" "file://$report"
pdftoppm -r 70 -png "$photos/print.pdf" "$photos/print"
pages=("$photos"/print-*.png)
[[ ${#pages[@]} -ge 4 ]] || fail "printed pages: wanted at least 4, found ${#pages[@]}"
for page in "${pages[@]}"; do
    [[ $(ink "$page") -ge 5 ]] || fail "$page is blank"
done
say "ok: printed on ${#pages[@]} pages; everything is in $photos"
