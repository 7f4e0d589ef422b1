//! `wmark get`: one entry, by index or by id.

use crate::context::Context;
use crate::entries::find;
use crate::errors::{Answer, DONE, Failure, NEGATIVE};
use crate::escape::Clean;
use crate::output::{DIM, HEAD, paint};
use crate::time;
use witnessmark::{ErrorKind, Field, StoredEntry};

/// Print one entry
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark get 184213
  wmark get 01a20726-94ef-7117-9e21-d66abdab1273 --json | jq .data
  wmark get 184213 --raw > data.json")]
pub(crate) struct Args {
    /// The entry's index or its id
    #[arg(value_name = "ID|INDEX")]
    which: String,
    /// Print the exact bytes of its data and nothing else
    #[arg(long, conflicts_with = "json")]
    raw: bool,
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let view = context.view()?;
    let entry = find(&view, &args.which)?;
    let out = &mut context.out;
    if args.raw {
        let message = format!("entry {} holds no data", entry.index());
        let none = || Failure::new(NEGATIVE.0, ErrorKind::NotFound.as_str(), message);
        let data = entry.data_text().ok_or_else(none)?;
        out.bytes(data.as_bytes())?;
        return Ok(DONE);
    }
    if out.is_json() {
        out.json_text(&witnessmark::entry_json(&entry))?;
        return Ok(DONE);
    }
    show(&entry, context)?;
    Ok(DONE)
}

fn show(entry: &StoredEntry, context: &mut Context) -> Answer<()> {
    let mut rows: Vec<(&str, String)> = vec![
        ("index", entry.index().to_string()),
        ("entry_id", entry.entry_id()),
        ("recorded_at", time::show_nanos(entry.recorded_at().0)),
    ];
    for field in Field::ALL {
        if matches!(field, Field::EntryId | Field::EntryUuid) {
            continue;
        }
        let value = match field.is_time() {
            true => entry.time(field).map(time::show),
            false => entry.text(field).map(str::to_owned),
        };
        rows.extend(value.map(|value| (field.name(), value)));
    }
    rows.extend(entry.data_text().map(|data| ("data", data.to_owned())));
    rows.push(("agent_seq", entry.agent_seq().to_string()));
    rows.push(("type_seq", entry.type_seq().to_string()));
    rows.push(("previous_hash", entry.previous_hash().to_hex()));
    rows.push(("entry_hash", entry.entry_hash().to_hex()));
    for (name, value) in rows {
        let style = if name.ends_with("_hash") { DIM } else { HEAD };
        let name = paint(style, format_args!("{name:<16}"));
        context.out.line(format_args!("{name}  {}", Clean::text(&value)))?;
    }
    Ok(())
}
