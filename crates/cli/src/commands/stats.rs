//! `wmark stats`: what is in the log, counted through its indexes.

use super::sink;
use crate::context::Context;
use crate::errors::{Answer, DONE, Failure};
use crate::escape::Clean;
use crate::filters::parse_key;
use crate::output::{HEAD, Output, paint};
use crate::table::{bytes, grouped};
use crate::time;
use serde::Serialize;
use std::path::Path;
use witnessmark::sink::SinkHome;
use witnessmark::{Key, Query, View};

/// Say what is in the log: entries, agents, types, outcomes, files
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark stats
  wmark stats --top 20 --by agent
  wmark stats --json | jq .bytes")]
pub(crate) struct Args {
    /// How many values of each field
    #[arg(long, value_name = "N", default_value_t = 5)]
    top: usize,
    /// Only this field: agent, type, outcome, action, trace, session, target, resource
    #[arg(long, value_name = "FIELD", value_parser = parse_key)]
    by: Option<Key>,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    origin: String,
    log_id: String,
    size: u64,
    entries: u64,
    system_entries: u64,
    unvouched: u64,
    first_recorded_at: Option<String>,
    last_recorded_at: Option<String>,
    segments: usize,
    bytes: Bytes,
    sinks: Vec<sink::Row>,
    by: Vec<By>,
}

/// Bytes on disk by what they are for.
#[derive(Default, Serialize)]
struct Bytes {
    segments: u64,
    indexes: u64,
    nodes: u64,
    other: u64,
}

#[derive(Serialize)]
struct By {
    field: &'static str,
    distinct: usize,
    top: Vec<Value>,
    #[serde(skip)]
    key: &'static str,
}

#[derive(Serialize)]
struct Value {
    value: String,
    count: u64,
}

fn measure(dir: &Path) -> Answer<Bytes> {
    let failed = |error| Failure::io(&error, format_args!("list {}", dir.display()));
    let mut found = Bytes::default();
    for file in std::fs::read_dir(dir).map_err(failed)? {
        let file = file.map_err(failed)?;
        // A file may go while we look, for example when a segment is sealed.
        let len = file.metadata().map_or(0, |metadata| metadata.len());
        let name = file.file_name();
        let extension = Path::new(&name).extension().and_then(|ending| ending.to_str());
        match extension {
            Some("seg") => found.segments += len,
            Some("index") => found.indexes += len,
            Some("nodes") => found.nodes += len,
            _ => found.other += len,
        }
    }
    Ok(found)
}

fn count_by(view: &View, key: Key, top: usize) -> Answer<By> {
    let (counts, _) = view.count_by(&Query::new(), key)?;
    let distinct = counts.len();
    let top = counts.into_iter().take(top).map(|(value, count)| Value { value, count }).collect();
    Ok(By { field: key.name(), distinct, top, key: key.short_name() })
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let reader = context.reader()?;
    let view = reader.view()?;
    let size = view.size().get();
    let recorded = |index: Option<u64>| {
        let entry = index.map(|index| view.entry(index.into())).transpose()?;
        Ok::<_, Failure>(entry.map(|entry| time::show_nanos(entry.recorded_at().0)))
    };
    let keys = match args.by {
        Some(key) => vec![key],
        None => vec![Key::Agent, Key::Type, Key::Outcome, Key::Action],
    };
    let (entries, _) = view.count(&Query::new())?;
    let identity = reader.identity();
    let document = Document {
        schema: "wmark.stats/1",
        origin: identity.origin.clone(),
        log_id: witnessmark::Hash(identity.log_id).to_hex(),
        size,
        entries,
        system_entries: size.saturating_sub(entries),
        unvouched: view.unvouched(),
        first_recorded_at: recorded((size > 0).then_some(0))?,
        last_recorded_at: recorded(size.checked_sub(1))?,
        segments: view.segments().len(),
        bytes: measure(&context.global.log)?,
        sinks: sink::rows(&SinkHome::of(&context.global.log), &[], &reader)?,
        by: keys.into_iter().map(|key| count_by(&view, key, args.top)).collect::<Answer<_>>()?,
    };
    let out = &mut context.out;
    if out.is_json() {
        out.json(&document)?
    } else {
        show(&document, out)?
    }
    Ok(DONE)
}

fn show(document: &Document, out: &mut Output) -> Answer<()> {
    let row = |out: &mut Output, name: &str, value: &str| {
        let name = paint(HEAD, format_args!("{name:<9}"));
        out.line(format_args!("{name}  {}", Clean::text(value)))
    };
    row(out, "origin", &document.origin)?;
    let (entries, system) = (grouped(document.entries), document.system_entries);
    let ours = if system > 0 { format!(" and {system} of the engine") } else { String::new() };
    row(out, "entries", &format!("{entries}{ours}"))?;
    let times = (document.first_recorded_at.as_deref(), document.last_recorded_at.as_deref());
    if let (Some(first), Some(last)) = times {
        row(out, "recorded", &format!("{first} to {last}"))?;
    }
    let Bytes { segments, indexes, nodes, .. } = &document.bytes;
    let (files, segments) = (document.segments, bytes(*segments));
    let (indexes, nodes) = (bytes(*indexes), bytes(*nodes));
    let disk = format!("{segments} in {files} segments, indexes {indexes}, tree nodes {nodes}");
    row(out, "disk", &disk)?;
    if document.unvouched > 0 {
        row(out, "unvouched", &format!("the last {}", grouped(document.unvouched)))?;
    }
    for sink in &document.sinks {
        let mut text = format!("{}: {} to hand on", sink.name, grouped(sink.lag));
        if sink.dead_letters > 0 {
            text += &format!(", {} set aside", grouped(sink.dead_letters));
        }
        text += if sink.is_running { ", running" } else { ", not running" };
        if let Some(problem) = &sink.problem {
            text += &format!("; {problem}");
        }
        row(out, "sink", &text)?;
    }
    for by in &document.by {
        out.line("")?;
        let (distinct, shown) = (by.distinct, by.top.len());
        let some = if shown < distinct { format!(", the top {shown}") } else { String::new() };
        let distinct = grouped(distinct as u64);
        out.line(paint(HEAD, format_args!("by {} ({distinct}{some})", by.key)))?;
        for Value { value, count } in &by.top {
            let count = grouped(*count);
            out.line(format_args!("{count:>11}  {}", Clean::text(value)))?;
        }
    }
    Ok(())
}
