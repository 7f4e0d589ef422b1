//! Signatures: who vouches for this text, and does the signature hold?
//!
//! ```text
//! seed --> SigningKey --sign--> Note = text, empty line, "— name base64(key id, signature)" lines
//!              |                  |
//!              v                  v
//!         VerifierKey --verify--> the keys that vouch for it
//!
//! Checkpoint = origin, size, root, one a line: the text that a log signs
//! ```
//!
//! The forms are public ones, so that other people's tools read them: C2SP *signed-note* with
//! Ed25519, and C2SP *tlog-checkpoint*. Keys have the text forms of Go's `sumdb/note`.
//!
//! Invariants: a known key with a bad signature condemns the whole note; a key that is not known
//! proves nothing and harms nothing; a secret appears in no `Debug`, no error and no buffer that
//! outlives its use. This room draws no randomness and reads no file: the seed comes from
//! `storage`, the key's text from whoever keeps it.

mod armor;
mod checkpoint;
mod key;
mod note;
#[cfg(test)]
mod tests;

pub use armor::{decode as decode_base64, encode as encode_base64};
pub use checkpoint::{Checkpoint, SignedCheckpoint, key_name_of};
pub use key::{KeyId, SEED_LEN, SigningKey, VerifierKey};
pub use note::{Note, NoteSignature};
