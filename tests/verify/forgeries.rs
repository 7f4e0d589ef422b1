//! Somebody who can write changes things and makes every checksum right again.

use crate::{Closed, LARGE, Part, parts, range_of, segment_of};
use witnessmark::format::footer::{Counter, FOOTER_FIXED_LEN, FOOTER_TAIL_LEN, Footer};
use witnessmark::format::frame::{FRAME_HASH_OFFSET, Frame};
use witnessmark::format::group::{GROUP_HEADER_LEN, GroupHeader};
use witnessmark::format::segment::{SEGMENT_HEADER_LEN, SegmentHeader};
use witnessmark::format::side::{SECTIONS, SECTIONS_OFFSET};
use witnessmark::format::{crc, identity::Identity};
use witnessmark::storage::Storage;
use witnessmark::{Cause, Finding, Hash, hash};

/// Makes checksums, the chain of group headers and the seal right again.
pub(crate) fn reseal(edited: &[u8], mut change: impl FnMut(&mut GroupHeader)) -> Vec<u8> {
    let mut bytes = edited.to_vec();
    let segment = SegmentHeader::decode(&bytes[..SEGMENT_HEADER_LEN]).unwrap();
    let (mut at, mut chain) = (SEGMENT_HEADER_LEN, 0);
    while let Ok((mut header, _)) = GroupHeader::decode(&bytes[at..], segment.nonce) {
        let end = at + usize::try_from(header.group_len()).unwrap();
        header.body_crc = crc(segment.nonce, &[&bytes[at + GROUP_HEADER_LEN..end]]);
        header.previous_header_crc = chain;
        change(&mut header);
        let (encoded, header_crc) = header.encode();
        bytes[at..at + GROUP_HEADER_LEN].copy_from_slice(&encoded);
        (at, chain) = (end, header_crc);
    }
    if let Ok((mut footer, _)) = Footer::decode(&bytes[at..]) {
        footer.last_header_crc = chain;
        finish(&mut bytes, at, &footer);
    }
    bytes
}

/// Puts a footer at `at`, with right checksums and digests.
pub(crate) fn finish(bytes: &mut Vec<u8>, at: usize, footer: &Footer) {
    bytes.truncate(at);
    let mut encoded = footer.encode();
    let digest = hash::seal(&[&bytes[..], &encoded].concat());
    Footer::finish(&mut encoded, &digest);
    bytes.extend(encoded);
}

fn only(log: &Closed) -> Finding {
    let report = log.verify();
    let [finding] = report.findings.as_slice() else { panic!("one finding wanted: {report:#?}") };
    assert_eq!(report.exit_code(), 1);
    finding.clone()
}

fn stored_hash(bytes: &[u8], index: u64) -> Hash {
    let frame = range_of(bytes, Part::Entry(index));
    Frame::decode(&bytes[frame]).unwrap().entry_hash
}

#[test]
fn resealing_alone_changes_nothing() {
    let log = LARGE.make();
    for name in log.names(".seg") {
        assert!(reseal(&log.read(&name), |_| {}) == log.read(&name));
    }
}

#[test]
fn a_changed_payload_is_found_at_its_entry() {
    let log = LARGE.make();
    for index in [0, 1, 19, 20, 258, 259, 260, 600, 1180, 1198] {
        let name = segment_of(&log, index);
        let honest = log.read(&name);
        let mut bytes = honest.clone();
        let frame = range_of(&bytes, Part::Entry(index));
        bytes[frame.end - 2] ^= 1;
        log.write(&name, &reseal(&bytes, |_| {}));
        let finding = only(&log);
        assert_eq!((finding.cause, finding.offset), (Cause::Edited, Some(frame.start as u64)));
        assert_eq!(finding.index, Some(index.into()));
        assert_eq!(finding.wanted, Some(stored_hash(&honest, index).to_hex()));
        log.write(&name, &honest);
    }
}

/// The entry gets a hash of its own that is right: the next entry and the root give it away.
#[test]
fn a_changed_entry_with_its_own_hash_is_found() {
    let log = LARGE.make();
    for index in [1, 7, 17, 19, 39, 600, 617] {
        let name = segment_of(&log, index);
        let honest = log.read(&name);
        let mut bytes = honest.clone();
        let range = range_of(&bytes, Part::Entry(index));
        bytes[range.end - 2] ^= 1;
        let frame = Frame::decode(&bytes[range.clone()]).unwrap();
        let forged = hash::entry(&frame.header(index, &stored_hash(&honest, index - 1)));
        let at = range.start + FRAME_HASH_OFFSET;
        bytes[at..at + 32].copy_from_slice(&forged.0);
        log.write(&name, &reseal(&bytes, |_| {}));
        let report = log.verify();
        let is_it = |f: &Finding| f.cause == Cause::Edited && f.index == Some(index.into());
        assert!(report.findings.iter().any(is_it), "entry {index}: {report:#?}");
        let others = report.findings.iter().filter(|f| !is_it(f) && f.cause != Cause::BadRoot);
        assert_eq!(others.count(), 0, "{index}: {report:#?}");
        log.write(&name, &honest);
    }
}

#[test]
fn transplanted_and_exchanged_entries_are_found() {
    let log = LARGE.make();
    let name = log.names(".seg")[1].clone();
    let honest = log.read(&name);
    let frames: Vec<_> = parts(&honest)
        .into_iter()
        .filter_map(|(range, part)| match part {
            Part::Entry(index) => Some((index, range)),
            _ => None,
        })
        .collect();
    let mut tried = 0;
    for (at, (first, a)) in frames.iter().enumerate().step_by(11) {
        let same = frames[at + 3..].iter().find(|(_, range)| range.len() == a.len());
        let Some((second, b)) = same else { continue };
        let mut bytes = honest.clone();
        bytes.copy_within(b.clone(), a.start);
        log.write(&name, &reseal(&bytes, |_| {}));
        // A whole run of changed entries hides whose hash was which: then no more is claimed.
        let indices = |log: &Closed| -> Vec<u64> {
            let found = log.verify().findings;
            assert!(found.iter().all(|f| f.cause == Cause::Edited), "{found:#?}");
            found.iter().map(|f| f.index.unwrap().get()).collect()
        };
        assert!(indices(&log).contains(first), "{first}: {:?}", indices(&log));
        bytes[b.clone()].copy_from_slice(&honest[a.clone()]);
        log.write(&name, &reseal(&bytes, |_| {}));
        let found = indices(&log);
        assert!(found.contains(first) && found.contains(second), "{first} {second}: {found:?}");
        tried += 1;
    }
    assert!(tried > 10, "{tried}");
}

#[test]
fn a_changed_group_header_is_found_at_its_group() {
    let log = LARGE.make();
    let name = log.names(".seg")[1].clone();
    let honest = log.read(&name);
    let first = 300;
    type Change = fn(&mut GroupHeader);
    let changes: [(Cause, Change); 4] = [
        (Cause::BadRoot, |header| header.root = Hash([1; 32])),
        (Cause::Edited, |header| header.first_index += 1),
        (Cause::Edited, |header| header.first_index -= 1),
        (Cause::Edited, |header| header.previous_header_crc ^= 1),
    ];
    for (cause, change) in changes {
        let bytes = reseal(&honest, |header| {
            if header.first_index == first {
                change(header);
            }
        });
        log.write(&name, &bytes);
        let report = log.verify();
        let [finding, ..] = report.findings.as_slice() else { panic!("{report:#?}") };
        assert_eq!((finding.cause, finding.index), (cause, Some(first.into())), "{report:#?}");
        assert_eq!(report.exit_code(), 1);
    }
}

#[test]
fn every_field_of_a_footer_is_held_against_the_segment() {
    let log = LARGE.make();
    let sealed = log.names(".index").len();
    type Change = fn(&mut Footer);
    // Where the field stands in the footer; `None` behind its fixed part.
    let changes: [(Option<usize>, Change); 13] = [
        (Some(32), |f| f.count += 1),
        (Some(48), |f| f.root = Hash([1; 32])),
        (Some(80), |f| f.last_entry_hash = Hash([1; 32])),
        (Some(112), |f| f.recorded.0 -= 1),
        (Some(120), |f| f.recorded.1 += 1),
        (Some(128), |f| f.event.0.1 ^= 1),
        (Some(128), |f| f.event.1.0 += 1),
        (Some(152), |f| f.group_count += 1),
        (Some(160), |f| f.last_header_crc ^= 1),
        (None, |f| f.agents[1].entries += 1),
        (None, |f| f.types[1].entries -= 1),
        (None, |f| f.agents.truncate(3)),
        (None, |f| f.types[1].name.push('x')),
    ];
    for name in &log.names(".seg")[sealed - 2..sealed] {
        let honest = log.read(name);
        let at = range_of(&honest, Part::Footer).start;
        let (footer, _) = Footer::decode(&honest[at..]).unwrap();
        for (number, (offset, change)) in changes.iter().enumerate() {
            let (mut bytes, mut footer) = (honest.clone(), footer.clone());
            change(&mut footer);
            finish(&mut bytes, at, &footer);
            log.write(name, &bytes);
            let report = log.verify();
            let offset = offset.map(|offset| (at + offset) as u64);
            let is_it = |f: &Finding| {
                f.cause == Cause::BadSeal
                    && f.file == *name
                    && (offset.is_none() || f.offset == offset)
            };
            assert!(report.findings.iter().any(is_it), "change {number}: {report:#?}");
            assert!(
                report.findings.iter().all(|f| f.file == *name),
                "change {number}: {report:#?}"
            );
        }
        // The digest alone.
        let mut bytes = honest.clone();
        let digest_at = bytes.len() - FOOTER_TAIL_LEN;
        bytes[digest_at] ^= 1;
        log.write(name, &bytes);
        assert_eq!(only(&log).offset, Some(digest_at as u64));
        log.write(name, &honest);
    }
}

/// A counter that is wrong, one too many and one too few: each is named with its place.
#[test]
fn counters_of_a_footer_are_named_one_by_one() {
    let log = LARGE.make();
    let name = log.names(".seg")[1].clone();
    let honest = log.read(&name);
    let at = range_of(&honest, Part::Footer).start;
    let (footer, _) = Footer::decode(&honest[at..]).unwrap();
    let said = |change: &dyn Fn(&mut Footer)| -> Vec<String> {
        let (mut bytes, mut changed) = (honest.clone(), footer.clone());
        change(&mut changed);
        finish(&mut bytes, at, &changed);
        log.write(&name, &bytes);
        log.verify().findings.iter().map(ToString::to_string).collect()
    };
    let len = |c: &Counter| 2 + c.name.len() + 8;
    let behind = at + FOOTER_FIXED_LEN;
    let agents: usize = footer.agents.iter().map(len).sum();
    let line = |offset: usize, words: String| format!("bad_seal: {name}, byte {offset}: {words}");

    let (second, right) = (&footer.agents[1].name, footer.agents[1].entries);
    for (wrong, change) in [(right + 1, 1i64), (right - 1, -1)] {
        let found =
            said(&|f| f.agents[1].entries = f.agents[1].entries.wrapping_add_signed(change));
        let words = format!("counter of agent {second} (wanted {right}, found {wrong})");
        assert_eq!(found, [line(behind + len(&footer.agents[0]), words)]);
    }
    let (last, right) = (&footer.types[1].name, footer.types[1].entries);
    let found = said(&|f| f.types[1].entries += 1);
    let words = format!("counter of event type {last} (wanted {right}, found {})", right + 1);
    assert_eq!(found, [line(behind + agents + len(&footer.types[0]), words)]);

    let found = said(&|f| drop(f.agents.remove(1)));
    let words = format!("counter of agent {second} (wanted a counter, found none)");
    assert_eq!(found, [line(behind + agents - len(&footer.agents[1]), words)]);
    let nobody = Counter { name: "did:web:0.example.x".to_owned(), entries: 3 };
    let found = said(&|f| f.agents.insert(1, nobody.clone()));
    let words = "counter of agent did:web:0.example.x (wanted no counter, found 3)".to_owned();
    assert_eq!(found, [line(behind + len(&footer.agents[0]), words)]);
}

#[test]
fn a_segment_header_is_held_against_the_segment_before() {
    let log = LARGE.make();
    let name = log.names(".seg")[2].clone();
    let honest = log.read(&name);
    type Change = fn(&mut SegmentHeader);
    let changes: [(u64, Change); 4] = [
        (16, |header| header.log_id[3] ^= 1),
        (64, |header| header.last_recorded_at -= 1),
        (80, |header| header.previous_hash.0[0] ^= 1),
        (160, |header| header.frontier[1].0[0] ^= 1),
    ];
    for (offset, change) in changes {
        let mut header = SegmentHeader::decode(&honest[..SEGMENT_HEADER_LEN]).unwrap();
        change(&mut header);
        let bytes = [&header.encode()[..], &honest[SEGMENT_HEADER_LEN..]].concat();
        log.write(&name, &reseal(&bytes, |_| {}));
        let report = log.verify();
        let is_it = |f: &Finding| {
            f.cause == Cause::BadSegment && f.file == name && f.offset == Some(offset)
        };
        assert!(report.findings.iter().any(is_it), "offset {offset}: {report:#?}");
    }
}

#[test]
fn another_identity_with_a_right_checksum_is_found() {
    let log = LARGE.make();
    let mut identity = Identity::decode(&log.read("log.id")).unwrap();
    identity.origin.push('x');
    log.write("log.id", &identity.encode());
    assert_eq!(only(&log).cause, Cause::BadIdentity);
    identity.log_id = [9; 32];
    log.write("log.id", &identity.encode());
    assert_eq!(only(&log).cause, Cause::BadIdentity);
}

#[test]
fn a_lying_side_file_is_found_and_a_damaged_one_noted() {
    let log = LARGE.make();
    for ending in [".index", ".nodes"] {
        let name = log.names(ending)[1].clone();
        let honest = log.read(&name);
        let body = honest.len() - 32;
        let reseal = |mut bytes: Vec<u8>| {
            bytes.truncate(body);
            let digest = hash::seal(&bytes);
            bytes.extend(digest.0);
            bytes
        };
        // From the first byte that does not say whose side file it is.
        let begin = SECTIONS_OFFSET - 4 * SECTIONS;
        for at in (begin..body).step_by(body / 50) {
            let mut bytes = honest.clone();
            bytes[at] ^= 4;
            log.write(&name, &reseal(bytes));
            let finding = only(&log);
            assert_eq!((finding.cause, &finding.file), (Cause::IndexMismatch, &name));
            assert_eq!(finding.offset, Some(at as u64));
        }
        // Another generation, a wrong digest, no file: caches that have to be made again.
        let mut old = honest.clone();
        old[47] ^= 1;
        let mut damaged = honest.clone();
        damaged[200] ^= 1;
        let half = honest[..body / 2].to_vec();
        for bytes in [Some(reseal(old)), Some(damaged), Some(half), Some(Vec::new()), None] {
            match bytes {
                Some(bytes) => log.write(&name, &bytes),
                None => log.files.remove(&name).unwrap(),
            }
            let report = log.verify();
            assert_eq!((report.findings.len(), report.exit_code()), (0, 0));
            let [note] = report.notes.as_slice() else { panic!("{report:#?}") };
            assert!(note.contains(&name), "{note}");
        }
        log.write(&name, &honest);
    }
}
