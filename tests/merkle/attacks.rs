//! Attacks on proofs, each by its name: `tests/fixtures/proof_attacks.jsonl` has claims that must be
//! refused and why, in a form that any language can run. And every bit of proofs, flipped.
//!
//! The claims are made from the recursive definition, which also says whether a bent claim follows
//! after all; `WMARK_WRITE_ATTACKS=1` writes the file again.

use crate::entry;
use crate::reference::{List, leaf, mth, path, proof, root_of_path, roots_of_proof};
use witnessmark::limits::TREE_SIZE_MAX;
use witnessmark::{
    AuditLog, ConsistencyEvidence, ConsistencyProof, Entry, EntryIndex, Evidence, Hash,
    InclusionProof, SignedCheckpoint, SigningKey, TreeSize,
};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/proof_attacks.jsonl");

/// A claim: for inclusion `a` is the leaf and `b` the root, for consistency both are roots.
#[derive(Clone, PartialEq, Debug)]
struct Claim {
    kind: &'static str,
    m: u64,
    n: u64,
    a: Hash,
    b: Hash,
    hashes: Vec<Hash>,
}

impl Claim {
    fn of(kind: &'static str, m: u64, n: u64) -> Self {
        let leaves = List::new((0..64).map(entry));
        let b = mth(&leaves, 0..n);
        match kind {
            "inclusion" => {
                Self { kind, m, n, a: leaf(&entry(m)), b, hashes: path(&leaves, m, 0..n) }
            }
            _ => Self { kind, m, n, a: mth(&leaves, 0..m), b, hashes: proof(&leaves, m, n) },
        }
    }

    /// What the code says: nothing, or why not.
    fn verdict(&self) -> Result<(), String> {
        let (hashes, size) = (self.hashes.clone(), TreeSize::new(self.n));
        let result = if self.kind == "inclusion" {
            let index = EntryIndex::new(self.m);
            InclusionProof { index, size, hashes }.verify(&self.a, &self.b)
        } else {
            let old_size = TreeSize::new(self.m);
            ConsistencyProof { old_size, new_size: size, hashes }.verify(&self.a, &self.b)
        };
        result.map_err(|error| error.message().to_owned())
    }

    /// What the recursive definition says.
    fn follows(&self) -> bool {
        let (m, n) = (self.m, self.n);
        match self.kind {
            _ if n > TREE_SIZE_MAX => false,
            "inclusion" => root_of_path(m, n, self.a, &self.hashes) == Some(self.b),
            _ if m == 0 => self.hashes.is_empty() && self.a == crate::reference::empty(),
            _ => roots_of_proof(m, n, self.a, &self.hashes) == Some((self.a, self.b)),
        }
    }

    fn line(&self, name: &str, reason: &str) -> String {
        let hex: Vec<String> = self.hashes.iter().map(Hash::to_hex).collect();
        let value = serde_json::json!({
            "name": name, "kind": self.kind, "m": self.m.to_string(), "n": self.n.to_string(),
            "a": self.a.to_hex(), "b": self.b.to_hex(), "hashes": hex, "reason": reason,
        });
        format!("{value}\n")
    }

    fn read(line: &str) -> (String, Self, String) {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| value[key].as_str().unwrap().to_owned();
        let hash = |text: &str| Hash::from_hex(text).unwrap();
        let kind = if text("kind") == "inclusion" { "inclusion" } else { "consistency" };
        let hashes = value["hashes"].as_array().unwrap();
        let hashes = hashes.iter().map(|one| hash(one.as_str().unwrap())).collect();
        let (m, n) = (text("m").parse().unwrap(), text("n").parse().unwrap());
        let claim = Self { kind, m, n, a: hash(&text("a")), b: hash(&text("b")), hashes };
        (text("name"), claim, text("reason"))
    }
}

type Attack = (&'static str, fn(&mut Claim));

/// What is done to a right claim.
const ATTACKS: [Attack; 32] = [
    ("first-number-plus-one", |c| c.m += 1),
    ("first-number-minus-one", |c| c.m = c.m.wrapping_sub(1)),
    ("first-number-is-the-second", |c| c.m = c.n),
    ("first-number-beyond-the-second", |c| c.m = c.n + 1),
    ("first-number-zero", |c| c.m = 0),
    ("first-number-overflows", |c| c.m = u64::MAX),
    ("first-number-doubled", |c| c.m *= 2),
    ("second-number-plus-one", |c| c.n += 1),
    ("second-number-minus-one", |c| c.n -= 1),
    ("second-number-zero", |c| c.n = 0),
    ("second-number-doubled", |c| c.n *= 2),
    ("second-number-largest", |c| c.n = TREE_SIZE_MAX),
    ("second-number-too-large", |c| c.n = TREE_SIZE_MAX + 1),
    ("second-number-overflows", |c| c.n = u64::MAX),
    ("numbers-swapped", |c| (c.m, c.n) = (c.n, c.m)),
    ("root-wrong", |c| c.b = Hash([7; 32])),
    ("root-zero", |c| c.b = Hash::ZERO),
    ("root-of-the-empty-tree", |c| c.b = crate::reference::empty()),
    ("first-hash-wrong", |c| c.a = Hash([7; 32])),
    ("first-hash-zero", |c| c.a = Hash::ZERO),
    ("roots-swapped", |c| (c.a, c.b) = (c.b, c.a)),
    ("hash-missing-first", |c| drop(c.hashes.drain(..c.hashes.len().min(1)))),
    ("hash-missing-last", |c| c.hashes.truncate(c.hashes.len().saturating_sub(1))),
    ("hashes-missing", |c| c.hashes.clear()),
    ("hash-extra-first", |c| c.hashes.insert(0, c.b)),
    ("hash-extra-last", |c| c.hashes.push(c.b)),
    ("hash-extra-zero", |c| c.hashes.push(Hash::ZERO)),
    ("hash-doubled", |c| c.hashes = c.hashes.repeat(2)),
    ("hashes-reversed", |c| c.hashes.reverse()),
    ("hash-zero", |c| c.hashes.iter_mut().take(1).for_each(|hash| *hash = Hash::ZERO)),
    ("hashes-all-the-root", |c| c.hashes.iter_mut().for_each(|hash| *hash = c.b)),
    ("hashes-beyond-any-tree", |c| c.hashes = vec![Hash([1; 32]); 64]),
];

const INCLUSIONS: [(u64, u64); 8] =
    [(0, 1), (0, 2), (1, 2), (0, 7), (3, 7), (6, 7), (5, 8), (33, 63)];
const CONSISTENCIES: [(u64, u64); 8] =
    [(1, 2), (2, 3), (3, 7), (4, 7), (6, 7), (4, 8), (7, 7), (31, 64)];

fn attacks() -> String {
    let right = INCLUSIONS.iter().map(|(m, n)| Claim::of("inclusion", *m, *n));
    let right = right.chain(CONSISTENCIES.iter().map(|(m, n)| Claim::of("consistency", *m, *n)));
    let mut out = String::new();
    for claim in right {
        assert!(claim.follows() && claim.verdict().is_ok(), "{claim:?}");
        for (name, attack) in ATTACKS {
            let mut bent = claim.clone();
            attack(&mut bent);
            // An attack that changes nothing, or leaves a claim that is true as well, is none.
            if bent == claim || bent.follows() {
                continue;
            }
            let name = format!("{}-{}-of-{}-{name}", claim.kind, claim.m, claim.n);
            let reason = bent.verdict().expect_err(&name);
            out += &bent.line(&name, &reason);
        }
    }
    out
}

#[test]
fn every_named_attack_is_refused_for_its_reason() {
    if std::env::var_os("WMARK_WRITE_ATTACKS").is_some() {
        std::fs::write(FIXTURE, attacks()).unwrap();
    }
    let text = std::fs::read_to_string(FIXTURE).unwrap();
    let mut names = std::collections::BTreeSet::new();
    for line in text.lines() {
        let (name, claim, reason) = Claim::read(line);
        assert!(!claim.follows(), "{name} is no attack: {claim:?}");
        assert_eq!(claim.verdict(), Err(reason), "{name}");
        assert!(names.insert(name), "each attack has one name");
    }
    assert!(names.len() > 400, "{} attacks", names.len());
    assert_eq!(text, attacks(), "WMARK_WRITE_ATTACKS=1 writes the attacks of this file");
}

/// Every claim that differs in one bit from a right one, in any of its numbers and hashes.
fn one_bit_away(claim: &Claim) -> impl Iterator<Item = Claim> {
    let bits = 128 + 256 * (2 + claim.hashes.len());
    (0..bits).map(|bit| {
        let mut bent = claim.clone();
        match bit {
            0..64 => bent.m ^= 1 << bit,
            64..128 => bent.n ^= 1 << (bit - 64),
            _ => {
                let (which, bit) = ((bit - 128) / 256, bit % 256);
                let hash = match which {
                    0 => &mut bent.a,
                    1 => &mut bent.b,
                    which => &mut bent.hashes[which - 2],
                };
                hash.0[bit / 8] ^= 1 << (bit % 8);
            }
        }
        bent
    })
}

/// Refused, but for the few changed numbers under which the very same hashes prove another truth.
#[test]
fn every_claim_one_bit_away_is_judged_as_the_recursion_judges_it() {
    let (mut tried, mut true_after_all) = (0, 0);
    for n in 1..=17u64 {
        let inclusions = (0..n).map(|m| Claim::of("inclusion", m, n));
        for claim in inclusions.chain((1..=n).map(|m| Claim::of("consistency", m, n))) {
            for bent in one_bit_away(&claim) {
                assert_eq!(bent.verdict().is_ok(), bent.follows(), "{bent:?}");
                let same_hashes =
                    (bent.a, bent.b, &bent.hashes) == (claim.a, claim.b, &claim.hashes);
                assert!(!bent.follows() || same_hashes, "another hash is accepted: {bent:?}");
                tried += 1;
                true_after_all += u64::from(bent.follows());
            }
        }
    }
    assert!(tried > 400_000 && true_after_all * 100 < tried, "{true_after_all} of {tried}");
}

/// The text with each bit flipped in turn, as far as that is still text.
fn flipped_texts(text: &str) -> impl Iterator<Item = String> {
    (0..text.len() * 8).filter_map(move |bit| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        String::from_utf8(bytes).ok()
    })
}

/// A document with one bit changed is refused, or proves the very same thing (`a` for `A` in hex).
#[test]
fn every_bit_of_proof_documents_and_bundles_counts() {
    let log = AuditLog::in_memory().unwrap();
    for n in 0..11 {
        let _ = log.append(Entry::new("t", "did:a", "allow").data_text(format!("[{n}]"))).unwrap();
    }
    let key = SigningKey::from_seed(&log.identity().origin, &[7; 32]).unwrap();
    let (signed, keys) = (log.checkpoint(&[&key]).unwrap(), [key.verifier()]);
    let (head, view) = (log.head(), log.view());
    let (honest, old_root) = (log.prove(3).unwrap(), view.root_at(5.into()).unwrap());
    for text in flipped_texts(&honest.to_json()) {
        let read = Evidence::from_json(&text).ok();
        if let Some(read) = read.filter(|read| read.verify(head.size, &head.root).is_ok()) {
            // The root in the document is a claim, and the one from elsewhere is what counts.
            assert_eq!(read.entry(), honest.entry(), "{text}");
        }
    }
    let proof = view.prove_consistency(5.into(), head.size).unwrap();
    let steps = ConsistencyEvidence { proof, old_root, new_root: head.root };
    steps.verify(&old_root, &head.root).unwrap();
    for text in flipped_texts(&steps.to_json()) {
        let read = ConsistencyEvidence::from_json(&text).ok();
        if let Some(read) = read.filter(|read| read.verify(&old_root, &head.root).is_ok()) {
            // Sizes of one shape have one proof: whoever knows a root knows its size, too.
            assert_eq!(read.proof.hashes, steps.proof.hashes, "{text}");
        }
    }
    for text in flipped_texts(&signed.to_string()) {
        let read = SignedCheckpoint::parse(text.as_bytes()).ok();
        let is_believed = read.is_some_and(|read| read.verify(&keys).is_ok());
        assert!(!is_believed, "{text}");
    }
}
