//! Sealed parts: a read-only segment, mapped, with its side files.
//!
//! Side files are caches. They are mapped when first needed; a missing, outdated or damaged one is
//! made again in memory from the segment, with a note. Invariant: a sealed segment file is never
//! written again (an erasure writes a new file), so the map stays what it was.

use super::growing::Followed;
use crate::error::{Error, ErrorKind, Result};
use crate::format::footer::Footer;
use crate::format::segment::{SEGMENT_HEADER_LEN, SegmentHeader};
use crate::format::side::{self, Subject};
use crate::format::{index_name, nodes_name, segment_name};
use crate::index::{PartIndex, SealedIndex};
use crate::storage::{Region, Storage};
use crate::sync::{Arc, OnceLock};
use crate::types::Hash;
use std::ops::Range;

/// One sealed segment.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) header: SegmentHeader,
    pub(crate) data_end: u64,
    pub(crate) root: Hash,
    pub(crate) count: u64,
    storage: Arc<dyn Storage>,
    segment: OnceLock<Result<Region>>,
    index: OnceLock<Result<SealedIndex<Region>>>,
    nodes: OnceLock<Result<(Region, Range<usize>)>>,
    rebuilt: OnceLock<Result<Box<Followed>>>,
}

impl Sealed {
    pub(crate) fn new(storage: Arc<dyn Storage>, header: SegmentHeader, footer: &Footer) -> Self {
        Self {
            header,
            data_end: footer.data_end,
            root: footer.root,
            count: footer.count,
            storage,
            segment: OnceLock::new(),
            index: OnceLock::new(),
            nodes: OnceLock::new(),
            rebuilt: OnceLock::new(),
        }
    }

    /// The same part, with nothing opened yet.
    pub(crate) fn fresh(&self) -> Self {
        Self {
            header: self.header.clone(),
            storage: Arc::clone(&self.storage),
            segment: OnceLock::new(),
            index: OnceLock::new(),
            nodes: OnceLock::new(),
            rebuilt: OnceLock::new(),
            ..*self
        }
    }

    fn segment(&self) -> Result<&Region> {
        let region = self.segment.get_or_init(|| {
            let name = segment_name(self.header.first_index);
            let region = self.storage.map(&name)?;
            let wanted = self.data_end;
            if (region.len() as u64) < wanted {
                return Err(Error::new(ErrorKind::Corrupt, "a sealed segment became shorter")
                    .at_file(&*name)
                    .expected(wanted, region.len()));
            }
            Ok(region)
        });
        region.as_ref().map_err(Clone::clone)
    }

    /// The segment's bytes from `offset` to the end of its groups.
    pub(crate) fn bytes_from(&self, offset: u32) -> Result<&[u8]> {
        let end = usize::try_from(self.data_end).unwrap_or(usize::MAX);
        let bytes = self.segment()?.get(offset as usize..end);
        bytes.ok_or_else(|| {
            Error::new(ErrorKind::Corrupt, "the index points behind the segment")
                .at_file(segment_name(self.header.first_index))
                .expected(format_args!("below {end}"), offset)
        })
    }

    /// The part's index: the mapped side file, or one made again from the segment.
    pub(crate) fn index(&self) -> Result<&dyn PartIndex> {
        match self.index.get_or_init(|| self.open_index()) {
            Ok(index) => Ok(index),
            Err(_) => Ok(&self.rebuilt()?.index),
        }
    }

    fn open_index(&self) -> Result<SealedIndex<Region>> {
        let name = index_name(self.header.first_index);
        let region = self.storage.map(&name)?;
        SealedIndex::open(region, &self.subject()).map_err(|flaw| flaw.into_error(name, 0))
    }

    /// The segment its side files must be about.
    pub(crate) fn subject(&self) -> Subject {
        Subject {
            log_id: self.header.log_id,
            generation: self.header.generation,
            first_index: self.header.first_index,
            count: u32::try_from(self.count).unwrap_or(u32::MAX),
            root: self.root,
        }
    }

    /// The interior node at this position of the segment's own nodes.
    pub(crate) fn node(&self, at: u64) -> Result<Option<Hash>> {
        match self.nodes.get_or_init(|| self.open_nodes()) {
            Ok((region, range)) => Ok(side::node_at(region, range, at)),
            Err(_) => {
                let at = usize::try_from(at).unwrap_or(usize::MAX);
                Ok(self.rebuilt()?.nodes.get(at).copied())
            }
        }
    }

    fn open_nodes(&self) -> Result<(Region, Range<usize>)> {
        let name = nodes_name(self.header.first_index);
        let region = self.storage.map(&name)?;
        let range = side::decode_nodes(&region, &self.subject());
        let range = range.map_err(|flaw| flaw.into_error(name, 0))?;
        Ok((region, range))
    }

    /// Whether a side file is missing or cannot be used.
    pub(crate) fn needs_side_files(&self) -> bool {
        let has_index = self.index.get_or_init(|| self.open_index()).is_ok();
        let has_nodes = self.nodes.get_or_init(|| self.open_nodes()).is_ok();
        !has_index || !has_nodes
    }

    /// Index and nodes, derived from the segment again.
    pub(crate) fn rebuilt(&self) -> Result<&Followed> {
        let rebuilt = self.rebuilt.get_or_init(|| {
            let mut followed = Followed::new(&self.header)?;
            let groups = self.bytes_from(u32::try_from(SEGMENT_HEADER_LEN).unwrap_or(0))?;
            let name = || segment_name(self.header.first_index);
            let taken = followed.take_all(groups, self.header.nonce);
            taken.map_err(|error| error.at_file(name()))?;
            let found = PartIndex::len(&followed.index);
            if found != self.subject().count {
                // Damage that looks like the end of the groups: nobody may take it for one.
                let message = "a sealed segment holds another number of entries than its footer";
                return Err(Error::new(ErrorKind::Corrupt, message)
                    .at_file(name())
                    .expected(self.subject().count, found));
            }
            Ok(Box::new(followed))
        });
        rebuilt.as_ref().map(|followed| &**followed).map_err(Clone::clone)
    }
}
