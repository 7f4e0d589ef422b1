//! SQLite: WAL, `synchronous=FULL`, a table with a column for each field and three indexes.

use crate::engine::Result;
use crate::speed::load::{Act, TEXTS};
use crate::speed::store::{Peer, Questions, Seen, Store, Syncs, TypeAsked, new_id, now};
use rusqlite::{Connection, Params, TransactionBehavior, params};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS log (
        number INTEGER PRIMARY KEY, time INTEGER NOT NULL, id TEXT NOT NULL UNIQUE,
        event_type TEXT NOT NULL,
        agent_did TEXT NOT NULL, action TEXT NOT NULL, resource TEXT, data TEXT, outcome TEXT,
        policy_decision TEXT, matched_rule TEXT, trace_id TEXT, session_id TEXT);
    CREATE INDEX IF NOT EXISTS log_agent ON log (agent_did);
    CREATE INDEX IF NOT EXISTS log_type ON log (event_type, time);
    CREATE INDEX IF NOT EXISTS log_trace ON log (trace_id);";
const INSERT: &str =
    "INSERT INTO log VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
/// Columns: number, time, id, then the texts of the act.
const TEXTS_BEGIN: usize = 3;
const TRACE_ID: usize = 8;

pub(crate) fn peer() -> Peer {
    Peer {
        name: "SQLite",
        about: || {
            let version = rusqlite::version();
            format!("{version}, WAL, `synchronous=FULL`; bulk: OFF, then a checkpoint with FULL")
        },
        open: |dir, syncs| Ok(Box::new(open(dir, syncs)?)),
        is_fronted: true,
        is_kept: true,
    }
}

struct Open {
    connection: Mutex<Connection>,
    next: AtomicU64,
}

fn open(dir: &Path, syncs: Syncs) -> Result<Open> {
    let connection = Connection::open(dir.join("log.sqlite"))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.execute_batch(SCHEMA)?;
    let synchronous = if syncs == Syncs::EachWrite { "FULL" } else { "OFF" };
    connection.pragma_update(None, "synchronous", synchronous)?;
    let query = "SELECT coalesce(max(number) + 1, 0) FROM log";
    let next: i64 = connection.query_row(query, (), |row| row.get(0))?;
    Ok(Open { connection: Mutex::new(connection), next: AtomicU64::new(next.cast_unsigned()) })
}

fn insert(connection: &Connection, number: u64, act: &Act<'_>) -> Result<()> {
    let time = now();
    let id = new_id(number, time);
    let (number, time) = (number.cast_signed(), time.cast_signed());
    let [a, b, c, d, e, f, g, h, i, j] = act.texts();
    let mut statement = connection.prepare_cached(INSERT)?;
    statement.execute(params![number, time, id, a, b, c, d, e, f, g, h, i, j])?;
    Ok(())
}

impl Open {
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rows that a query gives, each read whole.
    fn rows(&self, query: &str, values: impl Params) -> Result<Vec<(Seen, Vec<String>)>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(query)?;
        let rows = statement.query_map(values, |row| {
            let (time, id): (i64, String) = (row.get(1)?, row.get(2)?);
            let texts: Vec<String> = (TEXTS_BEGIN..TEXTS_BEGIN + TEXTS)
                .map(|column| row.get(column))
                .collect::<rusqlite::Result<_>>()?;
            let trace_id = texts.get(TRACE_ID).cloned().unwrap_or_default();
            Ok((Seen { id, time: time.cast_unsigned(), trace_id }, texts))
        })?;
        rows.map(|row| Ok(row?)).collect()
    }

    fn asked(&self, query: &str, values: impl Params) -> Result<Option<u64>> {
        Ok(Some(std::hint::black_box(self.rows(query, values)?).len() as u64))
    }
}

impl Store for Open {
    fn write(&self, acts: &[Act<'_>]) -> Result<()> {
        let mut connection = self.lock();
        let first = self.next.fetch_add(acts.len() as u64, Ordering::Relaxed);
        if let [act] = acts {
            return insert(&connection, first, act);
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        (first..).zip(acts).try_for_each(|(number, act)| insert(&transaction, number, act))?;
        Ok(transaction.commit()?)
    }

    fn sync(&self) -> Result<()> {
        let connection = self.lock();
        connection.pragma_update(None, "synchronous", "FULL")?;
        Ok(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))?)
    }

    fn questions(&self) -> Option<&dyn Questions> {
        Some(self)
    }

    fn close(self: Box<Self>) -> Result<()> {
        let connection = self.connection.into_inner().unwrap_or_else(PoisonError::into_inner);
        connection.close().map_err(|(_, error)| error.into())
    }
}

impl Questions for Open {
    fn seen(&self, number: u64) -> Result<Option<Seen>> {
        let rows = self.rows("SELECT * FROM log WHERE number = ?1", [number.cast_signed()])?;
        Ok(rows.into_iter().next().map(|(seen, _)| seen))
    }

    fn by_number(&self, number: u64) -> Result<Option<u64>> {
        self.asked("SELECT * FROM log WHERE number = ?1", [number.cast_signed()])
    }

    fn by_id(&self, id: &str) -> Result<Option<u64>> {
        self.asked("SELECT * FROM log WHERE id = ?1", [id])
    }

    fn by_agent(&self, agent_did: &str, limit: usize) -> Result<Option<u64>> {
        let query = "SELECT * FROM log WHERE agent_did = ?1 ORDER BY number DESC LIMIT ?2";
        self.asked(query, params![agent_did, i64::try_from(limit)?])
    }

    fn by_type(&self, asked: &TypeAsked<'_>, limit: usize) -> Result<Option<u64>> {
        let query = "SELECT * FROM log WHERE event_type = ?1 AND time BETWEEN ?2 AND ?3 \
                     AND outcome = ?4 ORDER BY time DESC LIMIT ?5";
        let (since, until) = (asked.since.cast_signed(), asked.until.cast_signed());
        let limit = i64::try_from(limit)?;
        self.asked(query, params![asked.event_type, since, until, asked.outcome, limit])
    }

    fn by_trace(&self, trace_id: &str) -> Result<Option<u64>> {
        self.asked("SELECT * FROM log WHERE trace_id = ?1", [trace_id])
    }

    fn count_by_agent(&self) -> Result<Option<Vec<(String, u64)>>> {
        let connection = self.lock();
        let query = "SELECT agent_did, count(*) FROM log GROUP BY agent_did";
        let mut statement = connection.prepare_cached(query)?;
        let rows = statement
            .query_map((), |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))?;
        rows.map(|row| Ok(row?)).collect::<Result<_>>().map(Some)
    }
}
