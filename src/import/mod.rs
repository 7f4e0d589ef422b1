//! Import: how entries arrive as other people's records.
//!
//! ```text
//! bytes --source--> chunks of records --decode--> entries | rejects --ingest--> log, listener
//!          split                        mapping                         position
//! ```
//!
//! Input is JSON Lines or one JSON array, and hostile: of any length, in any encoding, cut off
//! anywhere. Invariant: every record either becomes an entry or is told as a [`Reject`] with its
//! line; an entry is told only when it is durable. How far a file was read is kept in the log
//! itself, in the last entry of each batch, so both are there or neither.
//! Files are not opened here, and nothing is printed: whoever calls brings a reader and a listener.

mod decode;
mod foreign;
mod ingest;
mod mapping;
mod position;
mod records;
mod reject;
mod source;
mod split;
mod time;

pub use decode::decode_line;
pub use foreign::{Foreign, ForeignChain, ForeignKind};
pub use ingest::{End, Ingest, Ingested, Listener, Rejected, Summary};
pub use mapping::Mapping;
pub use position::Position;
pub use reject::{Reject, RejectKind};
pub use time::parse_time;
