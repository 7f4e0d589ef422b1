//! The tutorial's promises about the audit log, one after the other.

use crate::{entry, fresh};
use witnessmark::{
    AuditLog, Entry, Environment, ErrorKind, EventTime, Evidence, Field, Outcome, Query, Redaction,
    entry_json,
};

#[test]
fn every_field_can_be_set_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let none = Environment::none();
    let log = AuditLog::options(dir.path().join("log")).environment(none).open().unwrap();
    let mut entry = Entry::new("tool_invocation", "did:a", "allow").data_text("{\"n\":1.50}");
    let texts = Field::ALL.into_iter().filter(|field| {
        let is_ours = matches!(field, Field::EntryUuid | Field::Redactions | Field::RuleSet);
        !is_ours && !field.is_time() && *field != Field::Source
    });
    let texts: Vec<Field> = texts.collect();
    for field in &texts {
        entry = entry.set(*field, format!("some {}", field.name()));
    }
    let time = EventTime { seconds: -62_135_596_800, nanos: 999_999_999, offset_minutes: None };
    let later = EventTime { offset_minutes: Some(-330), ..EventTime::utc(1_764_072_000, 5) };
    let entry = entry.timestamp(time).issued_at(later).completed_at(later);
    let receipt = log.append(entry).unwrap();
    let found = log.entry(receipt.index()).unwrap();
    for field in texts {
        assert_eq!(found.text(field), Some(&*format!("some {}", field.name())), "{field:?}");
    }
    assert_eq!((found.timestamp(), found.data_text()), (time, Some("{\"n\":1.50}")));
    assert!(found.verify_hash() && found.entry_hash() == receipt.entry_hash());
    let json = entry_json(&found);
    for field in ["target_did", "matched_rule", "session_id", "issued_at", "approver_did"] {
        assert!(json.contains(&format!("\"{field}\"")), "{json}");
    }
}

#[test]
fn a_strict_log_names_the_words_it_takes() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::options(dir.path().join("log")).strict(true).open().unwrap();
    assert!(log.append(entry("did:a", "{}")).is_ok());
    for (bad, wanted) in [
        (Entry::new("tool_use", "did:a", "allow"), "policy_violation"),
        (Entry::new("tool_blocked", "did:a", "refuse"), "quarantine"),
        (Entry::new("tool_blocked", "did:a", "deny").outcome("banana"), "denied"),
    ] {
        let error = log.append(bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(wanted), "{error}");
    }
    assert_eq!(log.head().size.get(), 1);
    let (_dir, lenient) = fresh();
    assert!(lenient.append(Entry::new("x", "y", "z").outcome("banana")).is_ok());
    assert_eq!(lenient.append(Entry::new("x", "", "z")).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn the_environment_is_said_where_the_entry_is_silent() {
    let dir = tempfile::tempdir().unwrap();
    let environment = Environment::from_variables(|name| match name {
        "SANDBOX_ID" => Some("box".into()),
        "AGT_ENVIRONMENT" => Some("production".into()),
        "OPENSHELL_COMPUTE_DRIVER" => Some(String::new()),
        _ => None,
    });
    let log = AuditLog::options(dir.path().join("log")).environment(environment).open().unwrap();
    let silent = log.append(entry("did:a", "{}")).unwrap();
    let telling = log.append(entry("did:a", "{}").sandbox_id("mine")).unwrap();
    let (silent, telling) =
        (log.entry(silent.index()).unwrap(), log.entry(telling.index()).unwrap());
    assert_eq!(silent.text(Field::SandboxId), Some("box"));
    assert_eq!(telling.text(Field::SandboxId), Some("mine"));
    assert_eq!(telling.text(Field::Environment), Some("production"));
    assert_eq!(telling.text(Field::ComputeDriver), None);
}

#[test]
fn limits_are_those_of_the_tutorial() {
    let (_dir, log) = fresh();
    assert!(log.append_batch((0..250).map(|_| entry("did:a", "{}"))).is_ok());
    let indices = |entries: Vec<witnessmark::StoredEntry>| -> Vec<u64> {
        entries.iter().map(|entry| entry.index().get()).collect()
    };
    // The most recent hundred, oldest first.
    let page = log.query(&Query::new()).unwrap();
    assert_eq!(indices(page.entries), (150..250).collect::<Vec<_>>());
    assert_eq!(indices(log.get_entries_for_agent("did:a", 3).unwrap()), [247, 248, 249]);
    assert_eq!(log.get_entries_by_type("tool_invocation", 0).unwrap().len(), 250);
    assert!(log.get_entries_for_agent("did:nobody", 5).unwrap().is_empty());
    assert!(log.get_entries_for_agent("", 5).unwrap().is_empty());
    assert!(log.get_entry("audit_0000000000000000").unwrap().is_none());
}

#[test]
fn one_entry_is_proved_and_checked_without_the_log() {
    let log = AuditLog::in_memory().unwrap();
    let receipt = log.append(entry("did:a", "{}")).unwrap();
    assert!(!receipt.is_durable());
    let head = log.head();
    let text = log.prove(receipt.entry_id()).unwrap().to_json();
    assert!(log.append(entry("did:b", "{}")).is_ok());
    let evidence = Evidence::from_json(&text).unwrap();
    assert!(evidence.verify(head.size, &head.root).is_ok());
    assert!(evidence.verify(log.head().size, &log.head().root).is_err());
    assert!(log.prove("nothing").is_err());
}

#[test]
fn verify_integrity_finds_what_was_altered() {
    let (dir, log) = fresh();
    assert!(log.append_batch((0..20).map(|_| entry("did:a", "{\"x\":\"needle\"}"))).is_ok());
    assert!(log.verify_integrity().unwrap().is_intact());
    let file = dir.path().join("log/00000000000000000000.seg");
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes.windows(6).position(|text| text == b"needle").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let report = log.verify_integrity().unwrap();
    assert!(!report.is_intact() && report.exit_code() == 1);
    assert!(!report.findings.is_empty());
}

#[test]
fn the_hundred_entry_programme_runs_as_printed() {
    let (_dir, log) = fresh();
    let receipts: Vec<_> = (0..100)
        .map(|n| {
            let resource = format!("/resource/{n}");
            let outcome = if n % 10 == 0 { Outcome::Denied } else { Outcome::Success };
            let entry = entry("did:a", "{}").resource(resource).outcome(outcome);
            log.append(entry).unwrap()
        })
        .collect();
    assert!(log.verify_integrity().unwrap().is_intact());
    let head = log.head();
    for receipt in &receipts {
        assert!(log.prove(receipt.entry_id()).unwrap().verify(head.size, &head.root).is_ok());
    }
    let denied = log.query(&Query::new().outcome(Outcome::Denied)).unwrap();
    assert_eq!(denied.entries.len(), 10);
}

#[test]
fn the_first_entry_of_a_writer_names_the_rules_though_nothing_was_taken_out() {
    let dir = tempfile::tempdir().unwrap();
    let open =
        |redaction| AuditLog::options(dir.path().join("log")).redaction(redaction).open().unwrap();
    let rules = |log: &AuditLog, index: u64| {
        let entry = log.entry(index.into()).unwrap();
        assert_eq!(entry.text(Field::Redactions), None);
        entry.text(Field::RuleSet).map(str::to_owned)
    };
    let log = open(Redaction::mask());
    for id in ["a", "b"] {
        let _ = log.append(entry("did:a", "{}").entry_id(id)).unwrap();
    }
    let standard = rules(&log, 0).expect("the digest of the standard rules");
    assert_eq!((standard.len(), rules(&log, 1)), (64, None));
    log.close().unwrap();
    // Whoever opens the log names them again, and other rules have another digest. That the entry
    // sent again would name rules this time makes it no other entry.
    let log = open(Redaction::mask().allow_value("[a-z]{4}-[0-9]+"));
    assert!(log.append(entry("did:a", "{}").entry_id("b")).unwrap().is_duplicate());
    log.close().unwrap();
    let log = open(Redaction::mask().allow_value("[a-z]{4}-[0-9]+"));
    let _ = log.append(entry("did:a", "{}")).unwrap();
    assert!(rules(&log, 2).is_some_and(|digest| digest != standard));
    log.close().unwrap();
    let log = open(Redaction::off());
    let _ = log.append(entry("did:a", "{}")).unwrap();
    assert_eq!(rules(&log, 3), None);
    assert!(log.verify_integrity().unwrap().is_intact());
}
