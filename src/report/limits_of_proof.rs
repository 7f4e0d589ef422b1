//! What a report does not prove, in sentences, and how to check what it does say.
//!
//! The first sentences hold for every log; the others follow from what was not given, not reached,
//! or found. A report without this list would claim more than its figures do.

use super::days::Slice;
use super::evidence::Examined;
use super::value::Step;
use super::visible::grouped;
use crate::verify::Report;

/// Holds for every log and every report.
const ALWAYS: [&str; 4] = [
    "That everything an agent did was sent to the log, or that what it reported is true. A log \
     shows that what was recorded has not changed since.",
    "That the host's clock was right. Entries are assigned to the period by the time their sender \
     gave; the log's own recording times never decrease, but come from the same host.",
    "That any law, standard or contract is complied with. Clauses are set beside facts of the log, \
     in our words and not as legal advice.",
    "That this page was made from that log. It is not signed: repeat the steps below on a copy of \
     the log and compare.",
];

/// What is not proven, the general first.
pub(super) fn not_proven(on: &Examined<'_>, audit: &Report) -> Vec<String> {
    let mut sentences: Vec<String> = ALWAYS.iter().map(|&sentence| sentence.to_owned()).collect();
    let mut say = |sentence: String| sentences.push(sentence);
    match on.checkpoint {
        None => say("That the log was not rewritten as a whole, or cut at its end: no checkpoint \
                     kept elsewhere was checked. Give one with --key or compare the root below with \
                     one that you noted earlier."
            .to_owned()),
        Some(checkpoint) if !checkpoint.valid => say("That the log is the one its checkpoint was \
                     signed for: the checkpoint does not fit."
            .to_owned()),
        Some(checkpoint) if checkpoint.entries_after > 0 => say(format!(
            "Anything about the {} entries after the checkpoint at size {}: they can still be \
             rewritten by whoever holds the directory.",
            grouped(checkpoint.entries_after),
            grouped(checkpoint.size)
        )),
        Some(_) => {}
    }
    match (on.coverage.controls_passed, on.coverage.controls_total) {
        (Some(met), Some(all)) if met < all => {
            say(format!(
                "That {} of the {all} controls are met; their reasons are listed.",
                all - met
            ));
        }
        (Some(_), Some(_)) => {}
        _ => say("That any of the ten controls is met: they were not judged.".to_owned()),
    }
    match on.supply_chain.passed {
        None => say("That the deployment's programs are the ones that were released: no manifest \
                     was given."
            .to_owned()),
        Some(false) => {
            say("That the deployment's programs are the ones that were released: files \
                     differ from the manifest."
                .to_owned())
        }
        Some(true) if on.supply_chain.manifest_signed != Some(true) => {
            say("That the manifest itself is genuine: its signature was not checked.".to_owned());
        }
        Some(true) => {}
    }
    if audit.unvouched > 0 {
        let count = grouped(audit.unvouched);
        say(format!(
            "The last {count} entries: they are whole, but nothing durable vouches for them yet."
        ));
    }
    if on.trail.erased > 0 {
        let count = grouped(on.trail.erased);
        say(format!(
            "What {count} erased entries said: the log keeps their hashes and declares the erasure."
        ));
    }
    if on.trail.entries_without_outcome > 0 {
        let count = grouped(on.trail.entries_without_outcome);
        say(format!("How {count} entries without an outcome ended."));
    }
    sentences.extend(on.trail.unreadable.iter().map(|what| format!("Complete figures: {what}.")));
    sentences
        .extend(audit.not_covered.iter().map(|what| format!("Not covered by the audit: {what}.")));
    sentences
}

/// Commands that repeat this report's claims on a copy of the log.
pub(super) fn steps(on: &Examined<'_>, period: &Slice) -> Vec<Step> {
    let head = format!("{}@{}", on.trail.merkle_root, on.log.tree_size);
    let span = format!("--since {} --until {}", period.since, period.until);
    let mut steps = Vec::new();
    let mut step = |shows: &str, command: String| {
        steps.push(Step { shows: shows.to_owned(), command });
    };
    step(
        "Every byte of the log is hashed again and must lead to the root of this report.",
        format!("wmark verify LOG --against {head}"),
    );
    step("The number of entries in the period.", format!("wmark -C LOG query {span} --count"));
    step(
        "The same by event type, reading every entry and believing no index.",
        format!("wmark -C LOG query {span} --by type --verified"),
    );
    let cited = on.trail.denials.listed.last().or(on.trail.violations.listed.last());
    let index = cited.map_or(0, |entry| entry.index);
    if on.log.tree_size > 0 {
        step(
            "One entry is in the log of this root: a proof, and its check without the log.",
            format!(
                "wmark -C LOG prove {index} --size {} -o proof.json && \
                 wmark verify-proof proof.json --root {head}",
                on.log.tree_size
            ),
        );
    }
    step("The ten controls, judged again.", "wmark -C LOG compliance verify".to_owned());
    step(
        "The deployment's files against a manifest that you keep.",
        "wmark integrity check integrity.json".to_owned(),
    );
    steps
}
