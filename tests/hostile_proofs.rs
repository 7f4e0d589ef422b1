//! Proofs, notes, keys and manifests made to exhaust whoever reads them: refused, in little memory.
//!
//! A test of its own, since it watches the most memory that its process ever asked for: a buffer whose
//! length was read from an input shows there, whether or not it was touched.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Display;
use witnessmark::format::history::HISTORY_NAME;
use witnessmark::integrity::Manifest;
use witnessmark::storage::{MemoryStorage, Storage};
use witnessmark::{
    Bundle, Checkpoint, ConsistencyBundle, ConsistencyEvidence, ConsistencyProof, EntryIndex,
    Evidence, ForkProof, Hash, InclusionProof, Note, SignedCheckpoint, SigningKey, TreeSize,
    VerifierKey, VerifyOptions, entry_from_json, verify_storage,
};

/// The largest address space of this process so far, in KiB; `None` where nobody says.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// Gives a text to everything that reads texts of strangers.
fn feed(text: &str, keys: &[VerifierKey]) {
    let is_refused = |refused: bool, who: &dyn Display| {
        assert!(refused, "{who} accepted {}", text.chars().take(80).collect::<String>());
    };
    is_refused(Evidence::from_json(text).is_err(), &"Evidence");
    let steps = ConsistencyEvidence::from_json(text);
    let roots = [Hash::ZERO; 2];
    let is_believed = steps.is_ok_and(|steps| steps.verify(&roots[0], &roots[1]).is_ok());
    is_refused(!is_believed, &"ConsistencyEvidence");
    is_refused(ForkProof::from_json(text).is_err(), &"ForkProof");
    is_refused(entry_from_json(text).is_err(), &"entry_from_json");
    is_refused(text.parse::<Bundle>().is_err(), &"Bundle");
    is_refused(text.parse::<ConsistencyBundle>().is_err(), &"ConsistencyBundle");
    is_refused(text.parse::<VerifierKey>().is_err(), &"VerifierKey");
    is_refused(SigningKey::parse(text).is_err(), &"SigningKey");
    is_refused(Manifest::from_json(text).is_err(), &"Manifest");
    is_refused(Checkpoint::parse(text).is_err(), &"Checkpoint");
    let signed = SignedCheckpoint::parse(text.as_bytes());
    is_refused(signed.is_err(), &"SignedCheckpoint");
    let note = Note::parse(text.as_bytes());
    is_refused(note.is_err() || note.unwrap().verify(keys).is_err(), &"Note");
    let storage = MemoryStorage::new();
    storage.create(HISTORY_NAME).unwrap().write_all_at(text.as_bytes(), 0).unwrap();
    let report = verify_storage(&storage, &VerifyOptions::new().threads(1)).unwrap();
    is_refused(!report.is_intact(), &"the auditor");
}

fn texts() -> Vec<String> {
    let hash = "00".repeat(32);
    let huge = "18446744073709551615";
    let many = |one: &str, count: usize| vec![one; count].join(",");
    let inclusion = |index: &str, size: &str, hashes: &str| {
        format!(
            r#"{{"schema":"wmark.proof/1","entry_id":"x","index":{index},"size":{size},"entry_hash":"{hash}","root":"{hash}","hashes":[{hashes}],"header":"","meta":"","data_text":"","salts":{{}}}}"#
        )
    };
    let consistency = |old: &str, new: &str, hashes: &str| {
        format!(
            r#"{{"schema":"wmark.consistency/1","old_size":{old},"new_size":{new},"old_root":"{hash}","new_root":"{hash}","hashes":[{hashes}]}}"#
        )
    };
    let quoted = format!("\"{hash}\"");
    let line = "\u{2014} a.example/log AAAAAAAA\n";
    let root = "A".repeat(43);
    vec![
        "[".repeat(2_000_000),
        "{\"a\":".repeat(500_000),
        format!("\"{}", "\\u0000".repeat(300_000)),
        "9".repeat(1_000_000),
        inclusion(huge, huge, ""),
        inclusion("9223372036854775806", "9223372036854775807", &many(&quoted, 64)),
        inclusion("0", "1", &many(&quoted, 20_000)),
        inclusion("-1", "1e400", ""),
        consistency("0", huge, ""),
        consistency("9223372036854775807", "9223372036854775808", &quoted),
        consistency("1", "2", &many(&quoted, 20_000)),
        format!("c2sp.org/tlog-proof@v1\nindex {huge}\n\n"),
        format!("c2sp.org/tlog-proof@v1\nextra {}\nindex 0\n", "A".repeat(2_000_000)),
        format!("c2sp.org/tlog-proof@v1\nindex 0\n{}\n", format!("{root}=\n").repeat(20_000)),
        format!("witnessmark/consistency-proof@v1\nold {huge}\n{root}=\n\n"),
        format!("a.example/log\n{huge}\n{root}=\n\n{line}"),
        format!("a.example/log\n7\n{root}=\n\n{}", line.repeat(50_000)),
        format!("a.example/log\n7\n{root}=\n\n\u{2014} a.example/log {}\n", "A".repeat(2_000_000)),
        format!("{}\n7\n{root}=\n\n{line}", "a".repeat(2_000_000)),
        "\n".repeat(2_000_000),
        "checkpoint 99999999 00000000\n".repeat(20_000),
        "checkpoint ".repeat(100_000),
        format!("checkpoint 00131072 00000000\n{}", "checkpoint 00131072 00000000\n".repeat(9_000)),
        format!("name+00000000+{}", "A".repeat(2_000_000)),
        format!("PRIVATE+KEY+name+00000000+{}", "A".repeat(2_000_000)),
    ]
}

#[test]
fn what_is_made_to_exhaust_is_refused_in_little_memory() {
    let key = SigningKey::from_seed("a.example/log", &[7; 32]).unwrap().verifier();
    let texts = texts();
    feed("", std::slice::from_ref(&key));
    let before = peak();
    for text in &texts {
        feed(text, std::slice::from_ref(&key));
    }
    // Numbers that no text is needed for.
    let (zero, hashes) = (Hash::ZERO, vec![Hash::ZERO; 100_000]);
    for m in [0, 1, u64::MAX >> 1, u64::MAX - 1, u64::MAX] {
        for n in [0, 1, 2, u64::MAX >> 1, (u64::MAX >> 1) + 1, u64::MAX] {
            for hashes in [vec![], hashes.clone()] {
                let (index, size) = (EntryIndex::new(m), TreeSize::new(n));
                let inclusion = InclusionProof { index, size, hashes: hashes.clone() };
                assert!(inclusion.verify(&zero, &Hash([1; 32])).is_err(), "{m} of {n}");
                let old_size = TreeSize::new(m);
                let consistency = ConsistencyProof { old_size, new_size: size, hashes };
                assert!(consistency.verify(&zero, &Hash([1; 32])).is_err(), "{m} to {n}");
            }
        }
    }
    if let (Some(before), Some(after)) = (before, peak()) {
        // The longest text is 3 MiB; a parser may hold it some times over, as JSON values too.
        assert!(after - before < 256 << 10, "{} KiB more than before", after - before);
    }
}
