//! LMDB through heed: the unnamed database, one row a transaction, synced as it comes.

use crate::engine::{Engine, Mode, Result, Rows, Store, locked};
use heed::byteorder::BigEndian;
use heed::types::{Bytes, U64};
use heed::{Database, Env, EnvOpenOptions};
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
        let version = heed::lmdb_version();
        let (major, minor, patch) = (version.major, version.minor, version.patch);
        format!("{major}.{minor}.{patch} (heed {})", locked("heed"))
    }

    fn check(&self) -> Option<&'static str> {
        None
    }

    fn create(&self, dir: &Path) -> Result<Box<dyn Store>> {
        Ok(Box::new(Open(open(dir)?)))
    }

    fn read(&self, dir: &Path, _mode: Mode) -> Result<Rows> {
        let env = open(dir)?;
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

#[expect(unsafe_code, reason = "heed has no other way to open an environment")]
fn open(dir: &Path) -> Result<Env> {
    // SAFETY: nobody may change a mapped file or open it twice in one process. Each directory is
    // opened once per process; a damaged one may crash this process, which is what is counted.
    Ok(unsafe { EnvOpenOptions::new().map_size(MAP_BYTES).open(dir) }?)
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
