//! `wmark compliance` and `wmark integrity`: shapes, codes, and that failures give nothing away.

use super::manual::{page, section};
use super::{Ran, Rig, alter};
use serde_json::Value;

/// The example that the repository ships.
pub(super) const EXAMPLE: &str = include_str!("../../../../examples/deployment.toml");

/// A log whose entries meet all ten controls of the example, and what it declares.
pub(super) fn good() -> Rig {
    let rig = Rig::empty();
    rig.run(&["init", "log", "--origin", "acme.example/agents"]).exits(0);
    let entry = |flags: &[&str]| {
        let version = ["append", "--set", "policy_version=2026-11"];
        rig.on_log(&[&version, flags].concat()).exits(0);
    };
    let sales = ["--agent", "did:web:sales.example.com"];
    let tool = ["--type", "tool_invocation", "--action", "allow", "--resource"];
    let look = ["/crm/x", "--data", "{\"tool\":\"crm_lookup\"}", "--rule", "crm-read"];
    entry(&[&sales[..], &tool, &look].concat());
    let blocked = ["--type", "tool_blocked", "--action", "deny", "--outcome", "denied"];
    entry(&[&sales[..], &blocked, &["--resource", "/payroll", "--rule", "no-payroll"]].concat());
    let coder = ["--agent", "did:web:coder.example.com"];
    let deploy = ["/deploy/prod", "--data", "{\"tool\":\"deploy\"}", "--rule", "deploy-approved"];
    let approved = ["--set", "approver_did=did:web:alice.example.com"];
    entry(&[&coder[..], &tool, &deploy, &approved].concat());
    let hand = ["--type", "agent_invocation", "--action", "allow", "--target"];
    entry(&[&sales[..], &hand, &["did:web:coder.example.com"]].concat());
    let watch = ["--type", "rogue_detection", "--action", "audit", "--agent"];
    entry(&[&watch[..], &["did:web:watch.example.com"]].concat());
    std::fs::write(rig.path("deployment.toml"), EXAMPLE).unwrap();
    std::fs::create_dir(rig.path("policies")).unwrap();
    std::fs::write(rig.path("policies/agents.yaml"), "deny: all").unwrap();
    rig.run(&["integrity", "generate", "-o", "integrity.json", "--root", "policies"]).exits(0);
    rig
}

/// A key pair: `gate.key` with the secret, and the verifier key.
fn keygen(rig: &Rig) -> String {
    let args = ["keygen", "--name", "acme.example/gate", "--out", "gate.key"];
    rig.run(&args).exits(0).out.trim().to_owned()
}

fn has_keys(value: &Value, keys: &str) {
    for key in keys.split_whitespace() {
        assert!(value.get(key).is_some(), "{key} is missing in {value}");
    }
}

#[test]
fn the_example_deployment_and_good_evidence_give_ten_of_ten() {
    let rig = good();
    let ran = rig.on_log(&["compliance", "verify"]).exits(0);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines[0], "OWASP ASI 2026 Governance Verification");
    assert_eq!(lines[1], "=======================================");
    assert!(lines[2].starts_with("✅ ASI-01  Prompt Injection          PolicyInterceptor"));
    assert!(lines[11].starts_with("✅ ASI-10  Behavioral Anomaly        ComplianceEngine"));
    assert_eq!(*lines.last().unwrap(), "Coverage: 10/10 (100%)");
    let document = rig.on_log(&["compliance", "verify", "--json"]).exits(0).document();
    has_keys(
        &document,
        "schema mode strict passed coverage_pct controls_passed controls_total toolkit_version \
         python_version platform verified_at attestation_hash evidence_source controls \
         evidence_checks failures",
    );
    assert_eq!(document["log"]["origin"], "acme.example/agents");
    let root = rig.on_log(&["root", "--json"]).exits(0).document();
    assert_eq!(
        (&document["log"]["root"], &document["log"]["size"]),
        (&root["root"], &root["size"])
    );
    let badge = "[![OWASP ASI 2026](https://img.shields.io/badge/OWASP%20ASI%202026-10%2F10-\
                 brightgreen)](https://owaspai.org/asi/)\n";
    assert_eq!(rig.on_log(&["compliance", "verify", "--badge"]).exits(0).out, badge);
    assert_eq!(rig.on_log(&["compliance", "badge"]).exits(0).out, badge);
    // --json wins over --badge, as in the reference.
    let both = rig.on_log(&["compliance", "verify", "--badge", "--json"]).exits(0).document();
    assert_eq!(both["attestation_hash"], document["attestation_hash"]);
}

#[test]
fn a_missing_control_gives_1_and_names_the_entries() {
    let rig = good();
    let call = ["append", "--type", "tool_invocation", "--agent", "did:web:sales.example.com"];
    rig.on_log(&call).exits(0);
    let document = rig.on_log(&["compliance", "verify", "--json"]).exits(1).document();
    assert_eq!(
        (&document["passed"], &document["controls"][1]["state"]),
        (&false.into(), &"not_met".into())
    );
    let checks = document["evidence_checks"].as_array().unwrap();
    let known = checks.iter().find(|check| check["id"] == "ASI-02.known").unwrap();
    assert_eq!((&known["status"], &known["entries"][0]["index"]), (&"fail".into(), &5.into()));
    let text = rig.on_log(&["compliance", "verify"]).exits(1).out;
    assert!(text.contains("❌ ASI-02  Insecure Tool Use"), "{text}");
    assert!(!rig.on_log(&["compliance", "badge"]).exits(0).out.contains("green"));
    // Without a declaration nothing is evaluated but the log itself.
    std::fs::remove_file(rig.path("deployment.toml")).unwrap();
    let bare = rig.on_log(&["compliance", "verify", "--json"]).exits(1).document();
    assert_eq!(bare["controls_passed"], 1);
}

#[test]
fn a_log_that_was_altered_never_gets_a_green_badge() {
    let rig = good();
    alter(&rig.path("log"), b"/payroll");
    let document = rig.on_log(&["compliance", "verify", "--json"]).exits(1).document();
    assert_eq!(
        (&document["log"]["verdict"], &document["passed"]),
        (&"tampered".into(), &false.into())
    );
    assert_eq!(
        (&document["controls"][5]["state"], &document["controls_passed"]),
        (&"not_met".into(), &0.into())
    );
    assert!(!rig.on_log(&["compliance", "badge"]).out.contains("green"));
}

#[test]
fn an_attestation_is_signed_and_its_badge_is_reproducible_without_the_log() {
    let rig = good();
    let key = keygen(&rig);
    let attest = ["compliance", "attest", "-o", "a.json", "--key-file", "gate.key", "--json"];
    let written = rig.on_log(&attest).exits(0).document();
    has_keys(&written, "schema path passed attestation_hash size root signer");
    let from = ["compliance", "badge", "--from", "a.json", "--key", &key];
    let badge = rig.run(&from).exits(0).out;
    assert!(badge.contains("10%2F10-brightgreen"), "{badge}");
    let verify = ["compliance", "verify", "--json", "--from", "a.json", "--key", &key];
    let back = rig.run(&verify).exits(0).document();
    assert_eq!(back["attestation_hash"], written["attestation_hash"]);
    let text = std::fs::read_to_string(rig.path("a.json")).unwrap();
    std::fs::write(rig.path("a.json"), text.replace("acme-agents", "other")).unwrap();
    rig.run(&from).exits(1);
    std::fs::write(rig.path("a.json"), text.replace("\"signature\":\"", "\"signature\":\"x"))
        .unwrap();
    assert_ne!(rig.run(&from).code, 0);
}

/// What `compliance verify` says about one check, and its exit code.
fn check(rig: &Rig, id: &str, more: &[&str], code: i32) -> Value {
    let document = rig.on_log(&[&["compliance", "verify", "--json"], more].concat()).exits(code);
    let document = document.document();
    let checks = document["evidence_checks"].as_array().unwrap();
    checks.iter().find(|check| check["id"] == id).expect("the check").clone()
}

/// The example with more in its `[logging]` table.
fn declare(rig: &Rig, more: &str) {
    let text = EXAMPLE.replace("max_idle_hours = 24", &format!("max_idle_hours = 24\n{more}"));
    std::fs::write(rig.path("deployment.toml"), text).unwrap();
}

#[test]
fn a_declared_key_asks_for_a_checkpoint_the_given_one_or_the_recorded_one() {
    let rig = good();
    let key = rig.on_log(&["keygen", "--out", "log.key"]).exits(0).out;
    let sign = |note: &str| {
        rig.on_log(&["checkpoint", "--key-file", "log.key", "--out", note]).exits(0);
    };
    let judged = |more: &[&str], code| check(&rig, "ASI-06.checkpoint", more, code);
    declare(&rig, &format!("verifier_key = \"{}\"", key.trim()));
    assert_eq!(judged(&[], 1)["state"], "not_evaluated");
    sign("first.note");
    // The log's own history is asked: nothing has to be named.
    assert_eq!(judged(&[], 0)["observed"], serde_json::json!({"size": 5, "entries_after": 0}));
    let watch = ["append", "--type", "rogue_detection", "--action", "audit", "--agent"];
    rig.on_log(&[&watch[..], &["did:web:watch.example.com"]].concat()).exits(0);
    assert_eq!(judged(&[], 0)["observed"]["entries_after"], 1);
    sign("second.note");
    assert_eq!(judged(&[], 0)["observed"]["size"], 6);
    let given = judged(&["--checkpoint", "first.note"], 0);
    assert_eq!((&given["observed"]["size"], &given["state"]), (&5.into(), &"met".into()));
    // A signature that is not what it says, and a checkpoint that the log does not keep.
    let note = std::fs::read_to_string(rig.path("first.note")).unwrap();
    let wrong = note.replace("\n5\n", "\n4\n");
    std::fs::write(rig.path("wrong.note"), wrong).unwrap();
    assert_eq!(judged(&["--checkpoint", "wrong.note"], 1)["state"], "not_met");
    rig.run(&["init", "other", "--origin", "acme.example/agents"]).exits(0);
    let elsewhere = ["-C", "other", "checkpoint", "--key-file", "log.key", "--out", "other.note"];
    rig.run(&["-C", "other", "append", "--type", "t", "--agent", "did:a"]).exits(0);
    rig.run(&elsewhere).exits(0);
    assert_eq!(judged(&["--checkpoint", "other.note"], 1)["state"], "not_met");
    std::fs::write(rig.path("junk.note"), "junk").unwrap();
    let junk = ["compliance", "verify", "--checkpoint", "junk.note"];
    assert_ne!(rig.on_log(&junk).code, 0);
    // A history that holds only what somebody else signed holds nothing by the declared key.
    let other = rig.run(&["keygen", "--name", "b.example", "--out", "b.key"]).exits(0).out;
    declare(&rig, &format!("verifier_key = \"{}\"", other.trim()));
    assert_eq!(judged(&[], 1)["state"], "not_evaluated");
}

#[test]
fn a_declared_copy_may_lag_as_far_as_it_is_declared() {
    let rig = good();
    let judged = |code| check(&rig, "ASI-06.copies", &[], code)["state"].clone();
    declare(&rig, "[[sinks]]\nname = \"archive\"\nmax_lag = 1");
    assert_eq!(judged(1), "not_evaluated");
    std::fs::write(rig.path("key"), "secret").unwrap();
    let owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(rig.path("key"), owner).unwrap();
    let add = ["sink", "add", "archive", "--file", "out/a.jsonl", "--key-file", "key"];
    rig.on_log(&add).exits(0);
    assert_eq!(judged(1), "not_met");
    rig.on_log(&["sink", "run", "--once"]).exits(0);
    assert_eq!(judged(0), "met");
    let watch = ["append", "--type", "rogue_detection", "--action", "audit", "--agent"];
    for (lag, code) in [("met", 0), ("not_met", 1)] {
        rig.on_log(&[&watch[..], &["did:web:watch.example.com"]].concat()).exits(0);
        assert_eq!(judged(code), lag);
    }
}

/// Every way a compliance command can fail under --json: one line, three keys, nothing else.
fn sanitised(ran: Ran) -> Value {
    assert_ne!(ran.code, 0);
    let document = ran.document();
    let keys: Vec<&String> = document.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["message", "status", "type"]);
    assert_eq!(document["status"], "error");
    let all = format!("{}{}", ran.out, ran.err);
    for leak in ["/", "secret", ".toml", ".json", "No such file", "unknown field"] {
        assert!(!all.contains(leak), "{leak} in {all}");
    }
    document
}

#[test]
fn failures_under_json_give_no_path_and_no_detail_away() {
    let rig = good();
    let text = |name: &str, text: &str| std::fs::write(rig.path(name), text).unwrap();
    text("secret.toml", "schema = \"wmark.deployment/1\"\nsecret_key = 1");
    text("secret.json", "{\"secret\":");
    for args in [
        &["-C", "secret-log", "compliance", "verify"][..],
        &["-C", "log", "compliance", "verify", "--deployment", "secret-gone.toml"],
        &["-C", "log", "compliance", "verify", "--deployment", "secret.toml"],
        &["compliance", "badge", "--from", "secret.json"],
        &["compliance", "verify", "--from", "secret-gone.json"],
        &["-C", "log", "compliance", "attest", "--key-file", "secret-gone.key"],
        &["integrity", "check", "secret.json"],
        &["integrity", "check", "secret-gone.json"],
        &["integrity", "generate", "--root", "secret-gone"],
        &["integrity", "generate", "--function", "secret.json:f"],
        &["compliance", "integrity", "--manifest", "secret.json"],
    ] {
        let document = sanitised(rig.run(&[args, &["--json"]].concat()));
        assert_eq!(document["type"], "ValidationError", "{args:?}");
    }
    // What is not one of the known kinds is told as the tutorial has it.
    std::fs::create_dir(rig.path("secret-dir")).unwrap();
    let internal = sanitised(rig.run(&["compliance", "badge", "--from", "secret-dir", "--json"]));
    assert_eq!(internal["message"], "Audit log processing failed");
    assert_eq!(internal["type"], "InternalError");
    // Whoever looks for the reason finds it, on stderr.
    let mut command = rig.command(&["-C", "secret-log", "compliance", "verify", "--json"]);
    let told = super::finished(command.env("WMARK_DEBUG", "1").output().unwrap());
    assert!(told.err.contains("secret-log") && !told.out.contains("secret-log"), "{}", told.err);
    // People are told the reason at once, and the key that is not known by name.
    let args = ["compliance", "verify", "--deployment", "secret.toml"];
    assert!(rig.on_log(&args).exits(2).err.contains("secret_key"));
}

#[test]
fn a_manifest_is_checked_signed_and_never_passes_when_it_is_not_there() {
    let rig = good();
    let key = keygen(&rig);
    let make =
        ["integrity", "generate", "-o", "m.json", "--root", "policies", "--key-file", "gate.key"];
    let written = rig.run(&[&make[..], &["--json"]].concat()).exits(0).document();
    assert_eq!((&written["status"], &written["files"]), (&"ok".into(), &1.into()));
    let check = ["integrity", "check", "m.json", "--key", &key, "--json"];
    let passed = rig.run(&check).exits(0).document();
    has_keys(
        &passed,
        "passed verified_at manifest_path modules_checked modules_missing file_results \
         function_results",
    );
    has_keys(&passed["file_results"][0], "module file expected actual passed error");
    assert_eq!((&passed["passed"], &passed["modules_checked"]), (&true.into(), &1.into()));
    let text = rig.run(&["integrity", "check", "m.json"]).exits(0).out;
    assert!(text.starts_with("Integrity Verification — PASSED ✅"), "{text}");
    std::fs::write(rig.path("policies/agents.yaml"), "allow: all").unwrap();
    let failed = rig.run(&check).exits(1).document();
    assert_eq!(failed["file_results"][0]["error"], "hash mismatch");
    std::fs::remove_file(rig.path("policies/agents.yaml")).unwrap();
    let missing = rig.run(&check).exits(1).document();
    assert_eq!(missing["modules_missing"][0], "policies/agents.yaml");
    rig.run(&["integrity", "check", "integrity.json", "--key", &key]).exits(1);
    rig.run(&["integrity", "check", "gone.json"]).exits(3);
    let nothing = rig.run(&["compliance", "integrity", "--json"]).exits(3).document();
    assert_eq!((&nothing["passed"], &nothing["status"]), (&false.into(), &"not_evaluated".into()));
    let spelled = ["compliance", "integrity", "--generate", "n.json", "--root", "policies"];
    rig.run(&spelled).exits(0);
    rig.run(&["compliance", "integrity", "--manifest", "n.json"]).exits(3);
    let both = ["compliance", "integrity", "--generate", "x", "--manifest", "n.json"];
    rig.run(&both).exits(2);
    let hostile = std::fs::read_to_string(rig.path("m.json")).unwrap();
    let hostile = hostile.replace("policies/agents.yaml", "policies/../../etc/passwd");
    std::fs::write(rig.path("h.json"), hostile).unwrap();
    rig.run(&["integrity", "check", "h.json"]).exits(3);
}

#[test]
fn a_function_of_the_command_itself_is_listed_and_found_patched() {
    let rig = Rig::empty();
    std::fs::create_dir(rig.path("bin")).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_wmark"), rig.path("bin/wmark")).unwrap();
    let make = ["integrity", "generate", "-o", "m.json", "--function", "bin/wmark:main"];
    rig.run(&make).exits(0);
    rig.run(&["integrity", "check", "m.json"]).exits(0);
    let gone = ["integrity", "generate", "--function", "bin/wmark:no::such::function"];
    rig.run(&gone).exits(3);
    std::fs::write(rig.path("bin/script"), "#!/bin/sh\n").unwrap();
    rig.run(&["integrity", "generate", "--function", "bin/script:main"]).exits(3);
    // Without its section headers an executable still runs, and names no function.
    let mut stripped = std::fs::read(rig.path("bin/wmark")).unwrap();
    stripped[0x28..0x30].fill(0);
    stripped[0x3a..0x40].fill(0);
    std::fs::write(rig.path("bin/stripped"), &stripped).unwrap();
    let nameless = ["integrity", "generate", "--function", "bin/stripped:main"];
    let told = rig.run(&nameless).exits(3);
    assert!(told.err.contains("bin/stripped") && told.err.contains("symbol"), "{}", told.err);
    std::fs::write(rig.path("bin/wmark"), stripped).unwrap();
    let failed = rig.run(&["integrity", "check", "m.json", "--json"]).exits(1).document();
    assert_eq!(failed["function_results"][0]["passed"], false);
    std::fs::copy(rig.path("bin/script"), rig.path("bin/wmark")).unwrap();
    let failed = rig.run(&["integrity", "check", "m.json", "--json"]).exits(1).document();
    assert_eq!(failed["function_results"][0]["passed"], false);
}

#[test]
fn the_keys_of_their_documents_are_on_the_page() {
    let rig = good();
    keygen(&rig);
    let page = page();
    for args in [
        &["compliance", "verify"][..],
        &["compliance", "badge"],
        &["compliance", "attest", "-o", "a.json", "--key-file", "gate.key"],
        &["integrity", "generate", "-o", "m.json", "--root", "policies"],
        &["integrity", "check", "integrity.json"],
    ] {
        let section = section(&page, args[0]).unwrap();
        let document = rig.on_log(&[args, &["--json"]].concat()).exits(0).document();
        for key in document.as_object().unwrap().keys() {
            let is_there =
                section.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == key);
            assert!(is_there, "docs/CLI.md, wmark {}: the key {key} is missing", args[0]);
        }
    }
}
