#!/usr/bin/env python3
"""Writes the seeds in fuzz/corpus: one edit per field of interest, and texts of each kind.

Run from anywhere; same output each time. A seed shows the fuzzer how long an edit is and which
bytes matter; without seeds it spends its first minutes on inputs too short to be one.
"""
import pathlib
import struct
import zlib

corpus = pathlib.Path(__file__).parent / "corpus"


def write(target, name, data):
    path = corpus / target
    path.mkdir(parents=True, exist_ok=True)
    (path / f"seed-{name}").write_bytes(data)


def edit(file, operation, anchor, offset, more, value):
    return struct.pack("<BBBHB8s", file, operation, anchor, offset, more, value)


ONES, ONE, LEN = b"\xff" * 8, b"\x01" + b"\0" * 7, b"\x10" * 8
# Files of the honest log in order: index, nodes, first segment, second segment, log.id.
for level in range(8):
    for operation in range(9):
        body = b"".join(edit(file, operation, 2 + file, 32 + 8 * file, 3, value)
                        for file, value in [(2, ONES), (3, LEN), (level % 5, ONE)])
        for target in ("segment_open", "verify"):
            write(target, f"{level}-{operation}", bytes([level]) + body)
        write("index", f"{level}-{operation}", bytes([1, *body]))
for name, offset in [("count", 32), ("end", 40), ("first", 24), ("counters", 168)]:
    for target in ("segment_open", "verify"):
        footer = edit(2, 0, 255, offset, 3, ONES)
        write(target, f"footer-{name}", bytes([6]) + footer)
write("index", "dictionary", bytes([0, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 97, 1, 3]))
for kind, length in [(0, 140), (1, 96), (2, 4096), (3, 320), (4, 150), (5, 60), (6, 108)]:
    write("frame", f"zero-{kind}", bytes([kind]) + bytes(length))
magic = {1: b"\xffWMGRP\xfe\x01", 2: b"WMARKSEG", 3: b"\xffWMSEAL\x01", 4: b"WMARKLOG"}
for kind, begin in magic.items():
    rest = {3: b"\x01\0"}.get(kind, b"\x01\0\x01\0")
    write("frame", f"magic-{kind}", bytes([kind]) + begin + rest + bytes(140))
write("frame", "whole", b"\0" + struct.pack("<BBHIII", 1, 0, 0, 96, 8, 0) + bytes(88))
for m, n, hashes in [(0, 1, 0), (3, 7, 3), (6, 7, 2), (4, 7, 1), (2**62, 2**63 - 1, 63)]:
    write("proof", f"numbers-{m}-{n}", b"\0" + struct.pack("<QQ", m, n) + bytes(range(hashes)))
for at in (10, 40, 120, 300, 600):
    write("proof", f"edit-{at}", b"\x02" + struct.pack("<HBB", at, 0, 48) * 2)
# A known key, note and record: those of the vectors in src/sign/tests.rs.
note = ("log.example.com/agents\n7\nmMl/C6MXXNCLAx3QhLncTmSbZNGijm6mlGRlAxc6tYc=\n\n"
        "\u2014 log.example.com/agents cBrHABHkqKilPxsmrjzl3H8f2gtF2k4IW4WKQuKFCtdA1VrN45i9g38ltx/9M1iQN3"
        "HLH8e1VOS2cx8sZ1VMEBOtCwI=\n").encode()
line = b"checkpoint %08d" % len(note)
write("checkpoint_note", "note", b"\0" + note)
write("checkpoint_note", "edits", b"\x01" + struct.pack("<HBB", 3, 0, 48) * 3)
write("checkpoint_note", "vkey", b"\x02log.example.com/agents+701ac700+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UN"
      b"Xx3chmQSVTG4")
write("checkpoint_note", "bundle", b"\x02c2sp.org/tlog-proof@v1\nextra AAAA\nindex 3\n" +
      b"mMl/C6MXXNCLAx3QhLncTmSbZNGijm6mlGRlAxc6tYc=\n\n" + note)
write("checkpoint_note", "prefix", b"\x02witnessmark/consistency-proof@v1\nold 3\n" +
      b"mMl/C6MXXNCLAx3QhLncTmSbZNGijm6mlGRlAxc6tYc=\n\n" + note)
write("checkpoint_note", "history", b"\x03" + line + b" %08x\n" % zlib.crc32(line + note) + note + b"\n")
write("proof", "text", b'\x01{"schema":"wmark.proof/1","entry_id":"","index":0,"size":1,"hashes":[]}')
write("proof", "prefix", b'\x03{"schema":"wmark.consistency/1","old_size":0,"new_size":1,"old_root":"'
      + b"00" * 32 + b'","new_root":"' + b"00" * 32 + b'","hashes":[]}')
for at, text in enumerate(['{"a": [1, -2.50e+3, "x\\u00e9\\n", null]}', '"\\ud83d\\ude00"', "[[[[]]]]",
                           '{"a":1,"a":2}', '{"big":12345678901234567890123, "e":1e400}', " true "]):
    write("payload", str(at), text.encode())
# First index, count, how it is read, then bytes: nothing, one hash, whole edits of an honest file.
for kind, rest in [(0, bytes(220)), (1, bytes(32)), (1, bytes(96)), (2, b""), (2, b"\x3f\0\x01"),
                   (3, b"\x04\0W" * 3), (2, b"\x5f\0\xff" * 2)]:
    for first, count in [(0, 3), (60, 7), (1023, 255)]:
        write("nodes", f"{kind}-{len(rest)}-{first}", struct.pack("<HBB", first, count, kind) + rest)
write("manifest", "empty", b'\0{"schema":"wmark.integrity-manifest/1","version":"1.0","generated_at":null,'
      b'"roots":{"a":null},"files":{"a/b":{"sha256":"' + b"0" * 64 + b'","blake3":"' + b"0" * 64 +
      b'","bytes":1}},"links":{},"functions":[],"manifest_hash":"' + b"0" * 64 + b'","signature":null}')
write("manifest", "no-schema", b"\0{}")
write("manifest", "honest", b"\1")
for at in (5, 60, 200, 400, 900):
    write("manifest", f"edit-{at}", b"\1" + struct.pack("<HBB", at, 0, 48) * 2)
for name, text in [("all", ""), ("agent", "adid:web:agent-1.example"), ("prefix", "p/files/1"),
                   ("range", "f3\nt20\noo"), ("times", "s1767225600\nu1767225700"), ("page", "l5\no\nv"),
                   ("cursor", "c0100000000000000000000000000\noab"), ("id", "audit_0000000000000003"),
                   ("types", "Btool_invocation\nl3\ny"), ("none", "tx\nfx\np")]:
    write("query", name, text.encode())
