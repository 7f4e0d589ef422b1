//! The tree: RFC 6962 over entry hashes. Pure mathematics, no files, no threads.
//!
//! ```text
//! level 3                      o
//! level 2          o                       o
//! level 1     o         o             o         o
//! level 0   0    1    2    3       4    5    6    7      entry hashes
//! ```
//!
//! A node is *perfect*: it covers `2^level` leaves. Perfect nodes never change once complete, so
//! they are stored, in the order in which leaves complete them; nodes at the right edge of a tree
//! of another size are *ephemeral* and are folded from perfect ones when needed.
//!
//! Invariant: a proof of a tree of n leaves needs O(log n) perfect nodes. Verification needs no
//! log, and refuses, but never panics on, any input.

mod consistency;
mod frontier;
mod inclusion;
mod node;
mod plan;

pub use consistency::{ConsistencyProof, prove_consistency};
pub use frontier::Frontier;
pub use inclusion::{InclusionProof, prove_inclusion};
pub use node::{NodeId, NodeSource};
pub use plan::root_at;

use crate::error::{Error, ErrorKind, Result};
use crate::limits::TREE_SIZE_MAX;
use crate::types::TreeSize;

fn check_size(size: TreeSize) -> Result<()> {
    if size.get() <= TREE_SIZE_MAX {
        return Ok(());
    }
    Err(Error::new(ErrorKind::OutOfRange, "tree size").expected(TREE_SIZE_MAX, size))
}
