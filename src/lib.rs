//! A tamper-evident, append-only audit log for AI agents.

pub mod error;
pub mod hash;
pub mod limits;
mod sync;
pub mod types;
