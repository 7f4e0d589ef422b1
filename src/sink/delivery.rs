//! Delivery: what the runner's thread does.
//!
//! ```text
//! attach --> batch --write_batch--> sink --flush--> position stored --> next batch
//!              ^          |                  |
//!              |        failed: pause, the same batch again; after `tries`, one by one;
//!              |        an entry that fails `tries` times by its own fault becomes a dead letter
//!              \--------- flush failed: back to the stored position
//! ```
//!
//! Every call of the sink is fenced: a panic is a failed try. A call that does not return keeps
//! this thread, and nobody else.

use super::board::{Shared, Source};
use super::fence::{Failure, fenced};
use super::options::{DeadLetters, RunnerOptions};
use super::state::{DeadLetter, SinkState};
use super::status::Phase;
use super::{Attachment, AuditSink};
use crate::error::{Error, ErrorKind, Result};
use crate::format::identity::Identity;
use crate::format::stored::StoredEntry;
use crate::limits::{SINK_BATCH_BYTES, SINK_NOTES_MAX, SINK_PAUSE_MS_MAX};
use crate::storage::{Clock, SystemClock};
use crate::sync::Arc;
use crate::types::EntryIndex;
use crate::view::View;
use std::time::{Duration, Instant};

/// How a step ended.
enum Step {
    Done,
    /// The sink lost what was not flushed: on from the stored position.
    Again,
    End,
}

pub(super) struct Delivery {
    pub(super) source: Source,
    pub(super) identity: Identity,
    pub(super) sink: Box<dyn AuditSink>,
    pub(super) state: SinkState,
    pub(super) options: RunnerOptions,
    pub(super) shared: Arc<Shared>,
    /// The first entry not written yet; the stored position is at or before it.
    pub(super) next: u64,
    /// Handed on since the position was stored: delivered, dead.
    pub(super) since: (u64, u64),
    pub(super) flushed: Instant,
    pub(super) failures: u32,
    /// The last failure.
    pub(super) last: Option<Error>,
}

impl Delivery {
    /// Runs to the end, whatever that is.
    pub(super) fn run(mut self) {
        let gave_up = self.work().err();
        let Self { state, sink, shared, .. } = self;
        // From here on somebody else may run the sink.
        drop(state);
        shared.tell(|status| {
            status.phase = Phase::Ended;
            status.gave_up = gave_up;
        });
        let _ = fenced(move || {
            drop(sink);
            Ok(())
        });
    }

    fn work(&mut self) -> Result<()> {
        loop {
            if !self.attach()? {
                return Ok(());
            }
            match self.follow() {
                Ok(true) => {}
                ended => {
                    let (flushed, sink) = (self.store(), &mut self.sink);
                    let closed = fenced(|| sink.close()).map_err(|failure| failure.to_error());
                    return ended.map(|_| ()).and(flushed).and(closed);
                }
            }
        }
    }

    /// Attaches the sink; `false` when the owner wants an end before that succeeded.
    fn attach(&mut self) -> Result<bool> {
        loop {
            let position = self.state.position(&self.identity);
            let view = self.view()?;
            // A log that is not the one, or was rolled back, is no failure that goes away.
            position.check(&self.identity, &view)?;
            let (identity, next) = (&self.identity, position.next);
            let log = Attachment { identity, view: &view, next, set_aside: &[] };
            let sink = &mut self.sink;
            let attached = fenced(|| sink.attach(&log));
            self.take_notes();
            match attached {
                Ok(next) if next.get() <= view.size().get() => {
                    self.next = next.get();
                    self.since = (0, 0);
                    self.shared.tell(|status| status.next = next);
                    return Ok(true);
                }
                Ok(next) => {
                    let message = "the sink holds entries that the log does not";
                    return Err(Error::new(ErrorKind::Corrupt, message)
                        .expected(format_args!("at most {}", view.size()), next));
                }
                Err(failure) if self.failed(&failure) => return Ok(false),
                // A key that is wrong, or a file that was tampered with, does not mend itself.
                Err(Failure::Error(error)) if is_final(&error) || self.is_enough() => {
                    return Err(error);
                }
                Err(failure) if self.is_enough() => return Err(failure.to_error()),
                Err(_) => {}
            }
        }
    }

    /// Hands on batch after batch; `true` when the sink is to be attached anew.
    fn follow(&mut self) -> Result<bool> {
        loop {
            let view = self.view()?;
            let end = view.size().get().saturating_sub(view.unvouched());
            self.shared.tell(|status| status.size = end);
            if self.next >= end {
                // Nobody waits for a flush that is due some time: there is time now.
                match self.flush_now() {
                    Step::Done => {}
                    Step::Again => return Ok(true),
                    Step::End => return self.gave_up(),
                }
                if self.options.once || self.is_draining() {
                    return Ok(false);
                }
                self.shared.tell(|status| status.phase = Phase::Waiting);
                if self.shared.pause(self.options.poll) {
                    return Ok(false);
                }
                continue;
            }
            if self.shared.must_stop() {
                return Ok(false);
            }
            self.shared.tell(|status| status.phase = Phase::Delivering);
            let (batch, upto) = self.batch(&view, end)?;
            match self.deliver(&batch) {
                Step::Done => {}
                Step::Again => return Ok(true),
                Step::End => return self.gave_up(),
            }
            self.next = upto;
            let is_due = self.flushed.elapsed() >= self.options.flush_every;
            if is_due {
                match self.flush_now() {
                    Step::Done => {}
                    Step::Again => return Ok(true),
                    Step::End => return self.gave_up(),
                }
            }
        }
    }

    fn gave_up(&self) -> Result<bool> {
        if self.shared.must_stop() {
            return Ok(false);
        }
        let last = self.last.clone();
        let last = last.unwrap_or_else(|| Error::new(ErrorKind::Io, "the sink gave up"));
        Err(last.hint("nothing is lost: the log has every entry"))
    }

    fn view(&mut self) -> Result<View> {
        loop {
            match self.source.view() {
                Ok(view) => return Ok(view),
                Err(error) => {
                    let failure = Failure::Error(error);
                    if self.failed(&failure) || self.is_enough() {
                        return Err(failure.to_error());
                    }
                }
            }
        }
    }

    fn is_draining(&self) -> bool {
        let board = self.shared.board.lock();
        board.stop || board.drain
    }

    /// The next entries, and the index behind them.
    fn batch(&self, view: &View, end: u64) -> Result<(Vec<StoredEntry>, u64)> {
        let mut batch = Vec::new();
        let (mut bytes, mut at) = (0, self.next);
        while at < end && batch.len() < self.options.batch_entries && bytes < SINK_BATCH_BYTES {
            let entry = view.entry(at.into())?;
            at += 1;
            if entry.is_system() && !self.options.system_entries {
                continue;
            }
            bytes += entry.stored_len();
            batch.push(entry);
        }
        Ok((batch, at))
    }

    fn deliver(&mut self, batch: &[StoredEntry]) -> Step {
        if batch.is_empty() {
            return Step::Done;
        }
        let mut tries = 0;
        loop {
            let sink = &mut self.sink;
            let written = fenced(|| sink.write_batch(batch));
            self.take_notes();
            let Err(failure) = written else {
                self.succeeded(batch.len() as u64);
                return Step::Done;
            };
            tries += 1;
            let may_die = failure.blames_entry() || self.options.dead_letters == DeadLetters::Any;
            if tries >= self.options.tries && may_die {
                return match batch {
                    [entry] => self.bury(entry, tries, &failure),
                    _ => self.one_by_one(batch),
                };
            }
            if self.failed(&failure) || (self.is_enough() && !may_die) {
                return Step::End;
            }
        }
    }

    /// Finds the entries of a batch that cannot be handed on.
    fn one_by_one(&mut self, batch: &[StoredEntry]) -> Step {
        for entry in batch {
            match self.deliver(std::slice::from_ref(entry)) {
                Step::Done => {}
                other => return other,
            }
        }
        Step::Done
    }

    fn bury(&mut self, entry: &StoredEntry, tries: u32, failure: &Failure) -> Step {
        let letter = DeadLetter {
            index: entry.index().get(),
            entry_id: entry.entry_id(),
            entry_hash: entry.entry_hash().to_hex(),
            tries,
            kind: failure.kind().to_owned(),
            message: failure.text(),
            at: SystemClock.now().to_string(),
        };
        if let Err(error) = self.state.bury(&[letter]) {
            self.failed(&Failure::Error(error));
            return Step::Again;
        }
        self.since.1 += 1;
        self.failures = 0;
        let text = failure.text();
        self.shared.tell(|status| {
            status.dead_letters += 1;
            status.last_error = Some(text);
            status.failures = 0;
        });
        Step::Done
    }

    fn flush_now(&mut self) -> Step {
        if self.next == self.state.position(&self.identity).next.get() {
            return Step::Done;
        }
        match self.store() {
            Ok(()) => Step::Done,
            Err(error) => {
                let is_end = self.failed(&Failure::Error(error)) || self.is_enough();
                if is_end { Step::End } else { Step::Again }
            }
        }
    }

    /// Flushes the sink and stores the position.
    fn store(&mut self) -> Result<()> {
        let mut position = self.state.position(&self.identity);
        if position.next.get() == self.next {
            return Ok(());
        }
        let sink = &mut self.sink;
        fenced(|| sink.flush()).map_err(|failure| failure.to_error())?;
        let view = self.source.view()?;
        position.advance(self.next.into(), &view)?;
        position.delivered += self.since.0;
        position.dead_letters += self.since.1;
        self.state.store(position)?;
        self.since = (0, 0);
        self.flushed = Instant::now();
        let next = EntryIndex::new(self.next);
        self.shared.tell(|status| status.next = next);
        Ok(())
    }

    fn succeeded(&mut self, count: u64) {
        self.failures = 0;
        self.since.0 += count;
        self.shared.tell(|status| {
            status.delivered += count;
            status.failures = 0;
        });
    }

    /// Tells a failure and pauses; `true` when the owner wants an end.
    fn failed(&mut self, failure: &Failure) -> bool {
        self.failures = self.failures.saturating_add(1);
        let (text, failures) = (failure.text(), self.failures);
        self.last = Some(failure.to_error());
        self.shared.tell(|status| {
            status.phase = Phase::Retrying;
            status.last_error = Some(text);
            status.failures = failures;
        });
        if self.is_enough() {
            return self.shared.must_stop();
        }
        let (first, most) = self.options.backoff;
        let doubled = first.saturating_mul(1 << (failures - 1).min(20)).min(most);
        let asked = self.sink.retry_after().unwrap_or_default();
        let pause = doubled.max(asked).min(Duration::from_millis(SINK_PAUSE_MS_MAX));
        self.shared.pause(pause)
    }

    /// Whether it failed so often that whoever wants an answer gets it now.
    fn is_enough(&self) -> bool {
        let board = self.shared.board.lock();
        let gives_up = self.options.give_up || board.drain;
        board.stop || (gives_up && self.failures >= self.options.tries)
    }

    fn take_notes(&mut self) {
        let sink = &mut self.sink;
        let Ok(notes) = fenced(|| Ok(sink.notes())) else { return };
        if notes.is_empty() {
            return;
        }
        self.shared.tell(|status| {
            status.notes.extend(notes);
            let surplus = status.notes.len().saturating_sub(SINK_NOTES_MAX);
            status.notes.drain(..surplus);
        });
    }
}

/// Whether trying again cannot help.
fn is_final(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Key | ErrorKind::Corrupt | ErrorKind::UnknownVersion)
}
