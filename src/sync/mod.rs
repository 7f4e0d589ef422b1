//! Locks, condition variables, atomics, threads and channels, in one place.
//!
//! The rest of the crate takes them from here, so that a concurrency model can put its own in
//! their stead without copying the code it checks: with `--cfg model` one plays schedules of the whole
//! engine, another goes through every order of a few calls, weak memory included (`just models`).

#[cfg(model)]
mod model;

#[cfg(model)]
pub(crate) use model::{
    AtomicBool, AtomicU32, AtomicU64, Condvar, Mutex, MutexGuard, OnceLock, Receiver, RwLock,
    Sender, bounded, thread,
};

#[cfg(not(model))]
pub(crate) use self::real::{
    AtomicBool, AtomicU32, AtomicU64, Condvar, Mutex, MutexGuard, OnceLock, Receiver, RwLock,
    Sender, bounded, thread,
};

pub(crate) use std::sync::Arc;
pub(crate) use std::sync::atomic::Ordering;

use std::time::Instant;

/// A word that threads sleep on until it changes.
///
/// Whoever wakes up takes no lock: sixty threads that wait for one answer need not wake each other
/// one after the other, as they do behind a condition variable's mutex.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    word: AtomicU32,
    sleepers: AtomicU32,
    bed: Bed,
}

impl Signal {
    /// The word as it is.
    pub(crate) fn get(&self) -> u32 {
        self.word.load(Ordering::SeqCst)
    }

    /// Whether a thread sleeps here, or is about to look whether it has to.
    pub(crate) fn has_sleepers(&self) -> bool {
        self.sleepers.load(Ordering::SeqCst) > 0
    }

    /// Changes the word and wakes everybody.
    pub(crate) fn set_for_all(&self, word: u32) {
        self.word.store(word, Ordering::SeqCst);
        if self.has_sleepers() {
            self.bed.wake(&self.word, u32::MAX >> 1);
        }
    }

    /// Changes the word, unless it is no longer `seen`, and wakes one sleeper.
    pub(crate) fn set_for_one(&self, seen: u32, word: u32) {
        if self.take(seen, word) {
            self.bed.wake(&self.word, 1);
        }
    }

    /// Changes the word from `seen` to `word`; `false` when somebody else was faster.
    pub(crate) fn take(&self, seen: u32, word: u32) -> bool {
        self.word.compare_exchange(seen, word, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Sleeps until the word is no longer `seen`, or until the deadline; may return early.
    pub(crate) fn sleep(&self, seen: u32, deadline: Option<Instant>) {
        // Before the last look at the word: whoever changes it afterwards sees a sleeper.
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        self.bed.sleep(&self.word, seen, deadline);
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(all(target_os = "linux", not(model)))]
use futex::Bed;
#[cfg(any(not(target_os = "linux"), model))]
use portable::Bed;

#[cfg(all(target_os = "linux", not(model)))]
mod futex {
    use rustix::fs::Timespec;
    use rustix::thread::futex::{Flags, wait, wake};
    use std::sync::atomic::AtomicU32;
    use std::time::Instant;

    #[derive(Debug, Default)]
    pub(super) struct Bed;

    impl Bed {
        pub(super) fn sleep(&self, word: &AtomicU32, seen: u32, deadline: Option<Instant>) {
            let left = deadline.map(|deadline| {
                let left = deadline.saturating_duration_since(Instant::now());
                Timespec {
                    tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
                    tv_nsec: left.subsec_nanos().into(),
                }
            });
            // Changed already, interrupted, timed out: the caller looks at the word again.
            let _ = wait(word, Flags::PRIVATE, seen, left.as_ref());
        }

        pub(super) fn wake(&self, word: &AtomicU32, count: u32) {
            // Only a bad address can fail.
            let _ = wake(word, Flags::PRIVATE, count);
        }
    }
}

#[cfg(any(not(target_os = "linux"), model))]
mod portable;

#[cfg(not(model))]
mod real {
    pub(crate) use crossbeam_channel::{Receiver, Sender, bounded};
    pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};
    pub(crate) use std::sync::OnceLock;
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};

    /// Threads of the system.
    pub(crate) mod thread {
        pub(crate) use std::thread::*;

        /// Starts a thread in a scope, if the system gives one.
        pub(crate) fn spawn_in<'scope>(
            scope: &'scope Scope<'scope, '_>,
            body: impl FnOnce() + Send + 'scope,
        ) -> std::io::Result<()> {
            Builder::new().spawn_scoped(scope, body).map(drop)
        }
    }
}
