//! Searching for a group header behind a place where there is none.
//!
//! Groups begin at aligned offsets and with bytes that no text holds; a header counts when its own
//! checksum and the segment's nonce are right.

use super::pieces::Pieces;
use crate::error::Result;
use crate::format::group::{GROUP_HEADER_LEN, GROUP_MAGIC, GroupHeader};

/// Bytes looked through at once.
pub(super) const SEARCH_BYTES: usize = 256 << 10;

/// What a header must have to be found.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    pub(super) nonce: u64,
    pub(super) align: u16,
}

/// The first sound header at or behind `from` that is wanted, and its offset.
pub(super) fn next_header(
    pieces: &mut Pieces<'_>,
    from: u64,
    mark: Mark,
    is_wanted: impl Fn(u64, &GroupHeader) -> bool,
) -> Result<Option<(u64, GroupHeader)>> {
    let align = u64::from(mark.align.max(1));
    let [first, ..] = GROUP_MAGIC;
    let mut base = from;
    loop {
        let piece = pieces.get(base, SEARCH_BYTES)?;
        // Headers that begin in the last bytes of a piece are seen whole in the next one.
        let Some(last) = piece.len().checked_sub(GROUP_HEADER_LEN) else { return Ok(None) };
        let mut at = 0;
        while at <= last {
            let rest = piece.get(at..).unwrap_or_default();
            let Some(skip) = rest.iter().position(|byte| *byte == first) else { break };
            let header = rest.get(skip..).unwrap_or_default();
            let offset = base + (at + skip) as u64;
            if offset.is_multiple_of(align)
                && let Ok((header, _)) = GroupHeader::decode(header, mark.nonce)
                && is_wanted(offset, &header)
            {
                return Ok(Some((offset, header)));
            }
            at += skip + 1;
        }
        base += last as u64 + 1;
    }
}
