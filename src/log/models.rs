//! The log under every order of a few calls: the real queue, driver, committer and catalog over the
//! locks of `loom` (`--cfg model`), on a disk that knows what it was asked to keep.
//!
//! What weak memory may do is seen at that disk's one number, how many entries it keeps: it is written
//! and read without any order of its own, so whoever was told of an entry and reads less than that was
//! told through something that orders nothing. `LOOM_MAX_PREEMPTIONS` says how often a thread may be
//! interrupted where it could go on: twice, when it is not set.

mod cells;
mod disk;
mod logs;
mod readers;

use super::active::{Active, Preallocate, Spare};
use super::committer::{Committer, End, Fixed, new_segment_header};
use super::housekeeper::Housekeeper;
use super::{AuditLog, Driver, Environment, Options, Receipt};
use crate::entry::Entry;
use crate::format::identity::Identity;
use crate::format::segment::SEGMENT_HEADER_LEN;
use crate::merkle::Frontier;
use crate::redact::Redaction;
use crate::storage::Storage;
use crate::sync::{Arc, thread};
use crate::types::{Hash, TreeSize};
use crate::view::{Catalog, Published};
use disk::Disk;
use std::sync::atomic::{AtomicU64, Ordering};

/// Goes through every order of `body`, and says how many there were.
fn explore(name: &str, body: impl Fn() + Send + Sync + 'static) {
    let begun = std::time::Instant::now();
    let orders = Arc::new(AtomicU64::new(0));
    let (body, counted) = (Arc::new(body), Arc::clone(&orders));
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(2));
    builder.max_branches = 20_000;
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let body = Arc::clone(&body);
        // The checker's first thread has a small stack.
        thread::spawn(move || body()).join().unwrap();
    });
    let seconds = begun.elapsed().as_secs_f64();
    eprintln!("{name}: {} orders in {seconds:.1} s", orders.load(Ordering::Relaxed));
}

/// A log without its housekeeper's threads, and the disk it lies on.
struct Stage {
    log: AuditLog,
    disk: Arc<Disk>,
}

/// A new log; the sync of this number fails, none for 0. Its first segment has room for
/// `groups_max` groups.
fn stage(fails_at: u64, groups_max: u64) -> Stage {
    let disk = Arc::new(Disk::new());
    let storage: Arc<dyn Storage> = Arc::clone(&disk) as Arc<dyn Storage>;
    let options = Options::on_storage(Arc::clone(&storage))
        .redaction(Redaction::off())
        .environment(Environment::none());
    let catalog = Catalog::new(
        Vec::new(),
        Published { size: TreeSize::new(0), root: Frontier::new().root(), end_offset: 0 },
    );
    let fixed = Fixed {
        admission: Arc::new(options.admission().unwrap()),
        clock: Arc::clone(&options.clock),
        catalog: Arc::new(catalog),
        housekeeper: Housekeeper::without_threads(),
        log_id: [7; 32],
        segment_bytes: options.segment_bytes,
        align: 1,
        pid: options.pid,
        storage,
    };
    let frontier = Frontier::new();
    let counters = super::counters::Counters::default();
    let end = End { size: 0, frontier, last_hash: Hash::ZERO, last_recorded_at: 0, counters };
    let active = first_segment(&fixed, &end, groups_max);
    fixed.catalog.push_growing(&active.header, Arc::clone(&active.file), 0).unwrap();
    let committer = Committer {
        fixed: Arc::new(fixed),
        active,
        end,
        recent: super::recent::RecentIds::default(),
        synced_size: 0,
        is_unvouched: false,
        bytes_written: 0,
        regressed: false,
    };
    let identity =
        Identity { created_at: 0, log_id: [7; 32], origin: "models".into(), predecessor: None };
    let driver = Driver::new(committer, &options);
    disk.fail_at(fails_at);
    let log = AuditLog::start(driver, identity, Box::new(()), None).unwrap();
    Stage { log, disk }
}

fn first_segment(fixed: &Fixed, end: &End, groups_max: u64) -> Active {
    // A group of one of the entries below takes less than half a KiB, and more than a quarter.
    let len = SEGMENT_HEADER_LEN as u64 + groups_max * 512;
    let spare = Spare::prepare(&*fixed.storage, len, Preallocate::None).unwrap();
    let header = new_segment_header(fixed, end, fixed.clock.now()).unwrap();
    spare.take_header(&*fixed.storage, &header).unwrap();
    Active::begin(&*fixed.storage, spare, header).unwrap()
}

fn entry() -> Entry<'static> {
    Entry::new("t", "did:a", "allow").data_text("{}")
}

impl Stage {
    /// The same log, for another thread.
    fn share(&self) -> Self {
        Self { log: self.log.clone(), disk: Arc::clone(&self.disk) }
    }

    /// A receipt tells of an entry that the disk keeps and that views show.
    fn check(&self, receipt: &Receipt) {
        let index = receipt.index().get();
        // Before any lock is taken that might put things into order.
        assert!(self.disk.kept() > index, "entry {index} was acknowledged and is not kept");
        self.check_shown(receipt);
    }

    fn check_shown(&self, receipt: &Receipt) {
        let entry = self.log.view().entry(receipt.index()).unwrap();
        assert_eq!(entry.entry_hash(), receipt.entry_hash());
    }
}
