//! What a report leaves open: how many checkpoints, entries and keys it could say nothing about, and
//! which checkpoint is the newest that counts.

use super::base::{Base, storage_of};
use super::case::Case;
use crate::{Numbers, Part, range_of};
use std::collections::BTreeMap;
use witnessmark::{Hash, Report, SigningKey, TreeSize, VerifyOptions, verify_storage};

fn case(base: &Base) -> Case<'_> {
    let (files, odd) = (base.files.clone(), BTreeMap::new());
    let numbers = Numbers(1);
    Case { base, other: base, numbers, files, odd, on_disk: None, index: None, file: None }
}

fn report(case: &Case<'_>, options: VerifyOptions) -> Report {
    verify_storage(&storage_of(&case.files), &options.threads(1)).unwrap()
}

fn trusting(key: &SigningKey) -> VerifyOptions {
    VerifyOptions::new().key(key.verifier())
}

/// How many lines begin with these words.
fn count(lines: &[String], words: &str) -> usize {
    lines.iter().filter(|line| line.starts_with(words)).count()
}

fn newest(report: &Report) -> Option<u64> {
    report.checkpoint.as_ref().map(|signed| signed.checkpoint().size().get())
}

#[test]
fn entries_behind_the_last_checkpoint_are_counted_and_none_is_named_when_there_are_none() {
    let base = Base::new(1, 1);
    let (size, signed) = (base.head.size.get(), base.signed[2]);
    let mut case = case(&base);
    let said = report(&case, trusting(&base.key));
    let words = format!(
        "the last {} entries: they are newer than the last signed checkpoint",
        size - signed
    );
    assert_eq!((count(&said.not_covered, &words), newest(&said)), (1, Some(signed)));
    assert_eq!((said.checkpoints, said.exit_code()), (3, 0));

    let mut notes = case.notes();
    notes.push(case.note(&base.key, size, base.head.root));
    case.record(&notes);
    let said = report(&case, trusting(&base.key));
    assert_eq!((count(&said.not_covered, "the last "), newest(&said)), (0, Some(size)));
    assert_eq!((said.checkpoints, said.exit_code()), (4, 0));
}

/// Without a root from elsewhere a rollback, or more, is left open; with one of either kind nothing.
#[test]
fn what_only_somebody_outside_knows_is_left_open_until_he_is_asked() {
    let base = Base::new(1, 1);
    let case = case(&base);
    let (size, root): (TreeSize, Hash) = (base.head.size, base.head.root);
    let (rollback, anchor) = ("a rollback: ", "any outside anchor: ");
    for (options, wanted) in [
        (VerifyOptions::new(), [0, 1]),
        (trusting(&base.key), [1, 0]),
        (VerifyOptions::new().against(size, root), [0, 0]),
        (VerifyOptions::new().seen(size, root), [0, 0]),
        (trusting(&base.key).seen(size, root), [0, 0]),
    ] {
        let said = report(&case, options).not_covered;
        assert_eq!([rollback, anchor].map(|words| count(&said, words)), wanted, "{said:?}");
    }
}

#[test]
fn checkpoints_of_other_entries_are_counted_and_none_of_them_is_the_newest() {
    let base = Base::new(1, 1);
    let mut case = case(&base);
    let honest = case.notes();
    let wrong = Hash([7; 32]);
    for (count, more) in [(1, ""), (2, ", nor are 1 later ones"), (3, ", nor are 2 later ones")] {
        let mut notes = honest.clone();
        for (note, size) in notes.iter_mut().zip(&base.signed).skip(3 - count) {
            *note = case.note(&base.key, *size, wrong);
        }
        case.record(&notes);
        let said = report(&case, trusting(&base.key));
        let first = base.signed[3 - count];
        let words = format!("the checkpoint of size {first} is not of these entries{more}");
        assert_eq!(said.findings[0].message, words, "{said:#?}");
        // Signed by the right key, and still not what the log keeps.
        assert_eq!(newest(&said), (count < 3).then(|| base.signed[2 - count]));
    }
}

#[test]
fn checkpoints_that_cannot_be_judged_are_counted() {
    let base = Base::new(1, 1);
    let mut case = case(&base);
    let stranger = SigningKey::from_seed("another.example/log", &[8; 32]).unwrap();
    let said = report(&case, trusting(&stranger));
    let words = "3 recorded checkpoints are signed by other keys than those given";
    assert_eq!((count(&said.notes, words), newest(&said)), (1, None));
    let said = report(&case, trusting(&base.key));
    assert!(!said.notes.iter().any(|words| words.contains("signed by other keys")), "{said:#?}");
    assert!(
        !said.not_covered.iter().any(|words| words.contains("checkpoints, since")),
        "{said:#?}"
    );

    // Behind damage no root is known up to the next segment, and so no checkpoint.
    let (sealed, _) = case.segments();
    let range = range_of(&case.files[&sealed[0]], Part::Entry(1));
    case.bytes(&sealed[0])[range].fill(0);
    let next: u64 = sealed[1][..20].parse().unwrap();
    let behind = base.signed.iter().filter(|size| **size < next).count();
    assert!(behind > 0 && !base.signed.contains(&next), "{:?}", base.signed);
    let said = report(&case, VerifyOptions::new());
    let words = format!("{behind} checkpoints, since entries are damaged");
    assert_eq!(count(&said.not_covered, &words), 1, "{said:#?}");
}
