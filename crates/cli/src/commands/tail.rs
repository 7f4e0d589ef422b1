//! `wmark tail`: the last entries, and those to come.
//!
//! Follows the files, as every reader does: no lock, and nothing is shown before it is durable.

use crate::context::Context;
use crate::entries::{Form, Printer, print_all};
use crate::errors::{Answer, DONE};
use crate::filters::Filters;
use std::time::Duration;
use witnessmark::Order;

/// How often a followed log is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Print the last entries, and follow the log
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark tail
  wmark tail -n 2 -f --type policy_violation
  wmark tail --from 184000 --json
  wmark tail -f --json | while read -r entry; do notify \"$entry\"; done")]
pub(crate) struct Args {
    #[command(flatten)]
    filters: Filters,
    /// Begin with the last N matches
    #[arg(short = 'n', long = "lines", value_name = "N", default_value_t = 10)]
    lines: usize,
    /// Go on with entries as they become durable, until interrupted
    #[arg(short, long)]
    follow: bool,
    /// Begin with this index
    #[arg(long, value_name = "INDEX", conflicts_with = "lines")]
    from: Option<u64>,
    /// How to print
    #[arg(long, value_name = "FORM")]
    format: Option<Form>,
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let filters = args.filters.query()?;
    let reader = context.reader()?;
    let view = reader.view()?;
    let mut printer = Printer::new(&context.out, args.format);
    let size = view.size().get();
    let first = match args.from {
        Some(index) => Some(filters.clone().from(index).order(Order::Oldest).limit(0)),
        None => (args.lines > 0).then(|| filters.clone().limit(args.lines)),
    };
    if let Some(first) = first {
        print_all(context, &view, &first, &mut printer)?;
    }
    let mut next = size.max(args.from.unwrap_or(0));
    if !args.follow {
        return Ok(DONE);
    }
    loop {
        std::thread::sleep(LOOK_AGAIN);
        let view = reader.view()?;
        let size = view.size().get();
        if size > next {
            let fresh = filters.clone().from(next).to(size).order(Order::Oldest).limit(0);
            print_all(context, &view, &fresh, &mut printer)?;
            next = size;
        }
    }
}
