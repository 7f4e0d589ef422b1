//! The checkpoint history: which checkpoints has this log signed?
//!
//! ```text
//! log.checkpoints    | record | record | record | torn tail, perhaps
//!                      signed note, framed (format::history)
//! ```
//!
//! A checkpoint is written here and synced before anybody sees it, so that a log never forgets what
//! it has promised: the next one is held against the last. The file has a lock of its own, apart
//! from the log's; whoever appends entries and whoever signs may be different processes.
//!
//! Invariants: records are only ever appended; what a crash cut off was never published, is set
//! aside and not lost; damage before the end is named and stops signing. Nothing here says whether
//! a checkpoint is right: that is for `verify`, which derives it, and for whoever holds the key.

mod append;
mod scan;
#[cfg(test)]
mod tests;

pub(crate) use append::Appender;
pub(crate) use scan::{Rest, last, read_one, scan};
