//! Every call fails, with every error, having done nothing, half or all of what it should: waiters
//! wake, nobody is told what is not so, writing has ended where it must, and opening again finds
//! everything.
//!
//! The script is told to a sound disk first, which counts its calls; then once for each call, each
//! error and each effect. `STEP` thins the calls out, 1 is all of them.

use crate::campaign::{number, seed};
use crate::sim::{Effect, FailedCall, Faults, Sim};
use crate::story::{Told, entry, options};
use crate::threads;
use std::io::ErrorKind as Io;
use std::sync::{Arc, Mutex};
use witnessmark::{AuditLog, ErrorKind, Result};

/// What a call can fail with: EIO, ENOSPC, EINTR, EROFS, EDQUOT, EFBIG.
const ERRORS: [Io; 6] = [
    Io::Other,
    Io::StorageFull,
    Io::Interrupted,
    Io::ReadOnlyFilesystem,
    Io::QuotaExceeded,
    Io::FileTooLarge,
];
const EFFECTS: [Effect; 3] = [Effect::Nothing, Effect::Half, Effect::All];
const ALIGN: u16 = 1;

/// What became of the script.
#[derive(Default)]
struct Fate {
    told: Told,
    /// Tickets and appends that were answered, with success or an error.
    answered: usize,
    failed: usize,
    /// Errors that are none of those a caller may get from a disk.
    odd: Vec<String>,
    /// Success after the log was poisoned.
    undead: usize,
    calls: u64,
}

impl Fate {
    /// `is_poisoned`: whether the log was, before the entry was given to it.
    fn note<T>(&mut self, is_poisoned: bool, answer: Result<T>) -> Option<T> {
        self.answered += 1;
        match answer {
            Ok(value) => {
                self.undead += usize::from(is_poisoned);
                Some(value)
            }
            Err(error) => {
                self.failed += 1;
                let is_known = matches!(
                    error.kind(),
                    ErrorKind::Poisoned | ErrorKind::NoSpace | ErrorKind::Io | ErrorKind::Closed
                );
                if !is_known {
                    self.odd.push(error.to_string());
                }
                None
            }
        }
    }
}

/// The script: two waiting producers and their tickets, until two segments are full.
fn script(log: &AuditLog) -> Fate {
    let fate = Arc::new(Mutex::new(Fate::default()));
    let producers: Vec<_> = (0..2)
        .map(|number| {
            let (log, fate) = (log.clone(), Arc::clone(&fate));
            threads::spawn(move || produce(&log, &fate, number))
        })
        .collect();
    for producer in producers {
        producer.join().expect("a producer does not panic");
    }
    std::mem::take(&mut *fate.lock().unwrap())
}

fn produce(log: &AuditLog, fate: &Mutex<Fate>, number: usize) {
    let agent = ["did:a", "did:b"][number];
    let data = format!("{{\"fill\":\"{}\"}}", "x".repeat(14_000));
    for act in 0..4 {
        // Not under the lock of the books: the model may switch threads here.
        let is_poisoned = log.poisoned().is_some();
        if number == 1 {
            let tickets: Vec<_> = (0..2).map(|_| log.submit(entry(agent, &data))).collect();
            for ticket in tickets {
                let answer = ticket.and_then(witnessmark::Ticket::wait);
                let mut fate = fate.lock().unwrap();
                if let Some(receipt) = fate.note(is_poisoned, answer) {
                    fate.told.take(&receipt);
                }
            }
        } else if act == 2 {
            let both = [entry(agent, &data), entry(agent, "{}")];
            let answer = log.append_batch(both);
            let mut fate = fate.lock().unwrap();
            for receipt in fate.note(is_poisoned, answer).unwrap_or_default() {
                fate.told.take(&receipt);
            }
        } else {
            let answer = log.append(entry(agent, &data));
            let mut fate = fate.lock().unwrap();
            if let Some(receipt) = fate.note(is_poisoned, answer) {
                fate.told.take(&receipt);
            }
        }
    }
}

/// Two lives of a log of which one call fails; the second one opens what the first one closed.
fn live(sim: &Sim, failed: Option<FailedCall>) -> Fate {
    sim.set_faults(Faults { fail_nth: failed, ..Faults::default() });
    let mut all = Fate::default();
    for _ in 0..2 {
        let Ok(log) = options(sim, ALIGN).open() else { break };
        let fate = script(&log);
        all.told.receipts.extend(fate.told.receipts);
        all.answered += fate.answered;
        all.failed += fate.failed;
        all.odd.extend(fate.odd);
        all.undead += fate.undead;
        let poisoned = log.poisoned().is_some();
        let closed = log.close();
        all.undead += usize::from(poisoned && closed.is_ok());
    }
    all.calls = sim.calls();
    all
}

/// One call fails in one way. Returns whether anybody was told of it.
fn fail(failed: FailedCall, seed: u64) -> std::result::Result<bool, String> {
    threads::run(seed, move || {
        let sim = Sim::new();
        let fate = live(&sim, Some(failed));
        if let Some(odd) = fate.odd.first() {
            return Err(format!("a caller was told `{odd}`"));
        }
        if fate.undead > 0 {
            return Err("a poisoned log went on".to_owned());
        }
        sim.set_faults(Faults::default());
        // In the same boot, and after the power went.
        let cut = sim.fork();
        cut.cut_power(&mut crate::sim::Dice::new(seed));
        fate.told.check(&sim, ALIGN).map_err(|error| format!("opened again: {error}"))?;
        fate.told.check(&cut, ALIGN).map_err(|error| format!("after a power cut: {error}"))?;
        Ok(fate.failed > 0)
    })
}

#[test]
fn whichever_call_fails_and_however_nobody_is_told_what_is_not_so() {
    let (seed, step) = (seed(), number("STEP").unwrap_or(37).max(1));
    let calls = threads::run(seed, || live(&Sim::new(), None).calls);
    eprintln!("SEED={seed} STEP={step}: a script of {calls} calls");
    let begun = std::time::Instant::now();
    let ways: Vec<FailedCall> = (1..=calls)
        .flat_map(|nth| ERRORS.map(|kind| (nth, kind)))
        .flat_map(|(nth, kind)| EFFECTS.map(|effect| FailedCall { nth, kind, effect }))
        .collect();
    // A thinned-out run begins at another place each time, so that all have their turn.
    let step = usize::try_from(step).unwrap();
    let ways: Vec<FailedCall> =
        ways.into_iter().skip(usize::try_from(seed).unwrap() % step).step_by(step).collect();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let (mut tried, mut told) = (0, 0);
    std::thread::scope(|scope| {
        let ways = &ways;
        let one = move |worker: usize| {
            let mut counts = (0u64, 0u64);
            for failed in ways.iter().skip(worker).step_by(workers) {
                let was_told = fail(*failed, seed)
                    .unwrap_or_else(|error| panic!("SEED={seed} STEP=1, {failed:?}: {error}"));
                counts = (counts.0 + 1, counts.1 + u64::from(was_told));
            }
            counts
        };
        let workers: Vec<_> = (0..workers).map(|worker| scope.spawn(move || one(worker))).collect();
        for worker in workers {
            let counts = worker.join().expect("its message stands above");
            (tried, told) = (tried + counts.0, told + counts.1);
        }
    });
    eprintln!(
        "{tried} of {calls} calls x {} errors x {} effects, {told} of them felt, in {:.1} s",
        ERRORS.len(),
        EFFECTS.len(),
        begun.elapsed().as_secs_f64()
    );
    assert!(tried > 0 && told > tried / 8, "{told} of {tried} failures were felt");
}
