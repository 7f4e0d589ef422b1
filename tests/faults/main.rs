//! Does the log hold when the disk, the process or the caller does not? One module per adversary.
//!
//! Everything goes through the public API, on a simulated disk where the fault has to come at one
//! exact operation, on real files where the operating system is the point.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod power;
mod sim;
mod story;
