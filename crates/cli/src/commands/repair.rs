//! `wmark repair`: mends what can be mended without touching an acknowledged byte.

use crate::context::{Context, no_log};
use crate::errors::{Answer, DONE, NEGATIVE};
use crate::escape::Clean;
use crate::output::{BAD, GOOD, paint};
use serde::Serialize;
use witnessmark::{RepairOptions, repair};

/// Set a torn tail aside and make side files again; only says what it would do without --yes
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Acknowledged entries are never changed or removed: damage to them is named, and the file has to
come from a backup.

Examples:
  wmark repair
  wmark repair --yes
  wmark -C ./copy repair --json | jq .refused")]
pub(crate) struct Args {
    /// Really do it
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    dry_run: bool,
    actions: &'a [String],
    refused: &'a [String],
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let options = if args.yes { RepairOptions::for_real() } else { RepairOptions::default() };
    let dir = context.global.log.clone();
    let report = repair(&dir, options).map_err(|error| no_log(error, &dir))?;
    let (actions, refused) = (report.actions.as_slice(), report.refused.as_slice());
    let exit = if refused.is_empty() { DONE } else { NEGATIVE };
    let out = &mut context.out;
    if out.is_json() {
        out.json(&Document { schema: "wmark.repair/1", dry_run: !args.yes, actions, refused })?;
        return Ok(exit);
    }
    let verb = if args.yes { "done" } else { "would" };
    for action in actions {
        out.line(format_args!("{}  {}", paint(GOOD, verb), Clean::text(action)))?;
    }
    for refusal in refused {
        out.line(format_args!("{}  {}", paint(BAD, "cannot mend"), Clean::text(refusal)))?;
    }
    match (actions.is_empty(), refused.is_empty()) {
        (true, true) => out.line("nothing to repair")?,
        (_, false) => out.say("restore the file from a backup, then run `wmark verify`"),
        (false, true) if !args.yes => out.say("dry run; repeat with --yes"),
        (false, true) => {}
    }
    Ok(exit)
}
