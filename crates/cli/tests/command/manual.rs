//! docs/CLI.md against the program.

use super::{Rig, commands};

pub(super) fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/CLI.md");
    std::fs::read_to_string(path).unwrap()
}

/// The section of a command: from its heading to the next one.
pub(super) fn section(page: &str, command: &str) -> Option<String> {
    let heading = format!("### `wmark {command}");
    let begins = |line: &str| {
        let rest = line.strip_prefix(&heading);
        rest.is_some_and(|rest| rest.starts_with([' ', '`']))
    };
    let lines: Vec<&str> = page.lines().skip_while(|line| !begins(line)).collect();
    let (_, rest) = lines.split_first()?;
    Some(
        rest.iter()
            .take_while(|line| !line.starts_with('#'))
            .copied()
            .collect::<Vec<_>>()
            .join("\n"),
    )
}

#[test]
fn every_command_has_its_section() {
    let page = page();
    for command in commands(&Rig::empty()) {
        let section = section(&page, &command);
        assert!(section.is_some_and(|text| text.len() > 40), "docs/CLI.md lacks `wmark {command}`");
    }
    assert!(section(&page, "nonsense").is_none() && section(&page, "ver").is_none());
}

#[test]
fn every_section_is_a_command() {
    let known = commands(&Rig::empty());
    for line in page().lines().filter_map(|line| line.strip_prefix("### `wmark ")) {
        let name = line.split([' ', '`']).next().unwrap();
        assert!(known.iter().any(|command| command == name), "there is no `wmark {name}`");
    }
}

#[test]
fn the_keys_of_every_document_are_on_the_page() {
    let rig = Rig::small();
    let page = page();
    let root = rig.on_log(&["root"]).out;
    rig.on_log(&["prove", "1", "-o", "p.json"]).exits(0);
    rig.on_log(&["keygen", "--out", "k.key"]).exits(0);
    rig.on_log(&["checkpoint", "--key-file", "k.key", "-o", "c.note"]).exits(0);
    let key = rig.on_log(&["keygen", "--out", "other.key"]).exits(0).out;
    rig.on_log(&["checkpoint", "--key-file", "other.key", "-o", "d.note"]).exits(0);
    rig.on_log(&["export", "--format", "json", "-o", "e.json"]).exits(0);
    for args in [
        &["init", "other"][..],
        &["append", "--type", "t", "--agent", "a"],
        &["stats"],
        &["segments"],
        &["doctor", "--syncs", "1"],
        &["repair"],
        &["root"],
        &["keygen", "--out", "third.key"],
        &["checkpoint", "--key-file", "k.key"],
        &["prove", "1", "--bundle"],
        &["prove-consistency", "1", "--bundle"],
        &["prove-fork", "d.note", "d.note", "--key", key.trim()],
        &["prove", "1"],
        &["prove-consistency", "1", "2"],
        &["verify-proof", "p.json", "--root", root.trim()],
        &["verify"],
        &["export", "-o", "e.jsonl"],
        &["verify-export", "e.json"],
        &["report"],
        &["demo", "--entries", "600", "--dir", "d"],
        &["version"],
    ] {
        let section = section(&page, args[0]).unwrap();
        let document = rig.on_log(&[args, &["--json"]].concat()).exits(0).document();
        for key in document.as_object().unwrap().keys() {
            let is_there =
                section.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == key);
            assert!(is_there, "docs/CLI.md, wmark {}: the key {key} is missing", args[0]);
        }
    }
}
