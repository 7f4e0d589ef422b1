//! fjall: one keyspace, one batch a group, the journal synced with it.

use crate::engine::{Result, locked};
use crate::speed::keyed::{EachKey, Keyed, Map, Order, Pairs, Snapshot};
use crate::speed::store::{Peer, Syncs};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use std::path::Path;

pub(crate) fn peer() -> Peer {
    Peer {
        name: "fjall",
        about: || format!("{}, `PersistMode::SyncData`", locked("fjall")),
        open: |dir, syncs| Ok(Box::new(Keyed::new(open(dir, syncs)?)?)),
        is_fronted: true,
        is_kept: true,
    }
}

struct Open {
    database: Database,
    log: Keyspace,
    persist: Option<PersistMode>,
}

fn open(dir: &Path, syncs: Syncs) -> Result<Open> {
    let database = Database::builder(dir).open()?;
    let log = database.keyspace("log", KeyspaceCreateOptions::default)?;
    let persist = (syncs == Syncs::EachWrite).then_some(PersistMode::SyncData);
    Ok(Open { database, log, persist })
}

impl Map for Open {
    fn write(&self, pairs: &Pairs) -> Result<()> {
        let mut batch = self.database.batch().durability(self.persist);
        for (key, value) in pairs.iter() {
            batch.insert(&self.log, key, value);
        }
        Ok(batch.commit()?)
    }

    fn sync(&self) -> Result<()> {
        Ok(self.database.persist(PersistMode::SyncData)?)
    }

    fn read(&self, body: &mut dyn FnMut(&dyn Snapshot) -> Result<()>) -> Result<()> {
        body(&At(&self.log))
    }

    fn close(self) -> Result<()> {
        drop(self);
        Ok(())
    }
}

struct At<'a>(&'a Keyspace);

impl Snapshot for At<'_> {
    fn get(&self, key: &[u8], found: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.0.get(key)?.map_or(Ok(()), |value| found(&value))
    }

    fn keys(&self, begin: &[u8], end: &[u8], order: Order, each: &mut EachKey<'_>) -> Result<()> {
        let mut range = self.0.range(begin..end);
        loop {
            let item = if order == Order::Ascending { range.next() } else { range.next_back() };
            let Some(item) = item else { return Ok(()) };
            if each(&item.key()?)?.is_break() {
                return Ok(());
            }
        }
    }
}
