//! Two parties: an operator who hands out proofs, and an auditor who keeps nothing but two roots.
//!
//! `cargo run --example prove_and_verify`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use witnessmark::types::hex;
use witnessmark::{Action, AuditLog, ConsistencyEvidence, Entry, Evidence, TreeHead};

/// What the auditor knows: tree heads noted at two moments, and texts that came from the operator.
struct Auditor {
    monday: TreeHead,
    friday: TreeHead,
}

impl Auditor {
    fn check(&self, proof: &str, history: &str) -> witnessmark::Result<()> {
        let evidence = Evidence::from_json(proof)?;
        evidence.verify(self.friday.size, &self.friday.root)?;
        let entry = evidence.entry();
        println!("proved: entry {}: {} {}", entry.index(), entry.agent_did(), entry.action());
        // The log the auditor saw on Monday is the beginning of the one it sees on Friday.
        ConsistencyEvidence::from_json(history)?.verify(&self.monday.root, &self.friday.root)?;
        println!("proved: {} entries became {}", self.monday.size, self.friday.size);
        Ok(())
    }
}

fn main() -> witnessmark::Result<()> {
    let log = AuditLog::in_memory()?;
    let act = |n: u64| {
        Entry::new(
            "tool_invocation",
            format!("did:web:worker-{}.example.com", n % 3),
            Action::Allow,
        )
        .resource(format!("/orders/{n}"))
    };
    log.append_batch((0..40).map(act))?;
    let monday = log.head();
    log.append_batch((40..100).map(act))?;
    let friday = log.head();

    let auditor = Auditor { monday, friday };
    let proof = log.prove(17)?.to_json();
    let history = log.view().prove_prefix(monday.size, friday.size)?.to_json();
    auditor.check(&proof, &history)?;

    // Another resource in the same proof: the fields no longer hash to what the tree holds.
    let forged = proof.replace(&hex(b"/orders/17"), &hex(b"/orders/18"));
    assert_ne!(forged, proof);
    let refused = auditor.check(&forged, &history).expect_err("a forged proof");
    println!("refused: {refused}");
    Ok(())
}
