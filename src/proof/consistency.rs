//! Evidence that one tree is a prefix of another.

use super::text;
use crate::error::Result;
use crate::merkle::ConsistencyProof;
use crate::types::{Hash, TreeSize};
use serde::{Deserialize, Serialize};

const SCHEMA: &str = "wmark.consistency/1";

/// A consistency proof with the two roots it claims to connect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsistencyEvidence {
    /// The proof.
    pub proof: ConsistencyProof,
    /// Root of the earlier tree, as its author claims.
    pub old_root: Hash,
    /// Root of the later tree, as its author claims.
    pub new_root: Hash,
}

#[derive(Serialize, Deserialize)]
struct Document {
    schema: String,
    old_size: u64,
    new_size: u64,
    old_root: String,
    new_root: String,
    hashes: Vec<String>,
}

impl ConsistencyEvidence {
    /// Checks that the proof connects the two roots, which the verifier knows from elsewhere.
    ///
    /// # Errors
    /// [`crate::ErrorKind::ProofInvalid`], saying what does not fit.
    pub fn verify(&self, old_root: &Hash, new_root: &Hash) -> Result<()> {
        self.proof.verify(old_root, new_root)
    }

    /// The JSON document, schema `wmark.consistency/1`, on one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        let document = Document {
            schema: SCHEMA.into(),
            old_size: self.proof.old_size.get(),
            new_size: self.proof.new_size.get(),
            old_root: self.old_root.to_hex(),
            new_root: self.new_root.to_hex(),
            hashes: self.proof.hashes.iter().map(Hash::to_hex).collect(),
        };
        serde_json::to_string(&document).unwrap_or_default()
    }

    /// Reads a document of [`ConsistencyEvidence::to_json`]. Nothing is verified here.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`], naming the key that is wrong.
    pub fn from_json(json: &str) -> Result<Self> {
        let document: Document = text::parse(json, SCHEMA)?;
        Ok(Self {
            proof: ConsistencyProof {
                old_size: TreeSize::new(document.old_size),
                new_size: TreeSize::new(document.new_size),
                hashes: text::hashes(&document.hashes)?,
            },
            old_root: text::hash("old_root", &document.old_root)?,
            new_root: text::hash("new_root", &document.new_root)?,
        })
    }
}
