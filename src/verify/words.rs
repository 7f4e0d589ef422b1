//! Words: notes that a strange directory can make as many of as it likes, kept to what people read.

use crate::limits::NOTES_MAX;

/// The first so many, and how many more there were.
#[derive(Debug, Default)]
pub(super) struct Words {
    kept: Vec<String>,
    left_out: u64,
}

impl Words {
    pub(super) fn push(&mut self, words: String) {
        if self.kept.len() < NOTES_MAX {
            self.kept.push(words);
        } else {
            self.left_out += 1;
        }
    }

    pub(super) fn extend(&mut self, words: impl IntoIterator<Item = String>) {
        words.into_iter().for_each(|words| self.push(words));
    }

    pub(super) fn append(&mut self, others: Self) {
        self.extend(others.kept);
        self.left_out += others.left_out;
    }

    /// What a report holds.
    pub(super) fn finish(mut self) -> Vec<String> {
        if self.left_out > 0 {
            self.kept.push(format!("and {} more", self.left_out));
        }
        self.kept
    }
}
