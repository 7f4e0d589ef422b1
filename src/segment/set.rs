//! The ordered set of segments in a directory: names, headers and footers, checked against each
//! other. Reads; never writes.

use crate::error::{Error, ErrorKind, Result};
use crate::format::footer::Footer;
use crate::format::segment::{SEGMENT_HEADER_LEN, SegmentHeader};
use crate::format::{parse_segment_name, segment_name};
use crate::limits::{FOOTER_BYTES_MAX, SEGMENT_BYTES_MAX, SEGMENTS_MAX, UNSEALED_SEGMENTS_MAX};
use crate::merkle::Frontier;
use crate::storage::{Access, FileKind, Storage, StorageFile};
use crate::types::Hash;
use std::sync::Arc;

/// One segment file as found on opening.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its decoded header.
    pub header: SegmentHeader,
    /// Its footer, when it is sealed.
    pub footer: Option<Arc<Footer>>,
    /// Length of the file in bytes.
    pub len: u64,
}

impl Found {
    /// The file's name.
    #[must_use]
    pub fn name(&self) -> String {
        segment_name(self.header.first_index)
    }

    /// Bytes of the file, when no more than a segment without a whole footer can have.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] beyond the largest segment and the largest footer.
    pub fn len_to_scan(&self) -> Result<usize> {
        let len_max = SEGMENT_BYTES_MAX + FOOTER_BYTES_MAX;
        let len = usize::try_from(self.len).ok().filter(|_| self.len <= len_max);
        len.ok_or_else(|| {
            Error::new(ErrorKind::Corrupt, "a segment is too long")
                .at_file(self.name())
                .expected(format_args!("at most {len_max} bytes"), self.len)
        })
    }
}

/// Lists and opens every segment, oldest first.
///
/// # Errors
/// [`ErrorKind::Corrupt`] naming the file when a header or footer is damaged, belongs to another
/// log, or does not continue the segment before; [`ErrorKind::TooLarge`] beyond a million.
pub fn load(storage: &dyn Storage, log_id: &[u8; 32]) -> Result<Vec<Found>> {
    match load_readable(storage, log_id)? {
        (segments, None) => Ok(segments),
        (_, Some(error)) => Err(error),
    }
}

/// As [`load`], but gives the segments before the first bad one together with what is wrong.
///
/// # Errors
/// [`ErrorKind::Io`] when the directory cannot be listed, and whatever is wrong when not even the
/// first segment can be used.
pub fn load_readable(
    storage: &dyn Storage,
    log_id: &[u8; 32],
) -> Result<(Vec<Found>, Option<Error>)> {
    let names = list(storage)?;
    let mut segments: Vec<Found> = Vec::with_capacity(names.len());
    let unsealed_from = names.len().saturating_sub(UNSEALED_SEGMENTS_MAX);
    let last = names.len().saturating_sub(1);
    for (position, first_index) in names.into_iter().enumerate() {
        let may_be_sealing = (unsealed_from..last).contains(&position);
        let opened = open_one(storage, first_index, may_be_sealing).and_then(|segment| {
            check_joins(&segment, segments.last(), log_id)?;
            if segment.footer.is_none() && position < unsealed_from {
                let message = "a segment in the middle has no footer";
                return Err(Error::new(ErrorKind::Corrupt, message).at_file(segment.name()));
            }
            Ok(segment)
        });
        match opened {
            Ok(segment) => segments.push(segment),
            Err(error) if segments.is_empty() => return Err(error),
            Err(error) => return Ok((segments, Some(error))),
        }
    }
    Ok((segments, None))
}

fn list(storage: &dyn Storage) -> Result<Vec<u64>> {
    let mut names = Vec::new();
    for file in storage.list()? {
        if let Some(first_index) = parse_segment_name(&file.name) {
            if file.kind != FileKind::Regular {
                let message = "a segment must be a regular file";
                return Err(Error::new(ErrorKind::Corrupt, message).at_file(file.name));
            }
            names.push(first_index);
        }
    }
    if names.len() > SEGMENTS_MAX {
        return Err(Error::new(ErrorKind::TooLarge, "too many segments")
            .expected(format_args!("at most {SEGMENTS_MAX}"), names.len()));
    }
    names.sort_unstable();
    Ok(names)
}

/// `may_be_sealing`: a crash may have torn this segment's footer, which then counts as none.
fn open_one(storage: &dyn Storage, first_index: u64, may_be_sealing: bool) -> Result<Found> {
    let name = segment_name(first_index);
    let file = storage.open(&name, Access::Read)?;
    let header = read_header(&*file, &name)?;
    if header.first_index != first_index {
        return Err(Error::new(ErrorKind::Corrupt, "first index of a segment header")
            .at_file(name)
            .at_offset(56)
            .expected(first_index, header.first_index));
    }
    let (len, footer) = read_end(&*file, &name);
    let footer = footer.and_then(|footer| match footer {
        Some(footer) if footer.nonce != header.nonce || footer.first_index != first_index => {
            Err(Error::new(ErrorKind::Corrupt, "footer of another segment")
                .at_file(&*name)
                .at_offset(footer.data_end)
                .expected(first_index, footer.first_index))
        }
        footer => Ok(footer.map(Arc::new)),
    });
    match footer {
        Err(error) if error.kind() == ErrorKind::Corrupt && may_be_sealing => {
            Ok(Found { header, footer: None, len: len? })
        }
        footer => Ok(Found { header, footer: footer?, len: len? }),
    }
}

/// Length and footer of a segment that may be cut to its footer at this very moment.
fn read_end(file: &dyn StorageFile, name: &str) -> (Result<u64>, Result<Option<Footer>>) {
    let len = file.len().map_err(|error| error.at_file(name));
    let Ok(before) = len else { return (len, Ok(None)) };
    let footer = read_footer(file, name, before);
    match file.len() {
        // Sealing and closing cut a file once; reading once more sees its final length.
        Ok(after) if after != before => (Ok(after), read_footer(file, name, after)),
        _ => (len, footer),
    }
}

/// Reads and checks the header of an open segment.
///
/// # Errors
/// [`ErrorKind::Corrupt`] or [`ErrorKind::UnknownVersion`] with file and offset.
pub fn read_header(file: &dyn StorageFile, name: &str) -> Result<SegmentHeader> {
    let mut bytes = vec![0u8; SEGMENT_HEADER_LEN];
    file.read_exact_at(&mut bytes, 0).map_err(|error| error.at_file(name))?;
    SegmentHeader::decode(&bytes).map_err(|flaw| flaw.into_error(name, 0))
}

/// Reads the footer of an open segment; `None` when the file does not end in one.
///
/// # Errors
/// [`ErrorKind::Corrupt`] with file and offset when the file ends in a damaged footer.
pub fn read_footer(file: &dyn StorageFile, name: &str, len: u64) -> Result<Option<Footer>> {
    let mut last16 = [0u8; 16];
    let Some(tail_at) = len.checked_sub(16).filter(|at| *at >= SEGMENT_HEADER_LEN as u64) else {
        return Ok(None);
    };
    file.read_exact_at(&mut last16, tail_at).map_err(|error| error.at_file(name))?;
    let Some(footer_len) = Footer::len_from_tail(&last16, len) else { return Ok(None) };
    let at = len - footer_len;
    let wanted = usize::try_from(footer_len).unwrap_or(usize::MAX);
    let mut bytes = vec![0u8; wanted];
    file.read_exact_at(&mut bytes, at).map_err(|error| error.at_file(name))?;
    let (footer, _) = Footer::decode(&bytes).map_err(|flaw| flaw.into_error(name, at))?;
    if footer.data_end != at {
        return Err(Error::new(ErrorKind::Corrupt, "offset of a footer")
            .at_file(name)
            .at_offset(at)
            .expected(at, footer.data_end));
    }
    Ok(Some(footer))
}

fn check_joins(segment: &Found, before: Option<&Found>, log_id: &[u8; 32]) -> Result<()> {
    let name = segment.name();
    let corrupt = |what: &str| Error::new(ErrorKind::Corrupt, what).at_file(name.clone());
    if segment.header.log_id != *log_id {
        let (wanted, found) = (Hash(*log_id), Hash(segment.header.log_id));
        return Err(corrupt("segment of another log").at_offset(16).expected(wanted, found));
    }
    match before {
        None if segment.header.first_index != 0 => {
            let found = segment.header.first_index;
            Err(corrupt("the first segment is missing").expected(0, found))
        }
        None => Ok(()),
        Some(before) => {
            let Some(footer) = &before.footer else { return Ok(()) };
            // A footer is hostile too: its count may lead beyond every index.
            let next = footer.first_index.saturating_add(footer.count);
            if next != segment.header.first_index {
                let found = segment.header.first_index;
                return Err(corrupt("a segment is missing before this one").expected(next, found));
            }
            let (last_hash, recorded) = (footer.last_entry_hash, footer.recorded.1);
            check_continues(&segment.header, last_hash, footer.root, recorded)
        }
    }
}

/// Checks that a segment begins with what the one before ended with.
///
/// # Errors
/// [`ErrorKind::Corrupt`] naming the segment and the field of its header.
pub fn check_continues(
    header: &SegmentHeader,
    last_hash: Hash,
    root: Hash,
    last_recorded_at: u64,
) -> Result<()> {
    let name = segment_name(header.first_index);
    let corrupt = |what: &str| Error::new(ErrorKind::Corrupt, what).at_file(&*name);
    if header.previous_hash != last_hash {
        let found = header.previous_hash;
        return Err(corrupt("chain between segments").at_offset(80).expected(last_hash, found));
    }
    if header.last_recorded_at != last_recorded_at {
        let found = header.last_recorded_at;
        return Err(corrupt("time of the entry before a segment")
            .at_offset(64)
            .expected(last_recorded_at, found));
    }
    let frontier = Frontier::from_parts(header.first_index.into(), header.frontier.clone())
        .map_err(|error| error.at_file(&*name))?;
    if frontier.root() != root {
        let found = frontier.root();
        return Err(corrupt("tree at the beginning of a segment")
            .at_offset(128)
            .expected(root, found));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::footer::tests::sample as footer;
    use crate::format::segment::tests::sample as header;
    use crate::storage::MemoryStorage;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn no_more_is_scanned_than_a_segment_and_a_footer_can_have() {
        let len_max = SEGMENT_BYTES_MAX + FOOTER_BYTES_MAX;
        for (len, is_taken) in [(0, true), (len_max, true), (len_max + 1, false), (u64::MAX, false)]
        {
            let found = Found { header: header(), footer: None, len };
            let scanned = found.len_to_scan();
            assert_eq!(
                scanned.as_ref().ok(),
                is_taken.then(|| usize::try_from(len).unwrap()).as_ref()
            );
            assert!(is_taken || scanned.unwrap_err().kind() == ErrorKind::Corrupt);
        }
    }

    /// A file that is cut between two looks at its length.
    #[derive(Debug)]
    struct Cut {
        file: Arc<dyn StorageFile>,
        was_asked: AtomicBool,
        len_before: u64,
    }

    impl StorageFile for Cut {
        fn len(&self) -> Result<u64> {
            match self.was_asked.swap(true, Ordering::Relaxed) {
                true => self.file.len(),
                false => Ok(self.len_before),
            }
        }
        fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
            self.file.read_at(buffer, offset)
        }
        fn write_all_at(&self, _: &[u8], _: u64) -> Result<()> {
            unreachable!("it is only read")
        }
        fn set_len(&self, _: u64) -> Result<()> {
            unreachable!("it is only read")
        }
        fn allocate(&self, _: u64, _: u64) -> Result<()> {
            unreachable!("it is only read")
        }
        fn sync_data(&self) -> Result<()> {
            unreachable!("it is only read")
        }
        fn sync_all(&self) -> Result<()> {
            unreachable!("it is only read")
        }
        fn set_read_only(&self) -> Result<()> {
            unreachable!("it is only read")
        }
    }

    #[test]
    fn a_file_that_is_cut_to_its_footer_meanwhile_is_looked_at_once_more() {
        let data_end = 5000;
        let mut end = Footer { data_end, ..footer() }.encode();
        Footer::finish(&mut end, &Hash([9; 32]));
        let len = data_end + end.len() as u64;
        let storage = MemoryStorage::new();
        let file = storage.create("x").unwrap();
        file.write_all_at(&end, data_end).unwrap();
        for len_before in [len, len + 1, 2 * len] {
            let file =
                Cut { file: Arc::clone(&file), was_asked: AtomicBool::new(false), len_before };
            let (found_len, found) = read_end(&file, "x");
            assert_eq!(found_len.unwrap(), len);
            assert_eq!(found.unwrap().unwrap().data_end, data_end);
        }
    }
}
