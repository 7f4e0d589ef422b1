//! Roots and proofs, honest and forged.

use super::{Golden, Tally};
use serde_json::Value;
use witnessmark::interop::{ProofStep, RootBuilder, Tree, verify_proof, verify_proof_at};

pub(crate) fn steps(proof: &Value) -> Vec<ProofStep> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let step = |step: &Value| ProofStep { sibling: text(&step[0]), side: text(&step[1]) };
    proof.as_array().unwrap().iter().map(step).collect()
}

fn texts(values: &Value) -> Vec<String> {
    values.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// Trees of many sizes, with the proof of every leaf.
pub(crate) fn chains(golden: &Golden) -> Tally {
    let mut tally = Tally::new("merkle/chains.json");
    for chain in golden.json(tally.file).as_array().unwrap() {
        let leaves = texts(&chain["leaves"]);
        let root = chain["root"].as_str().unwrap();
        let (tree, mut builder) = (Tree::new(leaves.clone()), RootBuilder::new());
        for leaf in &leaves {
            builder.push(leaf.as_str());
        }
        let is_same = tree.root() == Some(root) && builder.root().as_deref() == Some(root);
        tally.case(is_same, || format!("root of {}", leaves.len()));
        for (index, given) in chain["proofs"].as_array().unwrap().iter().enumerate() {
            let (ours, theirs) = (tree.proof(index).unwrap(), steps(&given["proof"]));
            let (at, size) = (index as u64, leaves.len() as u64);
            let holds = ours == theirs
                && verify_proof(&leaves[index], &theirs, root)
                && verify_proof_at(&leaves[index], &theirs, root, at, size);
            tally.case(holds, || format!("proof of {index} in {}", leaves.len()));
        }
    }
    tally
}

/// Proofs of which the reference believes too many. Index and size are what a sound verifier knows.
pub(crate) fn adversarial(golden: &Golden) -> Tally {
    let mut tally = Tally::new("merkle/adversarial_proofs.json");
    let chains = golden.json("merkle/chains.json");
    let cases = golden.json(tally.file);
    let size_of = |root: &str| {
        let chains = chains.as_array().unwrap();
        chains.iter().find(|chain| chain["root"] == root)
    };
    let honest = size_of(cases[0]["root"].as_str().unwrap()).unwrap();
    for case in cases.as_array().unwrap() {
        let text = |key: &str| case[key].as_str().unwrap();
        let (leaf, root, proof) = (text("entry_hash"), text("root"), steps(&case["proof"]));
        let chain = size_of(root).unwrap_or(honest);
        let leaves = texts(&chain["leaves"]);
        let size = leaves.len() as u64;
        let sound = (0..size).any(|index| verify_proof_at(leaf, &proof, root, index, size));
        let reference = verify_proof(leaf, &proof, root);
        let holds = case["upstream_verdict"] == reference && case["secure_verdict"] == sound;
        tally.different += usize::from(reference != sound);
        tally.case(holds, || format!("{}: {reference}, {sound}", text("name")));
    }
    tally
}
