//! The index of a sealed segment: an index file over whatever owns its bytes.
//!
//! ```text
//! region (a map, a vector) --deref--> bytes  <--layout: where the sections lie
//! ```
//!
//! The file is checked once, digest and all; after that nothing is decoded but what a question
//! needs. Should the bytes change under a map, answers are flaws or empty, never a panic.

use super::{PartIndex, Postings, upper_half};
use crate::format::Flaw;
use crate::format::index_file::{IndexFile, IndexLayout, Zone};
use crate::format::side::Subject;
use crate::format::terms::Key;
use crate::sync::OnceLock;
use std::fmt;
use std::ops::Deref;

/// The index of a sealed part.
pub(crate) struct SealedIndex<R> {
    region: R,
    layout: IndexLayout,
    /// What the zones say together, once somebody asked.
    times: OnceLock<Zone>,
}

impl<R: Deref<Target = [u8]>> SealedIndex<R> {
    /// Checks an index file: it must be whole and about this segment.
    ///
    /// # Errors
    /// A [`Flaw`], relative to the file: the file is to be built again.
    pub(crate) fn open(region: R, subject: &Subject) -> Result<Self, Flaw> {
        let layout = IndexLayout::parse(&region, subject)?;
        Ok(Self { region, layout, times: OnceLock::new() })
    }

    fn file(&self) -> IndexFile<'_> {
        self.layout.over(&self.region)
    }
}

impl<R> fmt::Debug for SealedIndex<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedIndex").field("layout", &self.layout).finish_non_exhaustive()
    }
}

impl<R: Deref<Target = [u8]> + Send + Sync> PartIndex for SealedIndex<R> {
    fn len(&self) -> u32 {
        self.file().len()
    }

    fn offset(&self, local: u32) -> Option<u32> {
        self.file().offset(local)
    }

    fn postings(&self, key: Key, term: &[u8]) -> Result<Postings<'_>, Flaw> {
        let file = self.file();
        let found = file.dictionary(key)?.find(term);
        found.map(Postings::Packed).map_err(|flaw| flaw.shifted(file.terms_offset(key)))
    }

    fn for_each_term<'a>(
        &'a self,
        key: Key,
        prefix: &[u8],
        f: &mut dyn FnMut(&[u8], Postings<'a>),
    ) -> Result<(), Flaw> {
        let file = self.file();
        let walked = file
            .dictionary(key)?
            .for_each(prefix, &mut |term, list| f(term, Postings::Packed(list)));
        walked.map_err(|flaw| flaw.shifted(file.terms_offset(key)))
    }

    fn zone(&self, zone: u32) -> Option<Zone> {
        self.file().zone(zone)
    }

    fn times(&self) -> Zone {
        let zones = || (0..).map_while(|zone| self.zone(zone));
        *self.times.get_or_init(|| zones().fold(Zone::EMPTY, Zone::and))
    }

    fn system(&self) -> Result<Postings<'_>, Flaw> {
        self.file().system().map(Postings::Packed)
    }

    fn erased(&self) -> Result<Postings<'_>, Flaw> {
        self.file().erased().map(Postings::Packed)
    }

    fn id_candidates(&self, id_key: u64) -> Vec<u32> {
        let mut locals = Vec::new();
        self.file().ids(upper_half(id_key), &mut locals);
        locals
    }
}
