//! Redaction: secrets leave an entry here, before anything is hashed.
//!
//! ```text
//! payload, texts --sieve--> clean: untouched
//!                      \--> names, rules --> ranges --> splices, record of path, rule and mode
//! ```
//!
//! Its place is after the JSON check and before salts and hashes, because what was hashed cannot be
//! taken back. Rules are of two kinds: names of keys whose value is a secret, anywhere in `data`,
//! and forms of secrets in any text. Everything outside the replaced ranges stays as it was, byte
//! for byte. Invariants: what comes out is JSON again; redacting twice is redacting once; time is
//! linear in the length of the text. docs/REDACTION.md says what is found and what is not.
//!
//! Deliberately absent: files, and the settings that are read from them.

mod card;
mod judge;
mod key;
mod keys;
mod mask;
mod options;
mod redactor;
mod rules;
mod set;
mod sieve;
mod taken;
mod walk;

pub use key::RedactionKey;
pub use mask::Mode;
pub use options::Redaction;
pub use redactor::Redactor;
pub(crate) use redactor::Screened;

#[cfg(test)]
mod ordinary;
#[cfg(test)]
mod tests;
