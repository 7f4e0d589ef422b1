//! Runners: one thread that follows a log for one sink.

use super::AuditSink;
use super::board::{Board, Shared, Source};
use super::delivery::Delivery;
use super::home::SinkHome;
use super::options::RunnerOptions;
use super::state::SinkState;
use super::status::{Phase, RunnerStatus};
use crate::error::{Error, Result};
use crate::format::identity::Identity;
use crate::log::AuditLog;
use crate::sync::{Arc, thread};
use crate::types::EntryIndex;
use crate::view::Reader;
use std::time::{Duration, Instant};

/// How long a runner whose time is up may take to end.
const GRACE: Duration = Duration::from_millis(200);

/// Follows a log for one sink, on a thread of its own.
///
/// Appending never waits for it. Dropping it asks the thread to end and does not wait;
/// [`SinkRunner::close`] waits as long as it is told to, and says what was not handed on.
///
/// ```
/// use std::time::Duration;
/// use witnessmark::sink::{MemorySink, RunnerOptions, SinkRunner};
/// use witnessmark::{Action, AuditLog, Entry};
/// let log = AuditLog::in_memory()?;
/// let sink = MemorySink::new(100);
/// let runner = SinkRunner::start(&log, "memory", sink.clone(), RunnerOptions::new())?;
/// log.append(Entry::new("tool_invocation", "did:web:a.example", Action::Allow))?;
/// let ended = runner.close(Duration::from_secs(10));
/// assert_eq!((ended.undelivered, sink.entries().len()), (0, 1));
/// # Ok::<(), witnessmark::Error>(())
/// ```
#[derive(Debug)]
pub struct SinkRunner {
    name: String,
    source: Source,
    shared: Arc<Shared>,
}

/// How a runner ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ended {
    /// The first entry that was not handed on.
    pub next: EntryIndex,
    /// Entries in the log that were not handed on; they will be, by the next runner.
    pub undelivered: u64,
    /// Whether the sink did not return in time: its thread is left to itself.
    pub is_stuck: bool,
    /// The runner's last word.
    pub status: RunnerStatus,
}

impl SinkRunner {
    /// Follows an open log from the position stored for `name`, or from its beginning. The position
    /// lies in the log's directory; for a log in memory it goes with the process.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Locked`] when the sink is run already; [`crate::ErrorKind::Invalid`] for
    /// its name, or when its position is one in another log; [`crate::ErrorKind::Corrupt`] when the
    /// log was rolled back behind it; [`crate::ErrorKind::Io`].
    pub fn start(
        log: &AuditLog,
        name: &str,
        sink: impl AuditSink + 'static,
        options: RunnerOptions,
    ) -> Result<Self> {
        let state = match log.directory() {
            Some(dir) => SinkHome::of(dir).open(name)?,
            None => SinkState::volatile(name),
        };
        state.position(log.identity()).check(log.identity(), &log.view())?;
        let source = Source::Log(log.catalog());
        Self::spawn(source, log.identity().clone(), state, Box::new(sink), options)
    }

    /// Follows a log that another process may be writing.
    ///
    /// # Errors
    /// As [`SinkRunner::start`].
    pub fn follow(
        reader: Reader,
        state: SinkState,
        sink: impl AuditSink + 'static,
        options: RunnerOptions,
    ) -> Result<Self> {
        let identity = reader.identity().clone();
        state.position(&identity).check(&identity, &reader.view()?)?;
        Self::spawn(Source::Reader(Arc::new(reader)), identity, state, Box::new(sink), options)
    }

    fn spawn(
        source: Source,
        identity: Identity,
        state: SinkState,
        sink: Box<dyn AuditSink>,
        options: RunnerOptions,
    ) -> Result<Self> {
        let name = state.name().to_owned();
        let shared = Arc::new(Shared::default());
        let next = state.position(&identity).next;
        shared.board.lock().status.next = next;
        let delivery = Delivery {
            source: source.clone(),
            identity,
            sink,
            state,
            options,
            shared: Arc::clone(&shared),
            next: next.get(),
            since: (0, 0),
            flushed: Instant::now(),
            failures: 0,
            last: None,
        };
        thread::Builder::new()
            .name(format!("wmark-sink-{name}"))
            .spawn(move || delivery.run())
            .map_err(|error| Error::io(error, "start a thread", name.clone()))?;
        Ok(Self { name, source, shared })
    }

    /// The sink's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How far it is, and how far the log is right now.
    #[must_use]
    pub fn status(&self) -> RunnerStatus {
        let mut status = self.shared.board.lock().status.clone();
        // Asked here and not there: a runner whose sink hangs knows nothing of what came since.
        if let Ok(view) = self.source.view() {
            status.size = view.size().get().saturating_sub(view.unvouched());
        }
        status
    }

    /// Waits until everything below `size` was handed on, the runner ended, or time is up; says
    /// whether everything was.
    #[must_use]
    pub fn wait_for(&self, size: u64, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut board = self.shared.board.lock();
        loop {
            if board.status.next.get() >= size {
                return true;
            }
            let is_late = self.shared.changed.wait_until(&mut board, deadline).timed_out();
            if is_late || board.status.phase == Phase::Ended {
                return board.status.next.get() >= size;
            }
        }
    }

    /// Waits until the runner ended by itself, as it does with [`RunnerOptions::once`], or time is
    /// up; says whether it ended.
    #[must_use]
    pub fn wait_ended(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut board = self.shared.board.lock();
        while board.status.phase != Phase::Ended {
            if self.shared.changed.wait_until(&mut board, deadline).timed_out() {
                return board.status.phase == Phase::Ended;
            }
        }
        true
    }

    /// Hands on what the log holds, closes the sink and ends, within the time given; a sink that
    /// fails is not waited for longer than its tries. With no time at all it only ends.
    #[must_use = "it says what was not handed on"]
    pub fn close(self, timeout: Duration) -> Ended {
        let deadline = Instant::now() + timeout;
        self.ask(|board| {
            board.drain = true;
            board.stop = timeout.is_zero();
        });
        if !self.wait_ended(deadline.saturating_duration_since(Instant::now())) {
            // A sink that is merely slow ends after the batch at hand, one that hangs does not.
            self.ask(|board| board.stop = true);
            let _ = self.wait_ended(GRACE);
        }
        let status = self.status();
        let is_stuck = status.phase != Phase::Ended;
        Ended { next: status.next, undelivered: status.lag(), is_stuck, status }
    }

    fn ask(&self, change: impl FnOnce(&mut Board)) {
        change(&mut self.shared.board.lock());
        self.shared.changed.notify_all();
    }
}

impl Drop for SinkRunner {
    fn drop(&mut self) {
        self.ask(|board| board.stop = true);
    }
}
