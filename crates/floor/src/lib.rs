//! The floor: the least that a durable, hash-chained log has to do, and the load both sides get.
//!
//! ```text
//! Workload --the same entries--> drive (threads, windows, latencies) --> Floor, or the engine
//! ```
//!
//! The benches of the library and `wmark bench` compare with it in one process, on one disk, in
//! one run: a ratio says more than a number from somebody else's machine. It is a crate of its own
//! so that the floor cannot use a line of the engine it is compared with.
//!
//! What is not here: recovery, queries, proofs, the engine, anything that prints.

mod chain;
mod drive;
mod probe;
mod workload;

pub use chain::Floor;
pub use drive::{Load, Run, batched, blocking, bulk, on_lines, pipelined};
pub use probe::sync_latency;
pub use workload::{AGENTS, Act, Pool, Workload};

pub use hdrhistogram::Histogram;
