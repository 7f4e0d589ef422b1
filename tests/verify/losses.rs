//! Something is gone: segments, ends of files, footers, side files, the identity.

use crate::{Closed, LARGE, Part, range_of};
use witnessmark::storage::Storage;
use witnessmark::{Cause, Finding, Verdict, VerifyOptions};

fn only(log: &Closed) -> Finding {
    let report = log.verify();
    let [finding] = report.findings.as_slice() else { panic!("one finding wanted: {report:#?}") };
    finding.clone()
}

#[test]
fn each_segment_is_missed() {
    let log = LARGE.make();
    let names = log.names(".seg");
    for (at, name) in names.iter().enumerate() {
        let bytes = log.read(name);
        log.files.remove(name).unwrap();
        let finding = only(&log);
        assert_eq!(finding.cause, Cause::MissingSegment, "{finding}");
        assert_eq!(&finding.file, name);
        assert_eq!(finding.index.unwrap().get(), name[..20].parse::<u64>().unwrap());
        assert_eq!(log.verify().exit_code(), 1, "segment {at}");
        log.write(name, &bytes);
    }
    assert_eq!(log.verify().verdict, Verdict::Intact);
}

#[test]
fn swapped_and_foreign_segments_are_named() {
    let (log, other) = (LARGE.make(), LARGE.make());
    let names = log.names(".seg");
    let (first, second) = (log.read(&names[1]), log.read(&names[2]));
    log.write(&names[1], &second);
    log.write(&names[2], &first);
    let report = log.verify();
    for name in &names[1..3] {
        let is_named = |f: &&Finding| f.file == *name && f.cause == Cause::BadSegment;
        assert!(report.findings.iter().any(|f| is_named(&f)), "{report:#?}");
    }
    assert_eq!(report.findings.len(), 2, "{report:#?}");
    log.write(&names[1], &other.read(&names[1]));
    log.write(&names[2], &second);
    let report = log.verify();
    assert!(report.findings.iter().all(|f| f.file == names[1]), "{report:#?}");
    assert!(report.findings.iter().any(|f| f.message == "segment of another log"));
    assert_eq!(report.exit_code(), 1);
}

/// A cut at the end of a group cannot be told from a log that ended there, but then nothing vouches
/// for the last entries, or an anchor says so.
#[test]
fn a_cut_file_is_never_whole() {
    let log = LARGE.make();
    for name in log.names(".seg") {
        let bytes = log.read(&name);
        let is_last = log.names(".seg").last() == Some(&name);
        let ends = [0, 1, 4095, 4096, 4097, bytes.len() - 1, bytes.len() - 16, bytes.len() - 48];
        let cuts = ends.into_iter().chain((4100..bytes.len()).step_by(bytes.len() / 60));
        for len in cuts {
            log.write(&name, &bytes[..len]);
            let report = log.verify();
            if !is_last {
                let footer = range_of(&bytes, Part::Footer);
                let is_sealed = !(footer.start..footer.end).contains(&len);
                assert!(report.exit_code() == 1 || !is_sealed, "{name} cut to {len}: {report:#?}");
                let is_told = report.exit_code() == 1 || !report.notes.is_empty();
                assert!(is_told, "{name} cut to {len}: {report:#?}");
                continue;
            }
            let is_told = report.exit_code() != 0 || !report.notes.is_empty();
            assert!(is_told || len == 4096, "{name} cut to {len}: {report:#?}");
            let anchor = VerifyOptions::new().threads(1).against(log.head.size, log.head.root);
            let report = log.verify_with(&anchor);
            if report.size < log.head.size {
                let is_cut = |f: &Finding| f.cause == Cause::Truncated;
                assert!(report.findings.iter().any(is_cut), "{report:#?}");
            }
        }
        log.write(&name, &bytes);
    }
}

#[test]
fn a_torn_tail_takes_nothing_from_what_is_before_it() {
    let log = LARGE.make();
    let name = log.names(".seg").pop().unwrap();
    let bytes = log.read(&name);
    log.write(&name, &[&bytes[..], &[0; 5000]].concat());
    assert_eq!(log.verify().exit_code(), 0);
    log.write(&name, &[&bytes[..], b"half a group"].concat());
    let report = log.verify();
    let [finding] = report.findings.as_slice() else { panic!("{report:#?}") };
    assert_eq!((finding.cause, finding.offset), (Cause::TornTail, Some(bytes.len() as u64)));
    assert_eq!((report.verdict, report.exit_code()), (Verdict::Unverifiable, 4));
    assert_eq!((report.size, report.root), (log.head.size, Some(log.head.root)));
}

#[test]
fn entries_that_nothing_vouches_for_are_noted() {
    let log = LARGE.make();
    let name = log.names(".seg").pop().unwrap();
    let bytes = log.read(&name);
    let heartbeat = range_of(&bytes, Part::Group(log.head.size.get()));
    log.write(&name, &bytes[..heartbeat.start]);
    let report = log.verify();
    assert_eq!((report.findings.as_slice(), report.exit_code()), (&[][..], 0));
    assert_eq!((report.size, report.unvouched), (log.head.size, 20));
    assert!(report.notes[0].contains("nothing vouches for them"), "{:?}", report.notes);
}

#[test]
fn a_footer_may_be_missing_only_before_the_last_segment() {
    let log = LARGE.make();
    let names = log.names(".seg");
    for (at, name) in names[..names.len() - 1].iter().enumerate() {
        let bytes = log.read(name);
        let footer = range_of(&bytes, Part::Footer);
        log.write(name, &bytes[..footer.start]);
        let report = log.verify();
        if at + 2 == names.len() {
            assert_eq!(report.exit_code(), 0);
            assert!(report.notes[0].contains("has no footer yet"), "{:?}", report.notes);
        } else {
            assert_eq!(only(&log).cause, Cause::BadSeal);
        }
        // Half a footer, as a crash leaves it: whole sectors, then zeros.
        let torn = (footer.start + 200) / 512 * 512;
        let zeros = vec![0; 4096];
        log.write(name, &[&bytes[..torn.max(footer.start)], &zeros].concat());
        assert_eq!(log.verify().exit_code() == 0, at + 2 == names.len());
        // The last 16 bytes are no accident of a crash.
        let mut bad = bytes.clone();
        let len = bad.len();
        bad[len - 16..].fill(0x20);
        log.write(name, &bad);
        let finding = only(&log);
        assert_eq!((finding.cause, finding.offset), (Cause::BadSeal, Some(len as u64 - 16)));
        log.write(name, &bytes);
    }
}

#[test]
fn without_an_identity_nothing_can_be_judged() {
    let log = LARGE.make();
    log.files.remove("log.id").unwrap();
    let report = log.verify();
    assert_eq!((report.verdict, report.exit_code()), (Verdict::Unverifiable, 3));
    assert_eq!(report.findings[0].cause, Cause::Unreadable);
    // What is wrong all the same is worth more.
    log.flip(&log.names(".seg")[0], 5000 * 8);
    assert_eq!(log.verify().exit_code(), 1);
}
