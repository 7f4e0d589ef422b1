//! Opening: lock, identity, segments, scan of the last one, decision, repair, ready.
//!
//! Durable order of a new log: identity written, synced, named, directory synced; then the first
//! segment. Of recovery: bytes set aside in a synced quarantine file, tail cleared and synced,
//! bytes nobody vouches for written again and synced, then a system entry that tells of it.

use super::active::{Active, Preallocate, Spare};
use super::admission::Admission;
use super::committer::{Committer, End, Fixed, new_segment_header, segment_len};
use super::counters::Counters;
use super::housekeeper::{Housekeeper, Job};
use super::options::Options;
use super::recover::{self, RecoveryReport};
use super::seal::SealJob;
use super::{AuditLog, driver::Driver};
use crate::entry::Entry;
use crate::error::{Error, ErrorKind, Result};
use crate::format::identity::{IDENTITY_LEN_MAX, Identity};
use crate::format::segment::SEGMENT_HEADER_LEN;
use crate::format::terms::{self, Key};
use crate::format::{IDENTITY_NAME, SPARE_NAME, index_name, nodes_name, parse_name};
use crate::hash;
use crate::limits::PREALLOCATE_BYTES_MIN;
use crate::merkle::Frontier;
use crate::segment::recovery::Place;
use crate::segment::scan::{Scan, scan};
use crate::segment::set::{self, Found};
use crate::storage::{Access, Storage, StorageFile, random};
use crate::sync::Arc;
use crate::types::{Hash, TreeSize, hex};
use crate::view::growing::Growing;
use crate::view::part::Part;
use crate::view::sealed::Sealed;
use crate::view::{Catalog, Published};
use std::collections::HashSet;

/// A segment without a footer, read and judged.
struct Unsealed {
    found: Found,
    file: Arc<dyn StorageFile>,
    scan: Scan,
}

/// What was found on disk, recovered, and counted.
struct Loaded {
    parts: Vec<Arc<Part>>,
    /// Segments without a footer, at most two, the active one last.
    unsealed: Vec<Unsealed>,
    sealed: Vec<u64>,
    counters: Counters,
    bytes: u64,
    report: Option<RecoveryReport>,
}

impl Options {
    /// Opens the log: takes the writer lock, recovers what a crash left, and is ready to append.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] when another process writes; [`ErrorKind::NotFound`] when there is no
    /// log and it shall not be created; [`ErrorKind::Untrusted`] for a directory others can write;
    /// [`ErrorKind::Corrupt`] when acknowledged data is damaged, naming file, offset and index;
    /// [`ErrorKind::UnknownVersion`], [`ErrorKind::Invalid`], [`ErrorKind::Io`].
    ///
    /// # Durability
    /// What it returns with is synced: identity, first segment, and whatever recovery wrote.
    pub fn open(self) -> Result<AuditLog> {
        self.check()?;
        let admission = Arc::new(self.admission()?);
        let storage = self.storage()?;
        // Before anything is touched: a directory that is not ours gets no lock file either.
        check_is_log_or_may_become_one(&*storage, &self)?;
        let lock = storage.lock_writer()?;
        let identity = load_or_create_identity(&*storage, &self)?;
        // A name that a process before us gave and did not live to sync is in the cache only.
        storage.sync_dir()?;
        remove_leftovers(&*storage)?;
        recover::read_from_medium(&*storage)?;
        let mut loaded = load(&storage, &identity)?;
        let counters = std::mem::take(&mut loaded.counters);
        let end = end_of_log(loaded.unsealed.last(), counters, start_of(&identity));
        if loaded.unsealed.is_empty() {
            recover::check_promised(&*storage, end.size)?;
        }
        let report = loaded.report.take();
        let catalog = catalog_of(&mut loaded, &end);
        let housekeeper = Housekeeper::start(Arc::clone(&storage), Arc::clone(&catalog))?;
        let started = Writing { storage, options: &self, identity: &identity, catalog, admission }
            .start(&housekeeper, loaded, end)
            .and_then(|mut committer| {
                log_recoveries(&mut committer, report.as_ref())?;
                Ok(Driver::new(committer, &self))
            });
        match started {
            Ok(driver) => AuditLog::start(driver, identity, lock, report),
            Err(error) => {
                // Nothing may still write when the lock is released.
                housekeeper.stop();
                Err(error)
            }
        }
    }
}

fn start_of(identity: &Identity) -> Hash {
    hash::log_start(&identity.encode())
}

/// Reads every segment's ends, scans those without a footer, and recovers the last.
fn load(storage: &Arc<dyn Storage>, identity: &Identity) -> Result<Loaded> {
    let found = set::load(&**storage, &identity.log_id)?;
    check_start(found.first(), start_of(identity))?;
    let mut loaded = Loaded {
        parts: Vec::with_capacity(found.len()),
        unsealed: Vec::new(),
        sealed: Vec::new(),
        counters: Counters::default(),
        bytes: 0,
        report: None,
    };
    let mut following = found.iter().skip(1);
    let before_last = found.len().checked_sub(2);
    for (position, segment) in found.iter().enumerate() {
        let next = following.next();
        loaded.bytes += segment.len;
        match &segment.footer {
            Some(footer) => {
                recover::check_has_successor(segment, next.is_none())?;
                if Some(position) == before_last {
                    recover::write_footer_again(&**storage, segment, footer.data_end)?;
                }
                loaded.counters.take(footer);
                let part = Sealed::new(Arc::clone(storage), segment.header.clone(), footer);
                loaded.parts.push(Arc::new(Part::sealed(part)));
                loaded.sealed.push(segment.header.first_index);
            }
            None => load_unsealed(&**storage, segment, next, &mut loaded)?,
        }
    }
    Ok(loaded)
}

fn load_unsealed(
    storage: &dyn Storage,
    segment: &Found,
    next: Option<&Found>,
    loaded: &mut Loaded,
) -> Result<()> {
    let place = next.map_or(Place::Last, |next| Place::Followed(next.header.first_index));
    let (one, report) = open_unsealed(storage, segment, place, &mut loaded.counters)?;
    let growing = Growing::new(segment.header.clone(), Arc::clone(&one.file))?;
    if let Some(next) = next {
        let Scan { last_hash, frontier, last_recorded_at, end, .. } = &one.scan;
        set::check_continues(&next.header, *last_hash, frontier.root(), *last_recorded_at)?;
        growing.finish(*end);
    }
    loaded.parts.push(Arc::new(Part::growing(growing)));
    loaded.report = loaded.report.take().or(report);
    loaded.unsealed.push(one);
    Ok(())
}

/// What can be read right away.
fn catalog_of(loaded: &mut Loaded, end: &End) -> Arc<Catalog> {
    let last_end = loaded.unsealed.last().map(|last| last.scan.end);
    let published = Published {
        size: TreeSize::new(end.size),
        root: end.frontier.root(),
        end_offset: last_end.unwrap_or(SEGMENT_HEADER_LEN as u64),
    };
    Arc::new(Catalog::new(std::mem::take(&mut loaded.parts), published))
}

/// What is needed to begin to write.
struct Writing<'a> {
    storage: Arc<dyn Storage>,
    options: &'a Options,
    identity: &'a Identity,
    catalog: Arc<Catalog>,
    admission: Arc<Admission>,
}

impl Writing<'_> {
    /// Gives the housekeeper what was left to do, and takes over the end of the log.
    fn start(
        self,
        housekeeper: &Arc<Housekeeper>,
        mut loaded: Loaded,
        end: End,
    ) -> Result<Committer> {
        let Self { storage, options, identity, catalog, admission } = self;
        let fixed = Arc::new(Fixed {
            admission,
            clock: Arc::clone(&options.clock),
            catalog: Arc::clone(&catalog),
            housekeeper: Arc::clone(housekeeper),
            log_id: identity.log_id,
            segment_bytes: options.segment_bytes,
            align: options.align,
            pid: options.pid,
            storage,
        });
        let last = loaded.unsealed.pop();
        for before in &loaded.unsealed {
            housekeeper.send(Job::Seal(SealJob {
                first_index: before.found.header.first_index,
                file: Arc::clone(&before.file),
                data_end: before.scan.end,
                is_bulk: false,
            }));
        }
        housekeeper.send(side_files(&*fixed.storage, &loaded.sealed)?);
        let (active, is_unvouched) = match last {
            Some(last) => {
                let len_max = segment_len(loaded.bytes, options.segment_bytes);
                continue_segment(last, len_max)
            }
            None => {
                let active = first_segment(&fixed, &end)?;
                catalog.push_growing(&active.header, Arc::clone(&active.file), 0)?;
                (active, false)
            }
        };
        Ok(Committer {
            fixed,
            synced_size: end.size,
            active,
            end,
            recent: super::recent::RecentIds::default(),
            is_unvouched,
            bytes_written: loaded.bytes,
            regressed: false,
        })
    }
}

/// Which segments' side files are missing, and which may be damaged.
fn side_files(storage: &dyn Storage, sealed: &[u64]) -> Result<Job> {
    let names: HashSet<String> = storage.list()?.into_iter().map(|file| file.name).collect();
    let is_there = |first_index: &u64| {
        names.contains(&index_name(*first_index)) && names.contains(&nodes_name(*first_index))
    };
    let (perhaps, missing) = sealed.iter().partition(|first_index| is_there(first_index));
    Ok(Job::SideFiles { missing, perhaps })
}

/// Refuses what is neither a log nor an empty place where one may be created.
fn check_is_log_or_may_become_one(storage: &dyn Storage, options: &Options) -> Result<()> {
    match storage.open(IDENTITY_NAME, Access::Read) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        // Whatever is wrong with it is told when it is read.
        _ => return Ok(()),
    }
    let files = storage.list()?;
    let is_ours = |name: &str| name.starts_with("log.lock") || name.ends_with(".tmp");
    if let Some(file) = files.iter().find(|file| !is_ours(&file.name)) {
        let message = "the directory holds files but no log.id: not a log";
        return Err(Error::new(ErrorKind::Untrusted, message).at_file(file.name.clone()));
    }
    if options.may_create() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::NotFound, "no log here").at_file(storage.path_of("")))
}

fn load_or_create_identity(storage: &dyn Storage, options: &Options) -> Result<Identity> {
    match read_identity(storage) {
        Ok(identity) => {
            if options.predecessor.is_some() {
                let message = "the log exists already, it cannot continue another one now";
                return Err(Error::new(ErrorKind::AlreadyExists, message));
            }
            Ok(identity)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            check_is_log_or_may_become_one(storage, options)?;
            create_identity(storage, options)
        }
        Err(error) => Err(error),
    }
}

/// Reads the identity file.
pub(crate) fn read_identity(storage: &dyn Storage) -> Result<Identity> {
    crate::view::read_identity(storage).map(|(identity, _)| identity)
}

/// A name for a log that nobody named: no two logs share it, since whoever remembers checkpoints
/// knows a log by its name.
fn default_origin(log_id: &[u8; 32]) -> String {
    let some = log_id.first_chunk::<6>().map_or_else(String::new, |some| hex(some));
    format!("witnessmark.local/{some}")
}

fn create_identity(storage: &dyn Storage, options: &Options) -> Result<Identity> {
    let mut log_id = [0u8; 32];
    random::os_random(&mut log_id)?;
    let identity = Identity {
        created_at: options.clock.now().0,
        log_id,
        origin: options.origin.clone().unwrap_or_else(|| default_origin(&log_id)),
        predecessor: options.predecessor,
    };
    let bytes = identity.encode();
    assert!(bytes.len() <= IDENTITY_LEN_MAX);
    let temporary = format!("{IDENTITY_NAME}.tmp");
    match storage.remove(&temporary) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let file = storage.create(&temporary)?;
    file.write_all_at(&bytes, 0)?;
    file.sync_all()?;
    storage.rename(&temporary, IDENTITY_NAME, false)?;
    storage.sync_dir()?;
    // The log has its name for good.
    Ok(identity)
}

fn open_unsealed(
    storage: &dyn Storage,
    found: &Found,
    place: Place,
    counters: &mut Counters,
) -> Result<(Unsealed, Option<RecoveryReport>)> {
    let name = found.name();
    let (file, was_sealed) = match storage.open(&name, Access::Write) {
        Err(error) if recover::is_denied(&error) => (storage.open(&name, Access::Read)?, true),
        file => (file?, false),
    };
    let mut bytes = vec![0u8; found.len_to_scan()?];
    file.read_exact_at(&mut bytes, 0).map_err(|error| error.at_file(&*name))?;
    let scanned = scan(&bytes, &found.header, |frame| {
        let Some(encoded) = frame.meta() else { return };
        terms::scan(encoded, |key, name| match key {
            Key::Agent => counters.agents.set(name, frame.agent_seq.saturating_add(1)),
            Key::Type => counters.types.set(name, frame.type_seq.saturating_add(1)),
            _ => {}
        });
    });
    let scan = scanned.map_err(|flaw| flaw.into_error(&*name, 0))?;
    if matches!(place, Place::Last) {
        // Before a tail is called torn: a checkpoint may have promised what it held.
        recover::check_promised(storage, scan.size)?;
    }
    if was_sealed {
        recover::check_can_be_sealed_again(&name, &scan, place)?;
    }
    let report = recover::carry_out(storage, &*file, &name, &bytes, &scan, place)?;
    Ok((Unsealed { found: found.clone(), file, scan }, report))
}

fn end_of_log(last: Option<&Unsealed>, counters: Counters, start: Hash) -> End {
    let (size, frontier, last_hash, last_recorded_at) = match last {
        Some(Unsealed { scan, .. }) => {
            (scan.size, scan.frontier.clone(), scan.last_hash, scan.last_recorded_at)
        }
        None => (0, Frontier::new(), start, 0),
    };
    End { size, frontier, last_hash, last_recorded_at, counters }
}

/// The first segment says which identity file the log began with.
fn check_start(first: Option<&Found>, start: Hash) -> Result<()> {
    let Some(first) = first.filter(|first| first.header.previous_hash != start) else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Corrupt, "the log's first hash is not of this log.id")
        .at_file(IDENTITY_NAME)
        .expected(first.header.previous_hash, start))
}

fn continue_segment(last: Unsealed, len_max: u64) -> (Active, bool) {
    let is_unvouched = last.scan.groups.last().is_some_and(|group| group.header.count > 0);
    let active = Active {
        at: last.scan.end,
        capacity: last.found.len.max(last.scan.end),
        len_max: len_max.max(last.found.len),
        groups: last.scan.groups.len() as u64,
        last_header_crc: last.scan.groups.last().map_or(0, |group| group.header_crc),
        header: last.found.header,
        file: last.file,
    };
    (active, is_unvouched)
}

fn first_segment(fixed: &Fixed, end: &End) -> Result<Active> {
    let how = if fixed.storage.is_durable() { Preallocate::Zeros } else { Preallocate::None };
    let len = PREALLOCATE_BYTES_MIN.min(fixed.segment_bytes);
    let spare = Spare::prepare(&*fixed.storage, len, how)?;
    let header = new_segment_header(fixed, end, fixed.clock.now())?;
    spare.take_header(&*fixed.storage, &header)?;
    Active::begin(&*fixed.storage, spare, header)
}

/// Puts on record what recovery set aside: now, and before by a process that did not live to.
fn log_recoveries(committer: &mut Committer, report: Option<&RecoveryReport>) -> Result<()> {
    let storage = Arc::clone(&committer.fixed.storage);
    let view = committer.fixed.catalog.view();
    let now = committer.fixed.clock.now();
    for data in recover::missing_records(&*storage, &view, report)? {
        let entry = Entry::system("witnessmark.recovery").data_text(data).timestamp(now);
        let mut batch = super::queue::Batch::default();
        batch.needs_sync = true;
        committer.push_system(&mut batch, &entry, now)?;
        committer.commit(&mut batch).map_err(super::committer::CommitError::into_error)?;
    }
    Ok(())
}

/// Files an interrupted writer left behind, that never got the name they were made for.
pub(crate) fn leftovers(storage: &dyn Storage) -> Result<Vec<String>> {
    let is_ours = |name: &str| {
        let Some(stem) = name.strip_suffix(".tmp") else { return false };
        name == SPARE_NAME
            || stem == IDENTITY_NAME
            || stem.starts_with("quarantine-")
            || parse_name(stem, ".nodes").is_some()
            || parse_name(stem, ".index").is_some()
    };
    Ok(storage.list()?.into_iter().map(|file| file.name).filter(|name| is_ours(name)).collect())
}

/// Removes them: nobody needs them, and on a full disk they are in the way.
pub(crate) fn remove_leftovers(storage: &dyn Storage) -> Result<()> {
    leftovers(storage)?.iter().try_for_each(|name| storage.remove(name))
}
