//! The walk: from group to group through one segment, and over its holes.
//!
//! ```text
//! | group | group | hole ...... | group | group | tail
//!                 P             Q: next sound header at an aligned offset
//! ```
//!
//! What follows the last valid group is a *tail* when nothing says that entries had been synced
//! there, and a hole otherwise. Behind a hole the walk goes on; the frames in it are read as far as
//! they go, since a damaged group header does not make its entries wrong.

use super::group::{Group, State};
use super::pieces::Pieces;
use super::report::{Cause, Finding};
use super::search::{self, Mark, SEARCH_BYTES};
use crate::error::Result;
use crate::format::Flaw;
use crate::format::footer::FOOTER_MAGIC;
use crate::format::group::{GROUP_COVERED_OFFSET, GROUP_HEADER_LEN, GroupHeader};
use crate::format::segment::SEGMENT_HEADER_LEN;
use crate::limits::GROUP_BODY_BYTES_MAX;

/// Where a segment stands in the log, as far as judging its end needs it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Where the groups must end, or at the latest end.
    pub(super) end: u64,
    /// Whether everything before `end` was synced: a footer or a writer says so.
    pub(super) is_bounded: bool,
    /// Index at which the segment must end, when a footer or a following segment says so.
    pub(super) end_index: Option<u64>,
}

/// What follows the last group.
#[derive(Clone, Debug)]
pub(super) enum Tail {
    /// The end that was wanted.
    End,
    /// Zeros: room that was reserved.
    Zeros,
    /// Other bytes, behind a segment that is complete or begins to be sealed.
    Rest,
    /// The beginning of a write that was never synced.
    Torn(Flaw),
}

pub(super) struct Walk<'p, 'm> {
    pub(super) pieces: &'p mut Pieces<'m>,
    pub(super) state: &'p mut State,
    pub(super) place: Place,
    /// Where the next group begins.
    pub(super) at: u64,
    /// Offset and `synced_size` of the header found last that vouches for something.
    voucher: (u64, u64),
}

impl<'p, 'm> Walk<'p, 'm> {
    pub(super) fn new(pieces: &'p mut Pieces<'m>, state: &'p mut State, place: Place) -> Self {
        Self { pieces, state, place, at: SEGMENT_HEADER_LEN as u64, voucher: (0, 0) }
    }

    /// Walks to the end and says what is there.
    pub(super) fn run(&mut self) -> Result<Tail> {
        loop {
            if self.at >= self.place.end {
                return Ok(Tail::End);
            }
            if let Some(tail) = self.step()? {
                return Ok(tail);
            }
        }
    }

    fn step(&mut self) -> Result<Option<Tail>> {
        let (at, end) = (self.at, self.place.end);
        let head = self.pieces.get(at, GROUP_HEADER_LEN)?;
        let (header, crc) = match GroupHeader::decode(head, self.state.nonce) {
            Ok(decoded) => decoded,
            Err(flaw) => return self.hole(flaw),
        };
        let (len, left) = (header.group_len(), end - at);
        let body_len = usize::try_from(len).unwrap_or(usize::MAX) - GROUP_HEADER_LEN;
        if len > left {
            return self.hole(Flaw::new(GROUP_HEADER_LEN, "group ends early", len, left));
        }
        let body = self.pieces.get(at + GROUP_HEADER_LEN as u64, body_len)?;
        if body.len() < body_len {
            let flaw = Flaw::new(GROUP_HEADER_LEN, "group ends early", body_len, body.len());
            return self.hole(flaw);
        }
        let found = crate::format::crc(header.nonce, &[body]);
        let is_sound = found == header.body_crc;
        if !is_sound && self.is_torn()? {
            let (wanted, found) = (format!("{:08x}", header.body_crc), format!("{found:08x}"));
            let flaw = Flaw::new(GROUP_HEADER_LEN, "group body crc", wanted, found);
            return Ok(Some(Tail::Torn(flaw.shifted(at))));
        }
        let body = self.pieces.get(at + GROUP_HEADER_LEN as u64, body_len)?;
        self.state.take(at, &header, crc, body, is_sound);
        self.at = at + len;
        Ok(None)
    }

    /// No valid group begins here: the end, or damage with something behind it.
    fn hole(&mut self, flaw: Flaw) -> Result<Option<Tail>> {
        if !self.place.is_bounded {
            let is_footer = self.pieces.get(self.at, FOOTER_MAGIC.len())? == FOOTER_MAGIC;
            let is_complete = self.place.end_index == Some(self.state.index);
            if is_complete || (is_footer && self.place.end_index.is_none()) {
                let is_zero = self.is_zero_to_end()?;
                return Ok(Some(if is_zero { Tail::Zeros } else { Tail::Rest }));
            }
            if self.is_torn()? {
                let is_zero = self.is_zero_to_end()?;
                return Ok(Some(match is_zero {
                    true => Tail::Zeros,
                    false => Tail::Torn(flaw.shifted(self.at)),
                }));
            }
        }
        self.read_damaged(flaw)?;
        Ok(None)
    }

    /// Whether nothing says that entries at or behind this place had been synced.
    fn is_torn(&mut self) -> Result<bool> {
        if self.place.is_bounded || self.place.end_index.is_some_and(|end| end > self.state.index) {
            return Ok(false);
        }
        let index = self.state.index;
        let (at, size) = self.voucher;
        if at > self.at && size > index {
            return Ok(false);
        }
        let vouches = |_: u64, header: &GroupHeader| header.synced_size > index;
        let Some((at, header)) = self.search(vouches)? else { return Ok(true) };
        // Kept, so that a file full of holes is not searched to its end for each of them.
        self.voucher = (at, header.synced_size);
        Ok(false)
    }

    fn is_zero_to_end(&mut self) -> Result<bool> {
        let mut at = self.at;
        loop {
            let piece = self.pieces.get(at, SEARCH_BYTES)?;
            if piece.is_empty() {
                return Ok(true);
            }
            if piece.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            at += piece.len() as u64;
        }
    }

    /// The next header behind this place that is sound and wanted.
    fn search(
        &mut self,
        is_wanted: impl Fn(u64, &GroupHeader) -> bool,
    ) -> Result<Option<(u64, GroupHeader)>> {
        let mark = Mark { nonce: self.state.nonce, align: self.state.align };
        search::next_header(self.pieces, self.at + 1, mark, is_wanted)
    }

    /// Reads what can be read of a group whose header is damaged, and goes on behind it.
    fn read_damaged(&mut self, flaw: Flaw) -> Result<()> {
        let (at, index, end) = (self.at, self.state.index, self.place.end);
        let name = self.state.name.clone();
        let is_next = |offset: u64, header: &GroupHeader| {
            header.first_index >= index
                && offset < end
                && header.group_len() <= end.saturating_sub(offset)
        };
        let next = self.search(is_next)?;
        let behind = next.map_or(end, |(offset, _)| offset);
        let behind_index = match &next {
            Some((_, header)) => header.first_index,
            None => self.place.end_index.unwrap_or(index).max(index),
        };
        // A field can only be told wrong when the checksum over it was right.
        let fields = GROUP_COVERED_OFFSET as u64..GROUP_HEADER_LEN as u64;
        let is_sound = fields.contains(&flaw.offset);
        let cause = if is_sound { Cause::Edited } else { Cause::BitRot };
        let finding = Finding::of(cause, &name, flaw, at).entry(index);
        let body_at = at + GROUP_HEADER_LEN as u64;
        let body_len = usize::try_from(behind.saturating_sub(body_at)).unwrap_or(usize::MAX);
        if body_len > GROUP_BODY_BYTES_MAX + usize::from(u16::MAX) {
            let words =
                format!("{}; entries up to {behind_index} are not readable", finding.message);
            self.state.report(Finding { message: words, ..finding });
            self.state.skip_to(behind_index);
        } else {
            self.state.report(finding);
            let frames = self.pieces.get(body_at, body_len)?;
            let group = Group {
                offset: at,
                first_index: index,
                count: behind_index - index,
                frames,
                is_sound: false,
                root: None,
            };
            self.state.take_frames(&group);
        }
        self.state.groups += 1;
        self.state.chain = None;
        self.at = behind;
        Ok(())
    }
}
