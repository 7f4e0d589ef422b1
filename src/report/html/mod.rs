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

mod chart;

use super::document::ComplianceReport;
use super::value::{Cited, Counts};
use super::visible::{grouped, shortened, visible};
use crate::error::{Error, ErrorKind, Result};
use chart::{Chart, chart, ratio};
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde::Serialize;
use std::collections::BTreeMap;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
/// Most words in a table of counts; the rest is one line.
const WORDS_MAX: usize = 12;
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
