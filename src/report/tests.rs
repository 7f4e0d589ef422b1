//! The report on logs made for it: keys, figures, damage, and texts that would like to act.

use super::*;
use crate::{Action, AuditLog, Entry, EventTime, Outcome};

const DAY: i64 = 86_400;
/// 2026-11-25T00:00:00Z.
const MIDNIGHT: i64 = 1_795_564_800;
const NASTY: &str = "did:web:<script>alert(1)</script>\u{202e}gpj.\u{1b}[31m\"'&amp;";

fn at(seconds: i64) -> EventTime {
    EventTime::utc(seconds, 0)
}

/// Ten entries of two agents over three days: denials of every kind, one of them also a violation.
fn small_log() -> AuditLog {
    let log = AuditLog::in_memory().unwrap();
    let append = |time: i64, entry: Entry<'_>| {
        let _receipt = log.append(entry.timestamp(at(time))).unwrap();
    };
    for minute in 0..5 {
        let entry = Entry::new("tool_invocation", "did:web:a.example", Action::Allow);
        append(MIDNIGHT - 2 * DAY + minute * 60, entry.resource("/crm"));
    }
    let by = |event_type, agent, action| Entry::new(event_type, agent, action);
    append(MIDNIGHT - DAY, by("tool_blocked", NASTY, "deny").outcome(Outcome::Denied));
    append(MIDNIGHT - DAY + 1, by("tool_invocation", NASTY, "deny").outcome(Outcome::Failure));
    append(MIDNIGHT - DAY + 2, by("policy_violation", NASTY, "warning").outcome(Outcome::Denied));
    append(MIDNIGHT, by("rogue_detection", "did:web:a.example", "audit"));
    append(MIDNIGHT - 90 * DAY, by("tool_blocked", "did:web:old.example", "deny"));
    log
}

fn report(log: &AuditLog) -> ComplianceReport {
    let (view, audit) = (log.view(), log.verify_integrity().unwrap());
    Request::new(&view, &audit, at(MIDNIGHT + 10)).days(30).gather().unwrap()
}

#[test]
fn every_key_of_the_tutorial_is_there() {
    let report = serde_json::to_value(report(&small_log())).unwrap();
    let keys = |pointer: &str, wanted: &[&str]| {
        let object = report.pointer(pointer).unwrap().as_object().unwrap();
        for key in wanted {
            assert!(object.contains_key(*key), "{pointer} lacks {key}");
        }
    };
    keys("", &["report_generated", "period_start", "period_end", "audit_trail"]);
    keys("", &["owasp_asi_2026", "supply_chain_integrity"]);
    keys("/audit_trail", &["total_entries", "events_by_type", "events_by_outcome"]);
    keys("/audit_trail", &["chain_integrity_valid", "chain_integrity_error", "merkle_root"]);
    keys("/owasp_asi_2026", &["passed", "controls_passed", "controls_total", "coverage_pct"]);
    keys("/owasp_asi_2026", &["attestation_hash"]);
    keys("/supply_chain_integrity", &["passed"]);
    assert_eq!(report["audit_trail"]["events_by_type"]["tool_invocation"], 6);
    assert_eq!(report["period_start"], "2026-10-26T00:00:10Z");
    // Without a manifest nothing is known; the reference says `true` here.
    assert!(report["supply_chain_integrity"]["passed"].is_null());
}

#[test]
fn denials_are_counted_once_however_many_marks_they_bear() {
    let report = report(&small_log());
    let trail = &report.audit_trail;
    assert_eq!((trail.total_entries, trail.distinct_agents), (Some(9), 2));
    assert_eq!((trail.denials.total, trail.violations.total), (3, 2));
    let listed = |refused: &Refused| refused.listed.iter().map(|e| e.index).collect::<Vec<_>>();
    assert_eq!((listed(&trail.denials), listed(&trail.violations)), (vec![5, 6, 7], vec![7, 8]));
    let day = trail.events_by_day.iter().find(|day| day.day == "2026-11-24").unwrap();
    assert_eq!((day.entries, day.denials, day.violations), (3, 3, 1));
    assert_eq!(trail.events_by_day.len(), 31);
    let by_day: u64 = trail.events_by_day.iter().map(|day| day.entries).sum();
    assert_eq!(Some(by_day), trail.total_entries);
    assert_eq!(trail.events_by_type.total(), 9);
    let nasty = &trail.top_agents[1];
    assert_eq!((nasty.entries, nasty.denials, nasty.violations), (3, 3, 1));
}

#[test]
fn what_was_not_given_is_not_claimed() {
    let report = report(&small_log());
    assert_eq!(report.checkpoint, None);
    let said = report.not_proven.join("\n");
    for words in ["no checkpoint", "were not judged", "no manifest", "not signed"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let holds = |fact| report.evidence.iter().find(|s| s.fact == fact).unwrap().holds;
    assert!(holds(Fact::EventsRecorded) && holds(Fact::RefusalsRecorded));
    assert!(!holds(Fact::CheckpointVerified) && !holds(Fact::SoftwareVerified));
    assert!(!holds(Fact::HistorySixMonths), "the log was recorded a moment ago");
    let support = |name: &str| {
        let clauses = report.clauses.iter().flat_map(|framework| &framework.clauses);
        clauses.into_iter().find(|clause| clause.clause == name).unwrap().support
    };
    assert_eq!(support("Art. 19(1)"), Support::Partly);
    assert_eq!(support("10.4.1"), Support::NotShown);
    assert_eq!(support("A.6.2.8"), Support::Supported);
}

#[test]
fn a_checkpoint_is_held_against_key_name_and_root() {
    use crate::sign::{Checkpoint, SigningKey};
    let log = AuditLog::in_memory().unwrap();
    for _ in 0..3 {
        let _receipt = log.append(Entry::new("t", "a", "allow")).unwrap();
    }
    let view = log.view();
    let origin = log.identity().origin.clone();
    let key = |name: &str| SigningKey::from_seed(name, &[7; 32]).unwrap();
    let own = key(&crate::sign::key_name_of(&origin));
    let sign = |size: u64, root| {
        Checkpoint::new(&origin, size.into(), root).unwrap().sign(&[&own]).unwrap()
    };
    let good = sign(2, view.root_at(2.into()).unwrap());
    let hold = |signed: &crate::sign::SignedCheckpoint, key: &SigningKey| {
        VerifiedCheckpoint::held_against(signed, &[key.verifier()], &view, Some(&origin))
    };
    let held = hold(&good, &own);
    assert_eq!((held.valid, held.size, held.entries_after, &held.error), (true, 2, 1, &None));
    for (signed, key, words) in [
        (&good, &key("another.example"), "another log"),
        (&sign(2, view.root()), &own, "another root at 2"),
        (&sign(9, view.root()), &own, "the log is shorter"),
    ] {
        let held = hold(signed, key);
        assert!(!held.valid && held.error.as_deref().unwrap().contains(words), "{held:?}");
    }
    let audit = log.verify_integrity().unwrap();
    let report = Request::new(&view, &audit, at(MIDNIGHT)).checkpoint(held).gather().unwrap();
    assert!(report.evidence.iter().any(|s| s.fact == Fact::CheckpointVerified && s.holds));
    assert!(report.not_proven.iter().any(|said| said.contains("the 1 entries after")));
}

#[test]
fn coverage_and_software_are_carried_over_as_they_were_judged() {
    use crate::compliance::{Beside, Deployment, assess};
    use crate::integrity;
    let log = small_log();
    let declared = Deployment::parse("schema = \"wmark.deployment/1\"").unwrap();
    let beside = Beside::new(crate::UnixNanos(0));
    let attestation = assess(&log.view(), &declared, &beside).unwrap();
    let coverage = Coverage::from(&attestation);
    assert_eq!((coverage.controls_total, coverage.passed), (Some(10), Some(false)));
    assert_eq!(coverage.attestation_hash, Some(attestation.attestation_hash()));
    assert!(coverage.controls.iter().all(|control| !control.reasons.is_empty()));
    let nothing = SupplyChain::from(&integrity::Report::not_evaluated("now"));
    assert_eq!((nothing.passed, nothing.files_checked), (None, None));
}

#[test]
fn an_empty_log_supports_nothing_about_acts() {
    let log = AuditLog::in_memory().unwrap();
    let report = report(&log);
    assert_eq!(report.audit_trail.total_entries, Some(0));
    let clauses = report.clauses.iter().flat_map(|framework| &framework.clauses);
    for clause in clauses {
        assert_ne!(clause.support, Support::Supported, "{}", clause.clause);
    }
    assert!(report.to_markdown().contains("None in the period"));
}

#[test]
fn every_clause_says_what_it_cannot_show_and_no_fact_is_idle() {
    let report = report(&small_log());
    let mut used = std::collections::BTreeSet::new();
    for framework in &report.clauses {
        assert!(framework.clauses.len() >= 4, "{}", framework.title);
        for clause in &framework.clauses {
            assert!(clause.caveat.len() > 30 && clause.asks.ends_with('.'), "{}", clause.clause);
            used.extend(clause.shown_by.iter().chain(&clause.missing).copied());
        }
    }
    assert_eq!(used.len(), report.evidence.len(), "every fact supports some clause");
    assert_eq!(report.clauses.len(), 6);
}

#[test]
fn lists_are_cut_and_counts_are_not() {
    let log = small_log();
    let (view, audit) = (log.view(), log.verify_integrity().unwrap());
    for listed in [0, 1, 2] {
        let request = Request::new(&view, &audit, at(MIDNIGHT + 10)).listed(listed).agents(1);
        let report = request.gather().unwrap();
        assert_eq!(report.audit_trail.denials.total, 3);
        assert_eq!(report.audit_trail.denials.listed.len(), listed);
        assert!(report.audit_trail.denials.listed.last().is_none_or(|entry| entry.index == 7));
        assert_eq!(
            (report.audit_trail.top_agents.len(), report.audit_trail.distinct_agents),
            (1, 2)
        );
    }
}

#[cfg(feature = "html")]
#[test]
fn no_text_of_an_agent_acts_on_the_page() {
    let report = report(&small_log());
    let page = report.to_html().unwrap();
    assert!(!page.contains("<script") && !page.contains('\u{202e}') && !page.contains('\u{1b}'));
    assert!(page.contains("&lt;script&gt;alert(1)") && page.contains("\\u{202e}gpj"));
    assert!(page.contains("&amp;amp;"), "what was written is what is seen");
    assert!(!page.contains("http://") && !page.contains("https://"), "nothing is loaded or linked");
    assert!(page.contains("href=\"#entry-7\"") && page.contains("id=\"entry-7\""));
    let markdown = report.to_markdown();
    assert!(!markdown.contains("<script") && !markdown.contains('\u{202e}'));
}

#[cfg(feature = "html")]
#[test]
fn every_link_of_the_page_leads_somewhere_and_every_id_is_there_once() {
    let page = report(&small_log()).to_html().unwrap();
    let values = |name: &str| -> Vec<String> {
        let parts = page.split(name).skip(1);
        parts.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
    };
    let ids = values(" id=\"");
    for link in values("href=\"#") {
        assert_eq!(ids.iter().filter(|id| **id == link).count(), 1, "#{link}");
    }
    assert_eq!(page.matches("<table").count(), page.matches("<caption").count());
}
