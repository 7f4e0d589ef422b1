//! Segments without a footer that ought to have one: still to be sealed, or damaged?
//!
//! A footer is a function of its segment and the counters so far, so the one that must be there is
//! made and compared. A crash while it is written leaves each sector as it was, zeros, or as it is
//! to be; anything else is damage.

use super::segment::{Outcome, digest_of};
use crate::error::Result;
use crate::format::footer::{Counter, Footer};
use crate::merkle::Frontier;
use crate::types::hex;

/// The smallest unit a disk writes whole.
const SECTOR: usize = 512;

/// What stands where the footer must be.
pub(super) enum Unsealed {
    /// Something a crash may leave: sealing goes on at the next open.
    Unfinished,
    /// Something else, from this offset on.
    Damaged { at: u64, wanted: String, found: String },
}

/// Compares what follows the groups with the footer that must follow. `None` when that cannot be
/// made, because the segment itself is damaged.
pub(super) fn compare(
    outcome: &Outcome,
    agents: Vec<Counter>,
    types: Vec<Counter>,
) -> Result<Option<Unsealed>> {
    let (Some(state), Some(file)) = (&outcome.state, &outcome.file) else { return Ok(None) };
    let (Some(frontier), Some(last_entry_hash)) = (&state.frontier, state.previous) else {
        return Ok(None);
    };
    let (Some(last_header_crc), true) = (state.chain, outcome.is_clean()) else { return Ok(None) };
    let footer = Footer {
        nonce: state.nonce,
        first_index: state.first_index,
        count: state.index.saturating_sub(state.first_index),
        data_end: outcome.data_end,
        root: Frontier::root(frontier),
        last_entry_hash,
        recorded: state.derived.recorded.unwrap_or_default(),
        event: state.derived.event.unwrap_or_default(),
        group_count: state.groups,
        last_header_crc,
        agents,
        types,
    };
    let mut wanted = footer.encode();
    let Some(mut digest) = digest_of(&**file, outcome.data_end)? else { return Ok(None) };
    digest.update(&wanted);
    Footer::finish(&mut wanted, &digest.finish());
    let mut at = outcome.data_end;
    while at < outcome.len {
        let into_sector = usize::try_from(at % SECTOR as u64).unwrap_or(0);
        let left = usize::try_from(outcome.len - at).unwrap_or(usize::MAX);
        let mut sector = [0u8; SECTOR];
        let room = sector.get_mut(..(SECTOR - into_sector).min(left)).unwrap_or_default();
        let read = file.read_at(room, at)?;
        if read == 0 {
            break;
        }
        let there = room.get(..read).unwrap_or_default();
        let from = usize::try_from(at - outcome.data_end).unwrap_or(usize::MAX);
        let right = wanted.get(from..).unwrap_or_default();
        if let Some(offset) = damaged(there, right) {
            let window = |bytes: &[u8]| {
                let rest = bytes.get(offset..).unwrap_or_default();
                hex(rest.get(..8).unwrap_or(rest))
            };
            let (at, wanted, found) = (at + offset as u64, window(right), window(there));
            return Ok(Some(Unsealed::Damaged { at, wanted, found }));
        }
        at += read as u64;
    }
    Ok(Some(Unsealed::Unfinished))
}

/// Where a sector is neither zeros nor the beginning of what is wanted, followed by zeros.
fn damaged(there: &[u8], wanted: &[u8]) -> Option<usize> {
    if there.iter().all(|byte| *byte == 0) {
        return None;
    }
    let padded = wanted.iter().copied().chain(std::iter::repeat(0));
    there.iter().zip(padded).position(|(found, wanted)| *found != wanted)
}
