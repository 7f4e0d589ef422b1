//! `wmark sink add`: what a sink is, from flags.

use super::{config, environment, home, target};
use crate::context::Context;
use crate::errors::{Answer, DONE, Failure};
use crate::escape::Clean;
use crate::sizes::parse_size;
use serde::Serialize;
use std::path::{Path, PathBuf};
use witnessmark::sink::{SecretPlace, SinkConfig, SinkHome, SinkKind};

/// Add a sink; `wmark sink run` then hands entries on to it
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark sink add archive --file /var/log/agents/audit.jsonl --key-file /etc/agents/hmac.key \\
      --rotate 64MiB
  wmark sink add console --stdout --brief
  wmark sink add siem --syslog tcp://siem.example:601
  wmark sink add events --http http://collector.example/events --auth-file /etc/agents/token
  wmark sink add db --postgres 'host=/run/postgresql user=audit dbname=audit'")]
#[command(group(clap::ArgGroup::new("where").required(true)
    .args(["file", "stdout", "syslog", "http", "postgres"])))]
pub(crate) struct Args {
    /// Its name: letters, digits, - _ .
    name: String,
    /// Signed JSON Lines in the reference's form, in this file and those it becomes when full
    #[arg(long, value_name = "PATH", help_heading = "Where to")]
    file: Option<PathBuf>,
    /// JSON Lines on standard output
    #[arg(long, help_heading = "Where to")]
    stdout: bool,
    /// Syslog, RFC 5424: udp://HOST:PORT, tcp://HOST:PORT or unix:PATH
    #[arg(long, value_name = "ADDRESS", help_heading = "Where to")]
    syslog: Option<String>,
    /// CloudEvents in batches, posted to this URL
    #[arg(long, value_name = "URL", help_heading = "Where to")]
    http: Option<String>,
    /// A table of PostgreSQL; the connection string must not hold a password
    #[arg(long, value_name = "DSN", num_args = 0..=1, default_missing_value = "")]
    #[arg(help_heading = "Where to")]
    postgres: Option<String>,
    #[command(flatten)]
    file_options: FileOptions,
    #[command(flatten)]
    net_options: NetOptions,
    /// How often an entry is tried before it is set aside
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    tries: u32,
    /// Most entries at once
    #[arg(long, value_name = "N", default_value_t = 512)]
    batch: usize,
    /// Flush and store the position this often, instead of after every batch
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    flush_ms: u64,
    /// Hand on the engine's own entries as well
    #[arg(long)]
    system: bool,
    /// Set aside whatever fails often enough, also when the sink is at fault
    #[arg(long)]
    dead_letter_any: bool,
}

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "With --file and --stdout")]
struct FileOptions {
    /// File with the HMAC key, mode 0600, outside of the log's directory
    #[arg(long, value_name = "PATH")]
    key_file: Option<PathBuf>,
    /// Environment variable with the HMAC key
    #[arg(long, value_name = "NAME", conflicts_with = "key_file")]
    key_env: Option<String>,
    /// Length at which a file is full, such as 64MiB; never, when not given
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    rotate: Option<u64>,
    /// One chain over all files; the reference then verifies the first one only
    #[arg(long)]
    continuous: bool,
    /// Leave syncing to the system: power loss may cost lines
    #[arg(long)]
    no_sync: bool,
    /// Fewer fields and no hashes, as the reference prints without context
    #[arg(long)]
    brief: bool,
}

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "With --syslog, --http and --postgres")]
struct NetOptions {
    /// HOSTNAME in syslog messages; this machine's when not given
    #[arg(long, value_name = "NAME")]
    hostname: Option<String>,
    /// APP-NAME in syslog messages
    #[arg(long, value_name = "NAME", default_value = "wmark")]
    app_name: String,
    /// File with the value of the Authorization header, mode 0600
    #[arg(long, value_name = "PATH")]
    auth_file: Option<PathBuf>,
    /// Environment variable with the value of the Authorization header
    #[arg(long, value_name = "NAME", conflicts_with = "auth_file")]
    auth_env: Option<String>,
    /// Certificates (PEM) of the only authorities to trust for https; by default those of browsers
    #[arg(long, value_name = "PATH")]
    ca_file: Option<PathBuf>,
    /// How long an answer may take
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
    /// File with the connection string, mode 0600
    #[arg(long, value_name = "PATH")]
    dsn_file: Option<PathBuf>,
    /// Password file in PostgreSQL's form, mode 0600; PGPASSFILE when not given
    #[arg(long, value_name = "PATH")]
    passfile: Option<PathBuf>,
    /// The table, which is made when it is missing
    #[arg(long, value_name = "NAME", default_value = "witnessmark_entries")]
    table: String,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    name: &'a str,
    kind: &'static str,
    target: String,
}

fn absolute(path: &Path) -> Answer<PathBuf> {
    std::path::absolute(path)
        .map_err(|error| Failure::io(&error, format_args!("find {}", path.display())))
}

fn secret(file: Option<PathBuf>, variable: Option<String>) -> Answer<Option<SecretPlace>> {
    let file = file.map(|path| absolute(&path)).transpose()?;
    Ok(file.map(SecretPlace::File).or(variable.map(SecretPlace::Env)))
}

/// A key beside what it signs is found by whoever rewrites that.
fn refuse_inside(place: &SecretPlace, log: &Path) -> Answer<()> {
    let SecretPlace::File(path) = place else { return Ok(()) };
    let (Ok(path), Ok(log)) = (path.canonicalize(), log.canonicalize()) else { return Ok(()) };
    if path.starts_with(&log) {
        let message = format!("{} is inside the log's directory", path.display());
        return Err(Failure::usage(message)
            .hint("whoever rewrites the log would find the key there: keep it elsewhere"));
    }
    Ok(())
}

fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

fn kind_of(args: &mut Args) -> Answer<SinkKind> {
    let (files, net) = (&mut args.file_options, &mut args.net_options);
    if let Some(path) = &args.file {
        let key = secret(files.key_file.take(), files.key_env.take())?;
        let key = key.ok_or_else(|| {
            Failure::usage("--file needs a key: --key-file PATH or --key-env NAME")
        })?;
        return Ok(SinkKind::File {
            path: absolute(path)?,
            key,
            rotate_bytes: files.rotate.unwrap_or(0),
            continuous: files.continuous,
            sync: !files.no_sync,
        });
    }
    if args.stdout {
        return Ok(SinkKind::Stdout { context: !files.brief });
    }
    if let Some(address) = args.syslog.take() {
        let hostname = net.hostname.take().unwrap_or_else(hostname);
        return Ok(SinkKind::Syslog { address, hostname, app_name: net.app_name.clone() });
    }
    if let Some(url) = args.http.take() {
        let authorization = secret(net.auth_file.take(), net.auth_env.take())?;
        let authorities = net.ca_file.take().map(|path| absolute(&path)).transpose()?;
        let timeout_ms = net.timeout * 1000;
        return Ok(SinkKind::Http { url, authorization, timeout_ms, authorities });
    }
    let dsn = args.postgres.take().filter(|dsn| !dsn.is_empty());
    let dsn_file = net.dsn_file.take().map(|path| absolute(&path)).transpose()?;
    if dsn.is_some() == dsn_file.is_some() {
        return Err(Failure::usage("--postgres needs a connection string, or --dsn-file"));
    }
    let passfile = net.passfile.take().map(|path| absolute(&path)).transpose()?;
    Ok(SinkKind::Postgres { dsn, dsn_file, passfile, table: net.table.clone() })
}

/// Two sinks on one file would tear each other's chain.
fn refuse_shared(home: &SinkHome, kind: &SinkKind) -> Answer<()> {
    let SinkKind::File { path, .. } = kind else { return Ok(()) };
    for name in home.names()? {
        let Ok(other) = config(home, &name) else { continue };
        if matches!(&other.kind, SinkKind::File { path: taken, .. } if taken == path) {
            let message = format!("the sink {name} writes {} already", path.display());
            return Err(Failure::usage(message));
        }
    }
    Ok(())
}

pub(crate) fn run(mut args: Args, context: &mut Context) -> Answer {
    context.reader()?;
    let home = home(context);
    let kind = kind_of(&mut args)?;
    let config = SinkConfig {
        tries: args.tries,
        batch: args.batch,
        flush_ms: args.flush_ms,
        system: args.system,
        dead_letter_any: args.dead_letter_any,
        ..SinkConfig::new(kind)
    };
    config.check()?;
    if let SinkKind::File { key: place, .. } | SinkKind::Http { authorization: Some(place), .. } =
        &config.kind
    {
        refuse_inside(place, &context.global.log)?;
        // A variable may be set later, where the sink runs; a file that is wrong now stays wrong.
        if matches!(place, SecretPlace::File(_)) {
            place.read(&environment)?;
        }
    }
    refuse_shared(&home, &config.kind)?;
    home.add(&args.name, &config.to_text())?;
    let (target, name) = (target(&config.kind), args.name.as_str());
    let out = &mut context.out;
    if out.is_json() {
        let kind = kind_name(&config.kind);
        out.json(&Document { schema: "wmark.sink-add/1", name, kind, target })?;
        return Ok(DONE);
    }
    let target = Clean::text(&target).to_string();
    out.line(format_args!("Added {name}: {} {target}", kind_name(&config.kind)))?;
    out.say(format_args!("Next: wmark sink run {name}"));
    Ok(DONE)
}

fn kind_name(kind: &SinkKind) -> &'static str {
    match kind {
        SinkKind::File { .. } => "file",
        SinkKind::Stdout { .. } => "stdout",
        SinkKind::Syslog { .. } => "syslog",
        SinkKind::Http { .. } => "http",
        SinkKind::Postgres { .. } => "postgres",
        _ => "other",
    }
}
