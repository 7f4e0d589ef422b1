//! `wmark ingest`: other people's files, bad records, going on after a cut.

use super::{Ran, Rig, finished};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

const FLEET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/fleet_small.jsonl");

fn empty_log() -> Rig {
    let rig = Rig::empty();
    rig.run(&["init", "log"]).exits(0);
    rig
}

fn line(number: usize) -> String {
    let fields = "\"event_type\":\"t\",\"agent_did\":\"did:a\",\"action\":\"allow\"";
    format!("{{{fields},\"data\":{{\"n\":{number}.0}}}}\n")
}

impl Rig {
    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn ingest(&self, text: &[u8], flags: &[&str]) -> Ran {
        std::fs::write(self.path("input"), text).unwrap();
        let head = ["ingest", "input"];
        self.on_log(&head.iter().chain(flags).copied().collect::<Vec<_>>())
    }

    fn entries(&self) -> Vec<Value> {
        self.on_log(&["query", "--limit", "0", "--json"]).exits(0).lines()
    }
}

#[test]
fn a_fleet_goes_in_and_comes_out_and_again_is_known() {
    let rig = empty_log();
    let summary = rig.on_log(&["ingest", FLEET, "--json"]).exits(0).document();
    assert_eq!((&summary["accepted"], &summary["rejected"]), (&200.into(), &0.into()));
    let given = std::fs::read_to_string(FLEET).unwrap();
    let entries = rig.entries();
    assert_eq!(entries.len(), 200);
    for (line, entry) in given.lines().zip(&entries) {
        let record: Value = serde_json::from_str(line).unwrap();
        for key in ["entry_id", "agent_did", "event_type", "action", "data", "trace_id"] {
            assert_eq!(record[key], entry[key], "{key} of {line}");
        }
        assert_ne!(record["entry_hash"], entry["entry_hash"]);
    }
    rig.run(&["verify", "log"]).exits(0);
    let again = rig.on_log(&["ingest", FLEET, "--json"]).exits(0).document();
    assert_eq!((&again["accepted"], &again["duplicates"]), (&0.into(), &200.into()));
    assert_eq!(rig.entries().len(), 200);
}

#[test]
fn trails_with_other_names_are_mapped() {
    let rig = empty_log();
    let trail = r#"[
  {
    "agent_id": "payer", "tool": "transfer", "role": "clerk", "amount": 500.0,
    "event_type": "ALLOWED", "decision": "allowed", "timestamp": "2026-03-01T10:59:34.901929"
  },
  {
    "agent_id": "payer", "checkpoint": "cp-2", "call_count": 2,
    "event_type": "CHECKPOINT", "timestamp": "2026-03-01T10:59:34.902414"
  }
]
"#;
    let map = ["--map", "agent_did=agent_id,action=decision,resource=tool"];
    let flags = [map[0], map[1], "--default", "action=audit"];
    rig.ingest(trail.as_bytes(), &flags).exits(0);
    let entries = rig.entries();
    assert_eq!(entries[0]["agent_did"], "payer");
    assert_eq!(entries[0]["resource"], "transfer");
    assert_eq!(entries[0]["data"], serde_json::json!({"role": "clerk", "amount": 500.0}));
    assert_eq!(
        (&entries[0]["action"], &entries[1]["action"]),
        (&"allowed".into(), &"audit".into())
    );
    let found = rig.on_log(&["query", "--count", "--json", "--since", "2026-03-01T10:59:34.902Z"]);
    assert_eq!(found.exits(0).document()["count"], 1);
    let wrong = rig.ingest(trail.as_bytes(), &["--map", "agnt_did=agent_id"]).exits(2);
    assert!(wrong.err.contains("did you mean agent_did?"), "{}", wrong.err);
}

#[test]
fn a_bad_record_stops_with_its_line_and_what_came_before_is_durable() {
    let rig = empty_log();
    let input = format!("{}{}\n{{\"a\":\n{}", line(0), line(1).trim(), line(2));
    let ran = rig.ingest(input.as_bytes(), &[]).exits(1);
    assert!(ran.err.contains("line 3: ") && ran.err.contains("through index 1"), "{}", ran.err);
    assert_eq!(rig.entries().len(), 2);
}

#[test]
fn quarantine_keeps_every_bad_record_to_itself() {
    let rig = empty_log();
    rig.write("bad.jsonl", "");
    let mut input = line(0).into_bytes();
    input.extend_from_slice(b"{\"a\":1,\"a\":2}\n\xff\xfe\n");
    input.extend_from_slice(line(1).as_bytes());
    input.extend_from_slice(b"{\"cut");
    let ran = rig.ingest(&input, &["--quarantine", "bad.jsonl", "--ack"]).exits(0);
    let told: Vec<_> = ran
        .lines()
        .iter()
        .map(|line| (line["type"].as_str().unwrap().to_owned(), line["line"].as_u64()))
        .collect();
    let wanted = [("ack", 1), ("reject", 2), ("reject", 3), ("ack", 4), ("reject", 5)];
    let wanted = wanted.map(|(kind, line)| (kind.to_owned(), Some(line)));
    assert_eq!(told[..5], wanted);
    assert_eq!(told[5], ("summary".to_owned(), None));
    let mode = std::fs::metadata(rig.path("bad.jsonl")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let kept = std::fs::read_to_string(rig.path("bad.jsonl")).unwrap();
    let kept: Vec<Value> = kept.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (&kept[0]["kind"], &kept[0]["text"]),
        (&"duplicate_key".into(), &"{\"a\":1,\"a\":2}".into())
    );
    assert_eq!((&kept[1]["kind"], &kept[1]["hex"]), (&"encoding".into(), &"fffe".into()));
    assert_eq!(
        (&kept[2]["kind"], &kept[2]["offset"]),
        (&"truncated".into(), &(input.len() - 5).into())
    );
}

#[test]
fn resuming_takes_up_a_file_that_grew_and_refuses_one_that_changed() {
    let rig = empty_log();
    let whole: String = (0..20).map(line).collect();
    let cut = whole.len() / 2;
    rig.ingest(&whole.as_bytes()[..cut], &[]).exits(1);
    let before = rig.entries().len();
    assert!(0 < before && before < 20);
    let summary = rig.ingest(whole.as_bytes(), &["--resume", "--json"]).exits(0).document();
    assert_eq!(summary["resumed_after_line"], before);
    let data: Vec<_> = rig.entries().iter().map(|entry| entry["data"]["n"].clone()).collect();
    assert_eq!(data, (0..20).map(|n| Value::from(f64::from(n))).collect::<Vec<_>>());
    let nothing = rig.ingest(whole.as_bytes(), &["--resume", "--json"]).exits(0).document();
    assert_eq!(nothing["accepted"], 0);
    let other = whole.replacen("did:a", "did:b", 1);
    let ran = rig.ingest(other.as_bytes(), &["--resume"]).exits(1);
    assert!(ran.err.contains("changed before the place"), "{}", ran.err);
    rig.on_log(&["ingest", "-", "--resume"]).exits(2);
}

#[test]
fn a_slow_producer_is_answered_line_by_line() {
    let rig = empty_log();
    let mut command = rig.command(&["-C", "log", "ingest", "--ack"]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut output = BufReader::new(output);
    for number in 0..3u64 {
        input.write_all(line(0).as_bytes()).unwrap();
        let mut text = String::new();
        output.read_line(&mut text).unwrap();
        let ack: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&ack["type"], &ack["line"]), (&"ack".into(), &(number + 1).into()));
        assert_eq!((&ack["index"], &ack["durable"]), (&number.into(), &true.into()));
        assert_eq!(ack["entry_hash"].as_str().unwrap().len(), 64);
        assert!(ack.get("duplicate").is_none());
    }
    // A bad line ends it although more could still come.
    input.write_all(b"oops\n").unwrap();
    let mut rest = String::new();
    while output.read_line(&mut rest).unwrap() > 0 {}
    assert!(rest.contains("\"type\":\"reject\"") && rest.contains("\"complete\":false"), "{rest}");
    assert_eq!(finished(child.wait_with_output().unwrap()).code, 1);
    drop(input);
}

#[test]
fn secrets_reach_no_file_in_any_mode() {
    const KEY: &str = "0123456789abcdef0123456789abcdef\n";
    const SECRETS: [&str; 4] =
        ["hunter2-77", "ghp_0123456789abcdefghijABCDEFGHIJ012345", "s3cr3t-pw", "tok-secret-4242"];
    let fields = "\"event_type\":\"t\",\"agent_did\":\"did:a\",\"action\":\"allow\"";
    let good = format!(
        "{{{fields},\"resource\":\"https://kim:{}@db.example/x\",\"data\":{{\"Pass\\u0077ord\":\"{}\",\
         \"note\":\"use \\u0067{} now\",\"n\":1.50}}}}\n",
        SECRETS[2],
        SECRETS[0],
        &SECRETS[1][1..]
    );
    let bad =
        format!("{{\"api_token\":\"{}\",\"event_type\":1}}\nnot json {}\n", SECRETS[3], SECRETS[1]);
    let broken = [b"{\"password\":\"\xff".as_slice(), SECRETS[0].as_bytes(), b"\"}\n"].concat();
    let input = [good.as_bytes(), bad.as_bytes(), &broken].concat();
    for mode in ["mask", "drop", "hmac", "off"] {
        let rig = empty_log();
        rig.write("key", KEY);
        std::fs::set_permissions(rig.path("key"), std::fs::Permissions::from_mode(0o600)).unwrap();
        let key = rig.path("key");
        let mut flags = vec!["--quarantine", "bad", "--json", "--redact", mode];
        if mode == "hmac" {
            flags.extend(["--redact-key-file", key.to_str().unwrap()]);
        }
        let summary = rig.ingest(&input, &flags).exits(0).document();
        assert_eq!((&summary["accepted"], &summary["rejected"]), (&1.into(), &3.into()), "{mode}");
        assert_eq!(summary["redacted"], u64::from(mode != "off"), "{mode}");
        let mut written = std::fs::read(rig.path("bad")).unwrap();
        for file in std::fs::read_dir(rig.path("log")).unwrap() {
            written.extend(std::fs::read(file.unwrap().path()).unwrap());
        }
        for secret in SECRETS {
            let is_there = written.windows(secret.len()).any(|text| text == secret.as_bytes());
            assert_eq!(is_there, mode == "off", "{mode}: {secret}");
        }
        assert_eq!(rig.entries()[0]["data"]["n"], 1.5);
        rig.run(&["verify", "log"]).exits(0);
    }
}

#[test]
fn a_redaction_key_is_looked_after_and_rules_are_read() {
    let rig = empty_log();
    rig.write("key", "0123456789abcdef");
    std::fs::set_permissions(rig.path("key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let key = rig.path("key").to_str().unwrap().to_owned();
    let hmac = ["--redact", "hmac", "--redact-key-file", &key];
    rig.ingest(line(1).as_bytes(), &hmac).exits(12);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    rig.ingest(line(1).as_bytes(), &hmac).exits(0);
    rig.ingest(line(1).as_bytes(), &["--redact", "hmac"]).exits(12);
    std::fs::copy(&key, rig.path("log/key")).unwrap();
    let inside = rig.path("log/key").to_str().unwrap().to_owned();
    rig.ingest(line(1).as_bytes(), &["--redact", "hmac", "--redact-key-file", &inside]).exits(12);
    std::fs::remove_file(&inside).unwrap();
    rig.write("rules.toml", "[allow]\nkeys=['password']\n[[rule]]\nid='n'\nkey='employee_no'\n");
    let fields = "\"event_type\":\"t\",\"agent_did\":\"did:a\",\"action\":\"allow\"";
    let record = format!("{{{fields},\"data\":{{\"employeeNo\":7,\"password\":\"x\"}}}}\n");
    let rules = rig.path("rules.toml").to_str().unwrap().to_owned();
    rig.ingest(record.as_bytes(), &["--redact-rules", &rules]).exits(0);
    let entry = rig.entries().pop().unwrap();
    assert_eq!(entry["data"]["employeeNo"], "[redacted:n]");
    assert_eq!(entry["data"]["password"], "x");
    assert_eq!(entry["redactions"][0]["path"], "/data/employeeNo");
    rig.write("rules.toml", "[allow]\nnames=['password']\n");
    rig.ingest(record.as_bytes(), &["--redact-rules", &rules]).exits(2);
    rig.ingest(record.as_bytes(), &["--strict"]).exits(1);
}

/// SIGINT between two lines: nothing that was acknowledged is lost, and the message says so much.
#[test]
fn an_interrupt_ends_with_130_and_names_what_is_durable() {
    let rig = empty_log();
    let mut command = rig.command(&["-C", "log", "ingest", "--ack"]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut output = BufReader::new(output);
    for number in 0..3 {
        input.write_all(line(number).as_bytes()).unwrap();
        let mut text = String::new();
        output.read_line(&mut text).unwrap();
        assert!(text.contains("\"type\":\"ack\""), "{text}");
    }
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    // The input stays open: it is the signal that ends the command.
    let mut rest = String::new();
    output.read_line(&mut rest).unwrap();
    assert!(rest.contains("\"complete\":false") && rest.contains("\"accepted\":3"), "{rest}");
    let ran = finished(child.wait_with_output().unwrap()).exits(130);
    assert!(ran.err.contains("interrupted; entries through index 2 are durable"), "{}", ran.err);
    drop(input);
    let kept: Vec<_> = rig.entries().iter().map(|entry| entry["data"]["n"].clone()).collect();
    assert_eq!(kept, (0..3).map(|n| Value::from(f64::from(n))).collect::<Vec<_>>());
    rig.run(&["verify", "log"]).exits(0);
}
