//! Whole segments: gone, swapped, renamed, foreign, cut, grown, odd, and their headers and footers.

use super::case::{Case, Class, Odd};
use super::groups::groups;
use crate::forgeries::{finish, reseal};
use crate::{Part, range_of};
use std::ops::Range;
use witnessmark::Cause::{
    BadRoot, BadSeal, BadSegment, BitRot, Edited, Forked, MissingSegment, TornTail, Truncated,
    UnknownVersion, Unreadable,
};
use witnessmark::Hash;
use witnessmark::format::footer::Footer;
use witnessmark::format::segment::{SEGMENT_CRC_OFFSET, SEGMENT_HEADER_LEN, SegmentHeader};
use witnessmark::format::segment_name;

pub(super) fn first_of(name: &str) -> u64 {
    name[..20].parse().unwrap()
}

/// Makes a change to a segment's header, and every checksum right again.
fn header(case: &mut Case<'_>, name: &str, change: impl FnOnce(&mut SegmentHeader)) {
    let honest = &case.files[name];
    let mut header = SegmentHeader::decode(&honest[..SEGMENT_HEADER_LEN]).unwrap();
    change(&mut header);
    let bytes = [&header.encode()[..], &honest[SEGMENT_HEADER_LEN..]].concat();
    case.files.insert(name.to_owned(), reseal(&bytes, |_| {}));
}

fn footer_of(case: &Case<'_>, name: &str) -> Range<usize> {
    range_of(&case.files[name], Part::Footer)
}

fn second(case: &mut Case<'_>) -> String {
    let (sealed, _) = case.segments();
    sealed[1 + case.numbers.below(sealed.len() - 1)].clone()
}

pub(super) const CLASSES: &[Class] = &[
    Class::found("segment-header-bit", BitRot, "a bit of a segment header", |case| {
        let name = case.sealed();
        case.flip_in(&name, 0..SEGMENT_HEADER_LEN);
        case.at(&name, first_of(&name));
    }),
    Class::found(
        "segment-header-forged",
        BadSegment,
        "log id, time, hash or frontier of a segment header, checksums right",
        |case| {
            let name = second(case);
            let which = case.below(4);
            header(case, &name, |header| match which {
                0 => header.log_id[5] ^= 1,
                1 => header.last_recorded_at -= 1,
                2 => header.previous_hash.0[3] ^= 1,
                _ => header.frontier[0].0[9] ^= 1,
            });
            case.at(&name, first_of(&name));
        },
    )
    .also(&[BadRoot, BadSeal, Edited, Forked]),
    Class::found(
        "segment-version",
        UnknownVersion,
        "a segment of a version to come, CRC right",
        |case| {
            let name = case.sealed();
            let bytes = case.bytes(&name);
            bytes[8] = 2;
            let crc = crc32fast::hash(&bytes[..SEGMENT_CRC_OFFSET]);
            bytes[SEGMENT_CRC_OFFSET..SEGMENT_HEADER_LEN].copy_from_slice(&crc.to_le_bytes());
            case.at(&name, first_of(&name));
        },
    ),
    Class::benign(
        "segment-unsigned-field",
        "creation date or generation of a segment, checksums right: nothing binds them",
        |case| {
            let name = case.sealed();
            let which = case.below(2);
            header(case, &name, |header| match which {
                0 => header.created_at -= 1_000_000_000,
                _ => header.generation += 1,
            });
        },
    ),
    Class::found("segment-dropped", MissingSegment, "a sealed segment removed", |case| {
        let name = case.sealed();
        case.files.remove(&name);
        case.at(&name, first_of(&name));
    }),
    Class::found("segments-swapped", BadSegment, "two segments exchange their names", |case| {
        let (sealed, _) = case.segments();
        let at = case.numbers.below(sealed.len() - 1);
        let (a, b) = (&sealed[at], &sealed[at + 1]);
        let first = case.files[a].clone();
        let second = case.files.insert(b.clone(), first).unwrap();
        case.files.insert(a.clone(), second);
        case.at(a, first_of(a));
    }),
    Class::found(
        "segment-doubled",
        BadSegment,
        "a copy of a segment under a number of its own",
        |case| {
            let name = case.sealed();
            let second = segment_name(first_of(&name) + 1 + case.below(5));
            let bytes = case.files[&name].clone();
            case.files.insert(second.clone(), bytes);
            case.at(&second, first_of(&second));
        },
    )
    .also(&[MissingSegment, BadSeal]),
    Class::found("segment-renumbered", BadSegment, "a segment under another number", |case| {
        let name = case.sealed();
        let second = segment_name(first_of(&name) + 1 + case.below(5));
        let bytes = case.files.remove(&name).unwrap();
        case.files.insert(second.clone(), bytes);
        case.at(&second, first_of(&second));
    })
    .also(&[MissingSegment]),
    Class::found(
        "segment-of-another-log",
        BadSegment,
        "a segment of another log of that name, not the first",
        |case| {
            let name = second(case);
            let bytes = case.other.files[&name].clone();
            case.files.insert(name.clone(), bytes);
            case.at(&name, first_of(&name));
        },
    )
    .also(&[Forked]),
    Class::found(
        "segment-under-a-twin-name",
        MissingSegment,
        "a segment renamed to look the same: other case, other digits",
        |case| {
            let name = case.sealed();
            let twin = twin_of(case, &name);
            let bytes = case.files.remove(&name).unwrap();
            case.files.insert(twin, bytes);
            case.at(&name, first_of(&name));
        },
    ),
    Class::benign("twin-name-added", "a foreign file whose name looks like a segment's", |case| {
        let name = case.sealed();
        let twin = twin_of(case, &name);
        let bytes = case.other.files[&name].clone();
        case.files.insert(twin, bytes);
    }),
    Class::found(
        "segment-odd",
        Unreadable,
        "a link, a directory or a pipe in a segment's place",
        |case| {
            let name = case.sealed();
            let odd = case.pick(&[Odd::Link, Odd::Folder, Odd::Pipe]);
            case.odd.insert(name.clone(), odd);
            case.at(&name, first_of(&name));
        },
    ),
    Class::found(
        "segment-emptied",
        BitRot,
        "a sealed segment cut to nothing, or within its header",
        |case| {
            let name = case.sealed();
            let len = case.numbers.below(SEGMENT_HEADER_LEN);
            case.bytes(&name).truncate(len);
            case.at(&name, first_of(&name));
        },
    )
    .also(&[MissingSegment, BadSeal]),
    Class::found(
        "segment-cut",
        MissingSegment,
        "a sealed segment cut at the end of a group",
        |case| {
            let name = case.sealed();
            let groups = groups(&case.files[&name]);
            let (range, first) = groups[case.numbers.below(groups.len() - 1)].clone();
            case.bytes(&name).truncate(range.start);
            case.at(&segment_name(first), first);
        },
    )
    .also(&[BadSeal, BadSegment]),
    Class::found("segment-extended", BadSeal, "zeros or noise behind a footer", |case| {
        let (sealed, _) = case.segments();
        // Behind the one before the last it may be a footer in the making.
        let name = sealed[case.numbers.below(sealed.len() - 1)].clone();
        let (len, fill) = (1 + case.numbers.below(5000), case.pick(&[0, 0x20, 0xff]));
        let bytes = case.bytes(&name);
        let end = bytes.len() + len;
        bytes.resize(end, fill);
        case.at(&name, None);
    })
    .also(&[BitRot]),
    Class::found("footer-bit", BadSeal, "a bit of a footer", |case| {
        let name = case.sealed();
        let footer = footer_of(case, &name);
        case.flip_in(&name, footer);
        case.at(&name, None);
    }),
    Class::found("footer-digest", BadSeal, "another BLAKE3 digest in a footer", |case| {
        let name = case.sealed();
        let end = case.files[&name].len();
        case.flip_in(&name, end - 48..end - 16);
        case.at(&name, None);
    }),
    Class::found(
        "footer-forged",
        BadSeal,
        "a number, time, root or counter of a footer, checksums right",
        |case| {
            let name = case.sealed();
            let at = footer_of(case, &name).start;
            let (mut footer, _) = Footer::decode(&case.files[&name][at..]).unwrap();
            match case.below(9) {
                0 => footer.count += 1,
                1 => footer.root = Hash([1; 32]),
                2 => footer.last_entry_hash = Hash([1; 32]),
                3 => footer.recorded.1 += 1,
                4 => footer.event.0.0 -= 1,
                5 => footer.group_count -= 1,
                6 => footer.last_header_crc ^= 1,
                7 => footer.agents[0].entries += 1,
                _ => footer.types.truncate(2),
            }
            finish(case.bytes(&name), at, &footer);
            case.at(&name, None);
        },
    )
    .also(&[MissingSegment, BadSegment]),
    Class::found(
        "footer-dropped",
        BadSeal,
        "the footer of a segment that two others follow",
        |case| {
            let (sealed, _) = case.segments();
            let name = sealed[case.numbers.below(sealed.len() - 1)].clone();
            let at = footer_of(case, &name).start;
            case.bytes(&name).truncate(at);
            case.at(&name, None);
        },
    ),
    Class::benign(
        "footer-unfinished",
        "no footer, or half of one, before the last segment: a crash while sealing",
        |case| {
            let (sealed, _) = case.segments();
            let name = sealed.last().unwrap().clone();
            let at = footer_of(case, &name).start;
            let half = (at + 200) / 512 * 512;
            let len = case.pick(&[at, half.max(at)]);
            let bytes = case.bytes(&name);
            bytes.truncate(len);
            bytes.resize(len + 4096, 0);
        },
    ),
];

/// A name that people, and some file systems, take for this one.
fn twin_of(case: &mut Case<'_>, name: &str) -> String {
    match case.below(4) {
        0 => name.replace(".seg", ".SEG"),
        1 => name.replacen('0', "\u{ff10}", 1),
        2 => name.replace(".seg", ".se\u{261}"),
        _ => name.replacen('0', "o", 1),
    }
}

/// The segment that grows.
pub(super) const LAST: &[Class] = &[
    Class::found("last-segment-dropped", MissingSegment, "the last segment removed", |case| {
        let (_, last) = case.segments();
        case.files.remove(&last);
        case.at(&last, first_of(&last));
    })
    .also(&[Truncated]),
    Class::benign(
        "last-segment-zeros",
        "zeros behind the last group: room that was allocated",
        |case| {
            let (_, last) = case.segments();
            let len = 1 + case.numbers.below(9000);
            let bytes = case.bytes(&last);
            let end = bytes.len() + len;
            bytes.resize(end, 0);
        },
    ),
    Class::found(
        "last-segment-noise",
        TornTail,
        "bytes behind the last group that are no group",
        |case| {
            let (_, last) = case.segments();
            let (len, size) = (1 + case.numbers.below(9000), case.size());
            let bytes = case.bytes(&last);
            let end = bytes.len() + len;
            bytes.resize(end, 0x61);
            case.at(&last, size);
        },
    ),
    Class::found(
        "last-heartbeat-bit",
        TornTail,
        "a bit of the last group, which nothing vouches for",
        |case| {
            let (_, last) = case.segments();
            let size = case.size();
            let range = range_of(&case.files[&last], Part::Group(size));
            case.flip_in(&last, range);
            case.at(&last, size);
        },
    ),
];
