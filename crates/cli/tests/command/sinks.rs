//! `wmark sink`, as scripts use it.

use super::Rig;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

fn key(rig: &Rig, name: &str, bytes: &str, mode: u32) -> PathBuf {
    let path = rig.path(name);
    std::fs::write(&path, bytes).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    path
}

/// A log of three entries with a file sink named `archive`.
fn with_archive() -> Rig {
    let rig = Rig::small();
    key(&rig, "key", "secret\n", 0o600);
    rig.on_log(&["sink", "add", "archive", "--file", "out/a.jsonl", "--key-file", "key"]).exits(0);
    rig
}

#[test]
fn entries_are_handed_on_once_and_status_and_stats_show_the_lag() {
    let rig = with_archive();
    let lag = |rig: &Rig| {
        let stats = rig.on_log(&["stats", "--json"]).exits(0).document();
        let status = rig.on_log(&["sink", "status", "--json"]).exits(0).document();
        assert_eq!(stats["sinks"], status["sinks"]);
        status["sinks"][0]["lag"].as_u64().unwrap()
    };
    assert_eq!(lag(&rig), 3);
    let ran = rig.on_log(&["sink", "run", "--once", "--json"]).exits(0).document();
    assert_eq!((&ran["complete"], &ran["sinks"][0]["delivered"]), (&true.into(), &3.into()));
    assert_eq!(lag(&rig), 0);
    rig.on_log(&["append", "--type", "t", "--agent", "a"]).exits(0);
    assert_eq!(lag(&rig), 1);
    let again = rig.on_log(&["sink", "run", "archive", "--once", "--json"]).exits(0).document();
    assert_eq!(again["sinks"][0]["delivered"], 1);
    let text = std::fs::read_to_string(rig.path("out/a.jsonl")).unwrap();
    assert_eq!(text.lines().count(), 4);
    let verified = rig.on_log(&["sink", "verify", "--json"]).exits(0).document();
    assert_eq!(
        (&verified["verdict"], &verified["sinks"][0]["checked"]),
        (&"intact".into(), &4.into())
    );
    let audited = rig.run(&["verify", "log", "--json"]).exits(0).document();
    assert_eq!((&audited["verdict"], &audited["notes"]), (&"intact".into(), &Value::Array(vec![])));
    // What somebody changed is told, by code and by words.
    std::fs::write(rig.path("out/a.jsonl"), text.replacen("did:b", "did:c", 1)).unwrap();
    let verified = rig.on_log(&["sink", "verify", "archive"]).exits(1);
    assert!(verified.out.contains("content hash mismatch"), "{}", verified.out);
    rig.on_log(&["sink", "remove", "archive"]).exits(0);
    assert!(rig.on_log(&["sink", "list"]).exits(0).out.trim().is_empty());
    assert!(rig.path("out/a.jsonl").exists());
}

#[test]
fn a_key_that_is_wrong_empty_or_open_to_others_ends_with_12() {
    let rig = Rig::small();
    let add =
        |name: &str| rig.on_log(&["sink", "add", "s", "--file", "out/a.jsonl", "--key-file", name]);
    for (name, bytes, mode) in [("open", "secret", 0o644), ("empty", "", 0o600)] {
        key(&rig, name, bytes, mode);
        let ran = add(name).exits(12);
        assert!(!ran.err.contains("secret"), "{}", ran.err);
    }
    add("missing").exits(12);
    let inside = rig.path("log/key");
    std::fs::write(&inside, "x").unwrap();
    std::fs::set_permissions(&inside, std::fs::Permissions::from_mode(0o600)).unwrap();
    add("log/key").exits(2);
    std::fs::remove_file(inside).unwrap();
    key(&rig, "key", "secret", 0o600);
    add("key").exits(0);
    rig.on_log(&["sink", "run", "--once"]).exits(0);
    key(&rig, "key", "other", 0o600);
    rig.on_log(&["sink", "run", "--once"]).exits(12);
    rig.on_log(&["sink", "verify"]).exits(12);
    let failed = rig.on_log(&["sink", "run", "--once", "--json"]).exits(12);
    assert!(failed.err.contains("\"kind\":\"key\""), "{}", failed.err);
    // From a variable: absent, and present.
    let with = ["-C", "log", "sink", "add", "e", "--file", "out/e.jsonl", "--key-env", "SINK_KEY"];
    rig.run(&with).exits(0);
    rig.on_log(&["sink", "run", "e", "--once"]).exits(12);
    let mut command = rig.command(&["-C", "log", "sink", "run", "e", "--once"]);
    assert!(command.env("SINK_KEY", "from-the-variable").status().unwrap().success());
    for name in ["s", "e"] {
        let config = std::fs::read_to_string(rig.path(&format!("log/sinks/{name}/config.json")));
        assert!(!config.unwrap().contains("from-the-variable"));
    }
}

#[test]
fn passwords_unknown_sinks_and_shared_files_are_wrong_usage() {
    let rig = with_archive();
    for dsn in ["host=h password=hush", "postgres://u:hush@h/d"] {
        let ran = rig.on_log(&["sink", "add", "db", "--postgres", dsn]).exits(2);
        assert!(!ran.err.contains("hush"), "{}", ran.err);
    }
    rig.on_log(&["sink", "add", "x"]).exits(2);
    rig.on_log(&["sink", "add", "x", "--stdout", "--syslog", "udp://h:1"]).exits(2);
    rig.on_log(&["sink", "add", "../x", "--stdout"]).exits(2);
    rig.on_log(&["sink", "add", "archive", "--stdout"]).exits(2);
    let same = ["sink", "add", "b", "--file", "out/a.jsonl", "--key-file", "key"];
    rig.on_log(&same).exits(2);
    for args in
        [&["run", "none"][..], &["status", "none"], &["verify", "none"], &["remove", "none"]]
    {
        rig.on_log(&[&["sink"], args].concat()).exits(2);
    }
    rig.run(&["-C", "nowhere", "sink", "list"]).exits(10);
    rig.on_log(&["sink", "replay", "archive", "--from", "99"]).exits(1);
}

#[test]
fn a_sink_that_is_down_ends_once_with_3_and_loses_nothing() {
    let rig = Rig::small();
    rig.on_log(&["sink", "add", "siem", "--syslog", "tcp://127.0.0.1:1", "--tries", "1"]).exits(0);
    let ran = rig.on_log(&["sink", "run", "--once", "--json"]).exits(3);
    let line = &ran.document()["sinks"][0];
    assert_eq!((&line["undelivered"], &line["dead_letters"]), (&3.into(), &0.into()));
    assert_eq!(rig.on_log(&["sink", "status", "--json"]).document()["sinks"][0]["lag"], 3);
    rig.on_log(&["sink", "verify"]).exits(4);
}

#[test]
fn entries_on_stdout_are_alone_there_and_replay_prints_them_again() {
    let rig = Rig::small();
    rig.on_log(&["sink", "add", "console", "--stdout", "--brief"]).exits(0);
    let ran = rig.on_log(&["sink", "run", "--once"]).exits(0);
    assert_eq!(ran.lines().len(), 3);
    assert_eq!(ran.lines()[1]["agent_did"], "did:b");
    assert!(rig.on_log(&["sink", "run", "--once", "--json"]).exits(0).out.is_empty());
    rig.on_log(&["sink", "replay", "console", "--from", "2"]).exits(0);
    assert_eq!(rig.on_log(&["sink", "run", "--once"]).exits(0).lines().len(), 1);
}

#[test]
fn the_keys_of_sink_documents_are_on_the_page() {
    let rig = with_archive();
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/CLI.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once("### `wmark sink").unwrap();
    let section = rest.split("\n### ").next().unwrap();
    for args in [
        &["add", "console", "--stdout", "--brief"][..],
        &["list"],
        &["status"],
        &["run", "archive", "--once"],
        &["verify", "archive"],
        &["replay", "archive", "--from", "0"],
        &["remove", "console"],
    ] {
        let args = [&["sink"], args, &["--json"]].concat();
        let document = rig.on_log(&args).exits(0).document();
        let mut keys: Vec<String> = document.as_object().unwrap().keys().cloned().collect();
        if let Some(Value::Object(sink)) = document["sinks"].get(0) {
            keys.extend(sink.keys().cloned());
        }
        for key in keys {
            let mut words = section.split(|c: char| !c.is_alphanumeric() && c != '_');
            assert!(words.any(|word| word == key), "docs/CLI.md, {args:?}: {key} is missing");
        }
    }
}
