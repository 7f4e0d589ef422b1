//! Sixteen SHA-256 messages at once, on processors with AVX-512.
//!
//! ```text
//! vector | word of message 0 | word of message 1 | .. | word of message 15 |
//!          a, b .. h: eight vectors of state, and sixteen of the schedule
//! ```
//!
//! Every instruction takes the same step for sixteen messages. The SHA instructions that
//! [`super::sha_ni`] keeps busy have one unit; these have all that calculate, and need little more
//! than half the time a block.
//!
//! The `sha2` crate is the judge: the tests compare with it.
#![expect(unsafe_code, reason = "vector loads take pointers; see the module documentation")]

use core::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_loadu_si512, _mm512_ror_epi32, _mm512_set1_epi32,
    _mm512_set4_epi32, _mm512_shuffle_epi8, _mm512_shuffle_i32x4, _mm512_srli_epi32,
    _mm512_storeu_si512, _mm512_ternarylogic_epi32, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64,
    _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

/// Messages at once.
pub(super) const LANES: usize = 16;

/// The eight words of each lane: word by word, then lane by lane.
pub(super) type Columns = [[u32; LANES]; 8];

/// The round constants of FIPS 180-4, section 4.2.2.
static K: [[u32; 16]; 4] = [
    [
        0x428a_2f98,
        0x7137_4491,
        0xb5c0_fbcf,
        0xe9b5_dba5,
        0x3956_c25b,
        0x59f1_11f1,
        0x923f_82a4,
        0xab1c_5ed5,
        0xd807_aa98,
        0x1283_5b01,
        0x2431_85be,
        0x550c_7dc3,
        0x72be_5d74,
        0x80de_b1fe,
        0x9bdc_06a7,
        0xc19b_f174,
    ],
    [
        0xe49b_69c1,
        0xefbe_4786,
        0x0fc1_9dc6,
        0x240c_a1cc,
        0x2de9_2c6f,
        0x4a74_84aa,
        0x5cb0_a9dc,
        0x76f9_88da,
        0x983e_5152,
        0xa831_c66d,
        0xb003_27c8,
        0xbf59_7fc7,
        0xc6e0_0bf3,
        0xd5a7_9147,
        0x06ca_6351,
        0x1429_2967,
    ],
    [
        0x27b7_0a85,
        0x2e1b_2138,
        0x4d2c_6dfc,
        0x5338_0d13,
        0x650a_7354,
        0x766a_0abb,
        0x81c2_c92e,
        0x9272_2c85,
        0xa2bf_e8a1,
        0xa81a_664b,
        0xc24b_8b70,
        0xc76c_51a3,
        0xd192_e819,
        0xd699_0624,
        0xf40e_3585,
        0x106a_a070,
    ],
    [
        0x19a4_c116,
        0x1e37_6c08,
        0x2748_774c,
        0x34b0_bcb5,
        0x391c_0cb3,
        0x4ed8_aa4a,
        0x5b9c_ca4f,
        0x682e_6ff3,
        0x748f_82ee,
        0x78a5_636f,
        0x84c8_7814,
        0x8cc7_0208,
        0x90be_fffa,
        0xa450_6ceb,
        0xbef9_a3f7,
        0xc671_78f2,
    ],
];

/// Whether this processor can.
#[inline]
pub(super) fn is_available() -> bool {
    std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512bw")
}

/// Runs one block of each lane through its state; `false`, and nothing done, when the processor
/// cannot.
#[inline]
pub(super) fn compress_all(states: &mut Columns, blocks: [&[u8; 64]; LANES]) -> bool {
    if !is_available() {
        return false;
    }
    // SAFETY: the function needs the features that were just detected; an executor that lied about
    // them would raise an illegal instruction, not corrupt memory.
    unsafe { compress(states, blocks) };
    true
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load<T: Copy, const N: usize>(bytes: &[T; N]) -> __m512i {
    const { assert!(size_of::<[T; N]>() == 64) };
    // SAFETY: sixty-four bytes behind a reference are readable; the load asks for no alignment, and
    // every bit pattern is a vector.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn store(to: &mut [u32; LANES], vector: __m512i) {
    // SAFETY: sixty-four bytes behind an exclusive reference are writable; no alignment is asked
    // for, and every bit pattern is sixteen words.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), vector) }
}

/// Four rows of quarters, four words each, turned into four columns.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn turned_within([p, q, r, s]: [__m512i; 4]) -> [__m512i; 4] {
    let (pq_low, pq_high) = (_mm512_unpacklo_epi32(p, q), _mm512_unpackhi_epi32(p, q));
    let (rs_low, rs_high) = (_mm512_unpacklo_epi32(r, s), _mm512_unpackhi_epi32(r, s));
    [
        _mm512_unpacklo_epi64(pq_low, rs_low),
        _mm512_unpackhi_epi64(pq_low, rs_low),
        _mm512_unpacklo_epi64(pq_high, rs_high),
        _mm512_unpackhi_epi64(pq_high, rs_high),
    ]
}

/// Four rows of four quarters turned into four columns of quarters.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn turned_quarters([p, q, r, s]: [__m512i; 4]) -> [__m512i; 4] {
    let low = |a, b| _mm512_shuffle_i32x4::<0x44>(a, b);
    let high = |a, b| _mm512_shuffle_i32x4::<0xee>(a, b);
    let even = |a, b| _mm512_shuffle_i32x4::<0x88>(a, b);
    let odd = |a, b| _mm512_shuffle_i32x4::<0xdd>(a, b);
    let (pq_low, rs_low, pq_high, rs_high) = (low(p, q), low(r, s), high(p, q), high(r, s));
    [even(pq_low, rs_low), odd(pq_low, rs_low), even(pq_high, rs_high), odd(pq_high, rs_high)]
}

/// Word by word what came message by message.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn transposed(rows: [__m512i; 16]) -> [__m512i; 16] {
    let [a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3] = rows;
    // From here each holds the words i, i + 4, i + 8, i + 12 of four messages.
    let [a0, a1, a2, a3] = turned_within([a0, a1, a2, a3]);
    let [b0, b1, b2, b3] = turned_within([b0, b1, b2, b3]);
    let [c0, c1, c2, c3] = turned_within([c0, c1, c2, c3]);
    let [d0, d1, d2, d3] = turned_within([d0, d1, d2, d3]);
    let [w0, w4, w8, w12] = turned_quarters([a0, b0, c0, d0]);
    let [w1, w5, w9, w13] = turned_quarters([a1, b1, c1, d1]);
    let [w2, w6, w10, w14] = turned_quarters([a2, b2, c2, d2]);
    let [w3, w7, w11, w15] = turned_quarters([a3, b3, c3, d3]);
    [w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14, w15]
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn xor(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0x96>(a, b, c)
}

/// The word of the schedule sixteen further: words t, t + 1, t + 9 and t + 14.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn scheduled(w0: __m512i, w1: __m512i, w9: __m512i, w14: __m512i) -> __m512i {
    let small0 =
        xor(_mm512_ror_epi32::<7>(w1), _mm512_ror_epi32::<18>(w1), _mm512_srli_epi32::<3>(w1));
    let small1 =
        xor(_mm512_ror_epi32::<17>(w14), _mm512_ror_epi32::<19>(w14), _mm512_srli_epi32::<10>(w14));
    _mm512_add_epi32(_mm512_add_epi32(w0, small0), _mm512_add_epi32(w9, small1))
}

/// One round with a word and its constant: the eight words turn by one place. What is known before
/// the round is added up first, since each round waits for the fifth word of the one before.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn round(state: [__m512i; 8], word: __m512i, constant: u32) -> [__m512i; 8] {
    let [a, b, c, d, e, f, g, h] = state;
    let large1 =
        xor(_mm512_ror_epi32::<6>(e), _mm512_ror_epi32::<11>(e), _mm512_ror_epi32::<25>(e));
    let choice = _mm512_ternarylogic_epi32::<0xca>(e, f, g);
    let known =
        _mm512_add_epi32(h, _mm512_add_epi32(word, _mm512_set1_epi32(constant.cast_signed())));
    let large0 =
        xor(_mm512_ror_epi32::<2>(a), _mm512_ror_epi32::<13>(a), _mm512_ror_epi32::<22>(a));
    let majority = _mm512_ternarylogic_epi32::<0xe8>(a, b, c);
    let late = _mm512_add_epi32(large1, choice);
    let first = _mm512_add_epi32(_mm512_add_epi32(known, _mm512_add_epi32(large0, majority)), late);
    let fifth = _mm512_add_epi32(_mm512_add_epi32(d, known), late);
    [first, a, b, c, fifth, e, f, g]
}

#[target_feature(enable = "avx512f,avx512bw")]
fn compress(states: &mut Columns, blocks: [&[u8; 64]; LANES]) {
    let swap = _mm512_set4_epi32(0x0c0d_0e0f, 0x0809_0a0b, 0x0405_0607, 0x0001_0203);
    let mut rows = [swap; 16];
    for (row, block) in rows.iter_mut().zip(blocks) {
        *row = _mm512_shuffle_epi8(load(block), swap);
    }
    let mut words = transposed(rows);
    let mut state = [swap; 8];
    for (vector, column) in state.iter_mut().zip(&*states) {
        *vector = load(column);
    }
    let before = state;
    let [first, later @ ..] = &K;
    macro_rules! rounds {
        ($constants:expr, $($t:literal)*) => {
            $( state = round(state, words[$t], $constants[$t]); )*
        };
    }
    macro_rules! schedule {
        ($($t:literal)*) => {
            $( words[$t] = scheduled(words[$t], words[($t + 1) % 16], words[($t + 9) % 16], words[($t + 14) % 16]); )*
        };
    }
    rounds!(first, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    for constants in later {
        schedule!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        rounds!(constants, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    }
    for ((column, vector), before) in states.iter_mut().zip(state).zip(before) {
        store(column, _mm512_add_epi32(vector, before));
    }
}
