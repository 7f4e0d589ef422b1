//! The declared integrity manifest, checked where the deployment says that it lies.

use super::deployment::Deployment;
use crate::error::{ErrorKind, Result};
use crate::integrity::{CheckOptions, Manifest, Report, check};
use crate::sign::VerifierKey;
use std::path::Path;

impl Deployment {
    /// Checks the declared manifest; `None` when none is declared, or none is there.
    ///
    /// `dir` is the directory of the deployment file. A manifest that is not acceptable, or whose
    /// signature does not hold, gives a report that fails.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a declared key that is none; [`ErrorKind::Io`] when a root cannot
    /// be listed.
    pub fn check_integrity(&self, dir: &Path, verified_at: &str) -> Result<Option<Report>> {
        let Some(declared) = &self.integrity else { return Ok(None) };
        let Some(name) = &declared.manifest else { return Ok(None) };
        let key = declared.verifier_key.as_deref().map(str::parse::<VerifierKey>).transpose()?;
        let path = dir.join(name);
        let manifest = match Manifest::load(&path) {
            Ok(manifest) => manifest,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Ok(Some(Report::refused(verified_at, error.message()))),
        };
        let mut options = CheckOptions::new(verified_at).manifest(path);
        for (root, place) in &declared.roots {
            let place = if place == "." { dir.to_owned() } else { dir.join(place) };
            options = options.root(root, place);
        }
        if let Some(key) = key {
            match manifest.verify(&[key]) {
                Ok(signers) => options = options.signer(signers.join(", ")),
                Err(error) => return Ok(Some(Report::refused(verified_at, error.message()))),
            }
        }
        check(&manifest, &options).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integrity::{GenerateOptions, generate};
    use crate::sign::SigningKey;

    #[test]
    fn the_declared_manifest_is_found_checked_and_held_against_its_key() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        std::fs::create_dir(dir.join("rules")).unwrap();
        std::fs::write(dir.join("rules/a"), "a").unwrap();
        let key = SigningKey::from_seed("acme/gate", &[1; 32]).unwrap();
        let text = format!(
            "schema = \"wmark.deployment/1\"\n[integrity]\nmanifest = \"m.json\"\n\
             verifier_key = \"{}\"\nroots = {{ rules = \"rules\" }}",
            key.verifier()
        );
        let declared = Deployment::parse(&text).unwrap();
        let report = || declared.check_integrity(dir, "now").unwrap();
        assert!(report().is_none());
        let options = GenerateOptions::new().root(None, dir.join("rules"));
        let mut manifest = generate(&options).unwrap();
        let write = |manifest: &Manifest| {
            std::fs::write(dir.join("m.json"), manifest.to_json()).unwrap();
        };
        write(&manifest);
        assert_eq!(report().unwrap().failures(), ["manifest: the document is not signed"]);
        manifest.sign(&[&key]).unwrap();
        write(&manifest);
        let passed = report().unwrap();
        assert_eq!((passed.passed, passed.signer.as_deref()), (true, Some("acme/gate")));
        std::fs::write(dir.join("rules/a"), "b").unwrap();
        assert!(!report().unwrap().passed);
        std::fs::write(dir.join("m.json"), "{}").unwrap();
        assert!(!report().unwrap().passed);
    }
}
