//! One case: a directory after somebody was at it, and what must be said of it.

use super::base::Base;
use super::taken::{Files, Seqs, Taken};
use crate::forgeries::reseal;
use crate::{Numbers, Part, parts};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use witnessmark::format::history::{HISTORY_NAME, encode};
use witnessmark::{Cause, Checkpoint, Hash, SigningKey};

/// What is said of a directory.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Say {
    /// Nothing is wrong with it: status 0, no finding.
    Intact,
    /// Right, but for entries whose erasure the log declares: status 4, no finding.
    Gaps,
    /// This cause, at the entry and in the file the case names.
    Found(Cause),
}

impl Say {
    pub(super) fn exit_code(self) -> u8 {
        match self {
            Self::Intact => 0,
            Self::Gaps => 4,
            Self::Found(cause) if cause.is_proof() => 1,
            Self::Found(Cause::Unreadable | Cause::UnknownVersion) => 3,
            Self::Found(_) => 4,
        }
    }

    pub(super) fn words(self) -> String {
        match self {
            Self::Intact => "intact".to_owned(),
            Self::Gaps => "intact, gaps declared".to_owned(),
            Self::Found(cause) => format!("{cause}"),
        }
    }
}

/// What the second reader (docs/verify.py) is asked to say.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Twin {
    /// The same.
    Same,
    /// Nothing: it reads no side files.
    Blind,
}

/// Something that may be done to a log.
#[derive(Clone, Copy)]
pub(super) struct Class {
    pub(super) name: &'static str,
    /// What is done, for people.
    pub(super) done: &'static str,
    /// What the files alone tell.
    pub(super) alone: Say,
    /// What they tell together with size and root from outside.
    pub(super) anchored: Say,
    /// What may be found beside it.
    pub(super) also: &'static [Cause],
    pub(super) twin: Twin,
    /// Whether the key of the log is known.
    pub(super) is_keyed: bool,
    pub(super) apply: fn(&mut Case<'_>),
}

impl Class {
    /// A class that is found in the files alone.
    pub(super) const fn found(
        name: &'static str,
        cause: Cause,
        done: &'static str,
        apply: fn(&mut Case<'_>),
    ) -> Self {
        let say = Say::Found(cause);
        let (also, twin) = (&[], Twin::Same);
        Self { name, done, alone: say, anchored: say, also, twin, is_keyed: false, apply }
    }

    /// A class that changes nothing that is evidence.
    pub(super) const fn benign(
        name: &'static str,
        done: &'static str,
        apply: fn(&mut Case<'_>),
    ) -> Self {
        let class = Self::found(name, Cause::BitRot, done, apply);
        Self { alone: Say::Intact, anchored: Say::Intact, ..class }
    }

    /// A class that the files alone cannot tell from a log that was written so.
    pub(super) const fn hidden(
        name: &'static str,
        cause: Cause,
        done: &'static str,
        apply: fn(&mut Case<'_>),
    ) -> Self {
        Self { alone: Say::Intact, ..Self::found(name, cause, done, apply) }
    }

    pub(super) const fn also(self, also: &'static [Cause]) -> Self {
        Self { also, ..self }
    }

    pub(super) const fn keyed(self) -> Self {
        Self { is_keyed: true, ..self }
    }

    pub(super) const fn blind(self) -> Self {
        Self { twin: Twin::Blind, ..self }
    }

    pub(super) const fn anchored(self, cause: Cause) -> Self {
        Self { anchored: Say::Found(cause), ..self }
    }

    /// What the second reader's status must be.
    pub(super) fn twin_code(&self, say: Say) -> u8 {
        if self.twin == Twin::Blind { 0 } else { say.exit_code() }
    }
}

/// What stands under a name that is not a plain file, or not only one.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Odd {
    /// A link to the file's bytes, outside the directory.
    Link,
    Folder,
    Pipe,
}

/// A directory in the making.
pub(super) struct Case<'a> {
    pub(super) base: &'a Base,
    /// Another log of the same name and shape.
    pub(super) other: &'a Base,
    pub(super) numbers: Numbers,
    pub(super) files: Files,
    pub(super) odd: BTreeMap<String, Odd>,
    /// Something that only a file system can hold.
    pub(super) on_disk: Option<fn(&Path)>,
    /// Where the finding must be.
    pub(super) index: Option<u64>,
    pub(super) file: Option<String>,
}

impl Case<'_> {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.numbers.below(usize::try_from(end).unwrap()) as u64
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.numbers.below(from.len())]
    }

    pub(super) fn size(&self) -> u64 {
        self.base.head.size.get()
    }

    pub(super) fn at(&mut self, file: &str, index: impl Into<Option<u64>>) {
        self.file = Some(file.to_owned());
        self.index = index.into();
    }

    pub(super) fn names(&self, ending: &str) -> Vec<String> {
        self.files.keys().filter(|name| name.ends_with(ending)).cloned().collect()
    }

    /// Names of the sealed segments, and of the last.
    pub(super) fn segments(&self) -> (Vec<String>, String) {
        let mut names = self.names(".seg");
        let last = names.pop().unwrap();
        (names, last)
    }

    pub(super) fn sealed(&mut self) -> String {
        let (sealed, _) = self.segments();
        sealed[self.numbers.below(sealed.len())].clone()
    }

    pub(super) fn bytes(&mut self, name: &str) -> &mut Vec<u8> {
        self.files.get_mut(name).unwrap()
    }

    pub(super) fn flip_in(&mut self, name: &str, range: Range<usize>) {
        let at = range.start + self.numbers.below(range.len());
        let bit = self.numbers.below(8);
        self.bytes(name)[at] ^= 1 << bit;
    }

    /// An entry at random, with one before and one behind it in its segment: file, range, index.
    pub(super) fn entry(&mut self) -> (String, Range<usize>, u64) {
        let name = self.sealed();
        let entries: Vec<_> = parts(&self.files[&name])
            .into_iter()
            .filter_map(|(range, part)| match part {
                Part::Entry(index) => Some((range, index)),
                _ => None,
            })
            .collect();
        let (range, index) = entries[1 + self.numbers.below(entries.len() - 2)].clone();
        (name, range, index)
    }

    /// Makes every checksum of a segment right again, and no hash.
    pub(super) fn reseal(&mut self, name: &str) {
        let resealed = reseal(&self.files[name], |_| {});
        self.files.insert(name.to_owned(), resealed);
    }

    pub(super) fn taken(&self) -> Taken {
        Taken::of(&self.files)
    }

    /// Replaces segments and identity by those of a log made anew. Side files go: they are caches.
    pub(super) fn replace(&mut self, taken: &Taken, seqs: Seqs) {
        self.files.retain(|name, _| name == HISTORY_NAME);
        self.files.extend(taken.rebuild(seqs));
    }

    pub(super) fn forget_history(&mut self) {
        self.files.remove(HISTORY_NAME);
    }

    /// Records of the history: their notes.
    pub(super) fn notes(&self) -> Vec<String> {
        let text = String::from_utf8(self.files[HISTORY_NAME].clone()).unwrap();
        let mut rest = text.as_str();
        let mut notes = Vec::new();
        while !rest.is_empty() {
            let len: usize = rest[11..19].parse().unwrap();
            notes.push(rest[29..29 + len].to_owned());
            rest = &rest[30 + len..];
        }
        notes
    }

    pub(super) fn record(&mut self, notes: &[String]) {
        let bytes = notes.iter().flat_map(|note| encode(note)).collect();
        self.files.insert(HISTORY_NAME.to_owned(), bytes);
    }

    pub(super) fn note(&self, key: &SigningKey, size: u64, root: Hash) -> String {
        let checkpoint = Checkpoint::new(key.name(), size.into(), root);
        checkpoint.and_then(|c| c.sign(&[key])).unwrap().to_string()
    }
}
