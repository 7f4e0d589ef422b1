//! LMDB through heed: one database, one transaction a group, synced as it comes.

use crate::engine::Result;
use crate::lmdb::{self, Sync, version};
use crate::speed::keyed::{EachKey, Keyed, Map, Order, Pairs, Snapshot};
use crate::speed::store::Peer;
use crate::speed::store::Syncs;
use heed::types::Bytes;
use heed::{Database, Env, RoTxn};
use std::path::Path;

/// Address space for the map, more than any run fills.
const MAP_BYTES: usize = 64 << 30;

type Log = Database<Bytes, Bytes>;

pub(crate) fn peer() -> Peer {
    Peer {
        name: "LMDB",
        about: || format!("{}; bulk: `MDB_NOSYNC`, then a forced sync", version()),
        open: |dir, syncs| Ok(Box::new(Keyed::new(open(dir, syncs)?)?)),
        is_fronted: true,
        is_kept: true,
    }
}

struct Open {
    env: Env,
    log: Log,
}

fn open(dir: &Path, syncs: Syncs) -> Result<Open> {
    let sync = if syncs == Syncs::EachWrite { Sync::EachCommit } else { Sync::Forced };
    let env = lmdb::open(dir, MAP_BYTES, sync)?;
    let mut transaction = env.write_txn()?;
    let log = env.create_database(&mut transaction, None)?;
    transaction.commit()?;
    Ok(Open { env, log })
}

impl Map for Open {
    fn write(&self, pairs: &Pairs) -> Result<()> {
        let mut transaction = self.env.write_txn()?;
        for (key, value) in pairs.iter() {
            self.log.put(&mut transaction, key, value)?;
        }
        Ok(transaction.commit()?)
    }

    fn sync(&self) -> Result<()> {
        Ok(self.env.force_sync()?)
    }

    fn read(&self, body: &mut dyn FnMut(&dyn Snapshot) -> Result<()>) -> Result<()> {
        let transaction = self.env.read_txn()?;
        body(&At { log: self.log, transaction: &transaction })
    }

    fn close(self) -> Result<()> {
        self.env.prepare_for_closing().wait();
        Ok(())
    }
}

struct At<'t> {
    log: Log,
    transaction: &'t RoTxn<'t>,
}

impl Snapshot for At<'_> {
    fn get(&self, key: &[u8], found: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.log.get(self.transaction, key)?.map_or(Ok(()), found)
    }

    fn keys(&self, begin: &[u8], end: &[u8], order: Order, each: &mut EachKey<'_>) -> Result<()> {
        let range = (std::ops::Bound::Included(begin), std::ops::Bound::Excluded(end));
        if order == Order::Ascending {
            for item in self.log.range(self.transaction, &range)? {
                if each(item?.0)?.is_break() {
                    break;
                }
            }
        } else {
            for item in self.log.rev_range(self.transaction, &range)? {
                if each(item?.0)?.is_break() {
                    break;
                }
            }
        }
        Ok(())
    }
}
