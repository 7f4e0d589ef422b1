//! The disk alone: how long a 4 KiB write and its sync take.

use hdrhistogram::Histogram;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

const BLOCK: usize = 4096;
const BLOCKS: u64 = 256;

/// Nanoseconds of `rounds` times one 4 KiB write into a zeroed file of 1 MiB, and `fdatasync`.
/// Leaves no file behind.
///
/// # Errors
/// Whatever the file system says.
pub fn sync_latency(dir: &Path, rounds: u64) -> io::Result<Histogram<u64>> {
    let path = dir.join(format!("wmark-probe-{}.tmp", std::process::id()));
    let result = measure(&path, rounds);
    let removed = std::fs::remove_file(&path);
    let latencies = result?;
    removed?;
    Ok(latencies)
}

fn measure(path: &Path, rounds: u64) -> io::Result<Histogram<u64>> {
    let file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let mut block = vec![0u8; BLOCK];
    for at in 0..BLOCKS {
        file.write_all_at(&block, at * BLOCK as u64)?;
    }
    file.sync_all()?;
    let mut latencies = Histogram::new(2).map_err(io::Error::other)?;
    for round in 0..rounds {
        // Other bytes each time: a disk that compares what it stores gets no shortcut.
        block.fill(u8::try_from(round % 255 + 1).unwrap_or(1));
        let begun = Instant::now();
        file.write_all_at(&block, round % BLOCKS * BLOCK as u64)?;
        file.sync_data()?;
        let nanos = u64::try_from(begun.elapsed().as_nanos()).map_err(io::Error::other)?;
        latencies.record(nanos).map_err(io::Error::other)?;
    }
    Ok(latencies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_measures_every_round_and_leaves_nothing() {
        let dir = std::env::temp_dir();
        let latencies = sync_latency(&dir, 5).unwrap();
        assert_eq!(latencies.len(), 5);
        assert!(latencies.min() > 1000, "no disk answers within a microsecond");
        let left = dir.join(format!("wmark-probe-{}.tmp", std::process::id()));
        assert!(!left.exists());
    }
}
