//! Files of the reference's sink: honest, tampered with, rotated.

use super::trees::steps;
use super::{Golden, Tally};
use witnessmark::interop::{
    AgtEntry, FileAnchor, FileVerdict, Judged, RootBuilder, Tree, verify_file,
};

/// The file that every tampered one was made from.
const BASE: &str = "filesink/valid_basic.jsonl";

fn judge(golden: &Golden, file: &str, key: &[u8]) -> FileVerdict {
    verify_file(&golden.bytes(file)[..], key, |_, _| Ok(())).unwrap()
}

/// The golden errors have no text behind `parse error`: that is the validating library's.
fn is_same_error(ours: &str, theirs: &str) -> bool {
    match theirs.ends_with("parse error") {
        true => ours.starts_with(&format!("{theirs}: ")),
        false => ours == theirs,
    }
}

fn is_same(verdict: &FileVerdict, valid: bool, errors: &[serde_json::Value]) -> bool {
    let theirs = errors.iter().map(|error| error.as_str().unwrap());
    verdict.valid == valid
        && verdict.errors.len() == errors.len()
        && verdict.errors.iter().zip(theirs).all(|(ours, theirs)| is_same_error(ours, theirs))
}

/// One file each: the reference's verdict with its errors, and the anchored one.
pub(crate) fn single(golden: &Golden) -> Tally {
    let mut tally = Tally::new("filesink/expected.json");
    let honest = judge(golden, BASE, b"golden-hmac-key-v1").anchor;
    let cases = golden.json(tally.file);
    for (name, case) in cases.as_object().unwrap() {
        let key = case["key_utf8"].as_str().unwrap().as_bytes();
        let (verdict, anchor) = match case["file"].as_str() {
            None => (FileVerdict::missing(), honest),
            Some(file) => {
                let verdict = judge(golden, &format!("filesink/{file}"), key);
                let anchor = if name.starts_with("valid") { verdict.anchor } else { honest };
                (verdict, anchor)
            }
        };
        let (valid, secure) =
            (case["upstream_valid"].as_bool().unwrap(), verdict.is_secure(&anchor));
        let errors = case["upstream_errors"].as_array().unwrap();
        let holds = is_same(&verdict, valid, errors) && case["secure_verdict"] == secure;
        tally.different += usize::from(valid != secure);
        tally.case(holds, || format!("{name}: {verdict:?}, secure {secure}"));
    }
    tally
}

/// Files of a sink that rotates: each valid by itself, and nothing that says there are others.
pub(crate) fn rotation(golden: &Golden) -> Tally {
    let mut tally = Tally::new("filesink_rotation/expected.json");
    let expected = golden.json(tally.file);
    let key = expected["key_utf8"].as_str().unwrap().as_bytes();
    for (file, case) in expected["files"].as_object().unwrap() {
        let verdict = judge(golden, &format!("filesink_rotation/{file}"), key);
        let holds = case["upstream_valid"] == verdict.valid && case["entries"] == verdict.entries;
        tally.case(holds, || format!("{file}: {verdict:?}"));
        let lines = golden.text(&format!("filesink_rotation/{file}"));
        let first = AgtEntry::parse_line(lines.lines().next().unwrap().as_bytes()).unwrap();
        let last = AgtEntry::parse_line(lines.lines().last().unwrap().as_bytes()).unwrap();
        let holds = case["first_previous_hash"] == first.previous_hash
            && case["first_entry"] == first.entry_id
            && case["last_entry"] == last.entry_id
            && verdict.last_content_hash == last.content_hash;
        tally.case(holds, || format!("{file}: {first:?} to {last:?}"));
    }
    tally
}

/// One log and its file: the hashes and the root in memory follow from the file alone.
pub(crate) fn joint(golden: &Golden) -> Tally {
    let mut tally = Tally::new("joint/log.json");
    let log = golden.json(tally.file);
    let key = log["key_utf8"].as_str().unwrap().as_bytes();
    let (mut hashes, mut root, mut rebuilt) = (Vec::new(), RootBuilder::new(), Vec::new());
    let bytes = golden.bytes("joint/audit.jsonl");
    let verdict = verify_file(&bytes[..], key, |_, judged| {
        if let Judged::Entry(entry, errors) = judged {
            assert!(errors.is_empty(), "{errors:?}");
            let previous = hashes.last().map_or("", String::as_str);
            let hash = entry.entry_hash(previous);
            root.push(hash.as_str());
            hashes.push(hash);
            rebuilt.push(entry.to_line() + "\n");
        }
        Ok(())
    });
    let verdict = verdict.unwrap();
    tally.case(verdict.valid && log["file_verify"][0] == true, || format!("{verdict:?}"));
    tally.case(rebuilt.concat().as_bytes() == bytes, || "the file written again".to_owned());
    for (ours, theirs) in hashes.iter().zip(log["entry_hashes"].as_array().unwrap()) {
        tally.case(theirs == ours, || format!("{ours}, wanted {theirs}"));
    }
    let (root, tree) = (root.root().unwrap(), Tree::new(hashes.clone()));
    tally.case(log["merkle_root"] == root && tree.root() == Some(&root), || root.clone());
    for (id, proof) in log["proofs"].as_object().unwrap() {
        let index = usize::try_from(proof["index"].as_u64().unwrap()).unwrap();
        let holds = tree.proof(index) == Some(steps(&proof["merkle_proof"]));
        tally.case(holds, || format!("proof of {id}"));
    }
    let anchor: FileAnchor = verdict.anchor.to_string().parse().unwrap();
    tally.case(verdict.is_secure(&anchor), || format!("{:?}", verdict.reasons(Some(&anchor))));
    tally
}
