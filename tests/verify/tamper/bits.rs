//! Every single bit of a small log directory: never silent, and named where it is.

use super::base::{Base, files_of, storage_of};
use crate::{Closed, Part, parts};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use witnessmark::{Cause, Report, Verdict};

/// What a flip in each file must lead to.
fn expect(report: &Report, name: &str, bit: usize, part: Option<Part>, size: u64) {
    let context = || format!("bit {bit} of {name} in {part:?}: {report:#?}");
    let causes: Vec<Cause> = report.findings.iter().map(|finding| finding.cause).collect();
    let is_told_by_a_note = || report.notes.iter().any(|note| note.contains(name));
    let Some(part) = part else {
        let wanted: &[Cause] = match name {
            "log.id" => &[Cause::BadIdentity],
            "log.checkpoints" if causes.is_empty() => {
                // The last record may look like one that a crash cut off.
                assert!(is_told_by_a_note(), "{}", context());
                return;
            }
            "log.checkpoints" => &[Cause::BitRot],
            _ => {
                assert!(causes.is_empty() && is_told_by_a_note(), "{}", context());
                return;
            }
        };
        assert_eq!(causes, wanted, "{}", context());
        assert_eq!(report.verdict, Verdict::Tampered, "{}", context());
        return;
    };
    let [finding] = report.findings.as_slice() else { panic!("one finding wanted, {}", context()) };
    assert!(finding.file == name && finding.offset.is_some(), "{}", context());
    let index = finding.index.map(witnessmark::EntryIndex::get);
    let (cause, verdict) = match part {
        Part::SegmentHeader => (Cause::BitRot, Verdict::Tampered),
        Part::Footer => (Cause::BadSeal, Verdict::Tampered),
        // Nothing vouches for the last heartbeat itself.
        Part::Group(first) if first == size => (Cause::TornTail, Verdict::Unverifiable),
        Part::Group(_) | Part::Entry(_) => (Cause::BitRot, Verdict::Tampered),
    };
    assert_eq!((finding.cause, report.verdict), (cause, verdict), "{}", context());
    if let Part::Group(first) | Part::Entry(first) = part {
        assert_eq!(index, Some(first), "{}", context());
    }
    assert_eq!(report.size.get(), size, "{}", context());
}

fn closed(base: &Base) -> Closed {
    Closed { files: storage_of(&base.files), head: base.head, roots: Vec::new() }
}

/// Flips every bit of every file, or each `step`th, on two threads; how many there were.
fn flip_all(base: &Base, step: usize) -> usize {
    let total: usize = base.files.values().map(|bytes| bytes.len() * 8).sum();
    let place = |(name, bytes): (&'_ String, &Vec<u8>)| {
        let parts = if name.ends_with(".seg") { parts(bytes) } else { Vec::new() };
        (name.clone(), bytes.len(), parts)
    };
    let places: Vec<_> = base.files.iter().map(place).collect();
    let next = AtomicUsize::new(0);
    const STRETCH: usize = 4096;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let log = closed(base);
                loop {
                    let begin = next.fetch_add(STRETCH, Ordering::SeqCst);
                    if begin >= total {
                        break;
                    }
                    for bit in (begin..(begin + STRETCH).min(total)).step_by(step) {
                        flip_one(&log, base, &places, bit);
                    }
                }
                assert!(files_of(&log.files) == base.files, "every bit was put back");
            });
        }
    });
    total / step
}

/// What lies where in each file; nothing in one that is no segment.
type Place = (String, usize, Vec<(Range<usize>, Part)>);

fn flip_one(log: &Closed, base: &Base, places: &[Place], mut bit: usize) {
    let found = places.iter().find(|(_, len, _)| {
        let is_here = bit < len * 8;
        bit -= if is_here { 0 } else { len * 8 };
        is_here
    });
    let (name, _, parts) = found.unwrap();
    let part = parts.iter().find(|(range, _)| range.contains(&(bit / 8))).map(|(_, part)| *part);
    log.flip(name, bit);
    expect(&log.verify(), name, bit, part, base.head.size.get());
    log.flip(name, bit);
}

/// 32 KiB here; `just tamper` asks for 256.
#[test]
fn no_bit_of_a_small_directory_is_silent() {
    let kib: usize = std::env::var("WMARK_TAMPER_KIB").map_or(32, |text| text.parse().unwrap());
    let bases = [1, 512].map(|align| {
        let base = Base::small(align, kib << 10);
        let len: usize = base.files.values().map(Vec::len).sum();
        println!("align {align}: {len} bytes in {} files", base.files.len());
        assert!(len <= kib << 10 && len > (kib << 10) * 2 / 3, "{len} bytes");
        base
    });
    // Padding is a matter of its own, but not every bit of the same things again.
    for (base, step) in bases.iter().zip([1, 11]) {
        println!("{} bits flipped", flip_all(base, step));
    }
}
