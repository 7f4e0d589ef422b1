//! Exit codes, and how failures are told.

use super::{Rig, alter, finished};
use serde_json::Value;
use std::io::Write as _;
use std::process::Stdio;

#[test]
fn no_arguments_give_help_on_stderr_and_2() {
    let ran = Rig::empty().run(&[]).exits(2);
    assert!(ran.out.is_empty() && ran.err.contains("Usage: wmark"), "{}", ran.err);
}

#[test]
fn help_and_version_are_data_and_give_0() {
    let rig = Rig::empty();
    assert!(rig.run(&["--help"]).exits(0).out.contains("Exit codes"));
    assert!(rig.run(&["--version"]).exits(0).out.starts_with("wmark "));
    let document = rig.run(&["version", "--json"]).exits(0).document();
    assert_eq!(document["schema"], "wmark.version/1");
}

#[test]
fn each_kind_of_failure_has_its_code() {
    let rig = Rig::small();
    rig.run(&["-C", "nowhere", "query"]).exits(10);
    rig.run(&["query"]).exits(10);
    rig.on_log(&["get", "99"]).exits(1);
    rig.on_log(&["get", "no-such-id"]).exits(1);
    rig.on_log(&["root", "--size", "99"]).exits(1);
    rig.on_log(&["query", "--agent", "did:nobody", "--exit-status"]).exits(1);
    rig.on_log(&["query", "--agent", "did:nobody"]).exits(0);
    rig.on_log(&["query", "--nonsense"]).exits(2);
    rig.on_log(&["query", "--since", "yesterday-ish"]).exits(2);
    rig.on_log(&["query", "--cursor", "zz"]).exits(2);
    rig.run(&["init", "log"]).exits(2);
    let twice = ["append", "--type", "t", "--agent", "a", "--data", "{\"a\":1,\"a\":2}"];
    rig.on_log(&twice).exits(2);
    std::fs::write(rig.path("file"), "not a directory").unwrap();
    rig.run(&["-C", "file", "query"]).exits(3);
    rig.on_log(&["append", "--type", "t", "--agent", "a", "--data", "@nowhere"]).exits(3);
}

#[test]
fn a_second_writer_gets_11_and_readers_do_not_care() {
    let rig = Rig::small();
    let log = witnessmark::AuditLog::open(rig.path("log")).unwrap();
    let ran = rig.on_log(&["append", "--type", "t", "--agent", "a"]).exits(11);
    assert!(ran.err.contains(&std::process::id().to_string()), "{}", ran.err);
    for command in [
        &["query"][..],
        &["root"],
        &["stats"],
        &["tail"],
        &["get", "0"],
        &["segments"],
        &["verify"],
    ] {
        rig.on_log(command).exits(0);
    }
    let doctor = rig.on_log(&["doctor", "--json", "--syncs", "2"]).exits(0).document();
    assert_eq!(doctor["log"]["writer_pid"], std::process::id());
    log.close().unwrap();
}

#[test]
fn reading_works_on_a_directory_that_cannot_be_written() {
    use std::os::unix::fs::PermissionsExt as _;
    let rig = Rig::small();
    let log = rig.path("log");
    let before: Vec<_> = std::fs::read_dir(&log).unwrap().map(|e| e.unwrap().path()).collect();
    std::fs::set_permissions(&log, std::fs::Permissions::from_mode(0o500)).unwrap();
    rig.on_log(&["query"]).exits(0);
    rig.on_log(&["prove", "1"]).exits(0);
    rig.on_log(&["export"]).exits(0);
    rig.on_log(&["doctor", "--syncs", "2"]).exits(0);
    std::fs::set_permissions(&log, std::fs::Permissions::from_mode(0o700)).unwrap();
    let after: Vec<_> = std::fs::read_dir(&log).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(before, after);
}

#[test]
fn under_json_a_failure_is_one_line_on_stderr() {
    let rig = Rig::small();
    for (args, code, kind) in [
        (&["-C", "nowhere", "query", "--json"][..], 10, "not_found"),
        (&["nonsense", "--json"], 2, "usage"),
        (&["--json", "query", "--limit", "x"], 2, "usage"),
        (&["-C", "log", "--json", "get", "7"], 1, "not_found"),
    ] {
        let ran = rig.run(args).exits(code);
        assert!(ran.out.is_empty(), "{}", ran.out);
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
        let line: Value = serde_json::from_str(&ran.err).unwrap();
        assert_eq!(line["type"], "error");
        assert_eq!((&line["code"], &line["kind"]), (&code.into(), &kind.into()));
        assert!(line["message"].is_string() && line.get("hint").is_some());
    }
}

#[test]
fn an_altered_entry_is_found_when_it_is_read() {
    let rig = Rig::small();
    alter(&rig.path("log"), b"did:a");
    let ran = rig.on_log(&["get", "0"]).exits(1);
    assert!(ran.err.contains("entry 0"), "{}", ran.err);
}

#[test]
fn data_comes_from_a_file_or_from_standard_input() {
    let rig = Rig::small();
    std::fs::write(rig.path("event.json"), "{ \"big\": 123456789012345678901234567890 }").unwrap();
    let base = ["append", "--type", "t", "--agent", "a", "--data"];
    let with = |data| base.into_iter().chain([data]).collect::<Vec<_>>();
    rig.on_log(&with("@event.json")).exits(0);
    let raw = rig.on_log(&["get", "3", "--raw"]).exits(0);
    assert_eq!(raw.out, "{\"big\":123456789012345678901234567890}");
    let mut command = rig.command(&[&["-C", "log"], &with("-")[..]].concat());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"[1,2]").unwrap();
    finished(child.wait_with_output().unwrap()).exits(0);
    assert_eq!(rig.on_log(&["get", "4", "--raw"]).exits(0).out, "[1,2]");
}

#[test]
fn the_same_id_twice_is_answered_with_the_first_receipt() {
    let rig = Rig::small();
    let args = ["append", "--type", "t", "--agent", "a", "--id", "order-1", "--json"];
    let first = rig.on_log(&args).exits(0).document();
    let again = rig.on_log(&args).exits(0).document();
    assert_eq!((&first["duplicate"], &again["duplicate"]), (&false.into(), &true.into()));
    assert_eq!(first["index"], again["index"]);
    assert_eq!(first["entry_hash"], again["entry_hash"]);
    let other = rig.on_log(&[&args[..], &["--outcome", "error"]].concat()).exits(2);
    assert!(other.err.contains("already_exists"), "{}", other.err);
}
