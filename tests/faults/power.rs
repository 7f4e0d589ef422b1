//! The power goes: at every operation, with everything unsynced lost, kept, torn or reordered.

use crate::campaign::is_set_aside;
use crate::sim::{Dice, Faults, Sim};
use crate::story::{Told, options, torn_tail};

/// Changes the whole story makes when nothing goes wrong.
pub(crate) fn changes_of(align: u16, seed: u64) -> u64 {
    let sim = Sim::new();
    sim.set_faults(Faults::default());
    Told::default().tell(&sim, align, seed).unwrap();
    sim.changes()
}

/// Tells the story until the process dies at the `at`-th change.
pub(crate) fn told_until(at: u64, align: u16, seed: u64) -> (Sim, Told) {
    let sim = Sim::new();
    sim.set_faults(Faults { die_after: Some(at), ..Faults::default() });
    let mut told = Told::default();
    // It fails when the process dies, and may just be over before that.
    let _ = told.tell(&sim, align, seed);
    sim.stop();
    (sim, told)
}

fn wrong(seed: u64, at: u64, what: &str, result: Result<(), String>) -> Result<(), String> {
    result.map_err(|error| format!("seed {seed}, change {at}, {what}: {error}"))
}

/// Every crash point of one story, `images` power cuts each.
fn crash_everywhere(align: u16, seed: u64, images: u64) -> Result<(), String> {
    for at in 1..=changes_of(align, seed) {
        let (sim, told) = told_until(at, align, seed);
        for image in 0..images {
            let disk = sim.fork();
            disk.cut_power(&mut Dice::new(seed ^ at << 20 ^ image));
            wrong(seed, at, &format!("cut {image}"), told.check(&disk, align))?;
        }
        let disk = sim.fork();
        disk.kill();
        wrong(seed, at, "kill", told.check(&disk, align))?;
    }
    Ok(())
}

#[test]
fn nothing_acknowledged_is_lost_wherever_the_power_goes() {
    for (align, seed) in [(1, 1), (512, 2), (4096, 3), (1, 4)] {
        crash_everywhere(align, seed, 4).unwrap();
    }
}

/// A killed process leaves names and pages in the cache that no sync made durable; what is built
/// on them must be durable all the same.
#[test]
fn a_process_killed_before_a_sync_is_followed_by_one_that_makes_up_for_it() {
    let (align, seed) = (1, 5);
    for at in 1..=changes_of(align, seed) {
        let (sim, mut told) = told_until(at, align, seed);
        sim.kill();
        let log = options(&sim, align).open().unwrap();
        told.act(&log, &mut Dice::new(at), 60).unwrap();
        drop_without_closing(&sim, log);
        sim.cut_power(&mut Dice::new(at + 1000));
        wrong(seed, at, "kill, append, cut", told.check(&sim, align)).unwrap();
    }
}

fn drop_without_closing(sim: &Sim, log: witnessmark::AuditLog) {
    sim.stop();
    drop(log);
}

/// Cuts power, lets recovery die at its `n`-th change, cuts again, and so on for every `n`. What
/// was torn must be whole in a quarantine file at the end, and told, and on record.
fn crash_in_recovery(align: u16, seed: u64) -> Result<u64, String> {
    let mut torn_logs = 0;
    for at in 1..=changes_of(align, seed) {
        let (sim, told) = told_until(at, align, seed);
        sim.cut_power(&mut Dice::new(seed ^ at << 20));
        let torn = torn_tail(&sim);
        if torn.is_empty() {
            continue;
        }
        torn_logs += 1;
        for die_after in 1.. {
            let disk = sim.fork();
            disk.set_faults(Faults { die_after: Some(die_after), ..Faults::default() });
            let recovered = options(&disk, align).open();
            disk.stop();
            let is_whole = disk.changes() < die_after;
            drop(recovered);
            disk.cut_power(&mut Dice::new(seed ^ at << 20 ^ die_after));
            let place = format!("recovery of change {at}, its change {die_after}");
            wrong(seed, at, &place, told.check(&disk, align))?;
            let kept = is_set_aside(&disk, &torn);
            if !kept {
                return Err(format!("seed {seed}, {place}: {} torn bytes are gone", torn.len()));
            }
            if is_whole {
                break;
            }
        }
    }
    Ok(torn_logs)
}

#[test]
fn a_recovery_that_is_cut_short_loses_nothing_not_even_what_was_torn() {
    let torn = crash_in_recovery(1, 6).unwrap() + crash_in_recovery(512, 7).unwrap();
    assert!(torn > 8, "only {torn} of these power cuts tore anything");
}

/// Without sector padding a sector with acknowledged bytes is written again; with it, a disk may
/// even garble the sectors it is writing when the power goes.
#[test]
fn sector_padding_survives_disks_that_garble_what_they_write() {
    let losses = |align: u16| {
        let mut lost = 0;
        for at in (1..=changes_of(align, 8)).step_by(2) {
            let (sim, told) = told_until(at, align, 8);
            sim.set_garbles();
            sim.cut_power(&mut Dice::new(at));
            lost += usize::from(told.check(&sim, align).is_err());
        }
        lost
    };
    assert_eq!((losses(512), losses(4096)), (0, 0));
    assert!(losses(1) > 0, "the disk must be able to do harm");
}

/// A failed sync leaves pages that the cache shows, that count as clean, and that the disk does
/// not have. A process that starts in the same boot believes them; it must write them again.
fn lying_cache(drops_rewrites: bool) -> Result<(), String> {
    for failing in ["sync_data", "sync_all", "sync_dir"] {
        for nth in 0..12 {
            let sim = Sim::new();
            let mut told = Told::default();
            let log = options(&sim, 1).open().unwrap();
            told.act(&log, &mut Dice::new(nth), usize::try_from(nth).unwrap()).unwrap();
            let kind = std::io::ErrorKind::Other;
            sim.set_faults(Faults { fail: vec![(failing, "", kind)], ..Faults::default() });
            // Some of it fails, with or without anybody being told.
            let _ = told.act(&log, &mut Dice::new(nth + 100), 10);
            let _ = log.close();
            sim.set_faults(Faults { drops_rewrites, ..Faults::default() });
            let log = options(&sim, 1).open().map_err(|error| error.to_string())?;
            told.act(&log, &mut Dice::new(nth + 200), 12).map_err(|error| error.to_string())?;
            sim.stop();
            drop(log);
            for cut in 0..4 {
                let disk = sim.fork();
                disk.cut_power(&mut Dice::new(nth + cut));
                wrong(nth, cut, failing, told.check(&disk, 1))?;
            }
        }
    }
    Ok(())
}

#[test]
fn bytes_that_only_the_cache_has_are_written_again_before_they_are_believed() {
    lying_cache(false).unwrap();
    lying_cache(true).unwrap_err();
}
