//! `wmark append`: one entry from flags.
//!
//! Opens the log as its writer, so it costs an opening each time; for many entries there is
//! `wmark ingest`.

use crate::admission::Admission;
use crate::context::Context;
use crate::errors::{Answer, DONE, Failure};
use crate::escape::Clean;
use crate::interrupt::Interrupt;
use crate::time::{self, Bound};
use clap::ValueEnum;
use serde::Serialize;
use std::io::Read as _;
use witnessmark::limits::PAYLOAD_BYTES_MAX;
use witnessmark::{BufferedReceipt, Entry, Field, Receipt};

/// Append one entry, given as flags
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark append --type tool_invocation --agent did:web:sales.example.com --action allow \\
      --resource /crm/contacts --data '{\"tool\":\"crm_lookup\"}' --trace trace-7f3a
  wmark append --type tool_blocked --agent did:web:x.example --action deny --outcome denied \\
      --policy-decision 'blocked: pii-export' --rule pii-export
  jq .call event.json | wmark append --type tool_invocation --agent did:web:x.example --data -")]
pub(crate) struct Args {
    /// Event type, such as tool_invocation
    #[arg(long = "type", value_name = "TYPE")]
    event_type: String,
    /// The acting agent
    #[arg(long, value_name = "DID")]
    agent: String,
    /// What policy did: allow, deny, audit, quarantine, warning, or another word
    #[arg(long, value_name = "WORD", default_value = "allow")]
    action: String,
    /// How it ended: success, failure, denied, error, or another word
    #[arg(long, value_name = "WORD", default_value = "success")]
    outcome: String,
    /// JSON, or @FILE, or - for standard input
    #[arg(long, value_name = "JSON")]
    data: Option<String>,
    /// When it happened: RFC 3339, or a duration ago; now when not given
    #[arg(long, value_name = "TIME")]
    timestamp: Option<String>,
    /// The entry's id, at most 64 bytes; the same entry twice is answered with the first receipt
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// What was accessed
    #[arg(long, value_name = "TEXT")]
    resource: Option<String>,
    /// The agent at the other end
    #[arg(long, value_name = "DID")]
    target: Option<String>,
    /// The policy's result in words
    #[arg(long, value_name = "TEXT")]
    policy_decision: Option<String>,
    /// The rule that matched
    #[arg(long, value_name = "ID")]
    rule: Option<String>,
    /// Correlation id across agents
    #[arg(long, value_name = "ID")]
    trace: Option<String>,
    /// Session id
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Any other text field, such as approver_did=did:web:boss.example
    #[arg(long = "set", value_name = "FIELD=TEXT")]
    more: Vec<String>,
    /// Answer when the entry is on the disk, or when it is written
    #[arg(long, value_name = "LEVEL", default_value = "durable")]
    ack: Ack,
    #[command(flatten)]
    admission: Admission,
}

/// What an append waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Ack {
    /// Survives power loss
    Durable,
    /// Survives this process
    Buffered,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    index: u64,
    entry_id: String,
    entry_hash: String,
    durable: bool,
    duplicate: bool,
    redacted: u32,
}

impl Document {
    fn durable(receipt: &Receipt) -> Self {
        Self {
            schema: "wmark.append/1",
            index: receipt.index().get(),
            entry_id: receipt.entry_id().to_owned(),
            entry_hash: receipt.entry_hash().to_hex(),
            durable: receipt.is_durable(),
            duplicate: receipt.is_duplicate(),
            redacted: receipt.redacted(),
        }
    }

    fn buffered(receipt: &BufferedReceipt) -> Self {
        Self {
            schema: "wmark.append/1",
            index: receipt.index().get(),
            entry_id: receipt.entry_id().to_owned(),
            entry_hash: receipt.entry_hash().to_hex(),
            durable: false,
            duplicate: false,
            redacted: receipt.redacted(),
        }
    }
}

fn read_data(given: &str) -> Answer<String> {
    let mut text = String::new();
    let limit = 2 * PAYLOAD_BYTES_MAX as u64;
    let read = match given.strip_prefix('@') {
        None if given == "-" => std::io::stdin().lock().take(limit).read_to_string(&mut text),
        None => return Ok(given.to_owned()),
        Some(path) => {
            std::fs::File::open(path).and_then(|file| file.take(limit).read_to_string(&mut text))
        }
    };
    read.map_err(|error| Failure::io(&error, format_args!("read data from {given}")))?;
    Ok(text)
}

fn entry_of(args: &Args) -> Answer<Entry<'_>> {
    let mut entry = Entry::new(&*args.event_type, &*args.agent, &*args.action);
    let fields = [
        (Field::Outcome, Some(&args.outcome)),
        (Field::EntryId, args.id.as_ref()),
        (Field::Resource, args.resource.as_ref()),
        (Field::TargetDid, args.target.as_ref()),
        (Field::PolicyDecision, args.policy_decision.as_ref()),
        (Field::MatchedRule, args.rule.as_ref()),
        (Field::TraceId, args.trace.as_ref()),
        (Field::SessionId, args.session.as_ref()),
    ];
    for (field, value) in fields {
        if let Some(value) = value {
            entry = entry.set(field, value.as_str());
        }
    }
    for pair in &args.more {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("--set {pair:?}: wanted FIELD=TEXT")))?;
        let field = Field::from_name(name)
            .ok_or_else(|| Failure::usage(format!("--set: there is no field {name:?}")))?;
        entry = entry.set(field, value);
    }
    if let Some(text) = &args.timestamp {
        entry = entry.timestamp(time::parse(text, Bound::Since)?);
    }
    if let Some(given) = &args.data {
        entry = entry.data_text(read_data(given)?);
    }
    Ok(entry)
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let entry = entry_of(&args)?;
    let interrupt = Interrupt::install()?;
    let log = context.admitting(&args.admission, None)?;
    if interrupt.is_raised() {
        return Err(interrupt.failure(log.close()?.size.get()));
    }
    let document = match args.ack {
        Ack::Durable => Document::durable(&log.append(entry)?),
        Ack::Buffered => Document::buffered(&log.append_buffered(entry)?),
    };
    let out = &mut context.out;
    if out.is_json() {
        out.json(&document)?;
    } else {
        let Document { index, entry_id, entry_hash, durable, duplicate, redacted, .. } = &document;
        let level = if *durable { "durable" } else { "buffered" };
        let again = if *duplicate { " (in the log already)" } else { "" };
        let id = Clean::text(entry_id);
        out.line(format_args!("{index} {id} sha256:{entry_hash} {level}{again}"))?;
        if *redacted > 0 {
            out.say(format_args!("{redacted} taken out by redaction"));
        }
    }
    out.flush()?;
    log.close()?;
    Ok(DONE)
}
