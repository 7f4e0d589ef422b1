//! Keys: who signs, and by what text others know them.
//!
//! ```text
//! verifier key   name+hash+base64(0x01 || public key, 32 bytes)             to hand out
//! signing key    PRIVATE+KEY+name+hash+base64(0x01 || seed, 32 bytes)       to keep
//! key id = first 4 bytes of SHA-256(name || "\n" || 0x01 || public key), in text 8 hex digits
//! ```
//!
//! Both texts are those of Go's `golang.org/x/mod/sumdb/note`, so that keys made here sign there and
//! the other way round. The type byte 0x01 is Ed25519, the only one this build signs and checks.

use super::armor;
use crate::error::{Error, ErrorKind, Result};
use crate::hash;
use crate::limits::KEY_NAME_BYTES_MAX;
use ed25519_dalek::{Signature, Signer as _};
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of the secret that an Ed25519 key is made from.
pub const SEED_LEN: usize = 32;
/// Bytes of a signature.
pub(super) const SIGNATURE_LEN: usize = 64;

const ED25519: u8 = 1;
const KEY_ID_LEN: usize = 4;
const PRIVATE_PREFIX: &str = "PRIVATE+KEY+";

/// Tells keys of one name apart. Prints as 8 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; KEY_ID_LEN]);

impl KeyId {
    fn of(name: &str, public: &[u8; 32]) -> Self {
        let mut preimage = Vec::with_capacity(name.len() + 34);
        preimage.extend_from_slice(name.as_bytes());
        preimage.extend_from_slice(&[b'\n', ED25519]);
        preimage.extend_from_slice(public);
        let [a, b, c, d, ..] = hash::sha256(&preimage).0;
        Self([a, b, c, d])
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::types::hex(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether a name can stand in keys and signature lines: not empty, no space, no plus sign, no
/// control character.
pub(super) fn is_key_name(name: &str) -> bool {
    let is_refused = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    !name.is_empty() && name.len() <= KEY_NAME_BYTES_MAX && !name.contains(is_refused)
}

fn check_name(name: &str) -> Result<()> {
    if is_key_name(name) {
        return Ok(());
    }
    let wanted = format!("1 to {KEY_NAME_BYTES_MAX} bytes without spaces and plus signs");
    let found = format!("{} bytes", name.len());
    Err(Error::new(ErrorKind::Key, "the name of a key is not acceptable").expected(wanted, found))
}

/// Takes `name+hash+base64` apart; the base64 may hold plus signs of its own.
fn split(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.split_once('+')?;
    let (id, armored) = rest.split_once('+')?;
    Some((name, id, armored))
}

/// A public key with its name: what a verifier trusts.
///
/// ```
/// use witnessmark::VerifierKey;
/// let text = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
/// let key: VerifierKey = text.parse()?;
/// assert_eq!((key.name(), key.to_string().as_str()), ("example.com/foo", text));
/// # Ok::<(), witnessmark::Error>(())
/// ```
///
/// # Source
/// C2SP signed-note, section "Verifier keys".
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: KeyId,
    key: ed25519_dalek::VerifyingKey,
}

impl VerifierKey {
    /// The key of these 32 bytes under this name.
    ///
    /// # Errors
    /// [`ErrorKind::Key`] for a name that cannot be one, and for bytes that are no key, or one of
    /// the few under which anybody can sign.
    pub fn new(name: &str, public: &[u8; 32]) -> Result<Self> {
        check_name(name)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(public).ok();
        let key = key.filter(|key| !key.is_weak()).ok_or_else(|| {
            Error::new(ErrorKind::Key, "these bytes are not a usable Ed25519 public key")
        })?;
        Ok(Self { name: name.to_owned(), id: KeyId::of(name, public), key })
    }

    /// The name: for a log's key, the log's origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key id that stands in signature lines.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The name and the key id: what people compare.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}+{}", self.name, self.id)
    }

    /// Whether `signature` is this key's over `text`, by the strict rules: no small-order points, no
    /// second encoding of the same signature.
    pub(super) fn is_signature_of(&self, text: &[u8], signature: &[u8]) -> bool {
        let signature: Option<[u8; SIGNATURE_LEN]> = signature.try_into().ok();
        signature.is_some_and(|signature| {
            self.key.verify_strict(text, &Signature::from_bytes(&signature)).is_ok()
        })
    }
}

impl std::str::FromStr for VerifierKey {
    type Err = Error;

    /// Reads `name+hash+base64`.
    fn from_str(text: &str) -> Result<Self> {
        let malformed = |what: &str| {
            Error::new(ErrorKind::Key, format!("this is no verifier key: {what}"))
                .hint("wanted: name+hash+base64, as `wmark keygen` prints it")
        };
        if text.starts_with(PRIVATE_PREFIX) {
            return Err(malformed("it is a private key, and should be seen by nobody"));
        }
        let (name, id, armored) =
            split(text).ok_or_else(|| malformed("it has no two plus signs"))?;
        check_name(name)?;
        let bytes = armor::decode(armored).ok_or_else(|| malformed("its end is no base64"))?;
        let public: [u8; 32] = match bytes.split_first() {
            Some((&ED25519, public)) => {
                public.try_into().map_err(|_| malformed("an Ed25519 key has 32 bytes"))?
            }
            Some(_) => return Err(malformed("its type is not Ed25519 (1)")),
            None => return Err(malformed("its end is empty")),
        };
        let key = Self::new(name, &public)?;
        if key.id.to_string() != id {
            return Err(malformed("its hash belongs to another name or key").expected(key.id, id));
        }
        Ok(key)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![ED25519];
        bytes.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, self.id, armor::encode(&bytes))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A secret key with its name. Wiped from memory when dropped; `Debug` shows name and key id.
///
/// ```
/// use witnessmark::{Note, SigningKey};
/// let key = SigningKey::from_seed("acme.example/agents", &[7; 32])?;
/// let note = Note::sign("anything\n", &[&key])?;
/// assert_eq!(note.verify(&[key.verifier()])?.len(), 1);
/// # Ok::<(), witnessmark::Error>(())
/// ```
pub struct SigningKey {
    verifier: VerifierKey,
    secret: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// The key that this seed makes. The seed must come from a generator that nobody can guess.
    ///
    /// # Errors
    /// [`ErrorKind::Key`] for a name that cannot be one.
    pub fn from_seed(name: &str, seed: &[u8; SEED_LEN]) -> Result<Self> {
        let secret = ed25519_dalek::SigningKey::from_bytes(seed);
        let verifier = VerifierKey::new(name, secret.verifying_key().as_bytes())?;
        Ok(Self { verifier, secret })
    }

    /// Reads the text of [`SigningKey::to_text`]; one newline at its end is accepted. The caller
    /// wipes the text.
    ///
    /// # Errors
    /// [`ErrorKind::Key`]. The message holds nothing of the text.
    pub fn parse(text: &str) -> Result<Self> {
        let malformed = |what: &str| {
            Error::new(ErrorKind::Key, format!("this is no signing key: {what}"))
                .hint("wanted: the one line that `wmark keygen` wrote")
        };
        let line = text.strip_suffix('\n').unwrap_or(text);
        let rest = line
            .strip_prefix(PRIVATE_PREFIX)
            .ok_or_else(|| malformed("it does not begin with PRIVATE+KEY+"))?;
        let (name, id, armored) = split(rest).ok_or_else(|| malformed("a part is missing"))?;
        check_name(name)?;
        let bytes = armor::decode(armored).map(Zeroizing::new);
        let bytes = bytes.ok_or_else(|| malformed("its end is no base64"))?;
        let seed: Zeroizing<[u8; SEED_LEN]> = match bytes.split_first() {
            Some((&ED25519, seed)) => Zeroizing::new(
                seed.try_into().map_err(|_| malformed("an Ed25519 seed has 32 bytes"))?,
            ),
            _ => return Err(malformed("its type is not Ed25519 (1)")),
        };
        let key = Self::from_seed(name, &seed)?;
        if key.verifier.id.to_string() != id {
            return Err(malformed("its hash belongs to another name or seed"));
        }
        Ok(key)
    }

    /// The key's text, one line without its newline: for the one file that keeps it.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([ED25519; SEED_LEN + 1]);
        let (_, seed) = bytes.split_at_mut(1);
        seed.copy_from_slice(self.secret.as_bytes());
        let armored = Zeroizing::new(armor::encode(&*bytes));
        let VerifierKey { name, id, .. } = &self.verifier;
        let mut text = Zeroizing::new(String::with_capacity(PRIVATE_PREFIX.len() + 320));
        for part in [PRIVATE_PREFIX, name, "+", &id.to_string(), "+", &armored] {
            text.push_str(part);
        }
        text
    }

    /// The public half.
    #[must_use]
    pub fn verifier(&self) -> VerifierKey {
        self.verifier.clone()
    }

    /// The key's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.verifier.name
    }

    /// The key id that stands in signature lines.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.verifier.id
    }

    pub(super) fn sign(&self, text: &[u8]) -> [u8; SIGNATURE_LEN] {
        self.secret.sign(text).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.verifier.label())
    }
}
