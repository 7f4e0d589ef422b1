//! Live logs: how far the last segment may be judged while somebody writes it.
//!
//! A writer vouches for what it has synced by the `synced_size` of a later group. What lies beyond
//! may be half written, so it is neither believed nor blamed. Headers are read afresh from the file
//! and never through a buffer: what looks like a hole may have been filled since.

use super::pieces::{Meter, Pieces};
use super::search::{self, Mark};
use crate::error::Result;
use crate::format::group::{GROUP_HEADER_LEN, GroupHeader};
use crate::format::segment::{SEGMENT_HEADER_LEN, SegmentHeader};
use crate::storage::StorageFile;
use crate::sync::Arc;

/// Where the groups end whose entries are below what was synced, or below `anchor`, a size that is
/// known from outside. `None` when the segment header does not help.
pub(super) fn synced_end(file: &Arc<dyn StorageFile>, anchor: u64) -> Result<Option<u64>> {
    let mut bytes = vec![0u8; SEGMENT_HEADER_LEN];
    if file.read_at(&mut bytes, 0)? < bytes.len() {
        return Ok(None);
    }
    let Ok(segment) = SegmentHeader::decode(&bytes) else { return Ok(None) };
    let mark = Mark { nonce: segment.nonce, align: segment.align };
    let len = file.len()?;
    let (mut at, mut size) = (SEGMENT_HEADER_LEN as u64, segment.first_index);
    let mut synced = size.max(anchor);
    // Ends and sizes of groups that are not known to be synced yet, and of the last that is.
    let mut open: Vec<(u64, u64)> = vec![(at, size)];
    loop {
        let header = match header_at(&**file, at, mark, len)? {
            Some(header) => header,
            None => match vouching(file, at, size, mark, len)? {
                None => break,
                // Written before what vouches for it: now it must be there, or it is damaged.
                Some((behind, later)) => match header_at(&**file, at, mark, len)? {
                    Some(header) => header,
                    None => {
                        at = behind;
                        later
                    }
                },
            },
        };
        at = at.saturating_add(header.group_len());
        size = header.first_index.saturating_add(header.count.into());
        synced = synced.max(header.synced_size);
        open.push((at, size));
        let known = open.iter().rposition(|(_, size)| *size <= synced).unwrap_or(0);
        open.drain(..known);
    }
    Ok(open.first().map(|(end, _)| *end))
}

fn header_at(file: &dyn StorageFile, at: u64, mark: Mark, len: u64) -> Result<Option<GroupHeader>> {
    let mut bytes = [0u8; GROUP_HEADER_LEN];
    if file.read_at(&mut bytes, at)? < bytes.len() {
        return Ok(None);
    }
    let decoded = GroupHeader::decode(&bytes, mark.nonce).ok().map(|(header, _)| header);
    // A writer may have made the file longer meanwhile; what is new then is not judged.
    Ok(decoded.filter(|header| header.group_len() <= len.saturating_sub(at)))
}

fn vouching(
    file: &Arc<dyn StorageFile>,
    at: u64,
    size: u64,
    mark: Mark,
    len: u64,
) -> Result<Option<(u64, GroupHeader)>> {
    let meter = Meter::new(0, None);
    let mut pieces = Pieces::new(Arc::clone(file), len, &meter);
    search::next_header(&mut pieces, at + 1, mark, |_, header| header.synced_size > size)
}
