//! Promises: what the log was seen to be before. Its checkpoint history, and states it had earlier.

use super::case::{Case, Class};
use super::groups::groups;
use super::segments::first_of;
use super::taken::Files;
use crate::{Part, range_of};
use witnessmark::Cause::{
    BadSignature, BitRot, Edited, Forked, TornTail, Truncated, Unreadable, Unsigned,
};
use witnessmark::format::history::{HISTORY_NAME, encode};
use witnessmark::{Checkpoint, Hash, SigningKey};

/// The last segment, and the beginning and first index of a group in it, at `from` or above.
pub(super) fn group_from(case: &mut Case<'_>, from: u64) -> (String, usize, u64) {
    let (_, last) = case.segments();
    let mut groups = groups(&case.files[&last]);
    let size = case.size();
    groups.retain(|(_, first)| (from..size).contains(first));
    let (range, first) = groups[case.numbers.below(groups.len())].clone();
    (last, range.start, first)
}

/// An earlier state, its history as it was then.
fn earlier(case: &mut Case<'_>) -> Files {
    let at = case.numbers.below(case.base.states.len() - 1);
    case.base.states[at].clone()
}

fn last_signed(case: &Case<'_>) -> u64 {
    *case.base.signed.last().unwrap()
}

/// Ends, rollbacks, and nothing left at all.
pub(super) const LOSSES: &[Class] = &[
    Class::hidden(
        "rolled-back",
        Truncated,
        "the directory put back to an earlier state, history and all",
        |case| {
            case.files = earlier(case);
        },
    ),
    Class::found(
        "rolled-back-beside-its-history",
        Truncated,
        "segments put back to an earlier state, the history left",
        |case| {
            let at = case.numbers.below(case.base.states.len() / 2);
            let history = case.files[HISTORY_NAME].clone();
            case.files = case.base.states[at].clone();
            case.files.insert(HISTORY_NAME.to_owned(), history);
            case.at(HISTORY_NAME, None);
        },
    )
    .also(&[TornTail]),
    Class::hidden(
        "cut-above-the-checkpoint",
        Truncated,
        "entries cut off that are newer than every recorded checkpoint",
        |case| {
            let (name, at, _) = group_from(case, last_signed(case));
            case.bytes(&name).truncate(at);
        },
    ),
    Class::found(
        "cut-below-the-checkpoint",
        Truncated,
        "entries cut off that a recorded checkpoint covers",
        |case| {
            // The segment that ended before the last checkpoint is the last one again.
            let signed = last_signed(case);
            let (mut sealed, last) = case.segments();
            sealed.push(last);
            let at = sealed.iter().rposition(|name| first_of(name) < signed).unwrap();
            let name = sealed[at].clone();
            for gone in &sealed[at + 1..] {
                case.files.remove(gone);
            }
            let first = first_of(&name);
            let cut = range_of(&case.files[&name], Part::Group(first)).start;
            case.bytes(&name).truncate(cut);
            case.at(HISTORY_NAME, first);
        },
    ),
    Class::found(
        "cut-within-a-group",
        TornTail,
        "the last segment cut within a group that no checkpoint covers",
        |case| {
            let (name, at, first) = group_from(case, last_signed(case));
            let len = at + 1 + case.numbers.below(90);
            case.bytes(&name).truncate(len);
            case.at(&name, first);
        },
    )
    .anchored(Truncated)
    .also(&[TornTail]),
    Class::hidden("emptied", Truncated, "every segment removed, and the history", |case| {
        case.files.retain(|name, _| name == "log.id");
    }),
    Class::found(
        "emptied-beside-its-history",
        Truncated,
        "every segment removed, the history left",
        |case| {
            case.files.retain(|name, _| !name.ends_with(".seg"));
            case.at(HISTORY_NAME, 0);
        },
    ),
];

fn stranger() -> SigningKey {
    SigningKey::from_seed("stranger.example/log", &[77; 32]).unwrap()
}

/// A note by somebody who has another key of the same name.
fn impostor() -> SigningKey {
    SigningKey::from_seed(super::base::ORIGIN, &[78; 32]).unwrap()
}

/// Changes the last checkpoint's text under a right checksum; the signature stays.
fn forge_text(case: &mut Case<'_>, line: usize, with: &str) {
    let mut notes = case.notes();
    let last = notes.last_mut().unwrap();
    let mut lines: Vec<&str> = last.split('\n').collect();
    lines[line] = with;
    *last = lines.join("\n");
    case.record(&notes);
    case.at(HISTORY_NAME, None);
}

/// The history of what was signed.
pub(super) const CLASSES: &[Class] = &[
    Class::found("history-bit", BitRot, "a bit of a recorded checkpoint before the last", |case| {
        let len = encode(&case.notes()[0]).len();
        case.flip_in(HISTORY_NAME, 0..len);
        case.at(HISTORY_NAME, None);
    }),
    Class::found("history-noise", BitRot, "bytes behind the last record that are none", |case| {
        case.bytes(HISTORY_NAME).extend([b'#'; 80]);
        case.at(HISTORY_NAME, None);
    }),
    Class::benign("history-torn", "half a record at the end: a crash while signing", |case| {
        let size = case.size();
        let note = case.note(&case.base.key, size, case.base.head.root);
        let record = encode(&note);
        let len = 1 + case.numbers.below(record.len() - 1);
        case.bytes(HISTORY_NAME).extend(&record[..len]);
    }),
    Class::found("history-reordered", Edited, "two recorded checkpoints exchanged", |case| {
        let mut notes = case.notes();
        let at = case.numbers.below(notes.len() - 1);
        notes.swap(at, at + 1);
        case.record(&notes);
        case.at(HISTORY_NAME, None);
    }),
    Class::benign("history-doubled", "a recorded checkpoint twice: it is kept twice", |case| {
        let mut notes = case.notes();
        let at = case.numbers.below(notes.len());
        notes.insert(at, notes[at].clone());
        case.record(&notes);
    }),
    Class::benign(
        "history-shortened",
        "the last recorded checkpoints removed: the entries are all there",
        |case| {
            let mut notes = case.notes();
            let left = 1 + case.numbers.below(notes.len() - 1);
            notes.truncate(left);
            case.record(&notes);
        },
    )
    .keyed(),
    Class::benign("history-removed", "the history removed, no key known", |case| {
        case.forget_history()
    }),
    Class::found(
        "history-removed-key-known",
        Unsigned,
        "the history removed, the log's key known",
        |case| {
            case.forget_history();
        },
    )
    .keyed(),
    Class::found(
        "history-root-forged",
        Forked,
        "another root in a recorded checkpoint, CRC right",
        |case| {
            forge_text(case, 2, "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=");
        },
    ),
    Class::found(
        "history-size-forged",
        Truncated,
        "a size beyond the log in a recorded checkpoint, CRC right",
        |case| {
            let size = (case.size() + 1 + case.below(1000)).to_string();
            forge_text(case, 1, &size);
        },
    ),
    Class::found(
        "history-origin-forged",
        Edited,
        "another origin in a recorded checkpoint, CRC right",
        |case| {
            forge_text(case, 0, "other.example/agents");
        },
    ),
    Class::found(
        "history-signature-forged",
        BadSignature,
        "a right text under a signature that is not the key's",
        |case| {
            let mut notes = case.notes();
            let last = notes.len() - 1;
            // Not the last character: two of its bits are padding, and one that sets them is no base64.
            let at = notes[last].rfind('=').unwrap() - 2 - case.numbers.below(60);
            let old = notes[last].as_bytes()[at];
            let new = if old == b'A' { "B" } else { "A" };
            notes[last].replace_range(at..=at, new);
            case.record(&notes);
            case.at(HISTORY_NAME, None);
        },
    )
    .keyed(),
    Class::found(
        "history-of-another-log",
        Edited,
        "a checkpoint of another log, signed by its key",
        |case| {
            let key = stranger();
            let size = case.size();
            let note = Checkpoint::new(key.name(), size.into(), case.base.head.root);
            let note = note.and_then(|c| c.sign(&[&key])).unwrap().to_string();
            let mut notes = case.notes();
            notes.push(note);
            case.record(&notes);
            case.at(HISTORY_NAME, None);
        },
    ),
    Class::found(
        "history-not-a-checkpoint",
        Edited,
        "a record that holds no checkpoint, CRC right",
        |case| {
            let mut notes = case.notes();
            let text = case.pick(&["nothing\n", "a\nb\n\n\u{2014} x AAAAAAA=\n", "\n\n"]);
            notes.insert(1, text.to_owned());
            case.record(&notes);
            case.at(HISTORY_NAME, None);
        },
    ),
    Class::benign(
        "history-by-another-key",
        "a true checkpoint signed by another key of that name",
        |case| {
            let size = case.size();
            let note = case.note(&impostor(), size, case.base.head.root);
            let mut notes = case.notes();
            notes.push(note);
            case.record(&notes);
        },
    )
    .keyed(),
    Class::found(
        "history-by-another-key-alone",
        Unsigned,
        "every recorded checkpoint signed by another key of that name",
        |case| {
            let size = case.size();
            let note = case.note(&impostor(), size, case.base.head.root);
            case.record(&[note]);
            case.at(HISTORY_NAME, None);
        },
    )
    .keyed(),
    Class::found(
        "replaced-key-known",
        Unsigned,
        "another log of the same name, whole, the log's key known",
        |case| {
            case.files = case.other.files.clone();
            case.at(HISTORY_NAME, None);
        },
    )
    .keyed()
    .anchored(Forked)
    .also(&[Unsigned]),
    Class::found(
        "history-odd",
        Unreadable,
        "a link, a directory or a pipe in the history's place",
        |case| {
            let odd = case.pick(&[
                super::case::Odd::Link,
                super::case::Odd::Folder,
                super::case::Odd::Pipe,
            ]);
            case.odd.insert(HISTORY_NAME.to_owned(), odd);
            case.at(HISTORY_NAME, None);
        },
    ),
    Class::found(
        "history-forged-whole",
        Forked,
        "a checkpoint of a root that never was, signed by another key",
        |case| {
            let size = case.size();
            let note = case.note(&impostor(), size, Hash([5; 32]));
            case.record(&[note]);
            case.at(HISTORY_NAME, None);
        },
    ),
];
