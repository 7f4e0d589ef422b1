//! Stored nodes: what passes for a segment's nodes has just as many of them, each at its place.
#![no_main]

use libfuzzer_sys::fuzz_target;
use witnessmark::Hash;
use witnessmark::format::side::{
    SideKind, Subject, decode_nodes, encode, encode_nodes, node_at, node_count,
};
use witnessmark_fuzz::repair;

fuzz_target!(|input: &[u8]| {
    let [low, high, count, kind, rest @ ..] = input else { return };
    let subject = Subject {
        log_id: [7; 32],
        generation: 1,
        first_index: u64::from(u16::from_le_bytes([*low, *high])) << (kind >> 2),
        count: u32::from(*count) + 1,
        root: Hash([3; 32]),
    };
    let wanted = node_count(subject.first_index, subject.count);
    match kind % 4 {
        // The bytes as they come, the digest repaired.
        0 => {
            let mut file = rest.to_vec();
            repair::digest(&mut file);
            let _ = read(&file, &subject, wanted);
        }
        // A section of any length under an honest header.
        1 => {
            let file = encode(SideKind::Nodes, &subject, &[rest]);
            let _ = read(&file, &subject, wanted);
        }
        // An honest file with bytes replaced behind a repaired digest.
        _ => {
            let nodes = vec![Hash([9; 32]); usize::try_from(wanted).expect("a small segment")];
            let mut file = encode_nodes(&subject, &nodes);
            for edit in rest.chunks_exact(3) {
                let at = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % file.len();
                file[at] = edit[2];
            }
            repair::digest(&mut file);
            let is_read = read(&file, &subject, wanted);
            assert!(is_read || !rest.is_empty(), "honest nodes are read");
        }
    }
});

fn read(file: &[u8], subject: &Subject, wanted: u64) -> bool {
    let Ok(range) = decode_nodes(file, subject) else { return false };
    assert_eq!(range.len() as u64, wanted * 32);
    for position in 0..wanted {
        let node = node_at(file, &range, position).expect("a node at each place");
        let at = range.start + position as usize * 32;
        assert_eq!(node.0, file[at..at + 32]);
    }
    assert!(node_at(file, &range, wanted).is_none());
    assert!(node_at(file, &range, u64::MAX).is_none());
    true
}
