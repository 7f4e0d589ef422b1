"""Feeding `wmark ingest --ack`, and holding what it acknowledged against what the log holds.

A batch of lines goes in through a pipe, and the next one only when every line of it was answered:
so there are as many groups as batches, and whatever was acknowledged was read by this process, as
it would be by an agent. Standard library only; shared by the scripts in this directory.

    feed.py run [--batch N] INPUT ACKS COMMAND...    exits with the command's status
    feed.py held WMARK LOG ACKS...                   prints how many acknowledgements were compared
    feed.py lines COUNT BYTES                        prints records for `wmark ingest`
"""

import json
import os
import subprocess
import sys
import threading


def lines(count, size, first=0):
    """Records without an id, so that each one is a new entry however often it is given."""
    types = ("tool_invocation", "tool_blocked", "policy_evaluation")
    for n in range(first, first + count):
        yield json.dumps({
            "event_type": types[n % 3], "agent_did": f"did:web:fed-{n % 17:02}.example.com",
            "action": "allow", "outcome": "success", "data": {"n": n, "text": "x" * size},
        }).encode() + b"\n"


class Run:
    """One command that was fed: status as a shell tells it, acknowledgements, standard error."""

    def __init__(self, command, given, acks_path=None, batch=1, on_start=None, on_ack=None,
                 **options):
        self.acks, self.summary = [], None
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, **options)
        if on_start:
            on_start(process)
        error = []
        reader = threading.Thread(target=lambda: error.append(process.stderr.read()))
        reader.start()
        record = open(acks_path, "ab") if acks_path else None
        given = list(given)
        for at in range(0, len(given), batch):
            piece = given[at:at + batch]
            try:
                process.stdin.write(b"".join(piece))
                process.stdin.flush()
            except OSError:
                break
            if not self.take(process, len(piece), record, on_ack):
                break
        try:
            process.stdin.close()
        except OSError:
            pass
        self.take(process, None, record, on_ack)
        if record:
            record.close()
        status = process.wait()
        reader.join()
        self.status = 128 - status if status < 0 else status
        self.stderr = error[0].decode("utf-8", "replace")

    def take(self, process, count, record, on_ack):
        """Reads that many acknowledgements, or all there are; false at the end of the output."""
        while count is None or count > 0:
            line = process.stdout.readline()
            if not line.endswith(b"\n"):
                return False  # The end, or a line that was cut: nobody was told anything.
            told = json.loads(line)
            if told["type"] == "summary":
                self.summary = told
            if told["type"] != "ack":
                continue
            if record:
                record.write(line)
                record.flush()
            assert told["durable"] is True, f"entry {told['index']}: not durable when acknowledged"
            self.acks.append((told["index"], told["entry_hash"]))
            if on_ack:
                on_ack(process)
            count = None if count is None else count - 1
        return True


def entries(wmark, log):
    """Index and entry hash of everything a query gives."""
    out = subprocess.run([wmark, "-C", log, "query", "--limit", "0", "--json"],
                         stdout=subprocess.PIPE, check=True).stdout
    told = (json.loads(line) for line in out.splitlines())
    return {entry["index"]: entry["entry_hash"] for entry in told}


def lost(acks, held):
    """What was acknowledged and is not there, or is another entry, in words; None when all is."""
    for index, wanted in acks:
        found = held.get(index)
        if found != wanted:
            return f"entry {index} was acknowledged with hash {wanted}, found {found}"
    return None


def read_acks(path):
    """The complete acknowledgements in a file."""
    with open(path, "rb") as file:
        whole = [json.loads(line) for line in file if line.endswith(b"\n")]
    for told in whole:
        if told["type"] == "ack":
            assert told["durable"] is True, f"{path}: entry {told['index']} was not durable"
    return [(told["index"], told["entry_hash"]) for told in whole if told["type"] == "ack"]


def main(verb, *rest):
    if verb == "lines":
        sys.stdout.buffer.writelines(lines(int(rest[0]), int(rest[1])))
        return 0
    if verb == "run":
        batch = 1
        if rest[0] == "--batch":
            batch, rest = int(rest[1]), rest[2:]
        given, acks, *command = rest
        with open(given, "rb") as file:
            run = Run(command, file, acks, batch)
        sys.stderr.write(run.stderr)
        return run.status
    wmark, log, *paths = rest
    acks = [ack for path in paths for ack in read_acks(path)]
    problem = lost(acks, entries(wmark, log))
    if problem or not acks:
        sys.exit(f"{os.path.basename(log)}: {problem or 'no acknowledgement to compare'}")
    print(len(acks))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
