//! Readers: views of a log that another process may be writing.
//!
//! A reader takes no lock. While a writer holds the directory it shows entries up to `synced_size`
//! of the last valid group, which the writer's own sync made durable; with no writer it shows
//! every valid group and says how many entries nothing vouches for.

use super::growing::Growing;
use super::list::PartList;
use super::part::Part;
use super::sealed::Sealed;
use super::{Published, View};
use crate::error::{Error, ErrorKind, Result};
use crate::format::group::{GROUP_HEADER_LEN, GroupHeader};
use crate::format::identity::{IDENTITY_LEN_MAX, Identity};
use crate::format::segment::{SEGMENT_HEADER_LEN, SegmentHeader};
use crate::format::{IDENTITY_NAME, segment_name};
use crate::merkle::Frontier;
use crate::segment::set::{self, Found};
use crate::storage::{Access, FsStorage, Storage, StorageFile};
use crate::sync::{Arc, Mutex};
use crate::types::{Hash, TreeSize};
use std::path::Path;

/// How often the segments are looked at again when something seems wrong.
const LOAD_AGAIN_MAX: usize = 3;

/// A group of a followed segment.
#[derive(Clone, Copy, Debug)]
struct Group {
    end: u64,
    size: u64,
    root: Hash,
}

/// How far the last segment was followed.
#[derive(Debug)]
struct Following {
    first_index: u64,
    nonce: u64,
    file: Arc<dyn StorageFile>,
    at: u64,
    size: u64,
    last_crc: u32,
    synced_size: u64,
    /// Groups not shown yet, and the one shown last.
    groups: Vec<Group>,
}

#[derive(Debug, Default)]
struct State {
    list: Arc<PartList>,
    following: Option<Following>,
    notes: Vec<String>,
}

/// A log opened for reading only.
#[derive(Debug)]
pub struct Reader {
    storage: Arc<dyn Storage>,
    identity: Identity,
    state: Mutex<State>,
}

/// Reads the identity file of a log: its values and its bytes.
pub(crate) fn read_identity(storage: &dyn Storage) -> Result<(Identity, Vec<u8>)> {
    let file = storage.open(IDENTITY_NAME, Access::Read)?;
    let len = file.len()?;
    if len > IDENTITY_LEN_MAX as u64 {
        return Err(Error::new(ErrorKind::Corrupt, "identity file is too long")
            .at_file(IDENTITY_NAME)
            .expected(format_args!("at most {IDENTITY_LEN_MAX} bytes"), len));
    }
    let mut bytes = vec![0u8; usize::try_from(len).unwrap_or(0)];
    file.read_exact_at(&mut bytes, 0).map_err(|error| error.at_file(IDENTITY_NAME))?;
    let identity = Identity::decode(&bytes).map_err(|flaw| flaw.into_error(IDENTITY_NAME, 0))?;
    Ok((identity, bytes))
}

impl Reader {
    /// Opens the log in this directory. Works on a read-only mount, on a copy, and while a writer
    /// is active.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is no log; [`ErrorKind::Corrupt`] or
    /// [`ErrorKind::UnknownVersion`] for its identity; [`ErrorKind::Io`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        Self::on_storage(Arc::new(FsStorage::open_reader(dir.as_ref())?))
    }

    /// As [`Reader::open`], on any storage.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn on_storage(storage: Arc<dyn Storage>) -> Result<Self> {
        let (identity, _) = read_identity(&*storage)?;
        Ok(Self { storage, identity, state: Mutex::default() })
    }

    /// The log's identity.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(crate) fn storage(&self) -> &dyn Storage {
        &*self.storage
    }

    /// What a careful reader should know: an untrusted directory, segments that cannot be read.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.storage.trust_notes();
        notes.extend(self.state.lock().notes.iter().cloned());
        notes
    }

    /// The log as it is now; each call looks again.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when the directory cannot be read; [`ErrorKind::Corrupt`] when not even
    /// the first segment can.
    pub fn view(&self) -> Result<View> {
        let mut state = self.state.lock();
        // Asked before and after: a writer that came meanwhile may not have synced what was read.
        let was_written = self.storage.writer_present();
        self.refresh_parts(&mut state)?;
        if let Some(following) = &mut state.following {
            following.read_on()?;
        }
        let is_written = was_written || self.storage.writer_present();
        let State { following, notes, .. } = &mut *state;
        let published = match following {
            Some(following) => {
                if !is_written {
                    notes.extend(following.note_rest()?);
                }
                following.shown(is_written)
            }
            None => (
                Published {
                    size: TreeSize::new(0),
                    root: crate::hash::empty_root(),
                    end_offset: 0,
                },
                0,
            ),
        };
        let (published, unvouched) = published;
        Ok(View::new(Arc::clone(&state.list), published, unvouched))
    }

    fn refresh_parts(&self, state: &mut State) -> Result<()> {
        let load = || set::load_readable(&*self.storage, &self.identity.log_id);
        let mut loaded = load()?;
        for _ in 0..LOAD_AGAIN_MAX {
            // What looks wrong may be a writer that was just sealing or rotating.
            if loaded.1.is_none() {
                break;
            }
            loaded = load()?;
        }
        let (segments, error) = loaded;
        state.notes = error.map(|error| error.to_string()).into_iter().collect();
        let last = segments.len().saturating_sub(1);
        let mut parts = Vec::with_capacity(segments.len());
        for (position, found) in segments.iter().enumerate() {
            let first_index = found.header.first_index;
            let known = state.list.parts().iter().find(|part| part.first_index() == first_index);
            let is_sealed = found.footer.is_some();
            let part = match known.filter(|part| part.is_sealed() == is_sealed) {
                Some(part) => Arc::clone(part),
                None => self.new_part(found)?,
            };
            if position < last && !is_sealed {
                let (end, size) = self.end_of_groups(found)?;
                part.finish_growing(end);
                let next = segments.get(position + 1).map(|next| next.header.first_index);
                if let Some(next) = next.filter(|next| *next != size) {
                    let name = found.name();
                    state.notes.push(format!(
                        "{name}, byte {end}, entry {size}: the segment holds fewer entries than \
                         the next one begins at (wanted {next}, found {size})"
                    ));
                }
            }
            parts.push(part);
        }
        let followed = state.following.as_ref().map(|following| following.first_index);
        let now = segments.last().map(|found| found.header.first_index);
        if followed != now {
            state.following = segments.last().map(|last| self.follow(last)).transpose()?;
        }
        state.list = Arc::new(state.list.next(parts));
        Ok(())
    }

    fn new_part(&self, found: &Found) -> Result<Arc<Part>> {
        if let Some(footer) = &found.footer {
            let sealed = Sealed::new(Arc::clone(&self.storage), found.header.clone(), footer);
            return Ok(Arc::new(Part::sealed(sealed)));
        }
        let file = self.storage.open(&found.name(), Access::Read)?;
        Ok(Arc::new(Part::growing(Growing::new(found.header.clone(), file)?)))
    }

    fn follow(&self, found: &Found) -> Result<Following> {
        let file = self.storage.open(&found.name(), Access::Read)?;
        Following::new(&found.header, file)
    }

    /// Where the valid groups of a segment end that has a successor but no footer yet, and the
    /// tree size there.
    fn end_of_groups(&self, found: &Found) -> Result<(u64, u64)> {
        let mut following = self.follow(found)?;
        following.read_on()?;
        Ok((following.at, following.size))
    }
}

impl Following {
    fn new(header: &SegmentHeader, file: Arc<dyn StorageFile>) -> Result<Self> {
        let frontier = Frontier::from_parts(header.first_index.into(), header.frontier.clone())?;
        let end = SEGMENT_HEADER_LEN as u64;
        let shown = Group { end, size: header.first_index, root: frontier.root() };
        Ok(Self {
            first_index: header.first_index,
            nonce: header.nonce,
            file,
            at: end,
            size: header.first_index,
            last_crc: 0,
            // A segment's header is written after everything before it was synced.
            synced_size: header.first_index,
            groups: vec![shown],
        })
    }

    /// Reads on over valid groups.
    fn read_on(&mut self) -> Result<()> {
        while let Some((header, header_crc)) = self.next_group()? {
            self.at += header.group_len();
            self.size += u64::from(header.count);
            self.last_crc = header_crc;
            self.synced_size = self.synced_size.max(header.synced_size);
            self.groups.push(Group { end: self.at, size: self.size, root: header.root });
        }
        Ok(())
    }

    /// What is to be said of bytes behind the last valid group, when nobody writes.
    fn note_rest(&self) -> Result<Option<String>> {
        let mut buffer = vec![0u8; 64 << 10];
        let mut at = self.at;
        loop {
            let got = self.file.read_at(&mut buffer, at)?;
            let read = buffer.get(..got).unwrap_or_default();
            if read.iter().any(|byte| *byte != 0) {
                break;
            }
            if got < buffer.len() {
                return Ok(None);
            }
            at += got as u64;
        }
        let (name, from, size) = (segment_name(self.first_index), self.at, self.size);
        Ok(Some(format!(
            "{name}, byte {from}, entry {size}: what follows is no valid group, a torn write or \
             damage: `wmark verify` says which"
        )))
    }

    /// How far the groups read so far may be shown, and how many entries of it are unvouched.
    fn shown(&mut self, is_written: bool) -> (Published, u64) {
        let synced = self.synced_size;
        let may_show = |group: &&Group| !is_written || group.size <= synced;
        let shown = self.groups.iter().rev().find(may_show).or(self.groups.first()).copied();
        let shown = shown.unwrap_or(Group { end: 0, size: 0, root: Hash::ZERO });
        self.groups.retain(|group| group.end >= shown.end);
        let published =
            Published { size: TreeSize::new(shown.size), root: shown.root, end_offset: shown.end };
        (published, shown.size.saturating_sub(synced))
    }

    /// The group at hand, if it is whole and follows the one before.
    fn next_group(&self) -> Result<Option<(GroupHeader, u32)>> {
        let mut head = [0u8; GROUP_HEADER_LEN];
        if self.file.read_at(&mut head, self.at)? < GROUP_HEADER_LEN {
            return Ok(None);
        }
        let Ok((header, header_crc)) = GroupHeader::decode(&head, self.nonce) else {
            return Ok(None);
        };
        if header.first_index != self.size || header.previous_header_crc != self.last_crc {
            return Ok(None);
        }
        let len = header.group_len() - GROUP_HEADER_LEN as u64;
        let mut body = vec![0u8; usize::try_from(len).unwrap_or(0)];
        let got = self.file.read_at(&mut body, self.at + GROUP_HEADER_LEN as u64)?;
        let is_whole = got == body.len() && header.check_body(&body).is_ok();
        Ok(is_whole.then_some((header, header_crc)))
    }
}
