//! One turn of one engine, in a process of its own: what it measures it says line by line.
//!
//! ```text
//! append  a new store, producers for a while, closed
//! fill    a new store, one sync at the end, then asleep until it is killed
//! reopen  what the killed process left: opened, one durable append, closed
//! read    opened, asked, closed; every answer is held against the load itself
//! ```
//!
//! A line is a measure and a number; `done` ends the turn. Memory and a crash of an engine belong to
//! its own process; bytes are counted by the device, so nothing else may write meanwhile.

use super::group::Group;
use super::load::{Act, Acts, Fleet};
use super::machine;
use super::store::{Peer, Store, Syncs};
use super::{Job, ask};
use crate::engine::Result;
use std::path::Path;
use std::time::{Duration, Instant};
use witnessmark_floor::Histogram;

/// Acts of one transaction while filling.
const FILL_GROUP: usize = 10_000;
/// Significant digits of a latency.
const DIGITS: u8 = 2;

/// Says a measure to whoever started this turn.
pub(super) fn say(measure: &str, value: f64) {
    println!("{measure} {value}");
}

pub(super) fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new(DIGITS)?)
}

pub(super) fn record(latencies: &mut Histogram<u64>, elapsed: Duration) {
    // Only what takes longer than an hour does not fit.
    let _ = latencies.record(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX));
}

/// Microseconds.
pub(super) fn quantile(latencies: &Histogram<u64>, quantile: f64) -> f64 {
    latencies.value_at_quantile(quantile) as f64 / 1e3
}

/// How appends come.
#[derive(Clone, Copy)]
pub(super) struct Load {
    pub(super) producers: u64,
    /// Acts of one call.
    pub(super) batch: usize,
    pub(super) is_grouped: bool,
    pub(super) seconds: f64,
}

/// Does one turn.
pub(super) fn take(peer: &Peer, dir: &Path, job: &Job, seed: u64) -> Result<()> {
    let fleet = Fleet::new(seed);
    match job {
        Job::Append(load) => append(peer, dir, &fleet, *load)?,
        Job::Fill(entries) => fill(peer, dir, &fleet, *entries)?,
        Job::Reopen(entries) => reopen(peer, dir, &fleet, *entries)?,
        Job::Read(entries) => {
            let store = (peer.open)(dir, Syncs::EachWrite)?;
            if let Some(questions) = store.questions() {
                ask::everything(questions, &fleet, *entries)?;
            }
            store.close()?;
        }
    }
    println!("done");
    if matches!(job, Job::Fill(_)) {
        loop {
            std::thread::park();
        }
    }
    Ok(())
}

/// The acts a filled log holds, the one after the kill last.
pub(super) fn filled(fleet: &Fleet, entries: u64) -> impl Iterator<Item = Act<'_>> {
    let entries = usize::try_from(entries).unwrap_or(usize::MAX);
    fleet.acts(0).take(entries).chain(fleet.acts(1).take(1))
}

fn append(peer: &Peer, dir: &Path, fleet: &Fleet, load: Load) -> Result<()> {
    let store = (peer.open)(dir, Syncs::EachWrite)?;
    let written = machine::written_bytes(dir)?;
    let group = load.is_grouped.then(|| Group::new(&*store));
    let begin = Instant::now();
    let until = begin + Duration::from_secs_f64(load.seconds);
    let results: Vec<Result<(u64, Histogram<u64>)>> = std::thread::scope(|scope| {
        let start = |producer| {
            let (store, group, acts) = (&*store, group.as_ref(), fleet.acts(producer));
            scope.spawn(move || match group {
                Some(group) => produce(acts, 1, until, |acts| {
                    acts.iter().try_for_each(|act| group.append(*act))
                }),
                None => produce(acts, load.batch, until, |acts| store.write(acts)),
            })
        };
        let threads: Vec<_> = (0..load.producers).map(start).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| match thread.join() {
            Ok(result) => result,
            Err(_) => Err("a producer panicked".into()),
        };
        threads.into_iter().map(join).collect()
    });
    let elapsed = begin.elapsed();
    let (mut count, mut latencies) = (0, histogram()?);
    for result in results {
        let (appended, taken) = result?;
        count += appended;
        latencies.add(taken)?;
    }
    drop(group);
    store.close()?;
    say("rate", count as f64 / elapsed.as_secs_f64());
    say("p50", quantile(&latencies, 0.5));
    say("p99", quantile(&latencies, 0.99));
    say_written(dir, written, count as f64 * fleet.json_len())
}

/// Says how many bytes reached the disk since, for each byte that was appended.
fn say_written(dir: &Path, before: Option<u64>, appended: f64) -> Result<()> {
    if let (Some(before), Some(after)) = (before, machine::written_bytes(dir)?) {
        say("amplification", after.saturating_sub(before) as f64 / appended);
    }
    Ok(())
}

fn produce<'a>(
    mut acts: Acts<'a>,
    batch: usize,
    until: Instant,
    append: impl Fn(&[Act<'a>]) -> Result<()>,
) -> Result<(u64, Histogram<u64>)> {
    let (mut count, mut latencies) = (0, histogram()?);
    let mut gathered = Vec::with_capacity(batch);
    let mut last = Instant::now();
    while last < until {
        gathered.clear();
        gathered.extend(acts.by_ref().take(batch));
        append(&gathered)?;
        count += gathered.len() as u64;
        let now = Instant::now();
        record(&mut latencies, now - last);
        last = now;
    }
    Ok((count, latencies))
}

fn fill(peer: &Peer, dir: &Path, fleet: &Fleet, entries: u64) -> Result<()> {
    let store = (peer.open)(dir, Syncs::AtTheEnd)?;
    let written = machine::written_bytes(dir)?;
    let mut acts = fleet.acts(0);
    let mut rest = usize::try_from(entries)?;
    let begin = Instant::now();
    let mut gathered = Vec::with_capacity(FILL_GROUP);
    while rest > 0 {
        gathered.clear();
        gathered.extend(acts.by_ref().take(FILL_GROUP.min(rest)));
        store.write(&gathered)?;
        rest -= gathered.len();
    }
    store.sync()?;
    say("rate", entries as f64 / begin.elapsed().as_secs_f64());
    say_written(dir, written, entries as f64 * fleet.json_len())?;
    say("anonymous", machine::anonymous_bytes()? as f64 / 1e6);
    // It stays open: this process is killed, not closed.
    std::mem::forget(store);
    Ok(())
}

fn reopen(peer: &Peer, dir: &Path, fleet: &Fleet, entries: u64) -> Result<()> {
    let act: Vec<Act<'_>> = fleet.acts(1).take(1).collect();
    let begin = Instant::now();
    let store: Box<dyn Store> = (peer.open)(dir, Syncs::EachWrite)?;
    store.write(&act)?;
    say("reopen", begin.elapsed().as_secs_f64() * 1e3);
    store.close()?;
    say("rest", machine::allocated_bytes(dir)? as f64 / (entries + 1) as f64);
    Ok(())
}
