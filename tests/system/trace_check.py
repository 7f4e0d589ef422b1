"""Reads what strace saw of a writer, and judges the order of its system calls.

    strace -f -y -s 65536 -e trace=CALLS -o TRACE wmark ...
    trace_check.py DIRECTORY TRACE      prints what was checked, or the rules broken; exits 1 then
    trace_check.py --forged             forged traces break every rule: does this see it?

A call that another thread interrupts stands in two lines; it began at the first and ended at the
second. Only what ended before something else began counts as having happened before it.
"""

import codecs
import collections
import json
import re
import struct
import sys

CALLS = ("openat", "openat2", "mkdir", "renameat2", "renameat", "rename", "pwrite64", "write",
         "fdatasync", "fsync", "mmap", "ftruncate", "fallocate", "unlinkat")
GROUP_MAGIC = b"\xffWMGRP\xfe\x01"
RULES = {
    "ack": "an acknowledgement left before a sync that covers its entry had returned",
    "sync-again": "a file was synced again after a sync of it had failed",
    "in-flight": "a group was written before the sync of the one before it had returned",
    "content": "a file got its name before its bytes were synced",
    "name": "a name was built on before the directory that holds it was synced",
    "map": "a file of the log was mapped for writing and shared",
    "write": "a file was written after a write or sync of it had failed",
}


class Call:
    def __init__(self, name, text, result, start, end):
        self.name, self.text, self.start, self.end = name, text, start, end
        number = re.match(r"-?\d+|0x[0-9a-f]+", result)
        # `?` is a call that never returned, since the process was killed in it.
        self.result = int(number.group(), 0) if number else None

    def path(self):
        """The file behind the descriptor that comes first."""
        found = re.match(r"\d+<([^>]*)>", self.text)
        return found.group(1) if found else ""

    def descriptor(self):
        found = re.match(r"\d+", self.text)
        return int(found.group()) if found else -1

    def beginning(self):
        """Of the bytes that are written, enough for the header of a group."""
        found = re.search(r'"((?:[^"\\]|\\.){0,100})', self.text)
        return codecs.escape_decode(found.group(1).encode("latin-1"))[0] if found else b""

    def strings(self):
        quoted = re.findall(r'"((?:[^"\\]|\\.)*)"', self.text)
        return [codecs.escape_decode(text.encode("latin-1"))[0] for text in quoted]


def calls(trace):
    """Every call, in the order in which they ended."""
    begun = {}
    for number, line in enumerate(trace):
        thread, _, rest = line.rstrip("\n").partition(" ")
        rest = rest.lstrip()
        resumed = re.match(r"<\.\.\. (\w+) resumed>(.*)", rest)
        if resumed:
            name, (text, start) = resumed.group(1), begun.pop(thread)
            rest = text + resumed.group(2)
        else:
            call = re.match(r"(\w+)\((.*)", rest)
            if not call:
                continue
            name, rest, start = call.group(1), call.group(2), number
            if rest.endswith("<unfinished ...>"):
                begun[thread] = (rest[: -len("<unfinished ...>")], start)
                continue
        whole = re.match(r"(.*)\) +=\s(.*)$", rest, re.DOTALL)
        if whole:
            yield Call(name, whole.group(1), whole.group(2), start, number)
    for text, start in begun.values():
        yield Call("cut", text, "?", start, sys.maxsize)


class Judge:
    def __init__(self, directory):
        self.directory = directory
        self.broken = []
        self.groups = []                      # path, first index, count, end of the write
        self.syncs = collections.defaultdict(list)  # path: start and end of those that succeeded
        self.failed = {}                      # path: what failed
        self.written = {}                     # path: end of the last write
        self.unnamed = {}                     # path with a name not synced yet: since when
        self.tally = collections.Counter()

    def breaks(self, rule, call, what):
        self.broken.append((rule, f"line {call.start + 1}: {RULES[rule]}: {what}"))

    def covered(self, path, since, before):
        return any(start > since and end < before for start, end in self.syncs[path])

    def take(self, call):
        if call.name == "write":
            return self.output(call) if call.descriptor() == 1 else None
        handler = {"pwrite64": self.wrote, "fdatasync": self.synced, "fsync": self.synced,
                   "mmap": self.mapped, "mkdir": self.named}.get(call.name)
        if handler is None and call.name.startswith("rename"):
            handler = self.renamed
        if handler:
            handler(call)
        return None

    def output(self, call):
        self.check_names(call)
        for path, end in self.written.items():
            if path.endswith("/log.checkpoints") and not self.covered(path, end, call.start):
                self.breaks("ack", call, "a checkpoint")
        for line in b"".join(call.strings()).split(b"\n"):
            if not line.startswith(b'{"type":"ack"') or not line.endswith(b"}"):
                continue
            index = json.loads(line)["index"]
            self.tally["acknowledgements"] += 1
            holds = [group for group in self.groups if group[1] <= index < group[1] + group[2]]
            if not any(self.covered(path, end, call.start) for path, _, _, end in holds):
                self.breaks("ack", call, f"entry {index}")

    def wrote(self, call):
        path = call.path()
        if path in self.failed:
            self.breaks("write", call, f"{path}, after {self.failed[path]}")
        if call.result is None or call.result < 0:
            self.failed[path] = f"the write of line {call.start + 1}"
            return
        if call.result == 0:
            return  # No bytes: whether the file system still takes writes.
        self.written[path] = call.end
        data = call.beginning()
        if not data.startswith(GROUP_MAGIC):
            return
        first, count = struct.unpack_from("<QI", data, 24)
        for before, _, _, end in self.groups[-1:]:
            # Recovery writes again, byte for byte, what an earlier process had written.
            if not self.covered(before, end, call.start):
                self.breaks("in-flight", call, f"group of entry {first} in {path}")
        if path in self.unnamed:
            self.breaks("name", call, path)
        self.tally["groups"] += 1
        self.groups.append((path, first, count, call.end))

    def synced(self, call):
        path = call.path()
        self.tally["syncs"] += 1
        if path in self.failed:
            self.breaks("sync-again", call, f"{path}, after {self.failed[path]}")
        if call.result != 0:
            self.failed[path] = f"the sync of line {call.start + 1}"
            self.tally["failed syncs"] += 1
            return
        self.syncs[path].append((call.start, call.end))
        for name, since in list(self.unnamed.items()):
            if (name.rpartition("/")[0] or "/") == path and call.start > since:
                del self.unnamed[name]

    def renamed(self, call):
        if call.result != 0:
            return
        places = re.findall(r'(?:\d+|AT_FDCWD)<([^>]*)>, "([^"]*)"', call.text)
        (old_dir, old), (new_dir, new) = places[:2]
        if new.endswith((".nodes", ".index")):
            return  # Derived, with a digest of their own: torn ones are made again.
        old, new = f"{old_dir}/{old}", f"{new_dir}/{new}"
        self.tally["names"] += 1
        if old in self.written and not self.covered(old, self.written[old], call.start):
            self.breaks("content", call, new)
        if old in self.written:
            self.written[new] = self.written.pop(old)
        self.unnamed[new] = call.end

    def named(self, call):
        if call.result == 0:
            self.tally["names"] += 1
            self.unnamed[call.strings()[0].decode()] = call.end

    def mapped(self, call):
        is_ours = self.directory in call.text
        self.tally["maps"] += is_ours
        if is_ours and "PROT_WRITE" in call.text and "MAP_SHARED" in call.text:
            self.breaks("map", call, call.text)

    def check_names(self, call):
        for name in list(self.unnamed):
            self.breaks("name", call, name)
            del self.unnamed[name]

    def finish(self, was_killed):
        end = Call("exit", "", "0", sys.maxsize - 1, sys.maxsize)
        if not was_killed and not self.failed:
            self.check_names(end)


def judge_calls(directory, seen):
    judged = Judge(directory)
    for call in sorted(seen, key=lambda call: call.end):
        judged.take(call)
    judged.finish(any(call.name == "cut" for call in seen))
    return judged


def judge(directory, lines):
    return judge_calls(directory, list(calls(lines)))


# What a writer in order does, from which every forged trace is made by moving or changing a line.
SOUND = r"""
7 mkdir("/l", 0700) = 0
7 fsync(3</>) = 0
7 pwrite64(5</l/spare.tmp>, "WMARKSEG", 8, 0) = 8
7 fsync(5</l/spare.tmp>) = 0
7 renameat2(4</l>, "spare.tmp", 4</l>, "0.seg", RENAME_NOREPLACE) = 0
7 fsync(4</l>) = 0
7 mmap(NULL, 4096, PROT_READ, MAP_SHARED, 6</l/0.seg>, 0) = 0x7000
7 pwrite64(5</l/0.seg>, "\377WMGRP\376\1----------------\0\0\0\0\0\0\0\0\1\0\0\0", 36, 9) = 36
8 fdatasync(5</l/0.seg> <unfinished ...>
7 pread64(5</l/0.seg>, "", 0, 0) = 0
8 <... fdatasync resumed>) = 0
7 write(1<pipe:[1]>, "{\"type\":\"ack\",\"index\":0}\n", 25) = 25
7 pwrite64(5</l/0.seg>, "\377WMGRP\376\1----------------\1\0\0\0\0\0\0\0\2\0\0\0", 36, 99) = 36
7 fdatasync(5</l/0.seg>) = 0
7 write(1<pipe:[1]>, "{\"type\":\"ack\",\"index\":1}\n{\"type\":\"ack\",\"index\":2}\n", 50) = 50
""".strip().split("\n")


def forged():
    """Every forged trace, and the rule it breaks."""
    def without(at):
        return SOUND[:at] + SOUND[at + 1:]

    def swapped(at, other):
        lines = list(SOUND)
        lines[at], lines[other] = lines[other], lines[at]
        return lines

    def put(at, text):
        return SOUND[:at] + [text] + SOUND[at + 1:]

    yield "no sync of the last group", "ack", without(13)
    yield "the acknowledgement before the sync", "ack", swapped(13, 14)
    yield "the acknowledgement while the sync runs", "ack", swapped(9, 11)
    yield "a sync of another file", "ack", put(13, SOUND[13].replace("/l/0.seg", "/l/1.seg"))
    yield "a sync that failed", "ack", put(13, SOUND[13].replace("= 0", "= -1 EIO"))
    yield "an entry nobody wrote", "ack", put(14, SOUND[14].replace(":2}", ":3}"))
    yield "a sync that began before the write ended", "ack", (
        SOUND[:12] + ["8 fdatasync(5</l/0.seg> <unfinished ...>", SOUND[12],
                      "8 <... fdatasync resumed>) = 0", SOUND[14]])
    yield "a second sync after an error", "sync-again", (
        SOUND[:14] + [SOUND[13].replace("= 0", "= -1 EIO"), SOUND[13]])
    yield "a write after a sync that failed", "write", (
        SOUND[:13] + [SOUND[13].replace("= 0", "= -1 EIO"), SOUND[12]])
    yield "a write after a write that failed", "write", (
        SOUND[:12] + [SOUND[12].replace("= 36", "= -1 ENOSPC"), SOUND[12]] + SOUND[13:])
    yield "a checkpoint that is not synced", "ack", (
        [SOUND[2].replace("spare.tmp", "log.checkpoints"), SOUND[11]])
    yield "two groups in flight", "in-flight", SOUND[:8] + [SOUND[12], SOUND[13]]
    yield "a name before its bytes", "content", without(3)
    yield "no sync of the directory after a rename", "name", without(5)
    yield "no sync of the directory above a new one", "name", without(1)
    yield "a directory that is synced after its use", "name", swapped(5, 7)
    yield "a map for writing", "map", put(6, SOUND[6].replace("PROT_READ", "PROT_READ|PROT_WRITE"))


def check_forged():
    sound = judge("/l", SOUND)
    assert not sound.broken, f"the sound trace: {sound.broken}"
    assert sound.tally["acknowledgements"] == 3 and sound.tally["groups"] == 2, sound.tally
    count = 0
    for what, rule, lines in forged():
        found = {rule for rule, _ in judge("/l", lines).broken}
        assert rule in found, f"{what}: wanted {rule!r}, found {sorted(found)}"
        count += 1
    missed = RULES.keys() - {rule for _, rule, _ in forged()}
    assert not missed, f"no forged trace breaks {sorted(missed)}"
    print(f"{count} forged traces, each caught; the sound one passes")


def check_thinned(directory, seen):
    """A real trace without one of the syncs that an acknowledgement rests on must not pass."""
    of_segments = [call for call in seen
                   if call.name == "fdatasync" and call.path().endswith(".seg")]
    # The last one covers a heartbeat, which nothing waits for.
    tried = of_segments[:-1:max(1, len(of_segments) // 25)]
    for missing in tried:
        thinned = judge_calls(directory, [call for call in seen if call is not missing])
        assert thinned.broken, f"without the sync of line {missing.start + 1} it still passes"
    return len(tried)


def main(*arguments):
    if arguments == ("--forged",):
        return check_forged()
    *flags, directory, path = arguments
    with open(path, encoding="latin-1") as file:
        seen = list(calls(file))
    judged = judge_calls(directory, seen)
    for _, words in judged.broken[:20]:
        print(words, file=sys.stderr)
    if judged.broken:
        sys.exit(1)
    text = ", ".join(f"{count} {what}" for what, count in sorted(judged.tally.items()) if count)
    if "--thinned" in flags:
        text += f"; without one of its syncs caught {check_thinned(directory, seen)} times"
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
