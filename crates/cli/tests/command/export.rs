//! `wmark export` and `wmark verify-export`: every format, every filter, every change found.

use super::{Ran, Rig};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;

impl Rig {
    fn anchor(&self) -> String {
        self.on_log(&["root"]).exits(0).out.trim().to_owned()
    }

    fn key(&self, name: &str, bytes: &[u8], mode: u32) {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn export(&self, format: &str, file: &str, more: &[&str]) -> Ran {
        let args = ["export", "--format", format, "-o", file, "--json", "--force"];
        self.on_log(&[&args, more].concat())
    }
}

#[test]
fn every_format_is_verified_without_the_log_and_every_edit_is_found() {
    let rig = Rig::small();
    rig.key("hmac.key", b"a key of ours\n", 0o600);
    let anchor = rig.anchor();
    for format in ["jsonl", "json", "csv", "cloudevents", "cloudevents-batch", "agt"] {
        let mut flags = vec!["--verifiable"];
        if format == "agt" {
            flags.extend(["--hmac-key-file", "hmac.key"]);
        }
        let told = rig.export(format, "out", &flags).exits(0).document();
        assert_eq!((&told["entries"], &told["format"]), (&3.into(), &format.into()));
        let check = |file: &str| rig.run(&["verify-export", file, "--against", &anchor, "--json"]);
        let verdict = check("out").exits(0).document();
        assert_eq!((&verdict["valid"], &verdict["complete"]), (&true.into(), &true.into()));
        assert_eq!((&verdict["entries"], &verdict["gaps"]), (&3.into(), &0.into()));
        let text = std::fs::read_to_string(rig.path("out")).unwrap();
        let edited = text.replacen("did:b", "did:c", 1);
        assert_ne!(text, edited, "{format}");
        std::fs::write(rig.path("out"), edited).unwrap();
        let verdict = check("out").exits(1).document();
        assert!(!verdict["findings"].as_array().unwrap().is_empty());
        std::fs::write(rig.path("out"), text + "\n{}").unwrap();
        check("out").exits(1);
        let _ = std::fs::remove_file(rig.path("out.proof.jsonl"));
    }
}

#[test]
fn a_slice_says_what_it_cannot_show_and_another_root_is_refused() {
    let rig = Rig::small();
    rig.export("json", "denied.json", &["--outcome", "denied"]).exits(0);
    let anchor = rig.anchor();
    let ran = rig.run(&["verify-export", "denied.json", "--against", &anchor, "--json"]).exits(0);
    let verdict = ran.document();
    assert_eq!((&verdict["left_out"], &verdict["query"]), (&2.into(), &"outcome=denied".into()));
    assert!(verdict["not_covered"].to_string().contains("is a claim"), "{verdict}");
    let other = format!("{}@3", "00".repeat(32));
    rig.run(&["verify-export", "denied.json", "--against", &other]).exits(1);
    let ran = rig.run(&["verify-export", "denied.json"]).exits(0);
    assert!(ran.out.contains("no anchor"), "{}", ran.out);
    let document: Value =
        serde_json::from_str(&std::fs::read_to_string(rig.path("denied.json")).unwrap()).unwrap();
    assert_eq!(document["metadata"]["size"], 3);
    // A slice in the middle is one without gaps.
    rig.export("json", "middle.json", &["--from", "1", "--to", "2"]).exits(0);
    let verdict = rig.run(&["verify-export", "middle.json", "--json"]).exits(0).document();
    assert_eq!((&verdict["first"], &verdict["last"]), (&1.into(), &1.into()));
}

#[test]
fn what_carries_no_proof_is_not_judged() {
    let rig = Rig::small();
    rig.export("jsonl", "plain", &[]).exits(0);
    let ran = rig.run(&["verify-export", "plain"]).exits(3);
    assert!(ran.err.contains("--verifiable"), "{}", ran.err);
    rig.run(&["verify-export", "nothing"]).exits(3);
    rig.on_log(&["export", "--format", "csv", "--verifiable"]).exits(2);
}

#[test]
fn keys_that_are_missing_empty_or_open_to_others_are_refused_with_12() {
    let rig = Rig::small();
    rig.key("open.key", b"k", 0o644);
    rig.key("empty.key", b"\n", 0o600);
    let with = |key: &str| rig.on_log(&["export", "--format", "agt", "--hmac-key-file", key]);
    assert!(with("open.key").exits(12).err.contains("chmod 600"));
    with("empty.key").exits(12);
    with("none.key").exits(12);
    with(".").exits(12);
    rig.on_log(&["export", "--format", "agt"]).exits(12);
}

#[test]
fn a_pipe_gets_documents_that_other_programs_read() {
    let rig = Rig::small();
    let batch = rig.on_log(&["export", "--format", "cloudevents-batch"]).exits(0).out;
    let events: Vec<Value> = serde_json::from_str(&batch).unwrap();
    assert_eq!(events.len(), 3);
    assert_eq!(events[1]["type"], "ai.agentmesh.tool.blocked");
    let document: Value =
        serde_json::from_str(&rig.on_log(&["export", "--format", "json"]).exits(0).out).unwrap();
    assert_eq!(document["entry_count"], 3);
    let csv = rig.on_log(&["export", "--format", "csv"]).exits(0).out;
    assert_eq!(csv.matches("\r\n").count(), 4);
}
