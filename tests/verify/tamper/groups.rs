//! Groups: damaged, holed, moved, and forged under right checksums.

use super::case::{Case, Class};
use super::taken::{Group, Taken};
use crate::forgeries::reseal;
use crate::{Part, parts};
use std::ops::Range;
use witnessmark::Cause::{BadRoot, BadSeal, BadSegment, BitRot, Edited, Forked};
use witnessmark::Hash;
use witnessmark::format::group::{GROUP_HEADER_LEN, GroupHeader};
use witnessmark::format::segment::SEGMENT_HEADER_LEN;

/// Groups of a sealed segment with all they hold, by their first index; heartbeats left out.
pub(super) fn groups(bytes: &[u8]) -> Vec<(Range<usize>, u64)> {
    let mut found: Vec<(Range<usize>, u64)> = Vec::new();
    for (range, part) in parts(bytes) {
        match part {
            Part::Group(first) if found.last().is_none_or(|(_, last)| *last != first) => {
                found.push((range, first));
            }
            Part::Group(_) | Part::Entry(_) => found.last_mut().unwrap().0.end = range.end,
            Part::SegmentHeader | Part::Footer => {}
        }
    }
    found
}

/// A segment and two neighbours in it.
fn neighbours(case: &mut Case<'_>) -> (String, [(Range<usize>, u64); 2]) {
    let name = case.sealed();
    let groups = groups(&case.files[&name]);
    // Others follow them: what ends a segment is a class of its own.
    let at = case.numbers.below(groups.len() - 2);
    let [a, b] = [groups[at].clone(), groups[at + 1].clone()];
    (name, [a, b])
}

/// Changes the header of one group and makes every checksum right.
fn forge(case: &mut Case<'_>, change: impl Fn(&mut GroupHeader)) {
    let (name, [(_, first), _]) = neighbours(case);
    let forged = reseal(&case.files[&name], |header| {
        if header.first_index == first {
            change(header);
        }
    });
    case.files.insert(name.clone(), forged);
    case.at(&name, first);
}

/// Puts other bytes over the groups of a segment and the old footer behind them, at its old place
/// as far as that goes.
fn exchange(case: &mut Case<'_>, name: &str, range: Range<usize>, with: &[u8]) {
    case.bytes(name).splice(range, with.iter().copied());
}

pub(super) const CLASSES: &[Class] = &[
    Class::found("group-header-bit", BitRot, "a bit of a group header", |case| {
        let (name, [(range, first), _]) = neighbours(case);
        case.flip_in(&name, range.start..range.start + GROUP_HEADER_LEN);
        case.at(&name, first);
    }),
    Class::found(
        "group-hole",
        BitRot,
        "a stretch of zeros in a sealed segment: a hole, a lost block",
        |case| {
            let (name, [(range, first), _]) = neighbours(case);
            // From the group's middle on: its last entry's data, so that the entry can be named.
            let at = range.start + GROUP_HEADER_LEN / 2;
            case.bytes(&name)[at..range.end].fill(0);
            case.at(&name, first);
        },
    ),
    Class::found(
        "group-hole-in-last",
        BitRot,
        "the same in the last segment, before a group that vouches",
        |case| {
            let (_, name) = case.segments();
            let groups = groups(&case.files[&name]);
            let (range, first) = groups[case.numbers.below(groups.len() - 1)].clone();
            case.bytes(&name)[range].fill(0);
            case.at(&name, first);
        },
    )
    .also(&[BadRoot]),
    Class::found(
        "block-of-another-segment",
        BitRot,
        "a block that belongs to another segment, at its offset",
        |case| {
            let (sealed, _) = case.segments();
            let (name, from) = (&sealed[0], &sealed[1]);
            let at = SEGMENT_HEADER_LEN * (1 + case.numbers.below(12));
            let block = at..at + SEGMENT_HEADER_LEN;
            let foreign = case.files[from][block.clone()].to_vec();
            case.bytes(name)[block].copy_from_slice(&foreign);
            case.at(name, None);
        },
    )
    .also(&[BadRoot, BadSeal, BadSegment, Edited, Forked]),
    Class::found("group-dropped", Edited, "a group taken out, the rest moved up", |case| {
        let (name, [(range, first), _]) = neighbours(case);
        exchange(case, &name, range, &[]);
        case.at(&name, first);
    })
    .also(&[BadSeal]),
    Class::found("group-doubled", Edited, "a group twice", |case| {
        let (name, [(range, _), (_, next)]) = neighbours(case);
        let twice = case.files[&name][range.clone()].repeat(2);
        exchange(case, &name, range, &twice);
        case.at(&name, next);
    })
    .also(&[BadSeal]),
    Class::found("groups-swapped", Edited, "two groups exchange their places", |case| {
        let (name, [(a, first), (b, _)]) = neighbours(case);
        let bytes = &case.files[&name];
        let swapped = [&bytes[b.clone()], &bytes[a.clone()]].concat();
        exchange(case, &name, a.start..b.end, &swapped);
        case.at(&name, first);
    }),
    Class::found(
        "group-of-another-segment",
        BitRot,
        "a group of another segment in a group's place",
        |case| {
            let (name, [_, (range, first)]) = neighbours(case);
            let (sealed, _) = case.segments();
            let from = sealed.iter().find(|other| **other != name).unwrap();
            let foreign = &case.files[from];
            let (source, _) = groups(foreign)[2].clone();
            let group = foreign[source].to_vec();
            exchange(case, &name, range, &group);
            case.at(&name, first);
        },
    )
    .also(&[BadSegment, Forked, Edited, BadSeal, BadRoot]),
    Class::found(
        "group-root-forged",
        BadRoot,
        "another root behind a group, checksums right",
        |case| {
            forge(case, |header| header.root = Hash([9; 32]));
        },
    ),
    Class::found(
        "group-index-forged",
        Edited,
        "another first index of a group, checksums right",
        |case| {
            forge(case, |header| header.first_index += 1);
        },
    ),
    Class::found(
        "group-chain-forged",
        Edited,
        "a group that does not follow the one before, checksums right",
        |case| {
            forge(case, |header| header.previous_header_crc ^= 1);
        },
    ),
    Class::found(
        "group-count-forged",
        Edited,
        "a group that claims an entry more, checksums right",
        |case| {
            forge(case, |header| header.count += 1);
            // Where it should be and is not: behind the group's own entries.
            let (first, mut taken) = (case.index.unwrap(), Taken::of(&case.base.files));
            let mut groups = taken.segments.iter_mut().flat_map(|segment| &segment.groups);
            let is_it =
                |group: &&Group| group.header.first_index == first && !group.frames.is_empty();
            let honest = groups.find(is_it).unwrap();
            case.index = Some(first + honest.frames.len() as u64);
        },
    ),
    Class::benign(
        "group-clock",
        "the wall clock of a group, checksums right: nothing binds it",
        |case| {
            forge(case, |header| header.wall_clock -= 1_000_000_000);
        },
    ),
    Class::found(
        "segment-end-hole",
        BitRot,
        "the end of a segment's groups zeroed, the footer left",
        |case| {
            let name = case.sealed();
            let groups = groups(&case.files[&name]);
            let (range, first) = groups[groups.len() - 1].clone();
            case.bytes(&name)[range].fill(0);
            case.at(&name, first);
        },
    )
    .also(&[BadSeal]),
];
