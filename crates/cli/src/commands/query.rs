//! `wmark query`: finds entries, or counts them.

use crate::context::Context;
use crate::entries::{Form, Printer, print_all};
use crate::errors::{Answer, DONE, NEGATIVE};
use crate::filters::{Filters, parse_key};
use crate::table::{Side, Table, grouped};
use clap::ValueEnum;
use serde::{Serialize, Serializer};
use witnessmark::limits::QUERY_LIMIT_DEFAULT;
use witnessmark::{Cursor, Key, Order, Plan, Query, View};

/// Find entries: all filters hold at once, the most recent 100 matches by default
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark query --outcome denied --since 24h
  wmark query --agent did:web:sales.example.com --order newest --limit 20
  wmark query --trace trace-7f3a --json | jq -r .agent_did | sort -u
  wmark query --type tool_blocked --count --by agent
  wmark query --resource-prefix /payroll --since 7d --exit-status && echo somebody was there")]
pub(crate) struct Args {
    #[command(flatten)]
    filters: Filters,
    /// At most N matches; 0 for all
    #[arg(long, value_name = "N", default_value_t = QUERY_LIMIT_DEFAULT)]
    limit: usize,
    /// Which matches come first
    #[arg(long, value_name = "WHICH", default_value = "recent")]
    order: Which,
    /// Go on where a page of this query ended
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<Cursor>,
    /// Only this index and later ones
    #[arg(long, value_name = "INDEX")]
    from: Option<u64>,
    /// Only indices below this one
    #[arg(long, value_name = "INDEX")]
    to: Option<u64>,
    /// Print how many match, whatever the limit
    #[arg(long)]
    count: bool,
    /// Print how many match per value of a field (agent, type, outcome, action, trace, session,
    /// target, resource)
    #[arg(long, value_name = "FIELD", value_parser = parse_key)]
    by: Option<Key>,
    /// How to print
    #[arg(long, value_name = "FORM")]
    format: Option<Form>,
    /// Say on stderr how the matches were found
    #[arg(long)]
    explain: bool,
    /// Believe no index: read every entry, check its hash, and judge it by itself
    #[arg(long)]
    verified: bool,
    /// End with 1 when nothing matches
    #[arg(long)]
    exit_status: bool,
}

/// Which matches come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    /// The most recent ones, the oldest of them first
    Recent,
    /// The most recent first
    Newest,
    /// From the beginning of the log on
    Oldest,
}

impl From<Which> for Order {
    fn from(which: Which) -> Self {
        match which {
            Which::Recent => Self::Recent,
            Which::Newest => Self::Newest,
            Which::Oldest => Self::Oldest,
        }
    }
}

fn query_of(args: &Args) -> Answer<Query> {
    let mut query = args.filters.query()?.limit(args.limit).order(args.order.into());
    query = query.verified(args.verified);
    if let Some(cursor) = args.cursor {
        query = query.cursor(cursor);
    }
    if let Some(index) = args.from {
        query = query.from(index);
    }
    if let Some(index) = args.to {
        query = query.to(index);
    }
    Ok(query)
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let query = query_of(&args)?;
    let view = context.view()?;
    let (count, plan) = match args.by {
        Some(key) => count_by(context, &view, &query, key)?,
        None if args.count => count(context, &view, &query)?,
        None => page(&args, context, &view, &query)?,
    };
    if args.explain {
        context.out.explain(&plan);
    }
    Ok(if count == 0 && args.exit_status { NEGATIVE } else { DONE })
}

#[derive(Serialize)]
struct Count {
    count: u64,
}

fn count(context: &mut Context, view: &View, query: &Query) -> Answer<(u64, Plan)> {
    let (count, plan) = view.count(query)?;
    let out = &mut context.out;
    if out.is_json() {
        out.json(&Count { count })?
    } else {
        out.line(count)?
    }
    Ok((count, plan))
}

#[derive(Serialize)]
struct Counts<'a> {
    #[serde(serialize_with = "in_order")]
    counts: &'a [(String, u64)],
}

/// As an object whose keys stay in the order found: most frequent first.
fn in_order<S: Serializer>(counts: &[(String, u64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(counts.iter().map(|(value, count)| (value, count)))
}

fn count_by(context: &mut Context, view: &View, query: &Query, key: Key) -> Answer<(u64, Plan)> {
    let (counts, plan) = view.count_by(query, key)?;
    let total = counts.iter().map(|(_, count)| count).sum();
    let out = &mut context.out;
    if out.is_json() {
        out.json(&Counts { counts: &counts })?;
        return Ok((total, plan));
    }
    let mut table = Table::new(&[("COUNT", Side::Right), (key.short_name(), Side::Left)]);
    for (value, count) in &counts {
        table.row(out, &[grouped(*count).as_str(), value])?;
    }
    table.flush(out)?;
    Ok((total, plan))
}

fn page(args: &Args, context: &mut Context, view: &View, query: &Query) -> Answer<(u64, Plan)> {
    let mut printer = Printer::new(&context.out, args.format);
    if args.limit == 0 {
        return print_all(context, view, query, &mut printer);
    }
    let page = view.query(query)?;
    for entry in &page.entries {
        printer.print(&mut context.out, entry)?;
    }
    printer.flush(&mut context.out)?;
    let shown = page.entries.len() as u64;
    let out = &mut context.out;
    if let Some(cursor) = page.next
        && !out.is_quiet()
    {
        let (total, _) = view.count(query)?;
        let (shown, total) = (grouped(shown), grouped(total));
        out.say(format_args!(
            "showing {shown} of {total} matches; --limit 0 for all, or go on with --cursor {cursor}"
        ));
    } else if shown == 0 && printer.is_table() {
        out.say("no entry matches");
    }
    Ok((shown, page.plan))
}
