//! The key of the keyed mode.

use crate::error::{Error, ErrorKind, Result};
use crate::hash;
use crate::limits::{REDACTION_KEY_BYTES_MAX, REDACTION_KEY_BYTES_MIN};
use zeroize::Zeroizing;

/// Keeps these digests apart from others under the same key.
const LABEL: &[u8] = b"witnessmark/v1/redact\0";

/// The key under which secrets become digests. Wiped when dropped, and never shown.
///
/// It must not lie beside the log: who has both can test guesses against every digest.
#[derive(Clone)]
pub struct RedactionKey(Zeroizing<Vec<u8>>);

impl std::fmt::Debug for RedactionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RedactionKey(..)")
    }
}

impl RedactionKey {
    /// The key of these bytes, 16 to 4096; random ones, 32 of them, are right.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for another length.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self> {
        let bytes = Zeroizing::new(bytes.into());
        let bounds = REDACTION_KEY_BYTES_MIN..=REDACTION_KEY_BYTES_MAX;
        if !bounds.contains(&bytes.len()) {
            return Err(Error::new(ErrorKind::Invalid, "length of the redaction key").expected(
                format_args!("{} to {} bytes", bounds.start(), bounds.end()),
                bytes.len(),
            ));
        }
        Ok(Self(bytes))
    }

    /// 128 bits of HMAC-SHA-256 (RFC 2104) over a label and a secret, as hex.
    pub(super) fn digest(&self, secret: &str) -> String {
        let message = Zeroizing::new([LABEL, secret.as_bytes()].concat());
        let digest = hash::hmac_sha256(&self.0, &message);
        let (half, _) = digest.0.split_at(digest.0.len() / 2);
        crate::types::hex(half)
    }
}
