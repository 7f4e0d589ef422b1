//! What was measured: measure, engine, round, value.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Values by measure and engine, then by round.
#[derive(Default)]
pub(super) struct Samples {
    values: BTreeMap<(String, String), BTreeMap<usize, f64>>,
    failures: Vec<String>,
}

impl Samples {
    pub(super) fn add(&mut self, measure: &str, engine: &str, round: usize, value: f64) {
        let key = (measure.to_owned(), engine.to_owned());
        self.values.entry(key).or_default().insert(round, value);
    }

    pub(super) fn fail(&mut self, measure: &str, engine: &str, round: usize, why: &str) {
        self.failures.push(format!("{engine}, {measure}, round {}: {why}", round + 1));
    }

    pub(super) fn failures(&self) -> &[String] {
        &self.failures
    }

    fn rounds(&self, measure: &str, engine: &str) -> Option<&BTreeMap<usize, f64>> {
        self.values.get(&(measure.to_owned(), engine.to_owned()))
    }

    pub(super) fn median(&self, measure: &str, engine: &str) -> Option<f64> {
        median(self.rounds(measure, engine)?.values().copied().collect())
    }

    /// The median over rounds of one engine's value divided by another's of the same round.
    pub(super) fn ratio(&self, measure: &str, engine: &str, to: &str) -> Option<f64> {
        let (ours, theirs) = (self.rounds(measure, engine)?, self.rounds(measure, to)?);
        let ratio = |(round, value): (&usize, &f64)| Some(value / theirs.get(round)?);
        median(ours.iter().filter_map(ratio).collect())
    }

    /// Every value, as lines of CSV.
    pub(super) fn to_csv(&self) -> String {
        let mut text = "measure,engine,round,value\n".to_owned();
        for ((measure, engine), rounds) in &self.values {
            for (round, value) in rounds {
                let _ = writeln!(text, "{measure},{engine},{},{value}", round + 1);
            }
        }
        text
    }
}

/// The middle one; of two in the middle their mean.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2)?;
    let lower = values.get((values.len() - 1) / 2)?;
    Some((lower + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_of_rounds_and_ratios_within_a_round() {
        let mut samples = Samples::default();
        for (round, (ours, theirs)) in [(10.0, 5.0), (1.0, 4.0), (6.0, 2.0)].iter().enumerate() {
            samples.add("rate", "ours", round, *ours);
            samples.add("rate", "theirs", round, *theirs);
        }
        samples.add("rate", "late", 2, 3.0);
        assert_eq!(samples.median("rate", "ours"), Some(6.0));
        assert_eq!(samples.ratio("rate", "ours", "theirs"), Some(2.0));
        assert_eq!(samples.ratio("rate", "ours", "late"), Some(2.0));
        assert_eq!(samples.median("rate", "nobody"), None);
        assert_eq!(median(vec![1.0, 4.0]), Some(2.5));
    }
}
