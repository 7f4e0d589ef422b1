//! Integrity manifests from strangers: never a panic, never a path that leads out, and what is read
//! is written and read again the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::{Component, Path};
use std::sync::OnceLock;
use witnessmark::integrity::{GenerateOptions, Manifest, generate};
use witnessmark::{ErrorKind, SigningKey};

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

fn honest() -> &'static (SigningKey, String) {
    static HONEST: OnceLock<(SigningKey, String)> = OnceLock::new();
    HONEST.get_or_init(|| {
        let key = SigningKey::from_seed("fuzz.example/files", &[7; 32]).expect("a key");
        let options = GenerateOptions::new().root(Some("sources".to_owned()), SOURCES);
        let mut manifest = generate(&options).expect("a manifest of this crate");
        manifest.sign(&[&key]).expect("a signature");
        (key, manifest.to_json())
    })
}

fuzz_target!(|input: &[u8]| {
    let Some((kind, rest)) = input.split_first() else { return };
    let (key, text) = honest();
    let mut bytes = if kind & 1 == 0 { rest.to_vec() } else { text.clone().into_bytes() };
    if kind & 1 == 1 {
        for edit in rest.chunks_exact(4).take(6) {
            let at = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % bytes.len();
            match edit[2] % 3 {
                0 => bytes[at] = edit[3],
                1 => bytes.insert(at, edit[3]),
                _ => drop(bytes.remove(at)),
            }
        }
    }
    let given = String::from_utf8_lossy(&bytes);
    let manifest = match Manifest::from_json(&given) {
        Ok(manifest) => manifest,
        Err(error) => {
            let expected =
                [ErrorKind::UnknownVersion, ErrorKind::Untrusted, ErrorKind::ProofInvalid];
            assert!(expected.contains(&error.kind()), "{error}");
            return;
        }
    };
    for path in manifest.files.keys().chain(manifest.links.keys()) {
        let is_inside = |part: Component<'_>| matches!(part, Component::Normal(_));
        assert!(Path::new(path).components().all(is_inside), "{path:?} leads out");
    }
    let again = Manifest::from_json(&manifest.to_json()).expect("what was written is read");
    assert_eq!(again, manifest);
    // Nobody here has the key: what verifies is what was signed.
    if manifest.verify(&[key.verifier()]).is_ok() {
        let signed = Manifest::from_json(text).expect("an honest manifest");
        assert_eq!(manifest.statement(), signed.statement());
    }
});
