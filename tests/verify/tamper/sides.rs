//! Side files: caches. Damaged, old or missing ones are noted; lies under a right digest are found.

use super::base::with_side_files;
use super::case::{Case, Class};
use super::taken::{Seqs, Taken, names};
use witnessmark::Cause::IndexMismatch;
use witnessmark::format::history::HISTORY_NAME;
use witnessmark::hash;

const ROOT: std::ops::Range<usize> = 63..95;
const BODY: usize = 159;

fn side(case: &mut Case<'_>, ending: &str) -> String {
    let names = case.names(ending);
    names[case.numbers.below(names.len())].clone()
}

fn redigest(bytes: &mut [u8]) {
    let end = bytes.len() - 32;
    let digest = hash::seal(&bytes[..end]);
    bytes[end..].copy_from_slice(&digest.0);
}

fn forge(case: &mut Case<'_>, ending: &str) {
    let name = side(case, ending);
    let (len, bit) = (case.files[&name].len() - 32, case.numbers.below(8));
    let at = BODY + case.numbers.below(len - BODY);
    let bytes = case.bytes(&name);
    bytes[at] ^= 1 << bit;
    redigest(bytes);
    case.at(&name, None);
}

/// Gives the index of a log in which one entry is another agent's, as the index of this one: the
/// entry is not found under its agent any more, but under `who`.
fn redirect(case: &mut Case<'_>, who: fn(&str, &[String]) -> Option<String>) {
    let mut taken = case.taken();
    let mut all: Vec<String> = taken.frames().filter_map(|f| names(f)).map(|[w, _]| w).collect();
    all.sort();
    all.dedup();
    let (_, _, index) = case.entry();
    let frame = taken.frame(index);
    let [agent, _] = names(frame).unwrap();
    let with = who(&agent, &all).unwrap();
    assert_eq!(agent.len(), with.len());
    let at = frame.windows(agent.len()).position(|window| window == agent.as_bytes()).unwrap();
    frame[at..at + agent.len()].copy_from_slice(with.as_bytes());
    let forged = with_side_files(&taken.rebuild(Seqs::Counted));
    let (s, ..) = taken.place(index);
    let name = case.names(".index")[s].clone();
    let mut bytes = forged[&name].clone();
    bytes[ROOT].copy_from_slice(&case.files[&name][ROOT]);
    // Whose log it is stays as it was, too: `rebuild` keeps log id and generation.
    redigest(&mut bytes);
    assert_ne!(bytes, case.files[&name]);
    case.files.insert(name.clone(), bytes);
    case.at(&name, None);
}

pub(super) const CLASSES: &[Class] = &[
    Class::found(
        "index-hides-an-entry",
        IndexMismatch,
        "an index that lists an entry under no agent that is asked for, digest right",
        |case| {
            redirect(case, |agent, _| Some(agent.replace("agent-", "nobod-")));
        },
    )
    .blind(),
    Class::found(
        "index-redirects-an-entry",
        IndexMismatch,
        "an index that lists an entry under another agent, digest right",
        |case| {
            redirect(case, |agent, all| all.iter().find(|other| *other != agent).cloned());
        },
    )
    .blind(),
    Class::found(
        "index-forged",
        IndexMismatch,
        "a byte of an index changed, digest right",
        |case| {
            forge(case, ".index");
        },
    )
    .blind(),
    Class::found(
        "nodes-forged",
        IndexMismatch,
        "a byte of the stored nodes changed, digest right",
        |case| {
            forge(case, ".nodes");
        },
    )
    .blind(),
    Class::benign(
        "side-file-bit",
        "a bit of an index or of stored nodes: the digest tells, and it is made again",
        |case| {
            let ending = case.pick(&[".index", ".nodes"]);
            let name = side(case, ending);
            let len = case.files[&name].len();
            case.flip_in(&name, 0..len);
        },
    ),
    Class::benign("side-files-missing", "some or all side files deleted", |case| {
        let every = 1 + case.below(3);
        let mut at = 0;
        case.files.retain(|name, _| {
            let is_side = name.ends_with(".index") || name.ends_with(".nodes");
            at += u64::from(is_side);
            !is_side || at % every != 0
        });
    }),
    Class::benign("side-files-old", "side files of another generation, digest right", |case| {
        for ending in [".index", ".nodes"] {
            let name = side(case, ending);
            let bytes = case.bytes(&name);
            bytes[47] ^= 1;
            redigest(bytes);
        }
    }),
    Class::benign("side-files-of-another-log", "side files of another log of that name", |case| {
        for ending in [".index", ".nodes"] {
            let name = side(case, ending);
            let foreign = case.other.files[&name].clone();
            case.files.insert(name, foreign);
        }
    }),
    Class::benign("side-files-cut", "side files that end early, or are empty", |case| {
        for ending in [".index", ".nodes"] {
            let name = side(case, ending);
            let len = case.files[&name].len();
            let len = case.numbers.below(len);
            case.bytes(&name).truncate(len);
        }
    }),
];

/// What a rebuild leaves out is what these classes rest on.
#[test]
fn a_log_taken_apart_and_put_together_is_the_same_log() {
    for align in [1, 512] {
        let base = super::base::Base::new(align, 1);
        let mut files = base.files.clone();
        files.retain(|name, _| name.ends_with(".seg") || name == "log.id");
        let taken = Taken::of(&files);
        assert!(taken.rebuild(Seqs::Kept) == files && taken.rebuild(Seqs::Counted) == files);
        for (number, (name, bytes)) in files.iter().filter(|(n, _)| n.ends_with(".seg")).enumerate()
        {
            assert!(taken.rebuild_one(number) == (name.clone(), bytes.clone()), "{name}");
        }
        files.insert(HISTORY_NAME.to_owned(), base.files[HISTORY_NAME].clone());
        assert!(with_side_files(&files) == base.files, "side files are made again the same");
    }
}
