//! Two digests of a file in one pass.

use crate::types::Hash;
use sha2::{Digest, Sha256};

/// A running SHA-256 and BLAKE3 over the same bytes.
#[derive(Clone, Default, Debug)]
pub struct FileHasher {
    sha256: Sha256,
    blake3: blake3::Hasher,
    bytes: u64,
}

impl FileHasher {
    /// A hasher that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.blake3.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// SHA-256, BLAKE3, and how many bytes there were.
    #[must_use]
    pub fn finish(self) -> (Hash, Hash, u64) {
        let blake3 = Hash(*self.blake3.finalize().as_bytes());
        (Hash(self.sha256.finalize().into()), blake3, self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_digests_are_those_of_the_bytes_at_once() {
        let mut hasher = FileHasher::new();
        hasher.update(b"ab");
        hasher.update(b"c");
        let (sha256, blake3, bytes) = hasher.finish();
        assert_eq!((sha256, bytes), (super::super::sha256(b"abc"), 3));
        assert_eq!(blake3, super::super::seal(b"abc"));
    }
}
