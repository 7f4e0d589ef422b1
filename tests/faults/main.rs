//! Does the log hold when the disk, the process or the caller does not? One module per adversary.
//!
//! Everything goes through the public API, on a simulated disk where the fault has to come at one
//! exact operation, on real files where the operating system is the point.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod audit;
mod calls;
mod campaign;
mod doubt;
mod gate;
mod hostile;
mod image;
mod model;
mod poison;
mod power;
mod readers;
mod recovery;
mod repair;
mod schedules;
mod sim;
mod steps;
mod story;
mod threads;
