//! Side files, behind a repaired digest, and the lists and dictionaries inside them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;
use witnessmark::Key;
use witnessmark::format::dictionary::Dictionary;
use witnessmark::format::index_file::IndexLayout;
use witnessmark::format::postings::{Block, Packed};
use witnessmark::format::segment::SegmentHeader;
use witnessmark::format::side::{self, Subject};
use witnessmark::limits::POSTING_BLOCK;
use witnessmark::segment::set;
use witnessmark::storage::{Access, Storage};
use witnessmark_fuzz::{edits, honest, storage};

fuzz_target!(|input: &[u8]| {
    let Some((kind, rest)) = input.split_first() else { return };
    if kind % 4 == 0 {
        let (entries, bytes) = rest.split_first().map_or((0, rest), |(n, bytes)| (*n, bytes));
        if let Ok(dictionary) = Dictionary::open(bytes, entries.into()) {
            walk(&dictionary, entries.into());
        }
        return;
    }
    let mut level = vec![1];
    level.extend(rest);
    let edited = edits::apply(&level);
    for (name, file) in &edited.files {
        if name.ends_with(".nodes") {
            if let Ok(range) = side::decode_nodes(file, subject()) {
                let count = side::node_count(subject().first_index, subject().count);
                assert_eq!(range.len() as u64, count * 32);
                assert!(side::node_at(file, &range, count - 1).is_some());
                assert!(side::node_at(file, &range, count).is_none());
            }
        } else if name.ends_with(".index") {
            index(file);
        }
    }
});

/// The segment that the honest side files are about.
fn subject() -> &'static Subject {
    static SUBJECT: OnceLock<Subject> = OnceLock::new();
    SUBJECT.get_or_init(|| {
        let storage = storage(&honest().files);
        let name = honest().files.keys().find(|name| name.ends_with(".seg")).expect("a segment");
        let file = storage.open(name, Access::Read).expect("memory opens");
        let header: SegmentHeader = set::read_header(&*file, name).expect("an honest header");
        let len = file.len().expect("memory knows");
        let footer = set::read_footer(&*file, name, len).expect("an honest footer");
        let footer = footer.expect("the first segment is sealed");
        Subject {
            log_id: header.log_id,
            generation: header.generation,
            first_index: header.first_index,
            count: u32::try_from(footer.count).expect("a small segment"),
            root: footer.root,
        }
    })
}

fn index(file: &[u8]) {
    let Ok(layout) = IndexLayout::parse(file, subject()) else { return };
    let index = layout.over(file);
    for local in 0..=index.len() {
        assert_eq!(index.offset(local).is_some(), local < index.len());
    }
    for list in [index.system(), index.erased()].into_iter().flatten() {
        postings(&list, index.len());
    }
    for key in Key::ALL {
        if let Ok(dictionary) = index.dictionary(key) {
            walk(&dictionary, index.len());
        }
    }
    let mut found = Vec::new();
    [0, 1, u32::MAX].into_iter().for_each(|upper| index.ids(upper, &mut found));
    assert!(found.iter().all(|local| *local < index.len()));
}

fn walk(dictionary: &Dictionary<'_>, entries: u32) {
    let mut terms: Vec<Vec<u8>> = Vec::new();
    let walked = dictionary.for_each(b"", &mut |term, list| {
        postings(&list, entries);
        terms.push(term.to_vec());
    });
    if walked.is_ok() {
        assert!(terms.is_sorted_by(|a, b| a < b), "terms ascend strictly");
        for term in terms.iter().take(64) {
            let found = dictionary.find(term).expect("a walked term can be looked up");
            assert!(!found.is_empty(), "a term with entries");
        }
    }
    let _ = (dictionary.find(b""), dictionary.find(b"did:web:agent-1.example"));
}

fn postings(list: &Packed<'_>, entries: u32) {
    let mut block: Block = [0; POSTING_BLOCK];
    let (mut last, mut seen) = (None, 0);
    for at in 0..list.blocks() {
        let Ok(len) = list.decode_block(at, &mut block) else { return };
        for local in &block[..len] {
            assert!(*local < entries, "an id beyond the part");
            assert!(last.is_none_or(|last| last < *local), "ids ascend");
            last = Some(*local);
        }
        seen += len;
    }
    assert_eq!(seen, list.len() as usize);
    let _ = list.find_block(entries / 2);
}
