//! Entries on their way out: as a row for people, as an object for scripts.
//!
//! ```text
//! Printer --Form::Table--> columns: time, index, agent, action, resource, decision
//!         --Form::Lines--> one JSON object per line
//! ```

use crate::context::Context;
use crate::errors::{Answer, Failure, NEGATIVE};
use crate::output::Output;
use crate::table::{Side, Table};
use crate::time;
use clap::ValueEnum;
use std::ops::ControlFlow;
use witnessmark::{ErrorKind, Plan, Query, StoredEntry, View};

/// How entries are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// Columns for people
    Table,
    /// One JSON object per line
    #[value(name = "jsonl", alias = "json")]
    Lines,
}

const COLUMNS: [(&str, Side); 7] = [
    ("TIME (UTC)", Side::Left),
    ("INDEX", Side::Right),
    ("AGENT", Side::Left),
    ("TYPE", Side::Left),
    ("ACTION", Side::Left),
    ("RESOURCE", Side::Left),
    ("DECISION", Side::Left),
];

/// Terminals narrower than this do without the event type, which says least.
const TYPE_WIDTH_MIN: usize = 110;
const TYPE: usize = 3;

/// Prints entries, one at a time.
#[derive(Debug)]
pub(crate) struct Printer {
    table: Option<Table>,
    has_type: bool,
}

impl Printer {
    /// `--format`, or what `--json` asks for, or columns.
    pub(crate) fn new(out: &Output, form: Option<Form>) -> Self {
        let form = form.unwrap_or(if out.is_json() { Form::Lines } else { Form::Table });
        let has_type = out.width().is_none_or(|width| width >= TYPE_WIDTH_MIN);
        let columns = chosen(COLUMNS, has_type);
        Self { table: (form == Form::Table).then(|| Table::new(&columns)), has_type }
    }

    /// Whether people read this.
    pub(crate) fn is_table(&self) -> bool {
        self.table.is_some()
    }

    /// Prints one entry; a table may hold it back until [`Printer::flush`].
    pub(crate) fn print(&mut self, out: &mut Output, entry: &StoredEntry) -> Answer<()> {
        match &mut self.table {
            None => out.json_text(&witnessmark::entry_json(entry)),
            Some(table) => table.row(out, &chosen(cells(entry), self.has_type)),
        }
    }

    /// Hands on everything printed so far.
    pub(crate) fn flush(&mut self, out: &mut Output) -> Answer<()> {
        if let Some(table) = &mut self.table {
            table.flush(out)?;
        }
        out.flush()
    }
}

/// The columns without the event type, or with it.
fn chosen<T, const N: usize>(columns: [T; N], has_type: bool) -> Vec<T> {
    let columns = columns.into_iter().enumerate();
    columns.filter(|(at, _)| has_type || *at != TYPE).map(|(_, column)| column).collect()
}

/// One entry in the order of the columns.
fn cells(entry: &StoredEntry) -> [String; 7] {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    // What was decided says most; where nobody decided, how it ended.
    let decision = entry.policy_decision().or(entry.outcome());
    [
        time::show(entry.timestamp()),
        entry.index().to_string(),
        entry.agent_did().to_owned(),
        entry.event_type().to_owned(),
        entry.action().to_owned(),
        text(entry.resource()),
        text(decision),
    ]
}

/// Prints every match of a query and says how many there were. Nothing is kept, so there may be
/// any number.
pub(crate) fn print_all(
    context: &mut Context,
    view: &View,
    query: &Query,
    printer: &mut Printer,
) -> Answer<(u64, Plan)> {
    let mut count = 0;
    let plan = for_each(view, query, |entry| {
        count += 1;
        printer.print(&mut context.out, entry)
    })?;
    printer.flush(&mut context.out)?;
    Ok((count, plan))
}

/// Hands each match to `f`; the first failure ends the walk and is the answer.
pub(crate) fn for_each(
    view: &View,
    query: &Query,
    mut f: impl FnMut(&StoredEntry) -> Answer<()>,
) -> Answer<Plan> {
    let mut failed: Option<Failure> = None;
    let plan = view.for_each(query, |entry| match f(&entry) {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(failure) => {
            failed = Some(failure);
            Ok(ControlFlow::Break(()))
        }
    })?;
    failed.map_or(Ok(plan), Err)
}

/// Finds an entry by index or id. A number is an index first.
pub(crate) fn find(view: &View, which: &str) -> Answer<StoredEntry> {
    if let Ok(index) = which.parse::<u64>()
        && view.size().contains(index.into())
    {
        return Ok(view.entry(index.into())?);
    }
    view.get_entry(which)?.ok_or_else(|| {
        let message = format!("there is no entry {which:?} in this log of {}", view.size());
        Failure::new(NEGATIVE.0, ErrorKind::NotFound.as_str(), message)
    })
}
