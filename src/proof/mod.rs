//! Proofs to hand out: what somebody gets who trusts neither us nor this program.
//!
//! ```text
//! view + index --> Evidence            the entry, its header and salts, an inclusion proof, a root
//! view + sizes --> ConsistencyEvidence two sizes, two roots, a consistency proof
//! text         --> from_json --> verify(size, root)      needs no log
//! evidence + SignedCheckpoint --> Bundle   an entry for whoever has the key and not the log
//! view + keys  --> SignedCheckpoint    recorded in the log's history before anybody sees it
//! ```
//!
//! Invariant: nothing is called valid without an anchor. The root that stands in the text is what
//! its author claims; `verify` takes the size and root that the verifier knows from elsewhere.
//! Text is hostile: it is refused or verified, and never makes this module panic.

mod bundle;
mod checkpoint;
mod consistency;
mod evidence;
mod fork;
mod request;
#[cfg(test)]
mod tests;
mod text;

pub use bundle::{BUNDLE_LINE, Bundle, CONSISTENCY_BUNDLE_LINE, ConsistencyBundle};
pub(crate) use checkpoint::issue;
pub use consistency::ConsistencyEvidence;
pub use evidence::{Evidence, entry_from_json};
pub use fork::ForkProof;
pub use request::EntryRef;
