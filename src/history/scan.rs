//! Reading the history, whole records first and then what to make of the rest.

use crate::error::{Error, ErrorKind, Result};
use crate::format::Flaw;
use crate::format::history::{HISTORY_NAME, RECORD_BYTES_MAX, RECORD_LINE_LEN, RecordLine};
use crate::limits::{FINDINGS_MAX, HISTORY_BYTES_MAX};
use crate::sign::SignedCheckpoint;
use crate::storage::{Access, Storage, StorageFile};

const WINDOW: usize = 2 * RECORD_BYTES_MAX;
/// Bytes that searching behind damage may cost, beyond those of the file.
const SEARCH_BYTES_MAX: u64 = 64 << 20;

/// What is not a whole record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Rest {
    /// Behind the last record: a write that a crash cut off.
    Torn(Flaw),
    /// Bytes that were whole once, or never a record.
    Damaged(Flaw),
}

/// How a history was read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Scanned {
    /// Records that are whole.
    pub(crate) count: u64,
    /// Where the last whole record ends.
    pub(crate) end: u64,
    /// Length of the file.
    pub(crate) len: u64,
    /// What else is there, in order.
    pub(crate) rest: Vec<Rest>,
}

impl Scanned {
    /// The first damage that no crash explains.
    pub(crate) fn damage(&self) -> Option<&Flaw> {
        self.rest.iter().find_map(|rest| match rest {
            Rest::Damaged(flaw) => Some(flaw),
            Rest::Torn(_) => None,
        })
    }
}

/// A piece of the file that moves along with the reading.
struct Window<'f> {
    file: &'f dyn StorageFile,
    base: u64,
    bytes: Vec<u8>,
    /// Whether the bytes go to the end of the file.
    is_last: bool,
}

impl Window<'_> {
    /// Up to a record's worth of bytes from `at` on; fewer at the end of the file.
    fn at(&mut self, at: u64) -> Result<&[u8]> {
        let begin = at.checked_sub(self.base).and_then(|from| usize::try_from(from).ok());
        let wanted = if self.is_last { 0 } else { RECORD_BYTES_MAX };
        let covers = begin.is_some_and(|from| from + wanted <= self.bytes.len());
        if !covers {
            self.bytes.resize(WINDOW, 0);
            let read = self.file.read_at(&mut self.bytes, at)?;
            self.bytes.truncate(read);
            (self.base, self.is_last) = (at, read < WINDOW);
        }
        let from = usize::try_from(at - self.base).unwrap_or(usize::MAX);
        let rest = self.bytes.get(from..).unwrap_or_default();
        Ok(rest.get(..RECORD_BYTES_MAX).unwrap_or(rest))
    }
}

fn record(bytes: &[u8]) -> std::result::Result<&str, Flaw> {
    RecordLine::decode(bytes)?.note(bytes)
}

/// Reads a history: `each` gets offset and note of every whole record.
///
/// # Errors
/// [`ErrorKind::TooLarge`], [`ErrorKind::Io`].
pub(crate) fn scan(file: &dyn StorageFile, mut each: impl FnMut(u64, &str)) -> Result<Scanned> {
    let len = file.len()?;
    if len > HISTORY_BYTES_MAX {
        return Err(Error::new(ErrorKind::TooLarge, "the checkpoint history is too long")
            .at_file(HISTORY_NAME)
            .expected(format_args!("at most {HISTORY_BYTES_MAX} bytes"), len));
    }
    let mut window = Window { file, base: 0, bytes: Vec::new(), is_last: false };
    let mut scanned = Scanned { len, ..Scanned::default() };
    let mut effort = SEARCH_BYTES_MAX;
    let mut at = 0;
    while at < len {
        let bytes = window.at(at)?;
        match record(bytes) {
            Ok(note) => {
                each(at, note);
                at += (RECORD_LINE_LEN + note.len() + 1) as u64;
                scanned.count += 1;
                scanned.end = at;
            }
            Err(flaw) => {
                let is_cut = ends_early(bytes) || bytes.iter().rev().take(32).all(|b| *b == 0);
                let next = search(&mut window, at + 1, len, &mut effort)?;
                let flaw = flaw.shifted(at);
                let is_torn = is_cut && next.is_none();
                // Nobody asks for more than the first, or reports more than so many.
                if scanned.rest.len() < FINDINGS_MAX {
                    scanned.rest.push(if is_torn { Rest::Torn(flaw) } else { Rest::Damaged(flaw) });
                }
                at = next.unwrap_or(len);
            }
        }
    }
    Ok(scanned)
}

/// Whether these last bytes of a file begin a record and stop too soon.
fn ends_early(bytes: &[u8]) -> bool {
    match RecordLine::decode(bytes) {
        Ok(line) => bytes.len() <= RECORD_LINE_LEN + line.note_len,
        Err(_) => bytes.len() < RECORD_LINE_LEN,
    }
}

/// Where the next whole record begins.
fn search(window: &mut Window<'_>, from: u64, len: u64, effort: &mut u64) -> Result<Option<u64>> {
    let mut at = from;
    while at < len {
        let bytes = window.at(at)?;
        let Some(found) = memchr::memmem::find(bytes, b"checkpoint ") else {
            // The word may lie across the border of what was looked at.
            at += (bytes.len().saturating_sub(10)).max(1) as u64;
            continue;
        };
        at += found as u64;
        let bytes = window.at(at)?;
        let cost = RecordLine::decode(bytes).map_or(RECORD_LINE_LEN, |line| line.note_len);
        match effort.checked_sub(cost as u64) {
            Some(left) => *effort = left,
            None => return Ok(None),
        }
        if record(bytes).is_ok() {
            return Ok(Some(at));
        }
        at += 1;
    }
    Ok(None)
}

/// Opens the history; `None` when the log has none.
pub(super) fn open(
    storage: &dyn Storage,
    access: Access,
) -> Result<Option<crate::sync::Arc<dyn StorageFile>>> {
    match storage.open(HISTORY_NAME, access) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The checkpoint that was recorded last, taken apart and not verified; with how the file was read.
///
/// # Errors
/// [`ErrorKind::Io`], [`ErrorKind::TooLarge`]; [`ErrorKind::Corrupt`] when the last record holds no
/// checkpoint.
pub(crate) fn last(storage: &dyn Storage) -> Result<(Option<SignedCheckpoint>, Scanned)> {
    let Some(file) = open(storage, Access::Read)? else { return Ok((None, Scanned::default())) };
    last_of(&*file)
}

pub(super) fn last_of(file: &dyn StorageFile) -> Result<(Option<SignedCheckpoint>, Scanned)> {
    let mut found: Option<(u64, String)> = None;
    let scanned = scan(file, |at, note| match &mut found {
        Some((offset, last)) => {
            *offset = at;
            last.clear();
            last.push_str(note);
        }
        None => found = Some((at, note.to_owned())),
    })?;
    let parse = |(at, note): (u64, String)| {
        SignedCheckpoint::parse(note.as_bytes()).map_err(|error| {
            let what = format!("the last recorded checkpoint: {}", error.message());
            Error::new(ErrorKind::Corrupt, what).at_file(HISTORY_NAME).at_offset(at)
        })
    };
    Ok((found.map(parse).transpose()?, scanned))
}

/// The checkpoint whose record begins at this offset.
///
/// # Errors
/// [`ErrorKind::Corrupt`] when there is none any more; [`ErrorKind::Io`].
pub(crate) fn read_one(storage: &dyn Storage, at: u64) -> Result<SignedCheckpoint> {
    let file = storage.open(HISTORY_NAME, Access::Read)?;
    let mut bytes = vec![0u8; RECORD_BYTES_MAX];
    let read = file.read_at(&mut bytes, at)?;
    let note = record(bytes.get(..read).unwrap_or_default())
        .map_err(|flaw| flaw.into_error(HISTORY_NAME, at))?;
    SignedCheckpoint::parse(note.as_bytes())
}
