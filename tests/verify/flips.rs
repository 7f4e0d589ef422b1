//! Flipped bits of large logs, several at once, and while somebody writes: never silent, and named
//! where they are. Every single bit of a small log is flipped in `tamper/bits.rs`.

use crate::{Closed, LARGE, Numbers, Part, Recipe, parts};
use std::ops::Range;
use witnessmark::storage::Storage;
use witnessmark::{Cause, Report, Verdict};

/// Asserts that the report tells of damage in this part, and of nothing else.
fn expect(report: &Report, log: &Closed, name: &str, bit: usize, part: Part) {
    let context = format!("bit {bit} of {name} in {part:?}: {report:#?}");
    let [finding] = report.findings.as_slice() else { panic!("one finding wanted, {context}") };
    assert_eq!(finding.file, name, "{context}");
    assert!(finding.offset.is_some(), "{context}");
    let size = log.head.size.get();
    let index = finding.index.map(witnessmark::EntryIndex::get);
    let verdict = match part {
        Part::SegmentHeader => {
            assert_eq!(finding.cause, Cause::BitRot, "{context}");
            Verdict::Tampered
        }
        // Nothing vouches for the last heartbeat itself.
        Part::Group(first) if first == size => {
            assert_eq!((finding.cause, index), (Cause::TornTail, Some(first)), "{context}");
            Verdict::Unverifiable
        }
        Part::Group(first) | Part::Entry(first) => {
            assert_eq!((finding.cause, index), (Cause::BitRot, Some(first)), "{context}");
            Verdict::Tampered
        }
        Part::Footer => {
            assert_eq!(finding.cause, Cause::BadSeal, "{context}");
            Verdict::Tampered
        }
    };
    assert_eq!(report.verdict, verdict, "{context}");
    assert_eq!(report.size, log.head.size, "{context}");
}

fn flip_and_expect(log: &Closed, name: &str, bit: usize, parts: &[(Range<usize>, Part)]) {
    let (_, part) = parts.iter().find(|(range, _)| range.contains(&(bit / 8))).unwrap();
    log.flip(name, bit);
    expect(&log.verify(), log, name, bit, *part);
    log.flip(name, bit);
}

/// Damage in several places is found in each of them.
#[test]
fn several_bits_at_once_are_all_named() {
    let log = LARGE.make();
    let segments: Vec<_> = log
        .names(".seg")
        .into_iter()
        .map(|name| (name.clone(), parts(&log.read(&name)), log.read(&name).len() * 8))
        .collect();
    let size = log.head.size.get();
    let mut numbers = Numbers(0xa11);
    for round in 0..300 {
        let mut flipped: Vec<(&str, usize, Part)> = Vec::new();
        while flipped.len() < 3 {
            let (name, parts, bits) = &segments[numbers.below(segments.len())];
            let bit = numbers.below(*bits);
            let (_, part) = parts.iter().find(|(range, _)| range.contains(&(bit / 8))).unwrap();
            let first = |part: &Part| match part {
                Part::Group(first) | Part::Entry(first) => Some(first / 20),
                _ => None,
            };
            // Each in a group of its own, not in the last heartbeat, and no header or footer twice.
            let is_alone =
                flipped.iter().all(|(other, _, there)| match (first(part), first(there)) {
                    (Some(a), Some(b)) => a != b,
                    _ => other != name,
                });
            if is_alone && *part != Part::Group(size) {
                flipped.push((name, bit, *part));
            }
        }
        flipped.iter().for_each(|(name, bit, _)| log.flip(name, *bit));
        let report = log.verify();
        for (name, bit, part) in &flipped {
            let is_it = |f: &witnessmark::Finding| match part {
                Part::SegmentHeader => f.file == *name && f.cause == Cause::BitRot,
                Part::Footer => f.file == *name && f.cause == Cause::BadSeal,
                Part::Group(index) | Part::Entry(index) => f.index == Some((*index).into()),
            };
            let is_named = report.findings.iter().any(is_it);
            assert!(is_named, "round {round}, bit {bit} of {name}, {part:?}: {report:#?}");
        }
        assert_eq!(report.findings.len(), 3, "round {round}: {:#?}", report.findings);
        flipped.iter().for_each(|(name, bit, _)| log.flip(name, *bit));
    }
}

#[test]
fn two_thousand_bits_of_large_logs() {
    let singles = Recipe { groups: 500, batch: 1, align: 1 };
    let padded = Recipe { groups: 60, batch: 12, align: 4096 };
    for (recipe, flips) in [(LARGE, 1000), (singles, 500), (padded, 500)] {
        flip_bits_of(&recipe.make(), flips);
    }
}

fn flip_bits_of(log: &Closed, flips: usize) {
    let files: Vec<(String, Vec<u8>)> =
        log.names("").into_iter().map(|name| (name.clone(), log.read(&name))).collect();
    let total: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    let mut numbers = Numbers(0x5eed);
    let mut hits = [0usize; 3];
    for _ in 0..flips {
        let mut bit = numbers.below(total * 8);
        let (name, bytes) = files
            .iter()
            .find(|(_, bytes)| {
                let is_here = bit < bytes.len() * 8;
                bit -= if is_here { 0 } else { bytes.len() * 8 };
                is_here
            })
            .unwrap();
        if name.ends_with(".seg") {
            hits[0] += 1;
            flip_and_expect(log, name, bit, &parts(bytes));
            continue;
        }
        log.flip(name, bit);
        let report = log.verify();
        log.flip(name, bit);
        if name == "log.id" {
            hits[1] += 1;
            assert_eq!((report.findings.len(), report.verdict), (1, Verdict::Tampered));
        } else {
            hits[2] += 1;
            assert_eq!((report.findings.as_slice(), report.exit_code()), (&[][..], 0));
            let [note] = report.notes.as_slice() else { panic!("{report:#?}") };
            assert!(note.contains(name.as_str()), "{note}");
        }
    }
    assert!(hits[0] > flips / 2 && hits[2] > flips / 40, "{hits:?}");
}

/// A writer at work hides nothing that it has synced, and what it has not is not blamed.
#[test]
fn bits_of_a_log_that_somebody_writes() {
    let log = LARGE.make();
    let names = log.names(".seg");
    let _lock = log.files.lock_writer().unwrap();
    assert_eq!(log.verify().findings, []);
    let unvouched = log.head.size.get() - 20;
    let mut numbers = Numbers(0x11fe);
    for (at, name) in names.iter().enumerate().rev().take(2) {
        let bytes = log.read(name);
        let parts = parts(&bytes);
        for _ in 0..300 {
            let bit = numbers.below(bytes.len() * 8);
            let (_, part) = parts.iter().find(|(range, _)| range.contains(&(bit / 8))).unwrap();
            log.flip(name, bit);
            let report = log.verify();
            log.flip(name, bit);
            let context = format!("bit {bit} of {name} in {part:?}: {report:#?}");
            assert!(report.is_live, "{context}");
            match part {
                Part::Group(index) | Part::Entry(index) if *index < unvouched => {
                    let [finding] = report.findings.as_slice() else { panic!("{context}") };
                    let found = (finding.cause, finding.index);
                    assert_eq!(found, (Cause::BitRot, Some((*index).into())), "{context}");
                }
                Part::SegmentHeader => assert_eq!(report.exit_code(), 1, "{context}"),
                // A footer may just be in the writing; one that ends the file is whole.
                Part::Footer if at + 2 == names.len() => {
                    let is_seal = |f: &witnessmark::Finding| f.cause == Cause::BadSeal;
                    assert!(report.findings.iter().all(is_seal), "{context}");
                    assert!(report.findings.len() + report.notes.len() > 1, "{context}");
                }
                _ => assert!(report.findings.len() <= 1, "{context}"),
            }
        }
    }
}
