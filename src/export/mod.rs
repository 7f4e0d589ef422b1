//! Exports: entries as text for people and other programs.
//!
//! ```text
//! StoredEntry --> entry_json        one line, the tutorial's field names, `data` as JSON
//!             \-> verifiable_json   the same, and every byte that somebody needs to hash it again
//! ```
//!
//! Invariant: a line holds no line break, whatever the log holds, and numbers in `data` keep the
//! digits they came with. What is not here: choosing entries (`query`) and writing files.

mod json;

pub use json::{entry_json, verifiable_json};
