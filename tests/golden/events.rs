//! Exports, events and queries of the reference: what is the same here, and what is another on
//! purpose.

use super::{Golden, Tally};
use serde_json::Value;
use std::io::Read;
use witnessmark::export::cloudevent;
use witnessmark::import::{Foreign, ForeignChain, ForeignKind, Mapping, decode_line, parse_time};
use witnessmark::{AuditLog, Order, Query, StoredEntry};

pub(crate) fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

/// The records that an import makes of a file, and the chain they had.
pub(crate) fn records(kind: ForeignKind, bytes: &[u8]) -> (Vec<String>, ForeignChain) {
    let (mut chain, mut lines) = (ForeignChain::new(), String::new());
    Foreign::new(kind, bytes, &mut chain).unwrap().read_to_string(&mut lines).unwrap();
    (lines.lines().map(str::to_owned).collect(), chain)
}

/// The records as entries of a log.
pub(crate) fn imported(records: &[String]) -> (AuditLog, Vec<StoredEntry>) {
    let (log, mapping) = (AuditLog::in_memory().unwrap(), Mapping::new());
    let append = |record: &String| {
        let entry = decode_line(record, &mapping).unwrap_or_else(|e| panic!("{e}: {record}"));
        let receipt = log.append(entry).unwrap();
        log.entry(receipt.index()).unwrap()
    };
    let entries = records.iter().map(append).collect();
    (log, entries)
}

/// What our event of an imported event says otherwise than the reference's, but for the documented
/// differences: payload one level down, a valid time, our own hashes, more attributes.
fn difference(theirs: &Value, ours: &Value) -> Option<String> {
    for key in ["specversion", "id", "type", "source", "datacontenttype", "traceid", "sessionid"] {
        if theirs.get(key) != ours.get(key) {
            return Some(format!("{key}: {:?}, wanted {:?}", ours.get(key), theirs.get(key)));
        }
    }
    for key in ["action", "resource", "outcome", "policy_decision", "matched_rule"] {
        if theirs["data"][key] != ours["data"][key] {
            return Some(format!("data.{key}: {:?}", ours["data"][key]));
        }
    }
    let is_same_time = parse_time(text(theirs, "time")) == parse_time(text(ours, "time"));
    let is_valid = text(ours, "time").ends_with('Z') && !text(ours, "time").contains('+');
    (!is_same_time || !is_valid).then(|| format!("time: {}", ours["time"]))
}

fn compare_events(tally: &mut Tally, events: &[Value]) -> ForeignChain {
    let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
    let (records, chain) = records(ForeignKind::CloudEvents, lines.as_bytes());
    for (event, record) in events.iter().zip(&records) {
        if event["type"] == "ai.agentmesh." {
            // No event type at all: what is no entry here is refused, and not made up.
            let is_refused = decode_line(record, &Mapping::new()).is_err();
            tally.different += 1;
            tally.case(is_refused, || format!("{record} is accepted"));
            continue;
        }
        let (_, entries) = imported(std::slice::from_ref(record));
        let ours: Value = serde_json::from_str(&cloudevent(&entries[0])).unwrap();
        let found = difference(event, &ours);
        tally.different += 1;
        tally.case(found.is_none(), || format!("{}: {found:?}", event["id"]));
    }
    chain
}

/// `to_cloudevent()` of many types, and of payloads that override what policy said.
pub(crate) fn cloudevents(golden: &Golden) -> Tally {
    let mut tally = Tally::new("cloudevents.json");
    let cases = golden.json(tally.file);
    let cases = cases.as_array().unwrap();
    let events: Vec<Value> = cases.iter().map(|case| case["cloudevent"].clone()).collect();
    let chain = compare_events(&mut tally, &events);
    // Where the payload overrides policy, the event no longer holds what was hashed: that shows.
    let forged = events.iter().filter(|event| event["data"]["outcome"] == "FORGED").count() as u64;
    let found = chain.mismatches;
    tally.case(found == forged, || format!("{found} mismatches, wanted {forged}"));
    tally
}

/// `export()` and `export_cloudevents()`.
pub(crate) fn exports(golden: &Golden) -> Tally {
    let mut tally = Tally::new("api_export.json");
    let document = golden.json(tally.file);
    let given = document["entries"].as_array().unwrap();
    let (lines, chain) = records(ForeignKind::AgtExport, document.to_string().as_bytes());
    let is_sound = (chain.mismatches, chain.breaks, chain.len()) == (0, 0, given.len() as u64);
    tally.case(is_sound, || format!("{chain:?}"));
    let (_, entries) = imported(&lines);
    for (theirs, ours) in given.iter().zip(&entries) {
        let ours: Value = serde_json::from_str(&witnessmark::entry_json(ours)).unwrap();
        let keys = ["entry_id", "event_type", "agent_did", "action", "resource", "outcome", "data"];
        let holds = keys.iter().all(|key| theirs[key] == ours[key])
            && theirs["entry_hash"] == ours["source"]["entry_hash"]
            && parse_time(text(theirs, "timestamp")) == parse_time(text(&ours, "timestamp"));
        tally.case(holds, || format!("{ours}, wanted {theirs}"));
    }
    let events = golden.json("api_export_cloudevents.json");
    let chain = compare_events(&mut tally, events.as_array().unwrap());
    tally.case(chain.mismatches == 0 && chain.breaks == 0, || format!("{chain:?}"));
    tally
}

/// `query()` with its arguments. Ours has other words for no limit, and an empty filter is one.
pub(crate) fn queries(golden: &Golden) -> Tally {
    let mut tally = Tally::new("api_queries.json");
    let given = golden.json(tally.file);
    let lines: Vec<String> =
        given["entries"].as_array().unwrap().iter().map(Value::to_string).collect();
    let (log, _) = imported(&lines);
    for case in given["query"].as_array().unwrap() {
        let args = &case["args"];
        let limit = args["limit"].as_i64().unwrap_or(100);
        let mut query = Query::new().order(Order::Recent);
        query = query.limit(usize::try_from(limit).unwrap_or(0));
        for (key, set) in [
            ("agent_did", Query::agent as fn(Query, String) -> Query),
            ("event_type", Query::event_type),
            ("outcome", Query::outcome),
        ] {
            if let Some(value) = args[key].as_str().filter(|value| !value.is_empty()) {
                query = set(query, value.to_owned());
            }
        }
        if let Some(time) = parse_time(text(args, "start_time")) {
            query = query.since(time);
        }
        if let Some(time) = parse_time(text(args, "end_time")) {
            query = query.until(time);
        }
        let found = log.query(&query).unwrap().entries;
        let mut ids: Vec<String> = found.iter().map(StoredEntry::entry_id).collect();
        if limit < 0 {
            // There, a negative limit leaves out so many of the first; here it cannot be said.
            tally.different += 1;
            ids.drain(..usize::try_from(-limit).unwrap().min(ids.len()));
        }
        let holds = case["entry_ids"].as_array().unwrap().iter().eq(ids.iter());
        tally.case(holds, || format!("{args}: {ids:?}"));
    }
    for (list, key) in [("get_entries_for_agent", "agent"), ("get_entries_by_type", "type")] {
        for case in given[list].as_array().unwrap() {
            let (name, limit) = (text(case, key), case["limit"].as_u64().unwrap());
            let limit = usize::try_from(limit).unwrap();
            let found = match key {
                "agent" => log.get_entries_for_agent(name, limit),
                _ => log.get_entries_by_type(name, limit),
            };
            let ids: Vec<String> = found.unwrap().iter().map(StoredEntry::entry_id).collect();
            let holds = case["entry_ids"].as_array().unwrap().iter().eq(ids.iter());
            tally.case(holds, || format!("{list} {name} {limit}: {ids:?}"));
        }
    }
    let is_missing = log.get_entry("nope").unwrap().is_none();
    tally.case(given["get_entry_missing_is_none"] == is_missing, || "get_entry".to_owned());
    tally
}
