//! Sealing: a finished segment gets its footer, becomes read-only, and gets its side files.
//!
//! Order: footer written behind the groups; file cut behind it; synced; mode 0400. From there on
//! the segment is read-only for ever. Side files are derived and need no sync of their own: a torn
//! one does not match its digest and is made again. Every step can be repeated after a crash.

use crate::error::{Error, ErrorKind, Result};
use crate::format::footer::{Counter, Footer};
use crate::format::frame::{FRAME_AGENT_SEQ_OFFSET, FRAME_TYPE_SEQ_OFFSET};
use crate::format::terms::Key;
use crate::format::{index_name, nodes_name, side};
use crate::index::PartIndex;
use crate::storage::{Storage, StorageFile};
use crate::sync::Arc;
use crate::view::Catalog;
use crate::view::growing::Followed;
use crate::view::part::Part;
use crate::view::sealed::Sealed;

/// A segment that gets no further group.
#[derive(Clone, Debug)]
pub(crate) struct SealJob {
    pub(crate) first_index: u64,
    pub(crate) file: Arc<dyn StorageFile>,
    /// Where its groups end; they are synced.
    pub(crate) data_end: u64,
    /// Whether it was filled in groups so large that the page cache is left to others.
    pub(crate) is_bulk: bool,
}

/// Seals a growing part whose last group is written and synced.
pub(crate) fn seal(storage: &Arc<dyn Storage>, catalog: &Catalog, job: &SealJob) -> Result<()> {
    let SealJob { first_index, file, data_end, .. } = job;
    let (first_index, file, data_end) = (*first_index, &**file, *data_end);
    let part = catalog.part(first_index);
    let Some(Part::Growing(growing)) = part.as_deref() else { return Ok(()) };
    let followed = growing.followed(data_end)?;
    let mut footer = Footer {
        nonce: growing.header.nonce,
        first_index,
        count: u64::from(PartIndex::len(&followed.index)),
        data_end,
        root: followed.root(),
        last_entry_hash: followed.last_entry_hash,
        recorded: followed.recorded.unwrap_or_default(),
        event: ((0, 0), (0, 0)),
        group_count: followed.groups,
        last_header_crc: followed.last_header_crc,
        agents: Vec::new(),
        types: Vec::new(),
    };
    footer.event = event_range(&followed.index);
    footer.agents = counters(file, &followed.index, Key::Agent, FRAME_AGENT_SEQ_OFFSET)?;
    footer.types = counters(file, &followed.index, Key::Type, FRAME_TYPE_SEQ_OFFSET)?;
    let sealed = Sealed::new(Arc::clone(storage), growing.header.clone(), &footer);
    let files = side_files(&sealed, &followed);
    // Every byte below `data_end` went through this once, when it was read to be indexed.
    let mut hasher = followed.seal();
    drop(followed);
    let mut bytes = footer.encode();
    hasher.update(&bytes);
    Footer::finish(&mut bytes, &hasher.finish());
    let name = growing.name();
    let at_name = |error: Error| error.at_file(&*name);
    file.allocate(data_end, bytes.len() as u64).map_err(at_name)?;
    file.write_all_at(&bytes, data_end).map_err(at_name)?;
    file.set_len(data_end + bytes.len() as u64).map_err(at_name)?;
    file.sync_all().map_err(|error| {
        // Whatever the reason, full disk included: a failed sync is not tried again.
        Error::new(ErrorKind::Poisoned, format!("{name}: {error}"))
    })?;
    // Sealed: a crash from here on leaves a whole footer.
    file.set_read_only().map_err(at_name)?;
    // Caches: without them whoever reads derives them, and the next open tries again.
    let _ = write_files(&**storage, first_index, &files);
    catalog.replace(Part::sealed(sealed));
    if job.is_bulk {
        file.release_cache();
    }
    Ok(())
}

/// How many entries each agent or type touched here has had in the log so far: the sequence
/// number in its last frame, plus one.
fn counters(
    file: &dyn StorageFile,
    index: &dyn PartIndex,
    key: Key,
    seq_offset: u64,
) -> Result<Vec<Counter>> {
    let mut last: Vec<(String, u32)> = Vec::new();
    let collected = index.for_each_term(key, b"", &mut |term, postings| {
        if let Some(local) = postings.walk().previous_from(u32::MAX) {
            last.push((String::from_utf8_lossy(term).into_owned(), local));
        }
    });
    collected.map_err(|flaw| flaw.into_error("index", 0))?;
    let mut counters = Vec::with_capacity(last.len());
    for (name, local) in last {
        let offset = index.offset(local).map_or(0, u64::from);
        let mut seq = [0u8; 8];
        file.read_exact_at(&mut seq, offset + seq_offset)?;
        counters.push(Counter { name, entries: u64::from_le_bytes(seq) + 1 });
    }
    counters.sort_unstable();
    Ok(counters)
}

/// Smallest and largest event time of a part.
fn event_range(index: &dyn PartIndex) -> ((i64, u32), (i64, u32)) {
    let zones = (0..).map_while(|zone| index.zone(zone)).map(|zone| zone.event);
    let held = zones.filter(|(least, greatest)| least <= greatest);
    held.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or_default()
}

/// The bytes of a segment's nodes and index files.
struct SideFiles {
    nodes: Vec<u8>,
    index: Vec<u8>,
}

fn side_files(sealed: &Sealed, followed: &Followed) -> SideFiles {
    let subject = sealed.subject();
    SideFiles {
        nodes: side::encode_nodes(&subject, &followed.nodes),
        index: followed.index.encode(&subject),
    }
}

fn write_files(storage: &dyn Storage, first_index: u64, files: &SideFiles) -> Result<()> {
    let both = [(nodes_name(first_index), &files.nodes), (index_name(first_index), &files.index)];
    for (name, bytes) in both {
        let temporary = format!("{name}.tmp");
        match storage.remove(&temporary) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let file = storage.create(&temporary)?;
        file.write_all_at(bytes, 0)?;
        storage.rename(&temporary, &name, true)?;
    }
    Ok(())
}

/// Makes the side files of a sealed segment again and uses them from now on.
pub(crate) fn write_side_files(
    storage: &Arc<dyn Storage>,
    catalog: &Catalog,
    first_index: u64,
) -> Result<()> {
    let part = catalog.part(first_index);
    let Some(Part::Sealed(sealed)) = part.as_deref() else { return Ok(()) };
    if !sealed.needs_side_files() {
        return Ok(());
    }
    let files = side_files(sealed, sealed.rebuilt()?);
    write_files(&**storage, first_index, &files)?;
    catalog.replace(Part::sealed(sealed.fresh()));
    Ok(())
}
