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

/// The erased entries and the declarations of one segment, as far as there is room for them.
#[derive(Debug)]
pub(super) struct Erasures {
    /// How many entries are erased, also of those for which there was none.
    pub(super) count: u64,
    pub(super) erased: Vec<Erased>,
    pub(super) declarations: Vec<Declaration>,
    room: usize,
    /// Whether one of them did not fit.
    pub(super) is_cut: bool,
}

impl Erasures {
    /// None so far; `room` in bytes.
    pub(super) fn within(room: usize) -> Self {
        let (erased, declarations) = (Vec::new(), Vec::new());
        Self { count: 0, erased, declarations, room, is_cut: false }
    }

    pub(super) fn take(&mut self, erased: Erased) {
        self.count += 1;
        if self.fits(size_of::<Erased>()) {
            self.erased.push(erased);
        }
    }

    /// Takes what a system entry declares, if it declares anything.
    pub(super) fn take_declaration(&mut self, index: u64, payload: &[u8]) {
        // A digit and a comma become eight bytes.
        if self.fits(size_of::<Declaration>() + 4 * payload.len()) {
            self.declarations.extend(Declaration::read(index, payload));
        }
    }

    fn fits(&mut self, bytes: usize) -> bool {
        let left = self.room.checked_sub(bytes);
        self.room = left.unwrap_or(self.room);
        self.is_cut |= left.is_none();
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted_and_declarations_are_no_erasures() {
        let erased = |index| Erased { index, form: Form::DataErased, offset: 0 };
        let payload = br#"{"form":"data","indices":[1,2],"reason":"asked for"}"#;
        let need = size_of::<Declaration>() + 4 * payload.len();
        for (room, declared, kept) in [
            (need + 2 * size_of::<Erased>(), 1, 2),
            (need + 2 * size_of::<Erased>() - 1, 1, 1),
            (need - 1, 0, 2.min((need - 1) / size_of::<Erased>())),
        ] {
            let mut found = Erasures::within(room);
            found.take_declaration(9, payload);
            (1..3).for_each(|index| found.take(erased(index)));
            let lens = (found.count, found.declarations.len(), found.erased.len());
            assert_eq!(lens, (2, declared, kept), "{room}");
            assert_eq!(found.is_cut, declared + kept < 3, "{room}");
        }
    }

    #[test]
    fn bodies_may_go_by_their_own_form_alone_and_by_a_later_entry() {
        let read = |form: &str| {
            Declaration::read(5, format!("{{\"form\":\"{form}\",\"indices\":[3,4]}}").as_bytes())
        };
        let (data, body) = (read("data").unwrap(), read("body").unwrap());
        assert_eq!((data.of_bodies, body.of_bodies), (false, true));
        assert_eq!((body.index, body.indices.as_slice()), (5, &[3, 4][..]));
        assert!(read("both").is_none() && Declaration::read(5, b"{}").is_none());
        let erased = |index, form| Erased { index, form, offset: 0 };
        for (index, is_earlier) in [(4, true), (5, false), (6, false)] {
            let (of_data, of_body) =
                (erased(index, Form::DataErased), erased(index, Form::BodyErased));
            assert_eq!((data.permits(&of_data), data.permits(&of_body)), (is_earlier, false));
            assert_eq!((body.permits(&of_data), body.permits(&of_body)), (is_earlier, is_earlier));
        }
    }
}
