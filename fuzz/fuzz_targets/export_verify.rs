//! Exports that were edited: no panic, and no other entry under the anchor of an honest log.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;
use std::sync::OnceLock;
use witnessmark::export::{Format, Renderer, Slice, SliceInfo, check_slice, walk};
use witnessmark::{AuditLog, Entry, Error, Hash, Query, TreeSize};

struct Honest {
    text: String,
    anchor: (Hash, TreeSize),
    hashes: BTreeSet<Hash>,
}

fn honest() -> &'static Honest {
    static HONEST: OnceLock<Honest> = OnceLock::new();
    HONEST.get_or_init(|| {
        let log = AuditLog::in_memory().expect("a log in memory");
        for i in 0..9 {
            let entry = Entry::new("t", "a", "allow").data_text(format!("{{\"n\":{i}}}"));
            let _ = log.append(entry).expect("an entry");
        }
        let view = log.view();
        let (size, root) = (view.size(), view.root());
        let text = String::new;
        let info = SliceInfo {
            format: Format::Jsonl,
            exported_at: text(),
            origin: text(),
            size,
            root,
            query: text(),
        };
        let (mut slice, mut renderer) = (Slice::new(&view, size), Renderer::new(info, true, b""));
        let (mut text, mut hashes) = (renderer.head(), BTreeSet::new());
        walk(&view, &Query::new().from(2).to(7), |entry| {
            hashes.insert(entry.entry_hash());
            text += &renderer.entry(entry, &slice.before(entry.index())?);
            Ok::<(), Error>(())
        })
        .expect("a walk");
        text += &renderer.end(slice.span(), &slice.after().expect("roots"));
        Honest { text, anchor: (root, size), hashes }
    })
}

fuzz_target!(|input: &[u8]| {
    let honest = honest();
    let _ = check_slice(input, None, |_, _| Ok(()));
    // The input says which bytes of an honest export become which: pairs of place and value.
    let mut bytes = honest.text.clone().into_bytes();
    for edit in input.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % bytes.len();
        bytes[at] = edit[2];
    }
    let mut entries = Vec::new();
    let verdict = check_slice(&bytes[..], Some(honest.anchor), |_, entry| {
        entries.push(entry.entry_hash());
        Ok(())
    });
    if verdict.is_ok_and(|verdict| verdict.valid) {
        assert_eq!(entries.len(), honest.hashes.len());
        assert!(entries.iter().all(|hash| honest.hashes.contains(hash)));
    }
});
