//! Erased entries: the hashes stay, and so only a declaration tells them from removed ones.
//!
//! Declared erasures are in `tests/twin.rs`, whose writer can make them.

use crate::forgeries::finish;
use crate::{Closed, LARGE, segment_of};
use std::sync::Arc;
use witnessmark::format::footer::Footer;
use witnessmark::format::frame::{Body, FRAME_FIXED_LEN, Frame};
use witnessmark::format::group::{GROUP_HEADER_LEN, GroupHeader, padding};
use witnessmark::format::segment::{SEGMENT_HEADER_LEN, SegmentHeader};
use witnessmark::format::{crc, index_name, nodes_name};
use witnessmark::storage::Storage;
use witnessmark::{Cause, EntryIndex, Options};

/// The frame without its payload (form 2) or without its body (form 3).
pub(crate) fn erase(bytes: &[u8], form: u8) -> Vec<u8> {
    let frame = Frame::decode(bytes).unwrap();
    let mut out = bytes[..FRAME_FIXED_LEN].to_vec();
    match (form, frame.body) {
        (2, Body::Whole { body_salt, meta, .. }) => {
            out.extend(body_salt);
            out.extend(frame.data_hash().unwrap().0);
            out.extend(meta);
        }
        _ => out.extend(frame.body_hash().0),
    }
    out[0] = form;
    let len = u32::try_from(out.len()).unwrap();
    out[4..8].copy_from_slice(&len.to_le_bytes());
    out
}

/// The next generation of a sealed segment, with some entries erased (FORMAT.md, section 10.3).
fn rewrite(honest: &[u8], erased: &[(u64, u8)]) -> Vec<u8> {
    let mut segment = SegmentHeader::decode(&honest[..SEGMENT_HEADER_LEN]).unwrap();
    segment.generation += 1;
    let mut out = segment.encode();
    let (mut at, mut chain) = (SEGMENT_HEADER_LEN, 0);
    while let Ok((mut header, _)) = GroupHeader::decode(&honest[at..], segment.nonce) {
        let mut body = Vec::new();
        let mut frame_at = at + GROUP_HEADER_LEN;
        for index in header.first_index..header.first_index + u64::from(header.count) {
            let len = Frame::decode(&honest[frame_at..]).unwrap().stored_len as usize;
            let frame = &honest[frame_at..frame_at + len];
            match erased.iter().find(|(erased, _)| *erased == index) {
                Some((_, form)) => body.extend(erase(frame, *form)),
                None => body.extend(frame),
            }
            frame_at += len;
        }
        at += usize::try_from(header.group_len()).unwrap();
        header.body_len = u32::try_from(body.len()).unwrap();
        let len = (GROUP_HEADER_LEN + body.len()) as u64;
        header.pad_len = padding(out.len() as u64, len, segment.align);
        body.resize(body.len() + header.pad_len as usize, 0);
        header.body_crc = crc(segment.nonce, &[&body]);
        header.previous_header_crc = chain;
        let (encoded, header_crc) = header.encode();
        chain = header_crc;
        out.extend(encoded);
        out.extend(body);
    }
    let (mut footer, _) = Footer::decode(&honest[at..]).unwrap();
    let end = out.len();
    footer.data_end = end as u64;
    footer.last_header_crc = chain;
    finish(&mut out, end, &footer);
    out
}

fn undeclared(log: &Closed) -> Vec<u64> {
    let report = log.verify();
    let is_it = |cause: Cause| cause == Cause::UndeclaredErasure;
    assert!(report.findings.iter().all(|finding| is_it(finding.cause)), "{report:#?}");
    assert_eq!((report.size, report.root), (log.head.size, Some(log.head.root)));
    assert_eq!(report.erased, report.findings.len() as u64);
    report.findings.iter().map(|finding| finding.index.unwrap()).map(EntryIndex::get).collect()
}

#[test]
fn erasures_that_nobody_declared_are_found_one_by_one() {
    let log = LARGE.make();
    let name = segment_of(&log, 300);
    let rewritten = rewrite(&log.read(&name), &[(305, 2), (310, 3), (311, 3), (341, 2)]);
    log.write(&name, &rewritten);
    assert_eq!(undeclared(&log), [305, 310, 311, 341]);
    // The side files are those of the generation before: not a lie, but old.
    let notes = log.verify().notes;
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes.iter().all(|note| note.contains("another version")), "{notes:?}");
}

/// The log makes side files again from what is left, and the auditor derives the same bytes.
#[test]
fn side_files_of_a_rewritten_segment_are_compared_too() {
    let log = LARGE.make();
    let name = segment_of(&log, 300);
    let first_index = name[..20].parse().unwrap();
    let rewritten = rewrite(&log.read(&name), &[(305, 2), (310, 3)]);
    log.write(&name, &rewritten);
    for side in [nodes_name(first_index), index_name(first_index)] {
        log.files.remove(&side).unwrap();
    }
    Options::on_storage(Arc::new(log.files.clone())).open().unwrap().close().unwrap();
    assert_eq!(undeclared(&log), [305, 310]);
    assert_eq!(log.verify().notes, Vec::<String>::new());
}
