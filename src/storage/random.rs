//! Randomness: the operating system's, and a fast stream keyed by it for salts.
//!
//! Salts make hashes of erased data unguessable, so they come from a cryptographic generator: a
//! keyed BLAKE3 stream per thread, keyed anew in every process.

use crate::error::{Error, ErrorKind, Result};
use crate::hash;
use std::cell::RefCell;

/// Fills `out` from the operating system.
///
/// # Errors
/// [`ErrorKind::Io`] when it has no random numbers to give.
pub fn os_random(out: &mut [u8]) -> Result<()> {
    getrandom::fill(out)
        .map_err(|error| Error::new(ErrorKind::Io, format!("no random numbers: {error}")))
}

const BLOCK: usize = 4096;

struct Stream {
    pid: u32,
    key: [u8; 32],
    counter: u64,
    block: Box<[u8; BLOCK]>,
    used: usize,
}

thread_local! {
    static STREAM: RefCell<Option<Stream>> = const { RefCell::new(None) };
}

/// Fills `out` (at most 4 KiB) from this thread's stream. `pid` is this process: a stream that
/// came along through a fork is thrown away.
///
/// # Errors
/// As [`os_random`].
pub fn fill(pid: u32, out: &mut [u8]) -> Result<()> {
    STREAM.with_borrow_mut(|slot| {
        let stream = match slot {
            Some(stream) if stream.pid == pid => stream,
            _ => slot.insert(Stream::new(pid)?),
        };
        stream.fill(out);
        Ok(())
    })
}

impl Stream {
    fn new(pid: u32) -> Result<Self> {
        let mut key = [0; 32];
        os_random(&mut key)?;
        Ok(Self { pid, key, counter: 0, block: Box::new([0; BLOCK]), used: BLOCK })
    }

    fn fill(&mut self, out: &mut [u8]) {
        assert!(out.len() <= BLOCK);
        if self.used + out.len() > BLOCK {
            self.counter += 1;
            hash::expand(&self.key, self.counter, &mut self.block[..]);
            self.used = 0;
        }
        if let Some(bytes) = self.block.get_mut(self.used..self.used + out.len()) {
            out.copy_from_slice(bytes);
            // What was handed out is not kept.
            bytes.fill(0);
        }
        self.used += out.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_fills_are_alike_and_a_fork_gets_its_own_stream() {
        let mut seen = std::collections::HashSet::new();
        for pid in [1, 1, 2, 2] {
            for _ in 0..500 {
                let mut out = [0; 42];
                fill(pid, &mut out).unwrap();
                assert!(seen.insert(out) && out != [0; 42]);
            }
        }
    }
}
