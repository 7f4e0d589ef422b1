//! What sleepers on a signal lie in where there is no futex, and in models: a mutex and a condition
//! variable.

use super::{AtomicU32, Condvar, Mutex, Ordering};
use std::time::Instant;

#[derive(Debug, Default)]
pub(super) struct Bed {
    lock: Mutex<()>,
    changed: Condvar,
}

impl Bed {
    pub(super) fn sleep(&self, word: &AtomicU32, seen: u32, deadline: Option<Instant>) {
        let mut lock = self.lock.lock();
        if word.load(Ordering::SeqCst) != seen {
            return;
        }
        match deadline {
            None => self.changed.wait(&mut lock),
            Some(deadline) => drop(self.changed.wait_until(&mut lock, deadline)),
        }
    }

    pub(super) fn wake(&self, _word: &AtomicU32, count: u32) {
        let _lock = self.lock.lock();
        if count == 1 {
            self.changed.notify_one();
        } else {
            self.changed.notify_all();
        }
    }
}
