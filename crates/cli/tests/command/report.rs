//! `wmark report`: forms, keys, exit codes, and what it must not claim.

use super::{Rig, alter};
use serde_json::Value;

/// The tutorial's document, key by key.
const TUTORIAL: [(&str, &[&str]); 4] = [
    ("", &["report_generated", "period_start", "period_end"]),
    (
        "/audit_trail",
        &[
            "total_entries",
            "events_by_type",
            "events_by_outcome",
            "chain_integrity_valid",
            "chain_integrity_error",
            "merkle_root",
        ],
    ),
    (
        "/owasp_asi_2026",
        &["passed", "controls_passed", "controls_total", "coverage_pct", "attestation_hash"],
    ),
    ("/supply_chain_integrity", &["passed"]),
];

#[test]
fn a_report_has_the_keys_of_the_tutorial_and_counts_everything() {
    let rig = Rig::small();
    let report = rig.on_log(&["report", "--json"]).exits(0).document();
    for (pointer, keys) in TUTORIAL {
        let object = report.pointer(pointer).and_then(Value::as_object).unwrap();
        for key in keys {
            assert!(object.contains_key(*key), "{pointer} lacks {key}");
        }
    }
    let trail = &report["audit_trail"];
    assert_eq!((&trail["total_entries"], &trail["denials"]["total"]), (&3.into(), &1.into()));
    assert_eq!(trail["events_by_outcome"], serde_json::json!({"success": 2, "denied": 1}));
    assert_eq!(trail["chain_integrity_valid"], true);
    assert!(trail["chain_integrity_error"].is_null());
    let root = rig.on_log(&["root", "--json"]).document();
    assert_eq!(
        (&trail["merkle_root"], &report["log"]["tree_size"]),
        (&root["root"], &root["size"])
    );
    assert!(report["supply_chain_integrity"]["passed"].is_null(), "no manifest, no claim");
}

#[test]
fn every_form_is_written_and_a_file_is_never_replaced_unasked() {
    let rig = Rig::small();
    let indented = rig.on_log(&["report"]).exits(0).out;
    assert!(indented.starts_with("{\n  \"schema\": \"wmark.report/1\""), "{indented}");
    let markdown = rig.on_log(&["report", "--format", "md"]).exits(0).out;
    assert!(markdown.starts_with("# Audit report: test.example/log\n"), "{markdown}");
    let args = ["report", "--format", "html", "-o", "r.html"];
    let ran = rig.on_log(&args).exits(0);
    assert!(ran.out.is_empty() && ran.err.contains("3 entries, 1 denials"), "{}", ran.err);
    let page = std::fs::read_to_string(rig.path("r.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    rig.on_log(&args).exits(2);
    let again = rig.on_log(&[&args[..], &["--force", "--json"]].concat()).exits(0).document();
    assert_eq!((&again["format"], &again["path"]), (&"html".into(), &"r.html".into()));
}

#[test]
fn a_period_holds_what_happened_in_it() {
    let rig = Rig::small();
    let args = ["--type", "t", "--agent", "old", "--timestamp", "2026-01-05T10:00:00Z"];
    rig.on_log(&[&["append"], &args[..]].concat()).exits(0);
    let total = |args: &[&str]| {
        let report = rig.on_log(&[&["report", "--json"], args].concat()).exits(0).document();
        report["audit_trail"]["total_entries"].as_u64().unwrap()
    };
    assert_eq!(total(&[]), 3);
    assert_eq!(total(&["--since", "2026-01-05", "--until", "2026-01-05"]), 1);
    assert_eq!(total(&["--since", "2026-01-06", "--until", "2026-01-06"]), 0);
    rig.on_log(&["report", "--since", "2026-01-06", "--until", "2026-01-05"]).exits(2);
    rig.on_log(&["report", "--since", "1900-01-01"]).exits(2);
    rig.on_log(&["report", "--days", "3", "--since", "7d"]).exits(2);
}

#[test]
fn a_log_that_was_altered_gets_a_report_that_says_so() {
    let rig = Rig::small();
    alter(&rig.path("log"), b"tool_blocked");
    let ran = rig.on_log(&["report", "--json"]).exits(1);
    let report = ran.document();
    assert_eq!(report["audit_trail"]["chain_integrity_valid"], false);
    assert!(!report["audit_trail"]["findings"].as_array().unwrap().is_empty());
    let clauses = report["clauses"].as_array().unwrap().iter();
    for clause in clauses.flat_map(|framework| framework["clauses"].as_array().unwrap()) {
        let shown_by = clause["shown_by"].as_array().unwrap();
        assert!(!shown_by.contains(&"chain_intact".into()), "{clause}");
    }
    let page = rig.on_log(&["report", "--format", "html"]).exits(1).out;
    assert!(page.contains("The log has been altered or damaged"));
    rig.run(&["-C", "nothing", "report"]).exits(10);
}

#[test]
fn controls_software_and_checkpoint_are_shown_when_they_are_given_and_not_before() {
    let rig = Rig::small();
    let part = |args: &[&str], pointer: &str| {
        let report = rig.on_log(&[&["report", "--json"], args].concat()).exits(0).document();
        report.pointer(pointer).unwrap().clone()
    };
    // The controls are judged by the log alone, too; then what nobody declared is not met.
    assert_eq!(part(&[], "/owasp_asi_2026/controls_total"), 10);
    assert_eq!(part(&[], "/owasp_asi_2026/passed"), false);
    assert!(part(&[], "/supply_chain_integrity/passed").is_null());
    std::fs::create_dir(rig.path("bin")).unwrap();
    std::fs::write(rig.path("bin/agent"), "released").unwrap();
    rig.run(&["integrity", "generate", "--root", "bin", "-o", "integrity.json"]).exits(0);
    let given = ["--manifest", "integrity.json"];
    assert_eq!(part(&given, "/supply_chain_integrity/passed"), true);
    std::fs::write(rig.path("bin/agent"), "another").unwrap();
    assert_eq!(part(&given, "/supply_chain_integrity/passed"), false);
    assert!(part(&given, "/supply_chain_integrity/problems/0").to_string().contains("agent"));
    rig.on_log(&["report", "--manifest", "nowhere.json"]).exits(3);
    rig.on_log(&["report", "--deployment", "nowhere.toml"]).exits(3);

    let out = ["--name", "test.example/log", "--out", "log.key"];
    let public = rig.run(&[&["keygen"], &out[..]].concat()).exits(0).out;
    let public = public.trim();
    rig.on_log(&["checkpoint", "--key-file", "log.key", "--out", "note"]).exits(0);
    rig.on_log(&["append", "--type", "t", "--agent", "a"]).exits(0);
    assert!(part(&[], "/checkpoint").is_null(), "no key, no claim");
    for args in [&["--key", public][..], &["--key", public, "--checkpoint", "note"]] {
        let checkpoint = part(args, "/checkpoint");
        assert_eq!((&checkpoint["valid"], &checkpoint["size"]), (&true.into(), &3.into()));
        assert_eq!(checkpoint["entries_after"], 1, "{checkpoint}");
    }
    rig.run(&["init", "other", "--origin", "test.example/log"]).exits(0);
    let args = ["-C", "other", "report", "--json", "--key", public, "--checkpoint", "note"];
    let other = rig.run(&args).document();
    assert_eq!(other["checkpoint"]["valid"], false, "{}", other["checkpoint"]);
}
