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
}

/// What one run measured.
#[derive(Debug)]
pub struct Run {
    /// Entries that were appended and answered.
    pub entries: u64,
    /// From the first call to the last answer.
    pub elapsed: Duration,
    /// Nanoseconds from call to answer; of one in sixteen entries when pipelined.
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
    let pool = Pool::new(load.seed, load.size);
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
        let load = Load { threads: 3, entries: 1000, size: 450, window: 16, seed: 1 };
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
}
