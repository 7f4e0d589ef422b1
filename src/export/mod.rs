//! Exports: entries as text for people and other programs, and how a slice of a log is verified
//! without the log.
//!
//! ```text
//! View --query--> entries --Renderer--> head, entries, end    in one of six formats
//!                   \------Slice------> roots of the gaps between them
//!
//! head, entries, end --check--> frontier --> root  =?  anchor
//! ```
//!
//! Invariant: a line holds no line break, whatever the log holds, and numbers in `data` keep the
//! digits they came with. Everything streams: memory is one entry and one root per level of the tree.
//! What is not here: choosing entries (`query`) and writing files.
//!
//! # Source
//! docs/EXPORT.md has the grammar.

mod check;
mod cloudevents;
mod csv;
mod json;
mod render;
mod slice;
mod walk;

pub use check::{SliceCheck, SliceVerdict, check_slice};
pub use cloudevents::cloudevent;
pub(crate) use cloudevents::event_type_of;
pub use csv::{CSV_HEAD, csv_line};
pub use json::{entry_json, verifiable_json};
pub use render::{Format, Renderer, SliceInfo};
pub use slice::Slice;
pub use walk::walk;
