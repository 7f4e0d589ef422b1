//! The report as one HTML file: for somebody who reads it, prints it, and files it.
//!
//! ```text
//! ComplianceReport --visible--> context + geometry of charts --page.html, auto-escaped--> one file
//! ```
//!
//! The template holds the words and the style; this file holds what a template should not compute.
//! Invariants: every text goes through [`visible`] here and through the engine's HTML escaping
//! there; the page has no script, loads nothing, and forbids both to whatever might slip in by a
//! content security policy. Colour never carries a meaning alone, and every chart has its numbers
//! in a table.

use super::document::ComplianceReport;
use super::value::{Cited, Counts, Day};
use super::visible::{grouped, shortened, visible};
use crate::error::{Error, ErrorKind, Result};
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde::Serialize;
use std::collections::BTreeMap;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
/// Most columns of a chart; longer periods are drawn by week, month or quarter.
const COLUMNS_MAX: usize = 92;
/// Most words in a table of counts; the rest is one line.
const WORDS_MAX: usize = 12;
/// Width and height of a chart's own coordinates; it is stretched to the page.
const CHART_WIDTH: f64 = 1000.0;
const CHART_HEIGHT: f64 = 100.0;
/// Height of a column that stands for something, however little.
const COLUMN_HEIGHT_MIN: f64 = 1.5;

/// A row of a table of counts, with its bar.
#[derive(Serialize)]
struct Row {
    word: String,
    count: u64,
    /// Of all, in percent with one decimal.
    share: String,
    /// Length of the bar: of the longest, in percent.
    bar: f64,
}

#[derive(Serialize)]
struct Column {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    series: usize,
    title: String,
}

#[derive(Serialize)]
struct Tick {
    label: String,
    /// From the top, in percent.
    y: f64,
}

/// A chart of columns over time.
#[derive(Serialize)]
struct Chart {
    columns: Vec<Column>,
    ticks: Vec<Tick>,
    first: String,
    middle: String,
    last: String,
    /// Days that one column stands for.
    days_per_column: usize,
    summary: String,
}

type Series = (&'static str, fn(&Day) -> u64);

fn rows(counts: &Counts) -> Vec<Row> {
    let (total, longest) = (counts.total(), counts.0.iter().map(|(_, count)| *count).max());
    let percent = |count: u64, of: u64| if of == 0 { 0.0 } else { ratio(count, of) * 100.0 };
    let row = |word: String, count: u64| Row {
        word,
        count,
        share: format!("{:.1}", percent(count, total)),
        bar: percent(count, longest.unwrap_or(0)).min(100.0),
    };
    let named = counts.0.iter().take(WORDS_MAX);
    let mut rows: Vec<Row> = named.map(|(word, count)| row(word.clone(), *count)).collect();
    let others = counts.0.get(WORDS_MAX..).unwrap_or_default();
    if !others.is_empty() {
        let count = others.iter().map(|(_, count)| count).sum();
        rows.push(row(format!("{} others", grouped(others.len() as u64)), count));
    }
    rows
}

#[expect(clippy::cast_precision_loss, reason = "lengths on a page need no more than six digits")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// The smallest round number that is not below, with a round half: 2, 4, 6, 8, 10, 12, 16, 20, 30 ...
fn round_up(value: u64) -> u64 {
    if value <= 1 {
        return 1;
    }
    let mut step = 1u64;
    loop {
        for factor in [2, 4, 6, 8, 10, 12, 16] {
            let candidate = step.saturating_mul(factor);
            if candidate >= value || candidate == u64::MAX {
                return candidate;
            }
        }
        step = step.saturating_mul(10);
    }
}

fn chart(days: &[Day], series: &[Series]) -> Chart {
    let widths = [1, 7, 30, 91];
    let fits = |width: &usize| days.len().div_ceil(*width) <= COLUMNS_MAX;
    let days_per_column = widths.into_iter().find(fits).unwrap_or(91);
    let groups: Vec<&[Day]> = days.chunks(days_per_column).collect();
    let sum = |group: &[Day], pick: fn(&Day) -> u64| group.iter().map(pick).sum::<u64>();
    let highest = groups.iter().flat_map(|g| series.iter().map(|(_, pick)| sum(g, *pick))).max();
    let top = round_up(highest.unwrap_or(0).max(1));
    let slot = CHART_WIDTH * ratio(1, groups.len().max(1) as u64);
    // A column is never wider than a twentieth of the chart, however short the period.
    let width = (slot * 0.76).min(CHART_WIDTH / 20.0);
    let one = width * ratio(1, series.len().max(1) as u64);
    let mut columns = Vec::new();
    for (at, group) in groups.iter().enumerate() {
        let left = slot * ratio(at as u64, 1) + (slot - width) / 2.0;
        for (number, (name, pick)) in series.iter().enumerate() {
            let count = sum(group, *pick);
            if count == 0 {
                continue;
            }
            let height = (CHART_HEIGHT * ratio(count, top)).max(COLUMN_HEIGHT_MIN);
            let first = group.first().map_or("", |day| &day.day);
            columns.push(Column {
                x: left + one * ratio(number as u64, 1),
                y: CHART_HEIGHT - height,
                width: one,
                height,
                series: number,
                title: format!("{first}: {} {name}", grouped(count)),
            });
        }
    }
    let tick = |value: u64| Tick { label: grouped(value), y: 100.0 - 100.0 * ratio(value, top) };
    let halves = if top.is_multiple_of(2) { vec![top, top / 2, 0] } else { vec![top, 0] };
    let name_of = |at: usize| groups.get(at).and_then(|g| g.first()).map(|day| day.day.clone());
    let last = days.last().map(|day| day.day.clone()).unwrap_or_default();
    let totals: Vec<String> =
        series.iter().map(|(name, pick)| format!("{} {name}", grouped(sum(days, *pick)))).collect();
    let busiest = days.iter().max_by_key(|day| series.iter().map(|(_, f)| f(day)).sum::<u64>());
    let busiest = busiest.map(|day| day.day.clone()).unwrap_or_default();
    Chart {
        columns,
        ticks: halves.into_iter().map(tick).collect(),
        first: name_of(0).unwrap_or_default(),
        middle: name_of(groups.len() / 2).filter(|_| groups.len() > 4).unwrap_or_default(),
        last: if groups.len() > 1 { last } else { String::new() },
        days_per_column,
        summary: format!("{}; most on {busiest}", totals.join(", ")),
    }
}

/// Every string made visible, keys included.
fn clean(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Json::String(text) => Json::String(visible(&text).into_owned()),
        Json::Array(items) => Json::Array(items.into_iter().map(clean).collect()),
        Json::Object(map) => {
            let pair = |(key, value): (String, Json)| (visible(&key).into_owned(), clean(value));
            Json::Object(map.into_iter().map(pair).collect())
        }
        other => other,
    }
}

/// `2026-11-25T10:00:00.123Z` as `2026-11-25 10:00:00`.
fn when(text: &str) -> String {
    text.get(..19).unwrap_or(text).replace('T', " ")
}

fn environment() -> Result<Environment<'static>> {
    let mut environment = Environment::new();
    // Whatever the template is called: nothing is ever printed unescaped.
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_filter("grouped", |number: u64| grouped(number));
    environment.add_filter("when", |text: String| when(&text));
    environment.add_filter("words", |text: String| text.replace('_', " "));
    environment.add_filter("cut", |text: String, max: usize| shortened(&text, max));
    environment.add_template("page.html", PAGE).map_err(|error| failed(&error))?;
    Ok(environment)
}

fn failed(error: &minijinja::Error) -> Error {
    Error::new(ErrorKind::Invalid, format!("the page cannot be made: {error:#}"))
}

#[derive(Serialize)]
struct Context {
    report: serde_json::Value,
    by_type: Vec<Row>,
    by_outcome: Vec<Row>,
    by_action: Vec<Row>,
    agents: Vec<Row>,
    entries_chart: Chart,
    refused_chart: Chart,
    cited: serde_json::Value,
    cited_indices: Vec<u64>,
    version: &'static str,
}

impl ComplianceReport {
    /// The report as one HTML file that needs nothing else.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] when the template cannot be rendered, which a test rules out.
    pub fn to_html(&self) -> Result<String> {
        let trail = &self.audit_trail;
        let json = |value: serde_json::Result<serde_json::Value>| {
            value.map(clean).map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()))
        };
        let cited: BTreeMap<u64, &Cited> = (trail.denials.listed.iter())
            .chain(&trail.violations.listed)
            .map(|entry| (entry.index, entry))
            .collect();
        let seen = |counts: &Counts| {
            let word = |(word, count): &(String, u64)| (visible(word).into_owned(), *count);
            rows(&Counts(counts.0.iter().map(word).collect()))
        };
        let agents = trail.top_agents.iter().map(|agent| (agent.agent_did.clone(), agent.entries));
        let context = Context {
            report: json(serde_json::to_value(self))?,
            by_type: seen(&trail.events_by_type),
            by_outcome: seen(&trail.events_by_outcome),
            by_action: seen(&trail.events_by_action),
            agents: seen(&Counts(agents.collect())),
            entries_chart: chart(&trail.events_by_day, &[("entries", |day| day.entries)]),
            refused_chart: chart(
                &trail.events_by_day,
                &[("denials", |day| day.denials), ("violations", |day| day.violations)],
            ),
            cited: json(serde_json::to_value(cited.values().collect::<Vec<_>>()))?,
            cited_indices: cited.keys().copied().collect(),
            version: env!("CARGO_PKG_VERSION"),
        };
        let mut environment = environment()?;
        environment.add_global("style", Value::from_safe_string(STYLE.to_owned()));
        let page = environment.get_template("page.html").map_err(|error| failed(&error))?;
        page.render(Serde(&context)).map_err(|error| failed(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(number: usize, entries: u64, denials: u64) -> Day {
        Day { day: format!("day-{number:04}"), entries, denials, violations: 0 }
    }

    #[test]
    fn an_axis_ends_at_a_round_number_above_everything() {
        let rounded = [0, 1, 2, 3, 7, 11, 99, 1_001, u64::MAX].map(round_up);
        assert_eq!(rounded, [1, 1, 2, 4, 8, 12, 100, 1_200, u64::MAX]);
    }

    #[test]
    fn columns_stay_within_the_chart_and_few_enough_to_see() {
        for count in [0, 1, 2, 31, 92, 93, 3_660] {
            let days: Vec<Day> = (0..count).map(|n| day(n, n as u64 * 7 % 113, 1)).collect();
            let chart = chart(&days, &[("entries", |d| d.entries), ("denials", |d| d.denials)]);
            assert!(chart.columns.len() <= 2 * COLUMNS_MAX, "{count}");
            for column in &chart.columns {
                assert!(column.x >= 0.0 && column.x + column.width <= CHART_WIDTH + 1e-6);
                assert!(column.y >= 0.0 && column.y + column.height <= CHART_HEIGHT + 1e-6);
            }
        }
    }

    #[test]
    fn the_smallest_count_is_still_a_column() {
        let days = [day(1, 1, 0), day(2, 1_000_000, 0)];
        let chart = chart(&days, &[("entries", |d| d.entries)]);
        assert!(chart.columns[0].height >= COLUMN_HEIGHT_MIN);
        assert_eq!(chart.columns[0].title, "day-0001: 1 entries");
    }
}
