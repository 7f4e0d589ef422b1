//! Counts stay true while segments fill, are sealed and are added to what is kept of them.

use std::collections::BTreeMap;
use witnessmark::{AuditLog, Entry, Key, Query, Reader, View};

/// What a count by agent must say of these agents' entries.
fn wanted(agents: &[String]) -> Vec<(String, u64)> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    agents.iter().for_each(|agent| *counts.entry(agent).or_default() += 1);
    let mut counts: Vec<_> = counts.into_iter().map(|(name, n)| (name.to_owned(), n)).collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

fn counted(view: &View) -> Vec<(String, u64)> {
    view.count_by(&Query::new(), Key::Agent).unwrap().0
}

/// Appends in steps, and asks the log, a reader beside it and views of every step.
fn grow(steps: usize, agents_of: impl Fn(usize) -> Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let log = AuditLog::options(&path).segment_bytes(64 << 10).open().unwrap();
    let reader = Reader::open(&path).unwrap();
    let (mut agents, mut views) = (Vec::new(), Vec::new());
    for step in 0..steps {
        let new = agents_of(step);
        for some in new.chunks(16) {
            let entries = some.iter().map(|agent| Entry::new("tool_invocation", agent, "allow"));
            log.append_batch(entries.collect::<Vec<_>>()).unwrap();
        }
        agents.extend(new);
        let view = log.view();
        assert_eq!(counted(&view), wanted(&agents), "step {step}");
        let seen = reader.view().unwrap();
        let before = seen.size().get();
        let shown: u64 = counted(&seen).iter().map(|(_, count)| count).sum();
        let own = seen.count(&Query::new().system(true)).unwrap().0 - shown;
        assert!(before == shown + own && own < 9, "step {step}");
        views.push((view, agents.len()));
        // Views of earlier steps never count what came later.
        let (old, len) = views.get(step / 2).unwrap();
        assert_eq!(counted(old), wanted(agents.get(..*len).unwrap()), "step {}", step / 2);
    }
    assert!(log.view().segments().len() > 3);
    log.close().unwrap();
    let last = reader.view().unwrap();
    assert_eq!(counted(&last), wanted(&agents));
    assert_eq!(counted(&last), counted(&last));
    let (every, _) = last.count_by(&Query::new().verified(true), Key::Agent).unwrap();
    assert_eq!(every, wanted(&agents));
}

#[test]
fn a_count_is_true_of_every_view_while_segments_are_sealed() {
    grow(12, |step| {
        (0..150).map(|i| format!("agent-{}", (i * i + step * 7) % (5 + 9 * step))).collect()
    });
}

/// More bytes of names than are kept: nothing is, and nothing changes for who asks.
#[test]
fn a_count_of_more_names_than_are_kept_is_as_true() {
    let name = |n: usize| format!("{n:05}{}", "x".repeat(2000));
    grow(3, |step| (0..900).map(|i| name(step * 850 + i)).collect());
}
