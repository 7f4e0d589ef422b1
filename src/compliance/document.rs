//! Attestations as JSON, with the keys of the reference implementation and our own, and back.
//!
//! ```text
//! attestation_hash = SHA-256(canonical JSON without schema, coverage_pct, attestation_hash,
//!                            platform, verified_at, signature)
//! statement        = kind, hash, time, origin, size, root: one per line; this is what is signed
//! ```
//!
//! Canonical JSON here has keys in byte order, no blanks, and no fractions. So the hash of the same
//! evidence is the same on every machine and at every hour, and the signature still says when.
//! Reading one back believes nothing that is derived: it is computed again and compared.

use super::attestation::{Attestation, ControlResult, LogState, Period};
use super::check::{Check, State};
use super::vocabulary::{Degree, controls, published_risks, uncovered_risks};
use crate::error::{Error, ErrorKind, Result};
use crate::integrity::{hash_without, signers};
use crate::limits::ATTESTATION_BYTES_MAX;
use crate::sign::{Note, SigningKey, VerifierKey};
use crate::types::Hash;
use serde::{Deserialize, Serialize};
use serde_json::Value;

const SCHEMA: &str = "governance-attestation/v1";
const STATEMENT: &str = "witnessmark attestation/1";
/// What the hash leaves out: what follows from the rest, and what differs from run to run.
pub(super) const UNHASHED: [&str; 6] =
    ["schema", "coverage_pct", "attestation_hash", "platform", "verified_at", "signature"];

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    mode: &'static str,
    strict: bool,
    passed: bool,
    coverage_pct: u64,
    controls_passed: u64,
    controls_total: u64,
    toolkit_version: &'a str,
    python_version: Option<&'static str>,
    platform: &'a str,
    verified_at: &'a str,
    attestation_hash: String,
    evidence_source: &'a str,
    controls: Vec<ControlOut<'a>>,
    evidence_checks: Vec<CheckOut<'a>>,
    failures: Vec<String>,
    compliance_grade: char,
    log: &'a LogState,
    period: &'a Period,
    uncovered_risks: Vec<RiskOut<'a>>,
    signature: Option<&'a str>,
}

#[derive(Serialize)]
struct ControlOut<'a> {
    id: &'a str,
    name: &'a str,
    present: bool,
    module: &'static str,
    component: &'a str,
    error: Option<&'a str>,
    state: State,
    published: Vec<RiskOut<'a>>,
}

#[derive(Serialize)]
struct RiskOut<'a> {
    id: &'a str,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    degree: Option<Degree>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

#[derive(Serialize)]
struct CheckOut<'a> {
    #[serde(flatten)]
    check: &'a Check,
    status: &'static str,
}

#[derive(Deserialize)]
struct DocumentIn {
    passed: bool,
    coverage_pct: u64,
    controls_passed: u64,
    controls_total: u64,
    toolkit_version: String,
    platform: String,
    verified_at: String,
    attestation_hash: String,
    evidence_source: String,
    controls: Vec<ControlIn>,
    evidence_checks: Vec<Check>,
    log: LogState,
    period: Period,
    signature: Option<String>,
}

#[derive(Deserialize)]
struct ControlIn {
    id: String,
    name: String,
    component: String,
    present: bool,
    state: State,
}

fn control_out(result: &ControlResult) -> ControlOut<'_> {
    let named = controls().iter().find(|control| control.id == result.id);
    let published = named.into_iter().flat_map(|control| &control.published);
    let title = |id: &str| {
        published_risks().iter().find(|risk| risk.id == id).map_or("", |risk| risk.title.as_str())
    };
    ControlOut {
        id: &result.id,
        name: &result.name,
        present: result.is_met(),
        module: "witnessmark::compliance",
        component: &result.component,
        error: result.reasons().next().filter(|_| !result.is_met()),
        state: result.state,
        published: published
            .map(|found| RiskOut {
                id: &found.id,
                title: title(&found.id),
                degree: Some(found.degree),
                note: Some(&found.note),
            })
            .collect(),
    }
}

fn check_out(check: &Check) -> CheckOut<'_> {
    let status = match check.state {
        State::Met => "pass",
        State::NotMet => "fail",
        State::NotEvaluated => "not_evaluated",
    };
    CheckOut { check, status }
}

/// The hash of a document, whatever is said to be its hash.
fn hash_of(document: &Value) -> Hash {
    hash_without(document, &UNHASHED)
}

fn forged(message: &str) -> Error {
    Error::new(ErrorKind::ProofInvalid, message)
}

impl Attestation {
    fn document(&self) -> Document<'_> {
        let checks = self.controls.iter().flat_map(|control| &control.checks);
        let uncovered = uncovered_risks().into_iter().map(|risk| RiskOut {
            id: &risk.id,
            title: &risk.title,
            degree: None,
            note: None,
        });
        Document {
            schema: SCHEMA,
            mode: "evidence",
            strict: true,
            passed: self.passed(),
            coverage_pct: self.coverage_pct(),
            controls_passed: self.controls_passed(),
            controls_total: self.controls_total(),
            toolkit_version: &self.toolkit_version,
            python_version: None,
            platform: &self.platform,
            verified_at: &self.verified_at,
            attestation_hash: String::new(),
            evidence_source: &self.evidence_source,
            controls: self.controls.iter().map(control_out).collect(),
            evidence_checks: checks.map(check_out).collect(),
            failures: self.failures(),
            compliance_grade: self.compliance_grade(),
            log: &self.log,
            period: &self.period,
            uncovered_risks: uncovered.collect(),
            signature: self.signature.as_deref(),
        }
    }

    /// SHA-256 of the evidence, hex: the same for the same evidence, whenever and wherever it is
    /// looked at.
    #[must_use]
    pub fn attestation_hash(&self) -> String {
        let document = serde_json::to_value(self.document()).unwrap_or_default();
        hash_of(&document).to_hex()
    }

    /// The attestation as one line of JSON, with the keys of the reference implementation first.
    #[must_use]
    pub fn to_json(&self) -> String {
        let document = Document { attestation_hash: self.attestation_hash(), ..self.document() };
        serde_json::to_string(&document).unwrap_or_default()
    }

    /// The text that is signed: what was found, when, and of which log.
    #[must_use]
    pub fn statement(&self) -> String {
        let LogState { origin, size, root, .. } = &self.log;
        let (hash, time) = (self.attestation_hash(), &self.verified_at);
        format!("{STATEMENT}\n{hash}\n{time}\n{origin}\n{size}\n{root}\n")
    }

    /// Signs the attestation; an earlier signature is replaced.
    ///
    /// # Errors
    /// As [`Note::sign`].
    pub fn sign(&mut self, keys: &[&SigningKey]) -> Result<()> {
        self.signature = Some(Note::sign(self.statement(), keys)?.to_string());
        Ok(())
    }

    /// Which of these keys signed the attestation, by name; at least one.
    ///
    /// # Errors
    /// [`ErrorKind::ProofInvalid`] when none did.
    pub fn verify_signature(&self, keys: &[VerifierKey]) -> Result<Vec<String>> {
        signers(self.signature.as_deref(), &self.statement(), keys)
    }

    /// Reads an attestation back. Its hash, and everything that is derived, is computed again.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownVersion`] when it is no attestation; [`ErrorKind::ProofInvalid`] when it
    /// was altered, or says more than its checks do; [`ErrorKind::TooLarge`] beyond 16 MiB. The
    /// signature is not looked at.
    pub fn from_json(text: &str) -> Result<Self> {
        if text.len() > ATTESTATION_BYTES_MAX {
            return Err(Error::new(ErrorKind::TooLarge, "the attestation is too long"));
        }
        let unknown = |_| Error::new(ErrorKind::UnknownVersion, "not an attestation");
        let value: Value = serde_json::from_str(text).map_err(unknown)?;
        if value.get("schema").and_then(Value::as_str) != Some(SCHEMA) {
            return Err(Error::new(ErrorKind::UnknownVersion, "not an attestation")
                .expected(SCHEMA, "another schema, or none"));
        }
        let found = hash_of(&value).to_hex();
        let given: DocumentIn = serde_json::from_value(value).map_err(unknown)?;
        if given.attestation_hash != found {
            return Err(
                forged("the attestation was altered").expected(&given.attestation_hash, found)
            );
        }
        let mut checks = given.evidence_checks;
        let mut controls = Vec::new();
        for control in given.controls {
            let prefix = format!("{}.", control.id);
            let (own, rest) = checks.into_iter().partition(|check| check.id.starts_with(&prefix));
            checks = rest;
            let state = super::check::state_of(&own);
            if (state, state == State::Met) != (control.state, control.present) {
                return Err(forged("a control says something else than its checks"));
            }
            let ControlIn { id, name, component, .. } = control;
            controls.push(ControlResult { id, name, component, state, checks: own });
        }
        let attestation = Self {
            toolkit_version: given.toolkit_version,
            platform: given.platform,
            verified_at: given.verified_at,
            evidence_source: given.evidence_source,
            log: given.log,
            period: given.period,
            controls,
            signature: given.signature,
        };
        let says = (given.passed, given.coverage_pct, given.controls_passed, given.controls_total);
        if says != attestation.derived() || !checks.is_empty() || !attestation.has_all_controls() {
            return Err(forged("the attestation says something else than its controls"));
        }
        Ok(attestation)
    }

    fn derived(&self) -> (bool, u64, u64, u64) {
        (self.passed(), self.coverage_pct(), self.controls_passed(), self.controls_total())
    }

    /// Whether it speaks of the ten controls and of nothing else.
    fn has_all_controls(&self) -> bool {
        let ids = self.controls.iter().map(|control| control.id.as_str());
        ids.eq(controls().iter().map(|control| control.id.as_str()))
    }
}
