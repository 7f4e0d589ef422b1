//! The checkpoint history: signed notes one after the other, each with a line before it that says
//! how long it is.
//!
//! ```text
//! checkpoint 00000213 9a3c01ff\n     29 bytes: length of the note, CRC-32 of what follows it here
//! acme.example/agents\n              the note, as it was published
//! ...
//! \n                                 one newline, for whoever reads the file
//! ```
//!
//! The CRC is over the first 19 bytes of the line and the note. It tells a write that a crash cut
//! off from one that was whole; what vouches for the note is its signature.

use super::Flaw;
use crate::limits::CHECKPOINT_BYTES_MAX;

/// The name of the file in the log directory.
pub const HISTORY_NAME: &str = "log.checkpoints";
/// Length of the line before a note.
pub const RECORD_LINE_LEN: usize = 29;
/// Most bytes that a record takes.
pub const RECORD_BYTES_MAX: usize = RECORD_LINE_LEN + CHECKPOINT_BYTES_MAX + 1;

const COVERED_LEN: usize = 19;

fn crc(covered: &[u8], note: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(covered);
    hasher.update(note);
    hasher.finalize()
}

/// The record of a note.
#[must_use]
pub fn encode(note: &str) -> Vec<u8> {
    let covered = format!("checkpoint {:08}", note.len());
    let crc = crc(covered.as_bytes(), note.as_bytes());
    format!("{covered} {crc:08x}\n{note}\n").into_bytes()
}

/// The line before a note.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordLine {
    /// Length of the note.
    pub note_len: usize,
    crc: u32,
}

impl RecordLine {
    /// Decodes the line at the start of these bytes.
    ///
    /// # Errors
    /// A [`Flaw`] for anything that [`encode`] does not write.
    pub fn decode(bytes: &[u8]) -> Result<Self, Flaw> {
        let line = bytes.get(..RECORD_LINE_LEN);
        let line = line.and_then(|line| std::str::from_utf8(line).ok()).unwrap_or_default();
        let parts = line.strip_prefix("checkpoint ").and_then(|rest| rest.split_once(' '));
        let read = || {
            let (len, crc) = parts?;
            let crc = crc.strip_suffix('\n')?;
            let (note_len, crc) = (len.parse().ok()?, u32::from_str_radix(crc, 16).ok()?);
            let read = Self { note_len, crc };
            (format!("checkpoint {note_len:08} {crc:08x}\n") == line).then_some(read)
        };
        let most = format!("checkpoint, a length up to {CHECKPOINT_BYTES_MAX} and a CRC");
        read()
            .filter(|line| line.note_len <= CHECKPOINT_BYTES_MAX)
            .ok_or_else(|| Flaw::new(0, "line before a checkpoint", most, "something else"))
    }

    /// Takes the note from a whole record, checking length, CRC and the newline behind it.
    ///
    /// # Errors
    /// A [`Flaw`] naming what does not hold.
    pub fn note<'a>(&self, record: &'a [u8]) -> Result<&'a str, Flaw> {
        let end = RECORD_LINE_LEN + self.note_len;
        let ends_early = || {
            let found = record.len();
            Flaw::new(RECORD_LINE_LEN, "a checkpoint ends early", end + 1, found)
        };
        let note = record.get(RECORD_LINE_LEN..end).ok_or_else(ends_early)?;
        let newline = record.get(end).ok_or_else(ends_early)?;
        let found = crc(record.get(..COVERED_LEN).unwrap_or_default(), note);
        if found != self.crc {
            let (wanted, found) = (format!("{:08x}", self.crc), format!("{found:08x}"));
            return Err(Flaw::new(COVERED_LEN + 1, "crc of a checkpoint", wanted, found));
        }
        if *newline != b'\n' {
            return Err(Flaw::new(end, "end of a checkpoint", "a newline", newline));
        }
        std::str::from_utf8(note)
            .map_err(|_| Flaw::new(RECORD_LINE_LEN, "a checkpoint is not UTF-8", "text", "bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_gives_its_note_back_and_every_changed_bit_is_noticed() {
        let record = encode("origin\n1\nroot\n\n— origin sig\n");
        assert!(record.starts_with(b"checkpoint 00000030 "));
        let read =
            |bytes: &[u8]| RecordLine::decode(bytes).and_then(|l| l.note(bytes).map(String::from));
        assert_eq!(read(&record).unwrap(), "origin\n1\nroot\n\n— origin sig\n");
        for bit in 0..record.len() * 8 {
            let mut changed = record.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&changed).is_err(), "bit {bit}");
        }
        for end in 0..record.len() {
            assert!(read(&record[..end]).is_err(), "{end} bytes");
        }
    }

    #[test]
    fn what_is_wrong_with_a_record_is_named_by_its_place() {
        let record = encode("note\n");
        let line = RecordLine::decode(&record).unwrap();
        let flaw = |bytes: &[u8]| line.note(bytes).unwrap_err();
        let cut = flaw(&record[..record.len() - 1]);
        assert_eq!((cut.offset, cut.wanted, cut.found), (29, "35".into(), "34".into()));
        let mut other = record.clone();
        other[30] ^= 1;
        assert_eq!((flaw(&other).offset, flaw(&other).what), (20, "crc of a checkpoint"));
        let mut other = record.clone();
        other[34] = b' ';
        assert_eq!((flaw(&other).offset, flaw(&other).what), (34, "end of a checkpoint"));
    }
}
