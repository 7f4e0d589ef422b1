//! Publication: whoever sees a size sees what it stands for.

use super::{Stage, entry, explore, stage};
use crate::query::Query;
use crate::sync::thread;

/// A view shows only what is kept, and all of it: every part read up to its end, under its root.
fn read(stage: &Stage) {
    let view = stage.log.view();
    let size = view.size();
    assert!(stage.disk.kept() >= size.get(), "{size} entries are shown before they are kept");
    assert_eq!(view.root_at(size).unwrap(), view.root());
    let entries = view.query(&Query::new()).unwrap().entries;
    assert_eq!(entries.len() as u64, size.get());
}

/// Two appends on one thread, two looks on another.
fn look_while_appending(name: &str, groups_max: u64) {
    explore(name, move || {
        let stage = stage(0, groups_max);
        let reader = stage.share();
        let reader = thread::spawn(move || (0..2).for_each(|_| read(&reader)));
        // Nothing is read here: the reader is to find parts that nobody has looked into.
        let receipts = [(); 2].map(|()| stage.log.append(entry()).unwrap());
        reader.join().unwrap();
        receipts.iter().for_each(|receipt| stage.check_shown(receipt));
        assert_eq!(stage.log.view().segments().len(), if groups_max == 1 { 2 } else { 1 });
        // A close would wait for the seal that nobody makes here.
        stage.log.inner.driver.close();
        std::mem::forget(stage.log);
    });
}

#[test]
fn a_view_shows_what_is_kept_while_another_thread_appends() {
    look_while_appending("a_view", 100);
}

#[test]
fn a_view_is_whole_while_a_segment_gives_way_to_the_next() {
    look_while_appending("a_rotation", 1);
}
