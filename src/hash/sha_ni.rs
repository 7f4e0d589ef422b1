//! Two SHA-256 messages at once, on processors with the SHA instructions of x86-64.
//!
//! One block is a chain of 32 `sha256rnds2`, each of which waits for the one before; the unit
//! could begin another every other cycle meanwhile. Two independent messages, instruction by
//! instruction in turn, take hardly longer than one.
//!
//! ```text
//! lane a | rnds2 . . . rnds2 . . . rnds2 . . .
//! lane b | . . rnds2 . . . rnds2 . . . rnds2 .       same unit, no wait in common
//! ```
//!
//! The `sha2` crate is the judge (the tests compare with it) and does all other hashing.
#![expect(unsafe_code, reason = "vector loads take pointers; see the module documentation")]

use core::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_blend_epi16, _mm_loadu_si128, _mm_set_epi64x,
    _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8,
    _mm_shuffle_epi32, _mm_storeu_si128,
};

/// The eight words between two blocks.
type State = [u32; 8];

/// The round constants of FIPS 180-4, section 4.2.2.
static K: [[u32; 4]; 16] = [
    [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5],
    [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
    [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3],
    [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
    [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc],
    [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
    [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7],
    [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
    [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13],
    [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
    [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3],
    [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
    [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5],
    [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
    [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208],
    [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
];

/// Whether this processor can.
#[inline]
pub(super) fn is_available() -> bool {
    std::arch::is_x86_feature_detected!("sha") && std::arch::is_x86_feature_detected!("sse4.1")
}

/// Runs as many blocks of each message as both have through its state; `false`, and nothing done,
/// when the processor cannot.
#[inline]
pub(super) fn compress_pair(
    states: [&mut State; 2],
    blocks_a: &[[u8; 64]],
    blocks_b: &[[u8; 64]],
) -> bool {
    if !is_available() {
        return false;
    }
    // SAFETY: the function needs the features that were just detected; an executor that lied about
    // them would raise an illegal instruction, not corrupt memory.
    unsafe { compress_both(states, blocks_a, blocks_b) };
    true
}

#[inline]
fn load<T: Copy>(bytes: &[T; 4]) -> __m128i {
    const { assert!(size_of::<T>() == 4) };
    // SAFETY: sixteen bytes behind a reference are readable; the load asks for no alignment, and
    // every bit pattern is a vector.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[inline]
fn store(to: &mut [u32; 4], vector: __m128i) {
    // SAFETY: sixteen bytes behind an exclusive reference are writable; no alignment is asked for,
    // and every bit pattern is four words.
    unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), vector) }
}

/// One message: its state in the order the instructions want, and sixteen words of schedule.
struct Lane {
    abef: __m128i,
    cdgh: __m128i,
    words: [__m128i; 4],
}

impl Lane {
    #[inline]
    #[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
    fn new(state: &State) -> Self {
        let (low, high) = halves(state);
        let cdab = _mm_shuffle_epi32(load(low), 0xb1);
        let efgh = _mm_shuffle_epi32(load(high), 0x1b);
        let abef = _mm_alignr_epi8(cdab, efgh, 8);
        let cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
        Self { abef, cdgh, words: [abef; 4] }
    }

    #[inline]
    #[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
    fn state(&self) -> State {
        let feba = _mm_shuffle_epi32(self.abef, 0x1b);
        let dchg = _mm_shuffle_epi32(self.cdgh, 0xb1);
        let (mut low, mut high) = ([0; 4], [0; 4]);
        store(&mut low, _mm_blend_epi16(feba, dchg, 0xf0));
        store(&mut high, _mm_alignr_epi8(dchg, feba, 8));
        let ([a, b, c, d], [e, f, g, h]) = (low, high);
        [a, b, c, d, e, f, g, h]
    }

    /// Takes the next block's words, most significant byte first.
    #[inline]
    #[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
    fn take(&mut self, block: &[u8; 64]) {
        let swap = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
        let (quarters, _) = block.as_chunks::<4>();
        let (quarters, _) = quarters.as_chunks::<4>();
        for (words, quarter) in self.words.iter_mut().zip(quarters) {
            *words = _mm_shuffle_epi8(load(quarter), swap);
        }
    }

    /// The schedule four words further, and the four words that fell out of it replaced.
    #[inline]
    #[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
    fn schedule(&mut self) {
        let [w0, w1, w2, w3] = self.words;
        let sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
        self.words = [w1, w2, w3, _mm_sha256msg2_epu32(sum, w3)];
    }

    /// Four rounds with these words and constants.
    #[inline]
    #[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
    fn rounds(&mut self, words: __m128i, constants: &[u32; 4]) {
        let sum = _mm_add_epi32(words, load(constants));
        self.cdgh = _mm_sha256rnds2_epu32(self.cdgh, self.abef, sum);
        self.abef = _mm_sha256rnds2_epu32(self.abef, self.cdgh, _mm_shuffle_epi32(sum, 0x0e));
    }
}

fn halves(state: &State) -> (&[u32; 4], &[u32; 4]) {
    let (quads, _) = state.as_chunks::<4>();
    match quads {
        [low, high] => (low, high),
        _ => unreachable!("eight words are two quads"),
    }
}

#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn compress_both(states: [&mut State; 2], blocks_a: &[[u8; 64]], blocks_b: &[[u8; 64]]) {
    let [state_a, state_b] = states;
    let (mut a, mut b) = (Lane::new(state_a), Lane::new(state_b));
    let (first, later) = K.split_at(4);
    for (block_a, block_b) in blocks_a.iter().zip(blocks_b) {
        let before = [(a.abef, a.cdgh), (b.abef, b.cdgh)];
        a.take(block_a);
        b.take(block_b);
        let (words_a, words_b) = (a.words, b.words);
        for ((constants, wa), wb) in first.iter().zip(words_a).zip(words_b) {
            a.rounds(wa, constants);
            b.rounds(wb, constants);
        }
        for constants in later {
            a.schedule();
            b.schedule();
            let ([.., wa], [.., wb]) = (a.words, b.words);
            a.rounds(wa, constants);
            b.rounds(wb, constants);
        }
        for (lane, (abef, cdgh)) in [&mut a, &mut b].into_iter().zip(before) {
            lane.abef = _mm_add_epi32(lane.abef, abef);
            lane.cdgh = _mm_add_epi32(lane.cdgh, cdgh);
        }
    }
    *state_a = a.state();
    *state_b = b.state();
}
