//! The tables, in Markdown.

use super::samples::Samples;

/// How a column shows its number.
#[derive(Clone, Copy)]
enum Cell {
    /// The number, and what part of the floor's it is.
    OfFloor,
    Number,
}

type Column = (&'static str, &'static str, Cell);

const APPENDS: [Column; 7] = [
    ("append/1", "1 producer", Cell::OfFloor),
    ("append/1/p50", "p50 us", Cell::Number),
    ("append/1/p99", "p99 us", Cell::Number),
    ("append/8", "8 producers", Cell::OfFloor),
    ("append/64", "64 producers", Cell::OfFloor),
    ("append/64/amplification", "bytes written per byte, 64", Cell::Number),
    ("batch", "batches of 256", Cell::OfFloor),
];

const LOG: [Column; 5] = [
    ("bulk", "bulk, entries/s", Cell::OfFloor),
    ("bulk/amplification", "bytes written per byte", Cell::Number),
    ("rest", "bytes per entry at rest", Cell::Number),
    ("anonymous", "anonymous memory, MB", Cell::Number),
    ("reopen", "open after a kill, ms", Cell::Number),
];

const QUESTIONS: [Column; 6] = [
    ("ask/number", "entry by number", Cell::Number),
    ("ask/id", "entry by id", Cell::Number),
    ("ask/agent", "last 100 of an agent", Cell::Number),
    ("ask/type", "type and outcome in an hour, last 100", Cell::Number),
    ("ask/trace", "one trace", Cell::Number),
    ("ask/agents", "count by agent, all", Cell::Number),
];

/// A number as people read it: three digits, or whole with commas.
pub(super) fn number(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.2}");
    }
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn cell(samples: &Samples, engine: &str, (measure, _, cell): Column) -> Option<String> {
    let value = number(samples.median(measure, engine)?);
    match cell {
        Cell::OfFloor if engine != "floor" => {
            let part = samples.ratio(measure, engine, "floor").map(number);
            Some(part.map_or(value.clone(), |part| format!("{value} ({part})")))
        }
        _ => Some(value),
    }
}

fn table(samples: &Samples, engines: &[String], columns: &[Column]) -> String {
    let titles: Vec<&str> = columns.iter().map(|(_, title, _)| *title).collect();
    let mut lines = vec![
        format!("| engine | {} |", titles.join(" | ")),
        format!("|---|{}", "---|".repeat(columns.len())),
    ];
    for engine in engines {
        let cells: Vec<Option<String>> =
            columns.iter().map(|column| cell(samples, engine, *column)).collect();
        if cells.iter().any(Option::is_some) {
            let cells: Vec<String> =
                cells.into_iter().map(|cell| cell.unwrap_or_else(|| "-".to_owned())).collect();
            lines.push(format!("| {engine} | {} |", cells.join(" | ")));
        }
    }
    lines.join("\n")
}

/// All three, with a sentence before each; a part that was not measured is left out.
pub(super) fn render(samples: &Samples, engines: &[String], entries: u64) -> String {
    let entries = number(entries as f64);
    let parts = [
        (
            "Durable appends, entries a second, in brackets the part of the floor's; latency from \
             call to return:"
                .to_owned(),
            APPENDS.as_slice(),
        ),
        (
            format!(
                "A log of {entries} entries, one sync at the end; then the process is killed, the log \
                 opened again until its first durable append has returned, and closed:"
            ),
            LOG.as_slice(),
        ),
        (
            format!("Questions to a log of {entries} entries, warm, p50 in us, all fields read:"),
            QUESTIONS.as_slice(),
        ),
    ];
    let is_measured = |columns: &[Column]| {
        let measured = |engine: &String| {
            columns.iter().any(|(measure, ..)| samples.median(measure, engine).is_some())
        };
        engines.iter().any(measured)
    };
    let parts = parts.iter().filter(|(_, columns)| is_measured(columns));
    let parts =
        parts.map(|(intro, columns)| format!("{intro}\n\n{}", table(samples, engines, columns)));
    parts.collect::<Vec<String>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_or_commas() {
        let texts = [0.934, 17.26, 742.4, 1_043_210.0].map(number);
        assert_eq!(texts, ["0.93", "17.3", "742", "1,043,210"]);
    }

    #[test]
    fn an_engine_without_a_number_has_a_dash_and_one_without_any_no_row() {
        let mut samples = Samples::default();
        samples.add("append/1", "floor", 0, 2000.0);
        samples.add("append/1", "theirs", 0, 1000.0);
        samples.add("append/64", "floor", 0, 9000.0);
        let engines = ["floor", "theirs", "nobody"].map(str::to_owned);
        let text = render(&samples, &engines, 10);
        assert!(text.contains("| theirs | 1,000 (0.50) | - | - | - | - | - | - |"), "{text}");
        assert!(!text.contains("nobody") && !text.contains("Questions"), "{text}");
    }
}
