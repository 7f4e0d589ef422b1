//! The matrix itself: every class, several times, alone and with an anchor.

use super::base::{Base, storage_of};
use super::case::{Case, Class, Odd, Say};
use super::classes;
use crate::Numbers;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use witnessmark::{Cause, Report, Verdict, VerifyOptions, verify, verify_storage};

/// Where the random choices of one test begin: `WMARK_TAMPER_SEED`, or the time.
pub(super) fn seed() -> u64 {
    let given = std::env::var("WMARK_TAMPER_SEED").ok();
    let seed = given.map_or_else(
        || std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos().into(),
        |text| text.parse().unwrap(),
    );
    println!("seed {seed} (WMARK_TAMPER_SEED={seed} repeats the choices)");
    seed
}

/// How often each class is tried: `WMARK_TAMPER_ROUNDS`, or what is given here.
pub(super) fn rounds(usual: u64) -> u64 {
    std::env::var("WMARK_TAMPER_ROUNDS").map_or(usual, |text| text.parse().unwrap())
}

/// Two logs of each alignment: one that is tampered with, and one of the same name.
pub(super) struct Bases([(Base, Base); 2]);

impl Bases {
    pub(super) fn new() -> Self {
        Self([1, 512].map(|align| (Base::new(align, 1), Base::new(align, 2))))
    }

    /// Does what the class says, with choices that follow from the seed.
    pub(super) fn apply(&self, class: &Class, seed: u64) -> Case<'_> {
        // Snapshots are kept of the unpadded log alone.
        let needs_states = class.name.starts_with("rolled-back");
        let pair = usize::from(!needs_states && seed.is_multiple_of(3));
        let (base, other) = &self.0[pair];
        let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for byte in class.name.bytes() {
            numbers.0 = numbers.0.rotate_left(7) ^ u64::from(byte);
            let _ = numbers.below(2);
        }
        let files = base.files.clone();
        let odd = BTreeMap::new();
        let mut case =
            Case { base, other, numbers, files, odd, on_disk: None, index: None, file: None };
        (class.apply)(&mut case);
        case
    }
}

/// Writes a case as a directory. Pages of zeros become holes.
pub(super) fn write(case: &Case<'_>, dir: &Path) {
    use std::os::unix::fs::FileExt as _;
    fs::create_dir_all(dir).unwrap();
    for (name, bytes) in &case.files {
        let path = dir.join(name);
        let path = match case.odd.get(name) {
            None => path,
            Some(Odd::Link) => {
                let outside = dir.with_extension(format!("{name}.outside"));
                std::os::unix::fs::symlink(&outside, &path).unwrap();
                outside
            }
            Some(Odd::Folder) => {
                fs::create_dir(&path).unwrap();
                continue;
            }
            Some(Odd::Pipe) => {
                let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
                assert!(made.success());
                continue;
            }
        };
        let file = fs::File::create(&path).unwrap();
        file.set_len(bytes.len() as u64).unwrap();
        for (at, page) in bytes.chunks(4096).enumerate() {
            if page.iter().any(|byte| *byte != 0) {
                file.write_all_at(page, at as u64 * 4096).unwrap();
            }
        }
    }
    if let Some(act) = case.on_disk {
        act(dir);
    }
}

fn options(case: &Case<'_>, class: &Class, is_anchored: bool) -> VerifyOptions {
    let mut options = VerifyOptions::new().threads(1);
    if class.is_keyed {
        options = options.key(case.base.key.verifier());
    }
    let head = case.base.head;
    if is_anchored { options.against(head.size, head.root) } else { options }
}

fn report(case: &Case<'_>, options: &VerifyOptions) -> Report {
    if case.odd.is_empty() && case.on_disk.is_none() {
        return verify_storage(&storage_of(&case.files), options).unwrap();
    }
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("log");
    write(case, &dir);
    verify(&dir, options).unwrap()
}

/// Why a report is not what the class expects.
fn misses(
    case: &Case<'_>,
    class: &Class,
    say: Say,
    report: &Report,
    is_anchored: bool,
) -> Option<String> {
    if report.exit_code() != say.exit_code() {
        return Some(format!("status {}, wanted {}", report.exit_code(), say.exit_code()));
    }
    let Say::Found(cause) = say else {
        let verdict =
            if say == Say::Gaps { Verdict::IntactWithDeclaredGaps } else { Verdict::Intact };
        let is_right = report.verdict == verdict && report.findings.is_empty();
        return (!is_right).then(|| "findings where nothing is wrong".to_owned());
    };
    // What is found only thanks to the anchor has no place in the files.
    let is_outside = is_anchored && class.alone != class.anchored;
    let is_it = |finding: &&witnessmark::Finding| {
        finding.cause == cause
            && (is_outside
                || case.file.as_ref().is_none_or(|file| *file == finding.file)
                    && case.index.is_none_or(|index| finding.index == Some(index.into())))
    };
    if report.findings.iter().find(is_it).is_none() {
        return Some(format!("no {cause} in {:?} at {:?}", case.file, case.index));
    }
    let outside = [Cause::Truncated, Cause::Forked];
    let may_be = |found: &Cause| {
        *found == cause || class.also.contains(found) || is_anchored && outside.contains(found)
    };
    let strange = report.findings.iter().map(|f| f.cause).find(|found| !may_be(found));
    strange.map(|found| format!("{found} was not expected"))
}

#[test]
fn every_class_is_judged_as_the_table_says() {
    let (seed, rounds, bases) = (seed(), rounds(3), Bases::new());
    let (mut cases, mut wrong) = (0, Vec::new());
    let classes = classes();
    for class in &classes {
        for round in 0..rounds {
            let case = bases.apply(class, seed.wrapping_add(round));
            for (is_anchored, say) in [(false, class.alone), (true, class.anchored)] {
                let report = report(&case, &options(&case, class, is_anchored));
                cases += 1;
                if let Some(why) = misses(&case, class, say, &report, is_anchored) {
                    let found: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
                    wrong.push(format!(
                        "{} (seed {}, anchored: {is_anchored}): {why}\n  {}",
                        class.name,
                        seed.wrapping_add(round),
                        found.join("\n  ")
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {cases} wrong:\n{}", wrong.len(), wrong.join("\n"));
    println!("{} classes, {cases} judgements, all as expected", classes.len());
}

/// A snapshot of the directory of a running writer, at every group: right in itself, and caught by
/// whoever knows the log's head.
#[test]
fn every_earlier_state_is_a_log_and_a_rollback_to_it_is_caught() {
    let bases = Bases::new();
    let base = &bases.0[0].0;
    assert!(base.states.len() > 40);
    for (at, files) in base.states.iter().enumerate() {
        let storage = storage_of(files);
        let alone = verify_storage(&storage, &VerifyOptions::new().threads(1)).unwrap();
        assert_eq!((alone.findings.as_slice(), alone.exit_code()), (&[][..], 0), "state {at}");
        let anchor = VerifyOptions::new().threads(1).against(base.head.size, base.head.root);
        let report = verify_storage(&storage, &anchor).unwrap();
        let causes: Vec<_> = report.findings.iter().map(|finding| finding.cause).collect();
        let is_last = alone.size == base.head.size;
        assert_eq!(causes == [Cause::Truncated], !is_last, "state {at}: {causes:?}");
        let seen = VerifyOptions::new().threads(1).seen(base.head.size, base.head.root);
        assert_eq!(verify_storage(&storage, &seen).unwrap().is_intact(), is_last);
    }
}
