//! Lines of the reference's files: refused, or an entry whose line leads back to it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use witnessmark::interop::{AgtEntry, Canonical, verify_file};

fuzz_target!(|input: &[u8]| {
    if let Ok(entry) = AgtEntry::parse_line(input) {
        let line = entry.to_line();
        assert!(line.is_ascii());
        assert_eq!(AgtEntry::parse_line(line.as_bytes()).as_ref().ok(), Some(&entry));
        let signed = entry.signed("", b"key");
        assert!(signed.is_content_intact() && signed.is_signature_valid(b"key"));
    }
    if let Ok(text) = std::str::from_utf8(input)
        && let Ok(canonical) = Canonical::parse(text)
    {
        assert_eq!(Canonical::parse(canonical.as_str()).as_ref().ok(), Some(&canonical));
    }
    let verdict = verify_file(input, b"key", |_, _| Ok(())).expect("a slice can be read");
    assert_eq!(verdict.valid, verdict.errors.is_empty());
});
