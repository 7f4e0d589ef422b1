//! Fork proofs: two checkpoints that one key signed and no one log can have.
//!
//! | sizes | what shows the fork |
//! |---|---|
//! | equal | the roots differ |
//! | a below b | a consistency proof leads from *another* root at size a to the root of b |
//!
//! Whoever holds the log's public key can check it; nobody has to be asked, and whoever owns the key
//! cannot deny it.

use super::{ConsistencyEvidence, text};
use crate::error::{Error, ErrorKind, Result};
use crate::sign::{SignedCheckpoint, VerifierKey};
use serde::{Deserialize, Serialize};

const SCHEMA: &str = "wmark.fork/1";

/// Two signed checkpoints that contradict each other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForkProof {
    a: SignedCheckpoint,
    b: SignedCheckpoint,
    prefix: Option<ConsistencyEvidence>,
}

#[derive(Serialize, Deserialize)]
struct Document {
    schema: String,
    a: String,
    b: String,
    /// A document of [`ConsistencyEvidence`]; absent when the sizes are equal.
    prefix: Option<String>,
}

impl ForkProof {
    /// The proof from two checkpoints and, when their sizes differ, evidence of what the later one
    /// has at the size of the earlier. Nothing is verified here; the smaller one comes first.
    #[must_use]
    pub fn new(
        a: SignedCheckpoint,
        b: SignedCheckpoint,
        prefix: Option<ConsistencyEvidence>,
    ) -> Self {
        let is_ordered = a.checkpoint().size() <= b.checkpoint().size();
        let (a, b) = if is_ordered { (a, b) } else { (b, a) };
        Self { a, b, prefix }
    }

    /// The checkpoint of the smaller size.
    #[must_use]
    pub fn a(&self) -> &SignedCheckpoint {
        &self.a
    }

    /// The checkpoint of the larger size.
    #[must_use]
    pub fn b(&self) -> &SignedCheckpoint {
        &self.b
    }

    /// Which of these keys signed two histories: at least one. An error means that nothing is
    /// proved against anybody.
    ///
    /// # Errors
    /// [`ErrorKind::ProofInvalid`] when the checkpoints do not contradict each other, when no one
    /// key signed both, or when a signature or the consistency proof is wrong; [`ErrorKind::Key`]
    /// when the keys are of another log.
    pub fn verify<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<&'k VerifierKey>> {
        let invalid = |what: &str| Error::new(ErrorKind::ProofInvalid, what);
        let (a, b) = (self.a.checkpoint(), self.b.checkpoint());
        if a.origin() != b.origin() {
            return Err(invalid("the checkpoints are of two logs").expected(a.origin(), b.origin()));
        }
        let both = self.b.verify(keys)?;
        let mut signers = self.a.verify(keys)?;
        signers.retain(|key| both.contains(key));
        if signers.is_empty() {
            return Err(invalid("no one key signed both checkpoints"));
        }
        if a.size() == b.size() {
            let no_fork = || invalid("the checkpoints say the same: this is no fork");
            return if a.root() == b.root() { Err(no_fork()) } else { Ok(signers) };
        }
        let prefix = self.prefix.as_ref().ok_or_else(|| {
            invalid("the checkpoints have two sizes: what the later has at the earlier is missing")
        })?;
        let sizes = (prefix.proof.old_size, prefix.proof.new_size);
        if sizes != (a.size(), b.size()) {
            return Err(invalid("the consistency proof is for other sizes").expected(
                format_args!("{} and {}", a.size(), b.size()),
                format_args!("{} and {}", sizes.0, sizes.1),
            ));
        }
        prefix.verify(&prefix.old_root, &b.root())?;
        if prefix.old_root == a.root() {
            return Err(invalid("the later checkpoint continues the earlier: this is no fork"));
        }
        Ok(signers)
    }

    /// The JSON document, schema `wmark.fork/1`, on one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        let document = Document {
            schema: SCHEMA.into(),
            a: self.a.to_string(),
            b: self.b.to_string(),
            prefix: self.prefix.as_ref().map(ConsistencyEvidence::to_json),
        };
        serde_json::to_string(&document).unwrap_or_default()
    }

    /// Reads a document of [`ForkProof::to_json`]. Nothing is verified here.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`].
    pub fn from_json(json: &str) -> Result<Self> {
        let document: Document = text::parse(json, SCHEMA)?;
        let a = SignedCheckpoint::parse(document.a.as_bytes())?;
        let b = SignedCheckpoint::parse(document.b.as_bytes())?;
        let prefix = document.prefix.as_deref().map(ConsistencyEvidence::from_json).transpose()?;
        Ok(Self::new(a, b, prefix))
    }
}
