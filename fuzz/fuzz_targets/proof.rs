//! Proofs and evidence from strangers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use witnessmark::{
    ConsistencyEvidence, ConsistencyProof, EntryIndex, Evidence, Hash, InclusionProof, TreeSize,
};
use witnessmark_fuzz::honest;

fuzz_target!(|input: &[u8]| {
    let Some((kind, rest)) = input.split_first() else { return };
    match kind % 4 {
        0 => numbers(rest),
        1 => text(&String::from_utf8_lossy(rest)),
        2 => edited(rest),
        _ => {
            if let Ok(evidence) = ConsistencyEvidence::from_json(&String::from_utf8_lossy(rest)) {
                let again = ConsistencyEvidence::from_json(&evidence.to_json());
                assert_eq!(again.expect("what was written is read"), evidence);
                let _ = evidence.verify(&evidence.old_root, &evidence.new_root);
            }
        }
    }
});

/// Claims of any shape: refused, or what they lead to is what they are checked against.
fn numbers(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first_chunk::<8>() else { return };
    let Some((second, rest)) = rest.split_first_chunk::<8>() else { return };
    let (m, n) = (u64::from_le_bytes(*first), u64::from_le_bytes(*second));
    // One byte stands for a hash: shapes matter here, and hashes do not.
    let hashes: Vec<Hash> = rest.iter().map(|byte| Hash([*byte; 32])).collect();
    let leaf = Hash([1; 32]);
    let (index, size) = (EntryIndex::new(m), TreeSize::new(n));
    let proof = InclusionProof { index, size, hashes: hashes.clone() };
    match proof.root_from(&leaf) {
        Ok(root) => {
            assert!(m < n && hashes.len() <= 63);
            proof.verify(&leaf, &root).expect("the root that follows is accepted");
            assert!(proof.verify(&leaf, &Hash::ZERO).is_err());
        }
        Err(_) => assert!(proof.verify(&leaf, &leaf).is_err()),
    }
    let proof = ConsistencyProof { old_size: TreeSize::new(m), new_size: size, hashes };
    if proof.verify(&leaf, &leaf).is_ok() {
        assert!(m == n && proof.hashes.is_empty(), "one root for two trees");
    }
}

fn text(json: &str) {
    let Ok(evidence) = Evidence::from_json(json) else { return };
    let again = Evidence::from_json(&evidence.to_json()).expect("what was written is read");
    assert_eq!(again, evidence);
    let honest = honest();
    if evidence.verify(honest.head.size, &honest.head.root).is_ok() {
        let index = usize::try_from(evidence.entry().index().get()).expect("below the size");
        assert_eq!(evidence.entry(), &honest.entries[index], "a proof of what is not in the log");
    }
}

/// Honest evidence with up to a handful of bytes replaced.
fn edited(edits: &[u8]) {
    let mut json = honest().evidence.clone().into_bytes();
    for edit in edits.chunks_exact(4).take(6) {
        let at = usize::from(edit[0]) | usize::from(edit[1]) << 8;
        let at = at % json.len();
        match edit[2] % 3 {
            0 => json[at] = edit[3],
            1 => json.insert(at, edit[3]),
            _ => drop(json.remove(at)),
        }
    }
    text(&String::from_utf8_lossy(&json));
}
