//! `wmark sink run`: hands entries on until it is interrupted, or once.

use super::{config, environment, home, named};
use crate::context::Context;
use crate::errors::{Answer, DONE, Failure, UNDECIDED};
use crate::interrupt::Interrupt;
use crate::output::Output;
use serde::Serialize;
use std::time::Duration;
use witnessmark::Reader;
use witnessmark::sink::{Ended, Phase, SinkHome, SinkKind, SinkRunner};

/// How often runners are looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long sinks may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Hand entries on, until Ctrl-C
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark sink run
  wmark sink run archive --once
  wmark sink run --once --json")]
pub(crate) struct Args {
    /// Only these
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// End when everything in the log was handed on, or a sink failed as often as it is tried
    #[arg(long)]
    once: bool,
}

#[derive(Serialize)]
struct Line {
    name: String,
    next: u64,
    delivered: u64,
    dead_letters: u64,
    undelivered: u64,
    is_stuck: bool,
    error: Option<String>,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    complete: bool,
    sinks: Vec<Line>,
}

/// A runner, and what was said of it already.
struct Run {
    runner: SinkRunner,
    notes: usize,
    error: Option<String>,
}

fn start(home: &SinkHome, name: &str, args: &Args, context: &Context) -> Answer<Run> {
    let config = config(home, name)?;
    // The lock first: whoever comes second must not touch what the sink writes.
    let state = home.open(name)?;
    let sink = config.build(&environment)?;
    let reader = Reader::open(&context.global.log)?;
    let options = config.runner_options().once(args.once);
    let runner = SinkRunner::follow(reader, state, sink, options)?;
    Ok(Run { runner, notes: 0, error: None })
}

impl Run {
    /// Says what is new.
    fn tell(&mut self, out: &mut Output) {
        let status = self.runner.status();
        for note in status.notes.iter().skip(self.notes) {
            out.warn(format_args!("{}: {note}", self.runner.name()));
        }
        self.notes = status.notes.len();
        let error = status.last_error.filter(|_| status.failures > 0);
        if error != self.error {
            if let Some(error) = &error {
                out.warn(format_args!("{}: {error}; trying again", self.runner.name()));
            }
            self.error = error;
        }
    }
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    context.reader()?;
    let home = home(context);
    let names = named(&home, &args.names)?;
    let interrupt = Interrupt::install()?;
    let mut runs = Vec::new();
    let mut prints = false;
    for name in &names {
        prints |= matches!(config(&home, name)?.kind, SinkKind::Stdout { .. });
        runs.push(start(&home, name, &args, context)?);
    }
    let is_over = |run: &Run| run.runner.status().phase == Phase::Ended;
    while !interrupt.is_raised() && !runs.iter().all(is_over) {
        std::thread::sleep(LOOK_AGAIN);
        runs.iter_mut().for_each(|run| run.tell(&mut context.out));
    }
    let mut lines = Vec::new();
    let mut first_error = None;
    for mut run in runs {
        run.tell(&mut context.out);
        let name = run.runner.name().to_owned();
        // What was interrupted ends after the batch at hand; it goes on there the next time.
        let ended = run.runner.close(if interrupt.is_raised() { PATIENCE } else { Duration::ZERO });
        if let Some(error) = ended.status.gave_up.clone() {
            first_error.get_or_insert(error);
        }
        lines.push(line(name, &ended));
    }
    let complete = lines.iter().all(|line| line.undelivered == 0 && line.dead_letters == 0);
    summarise(&lines, context);
    let said: Vec<String> =
        lines.iter().map(|line| format!("{} through {}", line.name, through(line.next))).collect();
    if context.out.is_json() && !prints {
        let schema = "wmark.sink-run/1";
        context.out.json(&Document { schema, complete, sinks: lines })?;
    }
    if interrupt.is_raised() {
        return Err(Failure::interrupted(format!("interrupted; handed on: {}", said.join(", "))));
    }
    match first_error {
        Some(error) => Err(error.into()),
        None if complete => Ok(DONE),
        None => {
            let message = "some entries were not handed on; the log has them";
            Err(Failure::new(UNDECIDED, "incomplete", message)
                .hint("`wmark sink status` says how many; dead.jsonl beside its position says why"))
        }
    }
}

fn through(next: u64) -> String {
    next.checked_sub(1).map_or_else(|| "nothing".to_owned(), |last| format!("entry {last}"))
}

fn line(name: String, ended: &Ended) -> Line {
    let gave_up = ended.status.gave_up.as_ref().map(ToString::to_string);
    Line {
        name,
        next: ended.next.get(),
        delivered: ended.status.delivered,
        dead_letters: ended.status.dead_letters,
        undelivered: ended.undelivered,
        is_stuck: ended.is_stuck,
        error: gave_up.or_else(|| ended.status.last_error.clone()),
    }
}

fn summarise(lines: &[Line], context: &mut Context) {
    if context.out.is_json() {
        return;
    }
    for line in lines {
        let mut text = format!("{}: {} handed on", line.name, line.delivered);
        if line.dead_letters > 0 {
            text += &format!(", {} set aside", line.dead_letters);
        }
        if line.undelivered > 0 {
            text += &format!(", {} not yet", line.undelivered);
        }
        if line.is_stuck {
            text += "; the sink does not answer";
        }
        context.out.say(text);
    }
}
