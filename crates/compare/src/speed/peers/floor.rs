//! The floor of `wmark bench`: frames, one SHA-256 chain, one write and one sync a group.

use crate::engine::Result;
use crate::speed::load::Act;
use crate::speed::store::{Peer, Store, Syncs};
use std::path::Path;
use witnessmark_floor::Floor;

pub(crate) fn peer() -> Peer {
    Peer {
        name: "floor",
        about: || "frames and a SHA-256 chain in a file zeroed beforehand; no index".to_owned(),
        open: |dir, syncs| Ok(Box::new(open(dir, syncs)?)),
        is_fronted: false,
        is_kept: false,
    }
}

/// Room for a log that is filled with one sync at the end: more than a million entries take.
const BULK_BYTES: u64 = 640 << 20;

struct Open {
    floor: Floor,
    syncs: Syncs,
}

fn open(dir: &Path, syncs: Syncs) -> Result<Open> {
    let path = dir.join("floor");
    let floor = match syncs {
        Syncs::EachWrite => Floor::create(&path)?,
        Syncs::AtTheEnd => Floor::with_room(&path, BULK_BYTES)?,
    };
    Ok(Open { floor, syncs })
}

impl Store for Open {
    fn write(&self, acts: &[Act<'_>]) -> Result<()> {
        let entries = acts.iter().map(|act| act.json.as_bytes());
        match self.syncs {
            Syncs::EachWrite => self.floor.append_batch(entries)?,
            Syncs::AtTheEnd => self.floor.write_batch(entries)?,
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(self.floor.sync()?)
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
