//! Does the tree do what RFC 6962 says, and does everybody else agree?
//!
//! Judges, none of which shares code with `witnessmark::merkle`: the recursive definitions of the
//! RFC (`reference`), two published implementations (`agreement`), vectors computed elsewhere
//! (`vectors`). `mutations` and `cost` go to sizes no machine holds, over a tree of 2^63 - 1 leaves
//! that is kept as the few leaves in which it differs from one value.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop at the first disagreement"
)]

mod agreement;
mod attacks;
mod cost;
mod document;
mod mutations;
mod reference;
mod shelf;
mod vectors;

/// Entry `i` of the vectors: the ASCII text `entry <i>`.
fn entry(i: u64) -> Vec<u8> {
    format!("entry {i}").into_bytes()
}
