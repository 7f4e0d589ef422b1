//! Bundles: an inclusion or consistency proof together with the signed checkpoint it leads to.
//!
//! ```text
//! c2sp.org/tlog-proof@v1                    witnessmark/consistency-proof@v1
//! extra <base64>        may be absent       old <size>
//! index <n>                                 <base64 root at that size>
//! <base64 hash>         leaf side first     <base64 hash>
//! ...                                       ...
//!                                           (an empty line)
//! <signed checkpoint>   as it was signed, witnesses' lines included
//! ```
//!
//! The first is C2SP *tlog-proof*, the second follows its grammar. `extra` carries the entry as the
//! JSON of [`Evidence`]; nothing signs it, and nothing has to: what it says must hash to the leaf.
//! A bundle is checked with an entry and a key, and without the log.

use super::Evidence;
use crate::error::{Error, ErrorKind, Result};
use crate::format::stored::StoredEntry;
use crate::limits::{CHECKPOINT_BYTES_MAX, EVIDENCE_BYTES_MAX, PROOF_HASHES_MAX};
use crate::merkle::{ConsistencyProof, InclusionProof};
use crate::sign::{SignedCheckpoint, VerifierKey, decode_base64, encode_base64};
use crate::types::{EntryIndex, Hash, TreeSize};
use std::fmt;

/// First line of a bundle that proves an entry.
pub const BUNDLE_LINE: &str = "c2sp.org/tlog-proof@v1";
/// First line of a bundle that proves that a log only grew.
pub const CONSISTENCY_BUNDLE_LINE: &str = "witnessmark/consistency-proof@v1";

/// Most bytes of a bundle: the entry in base64, the hashes, the checkpoint.
pub(crate) const BUNDLE_BYTES_MAX: usize =
    EVIDENCE_BYTES_MAX / 3 * 4 + 64 * PROOF_HASHES_MAX + CHECKPOINT_BYTES_MAX + 1024;

fn malformed(what: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("not a proof bundle: {what}"))
}

fn invalid(what: &str) -> Error {
    Error::new(ErrorKind::ProofInvalid, what)
}

/// The lines before the empty one, and what follows it.
fn split<'a>(text: &'a str, first: &str) -> Result<(std::str::Split<'a, char>, SignedCheckpoint)> {
    if text.len() > BUNDLE_BYTES_MAX {
        return Err(malformed("it is too long").expected(BUNDLE_BYTES_MAX, text.len()));
    }
    let (head, note) = text.split_once("\n\n").ok_or_else(|| malformed("it has no empty line"))?;
    let mut lines = head.split('\n');
    if lines.next() != Some(first) {
        return Err(malformed("its first line is another one").expected(first, "something else"));
    }
    Ok((lines, SignedCheckpoint::parse(note.as_bytes())?))
}

/// `word <number>`, written as numbers are.
fn number(line: Option<&str>, word: &str) -> Result<u64> {
    let text = line.and_then(|line| line.strip_prefix(word)?.strip_prefix(' '));
    let number: Option<u64> = text.and_then(|text| text.parse().ok());
    number
        .filter(|number| text == Some(&*number.to_string()))
        .ok_or_else(|| malformed(&format!("a line \"{word} <number>\" is missing or wrong")))
}

fn hash(line: &str) -> Result<Hash> {
    let bytes = decode_base64(line).and_then(|bytes| bytes.try_into().ok());
    bytes.map(Hash).ok_or_else(|| malformed("a hash is no base64 of 32 bytes"))
}

fn hashes<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Vec<Hash>> {
    // One more than an inclusion proof can have: consistency proofs of the largest logs.
    let hashes: Vec<Hash> = lines.take(PROOF_HASHES_MAX + 2).map(hash).collect::<Result<_>>()?;
    if hashes.len() > PROOF_HASHES_MAX + 1 {
        return Err(malformed("it has too many hashes"));
    }
    Ok(hashes)
}

/// An entry, its inclusion proof, and the signed checkpoint that the proof leads to.
///
/// ```
/// use witnessmark::{AuditLog, Bundle, Entry, SigningKey};
/// let log = AuditLog::in_memory()?;
/// let key = SigningKey::from_seed(&log.identity().origin, &[7; 32])?;
/// log.append(Entry::new("tool_invocation", "did:web:a.example", "allow"))?;
/// let signed = log.checkpoint(&[&key])?;
/// let text = log.view().bundle(0, &signed)?.to_string();
/// // Elsewhere, with the key's public half and nothing else:
/// let bundle: Bundle = text.parse()?;
/// let entry = bundle.verify(&[key.verifier()], None)?;
/// assert_eq!(entry.agent_did(), "did:web:a.example");
/// # Ok::<(), witnessmark::Error>(())
/// ```
///
/// # Source
/// C2SP tlog-proof, version 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bundle {
    extra: Option<Vec<u8>>,
    proof: InclusionProof,
    checkpoint: SignedCheckpoint,
}

impl Bundle {
    /// Puts evidence together with the checkpoint of its tree.
    ///
    /// # Errors
    /// [`ErrorKind::ProofInvalid`] when the evidence is of another tree than the checkpoint.
    pub fn new(evidence: &Evidence, checkpoint: SignedCheckpoint) -> Result<Self> {
        let signed = checkpoint.checkpoint();
        evidence.verify(signed.size(), &signed.root())?;
        let extra = Some(evidence.to_json().into_bytes());
        Ok(Self { extra, proof: evidence.proof().clone(), checkpoint })
    }

    /// The bundle without the entry, for whoever has it, or shall not.
    #[must_use]
    pub fn without_entry(self) -> Self {
        Self { extra: None, ..self }
    }

    /// The inclusion proof, with the checkpoint's size.
    #[must_use]
    pub fn proof(&self) -> &InclusionProof {
        &self.proof
    }

    /// The checkpoint, which nobody vouches for before [`Bundle::verify`].
    #[must_use]
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// The entry that came along, put together and not verified; `None` when none did.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] and [`ErrorKind::ProofInvalid`] when it contradicts itself.
    pub fn entry(&self) -> Result<Option<StoredEntry>> {
        let Some(extra) = &self.extra else { return Ok(None) };
        let text = std::str::from_utf8(extra).map_err(|_| malformed("its extra is no text"))?;
        super::entry_from_json(text).map(Some)
    }

    /// Checks everything: that `entry` (or the one that came along) hashes to its leaf, that the
    /// proof leads from there to the checkpoint's root, and that one of the keys signed that.
    /// Returns the entry.
    ///
    /// # Errors
    /// [`ErrorKind::ProofInvalid`], saying what does not fit; [`ErrorKind::Key`] when the keys are
    /// of another log; [`ErrorKind::Invalid`] when there is no entry.
    pub fn verify(&self, keys: &[VerifierKey], entry: Option<StoredEntry>) -> Result<StoredEntry> {
        self.checkpoint.verify(keys)?;
        let root = self.checkpoint.checkpoint().root();
        self.verify_to(self.proof.size, &root, entry)
    }

    /// As [`Bundle::verify`], against a size and root from elsewhere instead of a signature.
    ///
    /// # Errors
    /// As [`Bundle::verify`].
    pub fn verify_to(
        &self,
        size: TreeSize,
        root: &Hash,
        entry: Option<StoredEntry>,
    ) -> Result<StoredEntry> {
        let entry = match entry {
            Some(entry) => entry,
            None => self.entry()?.ok_or_else(|| {
                Error::new(ErrorKind::Invalid, "the bundle holds no entry")
                    .hint("give the entry too: --entry FILE, as `wmark prove` wrote it")
            })?,
        };
        let proof = self.proof.clone();
        Evidence { entry: entry.clone(), proof, root: *root }.verify(size, root)?;
        Ok(entry)
    }
}

impl std::str::FromStr for Bundle {
    type Err = Error;

    /// Reads a bundle. Nothing is verified here.
    fn from_str(text: &str) -> Result<Self> {
        let (lines, checkpoint) = split(text, BUNDLE_LINE)?;
        let mut lines = lines.peekable();
        let extra = lines.next_if(|line| line.starts_with("extra "));
        let extra = extra.and_then(|line| line.strip_prefix("extra ")).map(|armored| {
            decode_base64(armored).ok_or_else(|| malformed("its extra is no base64"))
        });
        let extra = extra.transpose()?;
        let index = EntryIndex::new(number(lines.next(), "index")?);
        let hashes = hashes(lines)?;
        let size = checkpoint.checkpoint().size();
        Ok(Self { extra, proof: InclusionProof { index, size, hashes }, checkpoint })
    }
}

impl fmt::Display for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{BUNDLE_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", encode_base64(extra))?;
        }
        writeln!(f, "index {}", self.proof.index)?;
        write_hashes(f, &self.proof.hashes)?;
        write!(f, "\n{}", self.checkpoint)
    }
}

fn write_hashes(f: &mut fmt::Formatter<'_>, hashes: &[Hash]) -> fmt::Result {
    hashes.iter().try_for_each(|hash| writeln!(f, "{}", encode_base64(hash.as_bytes())))
}

/// A consistency proof and the signed checkpoint of the later tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsistencyBundle {
    proof: ConsistencyProof,
    old_root: Hash,
    checkpoint: SignedCheckpoint,
}

impl ConsistencyBundle {
    /// Puts a proof together with the checkpoint of the later tree.
    ///
    /// # Errors
    /// [`ErrorKind::ProofInvalid`] when the proof does not lead to the checkpoint.
    pub fn new(
        proof: ConsistencyProof,
        old_root: Hash,
        checkpoint: SignedCheckpoint,
    ) -> Result<Self> {
        let signed = checkpoint.checkpoint();
        if proof.new_size != signed.size() {
            return Err(invalid("the proof is for a tree of another size")
                .expected(signed.size(), proof.new_size));
        }
        proof.verify(&old_root, &signed.root())?;
        Ok(Self { proof, old_root, checkpoint })
    }

    /// Size of the earlier tree.
    #[must_use]
    pub fn old_size(&self) -> TreeSize {
        self.proof.old_size
    }

    /// Root of the earlier tree, as the bundle claims it.
    #[must_use]
    pub fn old_root(&self) -> Hash {
        self.old_root
    }

    /// The proof.
    #[must_use]
    pub fn proof(&self) -> &ConsistencyProof {
        &self.proof
    }

    /// The checkpoint of the later tree.
    #[must_use]
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// Checks that one of the keys signed the checkpoint, and that the tree of
    /// [`ConsistencyBundle::old_size`] and [`ConsistencyBundle::old_root`] is a prefix of it. Whether
    /// that is the tree one knew is for the caller to compare.
    ///
    /// # Errors
    /// [`ErrorKind::ProofInvalid`]; [`ErrorKind::Key`] when the keys are of another log.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<()> {
        self.checkpoint.verify(keys)?;
        self.proof.verify(&self.old_root, &self.checkpoint.checkpoint().root())
    }
}

impl std::str::FromStr for ConsistencyBundle {
    type Err = Error;

    /// Reads a bundle. Nothing is verified here.
    fn from_str(text: &str) -> Result<Self> {
        let (mut lines, checkpoint) = split(text, CONSISTENCY_BUNDLE_LINE)?;
        let old_size = TreeSize::new(number(lines.next(), "old")?);
        let old_root = hash(lines.next().ok_or_else(|| malformed("the old root is missing"))?)?;
        let (new_size, hashes) = (checkpoint.checkpoint().size(), hashes(lines)?);
        Ok(Self { proof: ConsistencyProof { old_size, new_size, hashes }, old_root, checkpoint })
    }
}

impl fmt::Display for ConsistencyBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{CONSISTENCY_BUNDLE_LINE}\nold {}", self.proof.old_size)?;
        writeln!(f, "{}", encode_base64(self.old_root.as_bytes()))?;
        write_hashes(f, &self.proof.hashes)?;
        write!(f, "\n{}", self.checkpoint)
    }
}
