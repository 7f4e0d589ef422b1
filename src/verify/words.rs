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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_on_either_side_is_counted() {
        let words = |count: usize| {
            let mut words = Words::default();
            words.extend((0..count).map(|n| n.to_string()));
            words
        };
        for (a, b) in [(NOTES_MAX, 1), (NOTES_MAX + 2, NOTES_MAX + 3), (1, NOTES_MAX + 4), (3, 4)] {
            let mut all = words(a);
            all.append(words(b));
            let (finished, beyond) = (all.finish(), (a + b).saturating_sub(NOTES_MAX));
            let last = finished.last().unwrap();
            assert_eq!(last.starts_with("and "), beyond > 0, "{a} {b}");
            assert!(beyond == 0 || *last == format!("and {beyond} more"), "{a} {b}: {last}");
            assert_eq!(finished.len(), (a + b).min(NOTES_MAX) + usize::from(beyond > 0));
        }
    }
}
