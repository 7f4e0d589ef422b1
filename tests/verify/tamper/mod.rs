//! The tamper matrix: what somebody may do to a log directory, and what the auditor says to it.
//!
//! ```text
//! base logs --class(seed)--> case: files, trust --verify_storage, verify--> report
//!                              |                                              |
//!                              +--expected: verdict, cause, file, index ------+--> equal, or red
//! ```
//!
//! Every class says what is found in the files alone and what is found with a checkpoint from
//! outside, also where that is nothing: the table of `docs/ASSURANCE.md` is these classes in words,
//! and `page.rs` compares the two. `corpus.rs` writes the cases out for other verifiers.
//! `WMARK_TAMPER_SEED` (printed) and `WMARK_TAMPER_ROUNDS` choose what is done and how often.
#![expect(clippy::print_stdout, reason = "a seed can be repeated only when it was seen")]

pub(crate) mod base;
mod bits;
mod case;
mod corpus;
mod entries;
mod groups;
mod identity;
mod matrix;
mod open_ends;
mod page;
mod places;
mod promises;
mod segments;
mod sides;
mod surroundings;
pub(crate) mod taken;

use case::Class;

/// Every class, in the order of the table.
fn classes() -> Vec<Class> {
    [
        identity::CLASSES,
        segments::CLASSES,
        segments::LAST,
        groups::CLASSES,
        entries::CLASSES,
        entries::REWRITTEN,
        entries::ERASED,
        promises::LOSSES,
        promises::CLASSES,
        sides::CLASSES,
        surroundings::CLASSES,
    ]
    .concat()
}
