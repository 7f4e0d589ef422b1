//! Each control, shown met, not met and not evaluated by entries made for it.

use super::*;
use crate::entry::Entry;
use crate::error::ErrorKind;
use crate::hash;
use crate::integrity::{CheckOptions, GenerateOptions, check, generate};
use crate::log::AuditLog;
use crate::sign::SigningKey;
use crate::storage::{Clock as _, SystemClock};
use crate::types::UnixNanos;
use crate::verify::{VerifyOptions, verify};

const SALES: &str = "did:web:sales.example";
const CODER: &str = "did:web:coder.example";
const BOSS: &str = "did:web:boss.example";
const WATCH: &str = "did:web:watch.example";

/// Everything that the ten controls ask for.
const DECLARED: &str = r#"
schema = "wmark.deployment/1"
name = "acme-agents"
[policy]
default_action = "deny"
versions = ["7"]
rules = [{ id = "crm" }, { id = "no-payroll" }, { id = "watch" }]
[[tools]]
name = "crm_lookup"
resources = ["/crm/"]
[[tools]]
name = "deploy"
[[identities]]
did = "did:web:sales.example"
tools = ["crm_lookup"]
[[identities]]
did = "did:web:coder.example"
tools = ["deploy"]
[[identities]]
did = "did:web:boss.example"
role = "approver"
[[identities]]
did = "did:web:watch.example"
role = "detector"
[escalation]
required_for = ["/deploy/"]
approvers = ["did:web:boss.example"]
[logging]
max_idle_hours = 24
[[sinks]]
name = "archive"
max_lag = 10
[integrity]
manifest = "integrity.json"
[monitoring]
detectors = ["did:web:watch.example"]
max_silence_hours = 24
"#;

fn call<'a>(agent: &'a str, tool: &str, resource: &'a str) -> Entry<'a> {
    Entry::new("tool_invocation", agent, "allow")
        .resource(resource)
        .data(&serde_json::json!({ "tool": tool }))
        .matched_rule("crm")
        .policy_version("7")
}

fn blocked(agent: &str) -> Entry<'_> {
    Entry::new("tool_blocked", agent, "deny")
        .resource("/payroll")
        .outcome("denied")
        .matched_rule("no-payroll")
        .policy_version("7")
}

/// Entries that show every control to be met.
fn good() -> Vec<Entry<'static>> {
    vec![
        call(SALES, "crm_lookup", "/crm/contacts").trace_id("t1"),
        blocked(SALES).trace_id("t2"),
        call(CODER, "deploy", "/deploy/prod").approver_did(BOSS),
        Entry::new("agent_invocation", SALES, "allow").target_did(CODER),
        Entry::new("rogue_detection", WATCH, "audit").target_did(SALES),
    ]
}

struct Rig {
    dir: tempfile::TempDir,
    log: AuditLog,
}

impl Rig {
    fn with(entries: Vec<Entry<'_>>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = AuditLog::open(dir.path().join("log")).unwrap();
        for entry in entries {
            let _ = log.append(entry).unwrap();
        }
        Self { dir, log }
    }

    fn audit(&self) -> crate::verify::Report {
        let head = self.log.head();
        let options = VerifyOptions::new().against(head.size, head.root);
        verify(self.dir.path().join("log"), &options).unwrap()
    }

    /// Judged with an audit, a passed integrity check and a copy that keeps up.
    fn judged(&self, declared: &str) -> Attestation {
        let declared = Deployment::parse(declared).unwrap();
        let report = self.audit();
        let files = self.dir.path().join("files");
        std::fs::create_dir_all(&files).unwrap();
        std::fs::write(files.join("a"), "a").unwrap();
        let manifest = generate(&GenerateOptions::new().root(None, &files)).unwrap();
        let integrity = check(&manifest, &CheckOptions::new("now").root("files", &files)).unwrap();
        let beside = Beside::new(SystemClock.now()).origin("acme").audit(&report);
        let beside = beside.integrity(&integrity).lag("archive", 3);
        assess(&self.log.view(), &declared, &beside).unwrap()
    }
}

fn state(attestation: &Attestation, id: &str) -> State {
    attestation.controls.iter().find(|control| control.id == id).unwrap().state
}

/// The state of a control when these entries come after the good ones.
#[track_caller]
fn after(id: &str, entries: Vec<Entry<'_>>) -> (State, Vec<u64>) {
    let all: Vec<Entry<'_>> = good().into_iter().chain(entries).collect();
    let attestation = Rig::with(all).judged(DECLARED);
    let control = attestation.controls.iter().find(|control| control.id == id).unwrap();
    let wrong = control.checks.iter().filter(|check| check.state == State::NotMet);
    let shown = wrong.flat_map(|check| &check.entries).map(|shown| shown.index).collect();
    (control.state, shown)
}

/// The state of a control without a part of the declaration, or with another one.
fn declared_as(id: &str, from: &str, to: &str) -> State {
    assert!(DECLARED.contains(from), "{from}");
    state(&Rig::with(good()).judged(&DECLARED.replace(from, to)), id)
}

#[test]
fn good_evidence_meets_all_ten_controls() {
    let attestation = Rig::with(good()).judged(DECLARED);
    assert!(attestation.passed(), "{}", attestation.summary());
    assert_eq!((attestation.controls_passed(), attestation.coverage_pct()), (10, 100));
    assert_eq!(attestation.compliance_grade(), 'A');
    assert!(attestation.failures().is_empty());
    assert!(attestation.summary().ends_with("Coverage: 10/10 (100%)"));
    let green = "https://img.shields.io/badge/OWASP%20ASI%202026-10%2F10-brightgreen";
    let badge = format!("[![OWASP ASI 2026]({green})](https://owaspai.org/asi/)");
    assert_eq!(attestation.badge_markdown(), badge);
}

#[test]
fn nothing_declared_and_nothing_logged_is_never_met() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(dir.path().join("log")).unwrap();
    let bare = Deployment::parse("schema = \"wmark.deployment/1\"").unwrap();
    let attestation = assess(&log.view(), &bare, &Beside::new(UnixNanos(0))).unwrap();
    assert!(attestation.controls.iter().all(|control| control.state == State::NotEvaluated));
    assert!(!attestation.passed() && attestation.coverage_pct() == 0);
    assert_eq!(attestation.failures().len(), 12, "{:?}", attestation.failures());
    let declared = Deployment::parse(DECLARED).unwrap();
    let attestation = assess(&log.view(), &declared, &Beside::new(UnixNanos(0))).unwrap();
    assert!(attestation.controls.iter().all(|control| !control.is_met()));
    assert!(attestation.badge_markdown().contains("0%2F10-red"));
}

#[test]
fn asi_01_wants_every_call_decided_and_every_refusal_ruled() {
    let bare = || Entry::new("tool_invocation", SALES, "allow").outcome("success");
    assert_eq!(after("ASI-01", vec![bare()]), (State::NotMet, vec![5]));
    // A decision in the same trace counts, of another trace it does not.
    let decision = || Entry::new("policy_evaluation", SALES, "allow").trace_id("t9");
    assert_eq!(after("ASI-01", vec![decision(), bare().trace_id("t9")]).0, State::Met);
    assert_eq!(after("ASI-01", vec![decision(), bare().trace_id("t8")]).0, State::NotMet);
    let unruled = Entry::new("tool_blocked", SALES, "deny").matched_rule("unheard-of");
    assert_eq!(after("ASI-01", vec![unruled]), (State::NotMet, vec![5]));
    let rules = "rules = [{ id = \"crm\" }, { id = \"no-payroll\" }, { id = \"watch\" }]";
    assert_eq!(declared_as("ASI-01", rules, ""), State::NotEvaluated);
    let calls_only = Rig::with(vec![call(SALES, "crm_lookup", "/crm/x")]).judged(DECLARED);
    assert_eq!(state(&calls_only, "ASI-01"), State::NotEvaluated);
}

#[test]
fn asi_02_wants_declared_tools_on_their_resources() {
    assert_eq!(after("ASI-02", vec![call(SALES, "rm", "/crm/x")]), (State::NotMet, vec![5]));
    let astray = call(SALES, "crm_lookup", "/hr/x");
    assert_eq!(after("ASI-02", vec![astray]), (State::NotMet, vec![5]));
    let nameless = Entry::new("tool_invocation", SALES, "allow").matched_rule("crm");
    assert_eq!(after("ASI-02", vec![nameless]).0, State::NotMet);
    // What was refused was not used.
    let refused = call(SALES, "rm", "/").outcome("denied");
    assert_eq!(after("ASI-02", vec![refused]).0, State::Met);
    let silent = Rig::with(vec![blocked(SALES)]).judged(DECLARED);
    assert_eq!(state(&silent, "ASI-02"), State::NotEvaluated);
}

#[test]
fn asi_03_wants_deny_by_default_and_agents_within_their_tools() {
    let beyond = call(SALES, "deploy", "/crm/x");
    assert_eq!(after("ASI-03", vec![beyond]), (State::NotMet, vec![5]));
    let stranger = call("did:web:x.example", "deploy", "/x");
    assert_eq!(after("ASI-03", vec![stranger]).0, State::NotMet);
    let default = "default_action = \"deny\"";
    assert_eq!(declared_as("ASI-03", default, "default_action = \"allow\""), State::NotMet);
    assert_eq!(declared_as("ASI-03", default, ""), State::NotEvaluated);
    assert_eq!(declared_as("ASI-03", "tools = [\"deploy\"]", ""), State::NotEvaluated);
    let unrefused = Rig::with(vec![call(SALES, "crm_lookup", "/crm/x")]).judged(DECLARED);
    assert_eq!(state(&unrefused, "ASI-03"), State::NotEvaluated);
}

#[test]
fn asi_04_wants_approval_by_somebody_else_who_may() {
    let deploy = || call(CODER, "deploy", "/deploy/prod");
    assert_eq!(after("ASI-04", vec![deploy()]), (State::NotMet, vec![5]));
    assert_eq!(after("ASI-04", vec![deploy().approver_did(SALES)]).0, State::NotMet);
    let own = call(BOSS, "deploy", "/deploy/prod").approver_did(BOSS);
    assert_eq!(after("ASI-04", vec![own]).0, State::NotMet);
    assert_eq!(after("ASI-04", vec![deploy().outcome("denied")]).0, State::Met);
    let nobody = "approvers = [\"did:web:boss.example\"]";
    assert_eq!(declared_as("ASI-04", nobody, ""), State::NotEvaluated);
    let quiet = Rig::with(vec![call(SALES, "crm_lookup", "/crm/x")]).judged(DECLARED);
    assert_eq!(state(&quiet, "ASI-04"), State::NotEvaluated);
}

#[test]
fn asi_05_wants_both_ends_declared() {
    let to =
        |target: &'static str| Entry::new("agent_invocation", SALES, "allow").target_did(target);
    assert_eq!(after("ASI-05", vec![to("did:web:x.example")]), (State::NotMet, vec![5]));
    assert_eq!(
        after("ASI-05", vec![Entry::new("agent_invocation", SALES, "allow")]).0,
        State::NotMet
    );
    assert_eq!(after("ASI-05", vec![to("did:web:x.example").outcome("denied")]).0, State::Met);
    let alone = Rig::with(vec![blocked(SALES)]).judged(DECLARED);
    assert_eq!(state(&alone, "ASI-05"), State::NotEvaluated);
}

#[test]
fn asi_06_wants_a_log_that_verifies_is_recent_and_copied() {
    let rig = Rig::with(good());
    let declared = Deployment::parse(DECLARED).unwrap();
    let report = rig.audit();
    let now = SystemClock.now();
    let judge =
        |beside: Beside<'_>| state(&assess(&rig.log.view(), &declared, &beside).unwrap(), "ASI-06");
    let seen = || Beside::new(now).audit(&report);
    assert_eq!(judge(seen().lag("archive", 10)), State::Met);
    assert_eq!(judge(seen().lag("archive", 11)), State::NotMet);
    assert_eq!(judge(seen()), State::NotEvaluated);
    assert_eq!(judge(Beside::new(now).lag("archive", 0)), State::NotEvaluated);
    let later = UnixNanos(now.0 + 25 * 3_600_000_000_000);
    assert_eq!(judge(Beside::new(later).audit(&report).lag("archive", 0)), State::NotMet);
    // An audit of an earlier log says nothing about this one.
    let _ = rig.log.append(blocked(SALES)).unwrap();
    assert_eq!(judge(seen().lag("archive", 0)), State::NotEvaluated);
    let other = Rig::with(good().into_iter().chain([blocked(SALES)]).collect());
    let other = other.audit();
    assert_eq!(judge(Beside::new(now).audit(&other).lag("archive", 0)), State::NotMet);
    let key = "max_idle_hours = 24\nverifier_key = \"acme+00000000+x\"";
    assert_eq!(declared_as("ASI-06", "max_idle_hours = 24", key), State::NotEvaluated);
}

#[test]
fn asi_06_wants_a_checkpoint_of_some_entries_when_a_key_is_declared() {
    let rig = Rig::with(good());
    let key = "max_idle_hours = 24\nverifier_key = \"acme+00000000+x\"";
    let declared = Deployment::parse(&DECLARED.replace("max_idle_hours = 24", key)).unwrap();
    let report = rig.audit();
    let judge = |holds, size: u64| {
        let beside = Beside::new(SystemClock.now()).audit(&report).lag("archive", 0);
        let beside = beside.checkpoint(holds, size.into());
        state(&assess(&rig.log.view(), &declared, &beside).unwrap(), "ASI-06")
    };
    assert_eq!((judge(true, 5), judge(true, 1)), (State::Met, State::Met));
    assert_eq!((judge(false, 5), judge(true, 0)), (State::NotMet, State::NotEvaluated));
}

#[test]
fn asi_06_is_not_met_by_a_log_that_was_altered() {
    let rig = Rig::with(good());
    rig.log.sync().unwrap();
    let segment = std::fs::read_dir(rig.dir.path().join("log")).unwrap().find_map(|file| {
        let path = file.unwrap().path();
        path.extension().is_some_and(|ending| ending == "seg").then_some(path)
    });
    let segment = segment.unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let at = bytes.windows(8).position(|window| window == b"/payroll").unwrap();
    bytes[at] ^= 1;
    let copy = rig.dir.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    for file in std::fs::read_dir(rig.dir.path().join("log")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
    }
    std::fs::write(copy.join(segment.file_name().unwrap()), bytes).unwrap();
    let report = verify(&copy, &VerifyOptions::new()).unwrap();
    let declared = Deployment::parse("schema = \"wmark.deployment/1\"").unwrap();
    let beside = Beside::new(SystemClock.now()).audit(&report);
    let attestation = assess(&rig.log.view(), &declared, &beside).unwrap();
    assert_eq!(state(&attestation, "ASI-06"), State::NotMet);
    assert_eq!(attestation.log.verdict.as_deref(), Some("tampered"));
    // The altered log itself: nobody is met on what was not read.
    let view = AuditLog::open_read_only(&copy).unwrap().view().unwrap();
    let declared = Deployment::parse(DECLARED).unwrap();
    let beside = Beside::new(SystemClock.now()).audit(&report).lag("archive", 0);
    let attestation = assess(&view, &declared, &beside).unwrap();
    assert_eq!(state(&attestation, "ASI-06"), State::NotMet);
    assert_eq!(attestation.controls_passed(), 0, "{}", attestation.summary());
}

#[test]
fn asi_07_wants_declared_identities_that_are_not_revoked() {
    let other = Entry::new("policy_evaluation", "did:web:x.example", "allow").matched_rule("crm");
    assert_eq!(after("ASI-07", vec![other]), (State::NotMet, vec![5]));
    let nameless = Entry::new("policy_evaluation", "sales", "allow").matched_rule("crm");
    assert_eq!(after("ASI-07", vec![nameless]), (State::NotMet, vec![5]));
    let did = "did = \"did:web:coder.example\"";
    let past = format!("{did}\nrevoked_at = \"2020-01-01T00:00:00Z\"");
    assert_eq!(declared_as("ASI-07", did, &past), State::NotMet);
    let future = format!("{did}\nrevoked_at = \"2999-01-01T00:00:00Z\"");
    assert_eq!(declared_as("ASI-07", did, &future), State::Met);
    let tools = "schema = \"wmark.deployment/1\"\n[[tools]]\nname = \"x\"";
    assert_eq!(state(&Rig::with(good()).judged(tools), "ASI-07"), State::NotEvaluated);
}

#[test]
fn asi_08_wants_rules_on_decisions_and_nothing_done_that_was_denied() {
    let unnamed = Entry::new("policy_evaluation", SALES, "allow").policy_version("7");
    assert_eq!(after("ASI-08", vec![unnamed]), (State::NotMet, vec![5]));
    let other = blocked(SALES).matched_rule("unheard-of");
    assert_eq!(after("ASI-08", vec![other]), (State::NotMet, vec![5]));
    let rules = "rules = [{ id = \"crm\" }, { id = \"no-payroll\" }, { id = \"watch\" }]";
    assert_eq!(declared_as("ASI-08", rules, ""), State::NotEvaluated);
    let of_version = |version: &'static str| blocked(SALES).policy_version(version);
    assert_eq!(after("ASI-08", vec![of_version("6")]), (State::NotMet, vec![5]));
    // The same trace, agent and resource, first denied and then done.
    let done = || {
        Entry::new("tool_invocation", SALES, "allow")
            .resource("/payroll")
            .trace_id("t2")
            .matched_rule("crm")
    };
    assert_eq!(after("ASI-08", vec![done()]), (State::NotMet, vec![5]));
    assert_eq!(after("ASI-08", vec![done().approver_did(BOSS)]).0, State::Met);
    assert_eq!(after("ASI-08", vec![done().outcome("failure")]).0, State::Met);
    let both = Entry::new("tool_invocation", SALES, "deny").matched_rule("crm").policy_version("7");
    assert_eq!(after("ASI-08", vec![both.outcome("success")]).0, State::NotMet);
    let undecided = Entry::new("tool_invocation", SALES, "allow");
    assert_eq!(state(&Rig::with(vec![undecided]).judged(DECLARED), "ASI-08"), State::NotEvaluated);
    let file = format!("{DECLARED}\n[[policy.files]]\npath = \"gone.yaml\"");
    let refused = Deployment::parse(&file);
    assert!(refused.is_ok(), "{refused:?}");
    assert_eq!(state(&Rig::with(good()).judged(&file), "ASI-08"), State::NotMet);
}

#[test]
fn asi_09_wants_the_manifest_to_pass_and_never_takes_its_absence_for_that() {
    let rig = Rig::with(good());
    let declared = Deployment::parse(DECLARED).unwrap();
    let files = rig.dir.path().join("files");
    std::fs::create_dir(&files).unwrap();
    std::fs::write(files.join("a"), "a").unwrap();
    let mut manifest = generate(&GenerateOptions::new().root(None, &files)).unwrap();
    let here = CheckOptions::new("now").root("files", &files);
    let judge = |declared: &Deployment, report: Option<&crate::integrity::Report>| {
        let mut beside = Beside::new(UnixNanos(0));
        if let Some(report) = report {
            beside = beside.integrity(report);
        }
        state(&assess(&rig.log.view(), declared, &beside).unwrap(), "ASI-09")
    };
    assert_eq!(judge(&declared, None), State::NotEvaluated);
    assert_eq!(judge(&declared, Some(&check(&manifest, &here).unwrap())), State::Met);
    let nothing = crate::integrity::Report::not_evaluated("now");
    assert_ne!(judge(&declared, Some(&nothing)), State::Met);
    // A declared key wants a signature.
    let key = SigningKey::from_seed("acme/gate", &[1; 32]).unwrap();
    let text = format!("manifest = \"integrity.json\"\nverifier_key = \"{}\"", key.verifier());
    let signed = DECLARED.replace("manifest = \"integrity.json\"", &text);
    let signed = Deployment::parse(&signed).unwrap();
    assert_eq!(judge(&signed, Some(&check(&manifest, &here).unwrap())), State::NotMet);
    manifest.sign(&[&key]).unwrap();
    let signer = manifest.verify(&[key.verifier()]).unwrap().remove(0);
    let known = here.clone().signer(signer);
    assert_eq!(judge(&signed, Some(&check(&manifest, &known).unwrap())), State::Met);
    std::fs::remove_file(files.join("a")).unwrap();
    assert_eq!(judge(&declared, Some(&check(&manifest, &here).unwrap())), State::NotMet);
}

#[test]
fn asi_10_wants_detectors_heard_and_quarantines_kept() {
    let apart = || {
        Entry::new("rogue_detection", WATCH, "quarantine").target_did(CODER).matched_rule("watch")
    };
    let act = || call(CODER, "deploy", "/x");
    assert_eq!(after("ASI-10", vec![apart()]).0, State::Met);
    assert_eq!(after("ASI-10", vec![apart(), act()]), (State::NotMet, vec![6]));
    let own = Entry::new("rogue_detection", CODER, "quarantine").matched_rule("watch");
    assert_eq!(after("ASI-10", vec![own, act()]).0, State::NotMet);
    let back = || Entry::new("agent_verified", WATCH, "allow").target_did(CODER);
    assert_eq!(after("ASI-10", vec![apart(), back().approver_did(BOSS), act()]).0, State::Met);
    assert_eq!(after("ASI-10", vec![apart(), back(), act()]).0, State::NotMet);
    let detectors = "detectors = [\"did:web:watch.example\"]";
    assert_eq!(declared_as("ASI-10", detectors, ""), State::NotEvaluated);
    let unwatched = Rig::with(vec![blocked(SALES)]).judged(DECLARED);
    assert_eq!(state(&unwatched, "ASI-10"), State::NotEvaluated);
    let declared = Deployment::parse(DECLARED).unwrap();
    let later = UnixNanos(SystemClock.now().0 + 25 * 3_600_000_000_000);
    let silent = assess(&Rig::with(good()).log.view(), &declared, &Beside::new(later)).unwrap();
    assert_eq!(state(&silent, "ASI-10"), State::NotMet);
}

#[test]
fn a_period_leaves_out_what_is_outside_of_it() {
    let rig = Rig::with(good());
    let declared = Deployment::parse(DECLARED).unwrap();
    let later = UnixNanos(SystemClock.now().0 + 1_000_000_000);
    let attestation = assess(&rig.log.view(), &declared, &Beside::new(later).since(later)).unwrap();
    assert_eq!(attestation.log.entries, 0);
    assert_eq!(attestation.log.size, 5);
    assert_eq!(attestation.period.since, Some(later.to_string()));
}

#[test]
fn an_attestation_has_the_keys_of_the_reference_and_reads_back() {
    let rig = Rig::with(vec![call(SALES, "crm_lookup", "/crm/x")]);
    let attestation = rig.judged(DECLARED);
    let value: serde_json::Value = serde_json::from_str(&attestation.to_json()).unwrap();
    let keys = "schema mode strict passed coverage_pct controls_passed controls_total \
                toolkit_version python_version platform verified_at attestation_hash \
                evidence_source controls evidence_checks failures";
    for key in keys.split_whitespace() {
        assert!(value.get(key).is_some(), "{key}");
    }
    for key in ["id", "name", "present", "module", "component", "error"] {
        assert!(value["controls"][0].get(key).is_some(), "{key}");
    }
    for key in ["id", "title", "status", "message", "observed"] {
        assert!(value["evidence_checks"][0].get(key).is_some(), "{key}");
    }
    assert_eq!(value["log"]["root"], rig.log.view().root().to_hex());
    assert_eq!(Attestation::from_json(&attestation.to_json()).unwrap(), attestation);
    // Half of ten is not passed, and its badge is not green.
    assert_eq!((value["passed"].as_bool(), attestation.passed()), (Some(false), false));
    assert!(!attestation.badge_markdown().contains("green"));
}

#[test]
fn the_same_evidence_has_the_same_hash_at_any_hour() {
    let rig = Rig::with(good());
    let declared = Deployment::parse(DECLARED).unwrap();
    let at = |seconds: u64| {
        let now = UnixNanos(SystemClock.now().0 + seconds * 1_000_000_000);
        assess(&rig.log.view(), &declared, &Beside::new(now)).unwrap()
    };
    let (one, two) = (at(0), at(60));
    assert_ne!(one.verified_at, two.verified_at);
    assert_eq!(one.attestation_hash(), two.attestation_hash());
    let _ = rig.log.append(blocked(SALES)).unwrap();
    assert_ne!(at(0).attestation_hash(), one.attestation_hash());
}

#[test]
fn what_was_altered_in_an_attestation_is_found() {
    let rig = Rig::with(vec![call(SALES, "rm", "/crm/x")]);
    let mut attestation = rig.judged(DECLARED);
    let key = SigningKey::from_seed("acme/gate", &[1; 32]).unwrap();
    assert_eq!(
        attestation.verify_signature(&[key.verifier()]).unwrap_err().kind(),
        ErrorKind::ProofInvalid
    );
    attestation.sign(&[&key]).unwrap();
    let text = attestation.to_json();
    let back = Attestation::from_json(&text).unwrap();
    assert_eq!(back.verify_signature(&[key.verifier()]).unwrap(), ["acme/gate"]);
    let kind = |text: &str| Attestation::from_json(text).unwrap_err().kind();
    for (from, to) in [
        ("\"passed\":false", "\"passed\":true"),
        ("\"state\":\"not_met\"", "\"state\":\"met\""),
        ("\"evidence_source\":\"acme-agents\"", "\"evidence_source\":\"other\""),
    ] {
        assert!(text.contains(from), "{from}");
        assert_eq!(kind(&text.replace(from, to)), ErrorKind::ProofInvalid);
    }
    // Whoever makes the hash fit again is found by what the controls and checks say, or else by the
    // signature.
    let rehashed = |from: &str, to: &str| {
        let mut value: serde_json::Value = serde_json::from_str(&text.replace(from, to)).unwrap();
        let hash = crate::integrity::hash_without(&value, &document::UNHASHED).to_hex();
        value["attestation_hash"] = hash.into();
        value.to_string()
    };
    assert_eq!(kind(&rehashed("\"passed\":false", "\"passed\":true")), ErrorKind::ProofInvalid);
    let silent = rehashed("\"evidence_source\":\"acme-agents\"", "\"evidence_source\":\"other\"");
    let silent = Attestation::from_json(&silent).unwrap();
    assert!(silent.verify_signature(&[key.verifier()]).is_err());
    let later = Attestation { verified_at: "2030-01-01T00:00:00Z".to_owned(), ..back.clone() };
    assert!(later.verify_signature(&[key.verifier()]).is_err());
    let other = SigningKey::from_seed("acme/gate", &[2; 32]).unwrap();
    assert!(back.verify_signature(&[other.verifier()]).is_err());
    for garbage in ["", "[]", "{}", "{\"schema\":\"governance-attestation/v1\"}"] {
        assert_eq!(kind(garbage), ErrorKind::UnknownVersion, "{garbage}");
    }
    assert_eq!(hash::sha256(b"").to_hex().len(), attestation.attestation_hash().len());
}
