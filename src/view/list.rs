//! Part lists: the parts of a log as they are between two changes, and what is known of them.
//!
//! A list never changes; the next one takes over what still holds. So the totals that somebody
//! added up serve every view of the same parts, and a view of older parts never meets newer ones.

use super::part::Part;
use crate::format::terms::Key;
use crate::index::Totals;
use crate::sync::{Arc, Mutex};

/// What is known of the totals of one key.
#[derive(Clone, Debug, Default)]
pub(crate) enum Kept {
    /// Totals of so many parts, the first ones.
    Of(usize, Arc<Totals>),
    /// Nobody has asked yet.
    #[default]
    Nothing,
    /// There are more terms than fit.
    TooMany,
}

/// The parts of a log, by ascending index.
#[derive(Debug, Default)]
pub(crate) struct PartList {
    parts: Vec<Arc<Part>>,
    /// Held for a few stores only, for the committer takes it when a segment is full.
    totals: Mutex<[Kept; Key::COUNT]>,
}

impl PartList {
    /// A list of these parts, of which nothing is known.
    pub(crate) fn new(parts: Vec<Arc<Part>>) -> Self {
        Self { parts, totals: Mutex::default() }
    }

    /// The list that comes after this one, with the totals whose parts are still the same ones.
    pub(crate) fn next(&self, parts: Vec<Arc<Part>>) -> Self {
        let same = self.parts.iter().zip(&parts).take_while(|(old, new)| Arc::ptr_eq(old, new));
        let same = same.count();
        let totals = self.totals.lock().clone().map(|kept| match kept {
            Kept::Of(parts, _) if parts > same => Kept::Nothing,
            kept => kept,
        });
        Self { parts, totals: Mutex::new(totals) }
    }

    pub(crate) fn parts(&self) -> &[Arc<Part>] {
        &self.parts
    }

    /// What is known of the totals of a key.
    pub(crate) fn kept(&self, key: Key) -> Kept {
        self.totals.lock().get(key.slot()).cloned().unwrap_or_default()
    }

    /// Takes note of the totals of a key.
    pub(crate) fn keep(&self, key: Key, kept: Kept) {
        let slot = |slot: &mut Kept| std::mem::replace(slot, kept);
        // What was kept before is freed when the lock is no longer held.
        let _before = self.totals.lock().get_mut(key.slot()).map(slot);
    }
}
