//! `wmark root`: size and root of the tree, now or at an earlier size.

use crate::context::Context;
use crate::errors::{Answer, DONE};
use serde::Serialize;
use witnessmark::Hash;

/// Print size and root of the log's tree
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark root
  wmark root --size 1000
  wmark root --json | tee anchor.json")]
pub(crate) struct Args {
    /// The tree over the first N entries
    #[arg(long, value_name = "N")]
    size: Option<u64>,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    size: u64,
    root: String,
}

impl Document {
    fn new(size: u64, root: Hash) -> Self {
        Self { schema: "wmark.root/1", size, root: root.to_hex() }
    }
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let view = context.view()?;
    let head = view.head();
    let (size, root) = match args.size {
        Some(size) => (size, view.root_at(size.into())?),
        None => (head.size.get(), head.root),
    };
    let out = &mut context.out;
    if out.is_json() {
        out.json(&Document::new(size, root))?;
    } else {
        out.line(format_args!("{root}@{size}"))?;
    }
    // An anchor is worth what it is told: entries at the end may be nobody's promise yet.
    let unvouched = view.unvouched();
    if unvouched > 0 {
        out.warn(format_args!("nothing vouches yet for the last {unvouched} entries"));
    }
    Ok(DONE)
}
