//! Rows: one thing that was measured, for people and for scripts.

use crate::table::Side;
use serde::Serialize;
use std::time::Duration;
use witnessmark_floor::{Histogram, Run};

/// What one measurement came to. Latencies are microseconds.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    name: &'static str,
    count: u64,
    per_second: f64,
    p50_us: f64,
    p99_us: f64,
    p999_us: f64,
    max_us: f64,
    /// Rate divided by the floor's in the same round, or by the parser's.
    floor_ratio: Option<f64>,
}

/// Microseconds of nanoseconds.
pub(super) fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1000.0
}

impl Row {
    /// The columns.
    pub(super) const HEADS: [(&'static str, Side); 8] = [
        ("what", Side::Left),
        ("count", Side::Right),
        ("per_second", Side::Right),
        ("p50_us", Side::Right),
        ("p99_us", Side::Right),
        ("p999_us", Side::Right),
        ("max_us", Side::Right),
        ("floor_ratio", Side::Right),
    ];

    /// Of latencies that were measured one after the other, or at once, in `elapsed`.
    pub(super) fn new(
        name: &'static str,
        count: u64,
        elapsed: Duration,
        latencies: &Histogram<u64>,
    ) -> Self {
        let at = |quantile| micros(latencies.value_at_quantile(quantile));
        Self {
            name,
            count,
            per_second: count as f64 / elapsed.as_secs_f64().max(1e-9),
            p50_us: at(0.5),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: micros(latencies.max()),
            floor_ratio: None,
        }
    }

    /// Of one thing that was done once, whole.
    pub(super) fn whole(name: &'static str, count: u64, elapsed: Duration) -> Self {
        let micros = elapsed.as_secs_f64() * 1e6;
        let per_second = count as f64 / elapsed.as_secs_f64().max(1e-9);
        let (p50_us, p99_us, p999_us, max_us) = (micros, micros, micros, micros);
        Self { name, count, per_second, p50_us, p99_us, p999_us, max_us, floor_ratio: None }
    }

    /// Of a run of many producers.
    pub(super) fn of_run(name: &'static str, run: &Run) -> Self {
        Self::new(name, run.entries, run.elapsed, &run.latencies)
    }

    /// The same, beside the floor's run of the same round.
    pub(super) fn beside(self, floor: &Run) -> Self {
        let ratio = self.per_second / floor.rate().max(1e-9);
        self.with_ratio(ratio)
    }

    /// The same, with its rate divided by that of what it is compared with.
    pub(super) fn with_ratio(mut self, ratio: f64) -> Self {
        self.floor_ratio = Some(ratio);
        self
    }

    /// Cells for people.
    pub(super) fn rounded(&self) -> [String; 8] {
        self.cells(
            |value| if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") },
        )
    }

    /// Cells for scripts.
    pub(super) fn exact(&self) -> [String; 8] {
        self.cells(|value| format!("{value:.3}"))
    }

    fn cells(&self, show: impl Fn(f64) -> String) -> [String; 8] {
        [
            self.name.to_owned(),
            self.count.to_string(),
            show(self.per_second),
            show(self.p50_us),
            show(self.p99_us),
            show(self.p999_us),
            show(self.max_us),
            self.floor_ratio.map_or_else(String::new, |ratio| format!("{ratio:.3}")),
        ]
    }
}
