//! Processes that take turns: started, listened to, and killed.

use super::Job;
use crate::engine::Result;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How long a turn may take.
const PATIENCE: Duration = Duration::from_secs(900);

/// Starts a turn, waits until it has said everything, and kills the process.
///
/// # Errors
/// What the engine said, how its process ended, or that it took too long.
pub(super) fn turn(engine: &str, dir: &Path, job: &Job, seed: u64) -> Result<Vec<(String, f64)>> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["turn", engine, &seed.to_string()])
        .arg(dir)
        .args(job.to_arguments())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = child.stdout.take().ok_or("a child without an output")?;
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        let lines = BufReader::new(output).lines().map_while(std::result::Result::ok);
        lines.take_while(|line| sender.send(line.clone()).is_ok()).for_each(drop);
    });
    let heard = listen(&lines);
    // SIGKILL: nothing is closed, and what was not synced is in the page cache at best.
    child.kill()?;
    let status = child.wait()?;
    heard.map_err(|said| format!("{said} ({status})").into())
}

fn listen(lines: &mpsc::Receiver<String>) -> std::result::Result<Vec<(String, f64)>, String> {
    let mut measures = Vec::new();
    loop {
        let line = match lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                return Err(format!("nothing said for {} s", PATIENCE.as_secs()));
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => return Err("ended early".to_owned()),
        };
        match line.split_once(' ') {
            None if line == "done" => return Ok(measures),
            Some(("failed", why)) => return Err(why.to_owned()),
            Some((measure, value)) => match value.parse() {
                Ok(value) => measures.push((measure.to_owned(), value)),
                Err(_) => return Err(format!("a line that is no measure: {line}")),
            },
            None => return Err(format!("a line that is no measure: {line}")),
        }
    }
}
