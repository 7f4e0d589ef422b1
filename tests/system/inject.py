"""Fails each system call that a writer makes on its log, one after the other; see inject.sh.

    inject.py WMARK DIRECTORY STRIDE SEED

strace counts the calls of each thread, and so does this: a fault with number n hits the n-th call
of that name in every thread that comes so far. Commands run on one processor, so that one thread
appends; the other threads that touch the log make few calls.
"""

import collections
import os
import re
import shutil
import subprocess
import sys
import time

import feed

CALLS = ("fdatasync", "fsync", "pwrite64", "openat2", "openat", "ftruncate", "fallocate",
         "renameat2", "unlinkat", "fchmod", "pread64", "getdents64", "flock", "fadvise64",
         "write")
TEXTS = {"EIO": "Input/output error", "ENOSPC": "No space left on device",
         "EMFILE": "Too many open files", "EROFS": "Read-only file system"}
FAULTS = collections.defaultdict(
    lambda: ("EIO", "KILL"),
    fdatasync=("EIO", "ENOSPC", "KILL"), fsync=("EIO", "ENOSPC", "KILL"),
    pwrite64=("EIO", "ENOSPC", "KILL"), fallocate=("EIO", "ENOSPC", "KILL"),
    ftruncate=("EIO", "ENOSPC", "KILL"), openat2=("EIO", "ENOSPC", "EMFILE", "KILL"),
    renameat2=("EIO", "ENOSPC", "EROFS", "KILL"))
# Done; an error of the operating system; killed. Never "tampered", a panic or an abort.
STATUSES = {0, 3, 137}


def on_one_processor():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


class Scene:
    """A log as it is found, and what is then given to a writer."""

    def __init__(self, name, template, given, batch, acks):
        self.name, self.template, self.given = name, template, given
        self.batch, self.acks = batch, acks


class Rig:
    def __init__(self, wmark, directory):
        self.wmark, self.directory = wmark, directory
        self.log = os.path.join(directory, "log")
        self.trace = os.path.join(directory, "trace")

    def quiet(self, *arguments):
        return subprocess.run([self.wmark, *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)

    def fresh(self, scene):
        shutil.rmtree(self.log, ignore_errors=True)
        if scene.template:
            shutil.copytree(scene.template, self.log)
        else:
            assert self.quiet("init", self.log).returncode == 0

    def ingest(self, scene, *strace):
        command = ["strace", "-f", "-qq", "-o", self.trace, *strace, self.wmark,
                   "-C", self.log, "ingest", "--ack", "--redact", "off"]
        return feed.Run(command, scene.given, batch=scene.batch, preexec_fn=on_one_processor)

    def places(self, scene):
        """Which calls, by their number in their thread, have to do with the log or its answers."""
        self.fresh(scene)
        run = self.ingest(scene, "-y", "-e", "trace=" + ",".join(CALLS))
        assert run.status == 0, f"{scene.name}, without a fault: {run.stderr}"
        seen, places = collections.Counter(), set()
        with open(self.trace, encoding="utf-8", errors="replace") as trace:
            for line in trace:
                call = re.match(r"(\d+) +(\w+)\((.*)", line)
                if not call:
                    continue  # The second half of a call that another thread interrupted.
                thread, name, rest = call.groups()
                seen[thread, name] += 1
                if self.log in rest or name == "write":
                    places.add((name, seen[thread, name]))
        return sorted(places)


def check(rig, scene, name, number, fault):
    """One fault, and everything that must hold after it. Returns how the command ended."""
    where = f"{scene.name}: {name} {number}, {fault}"
    rig.fresh(scene)
    # The quick filter of strace lets no signal through.
    what, quick = ("signal=KILL", []) if fault == "KILL" else (f"error={fault}", ["--seccomp-bpf"])
    inject = f"inject={name}:{what}:when={number}"
    run = rig.ingest(scene, *quick, "-e", f"trace={name}", "-e", inject)
    with open(rig.trace, encoding="utf-8", errors="replace") as trace:
        text = trace.read()
    was_hit = "(INJECTED)" in text or "+++ killed by SIGKILL" in text
    if not was_hit:
        return "not reached"
    if run.status == 127 and "loading shared libraries" in run.stderr:
        return "not reached"  # The same number is another call of the loader in the main thread.
    assert run.status in STATUSES, f"{where}: exit {run.status}: {run.stderr}"
    if run.status == 0:
        found = len(run.acks)
        assert found == len(scene.given), f"{where}: exit 0 with {found} acknowledgements"
    if run.status == 3:
        is_told = TEXTS[fault] in run.stderr
        assert is_told, f"{where}: wanted {TEXTS[fault]!r} to be told, found {run.stderr!r}"
    verified = rig.quiet("verify", rig.log)
    # A torn tail may lie there, and then not all could be verified; nothing is called tampered.
    assert verified.returncode in (0, 4), f"{where}: verify: {verified.stdout.decode()}"
    reopened = rig.ingest_plain()
    assert reopened.returncode == 0, f"{where}: reopen: {reopened.stderr.decode()}"
    verified = rig.quiet("verify", rig.log)
    assert verified.returncode == 0, f"{where}: verify again: {verified.stdout.decode()}"
    problem = feed.lost(scene.acks + run.acks, feed.entries(rig.wmark, rig.log))
    assert problem is None, f"{where}: {problem}"
    return {0: "went on", 3: "error", 137: "killed"}[run.status]


def torn(rig):
    """A log that was killed between a group's write and its sync, the group torn afterwards, with
    the segment before it in whatever state the kill left it in. Also gives what it acknowledged."""
    scene = Scene("torn", None, list(feed.lines(12, 110_000)), 1, [])
    rig.fresh(scene)
    run = rig.ingest(scene, "-e", "trace=fdatasync", "-e", "inject=fdatasync:signal=KILL:when=11")
    assert run.status == 137 and len(run.acks) == 10, f"{run.status}, {len(run.acks)} acks"
    last = max(name for name in os.listdir(rig.log) if name.endswith(".seg"))
    path = os.path.join(rig.log, last)
    with open(path, "r+b") as file:
        end = len(file.read().rstrip(b"\0"))
        file.seek(end - 700)
        file.write(b"\xff" * 512)
    template = os.path.join(rig.directory, "torn")
    shutil.move(rig.log, template)
    return Scene("recovery", template, list(feed.lines(1, 50)), 1, run.acks)


def main(wmark, directory, stride, seed):
    rig = Rig(wmark, directory)
    one = os.path.join(directory, "one.jsonl")
    with open(one, "wb") as file:
        file.writelines(feed.lines(1, 50))
    rig.ingest_plain = lambda: rig.quiet("-C", rig.log, "ingest", one)
    # Ten entries fill a segment of a young log, so the eleventh goes through a rotation.
    scenes = [torn(rig), Scene("appending", None, list(feed.lines(12, 110_000)), 2, [])]
    stride, began = int(stride), time.monotonic()
    for scene in scenes:
        cases = [(name, number, fault) for name, number in rig.places(scene)
                 for fault in FAULTS[name]]
        ends = collections.Counter()
        for case in cases[int(seed) % stride::stride]:
            try:
                ends[check(rig, scene, *case)] += 1
            except AssertionError as wrong:
                print(f"  FAIL: {wrong}", flush=True)
                ends["wrong"] += 1
        text = ", ".join(f"{count} {end}" for end, count in sorted(ends.items()))
        injected = sum(ends.values()) - ends["not reached"]
        print(f"  ok: {scene.name}: {injected} faults of {len(cases)} places: {text}", flush=True)
        assert ends["error"] and ends["killed"], "no fault ended a command: nothing was tested"
        assert not ends["wrong"], f"{ends['wrong']} faults went wrong"
    print(f"  {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
