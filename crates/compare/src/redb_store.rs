//! redb: one table, one row a transaction, durability as it comes.

use crate::engine::{Engine, Mode, Result, Rows, Store, locked};
use redb::{Builder, Database, ReadableDatabase, ReadableTable, TableDefinition};
use std::path::Path;

const LOG: TableDefinition<'_, u64, &str> = TableDefinition::new("log");
const FILE: &str = "log.redb";

pub(crate) struct Redb;

impl Engine for Redb {
    fn name(&self) -> &'static str {
        "redb"
    }

    fn version(&self) -> String {
        locked("redb")
    }

    fn check(&self) -> Option<&'static str> {
        Some("`set_check_integrity_on_open`, `check_integrity`")
    }

    fn create(&self, dir: &Path) -> Result<Box<dyn Store>> {
        Ok(Box::new(Open(Database::create(dir.join(FILE))?)))
    }

    fn read(&self, dir: &Path, mode: Mode) -> Result<Rows> {
        let mut builder = Builder::new();
        let is_checked = mode == Mode::Checked;
        let mut database = builder.set_check_integrity_on_open(is_checked).open(dir.join(FILE))?;
        if is_checked && !database.check_integrity()? {
            return Err("check_integrity: failed, and repaired".into());
        }
        let transaction = database.begin_read()?;
        let table = transaction.open_table(LOG)?;
        let rows = table.iter()?.map(|item| {
            let (key, row) = item?;
            Ok((key.value(), row.value().to_owned()))
        });
        rows.collect()
    }
}

struct Open(Database);

impl Store for Open {
    fn append(&self, key: u64, row: &str) -> Result<()> {
        let transaction = self.0.begin_write()?;
        transaction.open_table(LOG)?.insert(key, row)?;
        transaction.commit()?;
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        drop(self.0);
        Ok(())
    }
}
