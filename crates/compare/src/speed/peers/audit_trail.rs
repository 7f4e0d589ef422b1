//! audit-trail: a SHA-256 chain in a file, the act as JSON in the target, a sync a group. No index.

use crate::engine::{Result, locked};
use crate::speed::load::Act;
use crate::speed::store::{Peer, Store, Syncs};
use audit_trail::{
    Action, Actor, Chain, FileReader, FileSink, MonotonicClock, Outcome, RecordId, Sha256Hasher,
    SystemClock, Target,
};
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

type Log = Chain<Sha256Hasher, FileSink<BufWriter<File>>, MonotonicClock<SystemClock>>;

pub(crate) fn peer() -> Peer {
    Peer {
        name: "audit-trail",
        about: || format!("{}; no index; opens by reading everything", locked("audit-trail")),
        open: |dir, syncs| Ok(Box::new(open(dir, syncs)?)),
        is_fronted: true,
        is_kept: true,
    }
}

struct Open {
    log: Mutex<Log>,
    syncs: Syncs,
}

/// The last record says where the chain goes on; the crate has nothing quicker.
fn open(dir: &Path, syncs: Syncs) -> Result<Open> {
    let path = dir.join("audit.log");
    let mut last = None;
    if path.exists() {
        for record in FileReader::open(&path)? {
            last = Some(record.map_err(|error| format!("{}: {error}", path.display()))?);
        }
    }
    let sink = FileSink::open_or_create(&path)?;
    let (hasher, clock) = (Sha256Hasher::new(), MonotonicClock::new(SystemClock::new()));
    let log = match last {
        None => Chain::new(hasher, sink, clock),
        Some(last) => {
            clock.advance_past(last.timestamp);
            let next = RecordId::from_u64(last.id.as_u64() + 1);
            Chain::resume(hasher, sink, clock, next, last.hash, last.timestamp)
        }
    };
    Ok(Open { log: Mutex::new(log), syncs })
}

impl Store for Open {
    fn write(&self, acts: &[Act<'_>]) -> Result<()> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        for act in acts {
            let outcome = match act.outcome {
                "success" => Outcome::Success,
                "denied" => Outcome::Denied,
                _ => Outcome::Failure,
            };
            let (actor, action) = (Actor::new(act.agent_did), Action::new(act.event_type));
            log.append(actor, action, Target::new(act.json), outcome)
                .map_err(|error| error.to_string())?;
        }
        if self.syncs == Syncs::EachWrite {
            log.sink_mut().sync()?;
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(self.log.lock().unwrap_or_else(PoisonError::into_inner).sink_mut().sync()?)
    }

    fn close(self: Box<Self>) -> Result<()> {
        self.sync()
    }
}
