//! Notes: a text, and lines by which keys vouch for it.
//!
//! ```text
//! text, UTF-8, ends in a newline, no other control character      <- what is signed
//!                                                                 <- the last empty line: not signed
//! — example.com/foo Uw2QOkn8srV1y...          base64(key id, 4 bytes || signature)
//! — witness.example/w1 lpmAzwAAAABl...        1 to 16 of them; those of unknown keys are skipped
//! ```
//!
//! Invariant: what was parsed prints as the bytes it was parsed from.

use super::armor;
use super::key::{KeyId, SigningKey, VerifierKey, is_key_name};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{NOTE_BYTES_MAX, NOTE_SIGNATURE_BYTES_MAX, NOTE_SIGNATURES_MAX};
use std::fmt;

const DASH: &str = "— ";

/// One signature line. Believe it after [`Note::verify`] only.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoteSignature {
    name: String,
    key_id: KeyId,
    signature: Vec<u8>,
}

impl NoteSignature {
    /// Name of the key that is said to have signed.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its key id.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    fn is_by(&self, key: &VerifierKey) -> bool {
        self.name == key.name() && self.key_id == key.id()
    }

    fn parse(line: &str) -> Result<Self> {
        let rest = line.strip_prefix(DASH).ok_or_else(|| {
            malformed("a signature line does not begin with an em dash and a space")
        })?;
        let parts = rest.split_once(' ').filter(|(name, _)| is_key_name(name));
        let (name, armored) =
            parts.ok_or_else(|| malformed("a signature line has no acceptable name"))?;
        if armored.len() > NOTE_SIGNATURE_BYTES_MAX.div_ceil(3) * 4 {
            return Err(malformed("a signature is too long"));
        }
        let bytes = armor::decode(armored);
        let bytes = bytes.ok_or_else(|| malformed("a signature is no base64"))?;
        match bytes.split_first_chunk::<4>() {
            Some((id, signature)) if !signature.is_empty() => {
                let (name, signature) = (name.to_owned(), signature.to_owned());
                Ok(Self { name, key_id: KeyId(*id), signature })
            }
            _ => Err(malformed("a signature is too short")),
        }
    }
}

/// A signed text.
///
/// ```
/// use witnessmark::{Note, VerifierKey};
/// let key = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k".parse()?;
/// let note = Note::parse("This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VY\
///     RlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n".as_bytes())?;
/// assert_eq!(note.verify(&[key])?.len(), 1);
/// assert_eq!(note.text(), "This is an example message.\n");
/// # Ok::<(), witnessmark::Error>(())
/// ```
///
/// # Source
/// C2SP signed-note, version 1.0.0.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

fn malformed(what: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("not a signed note: {what}"))
}

fn check_text(text: &str) -> Result<()> {
    if text.len() > NOTE_BYTES_MAX {
        return Err(malformed("it is too long").expected(NOTE_BYTES_MAX, text.len()));
    }
    if !text.ends_with('\n') {
        return Err(malformed("its text does not end in a newline"));
    }
    match text.bytes().position(|byte| byte < 0x20 && byte != b'\n') {
        None => Ok(()),
        Some(at) => Err(malformed("it holds a control character").at_offset(at as u64)),
    }
}

impl Note {
    /// Signs a text, which ends in a newline and holds no other control character, with these keys.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for another text, for no key and for more than 16 of them.
    pub fn sign(text: impl Into<String>, keys: &[&SigningKey]) -> Result<Self> {
        let text = text.into();
        check_text(&text)?;
        if keys.is_empty() || keys.len() > NOTE_SIGNATURES_MAX {
            return Err(Error::new(ErrorKind::Invalid, "a note is signed by one to 16 keys")
                .expected(format_args!("1 to {NOTE_SIGNATURES_MAX}"), keys.len()));
        }
        let line = |key: &&SigningKey| NoteSignature {
            name: key.name().to_owned(),
            key_id: key.id(),
            signature: key.sign(text.as_bytes()).to_vec(),
        };
        let signatures = keys.iter().map(line).collect();
        Ok(Self { text, signatures })
    }

    /// Takes a note apart. Nothing is verified here.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for anything that is not a signed note, for more than 16 signatures,
    /// and for more than 16 MiB.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(malformed("it is too long").expected(NOTE_BYTES_MAX, bytes.len()));
        }
        let whole = std::str::from_utf8(bytes)
            .map_err(|error| malformed("it is not UTF-8").at_offset(error.valid_up_to() as u64))?;
        check_text(whole)?;
        let (text, lines) = whole
            .rsplit_once("\n\n")
            .ok_or_else(|| malformed("no empty line stands before its signatures"))?;
        let lines = lines.strip_suffix('\n').filter(|lines| !lines.is_empty());
        let lines = lines.ok_or_else(|| malformed("it has no signature"))?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() == NOTE_SIGNATURES_MAX {
                return Err(malformed("it has too many signatures"));
            }
            signatures.push(NoteSignature::parse(line)?);
        }
        Ok(Self { text: format!("{text}\n"), signatures })
    }

    /// The text, with the newline at its end. Believe it after [`Note::verify`] only.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines, known or not, in their order.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Whether a line claims to be by this key.
    #[must_use]
    pub fn names(&self, key: &VerifierKey) -> bool {
        self.signatures.iter().any(|line| line.is_by(key))
    }

    /// Which of these keys vouch for the text: at least one.
    ///
    /// Lines of other keys are ignored, whatever they say.
    ///
    /// # Errors
    /// [`ErrorKind::ProofInvalid`] when a line names one of the keys and its signature is wrong,
    /// and when none of the keys signed. [`ErrorKind::Key`] when two different keys have the same
    /// name and key id.
    pub fn verify<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<&'k VerifierKey>> {
        let mut signers: Vec<&VerifierKey> = Vec::new();
        for line in &self.signatures {
            let mut known = keys.iter().filter(|key| line.is_by(key));
            let Some(key) = known.next() else { continue };
            if known.any(|other| other != key) {
                let message = format!("two keys are called {}", key.label());
                return Err(Error::new(ErrorKind::Key, message));
            }
            if !key.is_signature_of(self.text.as_bytes(), &line.signature) {
                let message = format!("the signature of {} is wrong", key.label());
                return Err(Error::new(ErrorKind::ProofInvalid, message));
            }
            if !signers.contains(&key) {
                signers.push(key);
            }
        }
        if signers.is_empty() {
            let shown = |label: String| label.chars().take(300).collect::<String>();
            let found = self.signatures.iter().map(|s| shown(format!("{}+{}", s.name, s.key_id)));
            return Err(Error::new(
                ErrorKind::ProofInvalid,
                "no key that is trusted here signed it",
            )
            .expected(
                keys.iter().map(VerifierKey::label).collect::<Vec<_>>().join(", "),
                found.collect::<Vec<_>>().join(", "),
            ));
        }
        Ok(signers)
    }
}

/// The note as it is written: text, empty line, signatures.
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for line in &self.signatures {
            let mut bytes = line.key_id.0.to_vec();
            bytes.extend_from_slice(&line.signature);
            writeln!(f, "{DASH}{} {}", line.name, armor::encode(&bytes))?;
        }
        Ok(())
    }
}
