//! Lines of other people's logs: rejected, or an entry the engine takes or refuses by its limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;
use witnessmark::import::{Mapping, decode_line, parse_time};
use witnessmark::{AuditLog, ErrorKind};

fn mapping() -> &'static Mapping {
    static MAPPING: OnceLock<Mapping> = OnceLock::new();
    MAPPING.get_or_init(|| {
        let mapped = Mapping::new().map("agent_did=agent_id,action=decision").expect("known names");
        mapped.default_value("event_type=audit,action=audit").expect("known names")
    })
}

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let _ = parse_time(text);
    for mapping in [&Mapping::new(), mapping()] {
        let Ok(entry) = decode_line(text, mapping) else { continue };
        // What is decoded is JSON to a reader that is less strict.
        assert!(serde_json::from_str::<serde_json::Value>(text).is_ok());
        let log = AuditLog::in_memory().expect("a log in memory");
        match log.append(entry) {
            Ok(receipt) => {
                let stored = log.entry(receipt.index()).expect("what was appended is there");
                assert!(stored.verify_hash());
            }
            Err(error) => {
                let kind = error.kind();
                assert!(matches!(kind, ErrorKind::Invalid | ErrorKind::TooLarge), "{error}");
            }
        }
    }
});
