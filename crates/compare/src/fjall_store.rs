//! fjall: one keyspace, one row an insert, the journal synced after each.

use crate::engine::{Engine, Mode, Result, Rows, Store, locked};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use std::path::Path;

pub(crate) struct Fjall;

impl Engine for Fjall {
    fn name(&self) -> &'static str {
        "fjall"
    }

    fn version(&self) -> String {
        locked("fjall")
    }

    fn check(&self) -> Option<&'static str> {
        None
    }

    fn create(&self, dir: &Path) -> Result<Box<dyn Store>> {
        Ok(Box::new(Open::at(dir)?))
    }

    fn read(&self, dir: &Path, _mode: Mode) -> Result<Rows> {
        let open = Open::at(dir)?;
        let rows = open.log.iter().map(|item| {
            let (key, row) = item.into_inner()?;
            Ok((u64::from_be_bytes((*key).try_into()?), String::from_utf8_lossy(&row).into_owned()))
        });
        rows.collect()
    }
}

struct Open {
    database: Database,
    log: Keyspace,
}

impl Open {
    fn at(dir: &Path) -> Result<Self> {
        let database = Database::builder(dir).open()?;
        let log = database.keyspace("log", KeyspaceCreateOptions::default)?;
        Ok(Self { database, log })
    }
}

impl Store for Open {
    fn append(&self, key: u64, row: &str) -> Result<()> {
        self.log.insert(key.to_be_bytes(), row)?;
        Ok(self.database.persist(PersistMode::SyncData)?)
    }

    fn close(self: Box<Self>) -> Result<()> {
        drop(self);
        Ok(())
    }
}
