//! Limits: every bound in the system, with its reason and its relation to the others.
//!
//! A loop, a buffer or a length that is not bounded by a constant from here does not pass review.

/// Largest payload (`data` as JSON text): 16 MiB. One entry must always fit an empty segment.
pub const PAYLOAD_BYTES_MAX: usize = 16 << 20;
/// Largest meta block: every caller field but `data`, encoded.
pub const META_BYTES_MAX: usize = 64 << 10;
/// Longest agent, target or approver identifier.
pub const AGENT_BYTES_MAX: usize = 2048;
/// Longest event type, action or outcome.
pub const EVENT_TYPE_BYTES_MAX: usize = 256;
/// Longest entry id given by a caller.
pub const ENTRY_ID_BYTES_MAX: usize = 64;
/// Longest value of any other text field of an entry.
pub const FIELD_BYTES_MAX: usize = 16 << 10;
/// Deepest nesting of objects and arrays in `data`.
pub const JSON_DEPTH_MAX: usize = 128;
/// Shortest key of redaction's keyed mode: 128 bits.
pub const REDACTION_KEY_BYTES_MIN: usize = 16;
/// Longest key of redaction's keyed mode; a longer file is no key.
pub const REDACTION_KEY_BYTES_MAX: usize = 4096;
/// Most rules that a user may add to the built-in ones.
pub const REDACTION_RULES_MAX: usize = 64;
/// Longest name or pattern in a user's rule.
pub const REDACTION_PATTERN_BYTES_MAX: usize = 2048;
/// Most names, paths or values on each of redaction's allow-lists.
pub const REDACTION_ALLOWED_MAX: usize = 4096;
/// Longest record of what was redacted from one entry; the rest is counted.
pub const REDACTION_RECORD_BYTES_MAX: usize = 8 << 10;
/// Longest path in such a record; a longer one is cut.
pub const REDACTION_PATH_BYTES_MAX: usize = 512;
/// Longest origin (log name); a signed checkpoint's cosigned message caps it at 255.
pub const ORIGIN_BYTES_MAX: usize = 255;

/// Most hashes in an inclusion proof: sizes stay below 2^63. A consistency proof keeps to it up to
/// 2^62 leaves and has at most one more beyond.
pub const PROOF_HASHES_MAX: usize = 63;
/// Largest tree size: 2^63 - 1, the common cap of the public formats.
pub const TREE_SIZE_MAX: u64 = (1 << 63) - 1;

/// Longest signed note: its text and its signatures.
pub const NOTE_BYTES_MAX: usize = 16 << 20;
/// Most signature lines of a note; the format wants at least 16.
pub const NOTE_SIGNATURES_MAX: usize = 16;
/// Longest signature of a line, key id included: those of post-quantum witnesses have 2,432 bytes.
pub const NOTE_SIGNATURE_BYTES_MAX: usize = 4 << 10;
/// Longest signed checkpoint: a short text and as many signatures as a note may have.
pub const CHECKPOINT_BYTES_MAX: usize = 128 << 10;
/// Longest checkpoint history: one checkpoint a minute for three years.
pub const HISTORY_BYTES_MAX: u64 = 512 << 20;
/// Longest document of evidence: an entry at its limit, escaped and in hex, and its hashes.
pub const EVIDENCE_BYTES_MAX: usize = 6 * PAYLOAD_BYTES_MAX + (1 << 20);
/// Longest name of a signing key; it equals the origin of the log.
pub const KEY_NAME_BYTES_MAX: usize = ORIGIN_BYTES_MAX;

/// Most bytes of frames and padding in one group.
pub const GROUP_BODY_BYTES_MAX: usize = 32 << 20;
/// Most entries in one group.
pub const GROUP_ENTRIES_MAX: u32 = 1 << 20;
/// Room kept in every group for system entries the committer adds itself.
pub const GROUP_SYSTEM_RESERVE: usize = 4 << 10;

/// Smallest segment size that may be configured. Entries that do not fit are `TooLarge`.
pub const SEGMENT_BYTES_MIN: u64 = 64 << 10;
/// Default segment size.
pub const SEGMENT_BYTES_DEFAULT: u64 = 64 << 20;
/// Largest segment size; offsets in side files are 32-bit.
pub const SEGMENT_BYTES_MAX: u64 = 1 << 30;
/// Smallest preallocation, so that a ten-entry log stays small.
pub const PREALLOCATE_BYTES_MIN: u64 = 1 << 20;
/// Mean size of a segment's groups from which on the log is fed in bulk: blocks of the next segment are
/// then reserved and not zeroed, and the page cache is left to others.
pub const BULK_GROUP_BYTES: u64 = 256 << 10;
/// Most segments in one directory.
pub const SEGMENTS_MAX: usize = 1_000_000;
/// Segments that may lack a footer: the active one, and the one being sealed behind it.
pub const UNSEALED_SEGMENTS_MAX: usize = 2;
/// Largest footer that is read: fixed part plus the counters of every agent touched.
pub const FOOTER_BYTES_MAX: u64 = 512 << 20;

/// Most frame bytes waiting to be committed; beyond it callers wait or get `Full`.
pub const QUEUE_BYTES_MAX: usize = 8 << 20;
/// Most entries waiting to be committed.
pub const QUEUE_ENTRIES_MAX: usize = 64 << 10;

/// Idle time after which an empty heartbeat group vouches for the last entries.
pub const HEARTBEAT_IDLE_MS: u64 = 100;
/// A caller-given entry id is unique within at least this many entries back.
pub const RECENT_IDS: usize = 1_000_000;
/// A clock that falls back by less is clamped and flagged, but gets no system entry of its own.
pub const CLOCK_REGRESSION_REPORT_NS: u64 = 10_000_000;

/// Most findings one audit names; the rest are counted.
pub const FINDINGS_MAX: usize = 10_000;
/// Most notes, and most gaps in what was covered, that one audit names; the rest are counted.
pub const NOTES_MAX: usize = 1000;

/// Least memory that an audit may be told to do with: what it needs whatever the log is, and the
/// largest group with all that follows from it.
pub const VERIFY_MEMORY_MIN: usize = 96 << 20;

/// Results of a query when no limit is given.
pub const QUERY_LIMIT_DEFAULT: usize = 100;
/// Most entries that a query reads at once, so that they are hashed side by side.
pub const QUERY_BATCH_ENTRIES: usize = 64;
/// Entries that it reads at first where no limit is given, doubled each time: whoever stops at one
/// does not wait for more.
pub const QUERY_BATCH_FIRST: usize = 4;
/// Stored bytes after which it reads no further entry at once; the first always fits.
pub const QUERY_BATCH_BYTES: usize = 1 << 20;
/// Entries covered by one zone (minimum and maximum time) in an index.
pub const ZONE_ENTRIES: usize = 128;
/// Postings in one block of a posting list.
pub const POSTING_BLOCK: usize = 128;
/// Terms in one front-coded block of a dictionary.
pub const TERM_BLOCK: usize = 16;
/// Memory that the totals of one key may take, once somebody counted by it: some 40,000 agents.
pub const TOTALS_BYTES_MAX: usize = 4 << 20;

/// Longest period of a report, in days: ten years, one row for each.
pub const REPORT_DAYS_MAX: i64 = 3_660;
/// Agents a report names when nobody says how many.
pub const REPORT_AGENTS_DEFAULT: usize = 10;
/// Denials, and violations, a report cites when nobody says how many.
pub const REPORT_LISTED_DEFAULT: usize = 50;
/// Most denials, and most violations, a report cites. All are counted.
pub const REPORT_LISTED_MAX: usize = 1_000;

/// Longest accepted line of JSON Lines input: a payload at its limit, escaped, and its fields.
pub const INGEST_LINE_BYTES_MAX: usize = 2 * PAYLOAD_BYTES_MAX + (1 << 20);
/// Bytes of input that are read, decoded and appended together.
pub const INGEST_CHUNK_BYTES: usize = 1 << 20;
/// Most records in such a chunk, so that a chunk of nothing but tiny bad records stays small.
pub const INGEST_CHUNK_RECORDS: usize = 8 << 10;
/// Room that ingested entries leave in `source` for a reading position.
pub const IMPORT_POSITION_RESERVE: usize = 4 << 10;
/// Longest file name in a reading position, as JSON text; a longer one is told by its digest.
pub const IMPORT_FILE_NAME_BYTES_MAX: usize = 3 << 10;

/// Bytes of entries that an export holds at once, one entry more or less.
pub const EXPORT_BATCH_BYTES: usize = 4 << 20;
/// Most entries that an export holds at once.
pub const EXPORT_BATCH_ENTRIES: usize = 4096;
/// Longest line of a verifiable export: a payload twice, escaped, its fields in text and in hex.
pub const EXPORT_LINE_BYTES_MAX: usize = 8 * PAYLOAD_BYTES_MAX;
/// Longest line of a file of the reference implementation that is read.
pub const AGT_LINE_BYTES_MAX: usize = INGEST_LINE_BYTES_MAX;
/// Longest document of the reference's `export()` that is read; it holds at most 10,000 entries.
pub const AGT_DOCUMENT_BYTES_MAX: usize = 256 << 20;
/// Deepest nesting in such a line; the reference's reader stops there as well.
pub const AGT_JSON_DEPTH_MAX: usize = 201;
/// Most digits of an integer in such a line; Python stops there as well.
pub const AGT_INT_DIGITS_MAX: usize = 4300;
/// Most entries handed to a sink at once.
pub const SINK_BATCH_ENTRIES_MAX: usize = 512;
/// Stored bytes after which such a batch takes no further entry; the first always fits.
pub const SINK_BATCH_BYTES: usize = 4 << 20;
/// Longest configuration or position of a sink.
pub const SINK_STATE_BYTES_MAX: usize = 64 << 10;
/// Largest file of dead letters; a sink that would need more has another problem.
pub const SINK_DEAD_BYTES_MAX: u64 = 64 << 20;
/// Longest name of a sink.
pub const SINK_NAME_BYTES_MAX: usize = 64;
/// Most sinks of one log.
pub const SINKS_MAX: usize = 64;
/// Longest pause between two tries, whatever the other side asks for.
pub const SINK_PAUSE_MS_MAX: u64 = 60_000;
/// Notes of a sink that a status keeps; the oldest go.
pub const SINK_NOTES_MAX: usize = 64;
/// Longest key of a sink, and longest file that holds such a secret.
pub const SINK_SECRET_BYTES_MAX: usize = 4 << 10;
/// Longest file with the authorities a sink trusts; a system's own list has a quarter of that.
pub const AUTHORITIES_BYTES_MAX: u64 = 1 << 20;
/// Longest link in the sidecar of a file sink, and longest sidecar: some hundred thousand files.
pub const SINK_LINK_BYTES_MAX: usize = 4 << 10;
/// See [`SINK_LINK_BYTES_MAX`].
pub const SINK_LINKS_BYTES_MAX: u64 = 256 << 20;
/// Links of the file in use before the sidecar is written anew without the old ones.
pub const SINK_LINKS_HEADS_MAX: usize = 1000;
/// Names that are tried for a full file, or for a torn piece of one.
pub const SINK_FILE_TRIES_MAX: u32 = 99;

/// Longest path in a manifest or a deployment.
pub const PATH_BYTES_MAX: usize = 4096;
/// Most files, links and directories beneath one root of a manifest.
pub const INTEGRITY_FILES_MAX: usize = 200_000;
/// Deepest nesting of directories beneath a root.
pub const INTEGRITY_DEPTH_MAX: usize = 64;
/// Longest manifest: the most files there may be, each with a path of some length.
pub const MANIFEST_BYTES_MAX: usize = 128 << 20;
/// Largest binary that functions are looked for in; it is read whole.
pub const BINARY_BYTES_MAX: u64 = 1 << 30;

/// Longest declaration of a deployment.
pub const DEPLOYMENT_BYTES_MAX: usize = 1 << 20;
/// Largest policy file that is digested.
pub const POLICY_FILE_BYTES_MAX: u64 = 16 << 20;
/// Longest attestation that is read back.
pub const ATTESTATION_BYTES_MAX: usize = 16 << 20;
/// Entries that one check names; the rest are counted.
pub const SHOWN_ENTRIES_MAX: usize = 10;
/// Traces, denied acts or agents that one judge remembers, 8 bytes each.
pub const REMEMBERED_KEYS_MAX: usize = 1_000_000;

const _: () = assert!(INTEGRITY_FILES_MAX * 512 <= MANIFEST_BYTES_MAX);
const _: () = assert!(PAYLOAD_BYTES_MAX + META_BYTES_MAX + 4096 <= GROUP_BODY_BYTES_MAX);
const _: () = assert!(REDACTION_RECORD_BYTES_MAX <= FIELD_BYTES_MAX);
const _: () = assert!(8 * REDACTION_PATH_BYTES_MAX < REDACTION_RECORD_BYTES_MAX);
const _: () = assert!(QUEUE_BYTES_MAX <= GROUP_BODY_BYTES_MAX);
const _: () = assert!((GROUP_BODY_BYTES_MAX as u64) < SEGMENT_BYTES_DEFAULT);
const _: () = assert!(SEGMENT_BYTES_MAX <= u32::MAX as u64);
const _: () = assert!(QUEUE_ENTRIES_MAX < GROUP_ENTRIES_MAX as usize);
const _: () = assert!(PROOF_HASHES_MAX == TREE_SIZE_MAX.count_ones() as usize);
const _: () = assert!(INGEST_CHUNK_BYTES <= QUEUE_BYTES_MAX);
const _: () = assert!(INGEST_CHUNK_RECORDS <= QUEUE_ENTRIES_MAX);
const _: () = assert!(IMPORT_FILE_NAME_BYTES_MAX + 512 <= IMPORT_POSITION_RESERVE);
const _: () = assert!(JSON_DEPTH_MAX < AGT_JSON_DEPTH_MAX);
const _: () = assert!(IMPORT_POSITION_RESERVE < FIELD_BYTES_MAX);
