//! The auditor's verdicts as exit codes and documents, and the tour that shows them.

use super::{Rig, alter};

#[test]
fn a_healthy_log_is_intact_with_and_without_an_anchor() {
    let rig = Rig::small();
    let root = rig.on_log(&["root"]).out;
    let document = rig.run(&["verify", "log", "--json"]).exits(0).document();
    assert_eq!(document["schema"], "wmark.verify/1");
    assert_eq!(document["verdict"], "intact");
    assert_eq!((&document["entries"], &document["size"]), (&3.into(), &3.into()));
    assert!(root.starts_with(document["root"].as_str().unwrap()));
    for key in ["findings", "notes", "not_covered"] {
        assert!(document[key].is_array(), "{key}: {document}");
    }
    assert!(document["not_covered"].to_string().contains("anchor"), "{document}");
    let anchored = rig.run(&["verify", "log", "--against", root.trim(), "--json"]).exits(0);
    assert_eq!(anchored.document()["not_covered"], serde_json::json!([]));
    assert!(rig.on_log(&["verify"]).exits(0).out.ends_with("OK: intact\n"));
    let quiet = rig.on_log(&["verify", "-q", "--threads", "1"]).exits(0);
    assert!(quiet.out.is_empty() && quiet.err.is_empty());
}

#[test]
fn an_altered_entry_is_named() {
    let rig = Rig::small();
    alter(&rig.path("log"), b"did:b");
    let document = rig.run(&["verify", "log", "--json"]).exits(1).document();
    assert_eq!((&document["verdict"], &document["exit_code"]), (&"tampered".into(), &1.into()));
    let finding = &document["findings"][0];
    assert_eq!(finding["index"], 1);
    for key in ["cause", "file", "offset", "index", "wanted", "found"] {
        assert!(!finding[key].is_null(), "{key}: {finding}");
    }
    let shown = rig.run(&["verify", "log"]).exits(1).out;
    assert!(shown.contains("entry 1,") && shown.ends_with("TAMPERED\n"), "{shown}");
    assert!(rig.run(&["verify", "log", "-q"]).exits(1).out.is_empty());
}

#[test]
fn memory_can_be_bounded_but_not_below_what_an_audit_needs() {
    let rig = Rig::small();
    let free = rig.run(&["verify", "log", "--json"]).exits(0).document();
    let bound = rig.run(&["verify", "log", "--json", "--memory", "96MiB"]).exits(0).document();
    for key in ["verdict", "root", "entries", "bytes", "findings", "not_covered"] {
        assert_eq!(bound[key], free[key], "{key}");
    }
    let refused = rig.run(&["verify", "log", "--memory", "95MiB"]).exits(2).err;
    assert!(refused.contains("at least 96MiB"), "{refused}");
}

#[test]
fn another_history_does_not_pass_for_the_one_that_was_seen() {
    let rig = Rig::small();
    let size_two = rig.on_log(&["root", "--size", "2"]).exits(0).out;
    rig.run(&["verify", "log", "--against", size_two.trim()]).exits(0);
    let forged = size_two.trim().replace(['0', '1'], "f").replace("@f", "@2");
    rig.run(&["verify", "log", "--against", &forged]).exits(1);
    let longer = size_two.trim().replace("@2", "@9");
    let document = rig.run(&["verify", "log", "--against", &longer, "--json"]).exits(1).document();
    assert_eq!(document["findings"][0]["cause"], "truncated");
    // Files as anchors: what `wmark root` printed, either way.
    std::fs::write(rig.path("anchor"), &size_two).unwrap();
    std::fs::write(rig.path("anchor.json"), rig.on_log(&["root", "--json"]).out).unwrap();
    rig.run(&["verify", "log", "--against", "anchor"]).exits(0);
    rig.run(&["verify", "log", "--against", "anchor.json"]).exits(0);
    std::fs::write(rig.path("anchor"), "hello").unwrap();
    rig.run(&["verify", "log", "--against", "anchor"]).exits(2);
    rig.run(&["verify", "log", "--against", "nowhere"]).exits(2);
}

#[test]
fn what_is_no_log_gets_10_and_what_lost_its_identity_does_not() {
    let rig = Rig::small();
    rig.run(&["verify", "nowhere"]).exits(10);
    std::fs::create_dir(rig.path("hollow")).unwrap();
    rig.run(&["verify", "hollow"]).exits(10);
    std::fs::remove_file(rig.path("log/log.id")).unwrap();
    rig.run(&["verify", "log"]).exits(3);
}

#[test]
fn a_torn_tail_is_4_unless_that_is_allowed() {
    let rig = Rig::small();
    let log = witnessmark::AuditLog::open(rig.path("log")).unwrap();
    // Nothing vouches for the last group yet when the copy is made.
    let _ = log.append(witnessmark::Entry::new("t", "did:torn", "allow")).unwrap();
    std::fs::create_dir(rig.path("copy")).unwrap();
    for file in std::fs::read_dir(rig.path("log")).unwrap() {
        let file = file.unwrap();
        let content = std::fs::read(file.path()).unwrap();
        std::fs::write(rig.path("copy").join(file.file_name()), content).unwrap();
    }
    drop(log);
    alter(&rig.path("copy"), b"did:torn");
    let document = rig.run(&["verify", "copy", "--json"]).exits(4).document();
    assert_eq!(document["verdict"], "unverifiable");
    assert_eq!(document["findings"][0]["cause"], "torn_tail");
    rig.run(&["verify", "copy", "--allow-partial"]).exits(0);
}

#[test]
fn a_report_is_written_whole_and_not_over_another() {
    let rig = Rig::small();
    rig.run(&["verify", "log", "-q", "--report", "report.json"]).exits(0);
    let text = std::fs::read_to_string(rig.path("report.json")).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["verdict"], "intact");
    rig.run(&["verify", "log", "-q", "--report", "report.json"]).exits(2);
}

#[test]
fn the_demo_keeps_what_it_promises() {
    let rig = Rig::empty();
    let args = ["demo", "--entries", "1200", "--dir", "tour", "--json"];
    let document = rig.run(&args).exits(0).document();
    assert_eq!((&document["entries"], &document["size"]), (&1200.into(), &1200.into()));
    assert_eq!(
        (&document["proof_valid"], &document["verdict"]),
        (&true.into(), &"tampered".into())
    );
    assert_eq!(document["named_index"], document["altered_index"]);
    assert!(document["trace_agents"].as_u64().unwrap() >= 3);
    // Everything it said can be asked again.
    let ask = |args: &[&str]| {
        let args = [&["-C", "tour/log", "query", "--json", "--count"], args].concat();
        rig.run(&args).exits(0).document()["count"].clone()
    };
    assert_eq!(ask(&["--outcome", "denied"]), document["denied"]);
    assert_eq!(ask(&["--agent", document["agent"].as_str().unwrap()]), document["agent_entries"]);
    let anchor = format!("{}@1200", document["root"].as_str().unwrap());
    rig.run(&["verify", "tour/log", "--against", &anchor]).exits(0);
    // The forger mended every checksum, so that nothing but the hash tells.
    let audit = rig.run(&["verify", "tour/tampered-copy", "--json"]).exits(1).document();
    assert_eq!(audit["findings"][0]["cause"], "edited", "{audit}");
    assert_eq!(audit["findings"][0]["index"], document["altered_index"]);
    rig.run(&["verify-proof", "tour/proof.json", "--root", &anchor]).exits(0);
    rig.run(&args).exits(3);
    let shown = rig.run(&["demo", "--entries", "600", "--dir", "again"]).exits(0);
    for words in ["entries/s", "Verified OK", "TAMPERED", "again/log", "four-eyes"] {
        assert!(shown.out.contains(words), "{words}: {}", shown.out);
    }
}
