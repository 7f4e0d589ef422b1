//! Anchors: sizes whose root is asked for, and what the log answers.
//!
//! Sizes come from outside (`against`, what this machine saw last) and from the log's own checkpoint
//! history. Each segment notes the roots at those sizes that lie in it, while it grows the tree.

use crate::merkle::Frontier;
use crate::sync::Arc;
use crate::types::Hash;

/// The sizes asked for, ascending, and the roots found so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Anchors {
    wanted: Arc<[u64]>,
    next: usize,
    pub(super) roots: Vec<(u64, Hash)>,
}

impl Anchors {
    pub(super) fn new(mut sizes: Vec<u64>) -> Self {
        sizes.sort_unstable();
        sizes.dedup();
        Self { wanted: sizes.into(), next: 0, roots: Vec::new() }
    }

    /// The same sizes, for a segment that begins at this index.
    pub(super) fn from(&self, first_index: u64) -> Self {
        let next = self.wanted.partition_point(|size| *size <= first_index);
        Self { wanted: Arc::clone(&self.wanted), next, roots: Vec::new() }
    }

    /// How many leaves lead from this size to the next one asked for; at least one.
    pub(super) fn count_to_next(&self, size: u64) -> Option<usize> {
        let next = self.wanted.get(self.next..)?.iter().find(|wanted| **wanted > size)?;
        usize::try_from(next - size).ok()
    }

    /// Takes the root, when its size is asked for. Called at every size that is.
    pub(super) fn look(&mut self, frontier: &Frontier) {
        let size = frontier.size().get();
        while let Some(wanted) = self.wanted.get(self.next).filter(|wanted| **wanted <= size) {
            if *wanted == size {
                self.roots.push((size, frontier.root()));
            }
            self.next += 1;
        }
    }

    /// Forgets the roots beyond this size, because leaves behind it turned out to be others.
    pub(super) fn forget_beyond(&mut self, size: u64) {
        self.roots.retain(|(known, _)| *known <= size);
        self.next = self.wanted.partition_point(|wanted| *wanted <= size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_noted_at_the_sizes_asked_for_and_forgotten_where_leaves_were_others() {
        let all = Anchors::new(vec![9, 3, 5, 3, 0]);
        let grow = |anchors: &mut Anchors, frontier: &mut Frontier, to: u64, leaf: u8| {
            while frontier.size().get() < to {
                frontier.push(Hash([leaf; 32]), |_, _| ());
                anchors.look(frontier);
            }
        };
        let sizes = |anchors: &Anchors| anchors.roots.iter().map(|(s, _)| *s).collect::<Vec<_>>();
        let (mut anchors, mut frontier) = (all.from(0), Frontier::new());
        let to_next = [0, 2, 3, 4, 5, 8, 9].map(|size| anchors.count_to_next(size));
        assert_eq!(to_next, [Some(3), Some(1), Some(2), Some(1), Some(4), Some(1), None]);
        grow(&mut anchors, &mut frontier, 3, 1);
        let at_three = frontier.clone();
        grow(&mut anchors, &mut frontier, 9, 1);
        assert_eq!(sizes(&anchors), [3, 5, 9]);
        // Of what is forgotten another root can be noted, and of what is not, none.
        for (size, kept) in [(9, vec![3, 5, 9]), (8, vec![3, 5]), (5, vec![3, 5]), (4, vec![3])] {
            let mut anchors = anchors.clone();
            anchors.forget_beyond(size);
            assert_eq!(sizes(&anchors), kept, "{size}");
        }
        let kept = anchors.roots.clone();
        anchors.forget_beyond(3);
        let mut frontier = at_three;
        grow(&mut anchors, &mut frontier, 9, 2);
        assert_eq!(sizes(&anchors), [3, 5, 9]);
        let same = anchors.roots.iter().zip(&kept).filter(|(a, b)| a.1 == b.1).count();
        assert_eq!(same, 1, "only the root at three");
        // A segment asks for nothing that lies before it or at its beginning.
        let mut later = all.from(5);
        assert_eq!(later.count_to_next(5), Some(4));
        grow(
            &mut later,
            &mut Frontier::from_parts(5u64.into(), vec![Hash::ZERO; 2]).unwrap(),
            9,
            1,
        );
        assert_eq!(sizes(&later), [9]);
    }
}
