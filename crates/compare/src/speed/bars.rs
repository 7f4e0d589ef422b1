//! The bars: what was promised of this log, beside what the run showed.

use super::peers::ours::NAME as OURS;
use super::samples::Samples;
use super::table::number;

/// What a bar is compared with.
#[derive(Clone, Copy)]
enum Beside {
    /// The same measure of another engine.
    Engine(&'static str),
    /// Nothing: the number itself, in this unit.
    Alone(&'static str),
}

/// On which side of the number the good is.
#[derive(Clone, Copy)]
enum Side {
    AtLeast,
    AtMost,
}

struct Bar {
    measure: &'static str,
    what: &'static str,
    beside: Beside,
    side: Side,
    must: f64,
    stretch: Option<f64>,
}

const fn bar(
    measure: &'static str,
    what: &'static str,
    beside: Beside,
    side: Side,
    must: f64,
    stretch: Option<f64>,
) -> Bar {
    Bar { measure, what, beside, side, must, stretch }
}

const FLOOR: Beside = Beside::Engine("floor");
const SQLITE: Beside = Beside::Engine("SQLite");
const LMDB: Beside = Beside::Engine("LMDB");
const ROCKS: Beside = Beside::Engine("RocksDB");

use Side::{AtLeast, AtMost};

const BARS: [Bar; 24] = [
    bar("append/1", "durable append, 1 producer", FLOOR, AtLeast, 0.90, Some(0.98)),
    bar("append/1/p99", "the same, p99", FLOOR, AtMost, 1.5, None),
    bar("append/8", "8 producers", FLOOR, AtLeast, 1.0, Some(1.35)),
    bar("append/64", "64 producers", FLOOR, AtLeast, 0.85, Some(1.0)),
    bar("append/64", "64 producers", Beside::Engine("fjall + group"), AtLeast, 1.7, None),
    bar("append/64", "64 producers", ROCKS, AtLeast, 2.5, None),
    bar("append/64", "64 producers", SQLITE, AtLeast, 15.0, None),
    bar("batch", "batches of 256", FLOOR, AtLeast, 0.5, Some(0.8)),
    bar("batch", "batches of 256", Beside::Engine("fjall"), AtLeast, 2.5, None),
    bar("batch", "batches of 256", SQLITE, AtLeast, 6.0, None),
    bar("bulk", "bulk", FLOOR, AtLeast, 0.6, Some(1.0)),
    bar("bulk", "bulk", LMDB, AtLeast, 2.5, None),
    bar("bulk", "bulk", SQLITE, AtLeast, 8.0, None),
    bar(
        "append/64/amplification",
        "bytes written, 64 producers",
        Beside::Alone(""),
        AtMost,
        1.6,
        Some(1.4),
    ),
    bar("bulk/amplification", "bytes written, bulk", Beside::Alone(""), AtMost, 1.4, Some(1.2)),
    bar("rest", "bytes at rest", SQLITE, AtMost, 0.6, None),
    bar("rest", "bytes at rest, stretch", ROCKS, AtMost, 1.0, None),
    bar("ask/id", "entry by id", LMDB, AtMost, 0.6, Some(0.3)),
    bar("ask/agent", "last 100 of an agent", LMDB, AtMost, 0.8, Some(0.4)),
    bar("ask/type", "type and outcome in an hour", LMDB, AtMost, 0.8, Some(0.4)),
    bar("ask/trace", "one trace", LMDB, AtMost, 0.8, Some(0.4)),
    bar("ask/agents", "count by agent", Beside::Alone("us"), AtMost, 1500.0, Some(300.0)),
    bar("reopen", "open after a kill", Beside::Alone("ms"), AtMost, 100.0, Some(50.0)),
    bar("anonymous", "anonymous memory", Beside::Alone("MB"), AtMost, 128.0, Some(32.0)),
];

impl Bar {
    fn holds(&self, found: f64, bar: f64) -> bool {
        match self.side {
            Side::AtLeast => found >= bar,
            Side::AtMost => found <= bar,
        }
    }

    fn line(&self, samples: &Samples) -> String {
        let (found, beside, unit) = match self.beside {
            Beside::Engine(to) => (samples.ratio(self.measure, OURS, to), format!(" x {to}"), ""),
            Beside::Alone(unit) => (samples.median(self.measure, OURS), String::new(), unit),
        };
        let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
        let sign = if let Side::AtLeast = self.side { ">=" } else { "<=" };
        let wanted = |bar: f64| format!("{sign} {}{unit}{beside}", number(bar));
        let stretch = self.stretch.map_or_else(|| "-".to_owned(), wanted);
        let result = match found {
            None => "not measured".to_owned(),
            Some(found) if self.stretch.is_some_and(|stretch| self.holds(found, stretch)) => {
                format!("{}{unit}, stretch", number(found))
            }
            Some(found) if self.holds(found, self.must) => format!("{}{unit}", number(found)),
            Some(found) => format!("**{}{unit}, missed**", number(found)),
        };
        format!("| {} | {} | {stretch} | {result} |", self.what, wanted(self.must))
    }
}

/// The table of bars, and how to read it.
pub(super) fn render(samples: &Samples) -> String {
    let lines: Vec<String> = BARS.iter().map(|bar| bar.line(samples)).collect();
    format!(
        "| measure | bar | stretch | result |\n|---|---|---|---|\n{}\n\n\
         Result: this log's ratio to the named engine, or its number where none is named; the \
         median over rounds of the ratio within a round. A missed bar is **bold**; `stretch` means \
         that the higher bar was reached as well.",
        lines.join("\n")
    )
}
