//! The report as Markdown: for pull requests, wikis and terminals.
//!
//! Everything that comes from the log is quoted: active characters are spelled out, and every
//! character that Markdown or HTML would act on is escaped.

use super::document::ComplianceReport;
use super::value::{Cited, Counts, Refused};
use super::visible::{grouped, visible};
use std::fmt::Write as _;

/// A text between Markdown's own: nothing in it is markup, a link, or a mention.
fn quoted(text: &str) -> String {
    let shown = visible(text);
    let mut escaped = String::with_capacity(shown.len() + 8);
    let mut before = ' ';
    let mut rest = shown.chars().peekable();
    while let Some(c) = rest.next() {
        let is_address = (c == ':' && rest.peek() == Some(&'/')) || (c == '.' && before == 'w');
        if is_address || matches!(c, '&' | '<' | '>' | '@') {
            let _ = write!(escaped, "&#{};", u32::from(c));
        } else {
            if "\\`*_{}[]#!|~".contains(c) {
                escaped.push('\\');
            }
            escaped.push(c);
        }
        before = c;
    }
    escaped
}

/// A page under construction.
struct Page(String);

impl Page {
    fn heading(&mut self, text: &str) {
        let _ = write!(self.0, "\n## {text}\n\n");
    }

    fn line(&mut self, text: impl std::fmt::Display) {
        let _ = writeln!(self.0, "{text}");
    }

    fn row(&mut self, cells: &[String]) {
        self.line(format_args!("| {} |", cells.join(" | ")));
    }

    fn counts(&mut self, name: &str, counts: &Counts) {
        if counts.0.is_empty() {
            return;
        }
        self.line(format_args!("\n| {name} | entries |\n|---|---:|"));
        for (word, count) in &counts.0 {
            self.row(&[quoted(word), grouped(*count)]);
        }
    }

    fn refused(&mut self, name: &str, refused: &Refused) {
        self.heading(name);
        let (total, listed) = (refused.total, refused.listed.len());
        if total == 0 {
            return self.line("None in the period.");
        }
        let (total, listed) = (grouped(total), grouped(listed as u64));
        self.line(format_args!("{total} in the period; the most recent {listed} are listed.\n"));
        self.line("| index | time | agent | type | resource | decision | hash |");
        self.line("|---:|---|---|---|---|---|---|");
        for entry in &refused.listed {
            self.entry(entry);
        }
    }

    fn entry(&mut self, entry: &Cited) {
        let text = |text: &Option<String>| quoted(text.as_deref().unwrap_or("–"));
        let hash = entry.entry_hash.get(..16).unwrap_or_default();
        self.row(&[
            entry.index.to_string(),
            quoted(&entry.timestamp),
            quoted(&entry.agent_did),
            quoted(&entry.event_type),
            text(&entry.resource),
            text(&entry.policy_decision),
            format!("`{hash}…`"),
        ]);
    }
}

impl ComplianceReport {
    /// The report as Markdown.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut page = Page(String::with_capacity(16 << 10));
        self.put_summary(&mut page);
        self.put_activity(&mut page);
        page.refused("Denials", &self.audit_trail.denials);
        page.refused("Violations and alarms", &self.audit_trail.violations);
        self.put_integrity(&mut page);
        self.put_controls(&mut page);
        self.put_clauses(&mut page);
        page.heading("What this does not prove");
        for sentence in &self.not_proven {
            page.line(format_args!("- {}", quoted(sentence)));
        }
        page.heading("Check it yourself");
        page.line("`LOG` stands for a copy of the log's directory.\n");
        for step in &self.check_it_yourself {
            page.line(format_args!(
                "- {}\n\n  ```sh\n  {}\n  ```",
                quoted(&step.shows),
                step.command
            ));
        }
        page.0
    }

    fn put_summary(&self, page: &mut Page) {
        let trail = &self.audit_trail;
        let origin = self.log.origin.as_deref().unwrap_or("unknown log");
        page.line(format_args!("# Audit report: {}\n", quoted(origin)));
        let (start, end) = (&self.period_start, &self.period_end);
        page.line(format_args!("Period {start} to {end}, made {}.\n", self.report_generated));
        page.line("| | |\n|---|---|");
        let total = trail.total_entries.map_or("could not be counted".to_owned(), grouped);
        let agents = grouped(trail.distinct_agents);
        let coverage =
            match (self.owasp_asi_2026.controls_passed, self.owasp_asi_2026.controls_total) {
                (Some(met), Some(all)) => format!("{met} of {all} controls met"),
                _ => "not judged".to_owned(),
            };
        let software = match self.supply_chain_integrity.passed {
            Some(true) => "as the manifest lists it",
            Some(false) => "**differs from the manifest**",
            None => "not checked: no manifest",
        };
        let checkpoint = match &self.checkpoint {
            Some(checkpoint) if checkpoint.valid => {
                format!("verified at size {}", grouped(checkpoint.size))
            }
            Some(_) => "**does not fit the log**".to_owned(),
            None => "none was checked".to_owned(),
        };
        let verdict = match trail.chain_integrity_valid {
            true => trail.verdict.replace('_', " "),
            false => format!("**{}**", trail.verdict),
        };
        for (name, value) in [
            ("Entries in the period", total),
            ("Agents", agents),
            ("Denials", grouped(trail.denials.total)),
            ("Violations and alarms", grouped(trail.violations.total)),
            ("Log", verdict),
            ("Checkpoint", checkpoint),
            ("OWASP ASI 2026", coverage),
            ("Software", software.to_owned()),
        ] {
            page.row(&[name.to_owned(), value]);
        }
    }

    fn put_activity(&self, page: &mut Page) {
        let trail = &self.audit_trail;
        page.heading("What happened");
        page.counts("event type", &trail.events_by_type);
        page.counts("outcome", &trail.events_by_outcome);
        page.counts("action", &trail.events_by_action);
        page.line("\n| day | entries | denials | violations |\n|---|---:|---:|---:|");
        for day in trail.events_by_day.iter().filter(|day| day.entries > 0) {
            let numbers = [day.entries, day.denials, day.violations].map(grouped);
            page.row(&[vec![day.day.clone()], numbers.to_vec()].concat());
        }
        page.line("\nDays without entries are left out.");
        page.line("\n| agent | entries | denials | violations |\n|---|---:|---:|---:|");
        for agent in &trail.top_agents {
            let numbers = [agent.entries, agent.denials, agent.violations].map(grouped);
            page.row(&[vec![quoted(&agent.agent_did)], numbers.to_vec()].concat());
        }
        let (shown, all) = (trail.top_agents.len() as u64, trail.distinct_agents);
        if shown < all {
            page.line(format_args!("\n{} of {} agents.", grouped(shown), grouped(all)));
        }
    }

    fn put_integrity(&self, page: &mut Page) {
        let trail = &self.audit_trail;
        page.heading("The log");
        page.line(format_args!("- Root `{}` at size {}", trail.merkle_root, self.log.tree_size));
        page.line(format_args!("- {} entries hashed again", grouped(trail.entries_verified)));
        if let Some(checkpoint) = &self.checkpoint {
            let (size, after) = (grouped(checkpoint.size), grouped(checkpoint.entries_after));
            let signer = quoted(&checkpoint.signed_by);
            page.line(format_args!(
                "- Checkpoint at size {size}, {after} entries after it, key {signer}"
            ));
        }
        for finding in &trail.findings {
            page.line(format_args!("- **Finding**: {}", quoted(&finding.message)));
        }
        for problem in &self.supply_chain_integrity.problems {
            page.line(format_args!("- **File**: {}", quoted(problem)));
        }
    }

    fn put_controls(&self, page: &mut Page) {
        if self.owasp_asi_2026.controls.is_empty() {
            return;
        }
        page.heading("OWASP ASI 2026");
        page.line("| control | risk | state | why |\n|---|---|---|---|");
        for control in &self.owasp_asi_2026.controls {
            let why: Vec<String> = control.reasons.iter().map(|reason| quoted(reason)).collect();
            let state = control.state.replace('_', " ");
            page.row(&[quoted(&control.id), quoted(&control.title), state, why.join("<br>")]);
        }
    }

    fn put_clauses(&self, page: &mut Page) {
        page.heading("Facts that were tested");
        page.line("| fact | holds | figure |\n|---|---|---|");
        for shown in &self.evidence {
            let holds = if shown.holds { "yes" } else { "no" };
            page.row(&[quoted(shown.statement), holds.to_owned(), quoted(&shown.detail)]);
        }
        page.heading("Clauses");
        page.line(
            "*Supported* means that the facts hold in this log, not that the clause is fulfilled.",
        );
        for framework in &self.clauses {
            page.line(format_args!("\n### {}\n", quoted(&framework.title)));
            page.line("| clause | asks | from the log | caveat |\n|---|---|---|---|");
            for clause in &framework.clauses {
                let support = clause.support.as_str().to_owned();
                let [name, asks, caveat] =
                    [&clause.clause, &clause.asks, &clause.caveat].map(|t| quoted(t));
                page.row(&[name, asks, support, caveat]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_an_agent_is_markup() {
        for (text, wanted) in [
            ("a|b<script>`x`", "a\\|b&#60;script&#62;\\`x\\`"),
            ("\n# [l](javascript:1)", "\\\\u\\{a\\}\\# \\[l\\](javascript:1)"),
            ("\u{202e}&amp;", "\\\\u\\{202e\\}&#38;amp;"),
            ("https://www.x.example @all", "https&#58;//www&#46;x.example &#64;all"),
            ("did:web:sales-1.example.com", "did:web:sales-1.example.com"),
        ] {
            assert_eq!(quoted(text), wanted);
        }
    }
}
