//! A group-commit front for an engine that has none: who finds nobody writing takes all acts that
//! wait, writes them as one group, and wakes exactly those who waited for it.
//!
//! This is how a program would use such an engine for many producers; without it each of them pays
//! a sync of its own.

use super::load::Act;
use super::store::Store;
use crate::engine::Result;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
struct State<'a> {
    gathering: Vec<Act<'a>>,
    spare: Vec<Act<'a>>,
    /// Number of the group that is gathering; all before `done` are durable.
    group: u64,
    done: u64,
    is_writing: bool,
    failed: Option<String>,
}

/// The front.
pub(crate) struct Group<'s, 'a> {
    store: &'s dyn Store,
    state: Mutex<State<'a>>,
    /// By the parity of the group.
    changed: [Condvar; 2],
}

impl<'s, 'a> Group<'s, 'a> {
    pub(crate) fn new(store: &'s dyn Store) -> Self {
        Self { store, state: Mutex::default(), changed: Default::default() }
    }

    /// Appends one act and returns when it is durable.
    ///
    /// # Errors
    /// What the engine said to the group; every later call fails too.
    pub(crate) fn append(&self, act: Act<'a>) -> Result<()> {
        let mut state = self.lock();
        state.gathering.push(act);
        let group = state.group;
        loop {
            if let Some(failed) = &state.failed {
                return Err(failed.clone().into());
            }
            if state.done > group {
                return Ok(());
            }
            if state.is_writing {
                state = self.changed(group).wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state = self.lead(state);
        }
    }

    /// Writes the group that is gathering.
    fn lead<'g>(&'g self, mut state: MutexGuard<'g, State<'a>>) -> MutexGuard<'g, State<'a>> {
        state.is_writing = true;
        let next = std::mem::take(&mut state.spare);
        let mut taken = std::mem::replace(&mut state.gathering, next);
        state.group += 1;
        drop(state);
        let result = self.store.write(&taken);
        taken.clear();
        let mut state = self.lock();
        state.spare = taken;
        state.is_writing = false;
        match result {
            Ok(()) => state.done = state.group,
            Err(error) => state.failed = Some(error.to_string()),
        }
        // Everybody of the group that is done; one of the next, to lead it.
        let next = state.group;
        self.changed(next.wrapping_sub(1)).notify_all();
        if state.failed.is_some() {
            self.changed(next).notify_all();
        } else {
            self.changed(next).notify_one();
        }
        state
    }

    fn changed(&self, group: u64) -> &Condvar {
        let [even, odd] = &self.changed;
        if group.is_multiple_of(2) { even } else { odd }
    }

    fn lock(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speed::load::Fleet;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Counts what it is given, and fails once it has been given enough.
    struct Counting(AtomicU64, u64);

    impl Store for Counting {
        fn write(&self, acts: &[Act<'_>]) -> Result<()> {
            let before = self.0.fetch_add(acts.len() as u64, Ordering::Relaxed);
            if before >= self.1 { Err("full".into()) } else { Ok(()) }
        }

        fn sync(&self) -> Result<()> {
            Ok(())
        }

        fn close(self: Box<Self>) -> Result<()> {
            Ok(())
        }
    }

    fn appended(store: &Counting) -> u64 {
        let fleet = Fleet::new(1);
        let group = Group::new(store);
        let produce = |producer| {
            let each = |act| group.append(act).is_ok();
            fleet.acts(producer).take(500).map(each).filter(|is_ok| *is_ok).count() as u64
        };
        let produce = &produce;
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|n| scope.spawn(move || produce(n))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        })
    }

    #[test]
    fn every_act_is_written_once_and_every_producer_is_answered() {
        let store = Counting(AtomicU64::new(0), u64::MAX);
        assert_eq!(appended(&store), 4000);
        assert_eq!(store.0.into_inner(), 4000);
    }

    #[test]
    fn a_failed_group_fails_all_who_wait_and_all_who_come() {
        let store = Counting(AtomicU64::new(0), 100);
        let answered = appended(&store);
        // What was answered had been written; nobody sleeps for ever.
        assert!((100..4000).contains(&answered) && answered <= store.0.into_inner());
    }
}
