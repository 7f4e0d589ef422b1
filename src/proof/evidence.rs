//! Evidence that an entry is in a log, and what it says.

use super::text;
use crate::error::{Error, ErrorKind, Result};
use crate::format::frame::{Body, Form, Frame, Header};
use crate::format::stored::StoredEntry;
use crate::hash::Salt;
use crate::merkle::InclusionProof;
use crate::types::{EntryIndex, Hash, TreeSize, hex};
use serde::{Deserialize, Serialize};

const SCHEMA: &str = "wmark.proof/1";

/// An entry with everything that is needed to hash it again, an inclusion proof, and the root its
/// author claims.
///
/// ```
/// use witnessmark::{Action, AuditLog, Entry, Evidence};
/// let log = AuditLog::in_memory()?;
/// let receipt = log.append(Entry::new("tool_invocation", "did:web:a.example", Action::Allow))?;
/// let text = log.prove(receipt.entry_id())?.to_json();
/// // Elsewhere, with a size and root that did not come with the text:
/// let head = log.head();
/// let evidence = Evidence::from_json(&text)?;
/// evidence.verify(head.size, &head.root)?;
/// assert_eq!(evidence.entry().agent_did(), "did:web:a.example");
/// # Ok::<(), witnessmark::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evidence {
    pub(super) entry: StoredEntry,
    pub(super) proof: InclusionProof,
    pub(super) root: Hash,
}

#[derive(Serialize, Deserialize)]
struct Document {
    schema: String,
    entry_id: String,
    index: u64,
    size: u64,
    entry_hash: String,
    root: String,
    hashes: Vec<String>,
    /// 108 bytes in hex: what is hashed to the entry hash.
    header: String,
    /// Encoded fields in hex; `null` when the body was erased.
    meta: Option<String>,
    /// The exact bytes of `data`; `null` when there is none or it was erased.
    data_text: Option<String>,
    salts: Salts,
    /// What the payload hashed to, when it was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data_hash: Option<String>,
}

#[derive(Serialize, Deserialize, Default)]
struct Salts {
    body: Option<String>,
    data: Option<String>,
}

impl Evidence {
    /// The entry. Believe it after [`Evidence::verify`] only.
    #[must_use]
    pub fn entry(&self) -> &StoredEntry {
        &self.entry
    }

    /// The inclusion proof: index, tree size, hashes.
    #[must_use]
    pub fn proof(&self) -> &InclusionProof {
        &self.proof
    }

    /// The root that the author of the evidence claims.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.root
    }

    /// Checks that the entry's bytes hash to its entry hash, and that the proof leads from there
    /// to `root` in a tree of `size` entries. Both come from somewhere the verifier trusts.
    ///
    /// # Errors
    /// [`ErrorKind::ProofInvalid`], saying what does not fit.
    pub fn verify(&self, size: TreeSize, root: &Hash) -> Result<()> {
        let invalid = |what: &str| Error::new(ErrorKind::ProofInvalid, what);
        let computed = self.entry.compute_hash();
        if computed != self.entry.entry_hash() {
            return Err(invalid("the entry does not hash to its entry hash")
                .at_index(self.entry.index())
                .expected(self.entry.entry_hash(), computed));
        }
        if self.proof.index != self.entry.index() {
            return Err(invalid("the proof is for another index")
                .expected(self.entry.index(), self.proof.index));
        }
        if self.proof.size != size {
            return Err(invalid("the proof is for a tree of another size")
                .expected(size, self.proof.size)
                .hint("ask for a proof at the size you hold a root of"));
        }
        self.proof.verify(&computed, root)
    }

    /// The JSON document, schema `wmark.proof/1`, on one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        let (entry, frame) = (&self.entry, self.entry.frame());
        let (body_salt, data_salt) = entry.salts();
        let is_data_erased = frame.form() == Form::DataErased;
        let document = Document {
            schema: SCHEMA.into(),
            entry_id: entry.entry_id(),
            index: entry.index().get(),
            size: self.proof.size.get(),
            entry_hash: entry.entry_hash().to_hex(),
            root: self.root.to_hex(),
            hashes: self.proof.hashes.iter().map(Hash::to_hex).collect(),
            header: hex(&entry.header()),
            meta: frame.meta().map(hex),
            data_text: entry.data_text().map(Into::into),
            salts: Salts {
                body: body_salt.map(|salt| hex(&salt)),
                data: data_salt.map(|salt| hex(&salt)),
            },
            data_hash: frame.data_hash().filter(|_| is_data_erased).map(|hash| hash.to_hex()),
        };
        serde_json::to_string(&document).unwrap_or_default()
    }

    /// Reads a document of [`Evidence::to_json`]. Nothing is verified here, but parts that
    /// contradict each other are refused.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`], naming the key that is wrong.
    pub fn from_json(json: &str) -> Result<Self> {
        let document: Document = text::parse(json, SCHEMA)?;
        let entry = document.entry()?;
        let proof = InclusionProof {
            index: EntryIndex::new(document.index),
            size: TreeSize::new(document.size),
            hashes: text::hashes(&document.hashes)?,
        };
        Ok(Self { entry, proof, root: text::hash("root", &document.root)? })
    }
}

/// The parts of a document that an entry is put together from: those of `wmark prove` and those of
/// a verifiable export alike.
#[derive(Deserialize)]
struct EntryDocument {
    entry_id: Option<String>,
    index: u64,
    entry_hash: String,
    header: String,
    meta: Option<String>,
    data_text: Option<String>,
    #[serde(default)]
    salts: Salts,
    #[serde(default)]
    data_hash: Option<String>,
}

/// Reads the entry alone from a document of [`Evidence::to_json`] or a line of
/// [`crate::verifiable_json`]: from what was hashed, whatever else the document says.
///
/// # Errors
/// As [`Evidence::from_json`].
pub fn entry_from_json(json: &str) -> Result<StoredEntry> {
    let parts: EntryDocument = serde_json::from_str(json).map_err(|error| {
        Error::new(
            ErrorKind::Invalid,
            format!("not an entry with what it was hashed from: {error}"),
        )
    })?;
    let EntryDocument { entry_id, index, entry_hash, header, meta, data_text, salts, data_hash } =
        parts;
    let (size, root, hashes) = (0, String::new(), Vec::new());
    let schema = SCHEMA.to_owned();
    let entry_id = entry_id.unwrap_or_default();
    Document {
        schema,
        entry_id,
        index,
        size,
        entry_hash,
        root,
        hashes,
        header,
        meta,
        data_text,
        salts,
        data_hash,
    }
    .entry()
}

impl Document {
    /// The entry, put together from its parts.
    fn entry(&self) -> Result<StoredEntry> {
        let header_bytes = text::bytes("header", &self.header)?;
        let header = Header::decode(&header_bytes)
            .map_err(|flaw| text::malformed("header", "an entry header", flaw))?;
        let entry_hash = text::hash("entry_hash", &self.entry_hash)?;
        let meta = match &self.meta {
            Some(meta) => Some(text::bytes("meta", meta)?),
            None => None,
        };
        let salt = |key, text: &Option<String>| match text {
            Some(text) => text::salt(key, text).map(Some),
            None => Ok(None),
        };
        let body_salt = salt("salts.body", &self.salts.body)?;
        let data_salt = salt("salts.data", &self.salts.data)?;
        let body = self.body(&header, meta.as_deref(), &body_salt, &data_salt)?;
        let bytes = frame_bytes(&header, entry_hash, body);
        let index = EntryIndex::new(header.index);
        let entry = StoredEntry::read(&bytes, index, header.previous_hash)
            .map_err(|flaw| text::malformed("header", "parts that fit it", flaw))?;
        if entry.header().as_slice() != header_bytes {
            let wanted = "what meta, data_text and salts hash to";
            return Err(Error::new(
                ErrorKind::ProofInvalid,
                "the header does not belong to the entry's fields and data",
            )
            .at_index(index)
            .expected(wanted, "another body hash"));
        }
        if entry.entry_id() != self.entry_id {
            return Err(text::malformed("entry_id", &entry.entry_id(), &self.entry_id));
        }
        if header.index != self.index {
            return Err(text::malformed("index", &header.index.to_string(), self.index));
        }
        Ok(entry)
    }

    fn body<'a>(
        &'a self,
        header: &Header,
        meta: Option<&'a [u8]>,
        body_salt: &'a Option<Salt>,
        data_salt: &'a Option<Salt>,
    ) -> Result<Body<'a>> {
        let Some(meta) = meta else { return Ok(Body::BodyErased { body_hash: header.body_hash }) };
        let body_salt = body_salt
            .as_ref()
            .ok_or_else(|| text::malformed("salts.body", "a salt beside meta", "null"))?;
        Ok(match (&self.data_text, data_salt, &self.data_hash) {
            (Some(text), Some(salt), None) => {
                Body::Whole { body_salt, meta, data: Some((salt, text.as_bytes())) }
            }
            (None, None, None) => Body::Whole { body_salt, meta, data: None },
            (None, None, Some(hash)) => {
                let data_hash = text::hash("data_hash", hash)?;
                Body::DataErased { body_salt, data_hash, meta }
            }
            _ => {
                let wanted = "data_text with salts.data, or data_hash alone, or none of them";
                return Err(text::malformed("data_text", wanted, "another combination"));
            }
        })
    }
}

/// A frame of these parts; its lengths are the parts' own, so that decoding compares them with the
/// header's.
fn frame_bytes(header: &Header, entry_hash: Hash, body: Body<'_>) -> Vec<u8> {
    let mut frame = Frame {
        flags: header.flags,
        stored_len: 0,
        meta_len: header.meta_len,
        data_len: header.data_len,
        recorded_at: header.recorded_at,
        agent_seq: header.agent_seq,
        type_seq: header.type_seq,
        entry_hash,
        body,
    };
    frame.stored_len = u32::try_from(frame.encode().len()).unwrap_or(u32::MAX);
    frame.encode()
}
