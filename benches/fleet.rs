//! Fleet: the benches' log, filled with what a fleet of agents would write.

use std::path::Path;
use witnessmark::{AuditLog, Entry, Error, TreeHead};
use witnessmark_floor::{AGENTS, Act, Load, pipelined};

/// Bytes of an entry as JSON.
pub(crate) const SIZE: usize = 450;

/// The act as the engine takes it.
pub(crate) fn entry<'a>(act: &Act<'a>) -> Entry<'a> {
    witnessmark_floor::entry_of!(Entry<'a>, act)
}

/// A new log with this many entries, closed again.
pub(crate) fn filled(dir: &Path, entries: u64) -> TreeHead {
    let log = AuditLog::open(dir).expect("a new log");
    append(&log, entries);
    log.close().expect("closed")
}

/// Appends this many entries.
pub(crate) fn append(log: &AuditLog, entries: u64) {
    let load = Load { threads: 2, entries, size: SIZE, window: 4096, seed: 1, agents: AGENTS };
    let submitted = pipelined::<_, Error>(
        &load,
        |workload| log.submit(entry(&workload.next_act())),
        |ticket| ticket.wait().map(drop),
    );
    assert_eq!(submitted.expect("appended").entries, entries);
}
