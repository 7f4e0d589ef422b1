//! RocksDB: one row a write, `sync` set; checked, paranoid and with absolute consistency of its log.

use crate::engine::{Engine, Mode, Result, Rows, Store, locked};
use rocksdb::{DB, DBRecoveryMode, IteratorMode, Options, WriteOptions};
use std::path::Path;

pub(crate) struct RocksDb;

impl Engine for RocksDb {
    fn name(&self) -> &'static str {
        "RocksDB"
    }

    fn version(&self) -> String {
        format!("system library (rust-rocksdb {})", locked("rocksdb"))
    }

    fn check(&self) -> Option<&'static str> {
        Some("`kAbsoluteConsistency`, paranoid checks")
    }

    fn create(&self, dir: &Path) -> Result<Box<dyn Store>> {
        let mut options = Options::default();
        options.create_if_missing(true);
        Ok(Box::new(Open(DB::open(&options, dir)?)))
    }

    fn read(&self, dir: &Path, mode: Mode) -> Result<Rows> {
        let mut options = Options::default();
        if mode == Mode::Checked {
            options.set_paranoid_checks(true);
            options.set_wal_recovery_mode(DBRecoveryMode::AbsoluteConsistency);
        }
        let database = DB::open(&options, dir)?;
        let rows = database.iterator(IteratorMode::Start).map(|item| {
            let (key, row) = item?;
            Ok((u64::from_be_bytes((*key).try_into()?), String::from_utf8_lossy(&row).into_owned()))
        });
        rows.collect()
    }
}

struct Open(DB);

impl Store for Open {
    fn append(&self, key: u64, row: &str) -> Result<()> {
        let mut options = WriteOptions::default();
        options.set_sync(true);
        Ok(self.0.put_opt(key.to_be_bytes(), row, &options)?)
    }

    fn close(self: Box<Self>) -> Result<()> {
        drop(self);
        Ok(())
    }
}
