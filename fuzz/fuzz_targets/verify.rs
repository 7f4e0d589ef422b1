//! The auditor over an edited log: never panics, and calls nothing intact that was altered.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::Arc;
use witnessmark::verify::{VerifyOptions, verify_storage};
use witnessmark::{EntryIndex, Reader};
use witnessmark_fuzz::{edits, honest, storage};

fuzz_target!(|input: &[u8]| {
    let edited = edits::apply(input);
    let storage = storage(&edited.files);
    let honest = honest();
    let anchored = VerifyOptions::new().threads(1).against(honest.head.size, honest.head.root);
    let Ok(report) = verify_storage(&storage, &anchored) else {
        assert!(edited.is_changed, "an honest log can be judged");
        return;
    };
    assert!(edited.is_changed || report.is_intact(), "an honest log is intact: {report:?}");
    if !report.is_intact() {
        return;
    }
    let reader = Reader::on_storage(Arc::new(storage)).expect("an intact log opens");
    let view = reader.view().expect("an intact log shows a view");
    assert!(view.size() >= honest.head.size, "an intact log has every entry");
    for wanted in &honest.entries {
        let found = view.entry(EntryIndex::new(wanted.index().get())).expect("an entry is read");
        assert_eq!(&found, wanted, "an altered entry in a log that is called intact");
    }
});
