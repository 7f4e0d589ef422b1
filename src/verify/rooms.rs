//! Rooms: how much memory each part of an audit may take, when a cap is set.
//!
//! ```text
//! cap = base | names | erasures | history | per thread: a group, and what is kept of a segment
//!        8      1/16     1/32       1/32               64 MiB           the rest
//! ```
//!
//! What does not depend on a log (code, stacks, findings and notes at their most) is in the base. A
//! group is read whole, so each thread has room for the largest, with the hashes of its entries and
//! the tree nodes they complete. The rest is for what grows: see the table in
//! [`super::VerifyOptions::memory`].
//!
//! Sizes are estimates of what the allocator takes and lie above what was measured
//! (`tests/system/rss.sh`). Without a cap every room is without end.

use super::report::{Cause, Finding};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{GROUP_BODY_BYTES_MAX, VERIFY_MEMORY_MIN};

const BASE: usize = 8 << 20;
/// The largest group, and its entry hashes and nodes: 32 bytes each, for every 104 of the group.
const GROUP: usize = 2 * GROUP_BODY_BYTES_MAX;
/// What is left for a segment under the least cap.
const SEGMENT_MIN: usize = 8 << 20;
/// What another thread must have beside the group to be worth starting.
const SEGMENT_ROOMY: usize = 64 << 20;
/// Bytes that a file of the directory takes in the lists of files and segments.
const FILE: usize = 300;

const _: () = assert!(VERIFY_MEMORY_MIN - VERIFY_MEMORY_MIN / 8 >= BASE + GROUP + SEGMENT_MIN);

/// Bytes that may be taken, or counts that follow from them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rooms {
    pub(super) threads: usize,
    /// The cap; `None` without one.
    pub(super) cap: Option<usize>,
    /// Names of agents and event types over the whole log.
    pub(super) names: usize,
    /// Erased entries and declarations over the whole log, and in one segment.
    pub(super) erasures: usize,
    pub(super) erasures_of_segment: usize,
    /// Checkpoints that the log recorded.
    pub(super) history: usize,
    /// What is kept of one segment while others are checked: names, side files, footer.
    pub(super) segment: usize,
    /// Lists of the directory's files.
    pub(super) files: usize,
}

impl Rooms {
    /// Rooms under a cap, 0 for none, and at most so many threads.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] below the least that an audit can do with.
    pub(super) fn of(cap: usize, threads: usize) -> Result<Self> {
        if cap == 0 {
            return Ok(Self::without_end(threads));
        }
        if cap < VERIFY_MEMORY_MIN {
            return Err(Error::new(ErrorKind::Invalid, "too little memory for an audit")
                .expected(format_args!("at least {VERIFY_MEMORY_MIN} bytes"), cap));
        }
        let shared = cap - cap / 8 - BASE;
        let threads = (shared / (GROUP + SEGMENT_ROOMY)).clamp(1, threads.max(1));
        Ok(Self {
            threads,
            cap: Some(cap),
            names: cap / 16,
            erasures: cap / 32,
            erasures_of_segment: cap / 32 / (threads + 1),
            history: cap / 32,
            segment: shared / threads - GROUP,
            // Nothing else is kept while a directory is listed, and little of it afterwards.
            files: cap / 8,
        })
    }

    pub(super) fn without_end(threads: usize) -> Self {
        Self {
            threads,
            cap: None,
            names: usize::MAX,
            erasures: usize::MAX,
            erasures_of_segment: usize::MAX,
            history: usize::MAX,
            segment: usize::MAX,
            files: usize::MAX,
        }
    }

    /// The same for one segment that is checked when nothing else is at hand, and whose largest
    /// piece took so many bytes.
    pub(super) fn alone(&self, piece: usize) -> Self {
        let Some(cap) = self.cap else { return *self };
        let group = piece.saturating_mul(2).min(GROUP);
        let segment = (cap - cap / 8).saturating_sub(BASE + group).max(self.segment);
        Self { threads: 1, segment, ..*self }
    }

    /// Files that the directory may hold.
    pub(super) fn files_max(&self) -> usize {
        self.files / FILE
    }
}

/// Something of a file that was not checked for lack of room.
pub(super) fn left_out(file: &str, what: &str) -> Finding {
    let words = format!("{what}: not checked, for they need more memory than is allowed");
    Finding::new(Cause::MemoryLimit, file, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_fit_under_the_cap_and_too_little_is_refused() {
        for cap in [96, 97, 128, 160, 256, 1000, 4096, 65_536] {
            let cap = cap << 20;
            for threads in [0, 1, 2, 7, 64] {
                let rooms = Rooms::of(cap, threads).unwrap();
                let kept = rooms.names + rooms.erasures + rooms.history;
                let all = BASE + kept + rooms.threads * (GROUP + rooms.segment);
                assert!(all <= cap, "{cap}, {threads}: {rooms:?}");
                assert!(rooms.threads >= 1 && rooms.threads <= threads.max(1));
                assert!(rooms.segment >= SEGMENT_MIN && rooms.alone(1).segment >= rooms.segment);
            }
        }
        let error = Rooms::of((96 << 20) - 1, 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("at least 100663296 bytes"), "{error}");
        assert_eq!(Rooms::of(0, 3).unwrap(), Rooms::without_end(3));
    }

    /// Each share as the table at the head of this file has it.
    #[test]
    fn a_cap_is_divided_as_the_table_says() {
        const MIB: usize = 1 << 20;
        let rooms = Rooms::of(512 * MIB, 2).unwrap();
        let shares = (rooms.names, rooms.erasures, rooms.history, rooms.files);
        assert_eq!(shares, (32 * MIB, 16 * MIB, 16 * MIB, 64 * MIB));
        assert_eq!((rooms.threads, rooms.segment), (2, (512 - 64 - 8) * MIB / 2 - 64 * MIB));
        assert_eq!(rooms.erasures_of_segment, 16 * MIB / 3);
        assert_eq!(rooms.files_max(), 64 * MIB / 300);
        // As many threads as have room, however many there are.
        assert_eq!((Rooms::of(512 * MIB, 64).unwrap().threads, GROUP), (3, 64 * MIB));
        // Alone: without what other threads hold, and with a group of its own size.
        let alone = rooms.alone(MIB);
        assert_eq!((alone.threads, alone.segment), (1, (512 - 64 - 8 - 2) * MIB));
        assert_eq!(rooms.alone(40 * MIB).segment, (512 - 64 - 8 - 64) * MIB);
        assert_eq!(Rooms { segment: 0, threads: 1, ..rooms }, Rooms { segment: 0, ..alone });
    }
}
