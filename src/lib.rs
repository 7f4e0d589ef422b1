//! A tamper-evident, append-only audit log for AI agents.

pub mod entry;
pub mod error;
pub mod format;
pub mod hash;
#[doc(hidden)]
pub mod index;
pub mod limits;
mod log;
pub mod merkle;
mod redact;
pub mod segment;
pub mod storage;
mod sync;
pub mod types;
mod view;

pub use entry::{Action, Entry, Field, Outcome};
