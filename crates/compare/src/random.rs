//! Numbers and rows from a seed, the same in every process that knows it.

/// SplitMix64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not zero. The bias is below `end` / 2^64.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// Bytes of a row.
pub(crate) const ROW_LEN: usize = 300;

/// The row of a key: small letters and spaces, so that no engine has to escape or mask anything.
pub(crate) fn row(seed: u64, key: u64) -> String {
    let mut random = Random::new(seed ^ (key + 1).wrapping_mul(0x2545_f491_4f6c_dd1d));
    let letters = "abcdefghijklmnopqrstuvwxyz      ";
    let letter = |_| letters.chars().nth(usize::try_from(random.below(32)).unwrap_or(0));
    (0..ROW_LEN).filter_map(letter).collect()
}
