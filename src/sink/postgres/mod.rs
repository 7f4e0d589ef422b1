//! PostgreSQL: a row per entry, idempotent, and comparable with the log.
//!
//! ```text
//! witnessmark_entries   primary key (log_id, idx)
//!   columns to ask by   entry_id, event_type, agent_did, action, outcome, resource, ... times
//!   entry_hash, previous_hash, entry (the line `wmark export` prints, as it is)
//! ```
//!
//! A batch is one `INSERT .. ON CONFLICT DO NOTHING`, so it is there as a whole or not at all, and
//! what comes again changes nothing. The connection is made at the first entry and made anew when
//! it broke: a server that is down or restarts is waited for. Invariant: no password is in a
//! configuration or a message.

mod passfile;
mod verify;

use super::{Attachment, AuditSink, SinkReport};
use crate::entry::Field;
use crate::error::{Error, ErrorKind, Result};
use crate::export::entry_json;
use crate::format::stored::StoredEntry;
use crate::types::{EntryIndex, EventTime, Hash};
use postgres::types::ToSql;
use postgres::{Client, Config, NoTls};
use std::fmt;
use std::path::Path;
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Unanswered bytes end a connection after this time, so that a dead server is noticed.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// The text columns that hold fields of an entry, in order.
const TEXT_FIELDS: [Field; 11] = [
    Field::EventType,
    Field::AgentDid,
    Field::Action,
    Field::Outcome,
    Field::Resource,
    Field::TargetDid,
    Field::PolicyDecision,
    Field::MatchedRule,
    Field::TraceId,
    Field::SessionId,
    Field::Environment,
];

/// Inserts entries into a table.
pub struct PostgresSink {
    config: Config,
    table: String,
    client: Option<Client>,
    log_id: String,
    origin: String,
}

impl fmt::Debug for PostgresSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresSink").field("table", &self.table).finish_non_exhaustive()
    }
}

fn is_identifier(text: &str) -> bool {
    let is_start = |c: char| c.is_ascii_lowercase() || c == '_';
    text.len() <= 63
        && text.starts_with(is_start)
        && text.chars().all(|c| is_start(c) || c.is_ascii_digit())
}

/// Reads a connection string, `host=.. user=.. dbname=..` or `postgres://..`.
/// Its text is not in the message: it may hold a password.
pub(super) fn parse_dsn(dsn: &str) -> Result<Config> {
    dsn.parse::<Config>().map_err(|_| {
        Error::new(ErrorKind::Invalid, "the connection string of PostgreSQL cannot be read")
            .hint("such as: host=/run/postgresql user=audit dbname=audit")
    })
}

/// A row: the columns of an entry as text.
#[derive(PartialEq, Eq, Debug)]
struct Row {
    idx: i64,
    entry_id: String,
    recorded_at: String,
    timestamp: String,
    texts: [Option<String>; TEXT_FIELDS.len()],
    entry_hash: String,
    previous_hash: String,
    entry: String,
}

/// A time in microseconds, which is what the database keeps.
fn micros(time: EventTime) -> String {
    let whole = EventTime::utc(time.seconds, 0).to_string();
    let text = whole.strip_suffix('Z').filter(|text| !text.starts_with('@'));
    match text {
        Some(text) => format!("{text}.{:06}Z", time.nanos.min(999_999_999) / 1000),
        None => "1970-01-01T00:00:00.000000Z".to_owned(),
    }
}

/// The database's texts cannot hold NUL; the exact text is in `entry`.
fn text(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

impl Row {
    fn of(entry: &StoredEntry) -> Self {
        Self {
            idx: i64::try_from(entry.index().get()).unwrap_or(i64::MAX),
            entry_id: text(&entry.entry_id()),
            recorded_at: micros(entry.recorded_at().into()),
            timestamp: micros(entry.timestamp()),
            texts: TEXT_FIELDS.map(|field| entry.text(field).map(text)),
            entry_hash: entry.entry_hash().to_hex(),
            previous_hash: entry.previous_hash().to_hex(),
            entry: entry_json(entry),
        }
    }
}

impl PostgresSink {
    /// A sink into this table (`NAME` or `SCHEMA.NAME`), which is made when it is missing. The
    /// connection string is `host=.. user=.. dbname=..` or a `postgres://` URL; a password that it
    /// does not hold is looked up in the password file, when there is one. Nothing is connected yet,
    /// and there is no TLS: a server elsewhere is reached through a tunnel.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for the connection string, or a name of a table that is not plain
    /// lower-case letters, digits and `_`; [`ErrorKind::Key`] for the password file.
    pub fn new(dsn: &str, passfile: Option<&Path>, table: &str) -> Result<Self> {
        let mut config = parse_dsn(dsn)?;
        if let (None, Some(file)) = (config.get_password(), passfile)
            && let Some(password) = passfile::password_for(&config, file)?
        {
            config.password(password.bytes());
        }
        if table.split('.').count() > 2 || !table.split('.').all(is_identifier) {
            return Err(Error::new(ErrorKind::Invalid, "no name of a table")
                .expected("lower-case letters, digits and _", format_args!("{table:?}")));
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE_MAX);
        }
        if config.get_application_name().is_none() {
            config.application_name("witnessmark");
        }
        let table = table.to_owned();
        Ok(Self { config, table, client: None, log_id: String::new(), origin: String::new() })
    }

    /// Runs something on a connection with the table in place; forgets one that broke.
    fn with_client<T>(
        &mut self,
        run: impl FnOnce(&mut Client, &str) -> std::result::Result<T, postgres::Error>,
    ) -> Result<T> {
        let client = match &mut self.client {
            Some(client) if !client.is_closed() => client,
            slot => {
                let mut client = self.config.connect(NoTls).map_err(|error| error_of(&error))?;
                client.batch_execute(&schema(&self.table)).map_err(|error| error_of(&error))?;
                slot.insert(client)
            }
        };
        match run(client, &self.table) {
            Ok(value) => Ok(value),
            Err(error) => {
                let error = error_of(&error);
                if error.kind() == ErrorKind::Io {
                    self.client = None;
                }
                Err(error)
            }
        }
    }

    fn insert(&mut self, rows: &[Row]) -> Result<()> {
        let (log_id, origin) = (self.log_id.clone(), self.origin.clone());
        if log_id.is_empty() {
            return Err(Error::new(ErrorKind::Io, "the sink is attached to no log"));
        }
        self.with_client(|client, table| {
            let column = |of: fn(&Row) -> &str| rows.iter().map(of).collect::<Vec<&str>>();
            let idx: Vec<i64> = rows.iter().map(|row| row.idx).collect();
            let fixed = [
                column(|row| &row.entry_id),
                column(|row| &row.recorded_at),
                column(|row| &row.timestamp),
                column(|row| &row.entry_hash),
                column(|row| &row.previous_hash),
                column(|row| &row.entry),
            ];
            let texts: Vec<Vec<Option<&str>>> = (0..TEXT_FIELDS.len())
                .map(|at| rows.iter().map(|r| r.texts.get(at)?.as_deref()).collect())
                .collect();
            let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&log_id, &origin, &idx];
            parameters.extend(fixed.iter().map(|column| column as &(dyn ToSql + Sync)));
            parameters.extend(texts.iter().map(|column| column as &(dyn ToSql + Sync)));
            let statement = client.prepare_typed(&insertion(table), &[])?;
            client.execute(&statement, &parameters).map(|_| ())
        })
    }
}

fn schema(table: &str) -> String {
    let texts: String =
        TEXT_FIELDS.iter().map(|field| format!("  {} text,\n", field.name())).collect();
    let index = table.replace('.', "_");
    format!(
        "SET client_min_messages = warning;\n\
         CREATE TABLE IF NOT EXISTS {table} (\n\
           log_id text NOT NULL,\n  origin text NOT NULL,\n  idx bigint NOT NULL,\n\
           entry_id text NOT NULL,\n  recorded_at timestamptz NOT NULL,\n\
           event_time timestamptz NOT NULL,\n{texts}\
           entry_hash text NOT NULL,\n  previous_hash text NOT NULL,\n  entry json NOT NULL,\n\
           PRIMARY KEY (log_id, idx)\n);\n\
         CREATE INDEX IF NOT EXISTS {index}_agent ON {table} (agent_did, idx);\n\
         CREATE INDEX IF NOT EXISTS {index}_trace ON {table} (trace_id) WHERE trace_id IS NOT NULL;"
    )
}

fn insertion(table: &str) -> String {
    let names: Vec<&str> = TEXT_FIELDS.iter().map(|field| field.name()).collect();
    let names = names.join(", ");
    // $1 and $2 are scalars, $3 the indices, then six columns, then the fields.
    let arrays: Vec<String> =
        (0..6 + TEXT_FIELDS.len()).map(|at| format!("${}::text[]", at + 4)).collect();
    format!(
        "INSERT INTO {table} (log_id, origin, idx, entry_id, recorded_at, event_time, entry_hash, \
         previous_hash, entry, {names}) \
         SELECT $1::text, $2::text, u.idx, u.entry_id, u.recorded_at::timestamptz, \
         u.event_time::timestamptz, u.entry_hash, u.previous_hash, u.entry::json, {names} \
         FROM unnest($3::bigint[], {}) AS u(idx, entry_id, recorded_at, event_time, entry_hash, \
         previous_hash, entry, {names}) \
         ON CONFLICT (log_id, idx) DO NOTHING",
        arrays.join(", ")
    )
}

/// What went wrong, and whose fault it is, by the class of its SQLSTATE.
fn error_of(error: &postgres::Error) -> Error {
    let Some(database) = error.as_db_error() else {
        use std::error::Error as _;
        let cause = error.source().map(|source| format!(": {source}")).unwrap_or_default();
        return Error::new(ErrorKind::Io, format!("PostgreSQL: {error}{cause}"));
    };
    let code = database.code().code();
    let kind = match code.get(..2) {
        // A value that the database cannot hold.
        Some("22" | "23") => ErrorKind::Invalid,
        Some("54") => ErrorKind::TooLarge,
        Some("28") => ErrorKind::Key,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("PostgreSQL: {} ({code})", database.message()))
}

impl AuditSink for PostgresSink {
    fn attach(&mut self, log: &Attachment<'_>) -> Result<EntryIndex> {
        self.log_id = Hash(log.identity.log_id).to_hex();
        self.origin.clone_from(&log.identity.origin);
        Ok(log.next)
    }

    fn write(&mut self, entry: &StoredEntry) -> Result<()> {
        self.write_batch(std::slice::from_ref(entry))
    }

    fn write_batch(&mut self, entries: &[StoredEntry]) -> Result<()> {
        let rows: Vec<Row> = entries.iter().map(Row::of).collect();
        self.insert(&rows)
    }

    fn verify_integrity(&mut self, log: Option<&Attachment<'_>>) -> Result<SinkReport> {
        let Some(log) = log else {
            return Ok(SinkReport::not_supported("rows are judged by comparing them with the log"));
        };
        self.attach(log)?;
        verify::compare(self, log)
    }

    fn close(&mut self) -> Result<()> {
        self.client = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_connection_strings_are_checked_without_a_server() {
        let dsn = "host=/tmp user=u dbname=d";
        for good in ["witnessmark_entries", "audit.entries", "_x1"] {
            assert!(PostgresSink::new(dsn, None, good).is_ok(), "{good}");
        }
        for bad in ["", "a.b.c", "x;drop table y", "Upper", "1x", "a-b", "\"q\""] {
            assert!(PostgresSink::new(dsn, None, bad).is_err(), "{bad}");
        }
        let error = parse_dsn("password=hush nonsense").unwrap_err();
        assert!(!error.to_string().contains("hush"), "{error}");
        let sink = PostgresSink::new("password=hush user=u", None, "t").unwrap();
        assert!(!format!("{sink:?}").contains("hush"));
    }

    #[test]
    fn a_server_that_is_not_there_is_the_sink_s_fault() {
        let mut sink = PostgresSink::new("host=/nonexistent user=u dbname=d", None, "t").unwrap();
        let log = crate::AuditLog::in_memory().unwrap();
        let receipt = log.append(crate::Entry::new("t", "a", "allow")).unwrap();
        let view = log.view();
        let attachment =
            Attachment { identity: log.identity(), view: &view, next: 0.into(), set_aside: &[] };
        sink.attach(&attachment).unwrap();
        let error = sink.write(&view.entry(receipt.index()).unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    }
}
