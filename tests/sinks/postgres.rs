//! The PostgreSQL sink against a real server.

use super::database::Database;
use super::{LONG, fill, quick};
use std::time::Duration;
use witnessmark::sink::{Attachment, AuditSink, PostgresSink, SinkReport, SinkRunner};
use witnessmark::{AuditLog, EntryIndex, View};

fn sink(database: &Database) -> PostgresSink {
    PostgresSink::new(&database.dsn(), None, "witnessmark_entries").unwrap()
}

fn log() -> (tempfile::TempDir, AuditLog) {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(dir.path().join("log")).unwrap();
    (dir, log)
}

fn verify(database: &Database, log: &AuditLog, next: u64, set_aside: &[u64]) -> SinkReport {
    let view: View = log.view();
    let next = EntryIndex::new(next);
    let attachment = Attachment { identity: log.identity(), view: &view, next, set_aside };
    sink(database).verify_integrity(Some(&attachment)).unwrap()
}

#[test]
fn rows_are_the_log_s_entries_and_what_comes_again_changes_nothing() {
    let Some(database) = Database::new() else { return };
    database.start();
    let (_dir, log) = log();
    fill(&log, 1300);
    let runner = SinkRunner::start(&log, "db", sink(&database), quick().batch_entries(200));
    assert_eq!(runner.unwrap().close(LONG).undelivered, 0);
    let count = "SELECT count(*), min(idx), max(idx) FROM witnessmark_entries";
    assert_eq!(database.sql(count), "1300|0|1299");
    let report = verify(&database, &log, 1300, &[]);
    assert!(report.is_intact() && report.checked == 1300, "{report:?}");
    // A second runner that knows no position gives everything again.
    let runner = SinkRunner::start(&log, "again", sink(&database), quick());
    assert_eq!(runner.unwrap().close(LONG).status.delivered, 1300);
    assert_eq!(database.sql(count), "1300|0|1299");
    let by_agent = "SELECT count(*) FROM witnessmark_entries WHERE agent_did LIKE 'did:web:gr%' \
                    AND trace_id = 'trace-1' AND recorded_at > now() - interval '1 hour'";
    assert_eq!(database.sql(by_agent), "1300");
    // Two logs share a table.
    let (_other_dir, other) = self::log();
    fill(&other, 3);
    let runner = SinkRunner::start(&other, "db", sink(&database), quick());
    assert_eq!(runner.unwrap().close(LONG).undelivered, 0);
    assert!(verify(&database, &other, 3, &[]).is_intact());
    assert!(verify(&database, &log, 1300, &[]).is_intact());
}

#[test]
fn every_change_of_a_row_is_found() {
    let Some(database) = Database::new() else { return };
    database.start();
    let (_dir, log) = log();
    fill(&log, 10);
    let runner = SinkRunner::start(&log, "db", sink(&database), quick());
    assert_eq!(runner.unwrap().close(LONG).undelivered, 0);
    let table = "witnessmark_entries";
    for (change, what) in [
        ("UPDATE T SET action = 'deny' WHERE idx = 3", "row 3 differs from the log in action"),
        ("UPDATE T SET resource = NULL WHERE idx = 4", "row 4 differs from the log in resource"),
        ("UPDATE T SET entry = '{}' WHERE idx = 5", "row 5 differs from the log in entry"),
        ("UPDATE T SET event_time = event_time + interval '1 us' WHERE idx = 6", "in event_time"),
        ("DELETE FROM T WHERE idx = 9", "entry 9 has no row"),
        ("UPDATE T SET idx = 77 WHERE idx = 8", "row 77 is no entry of the log"),
    ] {
        database.sql(&format!("CREATE TABLE kept AS TABLE {table}"));
        database.sql(&change.replace(" T ", &format!(" {table} ")));
        let report = verify(&database, &log, 10, &[]);
        assert!(report.findings.iter().any(|found| found.contains(what)), "{what}: {report:?}");
        database.sql(&format!("TRUNCATE {table}; INSERT INTO {table} TABLE kept; DROP TABLE kept"));
        assert!(verify(&database, &log, 10, &[]).is_intact());
    }
    database.sql("DELETE FROM witnessmark_entries WHERE idx = 2");
    let report = verify(&database, &log, 10, &[2]);
    assert!(report.is_intact() && report.notes == ["entry 2 is a dead letter"], "{report:?}");
}

#[test]
fn a_database_that_is_down_at_start_and_one_that_restarts_lose_nothing() {
    let Some(database) = Database::new() else { return };
    let (_dir, log) = log();
    let runner = SinkRunner::start(&log, "db", sink(&database), quick().batch_entries(10)).unwrap();
    fill(&log, 50);
    assert!(!runner.wait_for(1, Duration::from_millis(300)));
    let status = runner.status();
    assert!(status.failures > 0 && status.lag() == 50, "{status:?}");
    database.start();
    assert!(runner.wait_for(50, LONG), "{:?}", runner.status());
    for round in 0..2u64 {
        // In the middle of it: appending goes on while the server is away.
        fill(&log, 200);
        database.kill();
        fill(&log, 100);
        database.start();
        assert!(runner.wait_for(350 + 300 * round, LONG), "{:?}", runner.status());
    }
    let ended = runner.close(LONG);
    assert_eq!((ended.undelivered, ended.status.dead_letters), (0, 0));
    assert_eq!(database.sql("SELECT count(*) FROM witnessmark_entries"), "650");
    assert!(verify(&database, &log, 650, &[]).is_intact());
}
