//! Appends: floor and engine take turns on one disk, so that both see the same machine.

use super::Args;
use super::row::Row;
use crate::errors::{Answer, Failure};
use std::path::Path;
use witnessmark::{AuditLog, Entry, Error};
use witnessmark_floor::{Act, Floor, Load, Run, Workload, blocking, pipelined};

/// The act as the engine takes it.
pub(super) fn entry<'a>(act: &Act<'a>) -> Entry<'a> {
    witnessmark_floor::entry_of!(Entry<'a>, act)
}

/// How much is appended in the round with this number.
pub(super) fn load(args: &Args, round: u32) -> Load {
    Load {
        threads: usize::from(args.threads),
        entries: args.entries,
        size: usize::try_from(args.size).unwrap_or(usize::MAX),
        window: usize::try_from(args.window).unwrap_or(usize::MAX),
        seed: u64::from(round) + 1,
    }
}

pub(super) fn measure(args: &Args, room: &Path) -> Answer<Vec<Row>> {
    let failed = |error| Failure::io(&error, "append to the floor");
    let floor = Floor::create(&room.join("floor")).map_err(failed)?;
    // One log for all rounds: it grows, rotates and seals, as a log does.
    let log = AuditLog::open(room.join("log"))?;
    let mut rows = Vec::new();
    for round in 0..args.rounds {
        let load = load(args, round);
        let least = on_floor(&floor, &load).map_err(failed)?;
        let run = on_engine(&log, &load)?;
        rows.push(Row::of_run("floor", &least));
        rows.push(Row::of_run("engine", &run).beside(&least));
    }
    log.close()?;
    Ok(rows)
}

fn on_floor(floor: &Floor, load: &Load) -> std::io::Result<Run> {
    if load.window <= 1 {
        return blocking(load, |workload: &mut Workload| floor.append(workload.next_json()));
    }
    let submit = |workload: &mut Workload| floor.submit(workload.next_json());
    pipelined(load, submit, |group| floor.wait(group))
}

/// Appends to a log with as many producers and as large windows as the load says.
pub(super) fn on_engine(log: &AuditLog, load: &Load) -> Result<Run, Error> {
    if load.window <= 1 {
        return blocking(load, |workload: &mut Workload| {
            log.append(entry(&workload.next_act())).map(drop)
        });
    }
    let submit = |workload: &mut Workload| log.submit(entry(&workload.next_act()));
    pipelined(load, submit, |ticket| ticket.wait().map(drop))
}
