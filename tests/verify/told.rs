//! What is said of damage of each kind at each kind of place, word by word.
//!
//! `tests/fixtures/told.txt` holds the findings of some hundred changes to one small log: which cause,
//! where, at which entry, what was wanted and what was found. Whoever changes the auditor sees in its
//! difference what auditors will read. `WMARK_TOLD=write` writes it anew.
//!
//! Hashes and checksums differ in every run, so those of the honest log stand there as what they are
//! (`entry:7`, `root:8`), and all others as `#`.

use crate::forgeries::{finish, reseal};
use crate::tamper::base::{Base, storage_of};
use crate::tamper::taken::Files;
use crate::{Part, parts};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::ops::Range;
use witnessmark::format::footer::Footer;
use witnessmark::format::frame::{FRAME_FIXED_LEN, FRAME_HASH_OFFSET, Frame};
use witnessmark::format::group::{GROUP_HEADER_LEN, GroupHeader};
use witnessmark::format::segment::{SEGMENT_HEADER_LEN, SegmentHeader};
use witnessmark::merkle::Frontier;
use witnessmark::storage::Storage;
use witnessmark::{VerifyOptions, hash, verify_storage};

const TOLD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/told.txt");

/// A segment with its groups: where each begins, what its header says, where it ends.
struct Laid {
    name: String,
    bytes: Vec<u8>,
    groups: Vec<(usize, GroupHeader, usize)>,
}

impl Laid {
    fn of(name: &str, files: &Files) -> Self {
        let bytes = files[name].clone();
        let header = SegmentHeader::decode(&bytes[..SEGMENT_HEADER_LEN]).unwrap();
        let (mut at, mut groups) = (SEGMENT_HEADER_LEN, Vec::new());
        while let Ok((group, _)) = GroupHeader::decode(&bytes[at..], header.nonce) {
            let end = at + usize::try_from(group.group_len()).unwrap();
            groups.push((at, group, end));
            at = end;
        }
        Self { name: name.to_owned(), bytes, groups }
    }

    fn end(&self) -> usize {
        self.groups.last().unwrap().2
    }

    fn frames(&self, group: usize) -> Vec<Range<usize>> {
        let (begin, _, end) = self.groups[group];
        let is_here = |range: &Range<usize>| range.start >= begin && range.end <= end;
        let frame = |(range, part)| matches!(part, Part::Entry(_)).then_some(range);
        parts(&self.bytes).into_iter().filter_map(frame).filter(is_here).collect()
    }
}

/// Changed files under a name for each change.
#[derive(Default)]
struct Cases(Vec<(String, String, Vec<u8>)>);

impl Cases {
    fn add(&mut self, laid: &Laid, what: String, bytes: Vec<u8>) {
        self.0.push((format!("{} {what}", &laid.name[17..20]), laid.name.clone(), bytes));
    }

    fn flip(&mut self, laid: &Laid, what: &str, at: usize) {
        let mut bytes = laid.bytes.clone();
        bytes[at] ^= 1;
        self.add(laid, what.to_owned(), bytes);
    }

    fn group_headers(&mut self, laid: &Laid, number: usize) {
        type Change = fn(&mut GroupHeader);
        let changes: [(&str, Change); 16] = [
            ("first_index + 1", |h| h.first_index += 1),
            ("first_index - 1", |h| h.first_index = h.first_index.wrapping_sub(1)),
            ("count + 1", |h| h.count += 1),
            ("count - 1", |h| h.count = h.count.wrapping_sub(1)),
            ("count 0", |h| h.count = 0),
            ("pad_len 512", |h| h.pad_len = 512),
            ("body_len + 1", |h| h.body_len += 1),
            ("body_len - 1", |h| h.body_len = h.body_len.wrapping_sub(1)),
            ("body_len long", |h| h.body_len += 1 << 20),
            ("body_crc", |h| h.body_crc ^= 1),
            ("nonce", |h| h.nonce ^= 1),
            ("previous_header_crc", |h| h.previous_header_crc ^= 1),
            ("synced_size 0", |h| h.synced_size = 0),
            ("synced_size + 1", |h| h.synced_size += 1),
            ("synced_size high", |h| h.synced_size += 1000),
            ("root", |h| h.root.0[0] ^= 1),
        ];
        let (begin, header, _) = &laid.groups[number];
        for (what, change) in changes {
            let mut changed = *header;
            change(&mut changed);
            let mut bytes = laid.bytes.clone();
            bytes[*begin..begin + GROUP_HEADER_LEN].copy_from_slice(&changed.encode().0);
            self.add(laid, format!("group {number}: {what}"), bytes);
            let mut at = 0;
            let resealed = reseal(&laid.bytes, |header| {
                if at == number {
                    change(header);
                }
                at += 1;
            });
            // Where the walk ends before the footer, nothing behind was made right.
            self.add(laid, format!("group {number}: {what}, sealed again"), resealed);
        }
        for at in [0, 8, 12, 16, 24, 32, 36, 40, 44, 48, 56, 64, 95] {
            self.flip(laid, &format!("group {number}: byte {at} of its header"), begin + at);
        }
    }

    fn frames(&mut self, laid: &Laid, number: usize) {
        let frames = laid.frames(number);
        for (nth, range) in frames.iter().enumerate() {
            let frame = Frame::decode(&laid.bytes[range.clone()]).unwrap();
            let len = range.len();
            let meta = FRAME_FIXED_LEN + 16;
            let places = [0, 1, 2, 4, 8, 12, 16, 24, 32, FRAME_HASH_OFFSET, FRAME_FIXED_LEN];
            for at in places.into_iter().chain([meta, meta + 20, len - 1]) {
                let what = format!("group {number}, frame {nth}: byte {at} of {len}");
                self.flip(laid, &what, range.start + at);
                let mut bytes = laid.bytes.clone();
                bytes[range.start + at] ^= 1;
                self.add(laid, format!("{what}, sealed again"), reseal(&bytes, |_| {}));
            }
            assert_eq!(frame.stored_len as usize, len);
        }
        for nth in 0..frames.len() {
            let (begin, header, _) = &laid.groups[number];
            let mut bytes = laid.bytes.clone();
            let mut previous = hash::sha256(b"another");
            for (range, index) in frames.iter().zip(header.first_index..).skip(nth) {
                let frame = Frame::decode(&laid.bytes[range.clone()]).unwrap();
                if range != &frames[nth] {
                    previous = hash::entry(&frame.header(index, &previous));
                }
                let at = range.start + FRAME_HASH_OFFSET;
                bytes[at..at + 32].copy_from_slice(&previous.0);
            }
            assert!(*begin < frames[nth].start);
            let what = format!("group {number}, frame {nth}: another hash, and others built on it");
            self.add(laid, what, reseal(&bytes, |_| {}));
        }
        let Some(((first, second), third)) = frames.first().zip(frames.get(1)).zip(frames.get(2))
        else {
            return;
        };
        let (a, b, c) = (first.clone(), second.clone(), third.clone());
        let swapped = [&laid.bytes[..a.start], &laid.bytes[b.clone()], &laid.bytes[a.clone()]];
        let swapped = [&swapped.concat(), &laid.bytes[b.end..]].concat();
        self.add(laid, format!("group {number}: frames swapped"), reseal(&swapped, |_| {}));
        for range in [a.clone(), a.start..b.end, b.clone(), b.start..c.end] {
            let mut bytes = laid.bytes.clone();
            bytes[range.start..range.end].fill(0);
            let what = format!("group {number}: {range:?} are zeros");
            self.add(laid, what.clone(), bytes.clone());
            self.add(laid, format!("{what}, sealed again"), reseal(&bytes, |_| {}));
        }
    }

    fn groups(&mut self, laid: &Laid, number: usize) {
        let (begin, _, end) = laid.groups[number];
        let (bytes, header_end) = (&laid.bytes, begin + GROUP_HEADER_LEN);
        let mut zeros = vec![("header", begin..header_end), ("group", begin..end)];
        zeros.push(("rest", begin..bytes.len()));
        zeros.push(("to the end of the groups", begin..laid.end()));
        if let Some((_, _, next_end)) = laid.groups.get(number + 1) {
            zeros.push(("group and the next", begin..*next_end));
            let next = &bytes[end..*next_end];
            let swapped = [&bytes[..begin], next, &bytes[begin..end], &bytes[*next_end..]].concat();
            self.add(laid, format!("group {number}: swapped"), swapped.clone());
            let swapped = reseal(&swapped, |_| {});
            self.add(laid, format!("group {number}: swapped, sealed again"), swapped);
        }
        for (what, range) in zeros {
            for with in [0, 0x55] {
                let mut bytes = bytes.clone();
                bytes[range.clone()].fill(with);
                self.add(laid, format!("group {number}: {what} filled with {with}"), bytes);
            }
        }
        let gone = [&bytes[..begin], &bytes[end..]].concat();
        self.add(laid, format!("group {number}: gone"), gone.clone());
        self.add(laid, format!("group {number}: gone, sealed again"), reseal(&gone, |_| {}));
        let twice = [&bytes[..end], &bytes[begin..]].concat();
        self.add(laid, format!("group {number}: twice"), twice.clone());
        self.add(laid, format!("group {number}: twice, sealed again"), reseal(&twice, |_| {}));
        let cuts = [begin, begin + 1, header_end - 1, header_end, header_end + 1, end - 1];
        for cut in BTreeSet::from(cuts).range(..end) {
            let what = format!("group {number}: cut {} behind its begin", cut - begin);
            self.add(laid, what, bytes[..*cut].to_vec());
        }
    }

    /// Holes with headers in and behind them that must not be believed, or must.
    fn holes(&mut self, laid: &Laid, number: usize) {
        let (begin, header, end) = laid.groups[number];
        let before = laid.groups[number - 1].1;
        let hole = || {
            let mut bytes = laid.bytes.clone();
            bytes[begin..begin + 8].fill(0);
            bytes
        };
        let next = header.first_index + u64::from(header.count);
        let inside = [
            ("an old header", before, false),
            ("a header of the next index", GroupHeader { first_index: next, ..header }, true),
            ("a header that is too long", GroupHeader { body_len: 1 << 20, ..header }, false),
            ("a header of a heartbeat", GroupHeader { body_len: 0, count: 0, ..header }, true),
        ];
        for (what, inside, is_believed) in inside {
            let mut bytes = hole();
            let at = begin + GROUP_HEADER_LEN + 7;
            bytes[at..at + GROUP_HEADER_LEN].copy_from_slice(&inside.encode().0);
            if is_believed {
                // What would be read as frames from there on is not left to chance.
                bytes[at + GROUP_HEADER_LEN..laid.end()].fill(0xee);
            }
            self.add(laid, format!("group {number}: a hole with {what} in it"), bytes);
        }
        let Some((behind, mut voucher, _)) = laid.groups.get(number + 2).copied() else { return };
        for synced in BTreeSet::from([header.first_index, header.first_index + 1, next, next + 1]) {
            let mut bytes = hole();
            bytes[end..end + 8].fill(0);
            voucher.synced_size = synced;
            bytes[behind..behind + GROUP_HEADER_LEN].copy_from_slice(&voucher.encode().0);
            self.add(laid, format!("group {number}: two holes, and {synced} synced behind"), bytes);
        }
    }

    /// What may stand behind the groups of the last segment.
    fn behind(&mut self, laid: &Laid, footer: &[u8]) {
        let groups = &laid.bytes[..laid.end()];
        let far = [vec![0; 300 << 10], vec![7], vec![0; 99]].concat();
        let behind: [(&str, &[u8]); 6] = [
            ("zeros", &[0; 700]),
            ("zeros and a byte", &[&[0; 700][..], &[7]].concat()),
            ("a byte far behind zeros", &far),
            ("the beginning of a footer", &footer[..200]),
            ("the mark of a footer", &footer[..8]),
            ("a footer", footer),
        ];
        for (what, more) in behind {
            self.add(laid, format!("behind the groups: {what}"), [groups, more].concat());
        }
    }

    fn segment_header(&mut self, laid: &Laid) {
        let header = SegmentHeader::decode(&laid.bytes[..SEGMENT_HEADER_LEN]).unwrap();
        for at in [0, 8, 10, 12, 16, 48, 56, 64, 72, 80, 128, 4000, 4092] {
            self.flip(laid, &format!("header: byte {at}"), at);
        }
        type Change = fn(&mut SegmentHeader);
        let changes: [(&str, Change); 10] = [
            ("align 512", |h| h.align = 512),
            ("generation", |h| h.generation += 1),
            ("log_id", |h| h.log_id[0] ^= 1),
            ("nonce", |h| h.nonce ^= 1),
            ("first_index + 2^20", |h| {
                h.first_index += 1 << 20;
                h.frontier.insert(0, witnessmark::Hash::ZERO);
            }),
            ("last_recorded_at + 1", |h| h.last_recorded_at += 1),
            ("last_recorded_at high", |h| h.last_recorded_at = u64::MAX),
            ("created_at", |h| h.created_at += 1),
            ("previous_hash", |h| h.previous_hash.0[0] ^= 1),
            ("frontier", |h| {
                if let Some(last) = h.frontier.last_mut() {
                    last.0[0] ^= 1;
                }
            }),
        ];
        for (what, change) in changes {
            let mut changed = header.clone();
            change(&mut changed);
            let bytes = [&changed.encode()[..], &laid.bytes[SEGMENT_HEADER_LEN..]].concat();
            self.add(laid, format!("header: {what}"), bytes);
        }
    }

    fn footer(&mut self, laid: &Laid) {
        let begin = laid.end();
        let (footer, _) = Footer::decode(&laid.bytes[begin..]).unwrap();
        let len = laid.bytes.len() - begin;
        let places =
            [0, 8, 12, 16, 24, 32, 40, 48, 80, 112, 120, 128, 140, 152, 160, 164, 168, 180];
        for at in places.into_iter().chain([len - 60, len - 48, len - 30, len - 16, len - 1]) {
            self.flip(laid, &format!("footer: byte {at} of {len}"), begin + at);
        }
        type Change = fn(&mut Footer);
        let changes: [(&str, Change); 20] = [
            ("nonce", |f| f.nonce ^= 1),
            ("first_index + 1", |f| f.first_index += 1),
            ("count + 1", |f| f.count += 1),
            ("count - 1", |f| f.count -= 1),
            ("data_end + 1", |f| f.data_end += 1),
            ("root", |f| f.root.0[0] ^= 1),
            ("last_entry_hash", |f| f.last_entry_hash.0[0] ^= 1),
            ("recorded_min", |f| f.recorded.0 += 1),
            ("recorded_max", |f| f.recorded.1 += 1),
            ("event_min", |f| f.event.0.0 -= 1),
            ("event_max", |f| f.event.1.1 += 1),
            ("group_count", |f| f.group_count += 1),
            ("last_header_crc", |f| f.last_header_crc ^= 1),
            ("agent + 1", |f| f.agents[0].entries += 1),
            ("agent - 1", |f| f.agents[0].entries -= 1),
            ("type + 1", |f| f.types.last_mut().unwrap().entries += 1),
            ("type - 1", |f| f.types.last_mut().unwrap().entries -= 1),
            ("an agent less", |f| drop(f.agents.pop())),
            ("no type", |f| f.types.clear()),
            ("an agent more", |f| {
                let mut more = f.agents.last().unwrap().clone();
                more.name.push('x');
                f.agents.push(more);
            }),
        ];
        for (what, change) in changes {
            let mut changed = footer.clone();
            change(&mut changed);
            let mut bytes = laid.bytes.clone();
            finish(&mut bytes, begin, &changed);
            self.add(laid, format!("footer: {what}"), bytes);
        }
        for cut in [0, 1, 8, 16, 100, len - 16, len - 1] {
            let bytes = laid.bytes[..begin + cut].to_vec();
            self.add(laid, format!("footer: cut to {cut}"), bytes);
        }
        for (what, more) in [("zeros", vec![0; 700]), ("a byte", vec![7])] {
            let bytes = [&laid.bytes[..], &more].concat();
            self.add(laid, format!("footer: {what} behind it"), bytes);
            let bytes = [&laid.bytes[..begin], &more, &laid.bytes[begin..]].concat();
            self.add(laid, format!("footer: {what} before it"), bytes);
        }
    }
}

/// What the hashes of the honest log are.
fn known(segments: &[Laid]) -> HashMap<String, String> {
    let (mut known, mut tree) = (HashMap::new(), Frontier::new());
    for laid in segments {
        for group in 0..laid.groups.len() {
            for range in laid.frames(group) {
                let hash = Frame::decode(&laid.bytes[range]).unwrap().entry_hash;
                let index = tree.size().get();
                known.insert(hash.to_hex(), format!("entry:{index}"));
                tree.push(hash, |_, _| ());
                known.insert(tree.root().to_hex(), format!("root:{}", index + 1));
            }
        }
    }
    known
}

/// The words without what differs from run to run.
fn plain(words: &str, known: &HashMap<String, String>) -> String {
    // The chain of group headers is made of checksums, which are shown as numbers.
    let is_chain = words.contains("does not continue the one before (");
    let (mut told, mut word) = (String::new(), String::new());
    for c in words.chars().chain(['\n']) {
        if c.is_ascii_alphanumeric() {
            word.push(c);
            continue;
        }
        let is_hex = word.chars().all(|c| c.is_ascii_hexdigit());
        let is_number = !word.is_empty() && word.chars().all(|c| c.is_ascii_digit());
        let is_behind = told.contains("(wanted ");
        if let Some(name) = known.get(&word) {
            told.push_str(name);
        } else if is_hex && [8, 16, 64].contains(&word.len()) || is_number && is_chain && is_behind
        {
            told.push('#');
        } else {
            told.push_str(&word);
        }
        word.clear();
        told.push(c);
    }
    told.trim_end().replace("00000000000000000", "")
}

#[test]
fn each_kind_of_damage_is_told_in_the_words_of_the_list() {
    let base = Base::small(1, 20 << 10);
    let names: Vec<&String> = base.files.keys().filter(|name| name.ends_with(".seg")).collect();
    let segments: Vec<Laid> = names.iter().map(|name| Laid::of(name, &base.files)).collect();
    let known = known(&segments);
    let mut cases = Cases::default();
    for (laid, groups) in
        [(&segments[0], vec![0]), (&segments[1], vec![2]), (&segments[2], vec![2, 3])]
    {
        cases.segment_header(laid);
        for group in groups {
            cases.group_headers(laid, group);
            cases.frames(laid, group);
            cases.groups(laid, group);
        }
    }
    cases.footer(&segments[1]);
    cases.holes(&segments[1], 1);
    cases.holes(&segments[2], 1);
    cases.behind(&segments[2], &segments[1].bytes[segments[1].end()..]);
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut text = String::new();
    for (what, name, bytes) in cases.0 {
        let storage = storage_of(&base.files);
        storage.remove(&name).unwrap();
        storage.create(&name).unwrap().write_all_at(&bytes, 0).unwrap();
        let is_last = name == segments[2].name;
        for is_live in [false, true] {
            if is_live && !is_last {
                continue;
            }
            let lock = is_live.then(|| storage.lock_writer().unwrap());
            let report = verify_storage(&storage, &VerifyOptions::new().threads(1)).unwrap();
            drop(lock);
            let mode = if is_live { ", while somebody writes" } else { "" };
            let root = report.root.map_or("none".to_owned(), |root| root.to_hex());
            let mut lines =
                vec![plain(&format!("{} of {}, root {root}", report.entries, report.size), &known)];
            lines.extend(report.findings.iter().map(|one| plain(&one.to_string(), &known)));
            let gaps = report.not_covered.iter().filter(|gap| !gap.starts_with("any outside"));
            lines.extend(gaps.map(|one| plain(one, &known)));
            writeln!(text, "{what}{mode}").unwrap();
            lines.iter().for_each(|line| writeln!(text, "    {line}").unwrap());
            assert!(told.insert(format!("{what}{mode}"), lines).is_none(), "twice: {what}");
        }
    }
    if std::env::var("WMARK_TOLD").is_ok_and(|what| what == "write") {
        std::fs::write(TOLD, &text).unwrap();
    }
    let wanted = std::fs::read_to_string(TOLD).unwrap();
    for (at, (wanted, found)) in wanted.lines().zip(text.lines()).enumerate() {
        assert_eq!(found, wanted, "line {} of told.txt", at + 1);
    }
    assert_eq!(text.lines().count(), wanted.lines().count());
}
