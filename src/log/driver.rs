//! The driver: who runs the committer, and when.
//!
//! One commit routine, two drivers. A blocking caller runs it on its own thread when nobody else
//! does, so a lone producer pays no thread switch; a thread of the log's own serves submissions
//! and writes heartbeats. Whoever finishes a round passes the baton when more has gathered.
//!
//! Locks, in the order they are taken: committer, then queue or cell. Nobody holds the queue's or
//! a cell's lock across I/O.

use super::admission::Admission;
use super::committer::{CommitError, Committer, Fixed};
use super::encode::{self, BodyHash, Given, Record};
use super::options::Options;
use super::queue::{Queue, QueueFull, group_body_max};
use super::ticket::{GroupCell, Placement, Ticket, check_fork};
use crate::entry::Entry;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::HEARTBEAT_IDLE_MS;
use crate::storage::Clock;
use crate::sync::{Arc, AtomicBool, AtomicU64, Condvar, Mutex, Ordering};
use std::cell::RefCell;
use std::time::{Duration, Instant};

/// Everything callers and the log's own thread share.
pub(crate) struct Driver {
    queue: Queue,
    committer: Mutex<Committer>,
    clock: Arc<dyn Clock>,
    admission: Arc<Admission>,
    queue_full: QueueFull,
    group_bytes_max: usize,
    pid: u32,
    bell: Mutex<Bell>,
    rung: Condvar,
    /// Whether the log's own thread waits for the bell, and not for a heartbeat.
    is_dozing: AtomicBool,
    /// Rounds committed so far: how the log's own thread knows that the log is idle.
    rounds: AtomicU64,
}

#[derive(Debug, Default)]
struct Bell {
    work: bool,
    stop: bool,
}

thread_local! {
    static FRAMES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// This thread's buffer for frames, for as long as `use_frames` runs. The caller's iterator runs
/// in it and may append to a log itself: that append finds an empty buffer.
fn with_frames<R>(use_frames: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let mut frames = FRAMES.take();
    frames.clear();
    let result = use_frames(&mut frames);
    FRAMES.set(frames);
    result
}

impl Driver {
    pub(crate) fn new(committer: Committer, options: &Options) -> Self {
        let group_bytes_max = group_body_max(options.segment_bytes);
        Self {
            queue: Queue::new(group_bytes_max, committer.fixed.pid),
            clock: Arc::clone(&options.clock),
            admission: Arc::clone(&committer.fixed.admission),
            queue_full: options.queue_full,
            group_bytes_max,
            pid: committer.fixed.pid,
            committer: Mutex::new(committer),
            bell: Mutex::default(),
            rung: Condvar::default(),
            is_dozing: AtomicBool::new(false),
            rounds: AtomicU64::new(0),
        }
    }

    /// Refuses calls in a forked child.
    pub(crate) fn check_fork(&self) -> Result<()> {
        check_fork(self.pid)
    }

    /// Encodes entries on this thread and puts them into the next group, all of them or none.
    fn enqueue<'a>(
        &self,
        entries: impl Iterator<Item = Entry<'a>>,
        needs_sync: bool,
    ) -> Result<Queued> {
        self.check_fork()?;
        with_frames(|frames| {
            let now = self.clock.now();
            let mut ids: Vec<Given> = Vec::new();
            let mut records: Vec<Record> = Vec::new();
            for entry in entries {
                let (admission, later) = (&self.admission, BodyHash::Later);
                let encoded = encode::encode(&entry, admission, self.pid, now, later, frames)?;
                records.push(encoded.record);
                ids.push(encoded.given);
                self.check_group_len(frames.len())?;
            }
            if records.is_empty() {
                return Err(Error::new(ErrorKind::Invalid, "an empty batch"));
            }
            encode::hash_bodies(frames, &mut records);
            let (cell, position) =
                self.queue.push(frames, records.into_iter(), needs_sync, self.queue_full)?;
            Ok(Queued { cell, position, ids })
        })
    }

    /// As [`Driver::enqueue`] for the usual single entry, without allocating.
    fn enqueue_one(
        &self,
        entry: &Entry<'_>,
        needs_sync: bool,
    ) -> Result<(Arc<GroupCell>, usize, Given)> {
        with_frames(|frames| {
            let (admission, now) = (&self.admission, self.clock.now());
            let encoded = encode::encode(entry, admission, self.pid, now, BodyHash::Now, frames)?;
            self.check_group_len(frames.len())?;
            let record = std::iter::once(encoded.record);
            let (cell, position) = self.queue.push(frames, record, needs_sync, self.queue_full)?;
            Ok((cell, position, encoded.given))
        })
    }

    fn check_group_len(&self, len: usize) -> Result<()> {
        if len <= self.group_bytes_max {
            return Ok(());
        }
        let message = "the entries do not fit one commit group, nothing was appended";
        Err(Error::new(ErrorKind::TooLarge, message)
            .expected(format_args!("at most {} bytes", self.group_bytes_max), len)
            .hint("append fewer at once, or open the log with larger segments"))
    }

    /// Appends one entry and returns when it is durable (or written, when `needs_sync` is false).
    pub(crate) fn append(
        &self,
        entry: &Entry<'_>,
        needs_sync: bool,
    ) -> Result<(Given, Placement, bool)> {
        self.check_fork()?;
        let (cell, position, id) = self.enqueue_one(entry, needs_sync)?;
        self.drive(&cell);
        let (placement, is_durable) = answer(&cell, position)?;
        Ok((id, placement, is_durable))
    }

    /// Appends entries, all of them or none, in one group; returns as [`Driver::append`] does.
    pub(crate) fn append_batch<'a>(
        &self,
        entries: impl Iterator<Item = Entry<'a>>,
        needs_sync: bool,
    ) -> Result<Vec<(Given, Placement, bool)>> {
        let queued = self.enqueue(entries, needs_sync)?;
        self.drive(&queued.cell);
        let one = |(i, id): (usize, Given)| {
            let (placement, is_durable) = answer(&queued.cell, queued.position + i)?;
            Ok((id, placement, is_durable))
        };
        queued.ids.into_iter().enumerate().map(one).collect()
    }

    /// Puts one entry into the next group and returns at once. A forked child learns what it is
    /// where it would have to wait, here or with the ticket: asking the system at every entry
    /// costs as much as two blocks of SHA-256.
    pub(crate) fn submit(&self, entry: &Entry<'_>) -> Result<Ticket> {
        let (cell, position, id) = self.enqueue_one(entry, true)?;
        self.ring();
        Ok(Ticket::new(cell, position, id, self.pid))
    }

    /// Blocks until the cell is done, committing it on this thread when nobody else does.
    fn drive(&self, cell: &GroupCell) {
        while !cell.is_done() {
            let led = match self.committer.try_lock() {
                Some(mut committer) => {
                    self.round(&mut committer);
                    true
                }
                None => false,
            };
            if led {
                self.pass_on();
            } else {
                cell.wait_or_lead();
            }
        }
    }

    /// Commits whatever has gathered.
    fn round(&self, committer: &mut Committer) {
        let Some(mut batch) = self.queue.take() else { return };
        let cell = Arc::clone(&batch.cell);
        let outcome = match self.poison() {
            Some(error) => Err(error),
            None => committer.commit(&mut batch).map_err(|error| self.failed(error)),
        };
        self.rounds.fetch_add(1, Ordering::SeqCst);
        self.queue.recycle(batch);
        cell.finish(outcome);
    }

    /// After a round: somebody must commit what has gathered meanwhile.
    fn pass_on(&self) {
        if let Some(next) = self.queue.next_cell() {
            if !next.pass_baton() {
                self.ring();
            }
        } else if self.is_dozing.swap(false, Ordering::SeqCst) {
            // Under the bell's lock the log's own thread either waits already or will look again.
            let _bell = self.bell.lock();
            self.rung.notify_one();
        }
    }

    fn ring(&self) {
        let mut bell = match self.bell.try_lock() {
            Some(bell) => bell,
            // In a forked child it may be held for ever, and nobody would hear it.
            None if self.check_fork().is_err() => return,
            None => self.bell.lock(),
        };
        // Once a group: a forked child must not touch what its parent's threads wait for.
        if !bell.work && self.check_fork().is_ok() {
            bell.work = true;
            self.is_dozing.store(false, Ordering::SeqCst);
            self.rung.notify_one();
        }
    }

    fn poison(&self) -> Option<Error> {
        self.queue.closed().filter(|error| error.kind() != ErrorKind::Closed)
    }

    /// A failed write or sync closes the log for good; anything else concerns its callers only.
    fn failed(&self, error: CommitError) -> Error {
        match error {
            CommitError::Refused(error) => error,
            CommitError::Poisoned(cause) => {
                let message = format!("a write or sync failed, the log is read-only now: {cause}");
                let location = cause.location().clone();
                let mut error = Error::new(ErrorKind::Poisoned, message)
                    .hint("check the disk, then open the log again: it recovers what is on disk");
                if let Some(file) = location.file {
                    error = error.at_file(file);
                }
                self.queue.close(error.clone());
                error
            }
        }
    }

    /// The log's own thread: serves submissions, and vouches for the last entries when idle.
    pub(crate) fn run(&self) {
        let idle = Duration::from_millis(HEARTBEAT_IDLE_MS);
        let mut seen = u64::MAX;
        loop {
            let mut bell = self.bell.lock();
            while !bell.work && !bell.stop {
                let rounds = self.rounds.load(Ordering::Relaxed);
                if rounds == seen || rounds == 0 {
                    // Nothing to vouch for: sleep until somebody commits.
                    self.is_dozing.store(true, Ordering::SeqCst);
                    if self.rounds.load(Ordering::SeqCst) == rounds {
                        self.rung.wait(&mut bell);
                    }
                    seen = u64::MAX;
                    continue;
                }
                let timed_out = self.rung.wait_until(&mut bell, Instant::now() + idle).timed_out();
                if timed_out && self.rounds.load(Ordering::Relaxed) == rounds {
                    drop(bell);
                    self.heartbeat();
                    seen = rounds;
                    bell = self.bell.lock();
                }
            }
            let stop = bell.stop;
            bell.work = false;
            drop(bell);
            while self.queue.next_cell().is_some() {
                let mut committer = self.committer.lock();
                self.round(&mut committer);
            }
            if stop {
                return;
            }
        }
    }

    fn heartbeat(&self) {
        let mut committer = self.committer.lock();
        if self.poison().is_none()
            && let Err(error) = committer.heartbeat()
        {
            self.failed(error);
        }
        drop(committer);
        // Whoever came meanwhile found the committer taken, and waits to be asked.
        self.pass_on();
    }

    /// Makes everything written so far durable.
    pub(crate) fn sync(&self) -> Result<()> {
        self.check_fork()?;
        let mut committer = self.committer.lock();
        let synced = match self.queue.closed() {
            Some(error) => Err(error),
            None => committer.sync_written().map_err(|error| self.failed(error)),
        };
        drop(committer);
        // As after a round: whoever came meanwhile waits to be asked.
        self.pass_on();
        synced
    }

    /// Makes everything written so far durable, and something durable vouch for it.
    pub(crate) fn vouch(&self) -> Result<()> {
        self.sync()?;
        let mut committer = self.committer.lock();
        let vouched = match self.queue.closed() {
            // Somebody came between the two, and failed: nothing is synced again after that.
            Some(error) => Err(error),
            None => committer.heartbeat().map_err(|error| self.failed(error)),
        };
        drop(committer);
        // As after a round: whoever came meanwhile waits to be asked.
        self.pass_on();
        vouched
    }

    /// Refuses further entries and lets the log's own thread finish what has gathered.
    pub(crate) fn close(&self) {
        self.queue.close(Error::new(ErrorKind::Closed, "the log was closed"));
        self.bell.lock().stop = true;
        self.rung.notify_all();
    }

    /// What every entry goes through.
    pub(crate) fn admission(&self) -> &Admission {
        &self.admission
    }

    /// What stays the same while the log is open.
    pub(crate) fn fixed(&self) -> Arc<Fixed> {
        Arc::clone(&self.committer.lock().fixed)
    }

    /// The committer, when all callers and threads are done with it.
    pub(crate) fn committer(&self) -> crate::sync::MutexGuard<'_, Committer> {
        self.committer.lock()
    }

    /// The process that opened the log.
    pub(crate) fn committer_pid(&self) -> u32 {
        self.pid
    }

    /// Why the log is read-only, if it is.
    pub(crate) fn poisoned(&self) -> Option<Error> {
        self.poison()
    }
}

struct Queued {
    cell: Arc<GroupCell>,
    position: usize,
    ids: Vec<Given>,
}

fn answer(cell: &GroupCell, position: usize) -> Result<(Placement, bool)> {
    cell.answer(position).unwrap_or_else(|| {
        Err(Error::new(ErrorKind::Closed, "the group was closed without this entry"))
    })
}
