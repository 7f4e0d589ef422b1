//! The whole engine under many schedules: appends, dropped tickets, audits, a failing sync and a
//! close, all at once. Nobody hangs, nobody is told what is not so.
//!
//! With the model's threads each seed is one schedule and a hang is a deadlock that the model names;
//! with the system's, this only tries. `SCHEDULES` says how many, `SEED` where they begin.

use crate::campaign::{number, seed};
use crate::sim::{Dice, Faults, Sim};
use crate::story::{Told, entry, options};
use crate::threads;
use std::sync::{Arc, Mutex};
use witnessmark::{AuditLog, ErrorKind, Receipt, Result};

/// Takes an answer: a receipt is told, an error must be one of those that end a log.
fn note(told: &Mutex<Told>, answer: Result<Receipt>) {
    match answer {
        Ok(receipt) => told.lock().unwrap().take(&receipt),
        Err(error) => {
            let kind = error.kind();
            assert!(matches!(kind, ErrorKind::Poisoned | ErrorKind::Closed), "{error}");
        }
    }
}

fn act(log: &AuditLog, told: &Mutex<Told>, number: usize) {
    match number {
        0 => (0..2).for_each(|_| note(told, log.append(entry("did:a", "{}")))),
        1 => {
            // The first ticket is dropped: its entry is on its way all the same.
            drop(log.submit(entry("did:b", "{}")));
            note(told, log.submit(entry("did:b", "{}")).and_then(witnessmark::Ticket::wait));
        }
        2 => drop(log.sync()),
        _ => drop(log.verify_integrity()),
    }
}

/// One schedule of one of four stories.
fn play(seed: u64) -> std::result::Result<(), String> {
    let (fails, closes) = (seed % 2 == 1, seed / 2 % 2 == 1);
    threads::run(seed, move || {
        let sim = Sim::new();
        let log = options(&sim, 1).open().expect("a sound disk");
        let told = Arc::new(Mutex::new(Told::default()));
        if fails {
            let fail = vec![("sync_data", ".seg", std::io::ErrorKind::Other)];
            sim.set_faults(Faults { fail, ..Faults::default() });
        }
        let actors: Vec<_> = (0..4)
            .map(|number| {
                let (log, told) = (log.clone(), Arc::clone(&told));
                threads::spawn(move || act(&log, &told, number))
            })
            .collect();
        let closed = closes.then(|| log.clone().close());
        for actor in actors {
            actor.join().expect("an actor does not panic");
        }
        let poisoned = log.poisoned().is_some();
        drop((closed, log));
        sim.set_faults(Faults::default());
        let told = told.lock().unwrap().clone();
        if poisoned && !told.receipts.is_empty() {
            return Err(format!("the first sync failed, and {:?} was told", told.receipts));
        }
        // What only the page cache has is gone when the power goes.
        let cut = sim.fork();
        cut.cut_power(&mut Dice::new(seed));
        told.check(&cut, 1).map_err(|error| format!("after a power cut: {error}"))?;
        told.check(&sim, 1)
    })
}

#[test]
fn under_any_schedule_everybody_is_answered_and_rightly() {
    let (first, schedules) = (seed(), number("SCHEDULES").unwrap_or(40));
    let begun = std::time::Instant::now();
    eprintln!("SEED={first} SCHEDULES={schedules}");
    for seed in first..first + schedules {
        play(seed).unwrap_or_else(|error| panic!("SEED={seed} SCHEDULES=1: {error}"));
    }
    eprintln!("{schedules} schedules in {:.1} s", begun.elapsed().as_secs_f64());
}
