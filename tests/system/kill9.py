"""Kills `wmark ingest --ack` again and again; see kill9.sh.

    kill9.py WMARK DIRECTORY KILLS SEED
"""

import collections
import os
import random
import shutil
import subprocess
import sys
import threading
import time

import feed

# A log is killed that often, so that recovery is tried on what recovery left behind.
KILLS_PER_LOG = 4
# When the kill comes: milliseconds at most after the start, or after the first acknowledgement.
OPENING, APPENDING, ROTATING = "opening", "appending", "rotating"
DELAY_MS = {OPENING: 14, APPENDING: 30, ROTATING: 60}


def killer(delay):
    """Something to call with a process, which is killed that much later; the first call counts."""
    begun = []

    def begin(process):
        if not begun:
            begun.append(threading.Timer(delay, process.kill))
            begun[0].start()
    return begin


def unfinished(log):
    """Whether the kill left a rotation or a seal half done: a spare, or a second open segment."""
    names = os.listdir(log)
    modes = [os.stat(f"{log}/{name}").st_mode for name in names if name.endswith(".seg")]
    return "spare.tmp" in names or sum(mode & 0o200 != 0 for mode in modes) > 1


def check(wmark, log, acks):
    held = feed.entries(wmark, log)
    problem = feed.lost(acks, held)
    assert problem is None, problem


def main(wmark, directory, kills, seed):
    kills, chance = int(kills), random.Random(int(seed))
    small = list(feed.lines(4000, 100))
    large = list(feed.lines(600, 30_000))
    one = f"{directory}/one.jsonl"
    with open(one, "wb") as file:
        file.writelines(feed.lines(1, 10))
    log, acks = f"{directory}/log", []
    tally, compared, began = collections.Counter(), 0, time.monotonic()

    def quiet(*arguments):
        done = subprocess.run([wmark, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, f"{arguments[:3]}: {done.returncode}: {done.stdout.decode()}"

    for number in range(kills):
        where = f"kill {number + 1}, seed {seed}"
        if number % KILLS_PER_LOG == 0:
            shutil.rmtree(log, ignore_errors=True)
            acks = []
            quiet("init", log)
        kind = chance.choice((OPENING, APPENDING, APPENDING, ROTATING, ROTATING))
        begin = killer(chance.random() * DELAY_MS[kind] / 1000)
        hook = {"on_start": begin} if kind == OPENING else {"on_ack": begin}
        run = feed.Run([wmark, "-C", log, "ingest", "--ack", "--redact", "off"],
                       large if kind == ROTATING else small,
                       batch=chance.choice((1, 1, 3, 50)), **hook)
        assert run.status in (0, 137), f"{where}: exit {run.status}: {run.stderr}"
        tally[kind] += run.status == 137
        tally["halfway through a rotation or a seal"] += unfinished(log)
        acks += run.acks
        try:
            # Every other time the next writer to open it is killed, too.
            if chance.random() < 0.5:
                quiet("-C", log, "ingest", one)
                quiet("verify", log)
            if (number + 1) % KILLS_PER_LOG == 0 or number + 1 == kills:
                quiet("-C", log, "ingest", one)
                quiet("verify", log)
                check(wmark, log, acks)
                compared += len(acks)
        except AssertionError as wrong:
            sys.exit(f"  FAIL: {where}: {wrong}")
    done = sum(tally[kind] for kind in DELAY_MS)
    assert done >= kills * 0.8, f"wanted {kills} kills to hit a running ingest, found {done}"
    text = ", ".join(f"{count} {what}" for what, count in tally.items())
    print(f"  ok: {compared} acknowledgements after {done} kills ({text}), all there")
    print(f"  ok: every log verified, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
