//! Checking: a manifest against what is there now.

use super::function;
use super::manifest::{FileDigest, Manifest};
use super::paths::{beneath, read_beneath};
use super::report::{FileResult, FunctionResult, Report};
use super::walk::{Walked, digest, file_id, walk};
use crate::error::{Error, Result};
use crate::limits::BINARY_BYTES_MAX;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where and how to look.
#[derive(Clone, Debug, Default)]
#[must_use = "it does nothing until a manifest is checked with it"]
pub struct CheckOptions {
    verified_at: String,
    manifest: Option<PathBuf>,
    roots: BTreeMap<String, PathBuf>,
    signer: Option<String>,
    strict: bool,
}

impl CheckOptions {
    /// Roots beside the manifest, extra files allowed; the time goes into the report.
    pub fn new(verified_at: impl Into<String>) -> Self {
        Self { verified_at: verified_at.into(), ..Self::default() }
    }

    /// Where the manifest lies: roots are found from there, and it is not an extra file itself.
    pub fn manifest(mut self, path: impl Into<PathBuf>) -> Self {
        self.manifest = Some(path.into());
        self
    }

    /// Where a root lies.
    pub fn root(mut self, name: impl Into<String>, dir: impl Into<PathBuf>) -> Self {
        self.roots.insert(name.into(), dir.into());
        self
    }

    /// Who signed the manifest, as [`Manifest::verify`] said; goes into the report.
    pub fn signer(mut self, name: impl Into<String>) -> Self {
        self.signer = Some(name.into());
        self
    }

    /// Whether a file that is not listed fails the check.
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Where a root lies; `None` when nobody says, or nothing is there.
    fn dir_of(&self, name: &str, place: Option<&str>) -> Option<PathBuf> {
        if let Some(dir) = self.roots.get(name) {
            return dir.canonicalize().ok().filter(|dir| dir.is_dir());
        }
        let manifest = self.manifest.as_deref().unwrap_or(Path::new("."));
        let base = manifest.parent().filter(|dir| !dir.as_os_str().is_empty());
        let base = base.unwrap_or(Path::new("."));
        match place? {
            "." => Some(base.to_owned()),
            place => beneath(base, place).ok().filter(|dir| dir.is_dir()),
        }
    }
}

/// Compares what is listed with what is there.
///
/// A root, file or function that is not there fails the check, and so does one that cannot be read.
///
/// # Errors
/// [`crate::ErrorKind::Io`] when a root cannot be listed; [`crate::ErrorKind::TooLarge`] when it
/// holds more than a manifest may.
pub fn check(manifest: &Manifest, options: &CheckOptions) -> Result<Report> {
    let mut report = Report {
        verified_at: options.verified_at.clone(),
        manifest_path: options.manifest.as_ref().map(|path| path.display().to_string()),
        manifest_hash: Some(manifest.manifest_hash.clone()),
        signer: options.signer.clone(),
        ..Report::default()
    };
    let without = options.manifest.as_deref().and_then(file_id);
    for (name, place) in &manifest.roots {
        let files = Manifest::beneath(&manifest.files, name);
        let links = Manifest::beneath(&manifest.links, name);
        let dir = options.dir_of(name, place.as_deref());
        let is_listed = !files.is_empty() || !links.is_empty();
        // Of a root that only holds binaries nothing else is looked at.
        let found = match dir.as_deref().filter(|_| is_listed) {
            Some(dir) => walk(dir, without)?,
            None => Walked::default(),
        };
        compare(&mut report, name, &files, &found);
        compare_links(&mut report, name, &links, &found);
        let extra = found.files.keys().filter(|path| !files.contains_key(path.as_str()));
        let extra =
            extra.chain(found.links.keys().filter(|path| !links.contains_key(path.as_str())));
        let extra = extra.chain(&found.others).filter(|_| is_listed);
        report.extra_files.extend(extra.map(|path| format!("{name}/{path}")));
        compare_functions(&mut report, manifest, name, dir.as_deref());
    }
    report.extra_files.sort();
    Ok(report.close(options.strict))
}

fn compare(report: &mut Report, root: &str, files: &BTreeMap<&str, &FileDigest>, found: &Walked) {
    for (relative, wanted) in files {
        let module = format!("{root}/{relative}");
        let actual = found.files.get(*relative).map(|path| digest(path, relative));
        let error = match &actual {
            None if found.links.contains_key(*relative) => Some("a link, not a file".to_owned()),
            None if found.others.contains(*relative) => Some("not a regular file".to_owned()),
            None => {
                report.modules_missing.push(module.clone());
                Some("missing".to_owned())
            }
            Some(Err(error)) => Some(unreadable(error)),
            Some(Ok(actual)) if actual != *wanted => Some("hash mismatch".to_owned()),
            Some(Ok(_)) => None,
        };
        report.file_results.push(FileResult {
            module,
            file: (*relative).to_owned(),
            expected: Some(wanted.sha256.clone()),
            actual: actual.and_then(|actual| actual.ok()).map(|actual| actual.sha256),
            passed: error.is_none(),
            error,
        });
    }
}

fn compare_links(report: &mut Report, root: &str, links: &BTreeMap<&str, &String>, found: &Walked) {
    for (relative, wanted) in links {
        let module = format!("{root}/{relative}");
        let actual = found.links.get(*relative);
        let error = match actual {
            None => {
                report.modules_missing.push(module.clone());
                Some("missing".to_owned())
            }
            Some(actual) if actual != *wanted => Some("link to something else".to_owned()),
            Some(_) => None,
        };
        report.file_results.push(FileResult {
            module,
            file: (*relative).to_owned(),
            expected: Some((*wanted).clone()),
            actual: actual.cloned(),
            passed: error.is_none(),
            error,
        });
    }
}

fn compare_functions(report: &mut Report, manifest: &Manifest, root: &str, dir: Option<&Path>) {
    let prefix = format!("{root}/");
    let mut binary: Option<(&str, Result<Vec<u8>>)> = None;
    for wanted in &manifest.functions {
        let Some(relative) = wanted.module.strip_prefix(prefix.as_str()) else { continue };
        // Functions are in order of their binaries, so that each is read once.
        if binary.as_ref().is_none_or(|(module, _)| *module != wanted.module) {
            let missing = || Error::new(crate::error::ErrorKind::NotFound, "missing");
            let bytes = dir.ok_or_else(missing);
            let bytes = bytes.and_then(|dir| read_beneath(dir, relative, BINARY_BYTES_MAX));
            binary = Some((&wanted.module, bytes));
        }
        let actual = match &binary {
            Some((_, Ok(bytes))) => function::digest(bytes, &wanted.module, &wanted.function),
            Some((_, Err(error))) => Err(error.clone()),
            None => continue,
        };
        let error = match &actual {
            Err(error) => Some(unreadable(error)),
            Ok(actual) if actual != wanted => Some("code mismatch".to_owned()),
            Ok(_) => None,
        };
        report.function_results.push(FunctionResult {
            module: wanted.module.clone(),
            function: wanted.function.clone(),
            expected: Some(wanted.sha256.clone()),
            actual: actual.ok().map(|actual| actual.sha256),
            passed: error.is_none(),
            error,
        });
    }
}

/// Why something could not be compared. The name stands beside it already.
fn unreadable(error: &Error) -> String {
    error.message().to_owned()
}
