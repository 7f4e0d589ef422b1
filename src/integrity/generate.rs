//! Generating: a manifest of what is there now.

use super::function;
use super::manifest::Manifest;
use super::paths::{check_relative, read_beneath};
use super::walk::{digest, file_id, walk};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::BINARY_BYTES_MAX;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What to list.
#[derive(Clone, Debug, Default)]
#[must_use = "it does nothing until a manifest is generated with it"]
pub struct GenerateOptions {
    /// Named directories.
    roots: Vec<(Option<String>, PathBuf)>,
    functions: Vec<(PathBuf, String)>,
    manifest: Option<PathBuf>,
    generated_at: Option<String>,
}

impl GenerateOptions {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every file beneath a directory; it is called by the last part of its path unless a name is
    /// given.
    pub fn root(mut self, name: Option<String>, dir: impl Into<PathBuf>) -> Self {
        self.roots.push((name, dir.into()));
        self
    }

    /// A function of a binary. One that lies beneath no root brings its directory as a root of its
    /// own, of which nothing else is listed.
    pub fn function(mut self, binary: impl Into<PathBuf>, name: impl Into<String>) -> Self {
        self.functions.push((binary.into(), name.into()));
        self
    }

    /// Where the manifest will be: it is not listed itself, and roots beneath its directory are
    /// found from there.
    pub fn manifest(mut self, path: impl Into<PathBuf>) -> Self {
        self.manifest = Some(path.into());
        self
    }

    /// Writes down when it was made. The same files then give other bytes every time.
    pub fn generated_at(mut self, time: impl Into<String>) -> Self {
        self.generated_at = Some(time.into());
        self
    }
}

/// A directory of the manifest, as it is on this machine.
struct Root {
    name: String,
    dir: PathBuf,
}

fn real(path: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(|error| Error::io(error, "open", path.display().to_string()))
}

fn name_of(dir: &Path) -> Result<String> {
    let name = dir.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| {
        Error::new(ErrorKind::Invalid, "a root without a name").hint("name it: --root NAME=DIR")
    })
}

fn add(roots: &mut Vec<Root>, name: Option<&str>, dir: &Path) -> Result<()> {
    let dir = real(dir)?;
    if !dir.is_dir() {
        let shown = dir.display().to_string();
        return Err(Error::new(ErrorKind::Invalid, "a root that is no directory").at_file(shown));
    }
    let name = name.map_or_else(|| name_of(&dir), |name| Ok(name.to_owned()))?;
    check_relative(&name)?;
    if name.contains('/') || roots.iter().any(|root| root.name == name) {
        let message = format!("two roots are called {name:?}, or its name has a slash");
        return Err(Error::new(ErrorKind::Invalid, message).hint("name them: --root NAME=DIR"));
    }
    roots.push(Root { name, dir });
    Ok(())
}

/// Where a directory lies, seen from another one above it.
fn seen_from(base: &Path, dir: &Path) -> Option<String> {
    let relative = dir.strip_prefix(base).ok()?.to_str()?;
    Some(if relative.is_empty() { ".".to_owned() } else { relative.to_owned() })
}

/// Lists files and functions as they are now.
///
/// # Errors
/// [`ErrorKind::NotFound`] and [`ErrorKind::Io`] for a directory, file or function that is not
/// there; [`ErrorKind::UnknownVersion`] for a binary that is no ELF file; [`ErrorKind::Untrusted`]
/// for what is neither file, directory nor link, and for links that lead out of their root;
/// [`ErrorKind::Invalid`] for two roots of one name, or nothing to list; [`ErrorKind::TooLarge`].
///
/// # Example
/// ```
/// use witnessmark::integrity::{CheckOptions, GenerateOptions, check, generate};
/// # let dir = tempfile::tempdir().unwrap();
/// # let dir = dir.path();
/// # std::fs::write(dir.join("rules.yaml"), "deny: all").unwrap();
/// let manifest = generate(&GenerateOptions::new().root(Some("policies".into()), dir))?;
/// let now = CheckOptions::new("2026-11-25T12:00:00Z").root("policies", dir);
/// assert!(check(&manifest, &now)?.passed);
/// std::fs::write(dir.join("rules.yaml"), "allow: all").unwrap();
/// assert!(!check(&manifest, &now)?.passed);
/// # Ok::<(), witnessmark::Error>(())
/// ```
pub fn generate(options: &GenerateOptions) -> Result<Manifest> {
    let mut roots = Vec::new();
    for (name, dir) in &options.roots {
        add(&mut roots, name.as_deref(), dir)?;
    }
    let walked = roots.len();
    let functions = functions(options, &mut roots)?;
    if roots.is_empty() {
        return Err(Error::new(ErrorKind::Invalid, "neither a root nor a function to list"));
    }
    let mut manifest = Manifest::new(options.generated_at.clone());
    let base = options.manifest.as_deref().map_or(Path::new("."), |path| {
        path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
    });
    let base = real(base)?;
    for root in &roots {
        manifest.roots.insert(root.name.clone(), seen_from(&base, &root.dir));
    }
    let without = options.manifest.as_deref().and_then(file_id);
    for root in roots.iter().take(walked) {
        list(&mut manifest, root, without)?;
    }
    let mut binaries: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    for (at, relative, module, name) in &functions {
        let Some(root) = roots.get(*at) else { continue };
        if !binaries.contains_key(module.as_str()) {
            // One binary at a time: they are large.
            binaries.clear();
            binaries.insert(module, read_beneath(&root.dir, relative, BINARY_BYTES_MAX)?);
        }
        let Some(bytes) = binaries.get(module.as_str()) else { continue };
        manifest.functions.push(function::digest(bytes, module, name)?);
    }
    Ok(manifest.finish())
}

/// A function to list: position of the root, path from it, module, name.
type Wanted = (usize, String, String, String);

fn functions(options: &GenerateOptions, roots: &mut Vec<Root>) -> Result<Vec<Wanted>> {
    let mut wanted = Vec::new();
    for (binary, name) in &options.functions {
        let file = real(binary)?;
        let position = match roots.iter().position(|root| file.starts_with(&root.dir)) {
            Some(position) => position,
            None => {
                add(roots, None, file.parent().unwrap_or(Path::new("/")))?;
                roots.len() - 1
            }
        };
        let root = roots.get(position);
        let relative = root.and_then(|root| file.strip_prefix(&root.dir).ok()?.to_str());
        let (Some(root), Some(relative)) = (root, relative) else {
            return Err(Error::new(ErrorKind::Invalid, "a binary whose name is not UTF-8"));
        };
        let module = format!("{}/{relative}", root.name);
        wanted.push((position, relative.to_owned(), module, name.clone()));
    }
    Ok(wanted)
}

fn list(manifest: &mut Manifest, root: &Root, without: Option<(u64, u64)>) -> Result<()> {
    let found = walk(&root.dir, without)?;
    if let Some(other) = found.others.first() {
        let message = "neither a file, a directory nor a link, or its name is not UTF-8";
        return Err(Error::new(ErrorKind::Untrusted, message).at_file(other));
    }
    for (relative, target) in &found.links {
        if leads_out(relative, target) {
            let error = Error::new(ErrorKind::Untrusted, "a link that leads out of its root");
            return Err(error.at_file(relative));
        }
        manifest.links.insert(format!("{}/{relative}", root.name), target.clone());
    }
    for (relative, path) in &found.files {
        manifest.files.insert(format!("{}/{relative}", root.name), digest(path, relative)?);
    }
    Ok(())
}

/// Whether a link's text leads above the root, as far as texts tell.
fn leads_out(link: &str, target: &str) -> bool {
    let mut depth = link.matches('/').count();
    for part in target.split('/') {
        match part {
            ".." if depth == 0 => return true,
            ".." => depth -= 1,
            "" | "." => {}
            _ => depth += 1,
        }
    }
    target.starts_with('/')
}

#[cfg(test)]
mod tests {
    use super::leads_out;

    #[test]
    fn links_may_lead_about_within_the_root_but_not_out_of_it() {
        assert!(!leads_out("lib/a.so", "a.so.1"));
        assert!(!leads_out("lib/a.so", "../other/a.so"));
        assert!(leads_out("lib/a.so", "../../a.so"));
        assert!(leads_out("a", "x/../../y") && leads_out("a", "/etc/passwd"));
    }
}
