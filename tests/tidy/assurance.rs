//! What `docs/ASSURANCE.md` says of the tests: that it holds of the files that are here.
//!
//! `just planted` applies the deliberate bugs of `tests/planted/` and runs the suite, which takes
//! minutes. This only reads: the lines that a hunk wants to find must stand in its file exactly
//! once, the table must repeat what the patches say, and the tests that tables name must exist.

use super::Offence;

/// What a patch says of itself before its first hunk.
pub(crate) const KEYS: [&str; 3] = ["bug", "breaks", "first"];

/// A patch: its file name without `.patch`, and its text.
pub(crate) struct Patch {
    pub(crate) name: String,
    pub(crate) text: String,
}

impl Patch {
    fn path(&self) -> String {
        format!("tests/planted/{}.patch", self.name)
    }

    fn header(&self, key: &str) -> Option<&str> {
        let lines = self.text.lines().take_while(|line| !line.starts_with("--- "));
        let value = |line| str::strip_prefix(line, key)?.strip_prefix(": ");
        lines.filter_map(value).next()
    }

    /// Each hunk: its line in the patch, the file it is for, the lines it wants to find there.
    fn hunks(&self) -> Vec<(usize, &str, Vec<&str>)> {
        let (mut file, mut hunks) = ("", Vec::new());
        for (at, line) in self.text.lines().enumerate() {
            if let Some(path) = line.strip_prefix("+++ b/") {
                file = path;
            } else if line.starts_with("@@ ") {
                hunks.push((at + 1, file, Vec::new()));
            } else if let Some(wanted) = line.strip_prefix([' ', '-'])
                && let Some((_, _, lines)) = hunks.last_mut()
            {
                lines.push(wanted);
            }
        }
        hunks
    }
}

/// Patches without a header or a hunk, and hunks that no longer fit one place of their file.
pub(crate) fn stale_patches(
    patches: &[Patch],
    read: impl Fn(&str) -> Option<String>,
) -> Vec<Offence> {
    let mut offences = Vec::new();
    for patch in patches {
        for key in KEYS.into_iter().filter(|key| patch.header(key).is_none()) {
            offences.push(Offence::new(&patch.path(), 1, format!("a line `{key}:`"), "none"));
        }
        let hunks = patch.hunks();
        if hunks.is_empty() {
            offences.push(Offence::new(&patch.path(), 1, "a hunk", "none"));
        }
        for (at, file, wanted) in hunks {
            let text = read(file).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let is_here = |there: &&[&str]| *there == wanted;
            let places = lines.windows(wanted.len().max(1)).filter(is_here).count();
            if places != 1 {
                let place = format!("one place of {file} for this hunk");
                let found = format!("{places} (tests/planted/run.sh says how to mend it)");
                offences.push(Offence::new(&patch.path(), at, place, found));
            }
        }
    }
    offences
}

/// Lines between `<!-- NAME` and `<!-- end of NAME` that belong to a table, head and rule left out.
fn rows<'a>(page: &'a str, name: &str) -> Vec<(usize, &'a str)> {
    let (begin, end) = (format!("<!-- {name}"), format!("<!-- end of {name}"));
    let lines = (1..).zip(page.lines()).skip_while(|(_, line)| !line.starts_with(&begin));
    let inside = lines.take_while(|(_, line)| !line.starts_with(&end));
    inside.filter(|(_, line)| line.starts_with('|')).skip(2).collect()
}

/// Patches whose row is missing in the table of the page, and rows without a patch.
pub(crate) fn undescribed_patches(patches: &[Patch], page: &str, file: &str) -> Vec<Offence> {
    let row_of = |patch: &Patch| {
        let said = |key| patch.header(key).unwrap_or_default();
        format!("| {} | {} | {} | ", patch.name, said("bug"), said("breaks"))
    };
    let wanted: Vec<String> = patches.iter().map(row_of).collect();
    let rows = rows(page, "planted bugs");
    let missing = wanted.iter().filter(|row| !rows.iter().any(|(_, line)| line.starts_with(*row)));
    let mut offences: Vec<Offence> =
        missing.map(|row| Offence::new(file, 1, format!("a row {row}"), "none")).collect();
    for (at, line) in rows {
        if !wanted.iter().any(|row| line.starts_with(row.as_str())) {
            offences.push(Offence::new(file, at, "a row that repeats a patch", line));
        }
    }
    offences
}

/// Rows with an empty cell, or whose result in `column`, counted from 1, does not begin with the day
/// on which it came out: `2026-11-28: 39 passed`.
pub(crate) fn untold_results(
    page: &str,
    file: &str,
    (table, column): (&str, usize),
) -> Vec<Offence> {
    let is_day = |day: &str| {
        let parts: Vec<&str> = day.split('-').collect();
        let is_number = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
        parts.iter().map(|part| part.len()).eq([4, 2, 2]) && parts.iter().all(is_number)
    };
    let mut offences = Vec::new();
    for (at, line) in rows(page, table) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if cells.iter().any(|cell| cell.is_empty()) {
            offences.push(Offence::new(file, at, "something in every cell", line));
        }
        let result = cells.get(column - 1).and_then(|cell| cell.split_once(": "));
        if !result.is_some_and(|(day, what)| is_day(day) && !what.is_empty()) {
            offences.push(Offence::new(file, at, "the day of the last result, and it", line));
        }
    }
    offences
}

/// Tests that a table names and that do not exist. `column` counts from 1.
pub(crate) fn unknown_tests(
    page: &str,
    file: &str,
    (table, column): (&str, usize),
    exists: impl Fn(&str) -> bool,
) -> Vec<Offence> {
    let mut offences = Vec::new();
    for (at, line) in rows(page, table) {
        let cell = line.split('|').nth(column).unwrap_or_default();
        let names: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            offences.push(Offence::new(file, at, "a test", line));
        }
        let unknown = names.into_iter().filter(|name| !exists(name));
        offences.extend(unknown.map(|name| Offence::new(file, at, "a test that exists", name)));
    }
    offences
}
