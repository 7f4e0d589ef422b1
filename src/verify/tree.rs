//! The tree after each group, and what its root says about entries that do not hash right.
//!
//! | entry i | root of the stored hashes | so what was changed is |
//! |---|---|---|
//! | does not hash to its stored hash | the claimed one | entry i |
//! | the same, and i + 1 was built on what it does hash to | either | the stored hash of i |
//! | does not follow i - 1, and i + 1 follows it | another | entry i - 1, with its hash |
//! | the same, and i + 1 does not follow it | another | entry i, with another's hash |
//! | all hash right | another | the root, or the last entry with its hash |
//! | does not follow i - 1, which cannot be decoded | another, or unknown | i - 1; nothing is said of i |

use super::anchors::Anchors;
use super::group::{Group, State, Suspect};
use super::report::Cause;
use crate::format::frame::FRAME_HASH_OFFSET;
use crate::merkle::{Frontier, NodeId};
use crate::types::Hash;

/// Offset of the root in a group header (FORMAT.md, section 5).
const ROOT_OFFSET: u64 = 64;

/// Grows a tree by leaves, keeps the nodes they complete, and the roots at sizes asked for.
fn grow(
    frontier: &mut Frontier,
    leaves: &[Hash],
    nodes: &mut Vec<[u8; 32]>,
    anchors: &mut Anchors,
) {
    let mut rest = leaves;
    while !rest.is_empty() {
        let count = anchors.count_to_next(frontier.size().get()).unwrap_or(rest.len());
        let (part, behind) = rest.split_at(count.min(rest.len()));
        let base = nodes.len();
        let first = NodeId::stored_before(frontier.size().get());
        frontier.extend(part, |id, hash| {
            let at = usize::try_from(id.position() - first).map_or(usize::MAX, |at| base + at);
            if at >= nodes.len() {
                nodes.resize(at + 1, Hash::ZERO.0);
            }
            if let Some(node) = nodes.get_mut(at) {
                *node = hash.0;
            }
        });
        anchors.look(frontier);
        rest = behind;
    }
}

impl State {
    /// Pushes the leaves. `Some(true)` when the claimed root is theirs, `None` when it cannot be
    /// said.
    pub(super) fn grow_tree(&mut self, group: &Group<'_>) -> Option<bool> {
        self.derived.begin_group();
        let frontier = self.frontier.as_mut()?;
        let last_suspect = self.suspects.last().filter(|suspect| suspect.index + 1 == self.index);
        let saved = last_suspect.map(|_| (frontier.clone(), self.derived.nodes.len()));
        grow(frontier, &self.leaves, &mut self.derived.nodes, &mut self.anchors);
        let root = group.root?;
        if frontier.root() == root {
            return Some(true);
        }
        // Perhaps the last entry is right and its stored hash is not.
        let Some(((before, nodes_len), alternative)) = saved.zip(self.alternative) else {
            return Some(false);
        };
        let mut tried = before;
        self.anchors.forget_beyond(tried.size().get());
        self.derived.nodes.truncate(nodes_len);
        if let Some(last) = self.leaves.last_mut() {
            *last = alternative;
        }
        grow(&mut tried, &self.leaves, &mut self.derived.nodes, &mut self.anchors);
        if tried.root() != root {
            return Some(false);
        }
        self.frontier = Some(tried);
        self.previous = self.alternative.take();
        if let Some(suspect) = self.suspects.last_mut() {
            suspect.is_hash_wrong = true;
        }
        Some(true)
    }

    /// Turns suspects and the root into findings.
    pub(super) fn blame(&mut self, group: &Group<'_>, is_rooted: Option<bool>) {
        let suspects = std::mem::take(&mut self.suspects);
        let was_doubtful = self.has_doubtful_root;
        let is_suspect = |index: Option<u64>| {
            let at = index.map(|index| suspects.binary_search_by_key(&index, |s| s.index));
            at.is_some_and(|at| at.is_ok())
        };
        for suspect in &suspects {
            let has_before = is_suspect(suspect.index.checked_sub(1));
            let has_after = is_suspect(suspect.index.checked_add(1));
            let is_at_end = suspect.index + 1 == self.index;
            if suspect.is_behind_broken && is_rooted != Some(true) {
                // Nobody knows what it was built on; the one before is reported already.
                self.unchecked.push(suspect.index);
            } else if is_rooted != Some(false) || suspect.is_hash_wrong {
                self.report_suspect(group, suspect);
            } else if has_before && !has_after && !is_at_end {
                // It follows one whose hash nobody knows any more.
                self.unchecked.push(suspect.index);
            } else {
                let is_inside = suspect.index > group.first_index || was_doubtful;
                let is_alone = !has_before && !has_after;
                let before = suspect.before.filter(|_| is_alone && is_inside);
                if let Some(before) = before {
                    // The entry before was replaced together with its own hash.
                    let what = "its own hash holds, but the next entry was built on another";
                    let index = suspect.index - 1;
                    self.report(self.finding(group.cause(), what, before, index));
                }
                if before.is_none() || is_at_end {
                    self.report_suspect(group, suspect);
                }
            }
        }
        match is_rooted {
            Some(true) => (self.has_doubtful_root, self.doubtful_from) = (false, None),
            Some(false) => {
                if suspects.is_empty() && !was_doubtful {
                    self.report_root(group);
                }
                self.has_doubtful_root = true;
                if !suspects.is_empty() {
                    // A leaf is not the one the tree was grown with, and which is right is gone.
                    self.doubtful_from.get_or_insert(group.first_index);
                }
                self.settle(None);
            }
            None if suspects.is_empty() => {}
            // The next root tells whether the leaves are right all the same.
            None => {
                self.has_doubtful_root = true;
                self.doubtful_from.get_or_insert(group.first_index);
            }
        }
        self.suspects = suspects;
    }

    /// Gives up the tree where leaves may be others, unless this root says that they are not.
    pub(super) fn settle(&mut self, root: Option<Hash>) {
        let Some(from) = self.doubtful_from.take() else { return };
        if root.is_none() || self.frontier.as_ref().map(Frontier::root) != root {
            self.frontier = None;
            self.anchors.forget_beyond(from);
        }
    }

    fn report_suspect(&mut self, group: &Group<'_>, suspect: &Suspect) {
        let Suspect { index, offset, computed, stored, is_hash_wrong, .. } = *suspect;
        let finding = if is_hash_wrong {
            let at = offset + FRAME_HASH_OFFSET as u64;
            let finding = self.finding(group.cause(), "stored entry hash", at, index);
            finding.expected(computed, stored)
        } else {
            let finding = self.finding(group.cause(), "entry hash", offset, index);
            finding.expected(stored, computed)
        };
        self.report(finding);
    }

    fn report_root(&mut self, group: &Group<'_>) {
        let at = group.offset + ROOT_OFFSET;
        let what = "root after a group";
        let finding = self.finding(Cause::BadRoot, what, at, group.first_index);
        let found = group.root.unwrap_or_default();
        let wanted = self.frontier.as_ref().map(Frontier::root).unwrap_or_default();
        self.report(finding.expected(wanted, found));
    }
}

#[cfg(test)]
mod tests {
    use super::super::derived::Derived;
    use super::super::group::Start;
    use super::*;

    /// A tree of four leaves that is doubtful from index 2 on, with every root asked for.
    fn doubtful() -> (State, Hash) {
        let start = Start {
            first_index: 0,
            previous: None,
            frontier: Some(Frontier::new()),
            last_recorded_at: 0,
            nonce: 0,
            align: 1,
        };
        let mut state = State::new("x", &start, Derived::new(false, false, usize::MAX));
        state.anchors = Anchors::new((1..=4).collect());
        state.doubtful_from = Some(2);
        let mut tree = Frontier::new();
        for leaf in 0..4 {
            tree.push(Hash([leaf; 32]), |_, _| ());
            state.anchors.look(&tree);
        }
        let root = tree.root();
        state.frontier = Some(tree);
        (state, root)
    }

    #[test]
    fn a_doubtful_tree_stands_when_a_root_confirms_it_and_falls_back_when_none_does() {
        let (_, root) = doubtful();
        for (settled_by, stands) in [(Some(root), true), (Some(Hash::ZERO), false), (None, false)] {
            let (mut state, _) = doubtful();
            state.settle(settled_by);
            assert_eq!((state.frontier.is_some(), state.doubtful_from), (stands, None));
            assert_eq!(state.anchors.roots.len(), if stands { 4 } else { 2 }, "{settled_by:?}");
        }
        // What nobody doubts is not asked about.
        let (mut state, _) = doubtful();
        state.doubtful_from = None;
        state.settle(Some(Hash::ZERO));
        assert!(state.frontier.is_some() && state.anchors.roots.len() == 4);
    }
}
