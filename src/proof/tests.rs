//! What evidence must withstand.

mod handed_out;

use super::*;
use crate::{AuditLog, Entry, ErrorKind, TreeHead, TreeSize, hash};
use serde_json::Value;

fn log_of(count: usize) -> AuditLog {
    let log = AuditLog::in_memory().unwrap();
    for n in 0..count {
        let entry = Entry::new("tool_invocation", "did:web:a", "allow").resource(format!("/{n}"));
        let entry = if n % 2 == 0 { entry.data_text(format!("{{\"n\":{n}}}")) } else { entry };
        let _ = log.append(entry).unwrap();
    }
    log
}

#[test]
fn evidence_survives_its_text_at_every_size() {
    let log = log_of(9);
    let view = log.view();
    for size in 1..=9u64 {
        for index in 0..size {
            let evidence = view.prove_at(index, TreeSize::new(size)).unwrap();
            let read = Evidence::from_json(&evidence.to_json()).unwrap();
            assert_eq!(read, evidence);
            let root = view.root_at(TreeSize::new(size)).unwrap();
            assert_eq!(read.root(), root);
            read.verify(TreeSize::new(size), &root).unwrap();
            let wrong = view.root_at(TreeSize::new(size - 1)).unwrap();
            let error = read.verify(TreeSize::new(size), &wrong).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ProofInvalid);
        }
    }
}

#[test]
fn the_only_entry_of_a_log_can_be_proved_and_an_unknown_id_is_not_found() {
    let log = log_of(1);
    let evidence = log.prove(0).unwrap();
    evidence.verify(log.head().size, &log.head().root).unwrap();
    assert_eq!(log.prove("nobody").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(log.prove(1).unwrap_err().kind(), ErrorKind::OutOfRange);
}

/// Every key of the document, changed in some way, is refused or fails to verify; the claimed root
/// alone may say anything, because nobody believes it.
#[test]
fn no_key_of_the_text_can_be_changed() {
    let log = log_of(5);
    for index in [0u64, 1] {
        let text = log.prove(index).unwrap().to_json();
        assert_every_key_matters(&serde_json::from_str(&text).unwrap(), &log.head());
    }
}

/// Data that was erased, or that is kept back, has its hash in its place, and that no less matters.
#[test]
fn data_can_be_kept_back_but_not_its_hash() {
    let log = log_of(5);
    let evidence = log.prove(2u64).unwrap();
    let (data, (_, salt)) = (evidence.entry().data_text().unwrap(), evidence.entry().salts());
    let mut document: Value = serde_json::from_str(&evidence.to_json()).unwrap();
    document["data_hash"] = hash::data(&salt.unwrap(), data.as_bytes()).to_hex().into();
    (document["data_text"], document["salts"]["data"]) = (Value::Null, Value::Null);
    let read = Evidence::from_json(&document.to_string()).unwrap();
    read.verify(log.head().size, &log.head().root).unwrap();
    assert_eq!(read.entry().data_text(), None);
    assert_every_key_matters(&document, &log.head());
}

fn assert_every_key_matters(honest: &Value, head: &TreeHead) {
    for key in honest.as_object().unwrap().keys().filter(|key| *key != "root") {
        for value in altered(&honest[key]) {
            let mut document = honest.clone();
            document[key] = value;
            let verified = Evidence::from_json(&document.to_string())
                .and_then(|evidence| evidence.verify(head.size, &head.root));
            assert!(verified.is_err(), "{key}: {document}");
        }
    }
}

fn altered(value: &Value) -> Vec<Value> {
    let mut values = vec![Value::Null, Value::from("zz"), Value::from(7), Value::from("00")];
    match value {
        Value::String(text) => {
            for (at, old) in text.char_indices().step_by(3) {
                let new = if old == '0' { "1" } else { "0" };
                let (head, tail) = (&text[..at], &text[at + old.len_utf8()..]);
                values.push(Value::from(format!("{head}{new}{tail}")));
            }
        }
        Value::Array(items) => {
            values.push(Value::from(items.get(1..).unwrap_or_default()));
            values.push(Value::from([items.as_slice(), items].concat()));
        }
        Value::Object(fields) => {
            for key in fields.keys() {
                for inner in altered(&value[key]) {
                    let mut changed = value.clone();
                    changed[key] = inner;
                    values.push(changed);
                }
            }
        }
        _ => {}
    }
    values.retain(|new| new != value);
    values
}

#[test]
fn a_prefix_is_proved_and_a_fork_is_not() {
    let (log, other) = (log_of(9), log_of(9));
    let evidence = log.view().prove_prefix(TreeSize::new(4), TreeSize::new(9)).unwrap();
    let read = ConsistencyEvidence::from_json(&evidence.to_json()).unwrap();
    assert_eq!(read, evidence);
    read.verify(&evidence.old_root, &evidence.new_root).unwrap();
    let fork = other.head().root;
    assert_eq!(read.verify(&evidence.old_root, &fork).unwrap_err().kind(), ErrorKind::ProofInvalid);
    let error = ConsistencyEvidence::from_json("{\"schema\":\"wmark.proof/1\"}").unwrap_err();
    assert!(error.to_string().contains("wmark.consistency/1"), "{error}");
}
