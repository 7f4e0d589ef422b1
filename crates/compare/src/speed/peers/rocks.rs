//! RocksDB: one column family, one batch a group, `sync` set, lz4.

use crate::engine::{Result, locked};
use crate::speed::keyed::{EachKey, Keyed, Map, Order, Pairs, Snapshot};
use crate::speed::store::{Peer, Syncs};
use rocksdb::{
    DB, DBCompressionType, IteratorMode, Options, ReadOptions, SnapshotWithThreadMode, WriteBatch,
    WriteOptions,
};
use std::path::Path;

pub(crate) fn peer() -> Peer {
    let about = || format!("system library (rust-rocksdb {}), `sync`, lz4", locked("rocksdb"));
    Peer {
        name: "RocksDB",
        about,
        open: |dir, syncs| Ok(Box::new(Keyed::new(open(dir, syncs)?)?)),
        is_fronted: true,
        is_kept: true,
    }
}

struct Open {
    database: DB,
    is_synced: bool,
}

fn open(dir: &Path, syncs: Syncs) -> Result<Open> {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_compression_type(DBCompressionType::Lz4);
    Ok(Open { database: DB::open(&options, dir)?, is_synced: syncs == Syncs::EachWrite })
}

impl Map for Open {
    fn write(&self, pairs: &Pairs) -> Result<()> {
        let mut batch = WriteBatch::default();
        pairs.iter().for_each(|(key, value)| batch.put(key, value));
        let mut options = WriteOptions::default();
        options.set_sync(self.is_synced);
        Ok(self.database.write_opt(batch, &options)?)
    }

    fn sync(&self) -> Result<()> {
        Ok(self.database.flush_wal(true)?)
    }

    fn read(&self, body: &mut dyn FnMut(&dyn Snapshot) -> Result<()>) -> Result<()> {
        body(&At(self.database.snapshot()))
    }

    fn close(self) -> Result<()> {
        drop(self);
        Ok(())
    }
}

struct At<'a>(SnapshotWithThreadMode<'a, DB>);

impl Snapshot for At<'_> {
    fn get(&self, key: &[u8], found: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.0.get_pinned(key)?.map_or(Ok(()), |value| found(&value))
    }

    fn keys(&self, begin: &[u8], end: &[u8], order: Order, each: &mut EachKey<'_>) -> Result<()> {
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(begin);
        options.set_iterate_upper_bound(end);
        let is_ascending = order == Order::Ascending;
        let mode = if is_ascending { IteratorMode::Start } else { IteratorMode::End };
        for item in self.0.iterator_opt(mode, options) {
            if each(&item?.0)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}
