//! Recovery: from what a scan saw to one decision. Pure; the caller carries it out.
//!
//! | behind the last valid group | vouched for | decision |
//! |---|---|---|
//! | nothing, or zeros | no | keep: the log ends here |
//! | nothing, or zeros | yes | refuse: acknowledged entries are missing |
//! | broken bytes | no, last segment | quarantine: a torn write |
//! | broken bytes | no, another segment follows | keep: a torn footer; sealing goes on |
//! | broken bytes | yes | refuse: acknowledged entries are damaged |
//! | the beginning of a footer | followed by another segment | keep: sealing goes on |
//! | the beginning of a footer | last segment | refuse: a segment that followed is missing |
//! | more groups than the next segment's first index allows | either | refuse: no crash writes this |
//! | sound CRCs, contradicting contents | either | refuse: no crash writes this |
//!
//! Only a later group's `synced_size`, a following segment or a checkpoint vouches.

use super::scan::{Scan, Tail};
use crate::format::Flaw;

/// What stands behind the segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// It is the last segment.
    Last,
    /// Another segment follows, and begins at this index.
    Followed(u64),
}

/// What to do with a segment that has no footer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// The valid groups are the whole segment.
    Keep,
    /// Nothing says that bytes `from..to` were acknowledged: set them aside and clear them.
    Quarantine {
        /// Where the last valid group ends.
        from: u64,
        /// Behind the last byte that is not zero.
        to: u64,
        /// Why the first of them is not a group.
        flaw: Flaw,
    },
    /// Acknowledged data is damaged or missing: do not write.
    Refuse(Flaw),
}

/// Whether something durable says that entries behind the last valid group had been synced.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Vouched {
    No,
    Yes { size: u64 },
}

/// Decides. See the table above; every row has a test.
#[must_use]
pub fn decide(scan: &Scan, place: Place) -> Decision {
    let beyond = scan.vouched_beyond.map_or(0, |(size, _)| size);
    let claimed = match place {
        Place::Last => beyond,
        Place::Followed(first_index) => beyond.max(first_index),
    };
    let vouched = if claimed > scan.size { Vouched::Yes { size: claimed } } else { Vouched::No };
    let missing = |what: &'static str, size: u64| Flaw {
        offset: scan.end,
        what,
        wanted: size.to_string(),
        found: scan.size.to_string(),
    };
    if let Place::Followed(first_index) = place
        && first_index < scan.size
    {
        let (wanted, found) = (first_index.to_string(), scan.size.to_string());
        let what = "entries before the next segment";
        return Decision::Refuse(Flaw { offset: scan.end, what, wanted, found });
    }
    match (&scan.tail, vouched) {
        // Nothing claims more than what is here.
        (Tail::End | Tail::Zeros, Vouched::No) => Decision::Keep,
        // Zeros or the end of the file stand where synced entries were.
        (Tail::End | Tail::Zeros, Vouched::Yes { size }) => {
            Decision::Refuse(missing("acknowledged entries are missing", size))
        }
        (Tail::Broken(flaw), Vouched::No) => match place {
            // The write was torn by a crash before its sync returned, so nobody was told.
            Place::Last => {
                Decision::Quarantine { from: scan.end, to: scan.used, flaw: flaw.clone() }
            }
            // All entries are here; what was torn is the footer, and it is written again.
            Place::Followed(_) => Decision::Keep,
        },
        // A later group could only be written after this one had been synced.
        (Tail::Broken(flaw), Vouched::Yes { .. }) => Decision::Refuse(flaw.clone()),
        // The footer is written behind a segment that already has a successor.
        (Tail::Footer, Vouched::No) => match place {
            Place::Followed(_) => Decision::Keep,
            Place::Last => Decision::Refuse(missing("a following segment", scan.size)),
        },
        (Tail::Footer, Vouched::Yes { size }) => {
            Decision::Refuse(missing("acknowledged entries are missing", size))
        }
        // CRCs hold, contents contradict: written on purpose or by a bug, not by a crash.
        (Tail::Contradiction(flaw), Vouched::No | Vouched::Yes { .. }) => {
            Decision::Refuse(flaw.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::Frontier;
    use crate::types::Hash;

    fn seen(tail: Tail, vouched_beyond: Option<(u64, u64)>) -> Scan {
        Scan {
            groups: Vec::new(),
            end: 4096,
            size: 10,
            frontier: Frontier::new(),
            last_hash: Hash::ZERO,
            last_recorded_at: 0,
            tail,
            vouched_beyond,
            used: 5000,
        }
    }

    fn flaw() -> Flaw {
        Flaw { offset: 1, what: "x", wanted: String::new(), found: String::new() }
    }

    #[test]
    fn every_row_of_the_table() {
        let keeps = |tail, vouch, place| decide(&seen(tail, vouch), place) == Decision::Keep;
        let refuses =
            |tail, vouch, place| matches!(decide(&seen(tail, vouch), place), Decision::Refuse(_));
        let (later, last, followed) = (Some((11, 9000)), Place::Last, Place::Followed(10));
        assert!(keeps(Tail::End, None, last) && keeps(Tail::Zeros, None, last));
        assert!(keeps(Tail::Zeros, Some((10, 9000)), last), "vouching for no more than is here");
        assert!(refuses(Tail::End, None, Place::Followed(11)));
        assert!(refuses(Tail::Zeros, later, last));
        let torn = decide(&seen(Tail::Broken(flaw()), None), last);
        assert_eq!(torn, Decision::Quarantine { from: 4096, to: 5000, flaw: flaw() });
        assert!(refuses(Tail::Broken(flaw()), later, last));
        assert!(refuses(Tail::Broken(flaw()), None, Place::Followed(11)));
        assert!(keeps(Tail::Footer, None, followed));
        assert!(keeps(Tail::Broken(flaw()), None, followed), "a torn footer");
        assert!(refuses(Tail::Footer, None, Place::Followed(9)), "overlapping segments");
        assert!(refuses(Tail::Footer, None, last));
        assert!(refuses(Tail::Contradiction(flaw()), None, last));
        assert!(refuses(Tail::Contradiction(flaw()), later, last));
    }
}
