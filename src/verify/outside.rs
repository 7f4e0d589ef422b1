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
