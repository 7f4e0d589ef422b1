"""Footers of sealed segments: a function of the segment and the counters so far. Source: FORMAT.md, sections 8 and 10.1."""
import struct, zlib
from verify_blake3 import blake3
FOOTER, MAGIC, END_MAGIC = struct.Struct("<8sHHIQQQQ32s32sQQqIqIQIIII32s"), b"\xffWMSEAL\x01", b"WMARKEND"
SECTOR = 512


def find(data, nonce):
    """Where the footer at the end of the file begins, if one is there."""
    length = int.from_bytes(data[-16:-8], "little")
    start = len(data) - length
    if data[-8:] != END_MAGIC or not 256 <= length <= 512 << 20 or start < 4096:
        return None
    f = FOOTER.unpack_from(data, start)
    good = (*f[:2], f[4], f[7]) == (MAGIC, 1, nonce, start) and f[3] == zlib.crc32(data[start + 16:-48])
    return start if good and f[21] == blake3(data[start + 208:-48]) else None


def wanted(log, end, counters):
    """The footer that belongs behind the groups of this segment, with these counters of agents and types."""
    low, high = (min(log.events), max(log.events)) if log.events else ((0, 0), (0, 0))
    times = (log.times[0], log.times[-1]) if log.times else (0, 0)
    names = b"".join(struct.pack("<H", len(n)) + n + struct.pack("<Q", c) for counts in counters for n, c in counts)
    out = FOOTER.pack(MAGIC, 1, 0, 0, log.nonce, log.first, log.size - log.first, end, log.root(), log.previous, *times,
                      *low, *high, log.groups, log.chain, len(counters[0]), len(counters[1]), 0, blake3(names)) + names
    out = out[:12] + zlib.crc32(out[16:]).to_bytes(4, "little") + out[16:]
    return out + blake3(log.data[:end] + out) + struct.pack("<Q", len(out) + 48) + END_MAGIC


def check(log, at, is_lossy):
    """Every byte of a footer. Counters of names that were erased are taken over, as far as they can be right."""
    f, need, found = FOOTER.unpack_from(log.data, at), log.need, []
    p, end = at + 208, len(log.data) - 48
    for number, counts, seen in zip(f[18:20], (log.agents, log.types), log.seen):
        names = [b""]
        for _ in range(number):
            q = p + 2 + int.from_bytes(log.data[p:p + 2], "little")
            name, entries = log.data[p + 2:q], int.from_bytes(log.data[q:q + 8], "little")
            need(q + 8 <= end and name > names[-1] and 0 <= entries - counts.get(name, 0) <= log.lost, "counters", p)
            counts[name], p = entries, q + 8
            names.append(name)
        need(set(names[1:]) == seen or is_lossy and set(names) > seen, "names in the footer", p)
        found.append([(name, counts[name]) for name in names[1:]])
    need(log.times and log.data[at:] == wanted(log, at, found), "footer: numbers, times, hashes or digests", at)


def check_unfinished(log, end):
    """What a crash leaves of a footer: sectors that are zeros, or as they were to be."""
    counters = [[(n, counts[n]) for n in sorted(seen)] for counts, seen in zip((log.agents, log.types), log.seen)]
    right = wanted(log, end, counters).ljust(len(log.data) - end, b"\0")
    for at in (end, *range(end // SECTOR * SECTOR + SECTOR, len(log.data), SECTOR)):
        found = log.data[at:at // SECTOR * SECTOR + SECTOR]
        log.need(not any(found) or right.startswith(found, at - end), "neither a footer nor one that a crash cut off", at)
