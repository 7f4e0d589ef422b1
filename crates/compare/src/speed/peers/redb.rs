//! redb: one table, one transaction a group, durability as it comes.

use crate::engine::{Result, locked};
use crate::speed::keyed::{EachKey, Keyed, Map, Order, Pairs, Snapshot};
use crate::speed::store::{Peer, Syncs};
use redb::{Database, Durability, ReadOnlyTable, ReadableDatabase, TableDefinition};
use std::path::Path;

const LOG: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("log");

pub(crate) fn peer() -> Peer {
    Peer {
        name: "redb",
        about: || format!("{}; bulk: `Durability::None`, then an immediate commit", locked("redb")),
        open: |dir, syncs| Ok(Box::new(Keyed::new(open(dir, syncs)?)?)),
        is_fronted: true,
        is_kept: true,
    }
}

struct Open {
    database: Database,
    syncs: Syncs,
}

fn open(dir: &Path, syncs: Syncs) -> Result<Open> {
    let database = Database::create(dir.join("log.redb"))?;
    let transaction = database.begin_write()?;
    transaction.open_table(LOG)?;
    transaction.commit()?;
    Ok(Open { database, syncs })
}

impl Map for Open {
    fn write(&self, pairs: &Pairs) -> Result<()> {
        let mut transaction = self.database.begin_write()?;
        if self.syncs == Syncs::AtTheEnd {
            transaction.set_durability(Durability::None)?;
        }
        {
            let mut table = transaction.open_table(LOG)?;
            for (key, value) in pairs.iter() {
                table.insert(key, value)?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn sync(&self) -> Result<()> {
        Ok(self.database.begin_write()?.commit()?)
    }

    fn read(&self, body: &mut dyn FnMut(&dyn Snapshot) -> Result<()>) -> Result<()> {
        body(&At(self.database.begin_read()?.open_table(LOG)?))
    }

    fn close(self) -> Result<()> {
        drop(self.database);
        Ok(())
    }
}

struct At(ReadOnlyTable<&'static [u8], &'static [u8]>);

impl Snapshot for At {
    fn get(&self, key: &[u8], found: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.0.get(key)?.map_or(Ok(()), |value| found(value.value()))
    }

    fn keys(&self, begin: &[u8], end: &[u8], order: Order, each: &mut EachKey<'_>) -> Result<()> {
        let mut range = self.0.range(begin..end)?;
        loop {
            let item = if order == Order::Ascending { range.next() } else { range.next_back() };
            let Some(item) = item else { return Ok(()) };
            if each(item?.0.value())?.is_break() {
                return Ok(());
            }
        }
    }
}
