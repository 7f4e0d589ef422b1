#!/usr/bin/env python3
"""An independent reader and verifier of witnessmark logs, written from FORMAT.md alone.
usage: verify.py DIR [--against ROOT@SIZE] [--key VERIFIER_KEY].. Exit status: 0 intact, 1 tampered, 3 not judged, 4 right but not all there
(torn tail, declared erasures, no checkpoint by the key). The last line is `root <64 hex> size <N>`. For a log at rest, or a copy."""
import hashlib, json, os, re, stat, struct, sys, zlib
sys.dont_write_bytecode = True
import verify_footer as footers, verify_notes as notes
IDENTITY, SEGMENT = struct.Struct("<8sHHIQ32s32sQ32sH"), struct.Struct("<8sHHI32sQQQQ32sH")
GROUP, FRAME = struct.Struct("<8sIIQQIIIIQQ32s"), struct.Struct("<BBHIIIQQQ32s")
HEADER, GROUP_MAGIC = struct.Struct("<BBHQQQQII32s32s"), b"\xffWMGRP\xfe\x01"
PAYLOAD_MAX, META_MAX, GROUP_MAX, ENTRIES_MAX, FILE_MAX = 16 << 20, 64 << 10, 32 << 20, 1 << 20, 3 << 29
sha, crc32 = hashlib.sha256, zlib.crc32
DATA, BODY, LOG = (sha(("witnessmark/v1/" + x).encode().ljust(64, b"\0")) for x in ("data", "body", "log"))
class Tampered(Exception): pass
def little(data): return int.from_bytes(data, "little")
def labelled(state, *parts):
    state = state.copy()
    state.update(b"".join(parts))
    return state.digest()
def read(path, limit):
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as file:
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode) and len(data := file.read(limit + 1)) <= limit: return data
    raise OSError(f"{path}: not a regular file of at most {limit} bytes")

class Log:
    def __init__(self, path, against, keys):
        self.path, self.against, self.keys, self.notes, self.is_torn = path, against, keys, [], False
        self.size, self.frontier, self.last_time, self.where = 0, [], 0, ("log.id", 0)
        self.agents, self.types, self.lost = {}, {}, 0  # lost: erased bodies, whose names are unknown
        self.erased, self.declared = [], {}
        self.roots = {against[1]: None, 0: self.root()}  # at the sizes that are asked for
    def need(self, good, what, offset=None):
        if not good: raise Tampered(f"{self.where[0]} offset {offset or self.where[1]} index {self.size}: {what}")
    def root(self):
        root = self.frontier[-1] if self.frontier else sha(b"").digest()
        for left in self.frontier[-2::-1]: root = sha(b"\x01" + left + root).digest()
        return root
    def push(self, leaf):
        size, self.size = self.size, self.size + 1
        while size & 1: leaf, size = sha(b"\x01" + self.frontier.pop() + leaf).digest(), size >> 1
        self.frontier.append(leaf)
        if self.size in self.roots: self.roots[self.size] = self.root()
    def identity(self):
        raw = read(os.path.join(self.path, "log.id"), 389)
        self.need(len(raw) >= 135 and raw[:8] == b"WMARKLOG" and crc32(raw[:-4]) == little(raw[-4:]), "identity crc")
        _, version, flags, zero, _, self.log_id, _, _, _, length = IDENTITY.unpack_from(raw)
        if version != 1: raise OSError(f"log.id: unknown version {version}")
        self.need(flags < 2 and zero == 0 and len(raw) == 134 + length, "identity fields")
        self.origin = raw[130:-4].decode(errors="replace")
        print(f"log {self.log_id.hex()} origin {self.origin!r}")
        self.previous = labelled(LOG, raw)
    def segment(self, name, successor, is_before_last):
        self.where, need = (name, 0), self.need
        data = self.data = read(os.path.join(self.path, name), FILE_MAX)
        need(len(data) >= 4096 and data[:8] == b"WMARKSEG", "not a segment")
        need(crc32(data[:4092]) == little(data[4092:4096]), "segment header crc", 4092)
        _, version, self.align, generation, log_id, self.nonce, first, time, _, previous, count = SEGMENT.unpack_from(data)
        if version != 1: raise OSError(f"{name}: unknown version {version}")
        need(self.align in (1, 512, 4096) and not any(data[114:128]), "alignment or reserved bytes", 10)
        need(log_id == self.log_id and first == int(name[:20]), "log_id, or first index against the name", 16)
        need(first == self.size, f"missing segment: begins at {first}, the one before ended at {self.size}", 56)
        need((time, previous) == (self.last_time, self.previous), "does not continue the entry before", 64)
        need(count == len(self.frontier) and data[128:4092] == b"".join(self.frontier).ljust(3964, b"\0"), "frontier", 112)
        self.first, self.synced, self.seen, self.times, self.events = first, first, (set(), set()), [], []
        self.groups, self.chain, lost, footer, end = 0, 0, self.lost, footers.find(self.data, self.nonce), 4096
        while length := self.group(end): end += length
        self.where = (name, end)
        if footer is not None:
            need(end == footer, "invalid group in a sealed segment")
            footers.check(self, footer, lost < self.lost)
            need(successor is not None, "missing segment: a sealed one has no successor")
        elif successor is not None:
            need(is_before_last and self.size == successor, f"damage: valid up to here, and {successor} follows")
            footers.check_unfinished(self, end)
            self.notes.append(f"{name}: no footer: unfinished sealing")
        elif data.count(0, end) < len(data) - end:
            at, self.is_torn = end, True
            while (at := data.find(GROUP_MAGIC, at + 1)) >= 0:
                synced = (self.group_header(at) or (0,) * 10)[9]
                need(synced <= self.size, f"damage: a later group (offset {at}) vouches for what is here")
            self.notes.append(f"{name}: torn tail from offset {end} on, index {self.size}")
        elif self.synced < self.size: self.notes.append(f"{name}: entries {self.synced}..{self.size} are unvouched")
        print(f"{name} generation {generation}: entries {first}..{self.size}, {self.groups} groups, footer: {footer is not None}")
    def group_header(self, at):
        if at % self.align or len(self.data) - at < 96: return None
        header = magic, crc, _, nonce, first, count, pad, body, _, synced, _, _ = GROUP.unpack_from(self.data, at)
        good = (magic, crc, nonce) == (GROUP_MAGIC, crc32(self.data[at + 12:at + 96]), self.nonce) and synced <= first
        return header if good and count <= ENTRIES_MAX and pad < self.align and body <= GROUP_MAX \
            and 96 + body + pad <= len(self.data) - at else None
    def group(self, start):
        header = self.group_header(start)
        if not header: return 0
        _, header_crc, body_crc, _, first, count, pad, body, chain, synced, _, root = header
        at, end, self.where = start + 96, start + 96 + body, (self.where[0], start)
        if crc32(self.data[at:end + pad], crc32(self.nonce.to_bytes(8, "little"))) != body_crc: return 0
        self.need((first, chain, pad) == (self.size, self.chain, -end % self.align), "group out of order, or padding")
        for _ in range(count): at += self.frame(at, end)
        good = at == end and (count > 0) == (body > 0) and not any(self.data[end:end + pad])
        self.need(good, "frames and zeros do not fill the group", start)
        self.need(root == self.root(), "root of the group", start + 64)
        self.chain, self.groups, self.synced = header_crc, self.groups + 1, max(self.synced, synced)
        return 96 + body + pad
    def frame(self, at, end):
        self.where, data, need = (self.where[0], at), self.data, self.need
        need(end - at >= 72, "frame crosses the end of its group")
        form, flags, zero, length, meta_len, data_len, time, agent_seq, type_seq, claimed = FRAME.unpack_from(data, at)
        need(form in (1, 2, 3) and flags < 4 and zero == 0 and (form != 2 or data_len), "form or flags")
        need(form == 1 or not flags & 1, "an erased system entry")
        wanted = {1: 88 + meta_len + (data_len and 16 + data_len), 2: 120 + meta_len, 3: 104}[form]
        need(length == wanted <= end - at and meta_len <= META_MAX and data_len <= PAYLOAD_MAX, "frame length")
        p, q = at + 72, at + 88 + {1: 16 if data_len else 0, 2: 32, 3: 0}[form]
        meta, payload, data_hash = data[q:q + meta_len], data[q + meta_len:at + length], data[p + 16:q]
        if form == 1: data_hash = labelled(DATA, data_hash, payload) if data_len else bytes(32)
        body_hash = data[p:p + 32] if form == 3 else labelled(BODY, data[p:p + 16], meta, data_hash)
        header = HEADER.pack(1, flags, 0, self.size, time, agent_seq, type_seq, meta_len, data_len, body_hash, self.previous)
        entry_hash = sha(b"\0" + header).digest()
        need(entry_hash == claimed, "entry hash: edited")
        need(time >= self.last_time, "recorded_at goes back")
        if form != 1: self.erased.append((self.size, form, self.where))
        if form == 3: self.lost += 1
        else:
            fields = self.records(meta)
            self.events.append(struct.unpack("<qI", fields[3][:12]))
            for counts, seen, key, seq in zip((self.agents, self.types), self.seen, (fields[5], fields[4]), (agent_seq, type_seq)):
                need(0 <= seq - counts.get(key, 0) <= self.lost, f"sequence number of {key!r}: an entry was left out")
                counts[key] = seq + 1
                seen.add(key)
            need(fields[4].startswith(b"witnessmark.") == flags & 1, "flag and type of a system entry")
            if fields[4] in (b"witnessmark.erasure", b"witnessmark.repair"): self.declare(payload)
        self.previous, self.last_time = entry_hash, time
        self.times.append(time)
        self.push(entry_hash)
        return length
    def records(self, meta):  # section 7
        at, last, out, need = 0, 0, {}, self.need
        while at < len(meta):
            field, length, shift, byte, at = meta[at], 0, 0, 128, at + 1
            while byte > 127:
                need(at < len(meta) and shift < 35, "meta: length of a field")
                byte, at = meta[at], at + 1
                length, shift = length | (byte & 127) << shift, shift + 7
            value = meta[at:at + length]
            need((byte or shift == 7) and len(value) == length and field > last, "meta: a record")
            if field in (3, 14, 15): need(length == 14 and little(value[8:12]) < 10**9, "meta: a time")
            elif field == 2: need(length == 16, "meta: a uuid")
            elif field <= 25: need(value.decode(errors="replace").encode() == value, "meta: a text")
            at, last, out[field] = at + length, field, value
        need((1 in out) != (2 in out) and {3, 4, 5, 6} <= out.keys(), "meta: required fields")
        return out
    def declare(self, payload):
        try: value = json.loads(payload or "{}")
        except (ValueError, RecursionError): value = None
        if not isinstance(value, dict) or not isinstance(value.get("indices"), list): return
        for i in value["indices"]:
            if type(i) is int: self.declared.setdefault(i, set()).add((str(value.get("form")), self.size))
    def verify(self):
        self.recorded = notes.read_history(self, lambda: read(os.path.join(self.path, "log.checkpoints"), 512 << 20))
        self.identity()
        names = sorted(n for n in os.listdir(self.path) if re.fullmatch(r"[0-9]{20}\.seg", n) and int(n[:20]) < 1 << 63)
        starts = [int(n[:20]) for n in names] + [None]
        for i, name in enumerate(names): self.segment(name, starts[i + 1], i == len(names) - 2)
        for index, form, self.where in self.erased:
            forms = {name for name, at in self.declared.get(index, ()) if at > index}
            self.need("body" in forms or form == 2 and "data" in forms, f"undeclared erasure of entry {index}")
        self.need(self.against[1] <= self.size, "truncated: shorter than the size asked for")
        self.need(self.against[0] in (None, self.roots[self.against[1]]), f"forked: not the root asked for at size {self.against[1]}")
        if self.erased: self.notes.append(f"{len(self.erased)} entries erased and declared")
        return 4 if notes.judge(self) or self.is_torn or self.erased else 0
def main(args):
    anchor, keys = None, []
    try:
        for flag, value in zip(args[1::2], args[2::2], strict=True):
            if flag == "--against": anchor = re.fullmatch(r"([0-9a-f]{64})@([0-9]{1,19})", value)
            if flag == "--key": keys.append(notes.Key(value))
            if flag not in ("--against", "--key") or flag == "--against" and not anchor: raise ValueError(flag)
        log = Log(args[0], (bytes.fromhex(anchor[1]), int(anchor[2])) if anchor else (None, 0), keys)
    except (ValueError, IndexError, notes.Malformed): return print(__doc__) or 2
    try: status = log.verify()
    except Tampered as finding: status = print(f"TAMPERED {finding}") or 1
    except OSError as error: status = print(f"CANNOT READ {error}") or 3
    for note in log.notes: print(f"note: {note}")
    print("not covered: side files" + ("" if anchor else ", any outside anchor"))
    print(("intact", "tampered", "", "not judged", "intact, but not all is there")[status])
    print(f"root {log.root().hex()} size {log.size}")
    return status
sys.exit(main(sys.argv[1:]))
