//! A crash is no crime: the auditor never calls tampered what a crash left, before or after
//! recovery, and misses nothing that was acknowledged.

use crate::power::{changes_of, told_until};
use crate::sim::{Dice, Sim};
use crate::story::{Told, options};
use witnessmark::{Report, Verdict, VerifyOptions, verify_storage};

fn audit(disk: &Sim, told: &Told) -> Report {
    let mut options = VerifyOptions::new().threads(1);
    if let Some((size, root)) = told.head {
        options = options.against(size, root);
    }
    verify_storage(&*disk.storage(), &options).unwrap()
}

/// Audits what is left, lets the log recover, and audits again. Returns the first verdict.
fn audit_twice(disk: &Sim, told: &Told, align: u16, place: &str) -> Verdict {
    let left = audit(disk, told);
    assert!(left.verdict != Verdict::Tampered, "{place}: {left:#?}");
    let is_begun = disk.names().iter().any(|name| name == "log.id");
    assert!(left.exit_code() != 3 || !is_begun, "{place}: {left:#?}");
    let head = options(disk, align).open().unwrap().close().unwrap();
    let recovered = audit(disk, told);
    assert_eq!(recovered.verdict, Verdict::Intact, "{place}: {recovered:#?}");
    assert_eq!((recovered.size, recovered.root), (head.size, Some(head.root)), "{place}");
    left.verdict
}

#[test]
fn what_a_crash_leaves_is_never_called_tampered() {
    let mut torn = 0;
    for (align, seed) in [(1, 31), (512, 32), (4096, 33)] {
        for at in 1..=changes_of(align, seed) {
            let (sim, told) = told_until(at, align, seed);
            for image in 0..3 {
                let disk = sim.fork();
                disk.cut_power(&mut Dice::new(seed ^ at << 20 ^ image));
                let place = format!("seed {seed}, change {at}, cut {image}");
                let verdict = audit_twice(&disk, &told, align, &place);
                torn += u64::from(verdict == Verdict::Unverifiable);
            }
            let disk = sim.fork();
            disk.kill();
            audit_twice(&disk, &told, align, &format!("seed {seed}, change {at}, kill"));
        }
    }
    assert!(torn > 20, "only {torn} of these crashes tore anything");
}
