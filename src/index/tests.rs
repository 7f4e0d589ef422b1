//! Growing and sealed indexes answer alike; damaged files are refused and never panic.

use super::*;
use crate::entry::Entry;
use crate::format::frame::{Body, Header, Unplaced, place};
use crate::format::meta::{Defaults, encode};
use crate::format::side::{SIDE_DIGEST_LEN, Subject};
use crate::index::{SealedIndex, id_key_of_text};
use crate::types::{EventTime, Hash};
use proptest::prelude::*;

/// The frame of an entry, placed with whatever the tests need.
pub(crate) fn frame_bytes(entry: &Entry<'_>, uuid: [u8; 16], header: &Header) -> Vec<u8> {
    let mut meta = Vec::new();
    let defaults = Defaults { uuid: &uuid, now: EventTime::utc(0, 0), redactions: None };
    encode(entry, &defaults, &mut meta);
    let unplaced = Unplaced {
        flags: header.flags,
        body_salt: &[1; 16],
        data_salt: &[2; 16],
        meta: &meta,
        payload: b"",
    };
    let mut bytes = Vec::new();
    unplaced.append_to(&mut bytes);
    place(&mut bytes, header, &Hash([3; 32]));
    bytes
}

pub(crate) fn header() -> Header {
    Header {
        flags: 0,
        index: 0,
        recorded_at: 0,
        agent_seq: 0,
        type_seq: 0,
        meta_len: 0,
        data_len: 0,
        body_hash: Hash::ZERO,
        previous_hash: Hash::ZERO,
    }
}

fn subject(count: u32) -> Subject {
    Subject { log_id: [1; 32], generation: 0, first_index: 7, count, root: Hash([2; 32]) }
}

fn uuid(i: u32) -> [u8; 16] {
    let mut bytes = [7; 16];
    bytes[..4].copy_from_slice(&i.to_le_bytes());
    bytes
}

/// A fleet with agents, traces and resources as skewed as in life.
fn fleet(count: u32) -> MemIndex {
    let mut index = MemIndex::new();
    for i in 0..count {
        let bytes = fleet_frame(i);
        index.push_all(&[(Frame::decode(&bytes).unwrap(), i * 200)]);
    }
    index
}

fn fleet_frame(i: u32) -> Vec<u8> {
    let mut state = u64::from(i).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut draw = |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    // 1/x is near enough to the zipf of an agent fleet.
    let agent = 10_000 / (1 + draw(10_000));
    let types = [
        "tool_invocation",
        "tool_invocation",
        "tool_invocation",
        "policy_evaluation",
        "tool_blocked",
        "agent_invocation",
        "policy_violation",
        "rogue_detection",
    ];
    let outcome = ["success", "success", "success", "success", "denied", "failure"];
    let action = ["allow", "allow", "allow", "allow", "deny", "audit"];
    let spread = if agent < 100 { draw(10_000) } else { agent };
    let entry = Entry::new(
        types[usize::try_from(draw(8)).unwrap()],
        format!("did:web:agent-{spread:05}.example.com"),
        action[usize::try_from(draw(6)).unwrap()],
    )
    .outcome(outcome[usize::try_from(draw(6)).unwrap()].into_outcome())
    .resource(format!("/crm/contacts/{}", draw(2000) * draw(2000) / 2000))
    .trace_id(format!(
        "trace-{:016x}",
        u64::from((i / 40) * 8 + i % 8).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    ))
    .timestamp(EventTime::utc(1_700_000_000 + i64::from(i / 10), 0));
    frame_bytes(&entry, uuid(i), &header())
}

trait IntoOutcome {
    fn into_outcome(self) -> crate::Outcome;
}

impl IntoOutcome for &str {
    fn into_outcome(self) -> crate::Outcome {
        crate::Outcome::from(self)
    }
}

#[test]
fn sealed_and_growing_answer_alike() {
    let growing = fleet(5000);
    let file = growing.encode(&subject(5000));
    let sealed = SealedIndex::open(file, &subject(5000)).unwrap();
    assert_eq!(growing.len(), sealed.len());
    for local in [0, 1, 1023, 1024, 4999] {
        assert_eq!(growing.offset(local), sealed.offset(local));
        let text = uuid::Uuid::from_bytes(uuid(local)).hyphenated().to_string();
        let key = id_key_of_text(&text);
        assert_eq!(growing.id_candidates(key), [local]);
        assert_eq!(sealed.id_candidates(key), [local]);
    }
    assert_eq!((growing.offset(5000), sealed.offset(5000)), (None, None));
    for zone in 0..=40 {
        assert_eq!(growing.zone(zone), sealed.zone(zone));
    }
    assert_eq!((growing.zone(39).is_some(), growing.zone(40)), (true, None));
    assert_eq!(growing.times(), sealed.times());
    assert_eq!(growing.times().event.0, growing.zone(0).unwrap().event.0);
    assert_eq!(growing.times().event.1, growing.zone(39).unwrap().event.1);
    for key in Key::ALL {
        let all = |index: &dyn PartIndex| {
            let mut all = std::collections::BTreeMap::new();
            index
                .for_each_term(key, b"", &mut |term, list| {
                    let mut ids = Vec::new();
                    list.for_each(u32::MAX, |id| ids.push(id)).unwrap();
                    all.insert(term.to_vec(), ids);
                })
                .unwrap();
            all
        };
        let terms = all(&growing);
        assert_eq!(terms, all(&sealed));
        for (term, ids) in terms {
            assert_eq!(sealed.postings(key, &term).unwrap().len() as usize, ids.len());
        }
        assert!(sealed.postings(key, b"nobody").unwrap().is_empty());
    }
}

#[test]
fn an_index_file_is_small_and_always_the_same() {
    let count = 100_000;
    let file = fleet(count).encode(&subject(count));
    assert_eq!(file, fleet(count).encode(&subject(count)));
    let per_entry = file.len() as f64 / f64::from(count);
    println!("index file: {per_entry:.2} bytes per entry");
    assert!(per_entry <= 30.0, "{per_entry}");
}

#[test]
fn an_erased_body_leaves_offset_and_mark_alone() {
    let mut system = header();
    (system.flags, system.recorded_at) = (FLAG_SYSTEM, 5);
    let bytes = frame_bytes(&Entry::new("t", "a", "x"), uuid(0), &system);
    let mut frame = Frame::decode(&bytes).unwrap();
    frame.body = Body::BodyErased { body_hash: frame.body_hash() };
    let mut index = MemIndex::new();
    index.push_all(&[(frame, 4096)]);
    let sealed = SealedIndex::open(index.encode(&subject(1)), &subject(1)).unwrap();
    for index in [&index as &dyn PartIndex, &sealed] {
        assert_eq!((index.len(), index.offset(0)), (1, Some(4096)));
        assert_eq!((index.system().unwrap().len(), index.erased().unwrap().len()), (1, 1));
        assert!(index.postings(Key::Agent, b"a").unwrap().is_empty());
        assert!(index.id_candidates(hash::id_key(&uuid(0))).is_empty());
        let zone = index.zone(0).unwrap();
        assert!(zone.event.0 > zone.event.1);
        assert_eq!(zone.recorded, (5, 5));
        assert_eq!(index.times(), zone);
    }
}

#[test]
fn every_flipped_bit_of_an_index_file_is_refused() {
    let file = fleet(40).encode(&subject(40));
    for bit in 0..file.len() * 8 {
        let mut bad = file.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let flaw = SealedIndex::open(bad, &subject(40)).unwrap_err();
        assert_eq!(flaw.what, "digest of a side file", "bit {bit}");
    }
}

/// Asks everything there is to ask.
fn exercise(index: &dyn PartIndex) {
    let mut lists = vec![index.system(), index.erased()];
    for key in Key::ALL {
        lists.push(index.postings(key, b"did:web:agent-00001.example.com"));
        let _ = index.for_each_term(key, b"", &mut |_, list| lists.push(Ok(list)));
    }
    for list in lists.into_iter().flatten() {
        let mut walker = list.walk();
        let mut at = Some(u32::MAX);
        while let Some(id) = at.and_then(|at| walker.previous_from(at)) {
            assert!(id < index.len());
            at = id.checked_sub(1);
        }
        let _ = (walker.rank(9), walker.next_from(3), list.for_each(u32::MAX, |_| {}));
    }
    for local in 0..=index.len() {
        let _ = (index.offset(local), index.zone(local));
    }
    let _ = index.id_candidates(0);
}

proptest! {
    #[test]
    fn lies_under_a_right_digest_never_panic(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let mut file = fleet(300).encode(&subject(300));
        file.truncate(file.len() - SIDE_DIGEST_LEN);
        for (at, byte) in edits {
            // Past the header, so that the damage gets through to the sections.
            let body = file.len() - 159;
            file[159 + at.index(body)] = byte;
        }
        let digest = hash::seal(&file);
        file.extend_from_slice(&digest.0);
        if let Ok(index) = SealedIndex::open(file, &subject(300)) {
            exercise(&index);
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused(bytes: Vec<u8>) {
        prop_assert!(SealedIndex::open(bytes, &subject(3)).is_err());
    }
}
