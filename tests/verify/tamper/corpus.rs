//! The corpus: every case as a directory, and what must be said of it, for verifiers that are other
//! programs. `WMARK_TAMPER_CORPUS=DIR cargo test --test verify corpus` writes it;
//! `tests/system/tamper_twin.sh` asks them.

use super::classes;
use super::matrix::{Bases, rounds, seed, write};
use std::fmt::Write as _;
use std::path::PathBuf;

/// A line of `expected.tsv`: directory, `ROOT@SIZE` or nothing, verifier key or nothing, status of
/// the auditor, cause or nothing, status of the second reader.
#[test]
fn the_corpus_is_written_where_it_is_asked_for() {
    let Some(dir) = std::env::var_os("WMARK_TAMPER_CORPUS").map(PathBuf::from) else {
        let bases = Bases::new();
        let scratch = tempfile::tempdir().unwrap();
        let case = bases.apply(&classes()[0], 1);
        write(&case, scratch.path());
        assert!(scratch.path().join("log.id").exists());
        return;
    };
    let (seed, bases) = (seed(), Bases::new());
    let mut expected = String::new();
    for class in classes() {
        for round in 0..rounds(1) {
            let case = bases.apply(&class, seed.wrapping_add(round));
            let name = format!("{}-{round}", class.name);
            write(&case, &dir.join(&name));
            let key = class.is_keyed.then(|| case.base.key.verifier().to_string());
            let key = key.unwrap_or_default();
            let anchor = format!("{}@{}", case.base.head.root, case.base.head.size);
            for (anchor, say) in [("", class.alone), (anchor.as_str(), class.anchored)] {
                let cause = match say {
                    super::case::Say::Found(cause) => cause.as_str(),
                    _ => "",
                };
                let twin = if anchor.is_empty() || class.alone == class.anchored {
                    class.twin_code(say)
                } else {
                    say.exit_code()
                };
                let code = say.exit_code();
                writeln!(expected, "{name}\t{anchor}\t{key}\t{code}\t{cause}\t{twin}").unwrap();
            }
        }
    }
    std::fs::write(dir.join("expected.tsv"), expected).unwrap();
}
