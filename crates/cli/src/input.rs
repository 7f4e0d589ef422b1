//! Input that can be stopped: a file, or standard input that does not wait for ever.
//!
//! Invariant: once somebody wants to stop, a read answers with the end of the input, so that what
//! was read before is dealt with and nothing behind it is begun.

use crate::interrupt::Interrupt;
use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// How often the reader looks whether somebody wants to stop.
const LOOK: Duration = Duration::from_millis(50);
/// Bytes read at once.
const PIECE: usize = 256 << 10;

/// Standard input that does not wait for ever: a thread reads, and what it has is given at once.
pub(crate) struct Pipe<'a> {
    pieces: Receiver<std::io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    at: usize,
    /// Told when everything before it was given.
    failed: Option<std::io::Error>,
    stop: &'a AtomicBool,
    interrupt: &'a Interrupt,
}

fn pump(to: &SyncSender<std::io::Result<Vec<u8>>>) {
    let mut input = std::io::stdin().lock();
    loop {
        let mut piece = vec![0; PIECE];
        let read = input.read(&mut piece).map(|len| piece.truncate(len));
        if matches!(&read, Err(error) if error.kind() == std::io::ErrorKind::Interrupted) {
            continue;
        }
        let is_last = read.is_err() || piece.is_empty();
        if to.send(read.map(|()| piece)).is_err() || is_last {
            return;
        }
    }
}

impl<'a> Pipe<'a> {
    pub(crate) fn new(stop: &'a AtomicBool, interrupt: &'a Interrupt) -> Self {
        let (to, pieces) = sync_channel(4);
        // It may wait for input when the command is done, and ends with the process then.
        std::thread::spawn(move || pump(&to));
        Self { pieces, piece: Vec::new(), at: 0, failed: None, stop, interrupt }
    }

    fn take(&mut self, room: &mut [u8]) -> usize {
        let rest = self.piece.get(self.at..).unwrap_or_default();
        let len = rest.len().min(room.len());
        if let (Some(to), Some(from)) = (room.get_mut(..len), rest.get(..len)) {
            to.copy_from_slice(from);
        }
        self.at += len;
        len
    }
}

impl Read for Pipe<'_> {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let mut given = self.take(room);
        while given == 0 {
            if self.interrupt.is_raised() {
                self.stop.store(true, Ordering::SeqCst);
            }
            if self.stop.load(Ordering::SeqCst) {
                return Ok(0);
            }
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            match self.pieces.recv_timeout(LOOK) {
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
                Ok(piece) => {
                    (self.piece, self.at) = (piece?, 0);
                    if self.piece.is_empty() {
                        return Ok(0);
                    }
                    given = self.take(room);
                }
            }
        }
        // Whatever else is there already comes along, so that a batch is as large as it can be.
        while given < room.len() && self.at == self.piece.len() {
            match self.pieces.try_recv() {
                Ok(Ok(piece)) if !piece.is_empty() => (self.piece, self.at) = (piece, 0),
                Ok(Err(error)) => {
                    self.failed = Some(error);
                    break;
                }
                // Nothing yet, or the end, which is met again: nobody sends any more.
                _ => break,
            }
            given += self.take(room.get_mut(given..).unwrap_or_default());
        }
        Ok(given)
    }
}

/// A file, until somebody wants to stop.
pub(crate) struct Stoppable<'a> {
    pub(crate) file: File,
    pub(crate) stop: &'a AtomicBool,
    pub(crate) interrupt: &'a Interrupt,
}

impl Read for Stoppable<'_> {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        if self.interrupt.is_raised() {
            self.stop.store(true, Ordering::SeqCst);
            return Ok(0);
        }
        self.file.read(room)
    }
}
