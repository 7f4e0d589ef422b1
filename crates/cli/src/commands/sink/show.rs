//! `wmark sink status`: how far each sink is.

use super::{home, no_sink, statuses};
use crate::context::Context;
use crate::errors::{Answer, DONE};
use crate::table::{Side, Table, grouped};
use serde::Serialize;
use witnessmark::Reader;
use witnessmark::sink::SinkHome;

/// Say how far sinks are, and how many entries they lag behind
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark sink status
  wmark sink status archive --json | jq '.sinks[0].lag'")]
pub(crate) struct Args {
    /// Only these
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

/// How far a sink is.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    kind: Option<String>,
    next: u64,
    pub(crate) lag: u64,
    delivered: u64,
    pub(crate) dead_letters: u64,
    pub(crate) is_running: bool,
    pub(crate) problem: Option<String>,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    size: u64,
    sinks: Vec<Row>,
}

/// How far the sinks of a log are; all of them when none is named.
pub(crate) fn rows(home: &SinkHome, names: &[String], reader: &Reader) -> Answer<Vec<Row>> {
    let all = if names.is_empty() { home.names()? } else { names.to_vec() };
    let statuses = statuses(home, &all, reader)?.into_iter();
    let row = |status: witnessmark::sink::SinkStatus| Row {
        next: status.next.get(),
        name: status.name,
        kind: status.kind,
        lag: status.lag,
        delivered: status.delivered,
        dead_letters: status.dead_letters,
        is_running: status.is_running,
        problem: status.problem,
    };
    Ok(statuses.map(row).collect())
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let reader = context.reader()?;
    let home = home(context);
    for name in &args.names {
        home.config(name).map_err(no_sink)?;
    }
    let sinks = rows(&home, &args.names, &reader)?;
    let out = &mut context.out;
    if out.is_json() {
        let size = reader.view()?.size().get();
        out.json(&Document { schema: "wmark.sink-status/1", size, sinks })?;
        return Ok(DONE);
    }
    let mut table = Table::new(&[
        ("NAME", Side::Left),
        ("KIND", Side::Left),
        ("NEXT", Side::Right),
        ("LAG", Side::Right),
        ("DEAD", Side::Right),
        ("STATE", Side::Left),
    ]);
    for sink in &sinks {
        let state = match (&sink.problem, sink.is_running) {
            (Some(problem), _) => problem.as_str(),
            (None, true) => "running",
            (None, false) => "not running",
        };
        let kind = sink.kind.as_deref().unwrap_or("program");
        let cells = [
            &sink.name,
            kind,
            &grouped(sink.next),
            &grouped(sink.lag),
            &grouped(sink.dead_letters),
        ];
        let cells: Vec<&str> = cells.into_iter().chain([state]).collect();
        table.row(out, &cells)?;
    }
    table.flush(out)?;
    Ok(DONE)
}
