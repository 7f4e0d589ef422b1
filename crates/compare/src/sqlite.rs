//! SQLite as durable logs use it: WAL, `synchronous=FULL`, one table, one row a transaction.

use crate::engine::{Engine, Mode, Result, Rows, Store};
use rusqlite::Connection;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

pub(crate) struct Sqlite;

impl Engine for Sqlite {
    fn name(&self) -> &'static str {
        "SQLite"
    }

    fn version(&self) -> String {
        format!("{}, WAL, synchronous=FULL", rusqlite::version())
    }

    fn check(&self) -> Option<&'static str> {
        Some("`cell_size_check`, `integrity_check`")
    }

    fn create(&self, dir: &Path) -> Result<Box<dyn Store>> {
        let connection = open(dir)?;
        connection.execute("CREATE TABLE log (key INTEGER PRIMARY KEY, row TEXT NOT NULL)", ())?;
        Ok(Box::new(Open(Mutex::new(connection))))
    }

    fn read(&self, dir: &Path, mode: Mode) -> Result<Rows> {
        let connection = open(dir)?;
        if mode == Mode::Checked {
            connection.pragma_update(None, "cell_size_check", true)?;
            let found: String =
                connection.query_row("PRAGMA integrity_check", (), |row| row.get(0))?;
            if found != "ok" {
                return Err(found.into());
            }
        }
        let mut statement = connection.prepare("SELECT key, row FROM log")?;
        let rows = statement.query_map((), |row| {
            // A damaged text need not be UTF-8 any more, and SQLite hands it out all the same.
            let text = String::from_utf8_lossy(row.get_ref(1)?.as_bytes()?).into_owned();
            Ok((row.get::<_, i64>(0)?.cast_unsigned(), text))
        })?;
        rows.map(|row| Ok(row?)).collect()
    }
}

fn open(dir: &Path) -> Result<Connection> {
    let connection = Connection::open(dir.join("log.sqlite"))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

struct Open(Mutex<Connection>);

impl Store for Open {
    fn append(&self, key: u64, row: &str) -> Result<()> {
        let connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut statement = connection.prepare_cached("INSERT INTO log VALUES (?1, ?2)")?;
        statement.execute((key.cast_signed(), row))?;
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        let connection = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        connection.close().map_err(|(_, error)| error.into())
    }
}
