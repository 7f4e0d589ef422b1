//! The real binary, run as people and scripts run it.
//!
//! Each test makes a log of its own in a temporary directory and looks at exit code, stdout and
//! stderr. No test depends on a terminal: that stdout and stderr are pipes here is part of what is
//! tested.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod auditing;
mod bench;
mod checkpoints;
mod codes;
mod compliance;
mod export;
mod golden;
mod import;
mod ingest;
mod manual;
mod proofs;
mod reading;
mod report;
mod sinks;
mod streams;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A log in a directory that goes away with the test.
struct Rig {
    dir: tempfile::TempDir,
}

/// What one run of the command gave.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    /// The lines of stdout as JSON.
    #[track_caller]
    fn lines(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).expect("a JSON line on stdout");
        self.out.lines().map(parse).collect()
    }

    /// The one document on stdout.
    #[track_caller]
    fn document(&self) -> Value {
        let mut lines = self.lines();
        assert_eq!(lines.len(), 1, "{}", self.out);
        lines.remove(0)
    }

    #[track_caller]
    fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }
}

fn finished(output: Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).expect("UTF-8 on stdout"),
        err: String::from_utf8(output.stderr).expect("UTF-8 on stderr"),
    }
}

impl Rig {
    /// A directory without a log.
    fn empty() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary directory") }
    }

    /// A directory with a log of three entries: two of agent a, one denied of agent b.
    fn small() -> Self {
        let rig = Self::empty();
        rig.run(&["init", "log", "--origin", "test.example/log"]).exits(0);
        for (agent, action, outcome, event_type) in [
            ("did:a", "allow", "success", "tool_invocation"),
            ("did:b", "deny", "denied", "tool_blocked"),
            ("did:a", "allow", "success", "tool_invocation"),
        ] {
            let flags = ["--type", event_type, "--agent", agent, "--action", action];
            let more = ["--outcome", outcome, "--trace", "trace-1", "--data", "{\"n\": 1.50}"];
            let head = ["-C", "log", "append"];
            let args: Vec<&str> = head.into_iter().chain(flags).chain(more).collect();
            rig.run(&args).exits(0);
        }
        rig
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The command with a clean environment, in the rig's directory.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wmark"));
        command.args(args).current_dir(self.dir.path()).stdin(Stdio::null());
        for name in ["WMARK_LOG", "WMARK_KEY_FILE", "NO_COLOR", "CLICOLOR_FORCE", "CLICOLOR"] {
            command.env_remove(name);
        }
        // What a test remembers, or keeps as a key, goes away with it.
        command.env("XDG_STATE_HOME", self.path("state")).env("XDG_DATA_HOME", self.path("data"));
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        finished(self.command(args).output().expect("the command runs"))
    }

    /// As [`Rig::run`], on the log named `log`.
    fn on_log(&self, args: &[&str]) -> Ran {
        let head = ["-C", "log"];
        self.run(&head.iter().chain(args).copied().collect::<Vec<_>>())
    }
}

/// Changes one bit of the first place in the log's segments that holds `needle`.
#[track_caller]
fn alter(log: &Path, needle: &[u8]) {
    for entry in std::fs::read_dir(log).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(needle.len()).position(|window| window == needle);
        let is_segment = path.extension().is_some_and(|ending| ending == "seg");
        if let Some(at) = at.filter(|_| is_segment) {
            bytes[at] ^= 1;
            // A sealed segment is read-only: in its place comes another file of that name.
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, bytes).unwrap();
            return;
        }
    }
    panic!("no segment holds {needle:?}");
}

/// The names of the commands, as the help lists them.
fn commands(rig: &Rig) -> Vec<String> {
    let help = rig.run(&["--help"]).exits(0).out;
    let section = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    section
        .take_while(|line| !line.is_empty())
        // What is indented further goes on with the line before.
        .filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .filter(|name| name != "help")
        .collect()
}
