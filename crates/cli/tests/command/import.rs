//! `wmark import`: the reference's files, judged and imported, and every kind of bad input.

use super::{Ran, Rig};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/golden");

fn rig() -> Rig {
    let rig = Rig::empty();
    rig.run(&["init", "log"]).exits(0);
    let path = rig.path("hmac.key");
    std::fs::write(&path, "golden-hmac-key-v1\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    rig
}

fn golden(file: &str) -> String {
    format!("{GOLDEN}/{file}")
}

fn import(rig: &Rig, file: &str, more: &[&str]) -> Ran {
    let args = ["import", "--from", "agt-jsonl", "--hmac-key-file", "hmac.key", "--json", file];
    rig.on_log(&[&args, more].concat())
}

fn root() -> String {
    let text = std::fs::read_to_string(golden("joint/log.json")).unwrap();
    let log: Value = serde_json::from_str(&text).unwrap();
    log["merkle_root"].as_str().unwrap().to_owned()
}

#[test]
fn the_log_holds_the_root_that_the_reference_computed() {
    let rig = rig();
    let file = golden("joint/audit.jsonl");
    let told = import(&rig, &file, &["--expect-root", &root()]).exits(0).document();
    assert_eq!((&told["valid"], &told["accepted"]), (&true.into(), &11.into()));
    assert_eq!((&told["reference_root"], &told["log_root"]), (&root().into(), &root().into()));
    let entries = rig.on_log(&["query", "--limit", "0", "--json"]).exits(0).lines();
    assert!(entries[0]["source"]["signature"].is_string(), "{}", entries[0]);
    rig.run(&["verify", "log"]).exits(0);
    let again = import(&rig, &file, &[]).exits(0).document();
    assert_eq!((&again["accepted"], &again["duplicates"]), (&0.into(), &11.into()));
    let other = "00".repeat(32);
    import(&rig, &file, &["--expect-root", &other, "--dry-run"]).exits(1);
}

#[test]
fn tampered_files_are_judged_and_not_imported() {
    let rig = rig();
    let expected: Value =
        serde_json::from_str(&std::fs::read_to_string(golden("filesink/expected.json")).unwrap())
            .unwrap();
    for (name, case) in expected.as_object().unwrap() {
        if name == "valid_empty_key" {
            continue;
        }
        let file = golden(&format!("filesink/{name}.jsonl"));
        let valid = case["upstream_valid"].as_bool().unwrap();
        let ran = import(&rig, &file, &["--dry-run"]).exits(i32::from(!valid));
        assert_eq!(ran.document()["valid"], valid, "{name}");
    }
    let anchor = import(&rig, &golden("filesink/valid_basic.jsonl"), &["--dry-run"]);
    let anchor = anchor.document()["files"][0]["anchor"].as_str().unwrap().to_owned();
    for (file, code) in
        [("valid_basic", 0), ("tamper_layout", 0), ("tamper_last", 1), ("tamper_unhashed", 1)]
    {
        let file = golden(&format!("filesink/{file}.jsonl"));
        import(&rig, &file, &["--dry-run", "--against", &anchor]).exits(code);
    }
    let bad = golden("filesink/tamper_action.jsonl");
    import(&rig, &bad, &[]).exits(1);
    assert_eq!(rig.on_log(&["query", "--count", "--json"]).document()["count"], 0);
    import(&rig, &bad, &["--allow-invalid", "--quarantine", "q"]).exits(0);
}

#[test]
fn what_is_no_json_is_quarantined_without_its_secrets() {
    let rig = rig();
    let text = std::fs::read_to_string(golden("entries.json")).unwrap();
    let cases: Value = serde_json::from_str(&text).unwrap();
    let lines: String =
        cases.as_array().unwrap().iter().map(|c| c["signed"]["line"].as_str().unwrap()).collect();
    // The line that is no JSON holds a token that nobody may find in the quarantine.
    let secret = format!("Bearer {}", "a1B2".repeat(8));
    let lines = lines.replace("[NaN,", &format!("[\"{secret}\", NaN,"));
    let resigned = "--allow-invalid";
    std::fs::write(rig.path("rich.jsonl"), lines).unwrap();
    let ran = import(&rig, "rich.jsonl", &[resigned]).exits(1);
    assert!(ran.err.contains("--quarantine"), "{}", ran.err);
    let told = import(&rig, "rich.jsonl", &["--quarantine", "q", resigned]).exits(0).document();
    assert_eq!((&told["rejected"], &told["valid"]), (&1.into(), &false.into()));
    let kept = std::fs::read_to_string(rig.path("q")).unwrap();
    assert!(kept.contains("\"line\":6,") && kept.contains("NaN,"), "{kept}");
    assert!(!kept.contains(&secret), "{kept}");
    let mode = std::fs::metadata(rig.path("q")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let data = rig.on_log(&["query", "--limit", "0", "--json"]).exits(0).out;
    assert!(data.contains("10000000000000000000000000000000000000000"), "{data}");
}

#[test]
fn keys_wrong_missing_or_open_are_12() {
    let rig = rig();
    let file = golden("joint/audit.jsonl");
    rig.on_log(&["import", "--from", "agt-jsonl", &file]).exits(12);
    std::fs::write(rig.path("hmac.key"), "another").unwrap();
    assert!(import(&rig, &file, &[]).exits(12).err.contains("no signature is of this key"));
    std::fs::write(rig.path("hmac.key"), "").unwrap();
    import(&rig, &file, &[]).exits(12);
    std::fs::set_permissions(rig.path("hmac.key"), std::fs::Permissions::from_mode(0o640)).unwrap();
    import(&rig, &file, &[]).exits(12);
}

#[test]
fn exports_and_events_of_the_reference_come_in_with_their_hashes() {
    let rig = rig();
    let (mut previous, mut entries, mut events) = (String::new(), Vec::new(), Vec::new());
    let text = std::fs::read_to_string(golden("entries.json")).unwrap();
    let cases: Value = serde_json::from_str(&text).unwrap();
    for case in cases
        .as_array()
        .unwrap()
        .iter()
        .filter(|case| case["name"] == "empty" || case["name"] == "text")
    {
        let mut entry = case.clone();
        let fields = entry.as_object_mut().unwrap();
        for key in ["name", "signed", "canonical", "roundtrips_through_json"] {
            fields.remove(key);
        }
        let time = fields.remove("timestamp_iso").unwrap();
        assert_eq!(fields["previous_hash"], previous.as_str());
        previous = fields["entry_hash"].as_str().unwrap().to_owned();
        let mut data = fields["data"].as_object().unwrap().clone();
        for key in ["action", "resource", "outcome"] {
            data.insert(key.into(), fields[key].clone());
        }
        events.push(serde_json::json!({
            "specversion": "1.0", "id": format!("e-{}", events.len()), "source": fields["agent_did"],
            "type": "ai.agentmesh.tool.invoked", "time": format!("{}Z", time.as_str().unwrap()),
            "agentmeshentryhash": fields["entry_hash"], "agentmeshprevioushash": fields["previous_hash"],
            "data": data,
        }));
        fields.insert("timestamp".into(), time);
        entries.push(entry);
    }
    for (event, entry) in events.iter_mut().zip(&entries) {
        event["id"] = entry["entry_id"].clone();
    }
    let document = serde_json::json!({ "merkle_root": "ab", "entries": entries });
    std::fs::write(rig.path("export.json"), document.to_string()).unwrap();
    let args = ["import", "--json", "--from", "agt-export", "export.json"];
    let told = rig.on_log(&args).exits(0).document();
    assert_eq!((&told["accepted"], &told["hash_mismatches"]), (&2.into(), &0.into()));
    assert_eq!(told["log_root"], told["reference_root"]);
    let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
    std::fs::write(rig.path("events"), lines).unwrap();
    std::fs::write(rig.path("batch"), Value::from(events).to_string()).unwrap();
    for file in ["events", "batch"] {
        let args = ["import", "--json", "--from", "cloudevents", "--dry-run", file];
        let told = rig.on_log(&args).exits(0).document();
        assert_eq!((&told["hash_mismatches"], &told["chain_breaks"]), (&0.into(), &0.into()));
        assert_eq!(told["files"][0]["entries"], 2);
    }
    let edited = document.to_string().replace("tool_invocation", "tool_blocked");
    std::fs::write(rig.path("export.json"), edited).unwrap();
    rig.on_log(&args).exits(1);
    std::fs::write(rig.path("export.json"), "{\"entries\":3}").unwrap();
    rig.on_log(&args).exits(1);
}
