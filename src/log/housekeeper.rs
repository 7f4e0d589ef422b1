//! The housekeeper: seals finished segments, prepares the next one and keeps the growing part
//! caught up, so that neither callers nor the committer do.
//!
//! Two threads: one computes, the other waits for the disk to take the next segment's zeros. One
//! after the other they took longer than eight producers take to fill a segment.
//!
//! Everything it does can be done again: sealing is idempotent, a spare can be thrown away, and
//! whoever reads catches up by himself.

use super::active::{Preallocate, Spare};
use super::seal::{self, SealJob};
use crate::error::{Error, ErrorKind, Result};
use crate::storage::Storage;
use crate::sync::{Arc, AtomicU64, Condvar, Mutex, Ordering, Receiver, Sender, bounded, thread};
use crate::view::Catalog;

/// Something to do.
#[derive(Debug)]
pub(crate) enum Job {
    /// Give a finished segment its footer and side files.
    Seal(SealJob),
    /// Make the side files of these sealed segments again: at once where they are missing, when
    /// nothing else is to be done where they may be damaged.
    SideFiles { missing: Vec<u64>, perhaps: Vec<u64> },
    /// Read what was published.
    CatchUp,
    /// Leave.
    Stop,
}

/// A segment to be prepared.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    len: u64,
    how: Preallocate,
}

#[derive(Debug, Default)]
struct State {
    seals_pending: usize,
    prepares_pending: usize,
    seal_failed: Option<(SealJob, Error)>,
    prepare_error: Option<Error>,
    spare: Option<Spare>,
}

/// Handle to the housekeeper's threads.
#[derive(Debug)]
pub(crate) struct Housekeeper {
    jobs: Sender<Job>,
    state: Mutex<State>,
    changed: Condvar,
    nudged_at: AtomicU64,
    /// `None` once no more segments are wanted.
    wanted: Mutex<Option<Sender<Wanted>>>,
    threads: Mutex<Vec<thread::JoinHandle<()>>>,
}

/// Jobs that may wait; a seal per rotation, and catch-ups.
const JOBS_MAX: usize = 8;
/// Published bytes after which the housekeeper reads what callers may ask for next.
const CATCH_UP_BYTES: u64 = 1 << 20;

impl Housekeeper {
    fn new() -> (Arc<Self>, Receiver<Job>, Receiver<Wanted>) {
        let (jobs, inbox) = bounded(JOBS_MAX);
        // Each is taken before the next one is wanted.
        let (wanted, wishes) = bounded(1);
        let keeper = Self {
            jobs,
            state: Mutex::default(),
            changed: Condvar::default(),
            nudged_at: AtomicU64::new(0),
            wanted: Mutex::new(Some(wanted)),
            threads: Mutex::default(),
        };
        (Arc::new(keeper), inbox, wishes)
    }

    /// One that takes jobs and does none, for models with few threads.
    #[cfg(all(test, model))]
    pub(crate) fn without_threads() -> Arc<Self> {
        Self::new().0
    }

    /// Starts the threads.
    pub(crate) fn start(storage: Arc<dyn Storage>, catalog: Arc<Catalog>) -> Result<Arc<Self>> {
        let (keeper, inbox, wishes) = Self::new();
        let (worker, its_storage) = (Arc::clone(&keeper), Arc::clone(&storage));
        keeper.spawn("wmark-housekeeper", move || worker.run(&inbox, &its_storage, &catalog))?;
        let worker = Arc::clone(&keeper);
        let prepare = move || wishes.iter().for_each(|wanted| worker.prepare(&*storage, wanted));
        if let Err(error) = keeper.spawn("wmark-preparer", prepare) {
            keeper.stop();
            return Err(error);
        }
        Ok(keeper)
    }

    fn spawn(&self, name: &str, body: impl FnOnce() + Send + 'static) -> Result<()> {
        let handle = thread::Builder::new()
            .name(name.to_owned())
            .spawn(body)
            .map_err(|error| Error::io(error, "start a thread", name))?;
        self.threads.lock().push(handle);
        Ok(())
    }

    fn prepare(&self, storage: &dyn Storage, wanted: Wanted) {
        let spare = Spare::prepare(storage, wanted.len, wanted.how);
        let mut state = self.state.lock();
        state.prepares_pending -= 1;
        match spare {
            Ok(spare) => state.spare = Some(spare),
            Err(error) => state.prepare_error = Some(error),
        }
        self.changed.notify_all();
    }

    fn run(&self, inbox: &Receiver<Job>, storage: &Arc<dyn Storage>, catalog: &Catalog) {
        let mut to_look_at: Vec<u64> = Vec::new();
        loop {
            let job = match to_look_at.last() {
                None => inbox.recv().ok(),
                Some(_) => inbox.try_recv().ok(),
            };
            let Some(job) = job else {
                // A cache that cannot be written is made again in memory by whoever reads.
                let Some(first_index) = to_look_at.pop() else { return };
                let _ = seal::write_side_files(storage, catalog, first_index);
                continue;
            };
            match job {
                Job::Stop => return,
                Job::Seal(job) => {
                    let sealed = seal::seal(storage, catalog, &job);
                    let mut state = self.state.lock();
                    state.seals_pending -= 1;
                    state.seal_failed = sealed.err().map(|error| (job, error));
                    self.changed.notify_all();
                }
                Job::SideFiles { missing, perhaps } => {
                    for first_index in missing {
                        let _ = seal::write_side_files(storage, catalog, first_index);
                    }
                    to_look_at = perhaps;
                }
                Job::CatchUp => {
                    let view = catalog.view();
                    if let Some(part) = catalog.last_part() {
                        // Reading again is harmless; an error comes back to whoever asks next.
                        let _ = part.with_followed(view.end_offset(&part), |_| Ok(()));
                    }
                }
            }
        }
    }

    /// Hands over a job; waits when too many are waiting.
    pub(crate) fn send(&self, job: Job) {
        if matches!(job, Job::Seal(_)) {
            self.state.lock().seals_pending += 1;
        }
        // The receiver lives as long as this handle's thread, which only `stop` ends.
        let _ = self.jobs.send(job);
    }

    /// Asks for the next segment to be prepared.
    pub(crate) fn want_spare(&self, len: u64, how: Preallocate) {
        if let Some(wanted) = &*self.wanted.lock() {
            self.state.lock().prepares_pending += 1;
            // The receiver lives until the sender is dropped.
            let _ = wanted.send(Wanted { len, how });
        }
    }

    /// Says how far the active segment is published; reading follows in steps.
    pub(crate) fn nudge(&self, end_offset: u64) {
        let last = self.nudged_at.load(Ordering::Relaxed);
        if end_offset < last || end_offset - last >= CATCH_UP_BYTES {
            self.nudged_at.store(end_offset, Ordering::Relaxed);
            // When the queue is full, a later nudge or the reader himself will do.
            let _ = self.jobs.try_send(Job::CatchUp);
        }
    }

    /// The prepared spare, if it is long enough; waits for one that is being made.
    pub(crate) fn take_spare(&self, storage: &dyn Storage, wanted: u64) -> Result<Option<Spare>> {
        let mut state = self.state.lock();
        while state.prepares_pending > 0 {
            self.changed.wait(&mut state);
        }
        state.prepare_error = None;
        match state.spare.take() {
            Some(spare) if spare.len >= wanted => Ok(Some(spare)),
            Some(_) => {
                storage.remove(crate::format::SPARE_NAME)?;
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// Waits until no segment waits to be sealed. What could not be sealed for lack of room is
    /// tried once more.
    ///
    /// # Errors
    /// Why the last one could not be sealed: [`ErrorKind::NoSpace`] passes, all else does not.
    pub(crate) fn wait_sealed(&self) -> Result<()> {
        let mut is_second_try = false;
        loop {
            let mut state = self.state.lock();
            while state.seals_pending > 0 {
                self.changed.wait(&mut state);
            }
            let Some((job, error)) = state.seal_failed.take() else { return Ok(()) };
            let has_no_room = error.kind() == ErrorKind::NoSpace;
            if has_no_room && !is_second_try {
                is_second_try = true;
                drop(state);
                self.send(Job::Seal(job));
                continue;
            }
            state.seal_failed = Some((job, error.clone()));
            let kind = if has_no_room { ErrorKind::NoSpace } else { ErrorKind::Poisoned };
            let mut failed = Error::new(kind, format!("sealing failed: {error}"))
                .hint("the segment stays as it is and is sealed on the next open");
            if let Some(file) = &error.location().file {
                failed = failed.at_file(file.clone());
            }
            return Err(failed);
        }
    }

    /// Ends the threads once all jobs are done.
    pub(crate) fn stop(&self) {
        self.wanted.lock().take();
        self.send(Job::Stop);
        let threads = std::mem::take(&mut *self.threads.lock());
        for handle in threads {
            let joined = handle.join();
            assert!(joined.is_ok(), "the housekeeper does not panic");
        }
    }
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;
    use crate::format::SPARE_NAME;
    use crate::storage::MemoryStorage;

    #[test]
    fn readers_are_caught_up_in_steps_and_at_once_in_a_new_segment() {
        let (keeper, inbox, _wishes) = Housekeeper::new();
        for (end_offset, is_told) in [
            (0, false),
            (CATCH_UP_BYTES - 1, false),
            (CATCH_UP_BYTES, true),
            (CATCH_UP_BYTES, false),
            (2 * CATCH_UP_BYTES - 1, false),
            (2 * CATCH_UP_BYTES + 5, true),
            (4096, true),
            (4097, false),
        ] {
            keeper.nudge(end_offset);
            assert_eq!(matches!(inbox.try_recv(), Ok(Job::CatchUp)), is_told, "{end_offset}");
        }
    }

    #[test]
    fn a_spare_is_taken_when_it_is_long_enough_and_thrown_away_when_it_is_not() {
        let (keeper, _inbox, wishes) = Housekeeper::new();
        let storage = MemoryStorage::new();
        assert!(keeper.take_spare(&storage, 1).unwrap().is_none());
        for (wanted, is_taken) in [(99, true), (100, true), (101, false)] {
            keeper.want_spare(100, Preallocate::None);
            keeper.prepare(&storage, wishes.try_recv().unwrap());
            let spare = keeper.take_spare(&storage, wanted).unwrap();
            assert_eq!(spare.map(|spare| spare.len), is_taken.then_some(100));
            let names = storage.list().unwrap();
            assert_eq!(names.iter().any(|file| file.name == SPARE_NAME), is_taken);
        }
    }

    #[test]
    fn one_who_needs_the_spare_waits_until_it_is_made() {
        let (keeper, _inbox, wishes) = Housekeeper::new();
        let storage = MemoryStorage::new();
        keeper.want_spare(100, Preallocate::None);
        thread::scope(|scope| {
            let taken = scope.spawn(|| keeper.take_spare(&storage, 100).unwrap());
            // It cannot be there before this.
            keeper.prepare(&storage, wishes.recv().unwrap());
            assert!(taken.join().unwrap().is_some());
        });
    }
}
