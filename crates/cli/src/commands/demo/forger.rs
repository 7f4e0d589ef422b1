//! The demo's forger: changes one decision in a copy of the log and makes every checksum right
//! again, as somebody would who has read FORMAT.md.
//!
//! ```text
//! frame: blocked -> allowed      group: body_crc anew     every later group: previous_header_crc
//! ```
//!
//! Checksums are for accidents and anybody can compute them. What the forger cannot do is find
//! other bytes with the same hash; that is what the auditor looks at.

use crate::errors::{Answer, Failure, UNDECIDED};
use std::path::Path;
use witnessmark::format::crc;
use witnessmark::format::group::{GROUP_HEADER_LEN, GroupHeader};
use witnessmark::format::segment::{SEGMENT_HEADER_LEN, SegmentHeader};
use witnessmark::{StoredEntry, View};

const OLD: &[u8] = b"blocked";
const NEW: &[u8] = b"allowed";

/// Where the forger was at work.
pub(super) struct Place {
    pub(super) segment: String,
    pub(super) offset: usize,
}

/// Copies the log and alters the decision of one entry in the copy.
pub(super) fn forge(view: &View, log: &Path, copy: &Path, entry: &StoredEntry) -> Answer<Place> {
    let index = entry.index().get();
    let holds = |first: u64, count: u64| first <= index && index - first < count;
    let segment = view.segments().into_iter().find(|s| holds(s.first_index, s.count));
    let lost = || Failure::new(UNDECIDED, "demo", "the entry's bytes are not where they belong");
    let segment = segment.ok_or_else(lost)?.file;
    let failed = |error| Failure::io(&error, format_args!("forge {}", copy.display()));
    copy_files(log, copy).map_err(failed)?;
    let path = copy.join(&segment);
    let mut bytes = std::fs::read(&path).map_err(failed)?;
    let offset = alter(&mut bytes, entry.meta()).ok_or_else(lost)?;
    mend_checksums(&mut bytes).ok_or_else(lost)?;
    std::fs::write(&path, bytes).map_err(failed)?;
    Ok(Place { segment, offset })
}

fn copy_files(log: &Path, copy: &Path) -> std::io::Result<()> {
    std::fs::create_dir(copy)?;
    for file in std::fs::read_dir(log)? {
        let file = file?;
        // Contents only: a sealed segment is read-only, and this copy is to be written.
        std::fs::write(copy.join(file.file_name()), std::fs::read(file.path())?)?;
    }
    Ok(())
}

/// Overwrites the decision in the entry's fields, which an id makes unique in the file.
fn alter(bytes: &mut [u8], meta: &[u8]) -> Option<usize> {
    let find = |hay: &[u8], needle: &[u8]| hay.windows(needle.len()).position(|w| w == needle);
    let offset = find(bytes, meta)? + find(meta, OLD)?;
    bytes.get_mut(offset..offset + NEW.len())?.copy_from_slice(NEW);
    Some(offset)
}

/// Makes the checksum of every group right for what is there now, and the chain of headers too.
fn mend_checksums(bytes: &mut [u8]) -> Option<()> {
    let nonce = SegmentHeader::decode(bytes).ok()?.nonce;
    let (mut at, mut previous) = (SEGMENT_HEADER_LEN, 0);
    while let Ok((mut header, _)) = GroupHeader::decode(bytes.get(at..)?, nonce) {
        let end = at + usize::try_from(header.group_len()).ok()?;
        header.body_crc = crc(nonce, &[bytes.get(at + GROUP_HEADER_LEN..end)?]);
        header.previous_header_crc = previous;
        let (mended, header_crc) = header.encode();
        bytes.get_mut(at..at + GROUP_HEADER_LEN)?.copy_from_slice(&mended);
        (at, previous) = (end, header_crc);
    }
    Some(())
}
