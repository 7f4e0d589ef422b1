//! Walking: the entries a query asks for, a few at a time, while nothing is lent.
//!
//! A view lends its index to the query that runs, so whoever is given an entry in the middle of a
//! query must not ask the view for more. Here entries are collected up to a bound first, and handed on
//! when the query has paused; a cursor takes it up again.

use crate::error::Error;
use crate::format::stored::StoredEntry;
use crate::limits::{EXPORT_BATCH_BYTES, EXPORT_BATCH_ENTRIES};
use crate::query::{Cursor, Order, Query};
use crate::view::View;
use std::ops::ControlFlow;

/// Hands every match to `each`, oldest first, in memory for a few mebibytes. `each` may ask the view
/// for nodes and entries.
///
/// # Errors
/// As [`View::query`], and whatever `each` answers.
pub fn walk<E: From<Error>>(
    view: &View,
    query: &Query,
    mut each: impl FnMut(&StoredEntry) -> Result<(), E>,
) -> Result<(), E> {
    let mut query = query.clone().order(Order::Oldest).limit(0);
    loop {
        let (mut batch, mut bytes, mut is_full) = (Vec::new(), 0, false);
        view.for_each(&query, |entry| {
            bytes += entry.stored_len();
            batch.push(entry);
            is_full = bytes >= EXPORT_BATCH_BYTES || batch.len() >= EXPORT_BATCH_ENTRIES;
            Ok(if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        batch.iter().try_for_each(&mut each)?;
        match batch.last().filter(|_| is_full) {
            Some(last) => query = query.cursor(Cursor::From(last.index().get() + 1)),
            None => return Ok(()),
        }
    }
}
