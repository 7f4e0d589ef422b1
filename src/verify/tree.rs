//! The tree after each group, and what its root says about entries that do not hash right.
//!
//! | entry i | root of the stored hashes | so what was changed is |
//! |---|---|---|
//! | does not hash to its stored hash | the claimed one | entry i |
//! | the same, and i + 1 was built on what it does hash to | either | the stored hash of i |
//! | does not follow i - 1, which hashes right | another | entry i - 1, with its hash |
//! | all hash right | another | the root, or the last entry with its hash |

use super::group::{Group, State, Suspect};
use super::report::Cause;
use crate::format::frame::FRAME_HASH_OFFSET;
use crate::merkle::Frontier;

/// Offset of the root in a group header (FORMAT.md, section 5).
const ROOT_OFFSET: u64 = 64;

impl State {
    /// Pushes the leaves. `Some(true)` when the claimed root is theirs, `None` when it cannot be
    /// said.
    pub(super) fn grow_tree(&mut self, group: &Group<'_>) -> Option<bool> {
        let frontier = self.frontier.as_mut()?;
        let last_suspect = self.suspects.last().filter(|suspect| suspect.index + 1 == self.index);
        let saved = last_suspect.map(|_| (frontier.clone(), self.derived.nodes.len()));
        for leaf in &self.leaves {
            frontier.push(*leaf, |_, node| self.derived.nodes.push(node));
            if self.anchor == Some(frontier.size()) {
                self.root_at_anchor = Some(frontier.root());
            }
        }
        let root = group.root?;
        if frontier.root() == root {
            return Some(true);
        }
        // Perhaps the last entry is right and its stored hash is not.
        let ((before, nodes_len), alternative) = (saved?, self.alternative?);
        let mut tried = before;
        self.derived.nodes.truncate(nodes_len);
        if let Some(last) = self.leaves.last_mut() {
            *last = alternative;
        }
        for leaf in &self.leaves {
            tried.push(*leaf, |_, node| self.derived.nodes.push(node));
            if self.anchor == Some(tried.size()) {
                self.root_at_anchor = Some(tried.root());
            }
        }
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
        let mut last_suspect = None;
        for suspect in &suspects {
            let starts_run = suspect.index.checked_sub(1) != last_suspect;
            let is_inside = suspect.index > group.first_index || was_doubtful;
            last_suspect = Some(suspect.index);
            let Suspect { index, offset, computed, stored, .. } = *suspect;
            let finding = match suspect.before {
                // The entry before was replaced together with its own hash: the root shows it.
                Some(before) if is_rooted == Some(false) && starts_run && is_inside => {
                    let what = "its own hash holds, but the next entry was built on another";
                    self.finding(group.cause(), what, before, index - 1)
                }
                _ if suspect.is_hash_wrong => {
                    let at = offset + FRAME_HASH_OFFSET as u64;
                    let finding = self.finding(group.cause(), "stored entry hash", at, index);
                    finding.expected(computed, stored)
                }
                _ => {
                    let finding = self.finding(group.cause(), "entry hash", offset, index);
                    finding.expected(stored, computed)
                }
            };
            self.report(finding);
        }
        match is_rooted {
            Some(true) => self.has_doubtful_root = false,
            Some(false) => {
                if suspects.is_empty() && !was_doubtful {
                    self.report_root(group);
                }
                self.has_doubtful_root = true;
            }
            None => {}
        }
        self.suspects = suspects;
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
