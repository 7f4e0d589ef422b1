"""Checkpoints: signed notes and the history `log.checkpoints`. Source: FORMAT.md, section 15."""
import base64, binascii, hashlib, re, zlib
from verify_ed25519 import verify

LINE = re.compile(rb"checkpoint ([0-9]{8}) ([0-9a-f]{8})\n")
SIZE_MAX, NOTE_MAX, SIGNATURES_MAX = 2**63 - 1, 131072, 16


class Malformed(Exception):
    pass


def need(good, what):
    if not good:
        raise Malformed(what)


def unarmored(text):
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("base64") from None
    need(base64.b64encode(data).decode() == text, "base64")
    return data


class Key:
    def __init__(self, text):  # name+key id+base64(1 || public key)
        self.name, key_id, key = text.strip().split("+", 2)
        kind, self.public = unarmored(key)[:1], unarmored(key)[1:]
        self.id = hashlib.sha256(self.name.encode() + b"\n\1" + self.public).digest()[:4]
        need(kind == b"\1" and self.id.hex() == key_id, "verifier key")


class Checkpoint:
    def __init__(self, note):
        try:
            whole = note.decode()
        except UnicodeDecodeError:
            raise Malformed("not UTF-8") from None
        need(not re.search("[\0-\x09\x0b-\x1f]", whole) and whole.endswith("\n"), "characters of a note")
        text, empty, lines = whole.rpartition("\n\n")
        need(empty and lines, "no signatures")
        self.text, self.signatures = text + "\n", []
        for line in lines[:-1].split("\n"):
            match = re.fullmatch("\u2014 ([^\\s+]+) (\\S+)", line)
            need(match and len(self.signatures) < SIGNATURES_MAX, "a signature line")
            data = unarmored(match[2])
            need(len(data) > 4, "a signature line")
            self.signatures.append((match[1], data[:4], data[4:]))
        self.origin, size, root, *more = text.split("\n") if text.count("\n") > 1 else ("", "", "")
        need(self.origin and all(more) and re.fullmatch("0|[1-9][0-9]{0,18}", size), "a checkpoint's lines")
        self.size, self.root = int(size), unarmored(root)
        need(len(self.root) == 32 and self.size <= SIZE_MAX, "a checkpoint's size or root")
        need(self.size or self.root == hashlib.sha256(b"").digest(), "an empty log has one root")

    def signed_by(self, keys):
        """Whether one of the keys signed it, and whether a signature of theirs is wrong."""
        found = [verify(key.public, signature, self.text.encode()) for key in keys
                 for name, key_id, signature in self.signatures if (name, key_id) == (key.name, key.id)]
        return bool(found) and all(found), not all(found)


def record(data, at):
    """The note of the whole record at this offset, if there is one."""
    line = LINE.match(data, at)
    end = line and at + 29 + int(line[1])
    if not line or int(line[1]) > NOTE_MAX or data[end:end + 1] != b"\n":
        return None
    note = data[at + 29:end]
    return note if zlib.crc32(line[0][:19] + note) == int(line[2], 16) else None


def history(data):
    """Offset and note of each record; a note of None is damage, and an offset of None a torn end."""
    at = 0
    while at < len(data):
        note = record(data, at)
        if note is not None:
            yield at, note
            at += 30 + len(note)
            continue
        line, rest = LINE.match(data, at), data[at:]
        is_cut = len(rest) <= 29 + int(line[1]) if line else len(rest) < 29
        later = next((m.start() for m in LINE.finditer(data, at + 1) if record(data, m.start())), None)
        is_torn = later is None and (is_cut or not any(rest[-32:]))
        yield (None if is_torn else at), None
        at = len(data) if later is None else later


def read_history(log, read):
    """Offset and checkpoint of each record. The log's roots at their sizes are asked for."""
    recorded = []
    try:
        data = read()
    except FileNotFoundError:
        return recorded
    for at, note in history(data):
        log.where = ("log.checkpoints", at)
        if at is None:
            log.notes.append("log.checkpoints ends in a record that was never published")
            continue
        log.need(note is not None, "a damaged record")
        try:
            one = Checkpoint(note)
        except Malformed as error:
            log.need(False, f"a record that is no checkpoint: {error}")
        recorded.append((at, one))
        log.roots.setdefault(one.size, None)
    log.where = ("log.id", 0)
    return recorded


def judge(log):
    """Holds the log against what it signed. Whether keys were given and none of them signed any of it."""
    last, is_signed = 0, False
    for at, one in log.recorded:
        log.where = ("log.checkpoints", at)
        log.need(one.origin == log.origin, "a checkpoint of another log")
        log.need(one.size >= last, "a checkpoint of a shorter log than the one before")
        log.need(one.size <= log.size, f"truncated: a checkpoint of size {one.size} was signed")
        log.need(one.root == log.roots[one.size], f"forked: not the root of the checkpoint of size {one.size}")
        signed, is_wrong = one.signed_by(log.keys)
        log.need(not is_wrong, "a signature that is not the key's")
        last, is_signed = one.size, is_signed or signed
    is_unsigned = bool(log.keys) and not is_signed
    if is_unsigned:
        log.notes.append("no checkpoint is signed by a key that was given")
    return is_unsigned
