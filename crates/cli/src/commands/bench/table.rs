//! The whole table: this command once more for each of its lines, one process after the other, so
//! that none begins with what another left in memory.

use super::measure::{Measure, Outcome};
use super::{Args, What};
use crate::context::Context;
use crate::errors::{Answer, Failure, UNDECIDED};
use serde::Deserialize;
use std::process::{Command, Stdio};
use std::time::Instant;

/// One line of the table, as arguments.
#[derive(Clone, Copy)]
struct Step {
    what: What,
    threads: u16,
    batch: u32,
    window: u32,
    entries: u64,
}

const MILLION: u64 = 1_000_000;

const fn appends(threads: u16, entries: u64) -> Step {
    Step { what: What::Append, threads, batch: 1, window: 1, entries }
}

const fn others(what: What, threads: u16) -> Step {
    Step { what, threads, batch: 1, window: 1, entries: MILLION }
}

/// Bars 1 to 6, and 8: what meets the disk at every step.
const DURABLE: [Step; 8] = [
    appends(1, 10_000),
    appends(8, 50_000),
    appends(64, 300_000),
    appends(256, 500_000),
    Step { batch: 256, ..appends(1, 500_000) },
    Step { window: 4096, ..appends(8, MILLION) },
    Step { window: 256, ..appends(8, MILLION) },
    others(What::Ingest, 2),
];

/// Bars 7 and 9 to 18: what may change as a log grows.
const GROWING: [Step; 6] = [
    others(What::Bulk, 1),
    others(What::Cost, 1),
    others(What::Query, 1),
    others(What::Proof, 1),
    others(What::Verify, 2),
    others(What::Open, 1),
];

/// What is read of a child's answer.
#[derive(Deserialize)]
struct Answered {
    machine: Busy,
    measures: Vec<Measure>,
}

#[derive(Deserialize)]
struct Busy {
    others_during: f64,
}

/// Every bar, each with the entries it is stated for, or fewer when the arguments say so.
pub(super) fn bars(args: &Args, context: &mut Context) -> Answer<Outcome> {
    let mut outcome = Outcome::default();
    for step in DURABLE.iter().chain(&GROWING) {
        let entries = args.entries().min(step.entries);
        run(&Step { entries, ..*step }, args, context, &mut outcome)?;
    }
    Ok(outcome)
}

/// What may change as a log grows, at a hundredth, a tenth and all of the entries.
pub(super) fn growth(args: &Args, context: &mut Context) -> Answer<Outcome> {
    let mut outcome = Outcome::default();
    for entries in [100, 10, 1].map(|part| (args.entries() / part).max(1)) {
        for step in &GROWING {
            run(&Step { entries, ..*step }, args, context, &mut outcome)?;
        }
    }
    outcome.measures.sort_by_key(Measure::place);
    Ok(outcome)
}

fn run(step: &Step, args: &Args, context: &mut Context, outcome: &mut Outcome) -> Answer<()> {
    let failed = |error| Failure::io(&error, "run wmark bench");
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.args(["bench", step.what.name(), "--json", "--quiet", "--dir"]).arg(&args.dir);
    let numbers = [
        ("--threads", u64::from(step.threads)),
        ("--entries", step.entries),
        ("--size", u64::from(args.size)),
        ("--rounds", u64::from(args.rounds)),
    ];
    let way = match (step.batch, step.window) {
        (1, window) => ("--window", u64::from(window)),
        (batch, _) => ("--batch", u64::from(batch)),
    };
    for (flag, value) in numbers.into_iter().chain([way]) {
        command.arg(flag).arg(value.to_string());
    }
    let begin = Instant::now();
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().map_err(failed)?;
    if !output.status.success() {
        let message = format!("wmark bench {}: {}", step.what.name(), output.status);
        return Err(Failure::new(UNDECIDED, "unexpected", message));
    }
    let answered: Answered = serde_json::from_slice(&output.stdout).map_err(|error| {
        Failure::new(UNDECIDED, "unexpected", format!("wmark bench {}: {error}", step.what.name()))
    })?;
    context.out.say(format_args!(
        "{}, {} entries: {} s, others kept {:.2} cores busy",
        answered.measures.first().map_or_else(|| step.what.name(), Measure::name),
        step.entries,
        begin.elapsed().as_secs(),
        answered.machine.others_during,
    ));
    outcome.measures.extend(answered.measures);
    Ok(())
}
