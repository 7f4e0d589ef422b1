#!/usr/bin/env bash
# Log directories as nobody should find them: on a read-only file system, and with pipes, sockets,
# devices, directories and links under the names of the log's files. Nothing waits for ever, nothing
# is read from a device, and what is missing is reported as missing.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=rig.bash
source "$(dirname "${BASH_SOURCE[0]}")/rig.bash"
needs mkfifo mknod timeout

log=$scratch/log
input=$scratch/input.jsonl
python3 "$root/tests/system/feed.py" lines 150 20000 >"$input"
head -n 1 "$input" >"$scratch/one.jsonl"
exits 0 "$wmark" init "$log"
exits 0 "$wmark" -C "$log" keygen --out "$scratch/key"
exits 0 "$wmark" -C "$log" ingest --redact off "$input"
exits 0 "$wmark" -C "$log" checkpoint --key-file "$scratch/key" -o "$scratch/note"
segments=("$log"/*.seg)
((${#segments[@]} >= 3)) || fail "wanted three segments, found ${#segments[@]}"

# put KIND PATH
put() {
    rm -rf "$2"
    case $1 in
        pipe) mkfifo "$2" ;;
        socket) python3 -c 'import os, socket, sys
os.chdir(os.path.dirname(sys.argv[1]))
socket.socket(socket.AF_UNIX).bind(os.path.basename(sys.argv[1]))' "$2" ;;
        device) mknod "$2" c 1 5 2>/dev/null ;; # /dev/zero, which never ends
        directory) mkdir "$2" ;;
        link) ln -s /dev/zero "$2" ;;
        dangling) ln -s nowhere "$2" ;;
    esac
}

# ends STATUSES COMMAND...: in time, and with one of these.
ends() {
    local status=0
    timeout 20 "${@:2}" >"$scratch/out" 2>"$scratch/err" </dev/null || status=$?
    [[ " $1 " == *" $status "* ]] ||
        fail "$what: ${*:2}: wanted exit $1, found $status: $(tail -n 5 "$scratch/out" "$scratch/err")"
}

tried=0
last=$(basename "${segments[-1]}")
first=$(basename "${segments[0]}")
for kind in pipe socket device directory link dangling; do
    for name in stray stray.tmp sinks spare.tmp quarantine-00000000000000000000-9.bin \
        99999999999999999999.seg log.checkpoints log.lock log.id "$first" "$last" \
        "${first%.seg}.index" "${first%.seg}.nodes"; do
        what="$kind as $name"
        copy=$scratch/copy
        rm -rf "$copy"
        cp -a "$log" "$copy"
        put "$kind" "$copy/$name" || { say "not tried here: $what" && continue; }
        case $name in
            stray* | spare.tmp | quarantine-* | 9* | sinks | log.lock) wanted=0 ;; # noted at most
            *.index | *.nodes) wanted=0 ;; # derived: made again
            log.checkpoints | log.id) wanted=3 ;;
            *) wanted="1 3" ;; # evidence: cannot be judged, or is missing
        esac
        ends "$wanted" "$wmark" verify "$copy"
        tried=$((tried + 1))
        [[ $kind == pipe || $kind == link ]] || continue
        ends "0 1 3" "$wmark" -C "$copy" query --limit 1
        ends "0 1 3" "$wmark" -C "$copy" doctor
        ends "0 1 3" "$wmark" -C "$copy" repair
        ends "0 1 3" "$wmark" -C "$copy" ingest "$scratch/one.jsonl"
    done
done
say "ok: $tried odd files: nothing waits, and no log without its files is called intact"

# A read-only file system: reading works, writing says why it does not.
if [[ $(id -u) -ne 0 ]]; then
    say "not tried here, for lack of privileges: a read-only file system"
    exit 0
fi
# shellcheck source=disks.bash
source "$root/tests/system/disks.bash"
needs_root
what="a read-only file system"
mount_at "$scratch/still" -t tmpfs -o size=16m tmpfs
cp -a "$log" "$scratch/still/log"
mount -o remount,ro "$scratch/still"
still=$scratch/still/log
ends 0 "$wmark" verify "$still" --against "$("$wmark" -C "$log" root --json | python3 -c '
import json, sys
head = json.load(sys.stdin)
print(head["root"] + "@" + str(head["size"]))')"
ends 0 "$wmark" -C "$still" query --limit 3
ends 0 "$wmark" -C "$still" prove 7 -o "$scratch/proof.json"
for command in "ingest $scratch/one.jsonl" "checkpoint --key-file $scratch/key" "repair --yes"; do
    # shellcheck disable=SC2086
    ends 3 "$wmark" -C "$still" $command
    grep -q 'Read-only file system' "$scratch/err" || fail "$command: $(<"$scratch/err")"
done
say "ok: $what: verified, queried and proved from; not written to, and that is what it says"
