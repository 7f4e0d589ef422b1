//! The machine: what it is, what else it does, and what the kernel counts for this process.

use crate::engine::Result;
use std::fs::{read_dir, read_to_string};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use witnessmark_floor::sync_latency;

/// Syncs of the probe.
const SYNCS: u64 = 500;
/// Bytes of the unit in which a file's blocks and a device's writes are counted.
const BLOCK: u64 = 512;
/// How long the processors are watched before the run.
const WATCH: Duration = Duration::from_secs(1);

/// The number after a name in a file of `/proc`.
fn counted(path: &str, name: &str) -> Result<u64> {
    let text = read_to_string(path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or_else(|| format!("{path}: no {name}"))?.parse()?)
}

/// Bytes that the device below a directory has written so far, once nothing waits to be written;
/// `None` where the file system has no device that counts.
///
/// The kernel's count for one process is no use here: it takes a page cache's unit of up to 2 MiB
/// for written as soon as one byte of it changes.
pub(super) fn written_bytes(dir: &Path) -> Result<Option<u64>> {
    settle()?;
    let device = std::fs::metadata(dir)?.dev();
    let major = (device >> 32) & 0xffff_f000 | (device >> 8) & 0xfff;
    let minor = (device >> 12) & 0xffff_ff00 | device & 0xff;
    let Ok(counts) = read_to_string(format!("/sys/dev/block/{major}:{minor}/stat")) else {
        return Ok(None);
    };
    let sectors = counts.split_whitespace().nth(6).ok_or("a device that counts no sectors")?;
    Ok(Some(sectors.parse::<u64>()? * BLOCK))
}

/// Waits until everything that was written anywhere is on its disk.
pub(super) fn settle() -> Result<()> {
    let status = Command::new("sync").status()?;
    if status.success() { Ok(()) } else { Err(format!("sync: {status}").into()) }
}

/// Memory of this process that no file stands behind.
pub(super) fn anonymous_bytes() -> Result<u64> {
    Ok(counted("/proc/self/status", "RssAnon:")? * 1024)
}

/// Bytes of a directory's files as they occupy the disk.
pub(super) fn allocated_bytes(dir: &Path) -> Result<u64> {
    let mut sum = 0;
    for item in read_dir(dir)? {
        let item = item?;
        let file = item.metadata()?;
        sum += if file.is_dir() { allocated_bytes(&item.path())? } else { file.blocks() * BLOCK };
    }
    Ok(sum)
}

/// The file system a directory lies on: type and options.
fn file_system(dir: &Path) -> Result<(String, String)> {
    let dir = dir.canonicalize()?;
    let mounts = read_to_string("/proc/self/mountinfo")?;
    let mount = |line: &str| {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(4);
        let (point, options) = (left.next()?, left.next()?);
        let kind = right.split(' ').next()?;
        dir.starts_with(point).then(|| (point.len(), kind.to_owned(), options.to_owned()))
    };
    let deepest = mounts.lines().filter_map(mount).max_by_key(|(len, ..)| *len);
    let (_, kind, options) = deepest.ok_or("no mount of this directory")?;
    Ok((kind, options))
}

/// Refuses a directory whose syncs cost nothing.
///
/// # Errors
/// For a file system that lives in memory.
pub(super) fn refuse_memory(dir: &Path) -> Result<()> {
    let (kind, _) = file_system(dir)?;
    if ["tmpfs", "ramfs"].contains(&kind.as_str()) {
        let dir = dir.display();
        return Err(format!("{dir}: a {kind} syncs nothing; name a disk with --dir").into());
    }
    Ok(())
}

/// The state of the machine now, in one line.
pub(super) fn load() -> Result<String> {
    let averages = read_to_string("/proc/loadavg")?;
    let averages: Vec<&str> = averages.split(' ').take(3).collect();
    Ok(format!("load averages {}", averages.join(" ")))
}

/// Processor time that passed, and what of it was idle, in ticks.
fn ticks() -> Result<(u64, u64)> {
    let text = read_to_string("/proc/stat")?;
    let first = text.lines().next().unwrap_or_default();
    let ticks = first.split_whitespace().skip(1).take(8).map(str::parse::<u64>);
    let ticks: Vec<u64> = ticks.collect::<std::result::Result<_, _>>()?;
    Ok((ticks.iter().sum(), ticks.iter().skip(3).take(2).sum()))
}

/// What the run stands on, as a list in Markdown.
pub(super) fn describe(dir: &Path) -> Result<String> {
    let cpu = read_to_string("/proc/cpuinfo")?;
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("?");
    let model = model.trim_start_matches(['\t', ' ', ':']);
    let cores = std::thread::available_parallelism()?;
    let memory = counted("/proc/meminfo", "MemTotal:")? / 1024 / 1024;
    let kernel = read_to_string("/proc/sys/kernel/osrelease")?;
    let (kind, options) = file_system(dir)?;
    let syncs = sync_latency(dir, SYNCS)?;
    let (all, idle) = ticks()?;
    std::thread::sleep(WATCH);
    let (all, idle) = (ticks()?.0 - all, ticks()?.1 - idle);
    let busy = 100 - idle * 100 / all.max(1);
    let us = |quantile| syncs.value_at_quantile(quantile) / 1000;
    Ok(format!(
        "- {model}, {cores} processors, {memory} GiB, Linux {}\n\
         - {kind} ({options}); a write of 4 KiB and `fdatasync`: p50 {} us, p99 {} us\n\
         - before the run: processors {busy} % busy, {}",
        kernel.trim(),
        us(0.5),
        us(0.99),
        load()?,
    ))
}
