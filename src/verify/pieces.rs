//! Pieces: a file read forward through one bounded buffer.
//!
//! Every byte is copied once; what is hashed, checked and parsed is that copy, whatever happens to
//! the file meanwhile. The seal's digest runs along as bytes come in. A file that became shorter
//! simply ends. No maps here: a map of a file that is cut is a signal, not an error.

use crate::error::Result;
use crate::hash::SealHasher;
use crate::storage::StorageFile;
use crate::sync::{Arc, AtomicU64, Ordering};
use crate::types::Hash;

/// Bytes read at once.
const PIECE_BYTES: usize = 1 << 20;

/// Counts bytes as they are read and tells whoever wants to know.
pub(super) struct Meter<'a> {
    done: AtomicU64,
    total: u64,
    tell: Option<&'a (dyn Fn(u64, u64) + Send + Sync)>,
}

impl<'a> Meter<'a> {
    pub(super) fn new(total: u64, tell: Option<&'a (dyn Fn(u64, u64) + Send + Sync)>) -> Self {
        Self { done: AtomicU64::new(0), total, tell }
    }

    pub(super) fn add(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if let Some(tell) = self.tell {
            // What was read twice around damage does not count beyond the whole.
            tell(done.min(self.total), self.total);
        }
    }

    pub(super) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }
}

/// A running digest of the bytes from the file's first on.
struct Seal {
    hasher: SealHasher,
    at: u64,
    end: u64,
}

impl Seal {
    fn take(&mut self, bytes: &[u8], base: u64) {
        let end = base.saturating_add(bytes.len() as u64).min(self.end);
        if base > self.at || end <= self.at {
            return; // a gap, which `finish` notices, or nothing new
        }
        let range = usize::try_from(self.at - base).ok().zip(usize::try_from(end - base).ok());
        let fresh = range.and_then(|(from, to)| bytes.get(from..to));
        self.hasher.update(fresh.unwrap_or_default());
        self.at = end;
    }
}

/// A file and the piece of it at hand.
pub(super) struct Pieces<'a> {
    file: Arc<dyn StorageFile>,
    meter: &'a Meter<'a>,
    /// Nothing at or behind this offset is read.
    end: u64,
    base: u64,
    buffer: Vec<u8>,
    filled: usize,
    seal: Option<Seal>,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(file: Arc<dyn StorageFile>, end: u64, meter: &'a Meter<'a>) -> Self {
        Self { file, meter, end, base: 0, buffer: Vec::new(), filled: 0, seal: None }
    }

    /// Bytes of the largest piece so far.
    pub(super) fn largest(&self) -> usize {
        self.buffer.len()
    }

    /// From now on the bytes before `end` are digested; to be called before anything is read.
    pub(super) fn digest_to(&mut self, end: u64) {
        self.seal = Some(Seal { hasher: SealHasher::new(), at: 0, end });
    }

    /// The digest, once everything before its end was read; `None` when something was left out.
    pub(super) fn digest(&mut self) -> Result<Option<Hash>> {
        let Some(end) = self.seal.as_ref().map(|seal| seal.end) else { return Ok(None) };
        while let Some(at) = self.seal.as_ref().map(|seal| seal.at).filter(|at| *at < end) {
            let len = usize::try_from(end - at).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
            if self.get(at, len)?.len() < len {
                return Ok(None);
            }
            if self.seal.as_ref().is_some_and(|seal| seal.at == at) {
                return Ok(None);
            }
        }
        Ok(self.seal.as_ref().map(|seal| seal.hasher.finish()))
    }

    /// Up to `len` bytes at `at`; fewer only where the file ends.
    pub(super) fn get(&mut self, at: u64, len: usize) -> Result<&[u8]> {
        let wanted_end = at.saturating_add(len as u64).min(self.end);
        let filled_end = self.base + self.filled as u64;
        if at < self.base || wanted_end > filled_end {
            self.move_to(at);
            self.fill(len)?;
        }
        let from = usize::try_from(at.saturating_sub(self.base)).unwrap_or(usize::MAX);
        let to = from.saturating_add(len).min(self.filled);
        Ok(self.buffer.get(from..to).unwrap_or_default())
    }

    /// Makes the buffer begin at `at` and keeps what it has of it.
    fn move_to(&mut self, at: u64) {
        let kept = usize::try_from(at.wrapping_sub(self.base)).unwrap_or(usize::MAX);
        if at >= self.base && kept < self.filled {
            self.buffer.copy_within(kept..self.filled, 0);
            self.filled -= kept;
        } else {
            self.filled = 0;
        }
        self.base = at;
    }

    fn fill(&mut self, len: usize) -> Result<()> {
        let from = self.base + self.filled as u64;
        let left = usize::try_from(self.end.saturating_sub(from)).unwrap_or(usize::MAX);
        let more = len.saturating_sub(self.filled).max(PIECE_BYTES).min(left);
        let wanted = self.filled + more;
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        let Some(room) = self.buffer.get_mut(self.filled..wanted) else { return Ok(()) };
        let read = self.file.read_at(room, from)?;
        let fresh = room.get(..read).unwrap_or_default();
        if let Some(seal) = &mut self.seal {
            seal.take(fresh, from);
        }
        self.meter.add(read as u64);
        self.filled += read;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash;
    use crate::storage::{MemoryStorage, Storage};

    const LEN: usize = 2 * PIECE_BYTES + PIECE_BYTES / 2;

    fn file() -> (Arc<dyn StorageFile>, Vec<u8>) {
        let bytes: Vec<u8> =
            (0..LEN).map(|at| ((at * 7 + at / 251) % 256).try_into().unwrap()).collect();
        let file = MemoryStorage::new().create("x").unwrap();
        file.write_all_at(&bytes, 0).unwrap();
        (file, bytes)
    }

    #[test]
    fn the_bytes_are_those_of_the_file_and_forward_each_is_read_once() {
        let (file, bytes) = file();
        for end in [0, 1, PIECE_BYTES, LEN - 1, LEN, LEN + 5] {
            for step in [1000, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1] {
                let told = std::sync::Mutex::new((0, 0));
                let tell = |done, total| *told.lock().unwrap() = (done, total);
                let meter = Meter::new(7, Some(&tell));
                let mut pieces = Pieces::new(Arc::clone(&file), end as u64, &meter);
                for at in (0..LEN + step).step_by(step) {
                    let most = end.min(LEN);
                    let wanted = &bytes[at.min(most)..(at + step).min(most)];
                    assert!(pieces.get(at as u64, step).unwrap() == wanted, "{end} {step} {at}");
                }
                assert_eq!(meter.done(), end.min(LEN) as u64, "{end} {step}");
                // Told no more than there was said to be, and nothing where nothing was read.
                let last = if end == 0 { (0, 0) } else { (7.min(end as u64), 7) };
                assert_eq!(*told.lock().unwrap(), last);
                assert!(
                    pieces.largest() <= PIECE_BYTES + step && pieces.largest() >= end.min(step)
                );
            }
        }
    }

    /// Backwards, over what is at hand, and past it.
    #[test]
    fn the_bytes_are_those_of_the_file_in_any_order() {
        let (file, bytes) = file();
        let meter = Meter::new(LEN as u64, None);
        let mut pieces = Pieces::new(file, LEN as u64, &meter);
        let (mut at, mut state) = (0usize, 1u32);
        for _ in 0..400 {
            state = state.wrapping_mul(0x915f_77f5).wrapping_add(1);
            let len = (state >> 8) as usize % 5000;
            at = match state >> 30 {
                0 => (state >> 4) as usize % LEN,
                1 => at.saturating_sub(len / 2),
                _ => at + len,
            };
            let wanted = &bytes[at.min(LEN)..(at + len).min(LEN)];
            assert!(pieces.get(at as u64, len).unwrap() == wanted, "{at} {len}");
        }
    }

    #[test]
    fn the_digest_is_that_of_all_bytes_whatever_was_read_before() {
        let (file, bytes) = file();
        let orders: [&[(usize, usize)]; 6] = [
            &[],
            &[(0, LEN)],
            &[(0, 10), (PIECE_BYTES - 5, 10), (PIECE_BYTES + 3, 10)],
            &[(0, 10), (2 * PIECE_BYTES, 10), (5, 10)],
            &[(2 * PIECE_BYTES, 10)],
            &[(0, 10), (700, PIECE_BYTES), (300, PIECE_BYTES)],
        ];
        for end in [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, LEN - 16, LEN] {
            for order in orders {
                let meter = Meter::new(LEN as u64, None);
                let mut pieces = Pieces::new(Arc::clone(&file), LEN as u64, &meter);
                assert_eq!(pieces.digest().unwrap(), None, "nobody asked");
                pieces.digest_to(end as u64);
                for (at, len) in order {
                    pieces.get(*at as u64, *len).unwrap();
                }
                let found = pieces.digest().unwrap();
                assert_eq!(found, Some(hash::seal(&bytes[..end])), "{end} {order:?}");
            }
        }
        let meter = Meter::new(0, None);
        let mut pieces = Pieces::new(file, LEN as u64 + 9, &meter);
        pieces.digest_to(LEN as u64 + 1);
        assert_eq!(pieces.digest().unwrap(), None, "the file is shorter");
    }
}
