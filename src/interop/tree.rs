//! The reference's Merkle tree: over hex texts, padded to a power of two.
//!
//! ```text
//!              H(ab || cZ)                 H = hex SHA-256 of the two hex texts, 128 characters
//!        H(a||b)          H(c||Z)          Z = 64 zeros: an empty node, on every level
//!        a     b          c     Z
//! ```
//!
//! Leaves and inner nodes are hashed alike, so an inner node passes for an entry with a shorter
//! proof; [`verify_proof`] says what the reference says, [`verify_proof_at`] is sound because it knows
//! the index and the size. Our own tree is another one ([`mod@crate::merkle`]).

use crate::hash;

/// An empty node.
const EMPTY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

fn parent(left: &str, right: &str) -> String {
    hash::sha256(format!("{left}{right}").as_bytes()).to_hex()
}

/// On which side of the path a sibling stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The sibling comes first.
    Left,
    /// The sibling comes second.
    Right,
}

impl Side {
    /// The word the reference uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
        }
    }
}

/// One step of a proof: a sibling, and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProofStep {
    /// The sibling's hex text.
    pub sibling: String,
    /// The side as it was written; the reference takes any word but `right` for the left.
    pub side: String,
}

/// The root of any number of leaves, in memory for one hash per level.
#[derive(Clone, Debug, Default)]
pub struct RootBuilder {
    len: u64,
    /// Roots of whole subtrees with their levels, the largest first.
    whole: Vec<(u32, String)>,
}

impl RootBuilder {
    /// No leaves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next entry hash.
    pub fn push(&mut self, leaf: impl Into<String>) {
        let (mut level, mut node) = (0, leaf.into());
        while let Some((_, left)) = self.whole.pop_if(|(top, _)| *top == level) {
            node = parent(&left, &node);
            level += 1;
        }
        self.whole.push((level, node));
        self.len += 1;
    }

    /// How many leaves there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The root; `None` without leaves.
    #[must_use]
    pub fn root(&self) -> Option<String> {
        let mut whole = self.whole.iter().rev();
        let (mut level, mut node) = whole.next().cloned()?;
        let height = self.len.next_power_of_two().trailing_zeros();
        let mut left = whole.next();
        while level < height {
            node = match left {
                Some((at, hash)) if *at == level => {
                    left = whole.next();
                    parent(hash, &node)
                }
                _ => parent(&node, EMPTY),
            };
            level += 1;
        }
        Some(node)
    }
}

/// The whole tree, for proofs.
#[derive(Clone, Debug)]
pub struct Tree {
    levels: Vec<Vec<String>>,
}

impl Tree {
    /// The tree over these entry hashes.
    #[must_use]
    pub fn new(leaves: Vec<String>) -> Self {
        let mut levels = vec![leaves];
        while let Some(level) = levels.last().filter(|level| level.len() > 1) {
            let pair = |pair: &[String]| match pair {
                [left, right] => parent(left, right),
                [left] => parent(left, EMPTY),
                _ => EMPTY.to_owned(),
            };
            let above = level.chunks(2).map(pair).collect();
            levels.push(above);
        }
        Self { levels }
    }

    /// The root; `None` without leaves.
    #[must_use]
    pub fn root(&self) -> Option<&str> {
        self.levels.last()?.first().map(String::as_str)
    }

    /// The proof for a leaf, its own sibling first; `None` when there is no such leaf.
    #[must_use]
    pub fn proof(&self, index: usize) -> Option<Vec<ProofStep>> {
        self.levels.first()?.get(index)?;
        let (mut at, mut steps) = (index, Vec::new());
        for level in self.levels.iter().take(self.levels.len() - 1) {
            let sibling = level.get(at ^ 1).map_or(EMPTY, String::as_str).to_owned();
            let side = if at.is_multiple_of(2) { Side::Right } else { Side::Left };
            steps.push(ProofStep { sibling, side: side.as_str().to_owned() });
            at /= 2;
        }
        Some(steps)
    }
}

/// What the reference says of a proof: whether its steps lead from the entry hash to the root.
/// Not sound; see the head of this module.
#[must_use]
pub fn verify_proof(entry_hash: &str, proof: &[ProofStep], root: &str) -> bool {
    let fold = |node: String, step: &ProofStep| match step.side.as_str() {
        "right" => parent(&node, &step.sibling),
        _ => parent(&step.sibling, &node),
    };
    proof.iter().fold(entry_hash.to_owned(), fold) == root
}

/// Whether an entry hash is the leaf at `index` of a tree of `size` leaves with this root: every
/// step must be where this index has it, so neither inner nodes nor padding pass for entries.
#[must_use]
pub fn verify_proof_at(
    entry_hash: &str,
    proof: &[ProofStep],
    root: &str,
    index: u64,
    size: u64,
) -> bool {
    let is_hash = |text: &str| {
        text.len() == EMPTY.len() && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let height = size.checked_next_power_of_two().map_or(64, u64::trailing_zeros);
    let is_shaped = index < size
        && proof.len() == height as usize
        && is_hash(entry_hash)
        && proof.iter().zip(0..).all(|(step, level): (_, u32)| {
            let is_left = index >> level & 1 == 1;
            let side = if is_left { Side::Left } else { Side::Right };
            step.side == side.as_str() && is_hash(&step.sibling)
        });
    is_shaped && verify_proof(entry_hash, proof, root)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: usize) -> Vec<String> {
        (0..count).map(|i| hash::sha256(&i.to_le_bytes()).to_hex()).collect()
    }

    /// The definition: all leaves padded to the capacity, pair by pair, empty pairs stay empty.
    fn defined(leaves: &[String]) -> String {
        let mut level = leaves.to_vec();
        level.resize(leaves.len().next_power_of_two(), EMPTY.to_owned());
        while level.len() > 1 {
            let pair = |pair: &[String]| match pair {
                [left, right] if left == EMPTY && right == EMPTY => EMPTY.to_owned(),
                [left, right] => parent(left, right),
                _ => unreachable!(),
            };
            level = level.chunks(2).map(pair).collect();
        }
        level.remove(0)
    }

    #[test]
    fn roots_follow_the_definition_whichever_way_they_are_built() {
        let mut builder = RootBuilder::new();
        assert!(builder.root().is_none() && builder.is_empty());
        assert!(Tree::new(Vec::new()).root().is_none());
        for count in 1..=70 {
            let leaves = leaves(count);
            builder.push(leaves[count - 1].clone());
            let wanted = defined(&leaves);
            assert_eq!(builder.root(), Some(wanted.clone()), "{count}");
            assert_eq!(Tree::new(leaves).root(), Some(wanted.as_str()), "{count}");
        }
    }

    #[test]
    fn every_proof_leads_to_the_root_and_only_from_its_own_place() {
        for count in [1, 2, 3, 5, 8, 11] {
            let leaves = leaves(count);
            let tree = Tree::new(leaves.clone());
            let root = tree.root().unwrap();
            for (index, leaf) in leaves.iter().enumerate() {
                let proof = tree.proof(index).unwrap();
                assert!(verify_proof(leaf, &proof, root));
                for other in 0..count {
                    let holds = verify_proof_at(leaf, &proof, root, other as u64, count as u64);
                    assert_eq!(holds, other == index, "{count} {index} {other}");
                }
            }
            assert!(tree.proof(count).is_none());
        }
    }

    #[test]
    fn what_the_reference_lets_pass_the_sound_check_refuses() {
        let leaves = leaves(3);
        let tree = Tree::new(leaves.clone());
        let root = tree.root().unwrap();
        let proof = tree.proof(0).unwrap();
        let inner = parent(&leaves[0], &leaves[1]);
        assert!(verify_proof(&inner, &proof[1..], root));
        assert!(verify_proof(root, &[], root));
        for index in 0..3 {
            assert!(!verify_proof_at(&inner, &proof[1..], root, index, 3));
            assert!(!verify_proof_at(root, &[], root, index, 3));
        }
        assert!(!verify_proof_at(root, &[], root, 0, 0));
        assert!(!verify_proof_at(root, &[], root, 0, u64::MAX));
    }
}
