//! The text form of evidence: reading hex and saying which key is wrong.

use crate::error::{Error, ErrorKind, Result};
use crate::types::{Hash, unhex};

pub(super) fn malformed(key: &str, wanted: &str, found: impl std::fmt::Display) -> Error {
    let found: String = found.to_string().chars().take(80).collect();
    Error::new(ErrorKind::Invalid, format!("malformed value of \"{key}\"")).expected(wanted, found)
}

/// Reads the document and checks that it says what it is.
pub(super) fn parse<T: serde::de::DeserializeOwned>(text: &str, schema: &str) -> Result<T> {
    #[derive(serde::Deserialize)]
    struct Schema {
        schema: Option<String>,
    }
    let no_json = |error: serde_json::Error| {
        Error::new(ErrorKind::Invalid, format!("not a document of schema {schema}: {error}"))
    };
    let found = serde_json::from_str::<Schema>(text).map_err(no_json)?.schema;
    if found.as_deref() != Some(schema) {
        return Err(malformed("schema", schema, found.as_deref().unwrap_or("nothing")));
    }
    serde_json::from_str(text).map_err(no_json)
}

pub(super) fn bytes(key: &str, text: &str) -> Result<Vec<u8>> {
    unhex(text).ok_or_else(|| malformed(key, "an even number of hex digits", text))
}

pub(super) fn hash(key: &str, text: &str) -> Result<Hash> {
    Hash::from_hex(text).ok_or_else(|| malformed(key, "64 hex digits", text))
}

pub(super) fn salt(key: &str, text: &str) -> Result<[u8; 16]> {
    let salt = bytes(key, text)?;
    salt.try_into().map_err(|_| malformed(key, "32 hex digits", text))
}

pub(super) fn hashes(texts: &[String]) -> Result<Vec<Hash>> {
    texts.iter().map(|text| hash("hashes", text)).collect()
}
