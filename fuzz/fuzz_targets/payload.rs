//! Payloads: what the engine takes for JSON, a JSON reader takes too, with the same values.
#![no_main]

use libfuzzer_sys::fuzz_target;
use witnessmark::entry::json;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(accepted) = json::accept(text) else { return };
    assert!(accepted.len() <= text.len());
    assert_eq!(json::strip(&accepted), accepted, "there is nothing more to strip");
    assert_eq!(json::accept(&accepted).expect("what was accepted is accepted"), accepted);
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text);
    let wanted = value(text).expect("another reader reads it");
    assert_eq!(value(&accepted).expect("and what is left of it"), wanted);
});
