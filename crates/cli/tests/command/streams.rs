//! Streams: who gets what, and what an agent cannot do to a terminal.

use super::{Rig, commands, finished};
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

const HOSTILE: &str = "did:\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}evil\u{200b}\nx";

fn hostile() -> Rig {
    let rig = Rig::small();
    let args = [
        "append",
        "--type",
        "tool_blocked",
        "--agent",
        HOSTILE,
        "--resource",
        HOSTILE,
        "--policy-decision",
        HOSTILE,
        "--id",
        "\u{1b}[1mid",
    ];
    rig.on_log(&args).exits(0);
    rig
}

#[test]
fn texts_of_agents_are_escaped_for_people() {
    let rig = hostile();
    let head: Vec<_> = rig.on_log(&["root"]).out.trim().chars().collect();
    assert!(head.len() > 64);
    rig.on_log(&["prove", "3", "-o", "p.json"]).exits(0);
    let root = rig.on_log(&["root"]).out;
    for args in [
        &["query"][..],
        &["query", "--by", "agent"],
        &["tail"],
        &["get", "3"],
        &["stats"],
        &["get", HOSTILE],
        &["verify-proof", "p.json", "--root", root.trim()],
    ] {
        let ran = rig.on_log(args);
        let shown = format!("{}{}", ran.out, ran.err);
        let active =
            |c: char| (c.is_control() && c != '\n') || ['\u{202e}', '\u{200b}'].contains(&c);
        assert!(!shown.contains(active), "{args:?}: {shown:?}");
        assert!(shown.contains("\\u{1b}]0;owned\\u{7}"), "{args:?}: {shown}");
    }
}

#[test]
fn scripts_get_the_texts_as_they_are() {
    let rig = hostile();
    let entry = rig.on_log(&["get", "3", "--json"]).exits(0).document();
    assert_eq!(entry["agent_did"], HOSTILE);
    assert_eq!(rig.on_log(&["query", "--agent", HOSTILE, "--count"]).exits(0).out, "1\n");
}

#[test]
fn colour_follows_the_flag_and_the_environment() {
    let rig = Rig::small();
    let has_colour = |args: &[&str], set: &[&str]| {
        let mut command = rig.command(&[&["-C", "log", "query"], args].concat());
        command.envs(set.iter().map(|name| (name, "1")));
        finished(command.output().unwrap()).exits(0).out.contains("\u{1b}[")
    };
    assert!(!has_colour(&[], &[]), "a pipe gets none");
    assert!(has_colour(&["--color", "always"], &[]));
    assert!(has_colour(&["--color", "always"], &["NO_COLOR"]), "the flag is stronger");
    assert!(has_colour(&[], &["CLICOLOR_FORCE"]));
    assert!(!has_colour(&[], &["CLICOLOR_FORCE", "NO_COLOR"]));
    assert!(!has_colour(&["--color", "never"], &["CLICOLOR_FORCE"]));
}

#[test]
fn a_reader_that_goes_away_ends_us_with_0() {
    let rig = Rig::empty();
    let log = witnessmark::AuditLog::open(rig.path("log")).unwrap();
    let text = "x".repeat(1000);
    let entry = || witnessmark::Entry::new("t", "did:a", "allow").resource(text.as_str());
    log.append_batch((0..2000).map(|_| entry())).unwrap();
    log.close().unwrap();
    for args in [
        &["query", "--limit", "0", "--json"][..],
        &["query", "--limit", "0"],
        &["export"],
        &["tail", "-n", "2000"],
    ] {
        let mut command = rig.command(&[&["-C", "log"], args].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        assert!(reader.read_line(&mut line).unwrap() > 0);
        drop(reader);
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{args:?}: {err}");
        assert!(err.is_empty(), "{args:?}: {err}");
    }
}

#[test]
fn talk_stays_off_stdout_and_quiet_silences_it() {
    let rig = Rig::small();
    let export = rig.on_log(&["export"]).exits(0);
    assert!(export.err.contains("3 entries"), "{}", export.err);
    assert!(rig.on_log(&["export", "-q"]).exits(0).err.is_empty());
    assert!(rig.on_log(&["query", "--limit", "1", "-q"]).exits(0).err.is_empty());
    assert!(rig.on_log(&["query", "--json"]).exits(0).err.is_empty());
}

#[test]
fn tail_follows_what_becomes_durable() {
    let rig = Rig::small();
    let mut command = rig.command(&["-C", "log", "tail", "-n", "1", "-f", "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    assert!(next().starts_with("{\"index\":2,"));
    rig.on_log(&["append", "--type", "t", "--agent", "did:new"]).exits(0);
    let fresh = next();
    assert!(fresh.starts_with("{\"index\":3,") && fresh.contains("did:new"), "{fresh}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn every_command_has_examples_in_its_help() {
    let rig = Rig::empty();
    let commands = commands(&rig);
    assert!(commands.len() >= 17, "{commands:?}");
    for name in &commands {
        let help = rig.run(&[name, "--help"]).exits(0).out;
        let examples = help.split("Examples:").nth(1).unwrap_or_default();
        assert!(examples.matches("wmark ").count() >= 2, "{name}: {help}");
    }
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let rig = Rig::empty();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(rig.run(&["completions", shell]).exits(0).out.contains("prove-consistency"));
    }
    assert!(rig.run(&["man"]).exits(0).out.contains(".TH wmark 1"));
    rig.run(&["man", "--out", "pages"]).exits(0);
    assert!(rig.path("pages/wmark-query.1").exists());
}

#[test]
fn an_interrupt_ends_with_130_and_says_what_is_durable() {
    let rig = Rig::empty();
    let mut command = rig.command(&["demo", "--entries", "200000", "--dir", "tour", "--fast"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let log = rig.path("tour/log");
    let size =
        || witnessmark::Reader::open(&log).and_then(|reader| Ok(reader.view()?.size().get()));
    while !size().is_ok_and(|size| size > 0) {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be interrupted");
        std::thread::yield_now();
    }
    let sent = std::process::Command::new("kill").arg("-INT").arg(child.id().to_string()).status();
    assert!(sent.unwrap().success());
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{err}");
    let told = err.split("through index ").nth(1).and_then(|rest| rest.split(' ').next());
    let last: u64 = told.and_then(|index| index.parse().ok()).expect("an index in the message");
    let size = size().unwrap();
    assert_eq!(last + 1, size);
    assert!(size < 200_000, "it was done before it was interrupted");
    rig.run(&["verify", "tour/log"]).exits(0);
}

#[test]
fn nothing_moves_on_a_stderr_that_is_no_terminal() {
    let rig = Rig::empty();
    // Long enough for a bar to appear if it were wanted.
    let ran = rig.run(&["demo", "--entries", "100000", "--dir", "tour"]).exits(0);
    let words = |line: &&str| !line.starts_with("hint:");
    let talk: Vec<&str> = ran.err.lines().filter(words).collect();
    assert!(talk.is_empty() && !ran.err.contains(['\r', '\u{1b}']), "{:?}", ran.err);
}
