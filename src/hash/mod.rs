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

use crate::types::Hash;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// Length of an entry header in bytes (FORMAT.md, section 3).
pub const HEADER_LEN: usize = 108;
/// Length of a salt in bytes.
pub const SALT_LEN: usize = 16;

/// 16 bytes from the log's random generator; without them a hash cannot be guessed from outside.
pub type Salt = [u8; SALT_LEN];

const LABEL_LEN: usize = 64;

fn labelled(label: &str) -> Sha256 {
    let mut block = [0u8; LABEL_LEN];
    for (to, from) in block.iter_mut().zip(label.bytes()) {
        *to = from;
    }
    let mut state = Sha256::new();
    state.update(block);
    state
}

static DATA: LazyLock<Sha256> = LazyLock::new(|| labelled("witnessmark/v1/data"));
static BODY: LazyLock<Sha256> = LazyLock::new(|| labelled("witnessmark/v1/body"));
static LOG: LazyLock<Sha256> = LazyLock::new(|| labelled("witnessmark/v1/log"));

fn finish(state: Sha256) -> Hash {
    Hash(state.finalize().into())
}

/// The leaf hash of any bytes: `SHA-256(0x00 || bytes)`.
#[must_use]
pub fn leaf(bytes: &[u8]) -> Hash {
    let mut state = Sha256::new();
    state.update([0x00]);
    state.update(bytes);
    finish(state)
}

/// The entry hash: the leaf hash of a 108-byte header, two SHA-256 blocks.
#[must_use]
pub fn entry(header: &[u8; HEADER_LEN]) -> Hash {
    let mut message = [0u8; HEADER_LEN + 1];
    let (_, rest) = message.split_at_mut(1);
    rest.copy_from_slice(header);
    Hash(Sha256::digest(message).into())
}

/// The hash of an interior node: `SHA-256(0x01 || left || right)`.
#[must_use]
pub fn node(left: &Hash, right: &Hash) -> Hash {
    let mut message = [0u8; 65];
    let (tag, rest) = message.split_at_mut(1);
    tag.fill(0x01);
    let (l, r) = rest.split_at_mut(32);
    l.copy_from_slice(&left.0);
    r.copy_from_slice(&right.0);
    Hash(Sha256::digest(message).into())
}

/// The root of the empty tree: `SHA-256("")`.
#[must_use]
pub fn empty_root() -> Hash {
    Hash(Sha256::digest([]).into())
}

/// The hash of a payload; an entry without data has [`Hash::ZERO`] instead.
#[must_use]
pub fn data(salt: &Salt, payload: &[u8]) -> Hash {
    let mut state = DATA.clone();
    state.update(salt);
    state.update(payload);
    finish(state)
}

/// The hash of a body: salt, meta, and the data hash last, so that what stands before it can be
/// hashed early.
#[must_use]
pub fn body(salt: &Salt, meta: &[u8], data_hash: &Hash) -> Hash {
    let mut state = BODY.clone();
    state.update(salt);
    state.update(meta);
    state.update(data_hash.0);
    finish(state)
}

/// The previous hash of entry 0: it binds the log to its identity file.
#[must_use]
pub fn log_start(identity_file: &[u8]) -> Hash {
    let mut state = LOG.clone();
    state.update(identity_file);
    finish(state)
}

/// First 8 bytes of SHA-256 of an entry id, big-endian: the key of the entry id table. Not
/// evidence, but costly enough to collide that an agent cannot degrade the table.
#[must_use]
pub fn id_key(entry_id: &[u8]) -> u64 {
    let digest: [u8; 32] = Sha256::digest(entry_id).into();
    digest.iter().take(8).fold(0, |acc, byte| acc << 8 | u64::from(*byte))
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
        finish(self.0)
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
