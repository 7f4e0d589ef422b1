//! Driving: threads that append as fast as they are answered, and how long they waited.

use crate::workload::{Pool, Workload};
use hdrhistogram::Histogram;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How much is appended, by how many.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Producer threads.
    pub threads: usize,
    /// Entries of all threads together.
    pub entries: u64,
    /// Bytes of an entry as JSON.
    pub size: usize,
    /// Unanswered entries a producer may have; only for [`pipelined`].
    pub window: usize,
    /// Where the stream of acts begins.
    pub seed: u64,
    /// Agents of the fleet.
    pub agents: u64,
}

/// What one run measured.
#[derive(Debug)]
pub struct Run {
    /// Entries that were appended and answered.
    pub entries: u64,
    /// From the first call to the last answer.
    pub elapsed: Duration,
    /// Nanoseconds from call to answer: of each entry, of each batch, or of one in sixteen entries
    /// when pipelined.
    pub latencies: Histogram<u64>,
}

impl Run {
    /// Entries per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.entries as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

/// Of pipelined entries every sixteenth is timed, so that the clock costs little.
const SAMPLE: u64 = 16;
/// Two significant digits up to a minute: 1 % is more than the machine repeats.
const DIGITS: u8 = 2;

fn histogram() -> Histogram<u64> {
    // Two digits are a valid choice, so there always is one.
    Histogram::new(DIGITS).unwrap_or_else(|_| unreachable!("2 digits"))
}

fn nanos(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

fn share(load: &Load, thread: usize) -> u64 {
    let threads = load.threads.max(1) as u64;
    load.entries / threads + u64::from((thread as u64) < load.entries % threads)
}

fn on_threads<E: Send>(
    load: &Load,
    body: impl Fn(Workload, u64) -> Result<Histogram<u64>, E> + Sync,
) -> Result<Run, E> {
    let threads = load.threads.max(1);
    // Made ahead, so that the clock sees appends only.
    let seed = |thread: usize| load.seed.wrapping_mul(1000).wrapping_add(thread as u64);
    let pool = Pool::new(load.seed, load.size, load.agents);
    let workloads: Vec<_> = (0..threads).map(|t| Workload::of(&pool, seed(t))).collect();
    let begin = Instant::now();
    let results: Vec<Result<Histogram<u64>, E>> = std::thread::scope(|scope| {
        let handles: Vec<_> = workloads
            .into_iter()
            .enumerate()
            .map(|(thread, workload)| {
                let body = &body;
                scope.spawn(move || body(workload, share(load, thread)))
            })
            .collect();
        let joined = handles.into_iter().map(|handle| match handle.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect()
    });
    let elapsed = begin.elapsed();
    let mut latencies = histogram();
    for result in results {
        // Same digits on both sides, so adding cannot fail.
        let _ = latencies.add(result?);
    }
    Ok(Run { entries: load.entries, elapsed, latencies })
}

/// Each thread appends one entry after the other and waits for each.
///
/// # Errors
/// The first error of `append`.
pub fn blocking<E: Send>(
    load: &Load,
    append: impl Fn(&mut Workload) -> Result<(), E> + Sync,
) -> Result<Run, E> {
    on_threads(load, |mut workload, entries| {
        let mut latencies = histogram();
        let mut last = Instant::now();
        for _ in 0..entries {
            append(&mut workload)?;
            let now = Instant::now();
            let _ = latencies.record(nanos(now - last));
            last = now;
        }
        Ok(latencies)
    })
}

/// Each thread appends `batch` entries at once and waits for them, time and again; `append` gets
/// the size of each batch.
///
/// # Errors
/// The first error of `append`.
pub fn batched<E: Send>(
    load: &Load,
    batch: usize,
    append: impl Fn(&mut Workload, usize) -> Result<(), E> + Sync,
) -> Result<Run, E> {
    on_threads(load, |mut workload, mut entries| {
        let mut latencies = histogram();
        let mut last = Instant::now();
        while entries > 0 {
            let size = usize::try_from(entries).unwrap_or(usize::MAX).min(batch.max(1));
            append(&mut workload, size)?;
            let now = Instant::now();
            let _ = latencies.record(nanos(now - last));
            last = now;
            entries -= size as u64;
        }
        Ok(latencies)
    })
}

/// As [`batched`], with one `sync` behind the last batch of all threads.
///
/// # Errors
/// The first error of `append` or `sync`.
pub fn bulk<E: Send>(
    load: &Load,
    batch: usize,
    append: impl Fn(&mut Workload, usize) -> Result<(), E> + Sync,
    sync: impl FnOnce() -> Result<(), E>,
) -> Result<Run, E> {
    let mut run = batched(load, batch, append)?;
    let begin = Instant::now();
    sync()?;
    run.elapsed += begin.elapsed();
    Ok(run)
}

/// Each of `threads` threads gets its share of the lines, one line after the other, and the time
/// from the first to the last is taken.
pub fn on_lines(lines: &[u8], threads: usize, each: impl Fn(&[u8]) + Sync) -> Duration {
    let share = lines.len().div_ceil(threads.max(1)).max(1);
    let mut shares = Vec::new();
    let mut rest = lines;
    while !rest.is_empty() {
        let cut = share.min(rest.len());
        // To the end of the line in which the share would end.
        let tail = rest.iter().skip(cut).position(|byte| *byte == b'\n');
        let (head, after) = rest.split_at(tail.map_or(rest.len(), |tail| cut + tail + 1));
        shares.push(head);
        rest = after;
    }
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for share in shares {
            let each = &each;
            scope.spawn(move || {
                share.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).for_each(each);
            });
        }
    });
    begin.elapsed()
}

/// Each thread keeps up to `load.window` entries unanswered and waits for the oldest.
///
/// # Errors
/// The first error of `submit` or `wait`.
pub fn pipelined<T, E: Send>(
    load: &Load,
    submit: impl Fn(&mut Workload) -> Result<T, E> + Sync,
    wait: impl Fn(T) -> Result<(), E> + Sync,
) -> Result<Run, E> {
    on_threads(load, |mut workload, entries| {
        let mut latencies = histogram();
        let mut outstanding: VecDeque<(T, Option<Instant>)> = VecDeque::with_capacity(load.window);
        let mut settle = |(ticket, begun): (T, Option<Instant>)| {
            wait(ticket)?;
            if let Some(begun) = begun {
                let _ = latencies.record(nanos(begun.elapsed()));
            }
            Ok(())
        };
        for number in 0..entries {
            if outstanding.len() >= load.window.max(1)
                && let Some(oldest) = outstanding.pop_front()
            {
                settle(oldest)?;
            }
            let begun = number.is_multiple_of(SAMPLE).then(Instant::now);
            outstanding.push_back((submit(&mut workload)?, begun));
        }
        outstanding.into_iter().try_for_each(&mut settle)?;
        Ok(latencies)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn every_entry_is_appended_and_answered_once() {
        let load = Load { threads: 3, entries: 1000, size: 450, window: 16, seed: 1, agents: 9 };
        let (sent, settled) = (AtomicU64::new(0), AtomicU64::new(0));
        let count = |_: &mut Workload| Ok::<_, ()>(sent.fetch_add(1, Ordering::Relaxed));
        let run = blocking(&load, |workload| count(workload).map(drop)).unwrap();
        assert_eq!((sent.load(Ordering::Relaxed), run.latencies.len()), (1000, 1000));
        let wait = |_| {
            settled.fetch_add(1, Ordering::Relaxed);
            Ok(())
        };
        let run = pipelined(&load, count, wait).unwrap();
        assert_eq!(settled.load(Ordering::Relaxed), 1000);
        assert!(run.latencies.len() >= 1000 / SAMPLE && run.rate() > 0.0);
    }

    #[test]
    fn batches_add_up_and_end_with_one_sync() {
        let load = Load { threads: 3, entries: 1000, size: 450, window: 1, seed: 1, agents: 9 };
        let (sent, syncs) = (AtomicU64::new(0), AtomicU64::new(0));
        let append = |_: &mut Workload, count: usize| {
            assert!(count <= 64);
            sent.fetch_add(count as u64, Ordering::Relaxed);
            Ok::<_, ()>(())
        };
        let sync = || {
            assert_eq!(sent.load(Ordering::Relaxed), 1000, "a sync before the last batch");
            syncs.fetch_add(1, Ordering::Relaxed);
            Ok(())
        };
        let run = bulk(&load, 64, append, sync).unwrap();
        assert_eq!((run.entries, syncs.load(Ordering::Relaxed)), (1000, 1));
        // 334, 333 and 333 entries are six batches each.
        assert_eq!(run.latencies.len(), 18);
    }

    #[test]
    fn every_line_is_seen_once_by_any_number_of_threads() {
        for text in ["a\nbb\nccc\n", "a\nbb\nccc", "\n", ""] {
            for threads in [1, 2, 3, 9] {
                let seen = parking_lot::Mutex::new(Vec::new());
                on_lines(text.as_bytes(), threads, |line| seen.lock().push(line.to_vec()));
                let mut seen = seen.into_inner();
                seen.sort();
                let wanted: Vec<&[u8]> = text.split_terminator('\n').map(str::as_bytes).collect();
                let wanted: Vec<&[u8]> = wanted.into_iter().filter(|l| !l.is_empty()).collect();
                assert_eq!(seen, wanted, "{text:?} on {threads}");
            }
        }
    }
}
