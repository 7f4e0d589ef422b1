//! Sealed documents: JSON that carries its own hash, and a signed note over a statement of it.
//!
//! The hash is over canonical JSON: keys in byte order, no blanks. Manifests and attestations hold
//! texts, counts and truth values only, so there is one way to write each.

use crate::error::{Error, ErrorKind, Result};
use crate::hash;
use crate::sign::{Note, VerifierKey};
use crate::types::Hash;
use serde_json::Value;

/// JSON with sorted keys and without blanks.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut members: Vec<_> = map.iter().collect();
            members.sort_by_key(|(key, _)| key.as_bytes());
            let members = members
                .iter()
                .map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), canonical(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        plain => plain.to_string(),
    }
}

/// The hash of a document without some of its keys.
pub(crate) fn hash_without(document: &Value, keys: &[&str]) -> Hash {
    let mut hashed = document.clone();
    if let Some(map) = hashed.as_object_mut() {
        keys.iter().for_each(|key| drop(map.remove(*key)));
    }
    hash::sha256(canonical(&hashed).as_bytes())
}

/// Which of these keys signed exactly this statement; at least one.
pub(crate) fn signers(
    signature: Option<&str>,
    statement: &str,
    keys: &[VerifierKey],
) -> Result<Vec<String>> {
    let invalid = |message: &str| Error::new(ErrorKind::ProofInvalid, message);
    let note = signature.ok_or_else(|| invalid("the document is not signed"))?;
    let note = Note::parse(note.as_bytes())?;
    if note.text() != statement {
        return Err(invalid("the signature is of another document"));
    }
    let signers: Vec<String> =
        note.verify(keys)?.into_iter().map(|key| key.name().to_owned()).collect();
    if signers.is_empty() {
        return Err(invalid("the document is not signed by any of the given keys"));
    }
    Ok(signers)
}
