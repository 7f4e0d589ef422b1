//! The engine of witnessmark, a tamper-evident, append-only audit log for AI agents.
//!
#![doc = include_str!("../README.md")]
//!
//! # Where to begin
//!
//! [`AuditLog`] writes and reads, [`Reader`] only reads, from any process. Both give a [`View`]: the
//! log at one size, with queries ([`Query`]) and proofs ([`Evidence`]). Everything else serves these.

pub mod compliance;
pub mod entry;
pub mod error;
pub mod export;
pub mod format;
pub mod hash;
mod history;
pub mod import;
mod index;
pub mod integrity;
pub mod interop;
pub mod limits;
mod log;
pub mod merkle;
pub mod proof;
mod query;
pub mod redact;
pub mod report;
pub mod segment;
pub mod sign;
pub mod sink;
pub mod storage;
mod sync;
pub mod types;
pub mod verify;
mod view;

pub use entry::{Action, Entry, Field, Outcome};
pub use error::{Error, ErrorKind, Location, Result};
pub use export::{entry_json, verifiable_json};
pub use format::identity::{Identity, Predecessor};
pub use format::stored::StoredEntry;
pub use format::terms::Key;
pub use log::{
    AuditLog, BufferedReceipt, Environment, Options, QueueFull, Receipt, RecoveryReport,
    RepairOptions, RepairReport, Ticket, repair,
};
pub use merkle::{ConsistencyProof, InclusionProof};
pub use proof::{
    Bundle, ConsistencyBundle, ConsistencyEvidence, EntryRef, Evidence, ForkProof, entry_from_json,
};
pub use query::{Cursor, Order, Page, Plan, Query};
pub use redact::Redaction;
pub use sign::{Checkpoint, Note, SignedCheckpoint, SigningKey, VerifierKey};
pub use sink::{AuditSink, SinkRunner};
pub use types::{Durability, EntryIndex, EventTime, Hash, TreeSize, UnixNanos};
pub use verify::{
    Cause, Finding, Progress, Report, Verdict, VerifyOptions, verify, verify_storage,
};
pub use view::{Reader, SegmentInfo, TreeHead, View};

/// The tutorial: its blocks of Rust are compiled and run with the other examples.
#[cfg(all(doctest, feature = "html"))]
#[doc = include_str!("../docs/TUTORIAL.md")]
mod tutorial {}
