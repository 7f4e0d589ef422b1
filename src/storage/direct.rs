//! Writing past the page cache.

use rustix::fs::OFlags;
use rustix::io::Errno;
use std::fs::File;
use std::ops::Range;

/// Alignment of offsets, lengths and addresses that is good for direct writes on usual devices.
const DIRECT_ALIGN: usize = 4096;
const BLOCK: u64 = DIRECT_ALIGN as u64;
/// Bytes of one direct write.
const DIRECT_BYTES: usize = 1 << 20;

/// The whole blocks within a range of bytes; none, at its end, when there is none.
pub(super) fn whole_blocks(bytes: Range<u64>) -> Range<u64> {
    let start = bytes.start.next_multiple_of(BLOCK).min(bytes.end);
    start..(bytes.end - bytes.end % BLOCK).max(start)
}

/// Writes zeros past the page cache, and says how far that went: not at all where the file system
/// cannot, or wants another alignment.
pub(super) fn write_zeros(file: &File, blocks: Range<u64>) -> Result<u64, Errno> {
    let flags = rustix::fs::fcntl_getfl(file)?;
    match rustix::fs::fcntl_setfl(file, flags | OFlags::DIRECT) {
        Ok(()) => {}
        Err(Errno::INVAL) => return Ok(blocks.start),
        Err(errno) => return Err(errno),
    }
    let written = write_blocks(file, blocks);
    // The descriptor is the one that groups will be written with.
    rustix::fs::fcntl_setfl(file, flags)?;
    written
}

fn write_blocks(file: &File, blocks: Range<u64>) -> Result<u64, Errno> {
    // Room to begin at an address that the device takes.
    let room = vec![0u8; DIRECT_BYTES + DIRECT_ALIGN];
    let skip = room.as_ptr().align_offset(DIRECT_ALIGN);
    let zeros = room.get(skip..skip + DIRECT_BYTES).unwrap_or_default();
    let mut at = blocks.start;
    while at < blocks.end {
        let left = usize::try_from(blocks.end - at).unwrap_or(usize::MAX);
        let chunk = zeros.get(..left.min(zeros.len())).unwrap_or_default();
        match rustix::io::pwrite(file, chunk, at) {
            // What was cut short within a block is written again from the block's start.
            Ok(len) if len >= DIRECT_ALIGN => at += len as u64 / BLOCK * BLOCK,
            Ok(_) | Err(Errno::INVAL | Errno::OPNOTSUPP) => break,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(at)
}
