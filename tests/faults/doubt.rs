//! What nothing vouches for yet: it is not signed, it is not believed of a cache, and it does not stay
//! so for long.

use crate::recovery::{crc32, killed, many_segments, scanned, three_entries};
use crate::sim::{Faults, Sim};
use crate::story::{entry, options};
use witnessmark::{ErrorKind, Reader, SigningKey};

/// What is written again begins with the first group that no sync is known to have covered.
#[test]
fn all_groups_since_the_last_known_sync_are_in_doubt() {
    let sim = killed(4, |log| {
        let _ = log.append(entry("did:a", "{}")).unwrap();
        for _ in 0..3 {
            let _ = log.append_buffered(entry("did:a", "{}")).unwrap();
        }
    });
    let seen = scanned(&sim);
    assert_eq!(seen.synced_size(), 1);
    assert_eq!(seen.unvouched_from(), seen.groups[1].offset);
}

/// Nothing says that the last entry is durable, so nobody signs it.
#[test]
fn what_nothing_vouches_for_is_not_signed() {
    let (sim, ..) = three_entries();
    let reader = Reader::on_storage(sim.storage()).unwrap();
    let view = reader.view().unwrap();
    assert_eq!((view.size().get(), view.unvouched()), (3, 1));
    let key = SigningKey::from_seed(&reader.identity().origin, &[7; 32]).unwrap();
    let signed = reader.checkpoint(&[&key]).unwrap();
    assert_eq!(signed.checkpoint().size().get(), 2);
    assert_eq!(signed.checkpoint().root(), view.root_at(2.into()).unwrap());
    // Whoever opens the log for writing vouches for it, when he closes it at the latest.
    options(&sim, 1).open().unwrap().close().unwrap();
    let signed = reader.checkpoint(&[&key]).unwrap();
    assert_eq!(signed.checkpoint().size().get(), 3);
}

/// What is wrong with the history stops signing, not appending; a disk that fails stops both.
#[test]
fn a_history_that_holds_no_checkpoint_stops_nobody_from_appending() {
    let sim = Sim::new();
    options(&sim, 1).open().unwrap().close().unwrap();
    let (line, note) = ("checkpoint 00000009", "nonsense\n");
    let crc = crc32(format!("{line}{note}").as_bytes());
    sim.put("log.checkpoints", format!("{line} {crc:08x}\n{note}\n").as_bytes());
    let log = options(&sim, 1).open().unwrap();
    let _ = log.append(entry("did:a", "{}")).unwrap();
    let key = SigningKey::from_seed(&log.identity().origin, &[7; 32]).unwrap();
    let error = log.checkpoint(&[&key]).unwrap_err();
    assert_eq!(
        (error.kind(), error.location().file.as_deref()),
        (ErrorKind::Corrupt, Some("log.checkpoints"))
    );
    log.close().unwrap();
    let broken = std::io::ErrorKind::Other;
    sim.set_faults(Faults {
        fail_always: vec![("read", "log.checkpoints", broken)],
        ..Faults::default()
    });
    assert_eq!(options(&sim, 1).open().unwrap_err().kind(), ErrorKind::Io);
}

/// Nobody has to close a log, or append to it, for its last entries to be vouched for.
#[test]
fn a_log_that_is_left_alone_vouches_for_its_last_entries() {
    let sim = Sim::new();
    let log = options(&sim, 1).open().unwrap();
    let reader = Reader::on_storage(sim.storage()).unwrap();
    for turn in 1..=2 {
        let _ = log.append(entry("did:a", "{}")).unwrap();
        let begun = std::time::Instant::now();
        while reader.view().unwrap().unvouched() > 0 || reader.view().unwrap().size().get() < turn {
            assert!(begun.elapsed().as_secs() < 60, "the last entry is not vouched for");
            std::thread::yield_now();
        }
        assert_eq!(log.head().size.get(), turn, "an empty group brings no entry");
    }
}

/// The cache may show what a sync of the process before did not bring to the disk, where a process
/// died; where a log was closed, every sync succeeded.
#[test]
fn what_recovery_builds_on_is_asked_of_the_medium_unless_the_log_was_closed() {
    let sim = many_segments();
    let mut segments = sim.names();
    segments.retain(|name| name.ends_with(".seg"));
    segments.reverse();
    sim.put("zz.seg", b"of somebody else");
    sim.take_forgotten();
    let log = options(&sim, 1).open().unwrap();
    assert_eq!(sim.take_forgotten(), [""; 0], "it was closed, and what is sealed is read-only");
    let _ = log.append(entry("did:a", "{}")).unwrap();
    sim.stop();
    drop(log);
    sim.kill();
    options(&sim, 1).open().unwrap().close().unwrap();
    assert_eq!(sim.take_forgotten(), segments[..1]);
    // Nothing says that these were synced: the last, the one before, and the one sealed last.
    for name in segments.iter().skip(1) {
        let bytes = sim.bytes(name);
        sim.take_away(name);
        sim.put(name, &bytes);
    }
    let log = options(&sim, 1).open().unwrap();
    assert_eq!(sim.take_forgotten(), segments[1..3]);
    log.close().unwrap();
}
