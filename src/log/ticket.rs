//! Tickets: waiting for a group to be durable.
//!
//! One [`GroupCell`] stands for one future commit group. A ticket is that cell and a position in
//! it, so a group of thousands is answered by one store and one broadcast. A ticket can be waited
//! on by a thread or polled as a `Future`; dropping it changes nothing, the entry is in the queue.

use super::encode::{EntryId, Given};
use crate::error::{Error, ErrorKind, Result};
use crate::sync::{Arc, Mutex, OnceLock, Signal};
use crate::types::{EntryIndex, Hash, UnixNanos};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// Refuses calls in a child forked from `pid`: locks and threads did not come along.
pub(crate) fn check_fork(pid: u32) -> Result<()> {
    if std::process::id() == pid {
        return Ok(());
    }
    let message = "this process was forked from the one that opened the log";
    Err(Error::new(ErrorKind::Forked, message).hint("open the log again after the fork"))
}

/// Where one entry of a group ended up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placement {
    pub(crate) index: u64,
    pub(crate) entry_hash: Hash,
    pub(crate) recorded_at: u64,
    pub(crate) is_duplicate: bool,
}

/// What became of one entry of a group that was committed.
pub(crate) type Placed = Result<Placement>;

/// Entries of one group that were placed next to each other.
#[derive(Default)]
pub(crate) struct Run {
    pub(crate) first_index: u64,
    pub(crate) recorded_at: u64,
    pub(crate) hashes: Vec<Hash>,
}

impl Run {
    /// Where the entry at this position of the group is.
    pub(crate) fn get(&self, position: usize) -> Option<Placement> {
        let entry_hash = *self.hashes.get(position)?;
        let Self { first_index, recorded_at, .. } = *self;
        let index = first_index + position as u64;
        Some(Placement { index, entry_hash, recorded_at, is_duplicate: false })
    }
}

/// One answer per position of a group.
pub(crate) enum Placements {
    /// Every entry is new, as nearly always.
    Run(Run),
    /// Some were there already.
    Each(Vec<Placed>),
}

/// What became of a group that was committed.
pub(crate) struct GroupOutcome {
    pub(crate) placed: Placements,
    pub(crate) is_durable: bool,
}

/// One commit group that is gathering, in flight, or done.
#[derive(Default)]
pub(crate) struct GroupCell {
    outcome: OnceLock<Result<GroupOutcome>>,
    /// Threads that can commit the group themselves sleep here: [`BATON`] asks one of them to.
    leaders: Signal,
    /// Threads that only wait for the answer sleep here.
    tickets: Signal,
    /// Futures polled before the group was done.
    wakers: Mutex<Vec<Waker>>,
}

/// The group is in the queue or in flight.
const OPEN: u32 = 0;
/// One of the leaders has to commit the group.
const BATON: u32 = 1;
/// The outcome is there.
const DONE: u32 = 2;

impl std::fmt::Debug for GroupCell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupCell").field("is_done", &self.is_done()).finish_non_exhaustive()
    }
}

impl GroupCell {
    pub(crate) fn is_done(&self) -> bool {
        self.outcome.get().is_some()
    }

    /// Answers every position at once and wakes everybody.
    pub(crate) fn finish(&self, outcome: Result<GroupOutcome>) {
        let is_first = self.outcome.set(outcome).is_ok();
        assert!(is_first, "a group is answered once");
        self.leaders.set_for_all(DONE);
        self.tickets.set_for_all(DONE);
        let wakers = std::mem::take(&mut *self.wakers.lock());
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Asks one sleeping leader to commit this group; `false` when none sleeps.
    pub(crate) fn pass_baton(&self) -> bool {
        if !self.leaders.has_sleepers() {
            return false;
        }
        self.leaders.set_for_one(OPEN, BATON);
        true
    }

    /// Sleeps until the group is done (`true`) or this thread was asked to commit it (`false`).
    pub(crate) fn wait_or_lead(&self) -> bool {
        loop {
            match self.leaders.get() {
                DONE => return true,
                BATON if self.leaders.take(BATON, OPEN) => return false,
                seen => self.leaders.sleep(seen, None),
            }
        }
    }

    /// Sleeps until the group is done, or until the deadline.
    pub(crate) fn wait(&self, deadline: Option<Instant>) {
        while !self.is_done() && deadline.is_none_or(|deadline| Instant::now() < deadline) {
            self.tickets.sleep(OPEN, deadline);
        }
    }

    /// The answer for one position; `None` while the group is not done.
    pub(crate) fn answer(&self, position: usize) -> Option<Result<(Placement, bool)>> {
        let outcome = match self.outcome.get()? {
            Err(error) => return Some(Err(error.clone())),
            Ok(outcome) => outcome,
        };
        let placed = match &outcome.placed {
            Placements::Run(run) => run.get(position).map(Ok),
            Placements::Each(placed) => placed.get(position).cloned(),
        };
        let placed = match placed {
            Some(placed) => placed,
            None => Err(Error::new(ErrorKind::Closed, "the group was closed without this entry")),
        };
        Some(placed.map(|placement| (placement, outcome.is_durable)))
    }

    fn register(&self, waker: &Waker) {
        let mut wakers = self.wakers.lock();
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }
}

/// What an append is answered with: where the entry is, and what it hashed to.
#[derive(Clone, Debug)]
#[must_use = "a receipt names the entry's place in the log"]
pub struct Receipt {
    entry_id: EntryId,
    /// The id in words, once somebody asked for it.
    id_text: std::sync::OnceLock<Box<str>>,
    index: EntryIndex,
    entry_hash: Hash,
    recorded_at: UnixNanos,
    is_durable: bool,
    is_duplicate: bool,
    redacted: u32,
}

impl PartialEq for Receipt {
    fn eq(&self, other: &Self) -> bool {
        let facts = |receipt: &Self| {
            let Self { index, entry_hash, recorded_at, is_durable, is_duplicate, .. } = *receipt;
            (index, entry_hash, recorded_at, is_durable, is_duplicate)
        };
        self.entry_id == other.entry_id && facts(self) == facts(other)
    }
}

impl Eq for Receipt {}

impl Receipt {
    pub(crate) fn new(given: Given, placement: &Placement, is_durable: bool) -> Self {
        Self {
            entry_id: given.entry_id,
            id_text: std::sync::OnceLock::new(),
            index: EntryIndex::new(placement.index),
            entry_hash: placement.entry_hash,
            recorded_at: UnixNanos(placement.recorded_at),
            is_durable,
            is_duplicate: placement.is_duplicate,
            // Of what was there before, nothing was taken now.
            redacted: if placement.is_duplicate { 0 } else { given.redacted },
        }
    }

    /// The entry's id.
    #[must_use]
    pub fn entry_id(&self) -> &str {
        self.id_text.get_or_init(|| self.entry_id.to_text().into())
    }

    /// The entry's position in the log.
    #[must_use]
    pub fn index(&self) -> EntryIndex {
        self.index
    }

    /// The leaf of the tree this entry became.
    #[must_use]
    pub fn entry_hash(&self) -> Hash {
        self.entry_hash
    }

    /// When it was recorded.
    #[must_use]
    pub fn recorded_at(&self) -> UnixNanos {
        self.recorded_at
    }

    /// Whether the entry survives power loss: always, but for logs in memory.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.is_durable
    }

    /// Whether the same entry was in the log already; index and hash are the first one's.
    #[must_use]
    pub fn is_duplicate(&self) -> bool {
        self.is_duplicate
    }

    /// How many things redaction took out of the entry before it was hashed.
    #[must_use]
    pub fn redacted(&self) -> u32 {
        self.redacted
    }
}

/// What a buffered append is answered with. The entry survives the process, not the machine,
/// until [`crate::AuditLog::sync`] or a later durable append has returned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a buffered entry is not durable until the log is synced"]
pub struct BufferedReceipt(pub(crate) Receipt);

impl BufferedReceipt {
    /// The entry's id.
    #[must_use]
    pub fn entry_id(&self) -> &str {
        self.0.entry_id()
    }

    /// How many things redaction took out of the entry before it was hashed.
    #[must_use]
    pub fn redacted(&self) -> u32 {
        self.0.redacted()
    }

    /// The entry's position in the log, if no crash takes it back.
    #[must_use]
    pub fn index(&self) -> EntryIndex {
        self.0.index()
    }

    /// The leaf of the tree this entry became.
    #[must_use]
    pub fn entry_hash(&self) -> Hash {
        self.0.entry_hash()
    }
}

/// An entry on its way: wait for it, or await it. Dropping the ticket does not take it back.
#[derive(Debug)]
#[must_use = "the entry may still fail: wait for the ticket or await it"]
pub struct Ticket {
    cell: Arc<GroupCell>,
    position: usize,
    given: Given,
    pid: u32,
}

impl Ticket {
    pub(crate) fn new(cell: Arc<GroupCell>, position: usize, given: Given, pid: u32) -> Self {
        Self { cell, position, given, pid }
    }

    fn receipt(&self) -> Option<Result<Receipt>> {
        let answer = self.cell.answer(self.position)?;
        Some(answer.map(|(placement, is_durable)| {
            Receipt::new(self.given.clone(), &placement, is_durable)
        }))
    }

    /// Blocks until the entry is durable.
    ///
    /// # Errors
    /// Whatever kept the entry out of the log, see [`crate::AuditLog::append`].
    pub fn wait(self) -> Result<Receipt> {
        loop {
            if let Some(receipt) = self.receipt() {
                return receipt;
            }
            check_fork(self.pid)?;
            self.cell.wait(None);
        }
    }

    /// Blocks for at most `timeout`; gives the ticket back when the entry is not durable by then.
    ///
    /// # Errors
    /// The ticket itself, still good.
    pub fn wait_timeout(self, timeout: Duration) -> Result<Result<Receipt>, Self> {
        if !self.cell.is_done()
            && let Err(forked) = check_fork(self.pid)
        {
            return Ok(Err(forked));
        }
        let deadline = Instant::now().checked_add(timeout);
        self.cell.wait(deadline);
        match self.receipt() {
            Some(receipt) => Ok(receipt),
            None => Err(self),
        }
    }

    /// Whether the answer is there.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.cell.is_done()
    }
}

impl Future for Ticket {
    type Output = Result<Receipt>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(receipt) = self.receipt() {
            return Poll::Ready(receipt);
        }
        check_fork(self.pid)?;
        self.cell.register(cx.waker());
        // The group may have been finished between the first look and the registration.
        match self.receipt() {
            Some(receipt) => Poll::Ready(receipt),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(index: u64) -> GroupOutcome {
        let run = Run { first_index: index, recorded_at: 0, hashes: vec![Hash::ZERO] };
        GroupOutcome { placed: Placements::Run(run), is_durable: true }
    }

    fn ticket(cell: &Arc<GroupCell>) -> Ticket {
        let given = Given { entry_id: EntryId::Text("x".into()), redacted: 0 };
        Ticket::new(Arc::clone(cell), 0, given, std::process::id())
    }

    #[test]
    fn every_waiter_wakes_with_the_receipt_or_with_the_error() {
        for outcome in [Ok(done(7)), Err(Error::new(ErrorKind::Poisoned, "sync failed"))] {
            let cell = Arc::new(GroupCell::default());
            let kind = outcome.as_ref().err().map(Error::kind);
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    let ticket = ticket(&cell);
                    std::thread::spawn(move || ticket.wait())
                })
                .collect();
            cell.finish(outcome);
            for thread in threads {
                let answer = thread.join().unwrap();
                assert_eq!(answer.as_ref().err().map(Error::kind), kind);
                assert!(kind.is_some() || answer.unwrap().index().get() == 7);
            }
        }
    }

    #[test]
    fn a_wait_ends_with_its_time_and_not_before() {
        let cell = Arc::new(GroupCell::default());
        assert!(!ticket(&cell).is_done());
        let deadline = Instant::now() + Duration::from_millis(20);
        cell.wait(Some(deadline));
        assert!(Instant::now() >= deadline);
        cell.finish(Ok(done(3)));
        assert!(ticket(&cell).is_done());
        // Nobody waits for what is there.
        cell.wait(None);
    }

    #[test]
    fn a_timeout_gives_the_ticket_back() {
        let cell = Arc::new(GroupCell::default());
        let ticket = ticket(&cell).wait_timeout(Duration::from_millis(1)).unwrap_err();
        cell.finish(Ok(done(3)));
        assert_eq!(ticket.wait().unwrap().index().get(), 3);
    }
}
