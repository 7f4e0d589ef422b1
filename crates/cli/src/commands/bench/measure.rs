//! Measures: one figure of several rounds, and whether it reaches its bar.

use super::bars::Bar;
use super::row::Row;
use crate::table::Side;
use serde::{Deserialize, Serialize};

/// What one thing to measure came to: rows for each run, and the figures that count.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) rows: Vec<Row>,
    pub(super) measures: Vec<Measure>,
}

/// One figure: the median of its rounds, with the least and the greatest.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Measure {
    name: String,
    /// Entries of a round, or of the log that is asked.
    entries: u64,
    unit: String,
    rounds: usize,
    median: f64,
    min: f64,
    max: f64,
    bar: Option<Judged>,
}

/// A bar, and how the median stands to it.
#[derive(Debug, Serialize, Deserialize)]
struct Judged {
    number: u8,
    /// `>=` or `<=`.
    relation: String,
    must: f64,
    stretch: f64,
    from: String,
    holds: bool,
    reaches_stretch: bool,
}

impl Measure {
    /// The columns.
    pub(super) const HEADS: [(&'static str, Side); 9] = [
        ("bar", Side::Right),
        ("what", Side::Left),
        ("entries", Side::Right),
        ("median", Side::Right),
        ("min", Side::Right),
        ("max", Side::Right),
        ("unit", Side::Left),
        ("wanted", Side::Left),
        ("holds", Side::Left),
    ];

    /// Of the values of all rounds, at least one, in any order.
    pub(super) fn new(
        name: impl Into<String>,
        unit: &str,
        entries: u64,
        mut values: Vec<f64>,
        bar: Option<&Bar>,
    ) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |place: usize| values.get(place).copied().unwrap_or(0.0);
        let rounds = values.len();
        let median = f64::midpoint(at(rounds.saturating_sub(1) / 2), at(rounds / 2));
        let (min, max) = (at(0), at(rounds.saturating_sub(1)));
        let bar = bar.map(|bar| Judged::of(bar, median));
        Self { name: name.into(), entries, unit: unit.into(), rounds, median, min, max, bar }
    }

    /// What was measured.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Where it stands beside the same at other sizes.
    pub(super) fn place(&self) -> (u8, String, String, u64) {
        let number = self.bar.as_ref().map_or(u8::MAX, |bar| bar.number);
        (number, self.name.clone(), self.unit.clone(), self.entries)
    }

    /// Cells, for people and for scripts.
    pub(super) fn cells(&self) -> [String; 9] {
        let (number, wanted, holds) = match &self.bar {
            None => Default::default(),
            Some(bar) => (bar.number.to_string(), bar.wanted(), bar.verdict().to_owned()),
        };
        [
            number,
            self.name.clone(),
            self.entries.to_string(),
            short(self.median),
            short(self.min),
            short(self.max),
            self.unit.clone(),
            wanted,
            holds,
        ]
    }
}

impl Judged {
    fn of(bar: &Bar, value: f64) -> Self {
        let reaches = |wanted: f64| match bar.is_least {
            true => value >= wanted,
            false => value <= wanted,
        };
        Self {
            number: bar.number,
            relation: if bar.is_least { ">=" } else { "<=" }.to_owned(),
            must: bar.must,
            stretch: bar.stretch,
            from: bar.from.to_owned(),
            holds: reaches(bar.must),
            reaches_stretch: reaches(bar.stretch),
        }
    }

    fn wanted(&self) -> String {
        let Self { relation, must, from, .. } = self;
        match from.is_empty() {
            true => format!("{relation} {}", short(*must)),
            false => format!("{relation} {} ({from})", short(*must)),
        }
    }

    fn verdict(&self) -> &'static str {
        match (self.holds, self.reaches_stretch) {
            (_, true) => "yes, stretch too",
            (true, false) => "yes",
            (false, false) => "no",
        }
    }
}

/// Four digits that count, and no exponent.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => format!("{value:.0}"),
        size if size >= 100.0 => format!("{value:.1}"),
        size if size >= 10.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::bench::bars;

    #[test]
    fn the_median_is_judged_and_not_the_best_round() {
        let judged = |values: &[f64], bar| {
            let measure = Measure::new("m", "x floor", 1, values.to_vec(), Some(bar));
            let cells = measure.cells();
            (cells[3].clone(), cells[8].clone())
        };
        let bar = &bars::BATCHES;
        assert_eq!(judged(&[0.9, 0.4, 0.45], bar), ("0.450".into(), "no".into()));
        assert_eq!(judged(&[0.9, 0.5, 0.45], bar), ("0.500".into(), "yes".into()));
        assert_eq!(judged(&[0.9, 0.7], bar), ("0.800".into(), "yes, stretch too".into()));
        assert_eq!(judged(&[101.0], &bars::OPEN), ("101.0".into(), "no".into()));
        assert_eq!(judged(&[51.0], &bars::OPEN), ("51.00".into(), "yes".into()));
        assert_eq!(judged(&[1.0, 9.0, 2.0, 3.0], &bars::OPEN).0, "2.500");
    }
}
