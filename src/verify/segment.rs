//! One segment: header, footer, groups and side files, each held against the others.
//!
//! A segment header carries all that is needed to begin in the middle of a log, so segments are
//! checked apart from each other and on several threads; whether they join is checked afterwards,
//! by [`super::join`]. A segment whose header is damaged waits until the one before it is done.

use super::anchors::Anchors;
use super::derived::Derived;
use super::erasure::Erasures;
use super::group::{Start, State};
use super::names::Names;
use super::pieces::{Meter, Pieces};
use super::report::{Cause, Finding};
use super::rooms::{self, Rooms};
use super::side;
use super::walk::{Place, Tail, Walk};
use crate::error::Result;
use crate::format::footer::{Counter, FOOTER_MAGIC, FOOTER_TAIL_LEN, Footer};
use crate::format::group::{GROUP_HEADER_LEN, GroupHeader, padding};
use crate::format::segment::{SEGMENT_HEADER_LEN, SegmentHeader};
use crate::format::side::Subject;
use crate::format::{Flaw, UNKNOWN_VERSION, segment_name};
use crate::hash::{self, SealHasher};
use crate::limits::{FOOTER_BYTES_MAX, SEGMENT_BYTES_MAX, TREE_SIZE_MAX};
use crate::merkle::Frontier;
use crate::storage::{Access, Storage, StorageFile};
use crate::sync::Arc;
use crate::types::Hash;

/// What is the same for every segment of one audit.
pub(super) struct Audit<'a> {
    pub(super) storage: &'a dyn Storage,
    pub(super) anchors: &'a Anchors,
    pub(super) is_live: bool,
    pub(super) meter: &'a Meter<'a>,
    pub(super) rooms: Rooms,
}

/// A segment as it was listed.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) first_index: u64,
    /// Length of the file when it was listed: how long checking it takes, nothing else.
    pub(super) len: u64,
    /// First index of the segment that follows; `None` for the last.
    pub(super) next: Option<u64>,
    /// Whether just one follows: only then may a footer still be missing.
    pub(super) is_before_last: bool,
    /// Where what a writer has synced ends; `None` without a writer, or when another follows.
    pub(super) live_end: Option<u64>,
    pub(super) has_nodes: bool,
    pub(super) has_index: bool,
}

impl Task {
    pub(super) fn name(&self) -> String {
        segment_name(self.first_index)
    }

    /// Something of it that was not checked for lack of room.
    pub(super) fn left_out(&self, what: &str) -> Finding {
        rooms::left_out(&self.name(), what).entry(self.first_index)
    }
}

/// What came of a segment.
pub(super) struct Outcome {
    /// Everything derived from its groups; `None` when it could not be read at all, or not yet.
    pub(super) state: Option<State>,
    /// Its header is damaged: try again with what the segment before says.
    pub(super) needs_start: bool,
    pub(super) header: Option<SegmentHeader>,
    /// It stands under a wrong name or belongs to another log.
    pub(super) is_displaced: bool,
    pub(super) footer: Option<Footer>,
    /// Where its groups end, what follows, and the length of the file.
    pub(super) data_end: u64,
    pub(super) tail: Tail,
    pub(super) file: Option<Arc<dyn StorageFile>>,
    pub(super) len: u64,
    /// Bytes of the largest piece that was read at once.
    pub(super) piece: usize,
    pub(super) agents: Names,
    pub(super) types: Names,
    /// Findings that came before any state, or after it.
    pub(super) findings: Vec<Finding>,
    pub(super) notes: Vec<String>,
    pub(super) not_covered: Vec<String>,
}

impl Outcome {
    fn new() -> Self {
        Self {
            state: None,
            needs_start: false,
            header: None,
            is_displaced: false,
            footer: None,
            data_end: 0,
            tail: Tail::End,
            file: None,
            len: 0,
            piece: 0,
            agents: Names::default(),
            types: Names::default(),
            findings: Vec::new(),
            notes: Vec::new(),
            not_covered: Vec::new(),
        }
    }

    /// Whether nothing wrong was found in it so far.
    pub(super) fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.state.as_ref().is_some_and(|s| s.findings.is_empty())
    }
}

/// Checks a segment; `start` stands in for a damaged header.
pub(super) fn check(audit: &Audit<'_>, task: &Task, start: Option<Start>) -> Outcome {
    let mut outcome = Outcome::new();
    if let Err(error) = check_into(audit, task, start, &mut outcome) {
        let mut finding = Finding::new(Cause::Unreadable, &task.name(), error.message());
        finding.offset = error.location().offset;
        outcome.findings.push(finding.entry(task.first_index));
    }
    outcome
}

fn check_into(
    audit: &Audit<'_>,
    task: &Task,
    start: Option<Start>,
    outcome: &mut Outcome,
) -> Result<()> {
    let name = task.name();
    let file = audit.storage.open(&name, Access::Read)?;
    let len = file.len()?;
    (outcome.file, outcome.len) = (Some(Arc::clone(&file)), len);
    if len > SEGMENT_BYTES_MAX + FOOTER_BYTES_MAX {
        let finding = Finding::new(Cause::BadSegment, &name, "length of a segment");
        let most = SEGMENT_BYTES_MAX + FOOTER_BYTES_MAX;
        outcome.findings.push(finding.entry(task.first_index).expected(most, len));
        return Ok(());
    }
    let room = audit.rooms.segment;
    let Some((footer, room)) = read_footer(&*file, len, room)? else {
        not_read(task, outcome);
        return Ok(());
    };
    let end = match (&footer, task.live_end) {
        (Some((Ok(_), at)), _) => *at,
        (_, Some(live_end)) => live_end.min(len),
        _ => len,
    };
    let mut pieces = Pieces::new(Arc::clone(&file), len, audit.meter);
    if let Some((Ok(_), _)) = footer {
        pieces.digest_to(len - FOOTER_TAIL_LEN as u64);
    }
    let Some(start) = find_start(task, start, &mut pieces, outcome)? else { return Ok(()) };
    let has_footer = matches!(footer, Some((Ok(_), _)));
    let footer = footer.and_then(|(footer, at)| footer.ok().map(|(f, digest)| (f, digest, at)));
    let end_index = match &footer {
        Some((footer, ..)) => footer.first_index.checked_add(footer.count),
        None => task.next,
    };
    let is_bounded = has_footer || task.live_end.is_some();
    let with_index = has_footer && outcome.header.is_some() && task.has_index;
    let with_nodes = has_footer && outcome.header.is_some() && task.has_nodes;
    let mut state = State::new(&name, &start, Derived::new(with_index, with_nodes, room));
    state.erasures = Erasures::within(audit.rooms.erasures_of_segment);
    state.anchors = audit.anchors.from(start.first_index);
    state.index_max = end_index.unwrap_or(TREE_SIZE_MAX).min(TREE_SIZE_MAX);
    let place = Place { end, is_bounded, end_index };
    let mut walk = Walk::new(&mut pieces, &mut state, place);
    let walked = walk.run();
    outcome.data_end = walk.at;
    outcome.piece = pieces.largest();
    match walked {
        Ok(tail) => outcome.tail = tail,
        Err(error) => {
            // What was seen before counts; what the rest would have said is not known.
            outcome.findings.append(&mut state.findings);
            return Err(error);
        }
    }
    state.settle(footer.as_ref().map(|(footer, ..)| footer.root));
    outcome.state = Some(state);
    if let Some((footer, digest, at)) = footer {
        check_footer(outcome, &mut pieces, &footer, &digest, at)?;
        outcome.footer = Some(footer);
        check_side_files(audit, task, outcome);
    }
    if let Some(state) = &mut outcome.state {
        (outcome.agents, outcome.types) = state.derived.take_counted();
        state.derived.drop_index();
    }
    Ok(())
}

/// Not one entry of the segment is read, for its footer does not fit: that is no gap in what was
/// checked, but a file that was not judged.
fn not_read(task: &Task, outcome: &mut Outcome) {
    let name = task.name();
    let what = "its footer does not fit in the memory that is allowed: no entry was read";
    let finding = Finding::new(Cause::Unreadable, &name, what).entry(task.first_index);
    outcome.findings.push(finding);
    let what = "its entries, how they join those before and behind, and the numbers behind them";
    outcome.not_covered.push(format!("{name}: {what}"));
}

/// Where to begin: what the header says, or what stands in for it.
fn find_start(
    task: &Task,
    stand_in: Option<Start>,
    pieces: &mut Pieces<'_>,
    outcome: &mut Outcome,
) -> Result<Option<Start>> {
    let name = task.name();
    let decoded = SegmentHeader::decode(pieces.get(0, SEGMENT_HEADER_LEN)?);
    let header = match decoded {
        Ok(header) => header,
        Err(flaw) => {
            let is_new = flaw.what == UNKNOWN_VERSION;
            let cause = if is_new { Cause::UnknownVersion } else { Cause::BitRot };
            let finding = Finding::of(cause, &name, flaw, 0).entry(task.first_index);
            outcome.findings.push(finding);
            outcome.needs_start = !is_new && stand_in.is_none();
            let first_group = pieces.get(SEGMENT_HEADER_LEN as u64, GROUP_HEADER_LEN)?;
            return Ok(stand_in.map(|start| with_group(start, first_group)));
        }
    };
    let misplaced = |what: &str, offset: u64| {
        Finding::new(Cause::BadSegment, &name, what).at(offset).entry(task.first_index)
    };
    if header.first_index != task.first_index {
        let finding = misplaced("first index of a segment is not that of its name", 56);
        outcome.findings.push(finding.expected(task.first_index, header.first_index));
        outcome.is_displaced = true;
    }
    if header.first_index > TREE_SIZE_MAX {
        return Ok(None);
    }
    let frontier = Frontier::from_parts(header.first_index.into(), header.frontier.clone());
    let start = Start {
        first_index: header.first_index,
        previous: Some(header.previous_hash),
        frontier: frontier.ok(),
        last_recorded_at: header.last_recorded_at,
        nonce: header.nonce,
        align: header.align,
    };
    outcome.header = Some(header);
    Ok(Some(start))
}

/// What only the damaged header said, from the first group instead.
fn with_group(start: Start, first_group: &[u8]) -> Start {
    let Some(nonce) = GroupHeader::nonce_of(first_group) else { return start };
    let Ok((header, _)) = GroupHeader::decode(first_group, nonce) else { return start };
    let (at, len) =
        (SEGMENT_HEADER_LEN as u64, GROUP_HEADER_LEN as u64 + u64::from(header.body_len));
    let fits = |align: &u16| padding(at, len, *align) == header.pad_len;
    Start { nonce, align: [1, 512, 4096].into_iter().find(fits).unwrap_or(1), ..start }
}

/// A footer with its claimed digest, or what is wrong with it, and where it begins.
type FoundFooter = (std::result::Result<(Footer, Hash), Flaw>, u64);

/// Bytes of a counter once it is decoded, its name counted by itself.
const COUNTER_BYTES: usize = 3 * size_of::<Counter>();

/// The footer, if there is one, and what is left of the room; `None` when it does not fit.
fn read_footer(
    file: &dyn StorageFile,
    len: u64,
    room: usize,
) -> Result<Option<(Option<FoundFooter>, usize)>> {
    let none = Ok(Some((None, room)));
    let mut last16 = [0u8; 16];
    let Some(tail_at) = len.checked_sub(16).filter(|at| *at >= SEGMENT_HEADER_LEN as u64) else {
        return none;
    };
    if file.read_at(&mut last16, tail_at)? < last16.len() {
        return none;
    }
    let Some(footer_len) = Footer::len_from_tail(&last16, len) else { return none };
    let at = len - footer_len;
    if at < SEGMENT_HEADER_LEN as u64 {
        return none;
    }
    // Its bytes, and their names once more.
    let footer_len = usize::try_from(footer_len).unwrap_or(usize::MAX);
    let Some(room) = room.checked_sub(footer_len.saturating_mul(2)) else {
        // Sixteen bytes at the end of a file must not keep its entries from being read.
        let mut magic = [0u8; FOOTER_MAGIC.len()];
        let is_footer = file.read_at(&mut magic, at)? == magic.len() && magic == FOOTER_MAGIC;
        return if is_footer { Ok(None) } else { none };
    };
    let mut bytes = vec![0u8; footer_len];
    if file.read_at(&mut bytes, at)? < bytes.len() {
        return Ok(Some((None, room)));
    }
    let counters = Footer::counters_in(&bytes).saturating_mul(COUNTER_BYTES);
    let Some(room) = room.checked_sub(counters) else { return Ok(None) };
    let decoded = Footer::decode(&bytes).and_then(|(footer, digest)| match footer.data_end == at {
        true => Ok((footer, digest)),
        false => Err(Flaw::new(40, "offset of a footer", at, footer.data_end)),
    });
    Ok(Some((Some((decoded, at)), room)))
}

/// Everything a footer says but the counters, which only the whole log knows.
fn check_footer(
    outcome: &mut Outcome,
    pieces: &mut Pieces<'_>,
    footer: &Footer,
    digest: &Hash,
    at: u64,
) -> Result<()> {
    let Some(state) = &outcome.state else { return Ok(()) };
    let end = state.index;
    let is_clean = outcome.is_clean();
    let finding = |what: &str, offset: u64, wanted: String, found: String| {
        let finding = Finding::new(Cause::BadSeal, &state.name, what).at(at + offset);
        finding.entry(end).expected(wanted, found)
    };
    let mut findings = Vec::new();
    for (offset, what, wanted, found) in facts(state, footer) {
        // Behind damage only what the tree and the chain say can be held against a footer.
        if wanted != found && (is_clean || offset < 112) {
            findings.push(finding(what, offset, wanted, found));
        }
    }
    if findings.is_empty() && is_clean {
        let place = pieces_end(outcome.len) - at;
        match pieces.digest()? {
            Some(found) if found == *digest => {}
            Some(found) => {
                let what = "digest of a segment";
                findings.push(finding(what, place, found.to_hex(), digest.to_hex()));
            }
            None => outcome.not_covered.push(format!("{}: its digest", state.name)),
        }
    }
    outcome.findings.extend(findings);
    Ok(())
}

fn pieces_end(len: u64) -> u64 {
    len.saturating_sub(FOOTER_TAIL_LEN as u64)
}

/// Offset in the footer, name, what is wanted and what is there.
fn facts(state: &State, footer: &Footer) -> Vec<(u64, &'static str, String, String)> {
    let row = |offset, what, wanted: &dyn ToString, found: &dyn ToString| {
        (offset, what, wanted.to_string(), found.to_string())
    };
    let times = |(least, greatest): ((i64, u32), (i64, u32))| {
        format!("{}.{:09} to {}.{:09}", least.0, least.1, greatest.0, greatest.1)
    };
    let nonce = |nonce: u64| format!("{nonce:016x}");
    let count = state.index.saturating_sub(state.first_index);
    let mut rows = vec![
        row(16, "nonce of a footer", &nonce(state.nonce), &nonce(footer.nonce)),
        row(24, "first index of a footer", &state.first_index, &footer.first_index),
        row(32, "count of a footer", &count, &footer.count),
    ];
    if let Some(frontier) = &state.frontier {
        rows.push(row(48, "root of a footer", &frontier.root(), &footer.root));
    }
    if let Some(last) = &state.previous {
        rows.push(row(80, "last entry hash of a footer", last, &footer.last_entry_hash));
    }
    let (least, greatest) = state.derived.recorded.unwrap_or_default();
    let event = state.derived.event.unwrap_or_default();
    rows.push(row(112, "recorded_min of a footer", &least, &footer.recorded.0));
    rows.push(row(120, "recorded_max of a footer", &greatest, &footer.recorded.1));
    rows.push(row(128, "event times of a footer", &times(event), &times(footer.event)));
    rows.push(row(152, "groups of a footer", &state.groups, &footer.group_count));
    if let Some(chain) = state.chain {
        let (wanted, found) = (format!("{chain:08x}"), format!("{:08x}", footer.last_header_crc));
        rows.push(row(160, "last group of a footer", &wanted, &found));
    }
    rows
}

/// Nodes and index of a sealed segment against what its frames say.
fn check_side_files(audit: &Audit<'_>, task: &Task, outcome: &mut Outcome) {
    let name = task.name();
    let is_clean = outcome.is_clean();
    let (Some(header), Some(state)) = (&outcome.header, &mut outcome.state) else { return };
    let count = u32::try_from(state.index.saturating_sub(state.first_index));
    let root = state.frontier.as_ref().map(Frontier::root).filter(|_| is_clean);
    let (Some(root), Ok(count)) = (root, count) else {
        outcome.not_covered.push(format!("{name}: its side files, since it is damaged itself"));
        return;
    };
    if state.derived.has_no_room {
        return; // another pass looks at them, with more room
    }
    let (log_id, generation) = (header.log_id, header.generation);
    let first_index = state.first_index;
    let subject = Subject { log_id, generation, first_index, count, root };
    let found = side::check(audit.storage, audit.meter, task.has_nodes, &subject, state);
    outcome.findings.extend(found.findings);
    outcome.notes.extend(found.notes);
}

/// Digest of the first `end` bytes of a file; for the rare segment whose footer must be made anew.
pub(super) fn digest_of(file: &dyn StorageFile, end: u64) -> Result<Option<SealHasher>> {
    let mut hasher = SealHasher::new();
    let mut buffer = vec![0u8; 256 << 10];
    let mut at = 0u64;
    while at < end {
        let len = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
        let room = buffer.get_mut(..len).unwrap_or_default();
        let read = file.read_at(room, at)?;
        if read == 0 {
            return Ok(None);
        }
        hasher.update(room.get(..read).unwrap_or_default());
        at += read as u64;
    }
    Ok(Some(hasher))
}

/// The tree's root before its first leaf, when a segment begins there.
pub(super) fn root_of(start: Option<&Frontier>) -> Hash {
    start.map_or_else(hash::empty_root, Frontier::root)
}
