//! The board: what a runner's thread and its owner tell each other.

use super::status::RunnerStatus;
use crate::error::Result;
use crate::sync::{Arc, Condvar, Mutex};
use crate::view::{Catalog, Reader, View};
use std::time::{Duration, Instant};

/// Where entries come from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Log(Arc<Catalog>),
    Reader(Arc<Reader>),
}

impl Source {
    pub(super) fn view(&self) -> Result<View> {
        match self {
            Self::Log(catalog) => Ok(catalog.view()),
            Self::Reader(reader) => reader.view(),
        }
    }
}

/// What runner and owner share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) board: Mutex<Board>,
    pub(super) changed: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct Board {
    pub(super) status: RunnerStatus,
    /// End when everything was handed on.
    pub(super) drain: bool,
    /// End at the next opportunity.
    pub(super) stop: bool,
}

impl Shared {
    pub(super) fn tell(&self, change: impl FnOnce(&mut RunnerStatus)) {
        change(&mut self.board.lock().status);
        self.changed.notify_all();
    }

    pub(super) fn must_stop(&self) -> bool {
        self.board.lock().stop
    }

    /// Waits, but not longer than until somebody wants an end; says whether somebody does.
    pub(super) fn pause(&self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        let mut board = self.board.lock();
        let was_draining = board.drain;
        loop {
            if board.stop || board.drain != was_draining {
                return board.stop;
            }
            if self.changed.wait_until(&mut board, deadline).timed_out() {
                return board.stop;
            }
        }
    }
}
