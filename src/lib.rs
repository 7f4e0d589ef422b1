//! A tamper-evident, append-only audit log for AI agents.

pub mod entry;
pub mod error;
pub mod format;
pub mod hash;
#[doc(hidden)]
pub mod index;
pub mod limits;
#[doc(hidden)]
pub mod query;
mod redact;
mod sync;
pub mod types;

pub use entry::{Action, Entry, Field, Outcome};
pub use format::terms::Key;
pub use query::{Cursor, Order, Page, Plan, Query};
