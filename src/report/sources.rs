//! Sources: what other rooms found, as parts of a report.
//!
//! Nothing is judged again here. What those rooms say is carried over, with their reasons.

use super::value::{Control, Coverage, SupplyChain, VerifiedCheckpoint};
use crate::compliance::Attestation;
use crate::integrity;
use crate::sign::{SignedCheckpoint, VerifierKey};
use crate::view::View;
use std::collections::BTreeSet;

impl From<&Attestation> for Coverage {
    fn from(attestation: &Attestation) -> Self {
        let control = |control: &crate::compliance::ControlResult| {
            let telling = control.checks.iter().filter(|check| check.state == control.state);
            let entries = telling.flat_map(|check| &check.entries).map(|shown| shown.index);
            let entries: BTreeSet<u64> = entries.collect();
            Control {
                id: control.id.clone(),
                title: control.name.clone(),
                state: control.state.as_str().to_owned(),
                reasons: control.reasons().map(str::to_owned).collect(),
                entries: entries.into_iter().collect(),
            }
        };
        Self {
            passed: Some(attestation.passed()),
            controls_passed: Some(attestation.controls_passed()),
            controls_total: Some(attestation.controls_total()),
            coverage_pct: Some(attestation.coverage_pct()),
            attestation_hash: Some(attestation.attestation_hash()),
            controls: attestation.controls.iter().map(control).collect(),
        }
    }
}

impl From<&integrity::Report> for SupplyChain {
    /// A manifest that lists nothing shows nothing: then `passed` is unknown, and not true.
    fn from(report: &integrity::Report) -> Self {
        let is_evaluated = report.status != "not_evaluated";
        Self {
            passed: is_evaluated.then_some(report.passed),
            files_checked: is_evaluated.then_some(report.modules_checked),
            functions_checked: is_evaluated.then_some(report.function_results.len() as u64),
            manifest_signed: report.signer.as_ref().map(|_| true),
            problems: report.failures(),
        }
    }
}

impl VerifiedCheckpoint {
    /// Holds a signed checkpoint against a log: a signature of one of the keys, the log's name, and
    /// the log's root at the checkpoint's size.
    #[must_use]
    pub fn held_against(
        signed: &SignedCheckpoint,
        keys: &[VerifierKey],
        view: &View,
        origin: Option<&str>,
    ) -> Self {
        let checkpoint = signed.checkpoint();
        let (size, root) = (checkpoint.size(), checkpoint.root());
        let verified = signed.verify(keys).map(|signers| {
            let names = signers.into_iter().map(|key| key.label());
            names.collect::<Vec<_>>().join(", ")
        });
        let error = match &verified {
            Err(error) => Some(error.to_string()),
            Ok(_) if origin.is_some_and(|origin| origin != checkpoint.origin()) => {
                Some("it is of a log with another name".to_owned())
            }
            Ok(_) if size > view.size() => {
                let found = view.size();
                Some(format!("the log is shorter: it was signed at {size} entries, found {found}"))
            }
            Ok(_) => match view.root_at(size) {
                Ok(found) if found == root => None,
                Ok(found) => Some(format!("the log has another root at {size}: found {found}")),
                Err(error) => Some(format!("the root at {size} cannot be computed: {error}")),
            },
        };
        Self {
            origin: checkpoint.origin().to_owned(),
            size: size.get(),
            root: root.to_hex(),
            signed_by: verified.unwrap_or_else(|_| "nobody who was asked for".to_owned()),
            valid: error.is_none(),
            error,
            entries_after: view.size().get().saturating_sub(size.get()),
        }
    }
}
