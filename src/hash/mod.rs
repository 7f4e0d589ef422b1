//! Hashes: every digest of the format and of the tree, with its domain separation.
//!
//! ```text
//! leaf  = SHA-256(0x00 || header)               RFC 6962, section 2.1
//! node  = SHA-256(0x01 || left || right)        RFC 6962, section 2.1
//! data  = SHA-256(L("witnessmark/v1/data") || salt || payload)
//! body  = SHA-256(L("witnessmark/v1/body") || salt || meta || data hash)
//! log   = SHA-256(L("witnessmark/v1/log")  || identity file)
//! L(x)  = x padded with zero bytes to 64: exactly one SHA-256 block
//! ```
//!
//! Invariant: no label begins with 0x00 or 0x01, so a body can never be taken for a leaf or node.
//! SHA-256 is for evidence; BLAKE3 only for seals and side files, where speed matters and no third
//! party has to recompute it.

mod file;
mod lanes;
mod sha;
#[cfg(target_arch = "x86_64")]
mod sha_avx512;
#[cfg(target_arch = "x86_64")]
mod sha_ni;

pub use file::FileHasher;

use crate::types::Hash;
use hmac::{Hmac, KeyInit, Mac};
use lanes::{TwoBlocks, hash_two, hash_two_all, run_all};
use sha::{INITIAL, Message, State};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// Length of an entry header in bytes (FORMAT.md, section 3).
pub const HEADER_LEN: usize = 108;
/// Length of a salt in bytes.
pub const SALT_LEN: usize = 16;

/// 16 bytes from the log's random generator; without them a hash cannot be guessed from outside.
pub type Salt = [u8; SALT_LEN];

const LABEL_LEN: usize = 64;

/// The state behind a label: one block.
fn labelled(label: &str) -> State {
    let mut block = [0u8; LABEL_LEN];
    for (to, from) in block.iter_mut().zip(label.bytes()) {
        *to = from;
    }
    let mut state = INITIAL;
    sha::compress(&mut state, &[block]);
    state
}

static DATA: LazyLock<State> = LazyLock::new(|| labelled("witnessmark/v1/data"));
static BODY: LazyLock<State> = LazyLock::new(|| labelled("witnessmark/v1/body"));
static LOG: LazyLock<State> = LazyLock::new(|| labelled("witnessmark/v1/log"));

fn behind<'a>(label: &State, parts: [&'a [u8]; 3]) -> Message<'a> {
    Message::new(label, LABEL_LEN as u64, parts)
}

/// The leaf hash of any bytes: `SHA-256(0x00 || bytes)`.
#[must_use]
pub fn leaf(bytes: &[u8]) -> Hash {
    Message::new(&INITIAL, 0, [&[0x00], bytes, &[]]).finish()
}

/// A short message of a tag, then bytes.
#[inline]
fn two_blocks(tag: u8, parts: [&[u8]; 2]) -> TwoBlocks {
    let mut blocks = [0u8; 128];
    let mut filled = 1;
    for part in parts {
        if let Some(to) = blocks.get_mut(filled..filled + part.len()) {
            to.copy_from_slice(part);
        }
        filled += part.len();
    }
    let [first, ..] = &mut blocks;
    *first = tag;
    sha::pad(&mut blocks, filled, filled as u64);
    blocks
}

/// The entry hash: the leaf hash of a 108-byte header, two SHA-256 blocks.
#[must_use]
pub fn entry(header: &[u8; HEADER_LEN]) -> Hash {
    hash_two(&two_blocks(0x00, [header, &[]]))
}

/// The entry hash of each header, in order.
pub fn entry_all(headers: &[[u8; HEADER_LEN]], done: impl FnMut(Hash)) {
    hash_two_all(headers, |header| two_blocks(0x00, [header, &[]]), done);
}

/// An entry header on its way through the chain: its first block needs nothing of the entry
/// before, whose hash stands at its end, so it is hashed while that one still is.
///
/// ```text
/// entry i     | first | second |
/// entry i + 1         | first  | second |        each column in one go
/// ```
#[derive(Clone, Debug)]
pub struct ChainLink {
    state: State,
    second: [u8; 64],
}

impl ChainLink {
    /// The beginning of a chain.
    #[must_use]
    pub fn begin(header: &[u8; HEADER_LEN]) -> Self {
        let blocks = two_blocks(0x00, [header, &[]]);
        let mut link = Self { state: INITIAL, second: [0; 64] };
        if let ([first, second], _) = blocks.as_chunks() {
            sha::compress(&mut link.state, &[*first]);
            link.second = *second;
        }
        link
    }

    fn set_previous(&mut self, previous: &Hash) {
        // The header's last 32 bytes: one byte, the tag, stands before it in the first block.
        const AT: usize = HEADER_LEN + 1 - 32 - 64;
        if let Some(to) = self.second.get_mut(AT..AT + 32) {
            to.copy_from_slice(&previous.0);
        }
    }

    /// The entry hash, now that the one before is known.
    #[must_use]
    pub fn finish(mut self, previous: &Hash) -> Hash {
        self.set_previous(previous);
        sha::compress(&mut self.state, &[self.second]);
        sha::digest(&self.state)
    }

    /// The same, and the link of the header that follows.
    #[must_use]
    pub fn finish_and_begin(mut self, previous: &Hash, header: &[u8; HEADER_LEN]) -> (Hash, Self) {
        self.set_previous(previous);
        let blocks = two_blocks(0x00, [header, &[]]);
        let mut next = Self { state: INITIAL, second: [0; 64] };
        if let ([first, second], _) = blocks.as_chunks() {
            sha::compress_pair(&mut self.state, &mut next.state, &[self.second], &[*first]);
            next.second = *second;
        }
        (sha::digest(&self.state), next)
    }
}

/// The hash of an interior node: `SHA-256(0x01 || left || right)`.
#[must_use]
pub fn node(left: &Hash, right: &Hash) -> Hash {
    hash_two(&two_blocks(0x01, [&left.0, &right.0]))
}

/// The hashes of interior nodes, each given by its children, in order.
pub fn node_all(children: &[[Hash; 2]], done: impl FnMut(Hash)) {
    let lay_out = |[left, right]: &[Hash; 2]| two_blocks(0x01, [&left.0, &right.0]);
    hash_two_all(children, lay_out, done);
}

/// The root of the empty tree: `SHA-256("")`.
#[must_use]
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// The hash of a payload; an entry without data has [`Hash::ZERO`] instead.
#[must_use]
pub fn data(salt: &Salt, payload: &[u8]) -> Hash {
    behind(&DATA, [salt, payload, &[]]).finish()
}

/// The hash of a body: salt, meta, and the data hash last, so that what stands before it can be
/// hashed early.
#[must_use]
pub fn body(salt: &Salt, meta: &[u8], data_hash: &Hash) -> Hash {
    behind(&BODY, [salt, meta, &data_hash.0]).finish()
}

/// As [`body`] of the [`data`] hash: the payload is hashed together with what stands before its
/// hash.
#[must_use]
pub fn body_and_data(salt: &Salt, meta: &[u8], data_salt: &Salt, payload: &[u8]) -> Hash {
    let mut payload = behind(&DATA, [data_salt, payload, &[]]);
    let mut body = behind(&BODY, [salt, meta, &Hash::ZERO.0]);
    let early = body.blocks_before_last();
    sha::run_pair(&mut payload, &mut body, early);
    let data_hash = payload.finish();
    body.set_last(&data_hash.0);
    body.finish()
}

/// The [`data`] hash of each salt and payload, by position.
pub fn data_all<'a>(
    payloads: impl Iterator<Item = (&'a Salt, &'a [u8])>,
    done: impl FnMut(usize, Hash),
) {
    let message = |(salt, payload): (&'a Salt, &'a [u8])| behind(&DATA, [salt, payload, &[]]);
    run_all(payloads.map(message), done);
}

/// The [`body`] hash of each salt, meta and data hash, by position.
pub fn body_all<'a>(
    bodies: impl Iterator<Item = (&'a Salt, &'a [u8], &'a Hash)>,
    done: impl FnMut(usize, Hash),
) {
    let message = |(salt, meta, data_hash): (&'a Salt, &'a [u8], &'a Hash)| {
        behind(&BODY, [salt, meta, &data_hash.0])
    };
    run_all(bodies.map(message), done);
}

/// The previous hash of entry 0: it binds the log to its identity file.
#[must_use]
pub fn log_start(identity_file: &[u8]) -> Hash {
    behind(&LOG, [identity_file, &[], &[]]).finish()
}

/// First 8 bytes of SHA-256 of an entry id, big-endian: the key of the entry id table. Not
/// evidence, but costly enough to collide that an agent cannot degrade the table.
#[must_use]
pub fn id_key(entry_id: &[u8]) -> u64 {
    key_of(&Message::new(&INITIAL, 0, [entry_id, &[], &[]]).finish())
}

/// The [`id_key`] of each id, by position.
pub fn id_key_all<'a>(ids: impl Iterator<Item = &'a [u8]>, mut done: impl FnMut(usize, u64)) {
    let message = |id: &'a [u8]| Message::new(&INITIAL, 0, [id, &[], &[]]);
    run_all(ids.map(message), |at, hash| done(at, key_of(&hash)));
}

fn key_of(digest: &Hash) -> u64 {
    digest.0.iter().take(8).fold(0, |acc, byte| acc << 8 | u64::from(*byte))
}

/// Plain SHA-256.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Hash {
    Hash(Sha256::digest(bytes).into())
}

/// A running SHA-256.
#[derive(Clone, Default)]
pub struct Sha256State(Sha256);

impl Sha256State {
    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of everything taken.
    #[must_use]
    pub fn finish(self) -> Hash {
        Hash(self.0.finalize().into())
    }
}

impl std::fmt::Debug for Sha256State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sha256State")
    }
}

fn hmac_state(key: &[u8], message: &[u8]) -> Hmac<Sha256> {
    // A key of any length is accepted: longer ones are hashed first (RFC 2104, section 2).
    let mut state = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    state.update(message);
    state
}

/// HMAC-SHA256 (RFC 2104).
#[must_use]
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> Hash {
    Hash(hmac_state(key, message).finalize().into_bytes().into())
}

/// Whether `tag` is the HMAC-SHA256 of `message`, compared in constant time.
#[must_use]
pub fn is_hmac_sha256(key: &[u8], message: &[u8], tag: &[u8]) -> bool {
    hmac_state(key, message).verify_slice(tag).is_ok()
}

/// A running BLAKE3 over seals and side files.
#[derive(Clone, Default, Debug)]
pub struct SealHasher(blake3::Hasher);

impl SealHasher {
    /// A hasher that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of everything taken.
    #[must_use]
    pub fn finish(&self) -> Hash {
        Hash(*self.0.finalize().as_bytes())
    }
}

/// BLAKE3 of bytes at hand.
#[must_use]
pub fn seal(bytes: &[u8]) -> Hash {
    Hash(*blake3::hash(bytes).as_bytes())
}

/// Fills `out` from a BLAKE3 extendable output keyed with `key`, at block `counter`: the stream
/// behind the salts. The key comes from the operating system and is used by one thread only.
pub fn expand(key: &[u8; 32], counter: u64, out: &mut [u8]) {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(&counter.to_le_bytes());
    hasher.finalize_xof().fill(out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_root_and_first_leaf_are_the_published_ones() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(empty_root().to_hex(), empty);
        let leaf0 = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
        assert_eq!(leaf(b"").to_hex(), leaf0);
    }

    #[test]
    fn an_entry_hash_is_the_leaf_hash_of_its_header() {
        let header = [7u8; HEADER_LEN];
        assert_eq!(entry(&header), leaf(&header));
    }

    /// What is hashed two at a time, in parts or ahead of time is what plain SHA-256 says.
    #[test]
    fn every_way_to_a_hash_leads_to_the_same_one() {
        let header = |seed: u8| {
            std::array::from_fn::<u8, HEADER_LEN, _>(|i| seed.wrapping_add(i.try_into().unwrap()))
        };
        let (one, two) = (header(1), header(99));
        let tagged = |tag: u8, bytes: &[u8]| sha256(&[&[tag], bytes].concat());
        let mut found = Vec::new();
        entry_all(&[one, two], |hash| found.push(hash));
        assert_eq!(found, [tagged(0, &one), tagged(0, &two)]);
        let (a, b, c) = (leaf(b"a"), leaf(b"b"), leaf(b"c"));
        assert_eq!(node(&a, &b), tagged(1, &[a.0, b.0].concat()));
        let mut found = Vec::new();
        node_all(&[[a, b], [b, c]], |hash| found.push(hash));
        assert_eq!(found, [node(&a, &b), node(&b, &c)]);
        let with_previous = |header: &[u8; HEADER_LEN], previous: &Hash| {
            let mut header = *header;
            header[HEADER_LEN - 32..].copy_from_slice(&previous.0);
            header
        };
        let (first, link) = ChainLink::begin(&one).finish_and_begin(&c, &two);
        assert_eq!(first, entry(&with_previous(&one, &c)));
        assert_eq!(link.finish(&first), entry(&with_previous(&two, &first)));
        let mut keys = [0; 3];
        id_key_all([&b"x"[..], &[7; 16], &[9; 100]].into_iter(), |at, key| keys[at] = key);
        assert_eq!(keys, [id_key(b"x"), id_key(&[7; 16]), id_key(&[9; 100])]);
    }

    #[test]
    fn bodies_of_every_length_hash_as_their_definition_says() {
        let label = |label: &str| [label.as_bytes(), &vec![0; 64 - label.len()]].concat();
        let text = vec![0x5a; 700];
        let (salt, other) = ([3u8; 16], [4u8; 16]);
        for (meta, payload) in (0..300).map(|i| (i, 300 - i)).chain([(700, 1), (1, 700)]) {
            let (meta, payload) = (&text[..meta], &text[..payload]);
            let wanted = sha256(&[&label("witnessmark/v1/data"), &other[..], payload].concat());
            assert_eq!(data(&other, payload), wanted);
            let wanted = [&label("witnessmark/v1/body"), &salt[..], meta, &wanted.0].concat();
            assert_eq!(body_and_data(&salt, meta, &other, payload), sha256(&wanted));
            assert_eq!(body(&salt, meta, &data(&other, payload)), sha256(&wanted));
        }
    }

    #[test]
    fn an_hmac_is_the_published_one() {
        // RFC 4231, test case 2.
        let wanted = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let message = b"what do ya want for nothing?";
        let tag = hmac_sha256(b"Jefe", message);
        assert_eq!(tag.to_hex(), wanted);
        assert!(is_hmac_sha256(b"Jefe", message, &tag.0));
        assert!(!is_hmac_sha256(b"Jefe", message, &tag.0[..31]));
        assert!(!is_hmac_sha256(b"jefe", message, &tag.0));
    }

    #[test]
    fn salt_and_label_matter() {
        assert_ne!(data(&[0; 16], b"x"), data(&[1; 16], b"x"));
        assert_ne!(data(&[0; 16], b""), body(&[0; 16], b"", &Hash::ZERO));
    }
}
