//! What the reference's log says of itself: proofs of small logs, altered chains, printed lines.

use super::events::{imported, records, text};
use super::{Golden, Tally};
use serde_json::{Value, json};
use witnessmark::export::{Format, Renderer, Slice, SliceInfo, check_slice, walk};
use witnessmark::import::ForeignKind;
use witnessmark::interop::{AgtEntry, Tree, verify_proof};
use witnessmark::sink::StreamSink;
use witnessmark::{AuditLog, Entry, Error, ErrorKind, Evidence, Query};

/// `get_proof()` of the first entry of small logs. There, a log of one entry gives `None`, since an
/// empty list of hashes is taken for none; here it is proved.
pub(crate) fn proofs(golden: &Golden) -> Tally {
    let mut tally = Tally::new("merkle/api_get_proof.json");
    let given = golden.json(tally.file);
    for case in given["cases"].as_array().unwrap() {
        let count = case["n"].as_u64().unwrap();
        let leaves: Vec<String> = (0..count).map(|n| format!("{n:064x}")).collect();
        let tree = Tree::new(leaves.clone());
        let (proof, root) = (tree.proof(0).unwrap(), tree.root().unwrap());
        let is_none = case["get_proof_is_none"] == true;
        let is_same = is_none == proof.is_empty()
            && (is_none || case["verified"] == verify_proof(&leaves[0], &proof, root));
        let log = log(count, |_, entry| entry);
        let evidence = log.prove(&*log.entry(0.into()).unwrap().entry_id()).unwrap().to_json();
        let head = log.head();
        let is_proved = Evidence::from_json(&evidence).unwrap().verify(head.size, &head.root);
        tally.different += usize::from(is_none);
        tally.case(is_same && is_proved.is_ok(), || format!("{count} entries: {is_proved:?}"));
    }
    // An unknown id is an error that says so, and not nothing.
    let unknown = log(2, |_, entry| entry).prove("nope").unwrap_err();
    tally.different += 1;
    let holds = given["unknown_id_returns_none"] == true && unknown.kind() == ErrorKind::NotFound;
    tally.case(holds, || unknown.to_string());
    tally
}

fn log<'a>(count: u64, change: impl Fn(u64, Entry<'a>) -> Entry<'a>) -> AuditLog {
    let log = AuditLog::in_memory().unwrap();
    for n in 0..count {
        let mut entry = Entry::new("tool_invocation", format!("did:web:agent-{n}"), "allow")
            .entry_id(format!("entry-{n}"))
            .data_text(format!("{{\"i\":{n}}}"));
        for field in [
            "resource",
            "target_did",
            "outcome",
            "policy_decision",
            "matched_rule",
            "trace_id",
            "session_id",
            "sandbox_id",
            "environment",
            "compute_driver",
        ] {
            let field = witnessmark::entry::Field::from_name(field).unwrap();
            entry = entry.set(field, format!("{}-{n}", field.name()));
        }
        let _ = log.append(change(n, entry)).unwrap();
    }
    log
}

/// The log as verifiable lines: head, entries, end.
fn exported(log: &AuditLog) -> Vec<String> {
    let view = log.view();
    let (size, root) = (view.size(), view.root());
    let (exported_at, origin, query) = <(String, String, String)>::default();
    let info = SliceInfo { format: Format::Jsonl, exported_at, origin, size, root, query };
    let mut slice = Slice::new(&view, size);
    let mut renderer = Renderer::new(info, true, b"");
    let mut text = renderer.head();
    walk(&view, &Query::new(), |entry| {
        text += &renderer.entry(entry, &slice.before(entry.index())?);
        Ok::<_, Error>(())
    })
    .unwrap();
    text += &renderer.end(slice.span(), &slice.after().unwrap());
    text.lines().map(str::to_owned).collect()
}

/// Whether these lines are found whole against the head that was noted before.
fn is_believed(lines: &[String], log: &AuditLog) -> bool {
    let text = lines.join("\n") + "\n";
    let anchor = Some((log.head().root, log.head().size));
    let verdict = check_slice(text.as_bytes(), anchor, |_, _| Ok(()));
    verdict.is_ok_and(|verdict| verdict.valid && verdict.left_out == 0)
}

/// The text of a member of a line, replaced where it stands.
fn set_member(line: &str, key: &str, new: &Value) -> String {
    let value: Value = serde_json::from_str(line).unwrap();
    let old = format!("\"{key}\":{}", value[key]);
    assert_eq!(line.matches(&old).count(), 1, "{old} in {line}");
    line.replacen(&old, &format!("\"{key}\":{new}"), 1)
}

/// What is done to whatever has an order.
fn reorder<T: Clone>(items: &mut Vec<T>, operation: &str) -> bool {
    match operation {
        "delete entries[2]" => drop(items.remove(2)),
        "delete first" => drop(items.remove(0)),
        "delete last" => drop(items.pop()),
        "delete all" => items.clear(),
        "swap 2,3" => items.swap(2, 3),
        "duplicate entries[2]" => items.insert(3, items[2].clone()),
        _ => return false,
    }
    true
}

/// One operation on our log, as it is handed out, in the hands of somebody who noted its head.
fn is_ours_believed(operation: &str) -> bool {
    let count = if operation.starts_with("set ") { 4 } else { 6 };
    let log = log(count, |_, entry| entry);
    let mut lines = exported(&log);
    assert!(is_believed(&lines, &log), "unaltered");
    if let Some(key) = operation.strip_prefix("set entries[1].") {
        let new = match key {
            "timestamp" => json!("2031-01-01T00:00:00Z"),
            "data" => json!({"z": 1}),
            "previous_hash" | "entry_hash" => json!("0".repeat(64)),
            _ => json!("X"),
        };
        lines[2] = set_member(&lines[2], key, &new);
        return is_believed(&lines, &log);
    }
    let mut entries = lines[1..lines.len() - 1].to_vec();
    if reorder(&mut entries, operation) {
        let end = lines.pop().unwrap();
        lines.truncate(1);
        lines.extend(entries.into_iter().chain([end]));
        return is_believed(&lines, &log);
    }
    match operation {
        "overwrite root hash" => {
            let (root, other) = (log.head().root.to_hex(), "f".repeat(64));
            lines.iter_mut().for_each(|line| *line = line.replace(&root, &other));
        }
        "overwrite tree leaf" => {
            lines[2] = set_member(&lines[2], "entry_hash", &json!("0".repeat(64)));
        }
        "edit entries[2] then rehash whole chain" => {
            let other = self::log(6, |n, entry| match n {
                2 => entry.set(witnessmark::entry::Field::Action, "deny"),
                _ => entry,
            });
            lines = exported(&other);
            assert!(is_believed(&lines, &other), "consistent in itself");
        }
        _ => panic!("unknown operation {operation}"),
    }
    is_believed(&lines, &log)
}

/// The same operation on the reference's entries, and what its verification says of them: whether
/// a hash is wrong, and whether the chain is broken.
fn theirs(given: &[Value], operation: &str) -> (bool, bool) {
    let count = if operation.starts_with("set ") { 4 } else { 6 };
    let mut entries = given[..count].to_vec();
    let hash = |entry: &Value, previous: &str| {
        let mut line = entry.clone();
        (line["content_hash"], line["signature"]) = (json!(""), json!(""));
        AgtEntry::parse_line(line.to_string().as_bytes()).unwrap().entry_hash(previous)
    };
    if let Some(key) = operation.strip_prefix("set entries[1].") {
        entries[1][key] = match key {
            "timestamp" => json!("2031-01-01T00:00:00+00:00"),
            "data" => json!({"z": 1}),
            "previous_hash" | "entry_hash" => json!("0".repeat(64)),
            _ => json!("X"),
        };
    } else if operation.starts_with("edit ") {
        entries[2]["action"] = json!("deny");
        let mut previous = String::new();
        for entry in &mut entries {
            entry["previous_hash"] = json!(previous);
            previous = hash(entry, &previous);
            entry["entry_hash"] = json!(previous);
        }
    } else {
        // What is done to the tree is not seen there, nor here.
        let is_known = reorder(&mut entries, operation) || operation.starts_with("overwrite ");
        assert!(is_known, "unknown operation {operation}");
    }
    let document = json!({"exported_at": "", "merkle_root": "", "chain_root": "",
                          "entry_count": entries.len(), "entries": entries});
    let (_, chain) = records(ForeignKind::AgtExport, document.to_string().as_bytes());
    // Which a slice may do, and a whole chain may not.
    let begins_late = entries.first().is_some_and(|first| first["previous_hash"] != "");
    (chain.mismatches > 0, chain.breaks > 0 || begins_late)
}

/// A chain that is altered in memory. The reference sees ten of the 27; against a head that was
/// noted, ours sees all.
pub(crate) fn tampering(golden: &Golden) -> Tally {
    let mut tally = Tally::new("api_tamper_verdicts.json");
    let given = golden.json("api_queries.json");
    let entries: Vec<Value> = given["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let mut entry = entry.clone();
            entry["timestamp"] = json!(text(&entry, "timestamp").replace('Z', "+00:00"));
            entry
        })
        .collect();
    for case in golden.json(tally.file).as_array().unwrap() {
        let operation = text(case, "tamper");
        let (is_wrong, is_broken) = theirs(&entries, operation);
        let said = text(case, "upstream_error");
        let is_same = (case["upstream_valid"] == true) == (!is_wrong && !is_broken)
            && (!said.contains("hash mismatch") || is_wrong)
            && (!said.contains("chain broken") || is_broken);
        let is_sound = case["secure_verdict"] == is_ours_believed(operation);
        tally.different += usize::from(case["upstream_valid"] != case["secure_verdict"]);
        tally.case(is_same && is_sound, || {
            format!("{operation}: wrong {is_wrong}, broken {is_broken}, found by ours {is_sound}")
        });
    }
    tally
}

/// Lines of `StdoutAuditSink` in both forms, to the byte but for the hashes, which are ours.
pub(crate) fn printed(golden: &Golden) -> Tally {
    let mut tally = Tally::new("stdout_sink.json");
    for case in golden.json(tally.file).as_array().unwrap() {
        let (line, with_context) = (text(case, "line"), case["include_context"] == true);
        let mut record: Value = serde_json::from_str(line).unwrap();
        let members = record.as_object_mut().unwrap();
        let hashes = ["entry_hash", "previous_hash"].map(|key| members.remove(key));
        let (_, entries) = imported(&[record.to_string()]);
        let entry = &entries[0];
        let mut wanted = line.trim_end_matches('\n').to_owned();
        for (theirs, (key, ours)) in hashes
            .into_iter()
            .zip([("entry_hash", entry.entry_hash()), ("previous_hash", entry.previous_hash())])
        {
            let Some(theirs) = theirs else { continue };
            wanted =
                wanted.replace(&format!("\"{key}\": {theirs}"), &format!("\"{key}\": \"{ours}\""));
        }
        let found = StreamSink::new(std::io::sink(), with_context).line(entry);
        tally.different += usize::from(with_context);
        tally.case(found == wanted, || format!("{found}, wanted {wanted}"));
    }
    tally
}
