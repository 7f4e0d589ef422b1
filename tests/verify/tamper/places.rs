//! One thing wrong and everything else made right: the finding, word for word, names the byte where
//! it stands, the entry concerned, what was wanted there and what is there.

use super::base::{Base, files_of, storage_of};
use super::taken::{AGENT_SEQ, Files, RECORDED_AT, Segment, Seqs, TYPE_SEQ, Taken, names};
use crate::forgeries::reseal;
use crate::{Part, range_of};
use std::ops::Range;
use std::sync::Arc;
use witnessmark::format::footer::FOOTER_TAIL_LEN;
use witnessmark::format::frame::FLAG_SYSTEM;
use witnessmark::format::group::{GROUP_HEADER_LEN, GroupHeader};
use witnessmark::format::segment::{SEGMENT_HEADER_LEN, SegmentHeader};
use witnessmark::limits::FINDINGS_MAX;
use witnessmark::storage::MemoryStorage;
use witnessmark::{Cause, Entry, Options, VerifyOptions, verify_storage};

/// What the auditor says of these files, one line for each finding.
fn lines(files: &Files) -> Vec<String> {
    let report = verify_storage(&storage_of(files), &VerifyOptions::new().threads(1)).unwrap();
    report.findings.iter().map(ToString::to_string).collect()
}

fn assert_found(files: &Files, wanted: &str) {
    let found = lines(files);
    assert!(found.iter().any(|line| line == wanted), "wanted\n{wanted}\nfound\n{found:#?}");
}

/// A sealed segment, the place of one of its groups, and what the group's header says.
struct Spot {
    name: String,
    bytes: Vec<u8>,
    range: Range<usize>,
    header: GroupHeader,
}

impl Spot {
    /// The group with entries `from_end` places before the last such in the second segment.
    fn of(base: &Base, from_end: usize) -> Self {
        let name = base.files.keys().filter(|name| name.ends_with(".seg")).nth(1).unwrap().clone();
        let bytes = base.files[&name].clone();
        let nonce = SegmentHeader::decode(&bytes[..SEGMENT_HEADER_LEN]).unwrap().nonce;
        let (mut at, mut groups) = (SEGMENT_HEADER_LEN, Vec::new());
        while let Ok((header, _)) = GroupHeader::decode(&bytes[at..], nonce) {
            let end = at + usize::try_from(header.group_len()).unwrap();
            groups.extend((header.count > 0).then_some((at..end, header)));
            at = end;
        }
        let (range, header) = groups[groups.len() - 1 - from_end].clone();
        Self { name, bytes, range, header }
    }

    fn end_index(&self) -> u64 {
        self.header.first_index + u64::from(self.header.count)
    }

    /// The line of a finding `at` bytes into the group.
    fn line(&self, cause: &str, at: usize, index: u64, words: &str) -> String {
        format!("{cause}: {}, byte {}, entry {index}: {words}", self.name, self.range.start + at)
    }

    /// The log with this group's header changed, and every checksum right that is not changed here.
    fn with(&self, base: &Base, change: impl Fn(&mut GroupHeader)) -> Files {
        self.with_bytes(base, &self.bytes, change)
    }

    fn with_bytes(&self, base: &Base, bytes: &[u8], change: impl Fn(&mut GroupHeader)) -> Files {
        let mut files = base.files.clone();
        let forged = reseal(bytes, |header| {
            if (header.first_index, header.count) == (self.header.first_index, self.header.count) {
                change(header);
            }
        });
        files.insert(self.name.clone(), forged);
        files
    }

    /// The segment with `more` put behind the group's frames, and a header that counts it as said.
    fn longer(&self, more: &[u8], change: impl Fn(&mut GroupHeader)) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let mut header = self.header;
        change(&mut header);
        let at = self.range.start;
        bytes[at..at + GROUP_HEADER_LEN].copy_from_slice(&header.encode().0);
        bytes.splice(self.range.end..self.range.end, more.iter().copied());
        bytes
    }
}

#[test]
fn a_forged_group_header_is_named_by_the_field() {
    let base = Base::new(1, 5);
    let spot = Spot::of(&base, 3);
    let first = spot.header.first_index;

    let words = "first index of a group: entries are missing or given twice";
    let words = format!("{words} (wanted {first}, found {})", first + 1);
    let files = spot.with(&base, |header| header.first_index += 1);
    assert_found(&files, &spot.line("edited", 24, first, &words));

    let chain = u64::from(spot.header.previous_header_crc);
    let words = "a group does not continue the one before";
    let words = format!("{words} (wanted {chain}, found {})", chain ^ 1);
    let files = spot.with(&base, |header| header.previous_header_crc ^= 1);
    assert_found(&files, &spot.line("edited", 44, first, &words));

    let root = spot.header.root;
    let mut other = root;
    other.0[0] ^= 1;
    let words = format!("root after a group (wanted {root}, found {other})");
    let files = spot.with(&base, |header| header.root = other);
    assert_eq!(lines(&files), [spot.line("bad_root", 64, first, &words)]);

    let last = Spot::of(&base, 0);
    let (first, count, end) = (last.header.first_index, last.header.count, last.end_index());
    let words = "a group holds more entries than the segment";
    let words = format!("{words} (wanted {end}, found {})", count + 1);
    let files = last.with(&base, |header| header.count += 1);
    assert_found(&files, &last.line("edited", 32, first, &words));
}

/// The frames are as they were written, and each hashes right: only the checksum is not theirs.
#[test]
fn a_checksum_that_is_not_the_bodys_is_found_though_every_entry_is_right() {
    let base = Base::new(1, 5);
    let spot = Spot::of(&base, 3);
    let right = spot.header.body_crc;
    let words = format!(
        "checksum of a group's body (wanted the frames' own, found {:08x})",
        right ^ 0x0100
    );
    let files = spot.with(&base, |header| header.body_crc ^= 0x0100);
    assert_eq!(lines(&files), [spot.line("bit_rot", 12, spot.end_index(), &words)]);
}

#[test]
fn padding_is_as_long_as_it_must_be_and_zero_and_nothing_stands_before_it() {
    let base = Base::new(1, 5);
    let spot = Spot::of(&base, 3);
    let (first, end) = (spot.header.first_index, spot.end_index());
    let len = spot.header.body_len as usize;

    let bytes = spot.longer(&[0; 8], |header| header.pad_len = 8);
    let files = spot.with_bytes(&base, &bytes, |_| {});
    assert_found(&files, &spot.line("edited", 36, first, "padding of a group (wanted 0, found 8)"));

    let bytes = spot.longer(&[0; 8], |header| header.body_len += 8);
    let files = spot.with_bytes(&base, &bytes, |_| {});
    let words = "bytes after a group's frames (wanted 0, found 8)";
    assert_found(&files, &spot.line("edited", GROUP_HEADER_LEN + len, end, words));

    // A whole entry behind those that the header counts.
    let spot = (0..).map(|n| Spot::of(&base, n)).find(|spot| spot.header.count > 1).unwrap();
    let last = spot.end_index() - 1;
    let frame = range_of(&spot.bytes, Part::Entry(last));
    let files = spot.with(&base, |header| header.count -= 1);
    let words = format!("bytes after a group's frames (wanted 0, found {})", frame.len());
    assert_found(&files, &spot.line("edited", frame.start - spot.range.start, last, &words));

    let padded = Base::new(512, 5);
    let spot = (0..).map(|n| Spot::of(&padded, n)).find(|spot| spot.header.pad_len > 9).unwrap();
    let (first, len) = (spot.header.first_index, spot.header.body_len as usize);
    let at = GROUP_HEADER_LEN + len + 5;
    let mut bytes = spot.bytes.clone();
    bytes[spot.range.start + at] = 7;
    let words = "padding of a group (wanted 0, found 7)";
    let mut files = spot.with_bytes(&padded, &bytes, |_| {});
    assert_eq!(lines(&files), [spot.line("edited", at, first, words)]);
    // Without a right checksum it is an accident, and the byte is still named.
    files.insert(spot.name.clone(), bytes);
    assert_eq!(lines(&files), [spot.line("bit_rot", at, first, words)]);
}

/// Rewrites the log with one frame changed, all hashes and checksums right.
fn rewritten(base: &Base, index: u64, change: impl FnOnce(&mut Vec<u8>)) -> Files {
    let mut taken = Taken::of(&base.files);
    change(taken.frame(index));
    taken.rebuild(Seqs::Kept)
}

fn number(frame: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(frame[at..at + 8].try_into().unwrap())
}

fn put(frame: &mut [u8], at: usize, number: u64) {
    frame[at..at + 8].copy_from_slice(&number.to_le_bytes());
}

/// File of an entry and offset of its frame.
fn place_of(files: &Files, index: u64) -> (String, usize) {
    let is_before =
        |name: &&String| name.ends_with(".seg") && name[..20].parse::<u64>().unwrap() <= index;
    let name = files.keys().rev().find(is_before).unwrap();
    (name.clone(), range_of(&files[name], Part::Entry(index)).start)
}

#[test]
fn what_a_right_hash_does_not_say_is_named_by_the_field() {
    let base = Base::new(1, 5);
    let spot = Spot::of(&base, 0);
    let index = spot.header.first_index;
    let mut taken = Taken::of(&base.files);
    let (before, honest) = (taken.frame(index - 1).clone(), taken.frame(index).clone());
    let (name, at) = place_of(&base.files, index);
    let line = |cause: &str, offset: usize, words: String| {
        format!("{cause}: {name}, byte {}, entry {index}: {words}", at + offset)
    };

    let earlier = number(&before, RECORDED_AT) - 1;
    let files = rewritten(&base, index, |frame| put(frame, RECORDED_AT, earlier));
    let words = format!("recorded_at goes back (wanted {}, found {earlier})", earlier + 1);
    assert_found(&files, &line("clock_backwards", RECORDED_AT, words));

    // Both names occur in this segment before: their numbers are known here.
    let mine = names(&honest).unwrap();
    let first = SegmentHeader::decode(&spot.bytes[..SEGMENT_HEADER_LEN]).unwrap().first_index;
    for (slot, offset, what) in [
        (0, AGENT_SEQ, "agent_seq is not the count of this agent's entries"),
        (1, TYPE_SEQ, "type_seq is not the count of this type's entries"),
    ] {
        let occurs = |i: u64| names(Taken::of(&base.files).frame(i)).unwrap()[slot] == mine[slot];
        assert!((first..index).any(occurs), "{mine:?}");
        let right = number(&honest, offset);
        let files = rewritten(&base, index, |frame| put(frame, offset, right + 1));
        let words = format!("{what} (wanted {right}, found {})", right + 1);
        assert_found(&files, &line("out_of_sequence", offset, words));
    }

    let files = rewritten(&base, index, |frame| frame[1] |= FLAG_SYSTEM);
    let words = "flag and event type of a system entry (wanted both or neither, found one of them)";
    assert_found(&files, &line("edited", 1, words.to_owned()));
}

/// Frames that cannot be decoded are stepped over one by one, and none behind them is blamed.
#[test]
fn broken_frames_are_named_and_those_behind_them_are_read() {
    let base = Base::new(1, 5);
    let spot = (0..).map(|n| Spot::of(&base, n)).find(|spot| spot.header.count == 4).unwrap();
    let first = spot.header.first_index;
    let at = |n: u64| range_of(&spot.bytes, Part::Entry(first + n)).start;
    let words = "unknown form of entry";
    let tail = "(wanted 1, 2 or 3, found 9)";
    let broken = |frames: &[u64], is_forged: bool| {
        let mut bytes = spot.bytes.clone();
        frames.iter().for_each(|n| bytes[at(*n)] = 9);
        if is_forged {
            return spot.with_bytes(&base, &bytes, |_| {});
        }
        let mut files = base.files.clone();
        files.insert(spot.name.clone(), bytes);
        files
    };
    for (cause, is_forged) in [("bit_rot", false), ("edited", true)] {
        let line = |n: u64, more: &str| {
            let (index, byte) = (first + n, at(n));
            format!("{cause}: {}, byte {byte}, entry {index}: {words}{more} {tail}", spot.name)
        };
        for n in 0..4 {
            assert_eq!(lines(&broken(&[n], is_forged)), [line(n, "")]);
        }
        let two = "; 2 entries cannot be read";
        assert_eq!(lines(&broken(&[1, 2], is_forged)), [line(1, two)]);
        assert_eq!(lines(&broken(&[0, 2], is_forged)), [line(0, ""), line(2, "")]);
        let end = format!("; entries up to {} cannot be read", spot.end_index());
        assert_eq!(lines(&broken(&[2, 3], is_forged)), [line(2, &end)]);
    }
}

/// A log of as many entries that contradict themselves as said, in its first and second segment.
fn wrong_throughout(counts: [usize; 2]) -> Files {
    let storage = MemoryStorage::new();
    let log = Options::on_storage(Arc::new(storage.clone()));
    let log = log.segment_bytes(64 << 20).open().unwrap();
    for count in counts {
        let entry = |n: usize| Entry::new("t", format!("did:{}", n % 3), "allow");
        let _ = log.append_batch((0..count).map(entry)).unwrap();
    }
    log.close().unwrap();
    let mut taken = Taken::of(&files_of(&storage));
    taken.frames().for_each(|frame| frame[1] |= FLAG_SYSTEM);
    let shape = taken.segments[0].header.clone();
    let groups = taken.segments.drain(..).flat_map(|segment| segment.groups);
    let (mut seen, mut parts) = (0, [Vec::new(), Vec::new()]);
    for group in groups {
        let part = usize::from(seen >= counts[0]);
        seen += group.frames.len();
        parts[part].push(group);
    }
    for (groups, is_sealed) in parts.into_iter().zip([true, false]) {
        let mut header = shape.clone();
        header.nonce ^= u64::from(is_sealed);
        taken.segments.push(Segment { header, groups, is_sealed });
    }
    taken.rebuild(Seqs::Kept)
}

#[test]
fn findings_beyond_the_most_are_counted() {
    for (counts, left_out) in
        [([FINDINGS_MAX - 1, 1], 0), ([FINDINGS_MAX, 1], 1), ([FINDINGS_MAX + 7, 5], 12)]
    {
        let files = storage_of(&wrong_throughout(counts));
        let report = verify_storage(&files, &VerifyOptions::new().threads(1)).unwrap();
        let named = counts.iter().sum::<usize>() - left_out;
        assert_eq!((report.findings.len(), report.findings_left_out), (named, left_out as u64));
        assert_eq!(report.entries, counts.iter().sum::<usize>() as u64);
    }
}

/// A footer is longer than what is read at once when there are many agents with long names.
#[test]
fn a_digest_covers_a_footer_of_any_length() {
    let storage = MemoryStorage::new();
    let log = Options::on_storage(Arc::new(storage.clone())).segment_bytes(8 << 20).open().unwrap();
    for group in 0..60 {
        let agent = |n: u64| format!("did:{:02000}", group * 20 + n);
        let _ = log.append_batch((0..20).map(|n| Entry::new("t", agent(n), "allow"))).unwrap();
    }
    log.close().unwrap();
    let mut files = files_of(&storage);
    let name = files.keys().find(|name| name.ends_with(".seg")).unwrap().clone();
    let footer = range_of(&files[&name], Part::Footer);
    // All groups are in the first piece that is read, and much of the footer is not.
    assert!(footer.start < 1 << 20 && footer.end > 3 << 19, "{footer:?}");
    let options = VerifyOptions::new().threads(1);
    let said = verify_storage(&storage_of(&files), &options).unwrap();
    assert_eq!((said.exit_code(), said.findings.len()), (0, 0));
    assert!(!said.not_covered.iter().any(|words| words.contains("its digest")), "{said:#?}");

    let digest = footer.end - FOOTER_TAIL_LEN;
    files.get_mut(&name).unwrap()[digest] ^= 1;
    let said = verify_storage(&storage_of(&files), &options).unwrap();
    let [finding] = said.findings.as_slice() else { panic!("{said:#?}") };
    assert_eq!((finding.offset, finding.cause), (Some(digest as u64), Cause::BadSeal));
}
