//! Files made by chance or by somebody hostile: reported, and never a panic.

use crate::forgeries::{finish, reseal};
use crate::{Closed, LARGE, Numbers, Part, SMALL, range_of};
use witnessmark::Report;
use witnessmark::format::footer::Footer;
use witnessmark::format::segment::{SEGMENT_HEADER_LEN, SegmentHeader};
use witnessmark::storage::Storage;

fn is_told(report: &Report) -> bool {
    report.exit_code() != 0 || !report.notes.is_empty()
}

fn garble(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    let len = bytes.len();
    let from = numbers.below(len);
    let to = (from + 1 + numbers.below(3000)).min(len);
    match numbers.below(6) {
        0 => bytes[from..to].fill_with(|| u8::try_from(numbers.below(256)).unwrap()),
        1 => bytes[from..to].fill(0),
        2 => bytes.truncate(from),
        3 => drop(bytes.drain(from..to)),
        4 => {
            let copy = bytes[from..to].to_vec();
            let at = numbers.below(len);
            bytes.splice(at..at, copy);
        }
        _ => {
            let at = numbers.below(len - (to - from) + 1);
            bytes.copy_within(from..to, at);
        }
    }
}

#[test]
fn garbled_files_are_told_of() {
    for (recipe, rounds) in [(SMALL, 600), (LARGE, 600)] {
        let log = recipe.make();
        let names = log.names("");
        let mut numbers = Numbers(0xdead_beef);
        for round in 0..rounds {
            let name = &names[numbers.below(names.len())];
            let honest = log.read(name);
            let mut bytes = honest.clone();
            for _ in 0..=numbers.below(3) {
                if !bytes.is_empty() {
                    garble(&mut bytes, &mut numbers);
                }
            }
            // A cut to the end of a group is a shorter log, and only an anchor tells.
            let is_cut = honest.starts_with(&bytes) && name.ends_with(".seg");
            let is_padded = bytes.starts_with(&honest) && name.ends_with(".seg");
            if bytes == honest || is_cut || is_padded {
                continue;
            }
            log.write(name, &bytes);
            let report = log.verify();
            assert!(is_told(&report), "round {round}, {name}: {report:#?}");
            // While somebody writes less can be blamed, but it must be looked at all the same.
            let lock = log.files.lock_writer().unwrap();
            assert!(log.verify().is_live);
            drop(lock);
            log.write(name, &honest);
        }
    }
}

#[test]
fn random_files_are_told_of() {
    let log = SMALL.make();
    let mut numbers = Numbers(7);
    let segment = log.names(".seg").pop().unwrap();
    for name in ["log.id", segment.as_str()] {
        let honest = log.read(name);
        for _ in 0..200 {
            let len = numbers.below(9000);
            let bytes: Vec<u8> =
                (0..len).map(|_| u8::try_from(numbers.below(256)).unwrap()).collect();
            log.write(name, &bytes);
            assert!(is_told(&log.verify()));
        }
        log.write(name, &honest);
    }
}

/// Numbers at the edges of their types, under right checksums.
fn edge(numbers: &mut Numbers) -> u64 {
    let edges = [0, 1, 2, 0x7fff_ffff, 0xffff_ffff, 1 << 40, u64::MAX >> 1, u64::MAX - 1, u64::MAX];
    edges[numbers.below(edges.len())]
}

fn edge32(numbers: &mut Numbers) -> u32 {
    u32::try_from(edge(numbers) & 0xffff_ffff).unwrap()
}

fn check(log: &Closed, name: &str, bytes: &[u8]) {
    let honest = log.read(name);
    if honest != bytes {
        log.write(name, bytes);
        let report = log.verify();
        assert!(report.exit_code() != 0, "{report:#?}");
        log.write(name, &honest);
    }
}

#[test]
fn hostile_numbers_under_right_checksums_are_refused() {
    let log = LARGE.make();
    let mut numbers = Numbers(0xc0ffee);
    for name in log.names(".seg") {
        let honest = log.read(&name);
        for _ in 0..60 {
            let target = numbers.below(12);
            let mut at = 0;
            let bytes = reseal(&honest, |header| {
                at += 1;
                if at != target + 1 {
                    return;
                }
                match numbers.below(6) {
                    0 => header.first_index = edge(&mut numbers),
                    1 => header.count = edge32(&mut numbers),
                    2 => header.pad_len = edge32(&mut numbers),
                    3 => header.body_len = edge32(&mut numbers),
                    4 => header.synced_size = edge(&mut numbers),
                    _ => header.nonce = edge(&mut numbers),
                }
            });
            // An earlier `synced_size` vouches for less and contradicts nothing.
            if SegmentHeader::decode(&bytes[..SEGMENT_HEADER_LEN]).is_ok() && target > 0 {
                log.write(&name, &bytes);
                let _ = log.verify();
                log.write(&name, &honest);
            }
        }
        for _ in 0..60 {
            let mut header = SegmentHeader::decode(&honest[..SEGMENT_HEADER_LEN]).unwrap();
            match numbers.below(3) {
                0 => header.first_index = edge(&mut numbers),
                1 => header.last_recorded_at = edge(&mut numbers),
                _ => header.nonce = edge(&mut numbers),
            }
            let ones = header.first_index.count_ones() as usize;
            header.frontier.resize(ones, witnessmark::Hash::ZERO);
            let is_same =
                SegmentHeader::decode(&honest[..SEGMENT_HEADER_LEN]).as_ref() == Ok(&header);
            if !is_same {
                let bytes = [&header.encode()[..], &honest[SEGMENT_HEADER_LEN..]].concat();
                check(&log, &name, &bytes);
            }
        }
    }
    for name in log.names(".index").iter().map(|name| name.replace(".index", ".seg")) {
        let honest = log.read(&name);
        let at = range_of(&honest, Part::Footer).start;
        let (footer, _) = Footer::decode(&honest[at..]).unwrap();
        for _ in 0..60 {
            let (mut bytes, mut footer) = (honest.clone(), footer.clone());
            match numbers.below(6) {
                0 => footer.first_index = edge(&mut numbers),
                1 => footer.count = edge(&mut numbers),
                2 => footer.data_end = edge(&mut numbers),
                3 => footer.group_count = edge(&mut numbers),
                4 => footer.agents[0].entries = edge(&mut numbers),
                _ => footer.recorded.1 = edge(&mut numbers),
            }
            finish(&mut bytes, at, &footer);
            check(&log, &name, &bytes);
        }
    }
}
