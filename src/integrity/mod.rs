//! Integrity: are the files of the deployment the ones that were listed?
//!
//! ```text
//! generate   roots --walk--> files, links --digest--> Manifest (sorted, reproducible) --sign-->
//!            binaries --symbol--> machine code ----------^
//! check      Manifest --roots as they are now--> Report: same, different, missing, extra
//! ```
//!
//! A path of a manifest is never opened: what is beneath a root is walked without following links,
//! and names are compared. What is listed and not there fails; what is there and not listed is
//! reported. Everything read is hostile and bounded.
//!
//! Of a function the bytes are hashed that its symbol spans in the file. They do not hold the
//! address at which it is loaded, nor any path, so a copy elsewhere has the same digest; a changed
//! byte, also in the target of a call, has another one. Linking anew moves code and data against
//! each other, and with them displacements inside instructions: a new build needs a new manifest.
//!
//! Deliberately absent: following links, running anything, and where the files came from.

mod check;
mod function;
mod generate;
mod manifest;
mod paths;
mod report;
mod sealed;
mod walk;

pub use check::{CheckOptions, check};
pub use function::FunctionDigest;
pub use generate::{GenerateOptions, generate};
pub use manifest::{FileDigest, Manifest};
pub(crate) use paths::{check_relative, read_beneath, read_file};
pub use report::{FileResult, FunctionResult, Report};
pub(crate) use sealed::{hash_without, signers};

#[cfg(test)]
mod tests;
