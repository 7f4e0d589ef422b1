//! Locks, condition variables, atomics and threads, in one place.
//!
//! The rest of the crate takes them from here, so that a concurrency model can put its own in
//! their stead without copying the code it checks.

pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};
pub(crate) use std::sync::Arc;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
pub(crate) use std::thread;
