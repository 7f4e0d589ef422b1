//! Entries: altered, moved, invented, left out, erased; with as many hashes made right as can be.

use super::case::{Case, Class, Say};
use super::segments::first_of;
use super::taken::{AGENT_SEQ, RECORDED_AT, Seqs, Taken, names};
use crate::erased::erase;
use witnessmark::Cause::{
    BadRoot, BadSeal, BadSegment, BitRot, ClockBackwards, Edited, Forked, OutOfSequence, Truncated,
    UndeclaredErasure,
};
use witnessmark::entry::Entry;
use witnessmark::format::frame::{FLAG_SYSTEM, FRAME_HASH_OFFSET, Frame, Unplaced};
use witnessmark::format::{frame, meta};
use witnessmark::hash;
use witnessmark::types::EventTime;

/// A byte of an entry's body that is text in any entry: the last one, of payload or meta.
fn alter(frame: &mut [u8]) {
    let at = frame.len() - 3;
    frame[at] ^= 2;
}

fn stored_hash(case: &Case<'_>, index: u64) -> witnessmark::Hash {
    Frame::decode(case.taken().frame(index)).unwrap().entry_hash
}

/// Index of a random entry that has entries around it and data in it; not in the last segment.
fn some_entry(case: &mut Case<'_>) -> u64 {
    let taken = &mut case.taken();
    loop {
        let (_, _, index) = case.entry();
        if Frame::decode(taken.frame(index)).unwrap().data_len > 0 {
            return index;
        }
    }
}

/// A whole frame that nobody wrote.
fn invented(event_type: &str, agent: &str, payload: &str, like: &[u8], is_system: bool) -> Vec<u8> {
    let defaults =
        meta::Defaults { uuid: &[9; 16], now: EventTime::utc(1_767_225_600, 0), redactions: None };
    let mut fields = Vec::new();
    meta::encode(&Entry::new(event_type, agent, "allow"), &defaults, &mut fields);
    let unplaced = Unplaced {
        flags: if is_system { FLAG_SYSTEM } else { 0 },
        body_salt: &[1; 16],
        data_salt: &[2; 16],
        meta: &fields,
        payload: payload.as_bytes(),
    };
    let mut out = Vec::new();
    unplaced.append_to(&mut out);
    let header = frame::Header {
        flags: unplaced.flags,
        index: 0,
        recorded_at: Frame::decode(like).unwrap().recorded_at,
        agent_seq: 0,
        type_seq: 0,
        meta_len: 0,
        data_len: 0,
        body_hash: witnessmark::Hash::ZERO,
        previous_hash: witnessmark::Hash::ZERO,
    };
    frame::place(&mut out, &header, &witnessmark::Hash::ZERO);
    out
}

/// Alters the log as a whole: a forger who has everything but the key.
fn rewrite(case: &mut Case<'_>, seqs: Seqs, change: impl FnOnce(&mut Case<'_>, &mut Taken)) {
    let mut taken = case.taken();
    change(case, &mut taken);
    case.replace(&taken, seqs);
    case.forget_history();
}

pub(super) const CLASSES: &[Class] = &[
    Class::found("entry-bit", BitRot, "a bit of an entry", |case| {
        let (name, range, index) = case.entry();
        case.flip_in(&name, range);
        case.at(&name, index);
    }),
    Class::found("entry-altered", Edited, "an entry altered, checksums right", |case| {
        let (name, range, index) = case.entry();
        alter(&mut case.bytes(&name)[range]);
        case.reseal(&name);
        case.at(&name, index);
    }),
    Class::found(
        "entry-field-altered",
        Edited,
        "time or sequence number of an entry, checksums right",
        |case| {
            let (name, range, index) = case.entry();
            let at = range.start + case.pick(&[RECORDED_AT, AGENT_SEQ]);
            case.bytes(&name)[at] ^= 1;
            case.reseal(&name);
            case.at(&name, index);
        },
    ),
    Class::found(
        "entry-altered-with-its-hash",
        Edited,
        "an entry altered, its own hash and the checksums right",
        |case| {
            let (name, range, index) = case.entry();
            let previous = stored_hash(case, index - 1);
            let frame = &mut case.bytes(&name)[range];
            alter(frame);
            let forged = hash::entry(&Frame::decode(frame).unwrap().header(index, &previous));
            frame[FRAME_HASH_OFFSET..FRAME_HASH_OFFSET + 32].copy_from_slice(&forged.0);
            case.reseal(&name);
            case.at(&name, index);
        },
    )
    .also(&[Forked, BadRoot, BadSeal]),
    Class::found(
        "entries-exchanged",
        Edited,
        "two entries of one group exchanged, checksums right",
        |case| {
            let index = some_entry(case);
            let mut taken = case.taken();
            let (s, g, _) = taken.place(index);
            let group = &mut taken.segments[s].groups[g];
            let first = group.header.first_index;
            group.frames.reverse();
            let is_alone = group.frames.len() == 1;
            let body: Vec<u8> = group.frames.concat();
            let name = witnessmark::format::segment_name(taken.segments[s].header.first_index);
            if is_alone {
                // Nothing to exchange with: then it is altered.
                let range = crate::range_of(&case.files[&name], crate::Part::Entry(first));
                alter(&mut case.bytes(&name)[range]);
            } else {
                let range = crate::range_of(&case.files[&name], crate::Part::Entry(first));
                case.bytes(&name)[range.start..range.start + body.len()].copy_from_slice(&body);
            }
            case.reseal(&name);
            case.at(&name, first);
        },
    )
    .also(&[BadSegment, BadRoot, BadSeal]),
    Class::found(
        "entry-of-another-log",
        Edited,
        "an entry of another log in an entry's place, checksums right",
        |case| {
            let (name, range, index) = case.entry();
            let mut other = Taken::of(&case.other.files);
            let foreign = other.frame(index).clone();
            assert_eq!(foreign.len(), range.len(), "both logs have one shape");
            case.bytes(&name)[range].copy_from_slice(&foreign);
            case.reseal(&name);
            case.at(&name, index);
        },
    )
    .also(&[Forked, BadSeal, BadRoot]),
    Class::found(
        "segment-rewritten",
        BadSegment,
        "an entry altered, and its segment made right to its end",
        |case| {
            let index = some_entry(case);
            let mut taken = case.taken();
            alter(taken.frame(index));
            let (s, ..) = taken.place(index);
            let (name, bytes) = taken.rebuild_one(s);
            case.files.insert(name, bytes);
            let (sealed, last) = case.segments();
            let next = sealed.get(s + 1).unwrap_or(&last).clone();
            case.at(&next, first_of(&next));
        },
    )
    .also(&[Forked]),
    Class::found(
        "sequence-gap",
        OutOfSequence,
        "an entry left out, and the log made right but for its sequence numbers",
        |case| {
            let mut gone = 0;
            rewrite(case, Seqs::Kept, |case, taken| {
                gone = some_entry(case);
                taken.remove(gone);
            });
            let mut left = case.taken();
            let [who, what] = names(Taken::of(&case.base.files).frame(gone)).unwrap();
            let is_next =
                |frame: &Vec<u8>| names(frame).is_some_and(|n| n[0] == who || n[1] == what);
            let after = left.frames().skip(usize::try_from(gone).unwrap()).position(|f| is_next(f));
            case.index = after.map(|after| gone + after as u64);
        },
    ),
    Class::found(
        "clock-back",
        ClockBackwards,
        "an entry recorded before the one before it, the log made right",
        |case| {
            let mut index = 0;
            rewrite(case, Seqs::Kept, |case, taken| {
                index = some_entry(case);
                let frame = taken.frame(index);
                let back = Frame::decode(frame).unwrap().recorded_at - 100_000_000_000;
                frame[RECORDED_AT..RECORDED_AT + 8].copy_from_slice(&back.to_le_bytes());
            });
            case.index = Some(index);
        },
    )
    .also(&[BadSeal]),
    Class::found(
        "rewritten-beside-its-history",
        Forked,
        "the log rewritten from an entry on, its recorded checkpoints left",
        |case| {
            let signed = case.base.signed[0];
            let index = case.below(signed);
            let mut taken = case.taken();
            alter(taken.frame(index));
            case.replace(&taken, Seqs::Kept);
            case.at("log.checkpoints", None);
        },
    ),
];

/// Logs that are right in themselves and say something else: nobody can tell without an anchor.
pub(super) const REWRITTEN: &[Class] = &[
    Class::hidden(
        "rewritten",
        Forked,
        "an entry altered and everything behind it made right, no history left",
        |case| {
            rewrite(case, Seqs::Kept, |case, taken| {
                let index = some_entry(case);
                alter(taken.frame(index));
            });
        },
    ),
    Class::hidden(
        "rewritten-without-an-entry",
        Truncated,
        "an entry left out, everything made right, no history left",
        |case| {
            rewrite(case, Seqs::Counted, |case, taken| {
                let index = some_entry(case);
                taken.remove(index);
            });
        },
    ),
    Class::hidden(
        "rewritten-with-an-entry-more",
        Forked,
        "an entry invented, everything made right, no history left",
        |case| {
            rewrite(case, Seqs::Counted, |case, taken| {
                let index = some_entry(case);
                let frame = invented(
                    "tool_invocation",
                    "did:web:agent-1.example",
                    "{}",
                    taken.frame(index),
                    false,
                );
                taken.insert(index, frame);
            });
        },
    ),
    Class::hidden(
        "rewritten-in-another-order",
        Forked,
        "two entries exchanged, everything made right, no history left",
        |case| {
            rewrite(case, Seqs::Counted, |case, taken| {
                let index = some_entry(case);
                let first = taken.remove(index);
                taken.insert(index - 1, first);
                // The clock stays where it was.
                let recorded =
                    |frame: &[u8]| Frame::decode(frame).unwrap().recorded_at.to_le_bytes();
                let (a, b) = (recorded(taken.frame(index - 1)), recorded(taken.frame(index)));
                taken.frame(index - 1)[RECORDED_AT..RECORDED_AT + 8].copy_from_slice(&b);
                taken.frame(index)[RECORDED_AT..RECORDED_AT + 8].copy_from_slice(&a);
            });
        },
    ),
    Class::hidden(
        "rewritten-and-backdated",
        Forked,
        "every clock put back, everything made right, no history left",
        |case| {
            let back = 1 + case.below(1_000_000);
            rewrite(case, Seqs::Kept, |_, taken| {
                for frame in taken.frames() {
                    let time = Frame::decode(frame).unwrap().recorded_at - back;
                    frame[RECORDED_AT..RECORDED_AT + 8].copy_from_slice(&time.to_le_bytes());
                }
            });
        },
    ),
    Class::hidden(
        "rewritten-as-another-log",
        Forked,
        "the same entries under a new identity, no history left",
        |case| {
            rewrite(case, Seqs::Kept, |_, taken| taken.identity.log_id = [7; 32]);
        },
    ),
    Class::hidden("replaced", Forked, "another log of the same name, whole", |case| {
        case.files = case.other.files.clone();
    }),
    Class::benign(
        "grown",
        "an entry invented behind the last one: what was anchored is all there",
        |case| {
            let size = case.size();
            rewrite(case, Seqs::Counted, |_, taken| {
                let like = taken.frame(size - 1).clone();
                let frame = invented("tool_blocked", "did:web:agent-2.example", "[]", &like, false);
                let segment = taken.segments.last_mut().unwrap();
                let mut group = segment.groups.last().unwrap().clone();
                group.frames = vec![frame];
                segment.groups.push(group);
            });
        },
    ),
];

/// Erases an entry of a sealed segment in the whole log; a declaration comes last, if any.
fn erase_in(case: &mut Case<'_>, form: u8, declared: Option<&str>) {
    let mut index = 0;
    rewrite(case, Seqs::Kept, |case, taken| {
        index = some_entry(case);
        let erased = erase(taken.frame(index), form);
        *taken.frame(index) = erased;
        let size = case.size();
        if let Some(form) = declared {
            let like = taken.frame(size - 1).clone();
            let payload = format!(r#"{{"form":"{form}","indices":[{index}],"reason":"asked"}}"#);
            let frame = invented("witnessmark.erasure", "witnessmark", &payload, &like, true);
            let segment = taken.segments.last_mut().unwrap();
            let at = segment.groups.len() - 1;
            let mut group = segment.groups[at].clone();
            group.frames = vec![frame];
            segment.groups.insert(at, group);
        }
    });
    case.index = Some(index);
}

const fn gaps(class: Class) -> Class {
    Class { alone: Say::Gaps, anchored: Say::Gaps, ..class }
}

/// Erasures keep every hash; a declaration is one entry more.
pub(super) const ERASED: &[Class] = &[
    Class::found(
        "data-erased",
        UndeclaredErasure,
        "a payload removed, its hash left, nobody declares it",
        |case| {
            erase_in(case, 2, None);
        },
    )
    .also(&[BadSeal]),
    Class::found(
        "body-erased",
        UndeclaredErasure,
        "a body removed, its hash left, nobody declares it",
        |case| {
            erase_in(case, 3, None);
        },
    )
    .also(&[BadSeal, OutOfSequence]),
    Class::found(
        "body-erased-as-data",
        UndeclaredErasure,
        "a body removed where a payload was declared",
        |case| {
            erase_in(case, 3, Some("data"));
        },
    )
    .also(&[BadSeal, OutOfSequence]),
    gaps(Class::benign(
        "data-erased-and-declared",
        "a payload removed, and a later entry says so",
        |case| {
            erase_in(case, 2, Some("data"));
        },
    )),
];
