//! Appends: floor and engine take turns on one disk, so that both see the same machine.
//!
//! ```text
//! one by one            floor: one by one, as many threads
//! batches of n          floor: batches of n, as many threads
//! n outstanding         floor: batches of 256, as many threads
//! bulk, one sync        floor: the same groups, one sync, a file that holds them all
//! ```

use super::Args;
use super::bars::{self, Bar};
use super::measure::{Measure, Outcome};
use super::row::Row;
use crate::errors::{Answer, Failure};
use std::path::Path;
use witnessmark::{AuditLog, Entry, Error};
use witnessmark_floor::{AGENTS, Act, Floor, Load, Run, Workload};
use witnessmark_floor::{batched, blocking, bulk, pipelined};

/// Entries of the floor's batches beside pipelined appends.
const FLOOR_BATCH: usize = 256;
/// Entries of a write, in bulk.
const BULK_BATCH: usize = 1024;
/// What the floor writes around an entry, and how much longer than asked an entry may be.
const FLOOR_ROOM: u64 = 64;
/// What the shortest entries of the load take at most.
const SIZE_MIN: u64 = 450;
/// Bytes of the floor's file that durable appends write round and round.
const FLOOR_BYTES_MAX: u64 = 256 << 20;

/// The act as the engine takes it.
pub(super) fn entry<'a>(act: &Act<'a>) -> Entry<'a> {
    witnessmark_floor::entry_of!(Entry<'a>, act)
}

/// How much is appended in the round with this number.
pub(super) fn load(args: &Args, round: u32) -> Load {
    Load {
        threads: usize::from(args.threads()),
        entries: args.entries(),
        size: usize::try_from(args.size).unwrap_or(usize::MAX),
        window: usize::try_from(args.window).unwrap_or(usize::MAX),
        seed: u64::from(round) + 1,
        agents: AGENTS,
    }
}

/// What one round writes to the floor, at most.
fn floor_bytes(args: &Args) -> u64 {
    args.entries() * (u64::from(args.size).max(SIZE_MIN) + FLOOR_ROOM)
}

/// Runs of one thing, floor and engine side by side.
#[derive(Default)]
struct Pairs {
    rows: Vec<Row>,
    ratios: Vec<f64>,
    rates: Vec<f64>,
    p99_ratios: Vec<f64>,
}

impl Pairs {
    fn push(&mut self, floor: &Run, engine: &Run) {
        let p99 = |run: &Run| run.latencies.value_at_quantile(0.99) as f64;
        self.ratios.push(engine.rate() / floor.rate().max(1e-9));
        self.rates.push(engine.rate());
        self.p99_ratios.push(p99(engine) / p99(floor).max(1.0));
        self.rows.push(Row::of_run("floor", floor));
        self.rows.push(Row::of_run("engine", engine).beside(floor));
    }
}

/// Durable appends: one by one, in batches, or pipelined.
pub(super) fn measure(args: &Args, room: &Path) -> Answer<Outcome> {
    let failed = |error| Failure::io(&error, "append to the floor");
    let bytes = floor_bytes(args).saturating_mul(u64::from(args.rounds)).min(FLOOR_BYTES_MAX);
    let floor = Floor::with_room(&room.join("floor"), bytes).map_err(failed)?;
    // One log for all rounds: it grows, rotates and seals, as a log does.
    let log = AuditLog::open(room.join("log"))?;
    let mut pairs = Pairs::default();
    for round in 0..args.rounds {
        let load = load(args, round);
        let least = on_floor(&floor, &load, args).map_err(failed)?;
        pairs.push(&least, &on_engine(&log, &load, args.batch())?);
    }
    log.close()?;
    Ok(judged(args, pairs))
}

fn judged(args: &Args, pairs: Pairs) -> Outcome {
    let (threads, batch, window) = (args.threads(), args.batch(), args.window);
    let (way, unit, ratio, rate): (_, _, Option<&Bar>, Option<&Bar>) = match (batch, window) {
        (1, 1) => (String::new(), "x floor", bars::blocking(threads), None),
        (1, window) => {
            let (ratio, rate) = match (threads, window) {
                (8, 4096) => (Some(&bars::OUTSTANDING), Some(&bars::OUTSTANDING_RATE)),
                (8, 256) => (None, Some(&bars::FEW_OUTSTANDING_RATE)),
                _ => (None, None),
            };
            (format!(", {window} outstanding"), "x floor, batches of 256", ratio, rate)
        }
        (batch, _) => {
            let bar = (threads == 1 && batch == 256).then_some(&bars::BATCHES);
            (format!(", batches of {batch}"), "x floor", bar, None)
        }
    };
    let producers = if threads == 1 { "producer" } else { "producers" };
    let name = format!("append, {threads} {producers}{way}");
    let entries = args.entries();
    let mut measures = vec![
        Measure::new(&name, unit, entries, pairs.ratios, ratio),
        Measure::new(&name, "entries/s", entries, pairs.rates, rate),
    ];
    // Waiting for a whole window is nothing that the floor's batches could be compared with.
    if window == 1 {
        let bar = (threads == 1 && batch == 1).then_some(&bars::P99);
        let name = format!("{name}, p99");
        measures.push(Measure::new(name, unit, entries, pairs.p99_ratios, bar));
    }
    Outcome { rows: pairs.rows, measures }
}

fn on_floor(floor: &Floor, load: &Load, args: &Args) -> std::io::Result<Run> {
    let in_batches =
        |workload: &mut Workload, count| floor.append_batch(workload.next_jsons(count));
    match (args.batch(), args.window) {
        (1, 1) => blocking(load, |workload: &mut Workload| floor.append(workload.next_json())),
        (1, _) => batched(load, FLOOR_BATCH, in_batches),
        (batch, _) => batched(load, batch, in_batches),
    }
}

/// Appends to a log with as many producers and as large windows as the load says, or in batches.
pub(super) fn on_engine(log: &AuditLog, load: &Load, batch: usize) -> Result<Run, Error> {
    if batch > 1 {
        return batched(load, batch, |workload: &mut Workload, count| {
            log.append_batch(workload.next_acts(count).map(|act| entry(&act))).map(drop)
        });
    }
    if load.window <= 1 {
        return blocking(load, |workload: &mut Workload| {
            log.append(entry(&workload.next_act())).map(drop)
        });
    }
    let submit = |workload: &mut Workload| log.submit(entry(&workload.next_act()));
    pipelined(load, submit, |ticket| ticket.wait().map(drop))
}

/// Many entries and one sync at the end, into a new log each round.
pub(super) fn in_bulk(args: &Args, room: &Path) -> Answer<Outcome> {
    let failed = |error| Failure::io(&error, "append to the floor");
    let entries = args.entries();
    let floor = Floor::with_room(&room.join("floor"), floor_bytes(args)).map_err(failed)?;
    let mut pairs = Pairs::default();
    for round in 0..args.rounds {
        let load = load(args, round);
        let write = |workload: &mut Workload, count| floor.write_batch(workload.next_jsons(count));
        let least = bulk(&load, BULK_BATCH, write, || floor.sync()).map_err(failed)?;
        let path = room.join("log");
        let log = AuditLog::open(&path)?;
        pairs.push(&least, &engine_in_bulk(&log, &load)?);
        log.close()?;
        std::fs::remove_dir_all(&path)
            .map_err(|error| Failure::io(&error, "remove the log of a round"))?;
    }
    let name = match args.threads() {
        1 => "bulk, one sync".to_owned(),
        threads => format!("bulk, one sync, {threads} producers"),
    };
    let measures = vec![
        Measure::new(&name, "x floor", entries, pairs.ratios, Some(&bars::BULK)),
        Measure::new(&name, "entries/s", entries, pairs.rates, None),
    ];
    Ok(Outcome { rows: pairs.rows, measures })
}

/// As [`on_engine`], with one sync at the end.
pub(super) fn engine_in_bulk(log: &AuditLog, load: &Load) -> Result<Run, Error> {
    let write = |workload: &mut Workload, count| {
        log.append_batch_buffered(workload.next_acts(count).map(|act| entry(&act))).map(drop)
    };
    bulk(load, BULK_BATCH, write, || log.sync().map(drop))
}
