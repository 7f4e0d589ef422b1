//! Tables: columns for people.
//!
//! ```text
//! TIME (UTC)                INDEX  AGENT                      width = widest cell of the first
//! 2026-11-22T22:14:03.120Z  18399  did:web:support.example    rows; what is wider later sticks out
//! ```
//!
//! Rows are held back until widths are known, at most [`HELD_MAX`] of them, and flow after that.
//! Cells are escaped here. On a terminal that is too narrow the widest columns give way, the first
//! one last, and what does not fit ends in an ellipsis; in a pipe nothing is ever cut.

use crate::errors::Answer;
use crate::escape::Clean;
use crate::output::{HEAD, Output, paint};
use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Rows that are held back to find widths.
const HELD_MAX: usize = 1000;
/// Widest column; longer cells stick out, and later columns move.
const COLUMN_MAX: usize = 60;

/// Narrowest column that is made so to fit a terminal.
const COLUMN_MIN: usize = 8;

/// On which side a column's cells are flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// A table being printed.
#[derive(Debug)]
pub(crate) struct Table {
    heads: Vec<(&'static str, Side)>,
    widths: Vec<usize>,
    held: Vec<Vec<String>>,
    has_begun: bool,
}

impl Table {
    pub(crate) fn new(heads: &[(&'static str, Side)]) -> Self {
        let widths = heads.iter().map(|(head, _)| head.width()).collect();
        Self { heads: heads.to_vec(), widths, held: Vec::new(), has_begun: false }
    }

    /// Adds a row; prints it, and those held back, once widths are known.
    pub(crate) fn row<S: AsRef<str>>(&mut self, out: &mut Output, cells: &[S]) -> Answer<()> {
        let cells: Vec<String> =
            cells.iter().map(|cell| Clean::text(cell.as_ref()).to_string()).collect();
        if self.has_begun {
            return self.print(out, &cells);
        }
        for (width, cell) in self.widths.iter_mut().zip(&cells) {
            *width = (*width).max(cell.width().min(COLUMN_MAX));
        }
        self.held.push(cells);
        if self.held.len() >= HELD_MAX { self.flush(out) } else { Ok(()) }
    }

    /// Prints what is held back. Widths stay as they are from here on.
    pub(crate) fn flush(&mut self, out: &mut Output) -> Answer<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        if !std::mem::replace(&mut self.has_begun, true) {
            if let Some(width) = out.width() {
                self.fit(width);
            }
            let heads: Vec<String> =
                self.heads.iter().map(|(head, _)| (*head).to_owned()).collect();
            let line = self.line(&heads, out.width());
            out.line(paint(HEAD, line))?;
        }
        for cells in std::mem::take(&mut self.held) {
            self.print(out, &cells)?;
        }
        Ok(())
    }

    /// Makes the widest columns narrower until a line fits, or nothing can give way any more.
    fn fit(&mut self, width: usize) {
        let gaps = 2 * self.widths.len().saturating_sub(1);
        while self.widths.iter().sum::<usize>() + gaps > width {
            let others = self.widths.iter_mut().zip(&self.heads).skip(1);
            let left = others.filter(|(_, (_, side))| *side == Side::Left).map(|(width, _)| width);
            match left.max_by_key(|width| **width) {
                Some(widest) if *widest > COLUMN_MIN => *widest -= 1,
                _ => return,
            }
        }
    }

    fn print(&self, out: &mut Output, cells: &[String]) -> Answer<()> {
        let line = self.line(cells, out.width());
        out.line(line)
    }

    fn line(&self, cells: &[String], width_max: Option<usize>) -> String {
        let mut line = String::new();
        for ((cell, width), (_, side)) in cells.iter().zip(&self.widths).zip(&self.heads) {
            if !line.is_empty() {
                line.push_str("  ");
            }
            let cell = match width_max {
                Some(_) if *side == Side::Left => shorten(cell, *width),
                _ => Cow::Borrowed(cell.as_str()),
            };
            let pad = " ".repeat(width.saturating_sub(cell.width()));
            match side {
                Side::Left => line.extend([&*cell, &pad]),
                Side::Right => line.extend([&*pad, &cell]),
            }
        }
        let line = line.trim_end();
        width_max.map_or_else(|| line.to_owned(), |width| shorten(line, width).into_owned())
    }
}

/// A text of at most `width` columns; an ellipsis stands for what is missing.
fn shorten(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    Cow::Owned(cut(text, width.saturating_sub(1)) + "…")
}

/// As much of the beginning of a text as fits into `width` columns.
fn cut(text: &str, width: usize) -> String {
    let mut used = 0;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= width
    };
    text.chars().take_while(fits).collect()
}

/// A count with thousands separators.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of bytes with a unit.
pub(crate) fn bytes(count: u64) -> String {
    indicatif::BinaryBytes(count).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_are_cut_at_the_width() {
        let mut table = Table::new(&[("A", Side::Left), ("N", Side::Right), ("Z", Side::Left)]);
        table.widths = vec![4, 3, 1];
        let cells = ["例".to_owned(), "7".to_owned(), "end".to_owned()];
        assert_eq!(table.line(&cells, None), "例      7  end");
        assert_eq!(table.line(&cells, Some(12)), "例      7  …");
        let mut wide = Table::new(&[("TIME", Side::Left), ("A", Side::Left), ("B", Side::Left)]);
        wide.widths = vec![24, 30, 12];
        wide.fit(60);
        assert_eq!(wide.widths, [24, 20, 12]);
        wide.fit(10);
        assert_eq!(wide.widths, [24, COLUMN_MIN, COLUMN_MIN]);
        assert_eq!((grouped(0), grouped(1_234_567)), ("0".into(), "1,234,567".into()));
    }
}
