//! Reports of a check: what is as listed and what is not, with the reference implementation's keys.

use serde::Serialize;
use std::fmt::Write as _;

/// What became of one listed file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct FileResult {
    /// Name of its root, and path from it.
    pub module: String,
    /// The path from its root.
    pub file: String,
    /// The SHA-256 it should have; of a link, its text.
    pub expected: Option<String>,
    /// What it has; `None` when it is not there.
    pub actual: Option<String>,
    /// Whether they agree.
    pub passed: bool,
    /// What is wrong.
    pub error: Option<String>,
}

/// What became of one listed function.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct FunctionResult {
    /// The binary: name of its root, and path from it.
    pub module: String,
    /// Its name.
    pub function: String,
    /// The SHA-256 that its machine code should have.
    pub expected: Option<String>,
    /// What it has; `None` when it is not there.
    pub actual: Option<String>,
    /// Whether they agree.
    pub passed: bool,
    /// What is wrong.
    pub error: Option<String>,
}

/// What a check says.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Whether everything listed is there and as listed, and at least something was listed.
    pub passed: bool,
    /// `passed`, `failed`, or `not_evaluated` when there was nothing to check.
    pub status: String,
    /// When it was checked.
    pub verified_at: String,
    /// The manifest's path as it was given; `None` when there was none.
    pub manifest_path: Option<String>,
    /// The manifest's hash.
    pub manifest_hash: Option<String>,
    /// Who signed it, of the keys that were given.
    pub signer: Option<String>,
    /// Files and links that are listed.
    pub modules_checked: u64,
    /// Those of them that are not there.
    pub modules_missing: Vec<String>,
    /// Each file and link.
    pub file_results: Vec<FileResult>,
    /// Each function.
    pub function_results: Vec<FunctionResult>,
    /// What is beneath a root and not listed.
    pub extra_files: Vec<String>,
}

impl Report {
    /// There was no manifest: nothing was checked, and nothing passed.
    #[must_use]
    pub fn not_evaluated(verified_at: impl Into<String>) -> Self {
        let (status, verified_at) = ("not_evaluated".to_owned(), verified_at.into());
        Self { status, verified_at, ..Self::default() }
    }

    /// The manifest itself was refused, for this reason: nothing in it was believed.
    #[must_use]
    pub fn refused(verified_at: impl Into<String>, reason: impl Into<String>) -> Self {
        let result = FileResult {
            module: "manifest".to_owned(),
            file: "manifest".to_owned(),
            expected: None,
            actual: None,
            passed: false,
            error: Some(reason.into()),
        };
        let verified_at = verified_at.into();
        Self { verified_at, file_results: vec![result], ..Self::default() }.close(false)
    }

    pub(super) fn close(mut self, is_strict: bool) -> Self {
        let is_empty = self.file_results.is_empty() && self.function_results.is_empty();
        let has_extra = is_strict && !self.extra_files.is_empty();
        self.modules_checked = self.file_results.len() as u64;
        self.passed = !is_empty && !has_extra && self.failures().is_empty();
        self.status = match (is_empty, self.passed) {
            (true, _) => "not_evaluated",
            (false, true) => "passed",
            (false, false) => "failed",
        }
        .to_owned();
        self
    }

    /// What is wrong, one sentence each.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        let files = self.file_results.iter().filter(|result| !result.passed);
        let functions = self.function_results.iter().filter(|result| !result.passed);
        let words = |error: &Option<String>| error.clone().unwrap_or_default();
        let files = files.map(|r| format!("{}: {}", r.module, words(&r.error)));
        let functions =
            functions.map(|r| format!("{}:{}: {}", r.module, r.function, words(&r.error)));
        files.chain(functions).collect()
    }

    /// The text for people.
    #[must_use]
    pub fn summary(&self) -> String {
        let verdict = match self.status.as_str() {
            "passed" => "PASSED ✅",
            "failed" => "FAILED ❌",
            _ => "NOT EVALUATED ⚠️",
        };
        let mut text = format!("Integrity Verification — {verdict}\n");
        let _ = writeln!(text, "Verified at: {}", self.verified_at);
        let _ = writeln!(text, "Modules checked: {}", self.modules_checked);
        if let Some(signer) = &self.signer {
            let _ = writeln!(text, "Signed by: {signer}");
        }
        let failures = self.failures();
        if !failures.is_empty() {
            let _ = writeln!(text, "Mismatches: {}", failures.len());
        }
        for failure in &failures {
            let _ = writeln!(text, "  ✗ {failure}");
        }
        for extra in &self.extra_files {
            let _ = writeln!(text, "  + {extra}: not listed");
        }
        let (files, functions) = (self.file_results.len(), self.function_results.len());
        match (self.passed, failures.is_empty(), files + functions) {
            (true, _, _) => {
                let _ = write!(text, "All {files} files and {functions} functions verified.");
            }
            (false, true, 0) => text.push_str("There was nothing to check."),
            (false, true, _) => text.push_str("Files are there that are not listed."),
            (false, false, _) => {
                let right = files + functions - failures.len();
                let _ = write!(text, "{right} of {} as listed.", files + functions);
            }
        }
        text
    }
}
