//! Interop: the byte-exact twin of the reference implementation's files. Pure, and never used for
//! our own evidence.
//!
//! ```text
//! JSON text --json--> canonical text --entry--> content hash, entry hash, signature, line
//!                     (python: layout)   \--file--> its verdict, and a stricter one
//!                                         \-tree--> its Merkle root and proofs
//! ```
//!
//! The reference hashes what Python's `json.dumps(.., sort_keys=True)` prints. So that both sides
//! agree to the byte, values here never become Rust numbers that lose something: integers stay text
//! of any length, floats print as Python prints them, and `NaN` and the infinities, which are no
//! JSON but which the reference writes and accepts, are read and written as well.
//!
//! Invariant: whatever bytes a line holds, reading it ends in an entry or an error, in time linear
//! in its length (times its nesting). What is not here: files, keys on disk, and our own hashes.
//!
//! # Source
//! Facts observed by running `agentmesh-platform` 3.7.0; the golden files of the project hold them.

mod convert;
mod entry;
mod file;
mod json;
mod python;
mod tree;

pub use entry::{AgtEntry, UnknownKeys};
pub use file::{FileAnchor, FileVerdict, FileVerifier, Judged, verify_file};
pub use json::Canonical;
pub use python::{float_repr, isoformat, quoted};
pub use tree::{ProofStep, RootBuilder, Side, Tree, verify_proof, verify_proof_at};
