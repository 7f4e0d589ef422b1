//! Erasures: entries whose data or body is gone, and the entries that say so.
//!
//! An erased frame keeps every hash, so only a declaration by a later system entry tells an erasure
//! from a removal (FORMAT.md, section 7.1).

use crate::format::frame::Form;

/// An erased entry.
#[derive(Clone, Debug)]
pub(super) struct Erased {
    pub(super) index: u64,
    pub(super) form: Form,
    pub(super) offset: u64,
}

/// A system entry that says which entries were erased.
#[derive(Clone, Debug)]
pub(super) struct Declaration {
    pub(super) index: u64,
    pub(super) of_bodies: bool,
    pub(super) indices: Vec<u64>,
}

impl Declaration {
    /// The declaration in a payload; `None` when it is none.
    pub(super) fn read(index: u64, payload: &[u8]) -> Option<Self> {
        #[derive(serde::Deserialize)]
        struct Keys {
            form: String,
            indices: Vec<u64>,
        }
        let keys: Keys = serde_json::from_slice(payload).ok()?;
        let of_bodies = match keys.form.as_str() {
            "body" => true,
            "data" => false,
            _ => return None,
        };
        Some(Self { index, of_bodies, indices: keys.indices })
    }

    /// Whether it permits this erasure of one of its indices.
    pub(super) fn permits(&self, erased: &Erased) -> bool {
        self.index > erased.index && (self.of_bodies || erased.form == Form::DataErased)
    }
}
