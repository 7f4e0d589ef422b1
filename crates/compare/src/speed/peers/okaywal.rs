//! okaywal: a write-ahead log. No index, and what its checkpoint has passed is gone.

use crate::engine::{Result, locked};
use crate::speed::load::Act;
use crate::speed::store::{Peer, Store, Syncs};
use okaywal::{LogVoid, WriteAheadLog};
use std::path::Path;

pub(crate) fn peer() -> Peer {
    Peer {
        name: "okaywal",
        about: || {
            format!("{}; no index, keeps nothing; bulk: a sync each group", locked("okaywal"))
        },
        open: |dir, syncs| Ok(Box::new(open(dir, syncs)?)),
        is_fronted: true,
        is_kept: false,
    }
}

struct Open(WriteAheadLog);

fn open(dir: &Path, _syncs: Syncs) -> Result<Open> {
    Ok(Open(WriteAheadLog::recover(dir, LogVoid)?))
}

impl Store for Open {
    fn write(&self, acts: &[Act<'_>]) -> Result<()> {
        let mut entry = self.0.begin_entry()?;
        for act in acts {
            entry.write_chunk(act.json.as_bytes())?;
        }
        entry.commit()?;
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(self.0.shutdown()?)
    }
}
