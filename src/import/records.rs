//! Records of a chunk to entries, each with its line when it is rejected.

use super::decode::decode_line;
use super::mapping::Mapping;
use super::reject::{Reject, RejectKind};
use super::source::{Chunk, Record};
use super::split::Fault;
use crate::entry::Entry;
use crate::limits::INGEST_LINE_BYTES_MAX;

/// What the records of a chunk became.
pub(super) type Decoded<'c> = Vec<Result<Entry<'c>, Reject>>;

/// Decodes every record of a chunk.
pub(super) fn decode<'c>(chunk: &'c Chunk, mapping: &'c Mapping) -> Decoded<'c> {
    chunk.records.iter().map(|record| decode_record(chunk, record, mapping)).collect()
}

/// Decodes one record of a chunk.
pub(super) fn decode_record<'c>(
    chunk: &'c Chunk,
    record: &Record,
    mapping: &'c Mapping,
) -> Result<Entry<'c>, Reject> {
    let decoded = match record.fault {
        Some(fault) => Err(fault_reject(fault)),
        None => match std::str::from_utf8(chunk.text(record)) {
            Ok(text) => decode_line(text, mapping),
            Err(error) => {
                let at = error.valid_up_to();
                let message = format!("not UTF-8 at byte {at} of the record");
                Err(Reject::new(RejectKind::Encoding, message))
            }
        },
    };
    decoded.map_err(|mut reject| {
        // A value that ends early is cut off only where the input ends as well.
        if reject.kind == RejectKind::Truncated && !record.is_last {
            reject.kind = RejectKind::Syntax;
        }
        reject.at_line(record.line)
    })
}

fn fault_reject(fault: Fault) -> Reject {
    match fault {
        Fault::TooLong(len) => {
            let limit = INGEST_LINE_BYTES_MAX;
            let message =
                format!("the record is too long (wanted at most {limit} bytes, found {len})");
            Reject::new(RejectKind::TooLarge, message)
        }
        Fault::NeverClosed => {
            let message = "the input ends before its array is closed";
            Reject::new(RejectKind::Truncated, message)
        }
        Fault::NoElement => {
            Reject::new(RejectKind::Syntax, "nothing stands where an element should be")
        }
        Fault::NoComma => Reject::new(RejectKind::Syntax, "no comma stands before this element"),
        Fault::BehindArray => Reject::new(RejectKind::Syntax, "text behind the end of the array"),
    }
}
