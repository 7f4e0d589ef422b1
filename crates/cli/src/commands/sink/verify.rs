//! `wmark sink verify`: what sinks hold, by itself and against the log.

use super::{config, environment, home, named};
use crate::context::Context;
use crate::errors::{Answer, DONE, Exit, NEGATIVE};
use crate::escape::Clean;
use crate::output::{BAD, GOOD, WARN, paint};
use crate::table::grouped;
use serde::Serialize;
use witnessmark::sink::{Attachment, SinkHome, SinkKind, SinkReport, verify_files};
use witnessmark::{EntryIndex, Reader};

/// Nothing could be judged.
const NOT_JUDGED: Exit = Exit(4);

/// Judge what sinks hold, and compare it with the log
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark sink verify
  wmark sink verify archive --json | jq '.sinks[0].findings'")]
pub(crate) struct Args {
    /// Only these
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

#[derive(Serialize)]
struct Judged {
    name: String,
    verdict: &'static str,
    checked: u64,
    findings: Vec<String>,
    findings_left_out: u64,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    verdict: &'static str,
    sinks: Vec<Judged>,
}

fn judge(home: &SinkHome, name: &str, reader: &Reader) -> Answer<SinkReport> {
    let config = config(home, name)?;
    let position = home.position(name)?;
    let view = reader.view()?;
    if let Some(position) = &position
        && let Err(error) = position.check(reader.identity(), &view)
    {
        let mut report = SinkReport::new();
        report.find(error.to_string());
        return Ok(report);
    }
    let next = position.map_or(EntryIndex::new(0), |position| position.next);
    let mut dead: Vec<u64> =
        home.dead_letters(name)?.into_iter().map(|letter| letter.index).collect();
    dead.sort_unstable();
    let log = Attachment { identity: reader.identity(), view: &view, next, set_aside: &dead };
    Ok(match &config.kind {
        // Without the sink's lock: it may be running.
        SinkKind::File { path, key, .. } => {
            verify_files(path, &key.read(&environment)?, Some(&log))?
        }
        _ => config.build(&environment)?.verify_integrity(Some(&log))?,
    })
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let reader = context.reader()?;
    let home = home(context);
    let mut sinks = Vec::new();
    for name in named(&home, &args.names)? {
        let report = judge(&home, &name, &reader)?;
        let verdict = match (report.is_supported, report.is_intact()) {
            (false, _) => "not_supported",
            (true, true) => "intact",
            (true, false) => "tampered",
        };
        let SinkReport { checked, findings, findings_left_out, notes, .. } = report;
        sinks.push(Judged { name, verdict, checked, findings, findings_left_out, notes });
    }
    let is = |verdict: &str| sinks.iter().any(|sink| sink.verdict == verdict);
    let (verdict, exit) = match (is("tampered"), is("intact")) {
        (true, _) => ("tampered", NEGATIVE),
        (false, true) => ("intact", DONE),
        (false, false) => ("not_supported", NOT_JUDGED),
    };
    let out = &mut context.out;
    if out.is_json() {
        out.json(&Document { schema: "wmark.sink-verify/1", verdict, sinks })?;
        return Ok(exit);
    }
    for sink in &sinks {
        let style = match sink.verdict {
            "intact" => GOOD,
            "tampered" => BAD,
            _ => WARN,
        };
        let count = grouped(sink.checked);
        let verdict = paint(style, sink.verdict);
        out.line(format_args!("{}: {verdict}, {count} entries", Clean::text(&sink.name)))?;
        for text in sink.findings.iter().chain(&sink.notes) {
            out.line(format_args!("  {}", Clean::text(text)))?;
        }
        if sink.findings_left_out > 0 {
            out.line(format_args!("  and {} more", grouped(sink.findings_left_out)))?;
        }
    }
    Ok(exit)
}
