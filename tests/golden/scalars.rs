//! Floats, texts, times, and the two hashes of an entry.

use super::{Golden, Tally};
use serde::Deserialize;
use serde_json::value::RawValue;
use witnessmark::import::parse_time;
use witnessmark::interop::{AgtEntry, Canonical, float_repr, isoformat, quoted};

/// `[bits in hex, repr]`.
pub(crate) fn floats(golden: &Golden) -> Tally {
    let mut tally = Tally::new("scalars/float_repr.json");
    for pair in golden.json(tally.file).as_array().unwrap() {
        let bits = u64::from_str_radix(pair[0].as_str().unwrap(), 16).unwrap();
        let (ours, theirs) = (float_repr(f64::from_bits(bits)), pair[1].as_str().unwrap());
        tally.case(ours == theirs, || format!("{bits:016x}: {ours}, wanted {theirs}"));
    }
    tally
}

/// `[U+XXXX, json.dumps]`.
pub(crate) fn strings(golden: &Golden) -> Tally {
    let mut tally = Tally::new("scalars/string_escape.json");
    for pair in golden.json(tally.file).as_array().unwrap() {
        let point = u32::from_str_radix(&pair[0].as_str().unwrap()[2..], 16).unwrap();
        let Some(character) = char::from_u32(point) else {
            tally.beyond_json += 1;
            continue;
        };
        let (ours, theirs) = (quoted(&character.to_string()), pair[1].as_str().unwrap());
        tally.case(ours == theirs, || format!("{ours}, wanted {theirs}"));
    }
    tally
}

/// Parts of a time and its `isoformat`.
pub(crate) fn times(golden: &Golden) -> Tally {
    let mut tally = Tally::new("scalars/isoformat.json");
    for case in golden.json(tally.file).as_array().unwrap() {
        let part = |name: &str| case[name].as_i64().unwrap();
        let mut text = format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}",
            part("y"),
            part("mo"),
            part("d"),
            part("h"),
            part("mi"),
            part("s"),
            part("us")
        );
        if let Some(offset) = case["offset_minutes"].as_i64() {
            let mark = if offset < 0 { '-' } else { '+' };
            text += &format!("{mark}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60);
        }
        let ours = parse_time(&text).map(|time| isoformat(&time));
        let theirs = case["isoformat"].as_str();
        tally.case(ours.as_deref() == theirs, || format!("{ours:?}, wanted {theirs:?}"));
    }
    tally
}

#[derive(Deserialize)]
struct Case<'a> {
    name: String,
    roundtrips_through_json: bool,
    entry_id: String,
    timestamp_iso: String,
    event_type: String,
    agent_did: String,
    action: String,
    resource: Option<String>,
    outcome: String,
    previous_hash: String,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    canonical: String,
    entry_hash: String,
    signed: Option<Signed>,
}

#[derive(Deserialize)]
struct Signed {
    previous_hash: String,
    canonical: String,
    content_hash: String,
    signature: String,
    line: String,
}

/// Entries, what is hashed of them, their hashes, and their lines.
pub(crate) fn entries(golden: &Golden) -> Tally {
    let mut tally = Tally::new("entries.json");
    let text = golden.text(tally.file);
    let cases: Vec<Case<'_>> = serde_json::from_str(&text).unwrap();
    for case in &cases {
        if !case.roundtrips_through_json {
            tally.beyond_json += 1;
            continue;
        }
        let failed = hashes(case).and_then(|()| line(case)).err();
        tally.case(failed.is_none(), || format!("{}: {}", case.name, failed.unwrap_or_default()));
    }
    tally
}

fn same(what: &str, ours: &str, theirs: &str) -> Result<(), String> {
    if ours == theirs {
        return Ok(());
    }
    Err(format!("{what} is {ours}, wanted {theirs}"))
}

fn hashes(case: &Case<'_>) -> Result<(), String> {
    // What is no JSON (NaN) is in the line alone.
    let data = match (case.data.filter(|data| data.get() != "null"), &case.signed) {
        (Some(data), _) => Canonical::parse(data.get()).map_err(|error| error.to_string())?,
        (None, Some(signed)) => AgtEntry::parse_line(signed.line.as_bytes()).unwrap().data,
        (None, None) => return Err("neither data nor a line".to_owned()),
    };
    let entry = AgtEntry {
        entry_id: case.entry_id.clone(),
        timestamp: case.timestamp_iso.clone(),
        event_type: case.event_type.clone(),
        agent_did: case.agent_did.clone(),
        action: case.action.clone(),
        resource: case.resource.clone(),
        outcome: case.outcome.clone(),
        data,
        ..AgtEntry::default()
    };
    same("what is hashed", &entry.entry_text(&case.previous_hash), &case.canonical)?;
    same("entry hash", &entry.entry_hash(&case.previous_hash), &case.entry_hash)
}

fn line(case: &Case<'_>) -> Result<(), String> {
    let Some(signed) = &case.signed else { return Ok(()) };
    let line = signed.line.trim_end();
    let entry = AgtEntry::parse_line(line.as_bytes()).map_err(|error| error.to_string())?;
    let again = entry.clone().signed(&signed.previous_hash, b"golden-hmac-key-v1");
    same("what is signed", &again.content_text(), &signed.canonical)?;
    same("content hash", &again.content_hash, &signed.content_hash)?;
    same("signature", &again.signature, &signed.signature)?;
    same("line", &again.to_line(), line)
}
