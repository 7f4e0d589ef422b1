//! `wmark segments`: the files of the log and what is in them.

use crate::context::Context;
use crate::errors::{Answer, DONE};
use crate::table::{Side, Table, bytes, grouped};
use serde::Serialize;
use witnessmark::SegmentInfo;

/// List the segment files: ranges, sizes, seals
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark segments
  wmark segments --json | jq '.segments[] | select(.sealed | not)'")]
pub(crate) struct Args {}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    segments: Vec<Segment>,
}

#[derive(Serialize)]
struct Segment {
    file: String,
    first_index: u64,
    count: u64,
    bytes: u64,
    sealed: bool,
}

impl From<SegmentInfo> for Segment {
    fn from(info: SegmentInfo) -> Self {
        Self {
            file: info.file,
            first_index: info.first_index,
            count: info.count,
            bytes: info.bytes,
            sealed: info.is_sealed,
        }
    }
}

pub(crate) fn run(_: Args, context: &mut Context) -> Answer {
    let segments: Vec<Segment> =
        context.view()?.segments().into_iter().map(Segment::from).collect();
    let out = &mut context.out;
    if out.is_json() {
        out.json(&Document { schema: "wmark.segments/1", segments })?;
        return Ok(DONE);
    }
    let mut table = Table::new(&[
        ("FILE", Side::Left),
        ("FIRST", Side::Right),
        ("ENTRIES", Side::Right),
        ("SIZE", Side::Right),
        ("STATE", Side::Left),
    ]);
    for segment in segments {
        let state = if segment.sealed { "sealed" } else { "growing" };
        let (first, count) = (grouped(segment.first_index), grouped(segment.count));
        let size = bytes(segment.bytes);
        table.row(out, &[segment.file.as_str(), &first, &count, &size, state])?;
    }
    table.flush(out)?;
    Ok(DONE)
}
