//! Every decoder of a single structure, behind a repaired checksum.
#![no_main]

use libfuzzer_sys::fuzz_target;
use witnessmark::entry::Field;
use witnessmark::format::footer::{FOOTER_TAIL_LEN, Footer};
use witnessmark::format::frame::{Frame, Header};
use witnessmark::format::group::GroupHeader;
use witnessmark::format::identity::Identity;
use witnessmark::format::segment::SegmentHeader;
use witnessmark::format::{meta, terms};
use witnessmark::{EntryIndex, Hash, StoredEntry, entry_json, verifiable_json};
use witnessmark_fuzz::repair;

fuzz_target!(|input: &[u8]| {
    let Some((kind, bytes)) = input.split_first() else { return };
    let mut bytes = bytes.to_vec();
    match kind % 7 {
        0 => frame(&bytes),
        1 => {
            repair::group_header(&mut bytes);
            let nonce = bytes.get(16..24).and_then(|n| n.try_into().ok()).map(u64::from_le_bytes);
            if let Ok((header, crc)) = GroupHeader::decode(&bytes, nonce.unwrap_or(0)) {
                let (encoded, again) = header.encode();
                assert_eq!((&encoded[..], again), (&bytes[..encoded.len()], crc));
                let _ = header.check_body(&bytes[encoded.len()..]);
            }
        }
        2 => {
            bytes.resize(4096, 0);
            repair::segment_header(&mut bytes);
            if let Ok(header) = SegmentHeader::decode(&bytes) {
                assert_eq!(header.encode(), bytes);
            }
        }
        3 => {
            repair::footer(&mut bytes, &[]);
            if let Ok((footer, digest)) = Footer::decode(&bytes) {
                let mut encoded = footer.encode();
                assert_eq!(encoded, bytes[..bytes.len() - FOOTER_TAIL_LEN]);
                Footer::finish(&mut encoded, &digest);
                assert_eq!(encoded, bytes);
            }
        }
        4 => {
            repair::trailing_crc(&mut bytes);
            if let Ok(identity) = Identity::decode(&bytes) {
                assert_eq!(Identity::decode(&identity.encode()), Ok(identity));
            }
        }
        5 => fields(&bytes),
        _ => {
            if let Ok(header) = Header::decode(&bytes) {
                assert_eq!(&header.encode()[..], &bytes[..]);
            }
        }
    }
});

fn frame(bytes: &[u8]) {
    let Ok(frame) = Frame::decode(bytes) else { return };
    let encoded = frame.encode();
    assert_eq!(encoded, bytes[..frame.stored_len as usize]);
    let header = frame.header(7, &Hash::ZERO);
    let read = Header::decode(&header).expect("a header that was made is read");
    assert_eq!((read.index, read.body_hash), (7, frame.body_hash()));
    let Ok(entry) = StoredEntry::read(bytes, EntryIndex::new(7), Hash::ZERO) else { return };
    assert_eq!(entry.header(), header);
    for text in [entry_json(&entry), verifiable_json(&entry)] {
        is_json(&text);
    }
    fields(entry.meta());
}

fn fields(bytes: &[u8]) {
    let is_good = meta::check(bytes).is_ok();
    let records: Result<Vec<_>, _> = meta::Records::new(bytes).collect();
    assert!(!is_good || records.is_ok(), "checked fields can be walked");
    for field in Field::ALL {
        let found = meta::find(bytes, field);
        if let Ok(records) = &records {
            let wanted = records.iter().find(|(id, _)| *id == field.id()).map(|(_, value)| *value);
            assert_eq!(found, wanted, "{field:?}");
        }
    }
    let _ = terms::scan(bytes, |_, term| assert!(term.len() <= bytes.len()));
}

/// Payloads are not checked when they are read, so an entry is held to JSON only if its own is.
fn is_json(text: &str) {
    assert!(!text.contains('\n'), "one entry, one line: {text}");
    assert!(text.starts_with('{') && text.ends_with('}'), "an object: {text}");
}
