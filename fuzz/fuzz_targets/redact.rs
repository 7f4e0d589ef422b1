//! Redacting any text: no panic, and what comes out of JSON is JSON that redacts to itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use witnessmark::Redaction;
use witnessmark::entry::json;
use witnessmark::redact::Redactor;

static REDACTOR: LazyLock<Redactor> =
    LazyLock::new(|| Redactor::new(&Redaction::mask()).expect("the built-in rules are sound"));

fuzz_target!(|text: &str| {
    let once = REDACTOR.text(text);
    if json::check(text).is_ok() {
        json::check(&json::strip(&once)).expect("what comes out of JSON is JSON");
    }
});
