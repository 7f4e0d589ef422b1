//! Evidence about evidence: the log itself (ASI-06), and the installed files (ASI-09).

use super::{Judge, Known, undeclared};
use crate::compliance::act::Act;
use crate::compliance::check::{Check, Tally};
use crate::types::UnixNanos;
use crate::verify::{Report, Verdict};
use crate::view::TreeHead;

const HOUR_NS: u64 = 3_600_000_000_000;

/// Whether this moment is longer ago than so many hours.
pub(super) fn is_older(moment: UnixNanos, now: UnixNanos, hours: u32) -> bool {
    now.0.saturating_sub(moment.0) > u64::from(hours).saturating_mul(HOUR_NS)
}

/// ASI-06: the log verifies, is recent, and its copies keep up.
#[derive(Debug, Default)]
pub(super) struct Logging {
    entries: Tally,
    newest: Option<UnixNanos>,
}

impl Logging {
    fn verified(known: &Known<'_>) -> Check {
        let (id, title) = ("ASI-06.verified", "The log verifies");
        let Some(report) = known.beside.audit else {
            return Check::unknown(id, title, "the log was not verified");
        };
        let check = match report.verdict {
            Verdict::Tampered => {
                let message = format!("tampered: {} findings", report.findings.len());
                Check::not_met(id, title, message)
            }
            Verdict::Unverifiable => Check::unknown(id, title, "not all of it could be verified"),
            _ if report.size < known.head.size => {
                let message = "only an earlier part of the log was verified";
                Check::unknown(id, title, message)
            }
            _ if is_other_log(report, known.head) => {
                Check::not_met(id, title, "what was verified is not the log that was assessed")
            }
            Verdict::Intact => Check::met(id, title, whole(report)),
            Verdict::IntactWithDeclaredGaps => {
                let message = format!("{}, {} of them erased", whole(report), report.erased);
                Check::met(id, title, message)
            }
        };
        check.number("entries", report.entries).number("erased", report.erased)
    }

    fn recent(&self, known: &Known<'_>, hours: u32) -> Check {
        let (id, title) = ("ASI-06.recent", "The log is being written");
        match self.newest {
            None => Check::not_met(id, title, "the log has no entry"),
            Some(newest) if is_older(newest, known.beside.now, hours) => Check::not_met(
                id,
                title,
                format!("the newest entry, {newest}, is over {hours} h old"),
            ),
            Some(newest) => {
                Check::met(id, title, format!("the newest entry is of {newest}, within {hours} h"))
            }
        }
    }

    fn promised(known: &Known<'_>) -> Check {
        let (id, title) = ("ASI-06.checkpoint", "A checkpoint by the declared key holds");
        let Some((holds, size)) = known.beside.checkpoint else {
            return Check::unknown(id, title, "there is no checkpoint by the declared key");
        };
        let after = known.head.size.get().saturating_sub(size.get());
        let check = match (holds, size.get()) {
            (false, _) => Check::not_met(id, title, "its signature or its root does not hold"),
            // Every log keeps that promise.
            (true, 0) => Check::unknown(id, title, "it was signed before the first entry"),
            (true, size) => {
                let message = format!("it covers the first {size} entries; {after} came later");
                Check::met(id, title, message)
            }
        };
        check.number("size", size.get()).number("entries_after", after)
    }

    fn copies(known: &Known<'_>) -> Vec<Check> {
        let (id, title) = ("ASI-06.copies", "Copies keep up");
        let copy = |sink: &crate::compliance::deployment::Sink| {
            let (name, most) = (&sink.name, sink.max_lag);
            match known.beside.lag_of(name) {
                None => Check::unknown(id, title, format!("the lag of {name} is not known")),
                Some(lag) if lag > most => {
                    Check::not_met(id, title, format!("{name} is more than {most} entries behind"))
                }
                Some(_) => {
                    Check::met(id, title, format!("{name} is at most {most} entries behind"))
                }
            }
        };
        known.declared.sinks.iter().map(copy).collect()
    }
}

fn whole(report: &Report) -> String {
    format!("{} entries hashed, chained and in the tree", report.entries)
}

/// Whether the audit ended with another root at the size that was assessed.
fn is_other_log(report: &Report, head: TreeHead) -> bool {
    report.size == head.size && report.root != Some(head.root)
}

impl Judge for Logging {
    fn see(&mut self, act: &Act<'_>, _: &Known<'_>) {
        self.entries.add(act.entry);
        self.newest = self.newest.max(Some(act.entry.recorded_at()));
    }

    fn checks(&self, known: &Known<'_>) -> Vec<Check> {
        let mut checks = vec![Self::verified(known)];
        if self.entries.count == 0 {
            let (id, title) = ("ASI-06.kept", "There is something in the log");
            checks.push(Check::unknown(id, title, "the log has no entry"));
        }
        let hours = known.declared.logging.max_idle_hours;
        checks.extend(hours.map(|hours| self.recent(known, hours)));
        if known.declared.logging.verifier_key.is_some() {
            checks.push(Self::promised(known));
        }
        checks.extend(Self::copies(known));
        checks
    }
}

/// ASI-09: files and functions are those of the manifest.
#[derive(Debug, Default)]
pub(super) struct SupplyChain;

impl Judge for SupplyChain {
    fn see(&mut self, _: &Act<'_>, _: &Known<'_>) {}

    fn checks(&self, known: &Known<'_>) -> Vec<Check> {
        let manifest = known.declared.integrity.as_ref().and_then(|i| i.manifest.as_ref());
        let Some(report) = known.beside.integrity else {
            return match manifest {
                None => vec![undeclared("ASI-09", "integrity manifest")],
                Some(_) => {
                    let message = "the declared manifest was not checked";
                    vec![Check::unknown("ASI-09.manifest", MANIFEST, message)]
                }
            };
        };
        let (files, functions) = (report.file_results.len(), report.function_results.len());
        let wrong = report.failures();
        let check = if report.passed {
            let message = format!("{files} files and {functions} functions are the listed ones");
            Check::met("ASI-09.manifest", MANIFEST, message)
        } else {
            let first = wrong.first().map_or("nothing is listed", String::as_str);
            let message = format!("{} of {} differ: {first}", wrong.len(), files + functions);
            Check::not_met("ASI-09.manifest", MANIFEST, message)
        };
        let mut checks =
            vec![check.number("files", files as u64).number("wrong", wrong.len() as u64)];
        if known.declared.integrity.as_ref().is_some_and(|i| i.verifier_key.is_some()) {
            let (id, title) = ("ASI-09.signed", "The manifest is signed by the declared key");
            checks.push(match &report.signer {
                Some(signer) => Check::met(id, title, format!("signed by {signer}")),
                None => Check::not_met(id, title, "it is not"),
            });
        }
        checks
    }
}

const MANIFEST: &str = "Files and functions are those of the manifest";
