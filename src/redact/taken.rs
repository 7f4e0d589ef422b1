//! What was taken out of an entry, as it is recorded in it.
//!
//! A JSON array of objects with `path` (RFC 6901, from the entry), `rule`, `mode`, and `count` when
//! the same rule took more than one thing from the same place. Its length is bounded; what finds no
//! room is counted in a last element with an empty path.

use super::mask::Mode;
use crate::limits::REDACTION_RECORD_BYTES_MAX;

/// What was taken out so far.
#[derive(Debug)]
pub(super) struct Taken {
    mode: Mode,
    text: String,
    last: Option<(String, String, u32)>,
    more: u32,
    /// How many things were taken out.
    pub(super) count: u32,
}

impl Taken {
    pub(super) fn new(mode: Mode) -> Self {
        Self { mode, text: String::new(), last: None, more: 0, count: 0 }
    }

    /// Notes one thing.
    pub(super) fn note(&mut self, path: String, rule: &str) {
        self.count += 1;
        match &mut self.last {
            Some((last, of, count)) if *last == path && of == rule => *count += 1,
            _ => {
                self.write_last();
                self.last = Some((path, rule.to_owned(), 1));
            }
        }
    }

    fn write_last(&mut self) {
        let Some((path, rule, count)) = self.last.take() else { return };
        let element = self.element(&path, &rule, count);
        // Room for the last element, which tells how many there was no room for.
        const RESERVE: usize = 80;
        if self.text.len() + element.len() + RESERVE > REDACTION_RECORD_BYTES_MAX {
            self.more += count;
            return;
        }
        self.push(&element);
    }

    fn push(&mut self, element: &str) {
        self.text.push(if self.text.is_empty() { '[' } else { ',' });
        self.text += element;
    }

    fn element(&self, path: &str, rule: &str, count: u32) -> String {
        let path = serde_json::to_string(path).unwrap_or_default();
        let mode = self.mode.as_str();
        let count = if count > 1 { format!(",\"count\":{count}") } else { String::new() };
        format!("{{\"path\":{path},\"rule\":\"{rule}\",\"mode\":\"{mode}\"{count}}}")
    }

    /// The record; `None` when nothing was taken out.
    pub(super) fn finish(mut self) -> Option<String> {
        self.write_last();
        if self.more > 0 {
            let element = self.element("", "", self.more);
            self.push(&element);
        }
        (!self.text.is_empty()).then(|| self.text + "]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_is_json_of_bounded_length_and_loses_no_count() {
        let mut taken = Taken::new(Mode::Mask);
        for i in 0..5000 {
            taken.note(format!("/data/\"{}", i / 2), "jwt");
        }
        let text = taken.finish().unwrap();
        assert!(text.len() <= REDACTION_RECORD_BYTES_MAX);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let elements = value.as_array().unwrap();
        assert_eq!((&elements[0]["path"], &elements[0]["count"]), (&"/data/\"0".into(), &2.into()));
        let total: u64 = elements.iter().map(|one| one["count"].as_u64().unwrap_or(1)).sum();
        assert_eq!(total, 5000);
        assert!(Taken::new(Mode::Mask).finish().is_none());
    }
}
