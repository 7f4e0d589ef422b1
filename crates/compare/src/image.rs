//! A directory in memory: what a crash or a clean close left, to be put back as often as needed.
//!
//! Zeros are not kept: engines preallocate, and a file of zeros is put back as a hole. A byte is
//! *used* when its block of 512 bytes holds anything but zeros.

use crate::engine::Result;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const BLOCK_LEN: usize = 512;

struct ImageFile {
    /// Below the directory.
    path: PathBuf,
    len: u64,
    /// Offset and bytes of each used block, in order.
    blocks: Vec<(u64, Vec<u8>)>,
}

/// Every file of a directory and of those below it.
pub(crate) struct Image {
    files: Vec<ImageFile>,
}

/// One bit of the used bytes.
#[derive(Clone, Copy)]
pub(crate) struct Flip {
    /// Which of the used bytes, counted over all files.
    pub(crate) at: u64,
    pub(crate) bit: u8,
}

impl Image {
    /// Reads a directory, whoever has it open.
    pub(crate) fn take(dir: &Path) -> Result<Self> {
        let mut files = Vec::new();
        let mut open = vec![dir.to_owned()];
        while let Some(next) = open.pop() {
            for item in fs::read_dir(next)? {
                let path = item?.path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    files.push(ImageFile::take(dir, &path)?);
                }
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { files })
    }

    pub(crate) fn used_bytes(&self) -> u64 {
        self.files.iter().map(ImageFile::used_bytes).sum()
    }

    /// Writes the files into an empty directory, one bit of them flipped; answers where that was.
    pub(crate) fn restore(&self, dir: &Path, flip: Option<Flip>) -> Result<String> {
        let mut place = "nothing flipped".to_owned();
        let mut passed = 0;
        for file in &self.files {
            let target = dir.join(&file.path);
            fs::create_dir_all(target.parent().unwrap_or(dir))?;
            let mut written = File::create(target)?;
            written.set_len(file.len)?;
            for (offset, bytes) in &file.blocks {
                written.write_all_at(bytes, *offset)?;
                let len = bytes.len() as u64;
                if let Some(Flip { at, bit }) =
                    flip.filter(|f| (passed..passed + len).contains(&f.at))
                {
                    let inside = at - passed;
                    let byte = bytes.get(usize::try_from(inside)?).ok_or("a byte of the block")?;
                    written.write_all_at(&[byte ^ (1 << bit)], offset + inside)?;
                    place = format!("{} byte {} bit {bit}", file.path.display(), offset + inside);
                }
                passed += len;
            }
            written.flush()?;
        }
        Ok(place)
    }
}

impl ImageFile {
    fn take(dir: &Path, path: &Path) -> Result<Self> {
        let mut bytes = Vec::new();
        File::open(path)?.read_to_end(&mut bytes)?;
        let used = bytes.chunks(BLOCK_LEN).enumerate().filter(|(_, b)| b.iter().any(|x| *x != 0));
        let blocks = used.map(|(n, block)| ((n * BLOCK_LEN) as u64, block.to_owned())).collect();
        let path = path.strip_prefix(dir)?.to_owned();
        Ok(Self { path, len: bytes.len() as u64, blocks })
    }

    fn used_bytes(&self) -> u64 {
        self.blocks.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }
}
