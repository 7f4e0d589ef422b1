//! A root from elsewhere: right at every size, and wrong where the log was rewritten or cut.

use crate::{Closed, LARGE};
use witnessmark::{Cause, Hash, Report, Verdict, VerifyOptions};

fn against(log: &Closed, size: u64, root: Hash) -> Report {
    log.verify_with(&VerifyOptions::new().threads(2).against(size.into(), root))
}

#[test]
fn every_earlier_root_is_recomputed() {
    let log = LARGE.make();
    let sizes = (0..=log.head.size.get()).filter(|size| size % 20 < 3);
    for size in sizes {
        let root = log.roots[usize::try_from(size).unwrap()];
        let report = against(&log, size, root);
        assert_eq!((report.findings.as_slice(), report.exit_code()), (&[][..], 0), "size {size}");
        assert_eq!(report.not_covered, Vec::<String>::new());
    }
}

#[test]
fn another_root_is_a_fork_and_a_larger_size_a_cut() {
    let log = LARGE.make();
    let size = log.head.size.get();
    let cause = |size: u64, root: Hash| {
        let report = against(&log, size, root);
        assert_eq!((report.verdict, report.exit_code()), (Verdict::Tampered, 1));
        let [finding] = report.findings.as_slice() else { panic!("{report:#?}") };
        finding.cause
    };
    for wrong in [0, 1, 260, 777, size] {
        assert_eq!(cause(wrong, Hash([7; 32])), Cause::Forked, "size {wrong}");
    }
    assert_eq!(cause(size + 1, log.head.root), Cause::Truncated);
    assert_eq!(cause(u64::MAX, log.head.root), Cause::Truncated);
}

#[test]
fn a_log_of_the_same_names_is_another_log() {
    let (log, other) = (LARGE.make(), LARGE.make());
    let report = against(&log, 300, other.roots[300]);
    let [finding] = report.findings.as_slice() else { panic!("{report:#?}") };
    assert_eq!(finding.cause, Cause::Forked);
    assert_eq!(finding.wanted, Some(other.roots[300].to_hex()));
    assert_eq!(finding.found, Some(log.roots[300].to_hex()));
}
