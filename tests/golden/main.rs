//! The twin of the reference, held against values that the reference itself gave.
//!
//! ```text
//! tests/fixtures/golden   made here, of the same kinds, always there
//! ../shared/golden        output of running the published package; skipped aloud when not there
//!     \--> one tally per file --> a table on stdout --> a case that fails fails the test
//! ```
//!
//! `WMARK_GOLDEN` names another directory; with `WMARK_GOLDEN_REQUIRED` set, none is a failure.
//! Where the tutorial's promise wins over what the reference does, the case asserts our documented
//! difference; the table counts those apart.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod api;
mod events;
mod files;
mod scalars;
mod trees;

use serde_json::Value;
use std::path::{Path, PathBuf};

/// The cases of one file.
struct Tally {
    file: &'static str,
    passed: usize,
    total: usize,
    /// Cases that no JSON program can receive.
    beyond_json: usize,
    /// Cases in which ours is another on purpose.
    different: usize,
    failures: Vec<String>,
}

impl Tally {
    fn new(file: &'static str) -> Self {
        Self { file, passed: 0, total: 0, beyond_json: 0, different: 0, failures: Vec::new() }
    }

    /// Counts one case; the failure is made only when it is one.
    fn case(&mut self, holds: bool, failure: impl FnOnce() -> String) {
        self.total += 1;
        if holds {
            self.passed += 1;
        } else if self.failures.len() < 5 {
            self.failures.push(failure());
        }
    }
}

/// A directory of golden files.
struct Golden(PathBuf);

impl Golden {
    fn text(&self, file: &str) -> String {
        let path = self.0.join(file);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    fn bytes(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.0.join(file)).unwrap()
    }

    fn json(&self, file: &str) -> Value {
        serde_json::from_str(&self.text(file)).unwrap()
    }
}

type Check = fn(&Golden) -> Tally;

const CHECKS: [Check; 9] = [
    scalars::floats,
    scalars::strings,
    scalars::times,
    scalars::entries,
    trees::chains,
    trees::adversarial,
    files::single,
    files::rotation,
    files::joint,
];

/// Files of which there are none of our own making.
const REFERENCE_CHECKS: [Check; 6] = [
    events::cloudevents,
    events::exports,
    events::queries,
    api::proofs,
    api::tampering,
    api::printed,
];

/// Files without cases of their own, and why.
const BESIDE: [(&str, &str); 2] = [
    ("environment.json", "says which versions made the files"),
    ("api_export_cloudevents.json", "compared in the row of api_export.json"),
];

/// Golden files that no row of the table looks at; lines and logs belong to the row of their folder.
fn left_out(directory: &Path, rows: &str) -> Vec<String> {
    let mut left_out = Vec::new();
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(directory).unwrap().display().to_string();
            let looked_at =
                |name: &str| rows.lines().any(|row| row.starts_with(&format!("{name} ")));
            let parent = name.rsplit_once('/').map_or("", |(folder, _)| folder);
            let is_lines = name.ends_with(".jsonl")
                && rows.lines().any(|row| row.starts_with(&format!("{parent}/")));
            if path.is_dir() {
                folders.push(path);
            } else if !is_lines && !looked_at(&name) && !BESIDE.iter().any(|b| b.0 == name) {
                left_out.push(name);
            }
        }
    }
    left_out
}

/// The table, and what failed.
fn run(directory: &Path, checks: &[Check]) -> (String, Vec<String>) {
    let golden = Golden(directory.to_owned());
    let mut table = format!("golden files in {}\n", directory.display());
    let row = |file: &str, counts: [&dyn std::fmt::Display; 4]| {
        let [passed, total, different, beyond] = counts;
        format!("{file:<34} {passed:>6} {total:>6} {different:>9} {beyond:>11}\n")
    };
    table += &row("file", [&"passed", &"cases", &"different", &"beyond JSON"]);
    let mut failures = Vec::new();
    let (mut passed, mut total) = (0, 0);
    for check in checks {
        let tally = check(&golden);
        table +=
            &row(tally.file, [&tally.passed, &tally.total, &tally.different, &tally.beyond_json]);
        if tally.total == 0 {
            failures.push(format!("{} holds no case", tally.file));
        }
        passed += tally.passed;
        total += tally.total;
        failures.extend(tally.failures.iter().map(|failure| format!("{}: {failure}", tally.file)));
    }
    table += &row("all", [&passed, &total, &"", &""]);
    assert_eq!(passed == total, failures.is_empty(), "{table}");
    (table, failures)
}

#[test]
fn our_own_fixtures_are_reproduced() {
    let (table, failures) =
        run(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden"), &CHECKS);
    println!("{table}");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn everything_the_reference_gave_is_reproduced() {
    let named = std::env::var_os("WMARK_GOLDEN").map(PathBuf::from);
    let beside = || {
        let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().skip(1);
        above.map(|d| d.join("shared/golden/agentmesh-3.7.0")).find(|path| path.is_dir())
    };
    let Some(directory) = named.or_else(beside) else {
        let is_required = std::env::var_os("WMARK_GOLDEN_REQUIRED").is_some();
        assert!(!is_required, "WMARK_GOLDEN_REQUIRED is set and no golden files are there");
        println!("SKIPPED: no golden files of the reference; WMARK_GOLDEN names their directory");
        return;
    };
    let (table, failures) = run(&directory, &[&CHECKS[..], &REFERENCE_CHECKS].concat());
    println!("{table}");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(left_out(&directory, &table), Vec::<String>::new(), "files that no row looks at");
}
