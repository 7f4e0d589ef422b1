#!/usr/bin/env bash
# docs/TUTORIAL.md, typed as it stands: every `console` block, in order, in one new directory.
#
# A line that begins with `$ ` is run; the lines up to the next one are what it must print, stdout and
# stderr together as a terminal shows them. `...` within a line stands for anything, a line of nothing
# but `...` for any number of lines, and a last line `[exit 2]` for an exit status other than 0. A
# block after `<!-- file: NAME -->` is written to that file. (Blocks of Rust are doctests.)
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=rig.bash
source "$(dirname "${BASH_SOURCE[0]}")/rig.bash"
mkdir -p "$scratch/path" "$scratch/home" "$scratch/work"
ln -s "$wmark" "$scratch/path/wmark"
cd "$scratch/work"

env -i PATH="$scratch/path:$PATH" HOME="$scratch/home" LANG=C.UTF-8 \
    python3 - "$root/docs/TUTORIAL.md" <<'PYTHON'
import re, subprocess, sys

def blocks(text):
    """Language, file name if any, first line's number, and lines of each fenced block."""
    name = language = None
    for number, line in enumerate(text.split("\n"), 1):
        fence = re.match(r"```(\w*)", line)
        if language is None and fence:
            language, start, body = fence.group(1), number + 1, []
        elif language is not None and fence:
            yield language, name, start, body
            name = language = None
        elif language is not None:
            body.append(line)
        elif comment := re.fullmatch(r"<!-- file: ([\w./-]+) -->", line):
            name = comment.group(1)

def matches(wanted, found):
    if not wanted:
        return not found
    if wanted[0] == "...":
        return any(matches(wanted[1:], found[at:]) for at in range(len(found) + 1))
    if not found:
        return False
    pattern = ".*".join(re.escape(part) for part in wanted[0].rstrip().split("..."))
    return re.fullmatch(pattern, found[0].rstrip(), re.S) is not None and matches(wanted[1:], found[1:])

def run(number, command, wanted):
    exit_wanted = 0
    if wanted and (code := re.fullmatch(r"\[exit (\d+)\]", wanted[-1])):
        exit_wanted, wanted = int(code.group(1)), wanted[:-1]
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    found = done.stdout.decode("utf-8").rstrip("\n").split("\n") if done.stdout else []
    if done.returncode != exit_wanted or not matches(wanted, found):
        sys.exit(f"docs/TUTORIAL.md:{number}: $ {command}\n  wanted exit {exit_wanted}:\n    "
                 + "\n    ".join(wanted) + f"\n  found exit {done.returncode}:\n    "
                 + "\n    ".join(line[:300] for line in found[:40]))

# The judge can say no.
assert matches(["a...c", "...", "z"], ["abc", "1", "2", "z"]) and matches(["..."], [])
assert not matches(["a...c"], ["abd"]) and not matches(["..."[:2]], ["x"]) and not matches([], ["x"])

commands = files = 0
for language, name, start, body in blocks(open(sys.argv[1], encoding="utf-8").read()):
    if name:
        with open(name, "w", encoding="utf-8") as out:
            out.write("\n".join(body) + "\n")
        files += 1
    elif language == "console":
        assert body and body[0].startswith("$ "), f"line {start}: a console block begins with a command"
        at = 0
        while at < len(body):
            number, command = start + at, body[at][2:]
            while command.endswith("\\"):
                at += 1
                command = command[:-1] + body[at].strip()
            end = next((n for n in range(at + 1, len(body)) if body[n].startswith("$ ")), len(body))
            run(number, command, body[at + 1:end])
            commands += 1
            at = end
    else:
        assert language in {"rust", "text", "json", "toml"}, f"line {start}: {language!r} is neither run nor compiled"
assert commands >= 20, f"wanted at least 20 commands, found {commands}"
print(f"  ok: {commands} commands of docs/TUTORIAL.md did what it says, with {files} files from it")
PYTHON
