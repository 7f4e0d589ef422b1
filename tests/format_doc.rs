//! FORMAT.md against the code: tables, diagrams, limits and golden bytes.
//!
//! The document carries markers (`<!-- fields group length 96 -->`) that name what follows, so that
//! a table cannot be moved or dropped without a test failing. Golden values are read from the
//! document, encoded by the crate, and the bytes are then taken apart again by the offsets of the
//! document's own field tables: text, code and bytes agree pairwise or a test fails.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop at the first lie"
)]

use std::collections::BTreeMap;
use std::sync::LazyLock;
use witnessmark::entry::{Entry, Field};
use witnessmark::format::footer::{self, Counter, Footer};
use witnessmark::format::frame::{self, Body, Form, Frame, Header, Unplaced};
use witnessmark::format::group::{self, GroupHeader};
use witnessmark::format::identity::{self, Identity};
use witnessmark::format::segment::{self, SegmentHeader};
use witnessmark::format::{crc, meta};
use witnessmark::hash;
use witnessmark::types::{EventTime, Hash, hex, unhex};
use witnessmark::{format, limits};

static DOC: LazyLock<String> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/FORMAT.md");
    std::fs::read_to_string(path).expect("the document lies beside the crate")
});

#[test]
fn field_tables_add_up_to_the_lengths_of_the_code() {
    let lengths = [
        ("identity", identity::IDENTITY_FIXED_LEN),
        ("header", hash::HEADER_LEN),
        ("segment", segment::SEGMENT_HEADER_LEN),
        ("group", group::GROUP_HEADER_LEN),
        ("frame", frame::FRAME_FIXED_LEN),
        ("time", meta::TIME_LEN),
        ("footer", footer::FOOTER_FIXED_LEN),
        ("footer tail", footer::FOOTER_TAIL_LEN),
    ];
    for (name, wanted) in lengths {
        let (claimed, rows) = fields(name);
        assert_eq!(claimed, wanted, "length in the marker of {name}");
        assert_eq!(rows.last().map(|row| row.offset + row.size), Some(wanted), "end of {name}");
    }
}

#[test]
fn offsets_the_code_names_stand_in_the_tables() {
    assert_eq!(offset("group", "body_crc"), group::GROUP_COVERED_OFFSET);
    assert_eq!(offset("segment", "frontier"), segment::FRONTIER_OFFSET);
    assert_eq!(offset("segment", "crc"), segment::SEGMENT_CRC_OFFSET);
    assert_eq!(size("segment", "frontier"), segment::FRONTIER_HASHES * 32);
    assert_eq!(offset("frame", "recorded_at"), frame::FRAME_PATCH_OFFSET);
    assert_eq!(offset("frame", "entry_hash"), frame::FRAME_HASH_OFFSET);
    assert_eq!(offset("footer", "nonce"), footer::FOOTER_COVERED_OFFSET);
}

#[test]
fn diagrams_are_the_tables_drawn() {
    for name in ["identity", "header", "segment", "group", "frame", "footer"] {
        let drawn = draw(&fields(name).1);
        assert_eq!(blocks(&format!("<!-- diagram {name} -->"))[0], drawn, "{name}:\n{drawn}");
    }
}

#[test]
fn lengths_of_the_three_forms_are_those_of_the_code() {
    let table = rows("<!-- forms -->");
    let wanted: Vec<u32> =
        table.iter().map(|row| row[2].split(' ').next().unwrap().parse().unwrap()).collect();
    let found: Vec<u32> = [(1, 5), (1, 0), (2, 5), (3, 5)]
        .into_iter()
        .map(|(form, data_len)| {
            let mut bytes = vec![0u8; 1000];
            bytes[0] = form;
            bytes[12] = data_len;
            // The decoder names the only length it accepts.
            let flaw = Frame::decode(&bytes).unwrap_err();
            flaw.wanted.parse::<u32>().unwrap() - if form == 1 { u32::from(data_len) } else { 0 }
        })
        .collect();
    assert_eq!(wanted, found);
    for (row, sum) in table.iter().zip(&wanted) {
        let fixed: u32 = row[1].split(['[', ']']).filter_map(|part| part.parse::<u32>().ok()).sum();
        assert_eq!(fixed + 72, *sum, "{row:?}");
        let variable: Vec<bool> =
            ["meta_len", "data_len"].map(|name| row[1].contains(&format!("[{name}]"))).to_vec();
        let in_sum: Vec<bool> = ["meta_len", "data_len"].map(|name| row[2].contains(name)).to_vec();
        assert_eq!(variable, in_sum, "{row:?}");
    }
}

#[test]
fn the_meta_table_is_the_list_of_fields() {
    let found: Vec<(String, String, &str)> = rows("<!-- meta -->")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone(), if row[2] == "time" { "time" } else { "" }))
        .collect();
    let wanted: Vec<(String, String, &str)> = Field::ALL
        .into_iter()
        .map(|f| (f.id().to_string(), f.name().into(), if f.is_time() { "time" } else { "" }))
        .collect();
    assert_eq!(found, wanted);
}

#[test]
fn a_time_lies_as_the_table_says() {
    let time = EventTime { seconds: -7, nanos: 8, offset_minutes: None };
    let values = [("seconds", "-7"), ("nanos", "8"), ("offset_minutes", "32767")];
    let values = values.map(|(name, value)| (name.into(), value.into())).into();
    assert_fields("time", &values, &meta::encode_time(&time));
    assert!(DOC.contains(&format!("0x{:X}: none was given", meta::NO_OFFSET)));
}

#[test]
fn the_required_fields_are_those_the_code_asks_for() {
    let required: Vec<u8> = rows("<!-- meta -->")
        .into_iter()
        .filter(|row| !row[3].is_empty())
        .map(|row| row[0].parse().unwrap())
        .collect();
    let records: Vec<(u8, Vec<u8>)> = meta::Records::new(&golden_meta())
        .map(|record| record.map(|(id, bytes)| (id, bytes.to_vec())).unwrap())
        .collect();
    for (dropped, _) in &records {
        let mut bytes = Vec::new();
        for (id, value) in records.iter().filter(|(id, _)| id != dropped) {
            bytes.extend([*id, u8::try_from(value.len()).unwrap()]);
            bytes.extend(value);
        }
        assert_eq!(meta::check(&bytes).is_err(), required.contains(dropped), "field {dropped}");
    }
}

#[test]
fn limits_are_those_of_the_code() {
    macro_rules! constants {
        ($($name:ident),* $(,)?) => { vec![$((stringify!($name).to_owned(), u64::try_from(limits::$name).unwrap())),*] };
    }
    let wanted: BTreeMap<String, u64> = constants![
        PAYLOAD_BYTES_MAX,
        META_BYTES_MAX,
        AGENT_BYTES_MAX,
        EVENT_TYPE_BYTES_MAX,
        ENTRY_ID_BYTES_MAX,
        FIELD_BYTES_MAX,
        JSON_DEPTH_MAX,
        ORIGIN_BYTES_MAX,
        TREE_SIZE_MAX,
        NOTE_SIGNATURES_MAX,
        CHECKPOINT_BYTES_MAX,
        HISTORY_BYTES_MAX,
        PROOF_HASHES_MAX,
        GROUP_BODY_BYTES_MAX,
        GROUP_ENTRIES_MAX,
        SEGMENT_BYTES_MIN,
        SEGMENT_BYTES_DEFAULT,
        SEGMENT_BYTES_MAX,
        SEGMENTS_MAX,
        UNSEALED_SEGMENTS_MAX,
        FOOTER_BYTES_MAX,
    ]
    .into_iter()
    .collect();
    let found: BTreeMap<String, u64> = rows("<!-- limits -->")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].parse().unwrap()))
        .collect();
    assert_eq!(found, wanted);
}

#[test]
fn names_of_files_are_those_of_the_code() {
    let digits = "N".repeat(20);
    for name in [format::segment_name(0), format::nodes_name(0), format::index_name(0)] {
        let pattern = name.replace(&"0".repeat(20), &digits);
        assert!(DOC.contains(&format!("| `{pattern}` |")), "{pattern}");
    }
    for name in [format::IDENTITY_NAME, format::SPARE_NAME, format::history::HISTORY_NAME] {
        assert!(DOC.contains(&format!("| `{name}` |")), "{name}");
    }
}

#[test]
fn golden_identity() {
    let (values, bytes) = golden("identity");
    let value = golden_identity_value();
    assert_eq!(hex(&value.encode()), hex(&bytes));
    assert_eq!(Identity::decode(&bytes), Ok(value));
    assert_fields("identity", &values, &bytes);
    let crc: u32 = number(&values, "crc");
    assert_eq!(bytes[bytes.len() - 4..], crc.to_le_bytes());
    assert_eq!(hash::log_start(&bytes).to_hex(), hex(&golden("log_start").1));
}

#[test]
fn golden_segment_header() {
    let (values, bytes) = golden("segment");
    let value = golden_segment_value();
    let encoded = value.encode();
    let (first, rest) = encoded.split_at(128);
    let (zeros, crc) = rest.split_at(3964);
    assert_eq!(hex(&[first, crc].concat()), hex(&bytes));
    assert_eq!(zeros, [0; 3964]);
    assert_eq!(SegmentHeader::decode(&encoded), Ok(value.clone()));
    assert_fields("segment", &values, &encoded);
    assert_eq!(value.previous_hash.to_hex(), hex(&golden("log_start").1));
}

#[test]
fn golden_frame_and_header() {
    let (values, bytes) = golden("frame whole");
    let (body_salt, data_salt) = (salt(&values, "body_salt"), salt(&values, "data_salt"));
    let payload = values["payload"].as_bytes();
    let meta = golden_meta();
    assert_eq!(hex(&meta), values["meta"]);
    let unplaced =
        Unplaced { flags: 0, body_salt: &body_salt, data_salt: &data_salt, meta: &meta, payload };
    let (header_values, header_bytes) = golden("header");
    let header = Header {
        flags: number(&values, "flags"),
        index: number(&header_values, "index"),
        recorded_at: number(&values, "recorded_at"),
        agent_seq: number(&values, "agent_seq"),
        type_seq: number(&values, "type_seq"),
        meta_len: u32::try_from(meta.len()).unwrap(),
        data_len: u32::try_from(payload.len()).unwrap(),
        body_hash: unplaced.body_hash(),
        previous_hash: hash_of(&header_values, "previous_hash"),
    };
    assert_eq!(hex(&header.encode()), hex(&header_bytes));
    assert_fields("header", &header_values, &header_bytes);
    let entry_hash = hash::entry(&header.encode());
    assert_eq!(hash::data(&data_salt, payload).to_hex(), header_values["data_hash"]);
    assert_eq!(entry_hash.to_hex(), header_values["entry_hash"]);
    let mut frame_bytes = Vec::new();
    unplaced.append_to(&mut frame_bytes);
    frame::place(&mut frame_bytes, &header, &entry_hash);
    assert_eq!(hex(&frame_bytes), hex(&bytes));
    assert_fields("frame", &values, &bytes);
}

#[test]
fn golden_frames_in_all_forms_give_one_header() {
    let header = golden("header").1;
    let previous = Hash(golden("log_start").1.try_into().unwrap());
    let forms = [
        ("frame whole", Form::Whole),
        ("frame data erased", Form::DataErased),
        ("frame body erased", Form::BodyErased),
    ];
    for (name, form) in forms {
        let (values, bytes) = golden(name);
        let frame = Frame::decode(&bytes).unwrap();
        assert_eq!(frame.form(), form);
        assert_eq!(frame.stored_len as usize, bytes.len());
        assert_eq!(hex(&frame.header(0, &previous)), hex(&header), "{name}");
        assert_eq!(hex(&header[44..76]), frame.body_hash().to_hex());
        assert_fields("frame", &values, &bytes);
        match frame.body {
            Body::Whole { meta, .. } => assert!(meta::check(meta).is_ok()),
            Body::DataErased { body_salt, data_hash, .. } => {
                assert_eq!(*body_salt, salt(&values, "body_salt"));
                assert_eq!(data_hash.to_hex(), values["data_hash"]);
            }
            Body::BodyErased { body_hash } => assert_eq!(body_hash.to_hex(), values["body_hash"]),
            _ => panic!("a form the document does not know"),
        }
    }
}

#[test]
fn golden_group_header() {
    let (values, bytes) = golden("group");
    let (value, padded) = golden_group_value();
    let (encoded, header_crc) = value.encode();
    assert_eq!(hex(&encoded), hex(&bytes));
    assert_eq!(GroupHeader::decode(&bytes, value.nonce), Ok((value, header_crc)));
    assert!(value.check_body(&padded).is_ok());
    assert_eq!(value.group_len(), (bytes.len() + padded.len()) as u64);
    assert_fields("group", &values, &bytes);
    assert_eq!(value.root, hash_of(&golden("header").0, "entry_hash"));
}

#[test]
fn golden_footer() {
    let (values, bytes) = golden("footer");
    let counters = |name: &str| {
        let (counted, entries) = values[name].rsplit_once(" = ").unwrap();
        vec![Counter { name: counted.into(), entries: entries.parse().unwrap() }]
    };
    let value = Footer {
        nonce: number(&values, "nonce"),
        first_index: number(&values, "first_index"),
        count: number(&values, "count"),
        data_end: number(&values, "data_end"),
        root: hash_of(&values, "root"),
        last_entry_hash: hash_of(&values, "last_entry_hash"),
        recorded: (number(&values, "recorded_min"), number(&values, "recorded_max")),
        event: (
            (number(&values, "event_min_seconds"), number(&values, "event_min_nanos")),
            (number(&values, "event_max_seconds"), number(&values, "event_max_nanos")),
        ),
        group_count: number(&values, "group_count"),
        last_header_crc: number(&values, "last_header_crc"),
        agents: counters("agents"),
        types: counters("types"),
    };
    let (group, padded) = golden_group_value();
    let (group_header, header_crc) = group.encode();
    assert_eq!(value.last_header_crc, header_crc);
    let mut file = golden_segment_value().encode();
    file.extend(group_header);
    file.extend(padded);
    assert_eq!(value.data_end, file.len() as u64);
    let mut encoded = value.encode();
    file.extend(&encoded);
    Footer::finish(&mut encoded, &hash::seal(&file));
    assert_eq!(hex(&encoded), hex(&bytes));
    assert_eq!(Footer::decode(&bytes), Ok((value, hash::seal(&file))));
    assert_fields("footer", &values, &bytes);
    assert_fields("footer tail", &values, &bytes[bytes.len() - footer::FOOTER_TAIL_LEN..]);
}

// ---- golden values, from the document -------------------------------------------------------

fn golden_identity_value() -> Identity {
    let values = golden("identity").0;
    Identity {
        created_at: number(&values, "created_at"),
        log_id: unhex(&values["log_id"]).unwrap().try_into().unwrap(),
        origin: values["origin"].clone(),
        predecessor: None,
    }
}

fn golden_segment_value() -> SegmentHeader {
    let values = golden("segment").0;
    SegmentHeader {
        align: number(&values, "align"),
        generation: number(&values, "generation"),
        log_id: golden_identity_value().log_id,
        nonce: number(&values, "nonce"),
        first_index: number(&values, "first_index"),
        last_recorded_at: number(&values, "last_recorded_at"),
        created_at: number(&values, "created_at"),
        previous_hash: hash_of(&values, "previous_hash"),
        frontier: Vec::new(),
    }
}

fn golden_meta() -> Vec<u8> {
    let values = golden("frame whole").0;
    let time: Vec<i64> = values["timestamp"].split(' ').map(|n| n.parse().unwrap()).collect();
    let time = EventTime {
        seconds: time[0],
        nanos: u32::try_from(time[1]).unwrap(),
        offset_minutes: i16::try_from(time[2]).ok(),
    };
    let entry = Entry::new(&values["event_type"], &values["agent_did"], &values["action"])
        .entry_id(&values["entry_id"])
        .outcome(&values["outcome"])
        .timestamp(time);
    let defaults = meta::Defaults { uuid: &[0; 16], now: EventTime::utc(0, 0), redactions: None };
    let mut out = Vec::new();
    meta::encode(&entry, &defaults, &mut out);
    out
}

/// The golden group header, and its frame with padding.
fn golden_group_value() -> (GroupHeader, Vec<u8>) {
    let values = golden("group").0;
    let mut body = golden("frame whole").1;
    let (frame_len, align) = (body.len(), golden_segment_value().align);
    let len = (group::GROUP_HEADER_LEN + frame_len) as u64;
    let pad_len = group::padding(segment::SEGMENT_HEADER_LEN as u64, len, align);
    body.resize(frame_len + pad_len as usize, 0);
    let nonce = number(&values, "nonce");
    let value = GroupHeader {
        body_crc: crc(nonce, &[&body]),
        nonce,
        first_index: number(&values, "first_index"),
        count: number(&values, "count"),
        pad_len,
        body_len: u32::try_from(frame_len).unwrap(),
        previous_header_crc: number(&values, "previous_header_crc"),
        synced_size: number(&values, "synced_size"),
        wall_clock: number(&values, "wall_clock"),
        root: hash_of(&values, "root"),
    };
    (value, body)
}

// ---- reading the document -------------------------------------------------------------------

type Values = BTreeMap<String, String>;

fn number<T: TryFrom<i128>>(values: &Values, name: &str) -> T {
    let text = &values[name];
    T::try_from(text.parse::<i128>().unwrap()).unwrap_or_else(|_| panic!("{name}: {text}"))
}

fn hash_of(values: &Values, name: &str) -> Hash {
    Hash::from_hex(&values[name]).unwrap()
}

fn salt(values: &Values, name: &str) -> hash::Salt {
    unhex(&values[name]).unwrap().try_into().unwrap()
}

struct Row {
    offset: usize,
    size: usize,
    kind: String,
    name: String,
}

/// What follows a marker, up to the next marker or heading.
fn after(marker: &str) -> &'static str {
    let mut parts = DOC.split(marker);
    let _ = parts.next();
    let section = parts.next().unwrap_or_else(|| panic!("no marker {marker}"));
    assert!(parts.next().is_none(), "two markers {marker}");
    section.split("\n#").next().unwrap().split("<!--").next().unwrap()
}

/// The rows of the table after a marker, without its head, code marks removed.
fn rows(marker: &str) -> Vec<Vec<String>> {
    let is_row = |line: &&str| line.starts_with('|');
    let lines = after(marker).lines().skip_while(|line| !is_row(line)).take_while(is_row);
    let cells = |line: &str| {
        let line = line.trim_matches('|').replace('`', "");
        line.split(" |").map(|cell| cell.trim_matches(['|', ' ']).to_owned()).collect()
    };
    lines.skip(2).map(cells).collect()
}

/// The fixed rows of a field table, checked to be contiguous, and the length in its marker.
fn fields(name: &str) -> (usize, Vec<Row>) {
    let marker = format!("<!-- fields {name} length ");
    let rest = DOC.split(&marker).nth(1).unwrap_or_else(|| panic!("no table {name}"));
    let length = rest.split(' ').next().unwrap();
    let mut end = 0;
    let mut fixed = Vec::new();
    let table = rows(&format!("{marker}{}-->", rest.split("-->").next().unwrap()));
    for row in table {
        let Ok(size) = row[1].parse() else { break };
        let offset: usize = row[0].parse().unwrap_or(end);
        assert_eq!(offset, end, "{name}.{}", row[3]);
        assert_eq!(size_of_kind(&row[2]), size, "{name}.{}", row[3]);
        end = offset + size;
        fixed.push(Row { offset, size, kind: row[2].clone(), name: row[3].clone() });
        if end == length.parse::<usize>().unwrap() {
            break;
        }
    }
    (length.parse().unwrap(), fixed)
}

fn size_of_kind(kind: &str) -> usize {
    match kind {
        "u8" => 1,
        "u16" | "i16" => 2,
        "u32" => 4,
        "u64" | "i64" => 8,
        "hash" => 32,
        other => other.split(['[', ']']).nth(1).unwrap().parse().unwrap(),
    }
}

fn offset(table: &str, name: &str) -> usize {
    fields(table).1.into_iter().find(|row| row.name == name).unwrap().offset
}

fn size(table: &str, name: &str) -> usize {
    fields(table).1.into_iter().find(|row| row.name == name).unwrap().size
}

/// The code blocks after a marker.
fn blocks(marker: &str) -> Vec<String> {
    let parts: Vec<&str> = after(marker).split("```").collect();
    parts.iter().skip(1).step_by(2).map(|block| block.trim_start_matches("text\n").into()).collect()
}

/// Values and bytes of a golden block; a block without values has its bytes alone.
fn golden(name: &str) -> (Values, Vec<u8>) {
    let blocks = blocks(&format!("<!-- golden {name} -->"));
    let bytes = unhex(&blocks.last().unwrap().split_whitespace().collect::<String>()).unwrap();
    let values = if blocks.len() > 1 { blocks[0].as_str() } else { "" };
    let values = values.lines().filter_map(|line| line.split_once(": "));
    (values.map(|(name, value)| (name.trim().into(), value.trim().into())).collect(), bytes)
}

/// Takes `bytes` apart by the table's offsets and compares with the values stated beside them.
fn assert_fields(table: &str, values: &Values, bytes: &[u8]) {
    for row in fields(table).1 {
        let slice = &bytes[row.offset..row.offset + row.size];
        let unsigned = slice.iter().rev().fold(0u64, |acc, byte| acc << 8 | u64::from(*byte));
        let found = match row.kind.as_str() {
            "u8" | "u16" | "i16" | "u32" | "u64" => unsigned.to_string(),
            "i64" => unsigned.cast_signed().to_string(),
            kind if kind.starts_with("zero") => {
                assert!(slice.iter().all(|byte| *byte == 0), "{table}.{}", row.name);
                continue;
            }
            _ if row.size > 128 => continue,
            _ => hex(slice),
        };
        let stated = values.get(&row.name);
        assert_eq!(stated, Some(&found), "{table}.{}", row.name);
    }
}

/// The byte diagram of a table: 8 bytes a row, 8 columns a byte.
fn draw(rows: &[Row]) -> String {
    let mut cells: Vec<(usize, usize, String)> = Vec::new(); // offset, bytes, text
    for row in rows {
        let (mut at, end) = (row.offset, row.offset + row.size);
        let mut text = if row.size > 8 {
            format!("{}, {} bytes", row.name, row.size)
        } else {
            row.name.clone()
        };
        while at < end {
            let len = (end - at).min(8 - at % 8);
            cells.push((at, len, text));
            at += len;
            text = "...".into();
            let whole_rows = (end - at) / 8;
            if row.size > 8 && at % 8 == 0 && whole_rows > 1 {
                at += (whole_rows - 1) * 8;
                cells.push((at - 8, 8, "~".into()));
            }
        }
    }
    let rule = |out: &mut String| {
        out.push_str("      +");
        out.push_str(&"-------+".repeat(8));
        out.push('\n');
    };
    let mut out =
        String::from("         0       1       2       3       4       5       6       7\n");
    rule(&mut out);
    for (offset, len, text) in cells {
        if offset % 8 == 0 && text == "~" {
            out.push_str("      ");
        } else if offset % 8 == 0 {
            out.push_str(&format!("{offset:>5} "));
        }
        let width = len * 8 - 1;
        let text = match text.as_str() {
            "~" => "~".repeat(width),
            long if long.len() >= width => text,
            _ => format!(" {text}"),
        };
        let lead = if offset % 8 == 0 { "|" } else { "" };
        out.push_str(&format!("{lead}{text:<width$}|"));
        if (offset + len) % 8 == 0 {
            out.push('\n');
            rule(&mut out);
        }
    }
    if !out.ends_with("+\n") {
        out.push('\n');
        rule(&mut out);
    }
    out
}
