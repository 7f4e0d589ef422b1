//! A disk that does not give its bytes back: said, never guessed.

use crate::{Closed, LARGE};
use std::sync::Arc;
use witnessmark::format::group::{GROUP_HEADER_LEN, GroupHeader};
use witnessmark::format::segment::{SEGMENT_HEADER_LEN, SegmentHeader};
use witnessmark::limits::{FOOTER_BYTES_MAX, GROUP_BODY_BYTES_MAX, SEGMENT_BYTES_MAX};
use witnessmark::storage::{
    Access, DirEntry, MemoryStorage, Region, Storage, StorageFile, WriterLock,
};
use witnessmark::{
    Cause, Error, ErrorKind, Report, Result, Verdict, VerifyOptions, verify_storage,
};

/// What is the matter with a file.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    /// It cannot be read from this offset on.
    From(u64),
    /// It says that it is so long.
    Claims(u64),
    /// It was listed, and is not there any more.
    Gone,
}

/// Files in memory, one of which gives trouble.
#[derive(Debug)]
struct Failing {
    files: MemoryStorage,
    name: String,
    trouble: Trouble,
}

#[derive(Debug)]
struct FailingFile {
    file: Arc<dyn StorageFile>,
    trouble: Option<Trouble>,
}

fn refused() -> Error {
    Error::new(ErrorKind::Io, "input/output error")
}

impl StorageFile for FailingFile {
    fn len(&self) -> Result<u64> {
        match self.trouble {
            Some(Trouble::Claims(len)) => Ok(len),
            _ => self.file.len(),
        }
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let end = offset + buffer.len() as u64;
        if matches!(self.trouble, Some(Trouble::From(from)) if end > from) {
            return Err(refused().at_offset(offset));
        }
        self.file.read_at(buffer, offset)
    }

    fn write_all_at(&self, _: &[u8], _: u64) -> Result<()> {
        Err(refused())
    }

    fn set_len(&self, _: u64) -> Result<()> {
        Err(refused())
    }

    fn allocate(&self, _: u64, _: u64) -> Result<()> {
        Err(refused())
    }

    fn sync_data(&self) -> Result<()> {
        Err(refused())
    }

    fn sync_all(&self) -> Result<()> {
        Err(refused())
    }

    fn set_read_only(&self) -> Result<()> {
        Err(refused())
    }
}

impl Storage for Failing {
    fn create(&self, _: &str) -> Result<Arc<dyn StorageFile>> {
        Err(refused())
    }

    fn open(&self, name: &str, access: Access) -> Result<Arc<dyn StorageFile>> {
        assert_eq!(access, Access::Read, "an auditor writes nothing");
        let trouble = (name == self.name).then_some(self.trouble);
        if matches!(trouble, Some(Trouble::Gone)) {
            return Err(Error::new(ErrorKind::NotFound, "no such file"));
        }
        Ok(Arc::new(FailingFile { file: self.files.open(name, access)?, trouble }))
    }

    fn rename(&self, _: &str, _: &str, _: bool) -> Result<()> {
        Err(refused())
    }

    fn remove(&self, _: &str) -> Result<()> {
        Err(refused())
    }

    fn sync_dir(&self) -> Result<()> {
        Err(refused())
    }

    fn list(&self) -> Result<Vec<DirEntry>> {
        self.files.list()
    }

    fn map(&self, _: &str) -> Result<Region> {
        panic!("an auditor maps nothing")
    }

    fn lock_writer(&self) -> Result<WriterLock> {
        panic!("an auditor locks nothing")
    }

    fn writer_present(&self) -> bool {
        false
    }

    fn is_durable(&self) -> bool {
        false
    }

    fn path_of(&self, name: &str) -> String {
        name.to_owned()
    }

    fn trust_notes(&self) -> Vec<String> {
        Vec::new()
    }

    fn file_system(&self) -> String {
        "broken".to_owned()
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_the_others_are_judged() {
    let log = LARGE.make();
    for name in log.names("") {
        for from in [0, 100, 20_000] {
            if from >= log.read(&name).len() as u64 {
                continue;
            }
            let trouble = Trouble::From(from);
            let storage = Failing { files: log.files.clone(), name: name.clone(), trouble };
            let report = verify_storage(&storage, &VerifyOptions::new().threads(2)).unwrap();
            if name.ends_with(".index") || name.ends_with(".nodes") {
                assert_eq!(report.exit_code(), 0);
                assert!(report.notes[0].contains(&name), "{:?}", report.notes);
                continue;
            }
            let [finding] = report.findings.as_slice() else { panic!("{name} {report:#?}") };
            assert_eq!((finding.cause, &finding.file), (Cause::Unreadable, &name));
            assert_eq!((report.verdict, report.exit_code()), (Verdict::Unverifiable, 3));
        }
    }
}

fn report(log: &Closed, name: &str, trouble: Trouble) -> Report {
    let storage = Failing { files: log.files.clone(), name: name.to_owned(), trouble };
    verify_storage(&storage, &VerifyOptions::new().threads(1)).unwrap()
}

/// The length that a file claims is compared before anything is read for it.
#[test]
fn a_segment_that_claims_to_be_longer_than_any_is_named_and_not_read() {
    let log = LARGE.make();
    let most = SEGMENT_BYTES_MAX + FOOTER_BYTES_MAX;
    for (name, first) in
        log.names(".seg").into_iter().map(|name| (name.clone(), name[..20].parse::<u64>().unwrap()))
    {
        for more in 1..3 {
            let said = report(&log, &name, Trouble::Claims(most + more));
            let line = format!(
                "bad_segment: {name}, entry {first}: length of a segment (wanted {most}, found {})",
                most + more
            );
            assert!(said.findings.iter().any(|f| f.to_string() == line), "{said:#?}");
        }
    }
    let last = log.names(".seg").pop().unwrap();
    let said = report(&log, &last, Trouble::Claims(most));
    assert!(!said.findings.iter().any(|f| f.message == "length of a segment"), "{said:#?}");
}

#[test]
fn a_side_file_that_vanishes_is_missing_and_one_that_fails_is_not() {
    let log = LARGE.make();
    for name in [&log.names(".index")[0], &log.names(".nodes")[1]] {
        let gone = format!("{name} is missing; it can be made again");
        assert_eq!(report(&log, name, Trouble::Gone).notes, [gone]);
        let failed = report(&log, name, Trouble::From(100)).notes;
        assert!(failed[0].starts_with(&format!("{name} cannot be read: ")), "{failed:?}");
    }
}

/// A damaged group is read as far as a group may reach; behind that its entries are given up.
#[test]
fn a_hole_is_read_up_to_the_largest_group() {
    let log = LARGE.make();
    let name = log.names(".seg").pop().unwrap();
    let honest = log.read(&name);
    let header = SegmentHeader::decode(&honest[..SEGMENT_HEADER_LEN]).unwrap();
    let (group, _) = GroupHeader::decode(&honest[SEGMENT_HEADER_LEN..], header.nonce).unwrap();
    let begin = SEGMENT_HEADER_LEN + usize::try_from(group.group_len()).unwrap();
    let (next, _) = GroupHeader::decode(&honest[begin..], header.nonce).unwrap();
    let end = begin + usize::try_from(next.group_len()).unwrap();
    let most = GROUP_BODY_BYTES_MAX + usize::from(u16::MAX);
    for (len, is_read) in [(most, true), (most + 1, false)] {
        let mut bytes = honest[..begin].to_vec();
        bytes.resize(begin + GROUP_HEADER_LEN + len, 0x55);
        bytes.extend(&honest[end..]);
        log.write(&name, &bytes);
        let report = log.verify();
        let is_said = |f: &witnessmark::Finding| f.message.contains("are not readable");
        let [finding] = report
            .findings
            .iter()
            .filter(|f| f.offset == Some(begin as u64))
            .collect::<Vec<_>>()[..]
        else {
            panic!("{report:#?}")
        };
        assert_eq!(is_said(finding), !is_read, "{finding}");
    }
}
