//! A disk that does not give its bytes back: said, never guessed.

use crate::LARGE;
use std::sync::Arc;
use witnessmark::storage::{
    Access, DirEntry, MemoryStorage, Region, Storage, StorageFile, WriterLock,
};
use witnessmark::{Cause, Error, ErrorKind, Result, Verdict, VerifyOptions, verify_storage};

/// Files in memory, one of which cannot be read from some offset on.
#[derive(Debug)]
struct Failing {
    files: MemoryStorage,
    name: String,
    from: u64,
}

#[derive(Debug)]
struct FailingFile {
    file: Arc<dyn StorageFile>,
    from: Option<u64>,
}

fn refused() -> Error {
    Error::new(ErrorKind::Io, "input/output error")
}

impl StorageFile for FailingFile {
    fn len(&self) -> Result<u64> {
        self.file.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let end = offset + buffer.len() as u64;
        if self.from.is_some_and(|from| end > from) {
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
        let from = (name == self.name).then_some(self.from);
        Ok(Arc::new(FailingFile { file: self.files.open(name, access)?, from }))
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
            let storage = Failing { files: log.files.clone(), name: name.clone(), from };
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
