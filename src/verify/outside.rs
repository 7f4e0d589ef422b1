//! Outside: the log held against what was known of it before.
//!
//! An anchor is a size and a root from elsewhere: what the caller was given, or what this machine saw
//! last. A log that is shorter was cut or rolled back, one with another root is another log.

use super::VerifyOptions;
use super::join::Joined;
use super::report::{Cause, Finding};

/// Holds the log against roots that are known from elsewhere.
pub(super) fn check(options: &VerifyOptions, joined: &mut Joined) {
    let seen = "than when this machine saw it last";
    let outside = [(options.against, "than the size asked for"), (options.seen, seen)];
    for (anchor, than) in outside {
        let Some((size, root)) = anchor else { continue };
        let what = match than == seen {
            true => format!("the root at size {size} is not the one this machine saw"),
            false => format!("the root at size {size} is not the one asked for"),
        };
        if size.get() > joined.size {
            let what = format!("the log is shorter {than}");
            let finding = Finding::new(Cause::Truncated, "", what).entry(joined.size);
            joined.report(finding.expected(size, joined.size));
            continue;
        }
        match joined.root_at(size) {
            Some(found) if found == root => {}
            Some(found) => {
                joined.report(Finding::new(Cause::Forked, "", what).expected(root, found));
            }
            None => joined
                .not_covered
                .push(format!("the root at size {size}, since entries are damaged")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rooms::Rooms;
    use super::*;
    use crate::types::Hash;

    #[test]
    fn each_anchor_is_named_for_what_it_is() {
        let mut joined = Joined::new(None, None, Rooms::without_end(1));
        (joined.size, joined.root) = (9, None);
        joined.roots.insert(5, Hash([5; 32]));
        let messages = |joined: &mut Joined, size: u64, root: u8| -> Vec<String> {
            let (size, root) = (size.into(), Hash([root; 32]));
            check(&VerifyOptions::new().against(size, root).seen(size, root), joined);
            joined.findings.drain(..).map(|finding| finding.message).collect()
        };
        assert!(messages(&mut joined, 5, 5).is_empty());
        assert_eq!(
            messages(&mut joined, 5, 6),
            [
                "the root at size 5 is not the one asked for",
                "the root at size 5 is not the one this machine saw",
            ]
        );
        assert_eq!(
            messages(&mut joined, 10, 6),
            [
                "the log is shorter than the size asked for",
                "the log is shorter than when this machine saw it last",
            ]
        );
        assert!(messages(&mut joined, 9, 6).is_empty());
        let open = std::mem::take(&mut joined.not_covered).finish();
        assert_eq!(open, ["the root at size 9, since entries are damaged"; 2]);
    }
}
