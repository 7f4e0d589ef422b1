//! Manifests of real directories and of this very test binary.

use super::*;
use crate::error::ErrorKind;
use crate::sign::SigningKey;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

struct Rig {
    dir: tempfile::TempDir,
}

impl Rig {
    /// A directory `gov` with two files, one of them in a directory, and a link.
    fn new() -> Self {
        let rig = Self { dir: tempfile::tempdir().unwrap() };
        let gov = rig.path("gov");
        std::fs::create_dir_all(gov.join("rules")).unwrap();
        std::fs::write(gov.join("rules/pii.yaml"), "deny: pii").unwrap();
        std::fs::write(gov.join("agents.yaml"), "agents: []").unwrap();
        symlink("agents.yaml", gov.join("current")).unwrap();
        rig
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn options(&self) -> GenerateOptions {
        let options = GenerateOptions::new().root(None, self.path("gov"));
        options.manifest(self.path("integrity.json"))
    }

    fn check(&self, manifest: &Manifest) -> Report {
        let options = CheckOptions::new("now").manifest(self.path("integrity.json"));
        check(manifest, &options).unwrap()
    }
}

/// A function that nothing inlines, so that it stands in the symbol table.
#[inline(never)]
fn probe(x: u64) -> u64 {
    let mut sum = std::hint::black_box(x);
    for step in 0..9 {
        sum = sum.rotate_left(7) ^ std::hint::black_box(step * 0x9e37_79b9);
    }
    sum
}

const PROBE: &str = "witnessmark::integrity::tests::probe";

#[test]
fn the_same_files_give_the_same_bytes_and_pass_wherever_they_lie() {
    let rig = Rig::new();
    let manifest = generate(&rig.options()).unwrap();
    assert_eq!(manifest.to_json(), generate(&rig.options()).unwrap().to_json());
    assert_eq!(manifest.files.len(), 2);
    assert_eq!(manifest.files["gov/rules/pii.yaml"].bytes, 9);
    assert_eq!(manifest.links["gov/current"], "agents.yaml");
    assert_eq!(manifest.roots["gov"].as_deref(), Some("gov"));
    assert!(!manifest.to_json().contains(rig.dir.path().to_str().unwrap()));
    let manifest = Manifest::from_json(&manifest.to_json()).unwrap();
    let report = rig.check(&manifest);
    assert!(report.passed, "{}", report.summary());
    assert_eq!((report.modules_checked, report.modules_missing.len()), (3, 0));
    // Installed again somewhere else.
    std::fs::rename(rig.path("gov"), rig.path("elsewhere")).unwrap();
    let there = CheckOptions::new("now").root("gov", rig.path("elsewhere"));
    assert!(check(&manifest, &there).unwrap().passed);
    let timed = generate(&rig.options().root(None, rig.path("elsewhere")).generated_at("T"));
    assert!(timed.is_err(), "gov is gone");
}

#[test]
fn what_is_changed_missing_or_extra_is_named() {
    let rig = Rig::new();
    let manifest = generate(&rig.options()).unwrap();
    std::fs::write(rig.path("gov/rules/pii.yaml"), "deny: pix").unwrap();
    std::fs::write(rig.path("gov/new.yaml"), "").unwrap();
    let report = rig.check(&manifest);
    assert!(!report.passed);
    assert_eq!(report.failures(), ["gov/rules/pii.yaml: hash mismatch"]);
    assert_eq!(report.extra_files, ["gov/new.yaml"]);
    std::fs::remove_file(rig.path("gov/rules/pii.yaml")).unwrap();
    let report = rig.check(&manifest);
    assert!(!report.passed);
    assert_eq!(report.modules_missing, ["gov/rules/pii.yaml"]);
    std::fs::remove_dir_all(rig.path("gov")).unwrap();
    let report = rig.check(&manifest);
    assert!(!report.passed);
    assert_eq!(report.modules_missing.len(), 3);
}

#[test]
fn extra_files_fail_a_strict_check_only_and_the_manifest_is_none() {
    let rig = Rig::new();
    let inside = rig.path("gov/integrity.json");
    let options = GenerateOptions::new().root(None, rig.path("gov")).manifest(&inside);
    let manifest = generate(&options).unwrap();
    assert_eq!(manifest.roots["gov"].as_deref(), Some("."));
    std::fs::write(&inside, manifest.to_json()).unwrap();
    let here = CheckOptions::new("now").manifest(&inside).strict(true);
    assert!(check(&manifest, &here).unwrap().passed);
    std::fs::write(rig.path("gov/new"), "").unwrap();
    assert!(!check(&manifest, &here).unwrap().passed);
    assert!(check(&manifest, &here.strict(false)).unwrap().passed);
}

#[test]
fn a_link_in_the_place_of_a_file_or_a_directory_is_not_followed() {
    let rig = Rig::new();
    let manifest = generate(&rig.options()).unwrap();
    std::fs::rename(rig.path("gov/rules"), rig.path("rules")).unwrap();
    symlink(rig.path("rules"), rig.path("gov/rules")).unwrap();
    let report = rig.check(&manifest);
    assert_eq!(report.failures(), ["gov/rules/pii.yaml: missing"]);
    assert_eq!(report.extra_files, ["gov/rules"]);
    std::fs::rename(rig.path("gov/agents.yaml"), rig.path("agents.yaml")).unwrap();
    symlink(rig.path("agents.yaml"), rig.path("gov/agents.yaml")).unwrap();
    let failures = rig.check(&manifest).failures();
    assert!(failures.contains(&"gov/agents.yaml: a link, not a file".to_owned()), "{failures:?}");
    std::fs::rename(rig.path("gov"), rig.path("real")).unwrap();
    symlink(rig.path("real"), rig.path("gov")).unwrap();
    assert_eq!(rig.check(&manifest).modules_missing.len(), 3, "the root itself is a link");
}

#[test]
fn links_out_of_the_root_and_pipes_are_refused_when_listing() {
    let rig = Rig::new();
    symlink("/etc/passwd", rig.path("gov/out")).unwrap();
    assert_eq!(generate(&rig.options()).unwrap_err().kind(), ErrorKind::Untrusted);
    std::fs::remove_file(rig.path("gov/out")).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(rig.path("gov/socket")).unwrap();
    assert_eq!(generate(&rig.options()).unwrap_err().kind(), ErrorKind::Untrusted);
    drop(socket);
    assert_eq!(generate(&GenerateOptions::new()).unwrap_err().kind(), ErrorKind::Invalid);
    let twice = GenerateOptions::new().root(None, rig.path("gov")).root(None, rig.path("gov"));
    assert_eq!(generate(&twice).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn manifests_that_lead_out_of_their_roots_or_were_altered_are_refused() {
    let rig = Rig::new();
    let manifest = generate(&rig.options()).unwrap();
    let with = |change: &dyn Fn(&mut Manifest)| {
        let mut hostile = manifest.clone();
        change(&mut hostile);
        Manifest::from_json(&hostile.finish().to_json()).map_err(|error| error.kind())
    };
    assert!(with(&|_| {}).is_ok());
    for path in ["gov/../../etc/passwd", "/etc/passwd", "..", "gov//a", "", "gov/./a", "other/a"] {
        let file = manifest.files["gov/agents.yaml"].clone();
        let files = |m: &mut Manifest| drop(m.files.insert(path.to_owned(), file.clone()));
        assert_eq!(with(&files).unwrap_err(), ErrorKind::Untrusted, "{path}");
        let links = |m: &mut Manifest| drop(m.links.insert(path.to_owned(), "x".to_owned()));
        assert_eq!(with(&links).unwrap_err(), ErrorKind::Untrusted, "{path}");
    }
    for place in ["/etc", "../..", "a/../.."] {
        let roots = |m: &mut Manifest| drop(m.roots.insert("gov".into(), Some(place.to_owned())));
        assert_eq!(with(&roots).unwrap_err(), ErrorKind::Untrusted, "{place}");
    }
    let text = manifest.to_json();
    let kind = |text: &str| Manifest::from_json(text).unwrap_err().kind();
    assert_eq!(kind(&text.replace("agents.yaml", "agentz.yaml")), ErrorKind::ProofInvalid);
    for garbage in ["", "[]", "{", "{}", "{\"schema\":\"wmark.integrity-manifest/1\"}"] {
        assert_eq!(kind(garbage), ErrorKind::UnknownVersion, "{garbage}");
    }
    let unknown = text.replacen("\"roots\"", "\"unknown\": 1, \"roots\"", 1);
    assert_eq!(kind(&unknown), ErrorKind::UnknownVersion);
}

#[test]
fn a_manifest_with_nothing_in_it_does_not_pass() {
    let empty = manifest::Manifest::new(None).finish();
    let report = check(&empty, &CheckOptions::new("now")).unwrap();
    assert_eq!((report.passed, report.status.as_str()), (false, "not_evaluated"));
    let nothing = Report::not_evaluated("now");
    assert_eq!((nothing.passed, nothing.status.as_str()), (false, "not_evaluated"));
}

#[test]
fn a_signature_holds_for_its_manifest_and_key_only() {
    let rig = Rig::new();
    let mut manifest = generate(&rig.options()).unwrap();
    let key = SigningKey::from_seed("acme/gate", &[3; 32]).unwrap();
    assert!(manifest.verify(&[key.verifier()]).is_err());
    manifest.sign(&[&key]).unwrap();
    let mut read = Manifest::from_json(&manifest.to_json()).unwrap();
    assert_eq!(read.verify(&[key.verifier()]).unwrap(), ["acme/gate"]);
    let other = SigningKey::from_seed("acme/gate", &[4; 32]).unwrap();
    assert!(read.verify(&[other.verifier()]).is_err());
    read.files.remove("gov/agents.yaml");
    assert!(read.finish().verify(&[key.verifier()]).is_err());
}

/// A copy of this test binary in a directory of its own.
fn binary(rig: &Rig, name: &str) -> PathBuf {
    let dir = rig.path(name);
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("gate");
    std::fs::copy(std::env::current_exe().unwrap(), &path).unwrap();
    path
}

fn patch(path: &Path, at: u64) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x01], at).unwrap();
}

#[test]
fn a_patched_function_is_found_and_a_copy_elsewhere_is_not_mistaken_for_one() {
    assert_ne!(probe(1), 1);
    let rig = Rig::new();
    let first = binary(&rig, "bin");
    let options = GenerateOptions::new().function(&first, PROBE);
    let manifest = generate(&options.manifest(rig.path("integrity.json"))).unwrap();
    let listed = &manifest.functions[0];
    assert_eq!((listed.module.as_str(), listed.function.as_str()), ("bin/gate", PROBE));
    assert!(listed.bytes > 8 && manifest.files.is_empty());
    let report = rig.check(&manifest);
    assert!(report.passed && report.extra_files.is_empty(), "{}", report.summary());
    // The same bytes in another place.
    let second = binary(&rig, "other");
    let there = CheckOptions::new("now").root("bin", rig.path("other"));
    assert!(check(&manifest, &there).unwrap().passed);
    let bytes = std::fs::read(&second).unwrap();
    let (at, len) = function::place_of(&bytes, PROBE).unwrap();
    assert_eq!(len, listed.bytes);
    // Outside of the function nothing is seen; its first, a middle and its last byte are.
    patch(&second, at + len + 64);
    assert!(check(&manifest, &there).unwrap().passed);
    for inside in [0, len / 2, len - 1] {
        patch(&second, at + inside);
        let report = check(&manifest, &there).unwrap();
        let failures = report.failures();
        assert_eq!(failures, [format!("bin/gate:{PROBE}: code mismatch")]);
        patch(&second, at + inside);
    }
    assert!(check(&manifest, &there).unwrap().passed);
    std::fs::remove_file(&second).unwrap();
    assert!(!check(&manifest, &there).unwrap().passed);
}

#[test]
fn a_function_has_the_same_digest_by_each_of_its_names() {
    let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let names = function::names_of(&bytes, PROBE);
    assert_eq!(names.len(), 2, "{names:?}");
    let plain = function::digest(&bytes, "bin/gate", PROBE).unwrap();
    for name in names {
        let found = function::digest(&bytes, "bin/gate", &name).unwrap();
        assert_eq!((&found.sha256, found.bytes), (&plain.sha256, plain.bytes), "{name}");
    }
    let gone = function::digest(&bytes, "bin/gate", "no::such::function").unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
}

/// The least ELF file: a header, and no section.
fn bare_elf() -> Vec<u8> {
    let mut elf = vec![0u8; 64];
    elf[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0]);
    elf[16..20].copy_from_slice(&[3, 0, 62, 0]);
    elf[20] = 1;
    elf[52] = 64;
    elf[54] = 56;
    elf[58] = 64;
    elf
}

#[test]
fn binaries_without_symbols_cut_short_or_hostile_are_refused_and_never_panic() {
    let stripped = function::digest(&bare_elf(), "bin/gate", PROBE).unwrap_err();
    assert_eq!(stripped.kind(), ErrorKind::NotFound);
    assert!(stripped.to_string().contains("no symbols"), "{stripped}");
    let no_elf = function::digest(b"#!/bin/sh\n", "bin/gate", PROBE).unwrap_err();
    assert_eq!(no_elf.kind(), ErrorKind::UnknownVersion);
    let whole = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    for len in [0, 1, 16, 63, 64, 65, 4096, whole.len() / 2, whole.len() - 1] {
        assert!(function::digest(&whole[..len], "bin/gate", "no::such::function").is_err());
    }
    // Every byte of the header, and of the section headers, set to what hurts most.
    let sections = usize::try_from(u64::from_le_bytes(whole[40..48].try_into().unwrap())).unwrap();
    let mut hostile = whole.clone();
    let places = (0..64).chain((sections..sections + 64 * 8).step_by(3));
    for at in places {
        let Some(byte) = hostile.get_mut(at) else { break };
        let good = std::mem::replace(byte, 0xff);
        // Whatever it says: it came back.
        let answer = function::digest(&hostile, "bin/gate", "no::such::function");
        assert!(answer.is_err());
        hostile[at] = good;
    }
}
