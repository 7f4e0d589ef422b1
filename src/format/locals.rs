//! Lists of local ids, as they grow: the entries of a segment that share a term or a name.
//!
//! Most terms occur a few times in a segment and a few occur nearly always. The short list lies in
//! place, so that a million terms are not a million allocations. Invariant: ids are in the order in
//! which they were pushed.

/// Local ids of one term.
#[derive(Clone, Debug)]
pub(crate) enum Locals {
    Few([u32; FEW], u8),
    Many(Vec<u32>),
}

/// Ids that lie in place: with them the value is as large as a vector.
const FEW: usize = 5;

impl Default for Locals {
    fn default() -> Self {
        Self::Few([0; FEW], 0)
    }
}

impl Locals {
    /// The list with one id.
    pub(crate) fn one(local: u32) -> Self {
        let mut locals = Self::default();
        locals.push(local);
        locals
    }

    pub(crate) fn as_slice(&self) -> &[u32] {
        match self {
            Self::Few(ids, len) => ids.get(..usize::from(*len)).unwrap_or_default(),
            Self::Many(ids) => ids,
        }
    }

    pub(crate) fn push(&mut self, local: u32) {
        match self {
            Self::Few(ids, len) => match ids.get_mut(usize::from(*len)) {
                Some(slot) => (*slot, *len) = (local, *len + 1),
                None => {
                    let mut many = Vec::with_capacity(16);
                    many.extend_from_slice(ids);
                    many.push(local);
                    *self = Self::Many(many);
                }
            },
            Self::Many(ids) => ids.push(local),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_in_order_whether_they_are_few_or_many() {
        let mut locals = Locals::one(7);
        assert_eq!(locals.as_slice(), [7]);
        for id in 8..40 {
            locals.push(id);
            assert_eq!(locals.as_slice(), (7..=id).collect::<Vec<_>>());
        }
        assert!(Locals::default().as_slice().is_empty());
    }
}
