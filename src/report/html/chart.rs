//! Charts: columns over time, as numbers that a template draws.
//!
//! Coordinates are a chart's own, a thousand wide and a hundred high; the page stretches them to its
//! width, and sets the words beside them as text, so that those stay readable at any width.

use crate::report::value::Day;
use crate::report::visible::grouped;
use serde::Serialize;

/// Most columns of a chart; longer periods are drawn by week, month or quarter.
const COLUMNS_MAX: usize = 92;
/// Width and height of a chart's own coordinates; it is stretched to the page.
const CHART_WIDTH: f64 = 1000.0;
const CHART_HEIGHT: f64 = 100.0;
/// Height of a column that stands for something, however little.
const COLUMN_HEIGHT_MIN: f64 = 1.5;

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
pub(super) struct Chart {
    columns: Vec<Column>,
    ticks: Vec<Tick>,
    first: String,
    middle: String,
    last: String,
    /// Days that one column stands for.
    days_per_column: usize,
    summary: String,
}

pub(super) type Series = (&'static str, fn(&Day) -> u64);

#[expect(clippy::cast_precision_loss, reason = "lengths on a page need no more than six digits")]
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
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

pub(super) fn chart(days: &[Day], series: &[Series]) -> Chart {
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
