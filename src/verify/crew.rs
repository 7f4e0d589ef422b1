//! The crew: threads that check segments, each apart from the others, while one joins them in order.
//!
//! ```text
//! tasks --claim--> check | check | check --done--> join, on the thread that began, which checks too
//! ```
//!
//! Invariants: a segment is joined only behind all before it; no more than so many are checked ahead
//! of it; an audit needs no thread but its own.

use super::join::Joined;
use super::segment::{self, Audit, Outcome, Task};
use crate::sync::{Condvar, Mutex, thread};
use std::collections::BTreeMap;

/// What the threads share: which segment is next, and what waits to be joined.
#[derive(Default)]
struct Board {
    next: usize,
    joined: usize,
    done: BTreeMap<usize, Outcome>,
    /// A thread panicked: what it had taken never gets done.
    is_broken: bool,
}

/// Segments whose outcomes may wait to be joined, or two for each thread: not too many, for these
/// hold names and counters.
const AHEAD: usize = 16;

/// In which order segments are checked: of so many in a row the longest first, so that no thread is
/// left alone with a long one at the end.
fn order(tasks: &[Task], row: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..tasks.len()).collect();
    let len = |at: &usize| tasks.get(*at).map_or(0, |task| task.len);
    order.chunks_mut(row).for_each(|some| some.sort_by_key(|at| std::cmp::Reverse(len(at))));
    order
}

/// The segments on their way over the threads.
struct Line<'a> {
    audit: &'a Audit<'a>,
    tasks: &'a [Task],
    order: Vec<usize>,
    /// Segments, counted from the next to be joined, that may be checked before it is.
    ahead: usize,
    board: Mutex<Board>,
    changed: Condvar,
}

impl Line<'_> {
    /// The next segment that nobody has taken, unless it is too far ahead.
    fn claim(&self, board: &mut Board) -> Option<usize> {
        let at = self.order.get(board.next).copied();
        let at = at.filter(|at| *at < board.joined + self.ahead)?;
        board.next += 1;
        Some(at)
    }

    fn check(&self, at: usize) {
        let _watch = Watch(self);
        let Some(task) = self.tasks.get(at) else { return };
        let outcome = segment::check(self.audit, task, None);
        self.board.lock().done.insert(at, outcome);
    }

    /// Checks segments until all are taken.
    fn work(&self) {
        loop {
            let mut board = self.board.lock();
            let at = loop {
                if board.is_broken || board.next >= self.order.len() {
                    return;
                }
                match self.claim(&mut board) {
                    Some(at) => break at,
                    None => self.changed.wait(&mut board),
                }
            };
            drop(board);
            self.check(at);
        }
    }

    /// What came of a segment; checks others while somebody else has it. `None` when a thread
    /// panicked.
    fn outcome(&self, at: usize) -> Option<Outcome> {
        let mut board = self.board.lock();
        // Ends: all of its row may be claimed, so either this thread does it or another has it.
        loop {
            if board.is_broken {
                return None;
            }
            if let Some(outcome) = board.done.remove(&at) {
                return Some(outcome);
            }
            match self.claim(&mut board) {
                Some(next) => {
                    drop(board);
                    self.check(next);
                    board = self.board.lock();
                }
                None => self.changed.wait(&mut board),
            }
        }
    }
}

/// Tells the others that something was done, or that it never will be.
struct Watch<'a>(&'a Line<'a>);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.0.board.lock().is_broken |= std::thread::panicking();
        self.0.changed.notify_all();
    }
}

/// Checks segments on several threads, this one among them, and joins them in order here. Threads
/// that the system does not give are done without.
pub(super) fn run(audit: &Audit<'_>, tasks: &[Task], joined: &mut Joined) {
    let threads = audit.rooms.threads.min(tasks.len());
    if threads <= 1 {
        for task in tasks {
            joined.take(audit, task, segment::check(audit, task, None));
        }
        return;
    }
    // Under a cap, no outcome but those at hand.
    let ahead = if audit.rooms.cap.is_some() { threads } else { AHEAD.max(2 * threads) };
    let (order, board) = (order(tasks, ahead), Mutex::new(Board::default()));
    let line = Line { audit, tasks, order, ahead, board, changed: Condvar::default() };
    thread::scope(|scope| {
        for _ in 1..threads {
            if thread::spawn_in(scope, || line.work()).is_err() {
                break;
            }
        }
        let _watch = Watch(&line);
        for (at, task) in tasks.iter().enumerate() {
            let Some(outcome) = line.outcome(at) else { return };
            joined.take(audit, task, outcome);
            line.board.lock().joined = at + 1;
            line.changed.notify_all();
        }
    });
}
