//! Read-only maps: the one place, next to the interleaved hashing, where `unsafe` is allowed.
//!
//! Only files that this program never writes again are mapped: sealed segments and side files.
//! What the outside world can still do: truncate a mapped file, and reading behind its new end
//! kills the process with SIGBUS; or write into it, and bytes change under the reader. Sealed files
//! are read-only and hashes are checked on what was copied out; whoever must survive a hostile
//! directory, the verifier above all, does not map.
#![expect(unsafe_code, reason = "mapping a file is unsafe in Rust; see the module documentation")]

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::sync::Arc;

/// A mapped file. Cheap to clone; unmapped with the last clone.
#[derive(Clone)]
pub struct Map(Option<Arc<memmap2::Mmap>>);

impl Map {
    /// Maps a whole file as it is now.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        if file.metadata()?.len() == 0 {
            return Ok(Self(None));
        }
        // SAFETY: the file must not change while it is mapped. This crate upholds it: it maps
        // only sealed segments and side files, which it never writes in place. Other programs can
        // break it; then reads give other bytes or SIGBUS, as the module documentation says.
        let map = unsafe { memmap2::Mmap::map(file)? };
        Ok(Self(Some(Arc::new(map))))
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_deref().map_or(&[], |map| map)
    }
}

impl std::fmt::Debug for Map {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Map({} bytes)", self.len())
    }
}
