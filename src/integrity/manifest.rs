//! Manifests: which files and functions there should be, as JSON that carries its own hash.
//!
//! ```text
//! {"schema": .., "version": "1.0", "generated_at": null, "roots": {"policies": "policies"},
//!  "files": {"policies/agents.yaml": {"sha256": .., "blake3": .., "bytes": ..}}, "links": {..},
//!  "functions": [{"module": .., "function": .., ..}], "manifest_hash": .., "signature": ..}
//! ```
//!
//! Nothing in it depends on when or where it was made, unless somebody asks for `generated_at`: the
//! same files give the same bytes.

use super::function::FunctionDigest;
use super::paths::{check_relative, read_file};
use super::sealed::{hash_without, signers};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::MANIFEST_BYTES_MAX;
use crate::sign::{Note, SigningKey, VerifierKey};
use crate::types::Hash;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

const SCHEMA: &str = "wmark.integrity-manifest/1";
const VERSION: &str = "1.0";
const STATEMENT: &str = "witnessmark integrity manifest/1";
const UNHASHED: [&str; 2] = ["manifest_hash", "signature"];

/// The digests of a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FileDigest {
    /// SHA-256, hex.
    pub sha256: String,
    /// BLAKE3, hex.
    pub blake3: String,
    /// Its length.
    pub bytes: u64,
}

/// Which files and functions there should be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Manifest {
    /// Always `wmark.integrity-manifest/1`.
    pub schema: String,
    /// Always `1.0`, the reference implementation's.
    pub version: String,
    /// When it was made, if that was asked for.
    pub generated_at: Option<String>,
    /// The roots, by name; where each lies seen from the manifest, if it lies beneath.
    pub roots: BTreeMap<String, Option<String>>,
    /// Files by name of root and path from it.
    pub files: BTreeMap<String, FileDigest>,
    /// Symbolic links, and the text each holds. They are not followed.
    pub links: BTreeMap<String, String>,
    /// Functions, in order.
    pub functions: Vec<FunctionDigest>,
    /// SHA-256 of the rest, hex.
    pub manifest_hash: String,
    /// A signed note over [`Manifest::statement`].
    pub signature: Option<String>,
}

impl Manifest {
    pub(super) fn new(generated_at: Option<String>) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            version: VERSION.to_owned(),
            generated_at,
            roots: BTreeMap::new(),
            files: BTreeMap::new(),
            links: BTreeMap::new(),
            functions: Vec::new(),
            manifest_hash: String::new(),
            signature: None,
        }
    }

    /// Puts in order, and closes with the hash.
    pub(super) fn finish(mut self) -> Self {
        self.functions.sort();
        self.functions.dedup();
        self.manifest_hash = self.hash().to_hex();
        self
    }

    fn hash(&self) -> Hash {
        hash_without(&serde_json::to_value(self).unwrap_or_default(), &UNHASHED)
    }

    /// The text that is signed.
    #[must_use]
    pub fn statement(&self) -> String {
        format!("{STATEMENT}\n{}\n", self.manifest_hash)
    }

    /// Signs the manifest; an earlier signature is replaced.
    ///
    /// # Errors
    /// As [`Note::sign`].
    pub fn sign(&mut self, keys: &[&SigningKey]) -> Result<()> {
        self.signature = Some(Note::sign(self.statement(), keys)?.to_string());
        Ok(())
    }

    /// Which of these keys signed the manifest, by name; at least one.
    ///
    /// # Errors
    /// [`ErrorKind::ProofInvalid`] when none did.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<Vec<String>> {
        signers(self.signature.as_deref(), &self.statement(), keys)
    }

    /// The manifest as JSON, one member per line.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Reads a manifest from a file; see [`Manifest::from_json`].
    ///
    /// # Errors
    /// As there; [`ErrorKind::NotFound`] and [`ErrorKind::Io`].
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = read_file(path, MANIFEST_BYTES_MAX as u64)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Error::new(ErrorKind::UnknownVersion, "the manifest is not UTF-8"))?;
        Self::from_json(&text)
    }

    /// Reads a manifest. Paths that may lead out of their root are refused, and so is a manifest
    /// whose hash is not its own. The signature is not looked at.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownVersion`] when it is no manifest; [`ErrorKind::Untrusted`] for a path;
    /// [`ErrorKind::ProofInvalid`] when it was altered; [`ErrorKind::TooLarge`] beyond 128 MiB.
    pub fn from_json(text: &str) -> Result<Self> {
        if text.len() > MANIFEST_BYTES_MAX {
            return Err(Error::new(ErrorKind::TooLarge, "the manifest is too long"));
        }
        let unknown = |what: &str| Error::new(ErrorKind::UnknownVersion, what);
        let value: Value =
            serde_json::from_str(text).map_err(|_| unknown("the manifest is not JSON"))?;
        if value.get("schema").and_then(Value::as_str) != Some(SCHEMA) {
            return Err(
                unknown("not an integrity manifest").expected(SCHEMA, "another schema, or none")
            );
        }
        let manifest: Self = serde_json::from_value(value).map_err(|error| {
            unknown(&format!("the manifest is not whole: {}", error.to_string().replace('\n', " ")))
        })?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<()> {
        let modules = self.functions.iter().map(|function| &function.module);
        for key in self.files.keys().chain(self.links.keys()).chain(modules) {
            check_relative(key)?;
            let root = key.split_once('/').map(|(root, _)| root);
            if !root.is_some_and(|root| self.roots.contains_key(root)) {
                return Err(Error::new(ErrorKind::Untrusted, "a path beneath no root").at_file(key));
            }
        }
        for (name, place) in &self.roots {
            check_relative(name)?;
            match place.as_deref() {
                None | Some(".") => {}
                Some(place) => check_relative(place)?,
            }
        }
        let found = self.hash().to_hex();
        if found != self.manifest_hash {
            let error = Error::new(ErrorKind::ProofInvalid, "the manifest was altered");
            return Err(error.expected(&self.manifest_hash, found));
        }
        Ok(())
    }

    /// The paths of one root, without its name.
    pub(super) fn beneath<'m, T>(
        listed: &'m BTreeMap<String, T>,
        root: &str,
    ) -> BTreeMap<&'m str, &'m T> {
        let prefix = format!("{root}/");
        listed
            .iter()
            .filter_map(|(key, value)| Some((key.strip_prefix(prefix.as_str())?, value)))
            .collect()
    }
}
