//! The text of an entry's `source` field: what is known of where the entry came from.
//!
//! ```text
//! {"entry_hash":"5af7...","previous_hash":"","ingest":{"file":...,"line":...,"offset":...}}
//!  \__ the original's own hashes, as given __/ \__ how far its file had been read by then __/
//! ```
//!
//! Invariant: the position is about the reading and not about the entry, so two entries that differ
//! in it alone are the same entry. What a position means is known to `import` only.

use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The member that holds a reading position.
pub(crate) const POSITION_KEY: &str = "ingest";

type Members<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// The text of a source with a position added; `source` is an object's text or nothing.
#[must_use]
pub(crate) fn with_position(source: Option<&str>, position: &str) -> String {
    let inner = source.and_then(|text| text.strip_prefix('{')?.strip_suffix('}'));
    match inner.filter(|inner| !inner.is_empty()) {
        Some(inner) => format!("{{{inner},\"{POSITION_KEY}\":{position}}}"),
        None => format!("{{\"{POSITION_KEY}\":{position}}}"),
    }
}

/// The position in the text of a source, as JSON text; `None` when there is none.
#[must_use]
pub(crate) fn position(source: &str) -> Option<&str> {
    if !source.contains(POSITION_KEY) {
        return None;
    }
    let members: Members<'_> = serde_json::from_str(source).ok()?;
    members.get(POSITION_KEY).map(|raw| raw.get())
}

/// Whether two texts say the same of where an entry came from, positions aside.
#[must_use]
pub(crate) fn is_same_origin(one: Option<&str>, other: Option<&str>) -> bool {
    if one == other {
        return true;
    }
    match (origin(one), origin(other)) {
        (Some(one), Some(other)) => {
            let texts = |members: Members<'_>| -> Vec<(String, String)> {
                let pair = |(key, raw): (Cow<'_, str>, &RawValue)| (key.into(), raw.get().into());
                members.into_iter().map(pair).collect()
            };
            texts(one) == texts(other)
        }
        _ => false,
    }
}

fn origin(source: Option<&str>) -> Option<Members<'_>> {
    let mut members: Members<'_> = match source {
        None => return Some(BTreeMap::new()),
        Some(text) => serde_json::from_str(text).ok()?,
    };
    members.remove(POSITION_KEY);
    Some(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_added_and_found_again() {
        let alone = with_position(None, "{\"line\":1}");
        assert_eq!(alone, "{\"ingest\":{\"line\":1}}");
        let both = with_position(Some("{\"entry_hash\":\"ab\"}"), "{\"line\":2}");
        assert_eq!(both, "{\"entry_hash\":\"ab\",\"ingest\":{\"line\":2}}");
        assert_eq!(with_position(Some("{}"), "{\"line\":1}"), alone);
        assert_eq!(
            (position(&alone), position(&both)),
            (Some("{\"line\":1}"), Some("{\"line\":2}"))
        );
        assert_eq!(position("{\"entry_hash\":\"ingest\"}"), None);
        assert_eq!(position("ingest"), None);
    }

    #[test]
    fn entries_that_differ_in_position_alone_are_the_same() {
        let hashes = "{\"entry_hash\":\"ab\"}";
        let placed = with_position(Some(hashes), "{\"line\":2}");
        assert!(is_same_origin(Some(hashes), Some(&placed)));
        assert!(is_same_origin(None, Some(&with_position(None, "{}"))));
        assert!(!is_same_origin(Some("{\"entry_hash\":\"ac\"}"), Some(&placed)));
        assert!(!is_same_origin(None, Some(&placed)));
        assert!(!is_same_origin(Some("not JSON"), Some(&placed)));
    }
}
