//! LMDB through heed: the unnamed database, one row a transaction, synced as it comes.

use crate::engine::{Engine, Mode, Result, Rows, Store, locked};
use heed::byteorder::BigEndian;
use heed::types::{Bytes, U64};
use heed::{Database, Env, EnvFlags, EnvOpenOptions};
use std::path::Path;

/// Room for every run; LMDB's own default is 1 MiB.
const MAP_BYTES: usize = 1 << 30;

type Log = Database<U64<BigEndian>, Bytes>;

pub(crate) struct Lmdb;

impl Engine for Lmdb {
    fn name(&self) -> &'static str {
        "LMDB"
    }

    fn version(&self) -> String {
        version()
    }

    fn check(&self) -> Option<&'static str> {
        None
    }

    fn create(&self, dir: &Path) -> Result<Box<dyn Store>> {
        Ok(Box::new(Open(open(dir, MAP_BYTES, Sync::EachCommit)?)))
    }

    fn read(&self, dir: &Path, _mode: Mode) -> Result<Rows> {
        let env = open(dir, MAP_BYTES, Sync::EachCommit)?;
        let transaction = env.read_txn()?;
        let log: Option<Log> = env.open_database(&transaction, None)?;
        let log = log.ok_or("no database")?;
        let rows = log.iter(&transaction)?.map(|item| {
            let (key, row) = item?;
            Ok((key, String::from_utf8_lossy(row).into_owned()))
        });
        rows.collect()
    }
}

/// The version of LMDB and of its binding.
pub(crate) fn version() -> String {
    let version = heed::lmdb_version();
    let (major, minor, patch) = (version.major, version.minor, version.patch);
    format!("{major}.{minor}.{patch} (heed {})", locked("heed"))
}

/// When a commit is durable.
#[derive(Clone, Copy)]
pub(crate) enum Sync {
    /// When it returns.
    EachCommit,
    /// When it was forced.
    Forced,
}

/// Opens an environment with so much address space.
#[expect(unsafe_code, reason = "heed has no other way to open an environment")]
pub(crate) fn open(dir: &Path, map_bytes: usize, sync: Sync) -> Result<Env> {
    let mut options = EnvOpenOptions::new();
    options.map_size(map_bytes);
    if let Sync::Forced = sync {
        // SAFETY: without syncs a machine that crashes may leave a broken file. Nobody reads one of
        // these files after such a crash: each lies in a directory of the run that made it.
        unsafe { options.flags(EnvFlags::NO_SYNC) };
    }
    // SAFETY: nobody may change a mapped file or open it twice in one process. Each directory is
    // opened once per process; a damaged one may crash this process, which is what is counted.
    Ok(unsafe { options.open(dir) }?)
}

struct Open(Env);

impl Store for Open {
    fn append(&self, key: u64, row: &str) -> Result<()> {
        let mut transaction = self.0.write_txn()?;
        let log: Log = self.0.create_database(&mut transaction, None)?;
        log.put(&mut transaction, &key, row.as_bytes())?;
        Ok(transaction.commit()?)
    }

    fn close(self: Box<Self>) -> Result<()> {
        self.0.prepare_for_closing().wait();
        Ok(())
    }
}
