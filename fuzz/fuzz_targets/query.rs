//! Queries of any strings: the index finds what a look at every entry finds, and nothing panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::{Arc, OnceLock};
use witnessmark::{Cursor, EventTime, Key, Order, Query, Reader, View};
use witnessmark_fuzz::{honest, storage};

fn view() -> &'static View {
    static VIEW: OnceLock<View> = OnceLock::new();
    VIEW.get_or_init(|| {
        let reader = Reader::on_storage(Arc::new(storage(&honest().files))).expect("it opens");
        reader.view().expect("an honest view")
    })
}

/// A query of lines: a letter for what is set, the rest is the value.
fn query(text: &str) -> Query {
    text.split('\n').take(12).fold(Query::new().limit(0), |query, line| {
        let mut letters = line.chars();
        let Some(letter) = letters.next() else { return query };
        let value = letters.as_str();
        let number = value.parse::<u64>();
        match letter {
            'p' => query.resource_prefix(value),
            's' => query.since(EventTime::utc(number.unwrap_or(1_767_225_600).cast_signed(), 0)),
            'u' => query.until(EventTime::utc(number.unwrap_or(0).cast_signed(), 999_999_999)),
            'f' => query.from(number.unwrap_or(u64::MAX)),
            't' => query.to(number.unwrap_or(0)),
            'o' => query.order([Order::Recent, Order::Newest, Order::Oldest][value.len() % 3]),
            'l' => query.limit(number.unwrap_or(0) as usize),
            'y' => query.system(true),
            'v' => query.verified(true),
            'c' => value.parse::<Cursor>().map_or(query.clone(), |cursor| query.cursor(cursor)),
            letter => query.term(Key::ALL[letter as usize % Key::ALL.len()], value),
        }
    })
}

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    if let Ok(cursor) = text.parse::<Cursor>() {
        assert_eq!(cursor.to_string(), text, "a cursor has one text");
    }
    let query = query(&text);
    let wanted: Vec<_> = honest().entries.iter().filter(|entry| query.matches(entry)).collect();
    let Ok(page) = view().query(&query) else { return };
    assert!(page.entries.iter().all(|entry| query.matches(entry)));
    assert!(page.entries.len() <= wanted.len());
    let found = view().query(&query.clone().limit(honest().entries.len() + 1));
    let has_cursor = text.split('\n').any(|line| line.starts_with('c'));
    if let (Ok(found), false) = (found, has_cursor) {
        assert_eq!(found.entries.len(), wanted.len(), "{query:?}");
        let (counted, _) = view().count(&query).expect("an honest count");
        assert_eq!(counted, wanted.len() as u64, "{query:?}");
        let is_there = |entry| wanted.contains(&entry);
        assert!(found.entries.iter().all(is_there));
    }
    let _ = view().get_entry(&text);
});
