//! The same names over a model checker: every operation is a place where it may switch threads.
//!
//! Both checkers speak the standard library's language, the rest of the crate `parking_lot`'s; the
//! wrappers here translate and decide nothing. Time does not pass in a model: a wait with a
//! deadline ends by being woken, or as the checker says.
//!
//! Tests within the crate get `loom`, which is exhaustive and so for a few calls only (`models.rs`);
//! those outside, which run the whole engine, get `shuttle`.

#[cfg(test)]
#[path = "model/loom.rs"]
mod checker;
#[cfg(not(test))]
#[path = "model/shuttle.rs"]
mod checker;

pub(crate) use checker::{AtomicBool, AtomicU32, AtomicU64, thread};
use checker::{sync, times_out};
use std::collections::VecDeque;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Instant;

/// A lock whose holder cannot panic and go on, so that nobody asks whether it was poisoned.
pub(crate) struct Mutex<T>(sync::Mutex<T>);

/// What [`Mutex::lock`] gives; empty only while [`Condvar::wait`] has it.
pub(crate) struct MutexGuard<'a, T>(Option<sync::MutexGuard<'a, T>>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)))
    }

    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock().ok().map(|guard| MutexGuard(Some(guard)))
    }

    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mutex")
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().unwrap_or_else(|| unreachable!("only a wait takes the guard"))
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().unwrap_or_else(|| unreachable!("only a wait takes the guard"))
    }
}

/// A condition variable.
pub(crate) struct Condvar(sync::Condvar);

/// How a wait with a deadline ended.
pub(crate) struct Waited(bool);

impl Waited {
    pub(crate) fn timed_out(&self) -> bool {
        self.0
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Self(sync::Condvar::new())
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Condvar")
    }
}

impl Condvar {
    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        guard.0 = guard
            .0
            .take()
            .map(|held| self.0.wait(held).unwrap_or_else(std::sync::PoisonError::into_inner));
    }

    pub(crate) fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _: Instant) -> Waited {
        if times_out() {
            return Waited(true);
        }
        self.wait(guard);
        Waited(false)
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// A lock for many readers or one writer.
pub(crate) struct RwLock<T>(sync::RwLock<T>);

impl<T> RwLock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(sync::RwLock::new(value))
    }

    pub(crate) fn read(&self) -> sync::RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> sync::RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RwLock")
    }
}

/// A value that is set once. The flag is the model's, so that who sees it set is explored; the
/// value lies beside it.
pub(crate) struct OnceLock<T> {
    value: std::sync::OnceLock<T>,
    is_set: AtomicBool,
    setting: Mutex<()>,
}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        let (value, is_set) = (std::sync::OnceLock::new(), AtomicBool::new(false));
        Self { value, is_set, setting: Mutex::default() }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        if self.is_set.load(super::Ordering::Acquire) { self.value.get() } else { None }
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        let _setting = self.setting.lock();
        self.value.set(value)?;
        self.is_set.store(true, super::Ordering::Release);
        Ok(())
    }

    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        if let Some(value) = self.get() {
            return value;
        }
        let _setting = self.setting.lock();
        if self.value.get().is_none() {
            let _ = self.value.set(make());
            self.is_set.store(true, super::Ordering::Release);
        }
        self.value.get().unwrap_or_else(|| unreachable!("it was set just now"))
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnceLock")
    }
}

struct Held<T> {
    values: VecDeque<T>,
    is_closed: bool,
}

struct Channel<T> {
    held: Mutex<Held<T>>,
    changed: Condvar,
    held_max: usize,
}

/// One end of a channel.
pub(crate) struct Sender<T>(super::Arc<Channel<T>>);

/// The other end; it never hangs up, but learns when the sender did.
pub(crate) struct Receiver<T>(super::Arc<Channel<T>>);

/// A channel that holds so many at most.
pub(crate) fn bounded<T>(held_max: usize) -> (Sender<T>, Receiver<T>) {
    let held = Mutex::new(Held { values: VecDeque::new(), is_closed: false });
    let changed = Condvar::default();
    let channel = super::Arc::new(Channel { held, changed, held_max });
    (Sender(super::Arc::clone(&channel)), Receiver(channel))
}

impl<T> Sender<T> {
    pub(crate) fn send(&self, value: T) -> Result<(), T> {
        let mut held = self.0.held.lock();
        while held.values.len() >= self.0.held_max {
            self.0.changed.wait(&mut held);
        }
        held.values.push_back(value);
        self.0.changed.notify_all();
        Ok(())
    }

    pub(crate) fn try_send(&self, value: T) -> Result<(), T> {
        let mut held = self.0.held.lock();
        if held.values.len() >= self.0.held_max {
            return Err(value);
        }
        held.values.push_back(value);
        self.0.changed.notify_all();
        Ok(())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.held.lock().is_closed = true;
        self.0.changed.notify_all();
    }
}

impl<T> Receiver<T> {
    pub(crate) fn recv(&self) -> Result<T, ()> {
        let mut held = self.0.held.lock();
        loop {
            if let Some(value) = held.values.pop_front() {
                self.0.changed.notify_all();
                return Ok(value);
            }
            if held.is_closed {
                return Err(());
            }
            self.0.changed.wait(&mut held);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = T> + '_ {
        std::iter::from_fn(|| self.recv().ok())
    }

    pub(crate) fn try_recv(&self) -> Result<T, ()> {
        let value = self.0.held.lock().values.pop_front();
        self.0.changed.notify_all();
        value.ok_or(())
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender")
    }
}
