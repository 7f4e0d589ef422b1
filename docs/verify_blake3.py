"""BLAKE3 in pure Python: every chunk of a file at once, a lane of 64 bits of one big number each.

A carry out of 32 bits stays in its lane and is masked away, so one addition of big numbers adds for
all chunks. Source: the BLAKE3 paper, sections 2.1 to 2.5.
"""
import struct

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
MIXED = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
         (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8
CHUNK, BLOCK = 1024, 64


def pack(values):
    return int.from_bytes(struct.pack(f"<{len(values)}Q", *values), "little")


def unpack(number, count):
    return struct.unpack(f"<{count}Q", number.to_bytes(8 * count, "little"))


def compress(count, chaining, block, first_chunk, length, flags):
    """The first half of the compressed state of `count` lanes whose chunks follow each other."""
    one = pack([1] * count)
    mask = one * 0xFFFFFFFF
    counters = range(first_chunk, first_chunk + count) if first_chunk is not None else [0] * count
    state = [*chaining, *(one * word for word in IV[:4]), pack([n & 0xFFFFFFFF for n in counters]),
             pack([n >> 32 for n in counters]), one * length, one * flags]

    def turned(value, by):
        return (value >> by | value << 32 - by) & mask

    for _ in range(7):
        for number, (a, b, c, d) in enumerate(MIXED):
            va, vb, vc, vd = state[a], state[b], state[c], state[d]
            va = va + vb + block[2 * number] & mask
            vd = turned(vd ^ va, 16)
            vc = vc + vd & mask
            vb = turned(vb ^ vc, 12)
            va = va + vb + block[2 * number + 1] & mask
            vd = turned(vd ^ va, 8)
            vc = vc + vd & mask
            state[a], state[b], state[c], state[d] = va, turned(vb ^ vc, 7), vc, vd
        block = [block[at] for at in ORDER]
    return [state[i] ^ state[i + 8] for i in range(8)]


def chunks(data, first_chunk, is_root):
    """Chaining values of whole chunks, or of one chunk that may be short: a tuple for each."""
    count = max(1, len(data) // CHUNK)
    blocks = 16 if len(data) >= CHUNK else max(1, -(-len(data) // BLOCK))
    words = struct.unpack(f"<{count * blocks * 16}I", data.ljust(count * blocks * BLOCK, b"\0"))
    chaining = [pack([word] * count) for word in IV]
    for at in range(blocks):
        is_last = at == blocks - 1
        length = BLOCK if not is_last or len(data) >= CHUNK else len(data) - at * BLOCK
        flags = CHUNK_START * (at == 0) | CHUNK_END * is_last | ROOT * (is_last and is_root)
        block = [pack(words[at * 16 + w::blocks * 16]) for w in range(16)]
        chaining = compress(count, chaining, block, first_chunk, length, flags)
    return list(zip(*(unpack(word, count) for word in chaining)))


def blake3(data):
    whole = (len(data) - 1) // CHUNK if data else 0
    values = chunks(data[:whole * CHUNK], 0, False) if whole else []
    values += chunks(data[whole * CHUNK:], whole, whole == 0)
    while len(values) > 1:
        pairs, rest = list(zip(values[::2], values[1::2])), values[len(values) & ~1:]
        block = [pack([left[w] for left, _ in pairs]) for w in range(8)]
        block += [pack([right[w] for _, right in pairs]) for w in range(8)]
        key = [pack([word] * len(pairs)) for word in IV]
        flags = PARENT | ROOT * (len(values) == 2)
        parents = compress(len(pairs), key, block, None, BLOCK, flags)
        values = list(zip(*(unpack(word, len(pairs)) for word in parents))) + rest
    return struct.pack("<8I", *values[0])


assert blake3(b"").hex().startswith("af1349b9f5f9a1a6a0404dea36dcc949")
