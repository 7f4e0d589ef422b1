//! `wmark sink`: entries handed on to files, collectors and databases.
//!
//! ```text
//! add --> LOG/sinks/NAME/config.json       run --> library: a runner per sink, until Ctrl-C
//! list, status, verify: read what is there  remove, replay: change the position
//! ```
//!
//! Following, retrying and positions are the library's. Invariant: no secret is taken from the
//! command line or printed.

mod add;
mod run;
mod show;
mod verify;

use crate::context::Context;
use crate::errors::{Answer, DONE, Failure, USAGE};
use clap::Subcommand;
use serde::Serialize;
use witnessmark::sink::{SinkConfig, SinkHome, SinkKind, SinkStatus};
use witnessmark::{Error, ErrorKind, Reader};

pub(crate) use show::{Row, rows};

/// Hand entries on to files, collectors and databases
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark sink add archive --file /var/log/agents/audit.jsonl --key-file /etc/agents/hmac.key
  wmark sink run --once
  wmark sink run archive
  wmark sink status --json | jq '.sinks[].lag'
  wmark sink verify archive")]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Add(Box<add::Args>),
    List(ListArgs),
    Run(run::Args),
    Status(show::Args),
    Verify(verify::Args),
    Remove(NameArgs),
    Replay(ReplayArgs),
}

/// Name the sinks there are, and where they lead
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark sink list
  wmark sink list --json | jq -r '.sinks[].name'")]
struct ListArgs {}

/// Forget a sink and its position; what it wrote stays
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark sink remove archive")]
struct NameArgs {
    /// The sink
    name: String,
}

/// Hand entries on again, from an index on
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark sink replay collector --from 184000
  wmark sink replay collector --from 0")]
struct ReplayArgs {
    /// The sink
    name: String,
    /// The first entry that is handed on again
    #[arg(long, value_name = "INDEX")]
    from: u64,
}

/// A variable of this process; secrets may lie there.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A sink that is not there is wrong usage, and no missing log.
fn no_sink(error: Error) -> Failure {
    let failure = Failure::new(USAGE, error.kind().as_str(), error.to_string());
    match error.kind() {
        ErrorKind::NotFound => failure.hint(error.advice().unwrap_or_default()),
        _ => error.into(),
    }
}

fn home(context: &Context) -> SinkHome {
    SinkHome::of(&context.global.log)
}

/// The sinks that were asked for; all of them when none was named.
fn named(home: &SinkHome, names: &[String]) -> Answer<Vec<String>> {
    if !names.is_empty() {
        return Ok(names.to_vec());
    }
    let names = home.names()?;
    if names.is_empty() {
        return Err(Failure::usage("the log has no sinks").hint("add one with `wmark sink add`"));
    }
    Ok(names)
}

/// The configuration of a sink that this program can run.
fn config(home: &SinkHome, name: &str) -> Answer<SinkConfig> {
    let text = home.config(name).map_err(no_sink)?;
    let text = text.ok_or_else(|| {
        Failure::usage(format!("the sink {name} is run by a program, not by this command"))
    })?;
    Ok(SinkConfig::parse(&text).map_err(|error| error.at_file(format!("sink {name}")))?)
}

/// Where a sink leads, in words.
fn target(kind: &SinkKind) -> String {
    match kind {
        SinkKind::File { path, .. } => path.display().to_string(),
        SinkKind::Stdout { .. } => "standard output".to_owned(),
        SinkKind::Syslog { address, .. } => address.clone(),
        SinkKind::Http { url, .. } => url.clone(),
        SinkKind::Postgres { dsn, dsn_file, table, .. } => {
            let file = dsn_file.as_deref().map(|file| file.display().to_string());
            let server = file.or_else(|| dsn.clone()).unwrap_or_default();
            format!("{table} at {server}")
        }
        _ => String::new(),
    }
}

#[derive(Serialize)]
struct Moved<'a> {
    schema: &'static str,
    name: &'a str,
    next: u64,
}

#[derive(Serialize)]
struct Removed<'a> {
    schema: &'static str,
    name: &'a str,
}

#[derive(Serialize)]
struct Listed {
    name: String,
    kind: Option<String>,
    target: String,
}

#[derive(Serialize)]
struct List {
    schema: &'static str,
    sinks: Vec<Listed>,
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    match args.what {
        What::Add(args) => add::run(*args, context),
        What::List(_) => list(context),
        What::Run(args) => run::run(args, context),
        What::Status(args) => show::run(args, context),
        What::Verify(args) => verify::run(args, context),
        What::Remove(args) => remove(&args.name, context),
        What::Replay(args) => replay(&args, context),
    }
}

fn list(context: &mut Context) -> Answer {
    let reader = context.reader()?;
    let home = home(context);
    let mut sinks = Vec::new();
    for status in statuses(&home, &home.names()?, &reader)? {
        let config = home.config(&status.name)?.and_then(|text| SinkConfig::parse(&text).ok());
        let target = config.map(|config| target(&config.kind)).unwrap_or_default();
        sinks.push(Listed { name: status.name, kind: status.kind, target });
    }
    if context.out.is_json() {
        context.out.json(&List { schema: "wmark.sink-list/1", sinks })?;
        return Ok(DONE);
    }
    use crate::table::{Side, Table};
    let mut table =
        Table::new(&[("NAME", Side::Left), ("KIND", Side::Left), ("TARGET", Side::Left)]);
    for sink in &sinks {
        let kind = sink.kind.as_deref().unwrap_or("program");
        table.row(&mut context.out, &[sink.name.as_str(), kind, &sink.target])?;
    }
    table.flush(&mut context.out)?;
    Ok(DONE)
}

fn statuses(home: &SinkHome, names: &[String], reader: &Reader) -> Answer<Vec<SinkStatus>> {
    let view = reader.view()?;
    let status = |name: &String| home.status(name, reader.identity(), &view).map_err(no_sink);
    names.iter().map(status).collect()
}

fn remove(name: &str, context: &mut Context) -> Answer {
    context.reader()?;
    home(context).remove(name).map_err(no_sink)?;
    if context.out.is_json() {
        context.out.json(&Removed { schema: "wmark.sink-remove/1", name })?;
    } else {
        context.out.say(format_args!("removed {name}; what it wrote stays"));
    }
    Ok(DONE)
}

fn replay(args: &ReplayArgs, context: &mut Context) -> Answer {
    let reader = context.reader()?;
    let home = home(context);
    home.config(&args.name).map_err(no_sink)?;
    let mut state = home.open(&args.name)?;
    state.rewind(args.from.into(), reader.identity(), &reader.view()?)?;
    if context.out.is_json() {
        let (name, next) = (args.name.as_str(), args.from);
        context.out.json(&Moved { schema: "wmark.sink-replay/1", name, next })?;
    } else {
        context.out.say(format_args!("{} goes on with entry {}", args.name, args.from));
    }
    Ok(DONE)
}
