//! Seeded: a quick hash for the standard library's tables. A seed of its own for each table keeps
//! whoever chooses names or ids from choosing where they fall.

use super::table::{hash_bytes, hash_number, random_seed};
use std::hash::{BuildHasher, Hasher};

/// A seed, different in every process and table.
#[derive(Clone, Debug)]
pub(crate) struct Seeded(u64);

impl Default for Seeded {
    fn default() -> Self {
        Self(random_seed())
    }
}

impl BuildHasher for Seeded {
    type Hasher = SeededHasher;

    fn build_hasher(&self) -> SeededHasher {
        SeededHasher(self.0)
    }
}

/// The hash of one byte string or one number: the seed, then the key's hash.
#[derive(Debug)]
pub(crate) struct SeededHasher(u64);

impl Hasher for SeededHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        // Tables look at the upper bits and at the lower ones.
        self.0 = u64::from(hash_bytes(self.0, bytes)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.0 = hash_number(self.0, number);
    }

    /// The length of a byte string, on which its hash depends anyhow.
    #[inline]
    fn write_usize(&mut self, _len: usize) {}

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}
