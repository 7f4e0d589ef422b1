//! Judging a file of the reference: its own verdict, and what that verdict does not see.
//!
//! ```text
//! line --> readable? --no--> "Line 4: parse error: .."          these alone, when there are any
//!            \-yes--> chain, content hash, signature --> "Entry 3 (..): .."
//!            \-yes--> doubts: unknown keys, a key twice, an empty key
//!            \-yes--> anchor: digest of every field of every line, and how many there are
//! ```
//!
//! The reference accepts a file that was cut at a line, emptied, or rewritten by somebody with the
//! key, and it hashes neither `sandbox_id` nor `environment`. A [`FileAnchor`] that was kept elsewhere
//! shows all of that. Re-encodings (layout, key order, line ends) change neither verdict nor anchor.

use super::entry::AgtEntry;
use super::python::repr;
use crate::error::{Error, ErrorKind, Result};
use crate::hash::Sha256State;
use crate::limits::{AGT_LINE_BYTES_MAX, FINDINGS_MAX};
use crate::types::Hash;
use std::fmt;
use std::io::{BufRead, Read};
use std::str::FromStr;

/// What a file held at some moment: kept away from it, it shows every later change. Written
/// `DIGEST@LINES`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileAnchor {
    /// SHA-256 over every line in its one layout, each with a line feed.
    pub digest: Hash,
    /// How many entries there are.
    pub entries: u64,
}

impl fmt::Display for FileAnchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.digest, self.entries)
    }
}

impl FromStr for FileAnchor {
    type Err = Error;

    /// Reads `DIGEST@LINES`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for anything else.
    fn from_str(text: &str) -> Result<Self> {
        let parts = text.split_once('@').and_then(|(digest, entries)| {
            Some(Self { digest: Hash::from_hex(digest)?, entries: entries.parse().ok()? })
        });
        parts.ok_or_else(|| {
            Error::new(
                ErrorKind::Invalid,
                "not an anchor: 64 hex digits, @ and a number are wanted",
            )
        })
    }
}

/// What became of one line.
#[derive(Debug)]
#[non_exhaustive]
pub enum Judged {
    /// White space only.
    Blank,
    /// No entry: why.
    Unreadable(String),
    /// An entry, and what is wrong with it in the reference's words.
    Entry(Box<AgtEntry>, Vec<String>),
}

/// The verdict on a file.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct FileVerdict {
    /// The reference's verdict.
    pub valid: bool,
    /// The reference's errors, in its words; the text behind `parse error: ` is our own. At most
    /// 10,000.
    pub errors: Vec<String>,
    /// What the reference does not look at, and should give pause.
    pub doubts: Vec<String>,
    /// Errors and doubts beyond the limit.
    pub left_out: u64,
    /// Readable entries.
    pub entries: u64,
    /// Entries other than the first that begin a chain anew: files that were put together.
    pub restarts: u64,
    /// `content_hash` of the last entry as it stands there, empty without entries: where a sink goes on.
    pub last_content_hash: String,
    /// What the file holds.
    pub anchor: FileAnchor,
}

impl FileVerdict {
    /// The verdict on a file that is not there.
    #[must_use]
    pub fn missing() -> Self {
        let verdict = FileVerifier::new(&[0]).finish();
        Self { valid: false, errors: vec!["File does not exist".to_owned()], ..verdict }
    }

    /// Why the file cannot be relied on, judged against an anchor that was kept elsewhere; empty
    /// when it can. Without an anchor that is the first reason.
    #[must_use]
    pub fn reasons(&self, anchor: Option<&FileAnchor>) -> Vec<String> {
        let unanchored = match anchor {
            None => Some("no anchor: lines may be missing at the end, or all be rewritten".into()),
            Some(wanted) if *wanted == self.anchor => None,
            Some(wanted) => Some(format!(
                "the file is not what was anchored (wanted {wanted}, found {})",
                self.anchor
            )),
        };
        unanchored.into_iter().chain(self.errors.iter().chain(&self.doubts).cloned()).collect()
    }

    /// Whether nothing stands against the file: see [`FileVerdict::reasons`].
    #[must_use]
    pub fn is_secure(&self, anchor: &FileAnchor) -> bool {
        self.valid && self.reasons(Some(anchor)).is_empty()
    }
}

/// Texts up to a limit.
#[derive(Clone, Debug, Default)]
struct Bounded {
    texts: Vec<String>,
    left_out: u64,
}

impl Bounded {
    fn push(&mut self, text: String) {
        match self.texts.len() < FINDINGS_MAX {
            true => self.texts.push(text),
            false => self.left_out += 1,
        }
    }
}

/// Judges line by line, in memory for one line.
#[derive(Debug)]
pub struct FileVerifier<'k> {
    key: &'k [u8],
    line: u64,
    entries: u64,
    restarts: u64,
    previous: String,
    parse_errors: Bounded,
    errors: Bounded,
    doubts: Bounded,
    digest: Sha256State,
}

impl<'k> FileVerifier<'k> {
    /// A file of which nothing was read.
    #[must_use]
    pub fn new(key: &'k [u8]) -> Self {
        let mut doubts = Bounded::default();
        if key.is_empty() {
            doubts.push("the key is empty: anybody can sign".to_owned());
        }
        Self {
            key,
            line: 0,
            entries: 0,
            restarts: 0,
            previous: String::new(),
            parse_errors: Bounded::default(),
            errors: Bounded::default(),
            doubts,
            digest: Sha256State::default(),
        }
    }

    /// The line that was judged last, counted from 1, blank ones included.
    #[must_use]
    pub fn line_number(&self) -> u64 {
        self.line
    }

    /// Judges the next line, with or without its line break.
    pub fn judge(&mut self, line: &[u8]) -> Judged {
        self.line += 1;
        let line = match std::str::from_utf8(line) {
            Ok(text) => text.trim_matches(is_python_space).as_bytes(),
            Err(_) => line,
        };
        if line.is_empty() {
            return Judged::Blank;
        }
        match AgtEntry::parse_with_unknown(line) {
            Err(error) => self.unreadable(error.message().to_owned()),
            Ok((entry, unknown)) => {
                if let Some(key) = unknown.keys.first() {
                    let (line, key) = (self.line, repr(key));
                    self.doubts.push(format!("Line {line}: {key} is no field of an entry"));
                }
                if unknown.has_duplicates {
                    self.doubts.push(format!("Line {}: a key stands twice", self.line));
                }
                let errors = self.entry(&entry);
                Judged::Entry(Box::new(entry), errors)
            }
        }
    }

    /// Counts a line that was too long to be read at all.
    pub fn judge_too_long(&mut self) -> Judged {
        self.line += 1;
        self.unreadable(format!("longer than {AGT_LINE_BYTES_MAX} bytes"))
    }

    fn unreadable(&mut self, why: String) -> Judged {
        self.parse_errors.push(format!("Line {}: parse error: {why}", self.line));
        Judged::Unreadable(why)
    }

    fn entry(&mut self, entry: &AgtEntry) -> Vec<String> {
        let name = format!("Entry {} ({})", self.entries, entry.entry_id);
        let mut errors = Vec::new();
        if entry.previous_hash != self.previous {
            let (wanted, found) = (repr(&self.previous), repr(&entry.previous_hash));
            errors.push(format!(
                "{name}: chain break \u{2014} expected previous_hash={wanted}, got {found}"
            ));
        }
        let is_intact = entry.is_content_intact();
        if !is_intact {
            errors.push(format!("{name}: content hash mismatch"));
        }
        if !is_intact || !entry.is_signature_valid(self.key) {
            errors.push(format!("{name}: HMAC signature invalid"));
        }
        for error in &errors {
            self.errors.push(error.clone());
        }
        self.restarts += u64::from(self.entries > 0 && entry.previous_hash.is_empty());
        self.entries += 1;
        self.previous.clone_from(&entry.content_hash);
        self.digest.update(entry.to_line().as_bytes());
        self.digest.update(b"\n");
        errors
    }

    /// The verdict on everything that was judged.
    #[must_use]
    pub fn finish(self) -> FileVerdict {
        let parsed = self.parse_errors.texts.is_empty();
        let errors = if parsed { self.errors } else { self.parse_errors };
        FileVerdict {
            valid: errors.texts.is_empty(),
            left_out: errors.left_out + self.doubts.left_out,
            errors: errors.texts,
            doubts: self.doubts.texts,
            entries: self.entries,
            restarts: self.restarts,
            last_content_hash: self.previous,
            anchor: FileAnchor { digest: self.digest.finish(), entries: self.entries },
        }
    }
}

/// What Python strips from a line.
fn is_python_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

/// Judges a file, whose lines end with line feeds, carriage returns, or both; `each` gets every line
/// with its number.
///
/// # Errors
/// [`ErrorKind::Io`] from the reader; whatever `each` answers.
pub fn verify_file(
    mut reader: impl BufRead,
    key: &[u8],
    mut each: impl FnMut(u64, Judged) -> Result<()>,
) -> Result<FileVerdict> {
    let mut verifier = FileVerifier::new(key);
    let mut line = Vec::new();
    loop {
        line.clear();
        let limit = AGT_LINE_BYTES_MAX as u64 + 1;
        let read = Read::by_ref(&mut reader).take(limit).read_until(b'\n', &mut line);
        let read = read.map_err(|error| Error::io(error, "read", "the file"))?;
        if read == 0 {
            return Ok(verifier.finish());
        }
        if line.len() > AGT_LINE_BYTES_MAX && !line.ends_with(b"\n") {
            reader.skip_until(b'\n').map_err(|error| Error::io(error, "read", "the file"))?;
            let judged = verifier.judge_too_long();
            each(verifier.line_number(), judged)?;
            continue;
        }
        let whole = line.strip_suffix(b"\n").unwrap_or(&line);
        let whole = whole.strip_suffix(b"\r").unwrap_or(whole);
        for piece in whole.split(|byte| *byte == b'\r') {
            let judged = verifier.judge(piece);
            each(verifier.line_number(), judged)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"key";

    fn lines(count: usize) -> Vec<AgtEntry> {
        let mut previous = String::new();
        let entry = |i: usize| AgtEntry {
            entry_id: format!("audit_{i}"),
            timestamp: "2026-03-01T12:00:00+00:00".into(),
            event_type: "t".into(),
            agent_did: "a".into(),
            action: "allow".into(),
            outcome: "success".into(),
            ..AgtEntry::default()
        };
        (0..count)
            .map(|i| {
                let signed = entry(i).signed(&previous, KEY);
                previous.clone_from(&signed.content_hash);
                signed
            })
            .collect()
    }

    fn text(lines: &[AgtEntry]) -> String {
        lines.iter().map(|line| line.to_line() + "\n").collect()
    }

    fn judged(text: &str, key: &[u8]) -> FileVerdict {
        verify_file(text.as_bytes(), key, |_, _| Ok(())).unwrap()
    }

    #[test]
    fn an_honest_file_is_valid_and_secure_and_re_encoding_changes_nothing() {
        let honest = text(&lines(5));
        let verdict = judged(&honest, KEY);
        assert!(verdict.valid && verdict.is_secure(&verdict.anchor));
        assert_eq!((verdict.entries, verdict.restarts), (5, 0));
        assert_eq!(verdict.last_content_hash, lines(5)[4].content_hash);
        assert_eq!(verdict.anchor.to_string().parse::<FileAnchor>().unwrap(), verdict.anchor);
        for again in [
            honest.replace('\n', "\r\n"),
            honest.replace('\n', "\r"),
            honest.replace('\n', "\n\n \u{1c}\n"),
            honest.replace(": ", ":  "),
            honest.trim_end().to_owned(),
        ] {
            let verdict_again = judged(&again, KEY);
            assert!(verdict_again.is_secure(&verdict.anchor), "{again}");
        }
        assert!(!verdict.reasons(None).is_empty());
    }

    #[test]
    fn what_the_reference_does_not_see_the_anchor_shows() {
        let honest = lines(5);
        let anchor = judged(&text(&honest), KEY).anchor;
        let mut unhashed = honest.clone();
        unhashed[2].environment = Some("prod".into());
        for changed in [
            text(&honest[..4]),
            String::new(),
            text(&unhashed),
            text(&lines(6)),
            text(&honest).replacen("{", "{\"extra\": 1, ", 1),
            text(&honest).replacen("{", "{\"action\": \"deny\", ", 1),
        ] {
            let verdict = judged(&changed, KEY);
            assert!(verdict.valid, "{changed}");
            assert!(!verdict.is_secure(&anchor), "{changed}");
        }
        let empty_key = lines(1)[0].clone().signed("", b"");
        let verdict = judged(&text(&[empty_key]), b"");
        assert!(verdict.valid && !verdict.is_secure(&verdict.anchor));
    }

    #[test]
    fn errors_have_the_words_of_the_reference() {
        let mut changed = lines(4);
        changed[1].action = "deny".into();
        changed.remove(2);
        let verdict = judged(&text(&changed), KEY);
        let [_, _, third] = [&changed[0], &changed[1], &changed[2]];
        assert_eq!(
            verdict.errors,
            [
                "Entry 1 (audit_1): content hash mismatch".to_owned(),
                "Entry 1 (audit_1): HMAC signature invalid".to_owned(),
                format!(
                    "Entry 2 (audit_3): chain break \u{2014} expected previous_hash='{}', got '{}'",
                    changed[1].content_hash, third.previous_hash
                ),
            ]
        );
        let broken = text(&changed).replacen("}\n", "}\n\noops\n", 1) + "[]";
        let verdict = judged(&broken, KEY);
        let starts = |at: usize, start: &str| verdict.errors[at].starts_with(start);
        assert!(starts(0, "Line 3: parse error: ") && starts(1, "Line 6: parse error: "));
        assert_eq!((verdict.errors.len(), verdict.entries), (2, 3));
        assert_eq!(judged(&text(&lines(2)), b"other").errors.len(), 2);
    }

    #[test]
    fn two_files_put_together_are_a_break_and_a_restart() {
        let twice = text(&lines(2)) + &text(&lines(2));
        let verdict = judged(&twice, KEY);
        assert_eq!((verdict.valid, verdict.restarts, verdict.entries), (false, 1, 4));
    }

    #[test]
    fn endless_lines_and_endless_errors_stay_bounded() {
        let mut input = "{}\n".repeat(FINDINGS_MAX + 5).into_bytes();
        input.resize(input.len() + AGT_LINE_BYTES_MAX + 10, b'x');
        input.extend_from_slice(b"\n{}\n");
        let mut last = 0;
        let verdict = verify_file(&input[..], KEY, |line, _| {
            last = line;
            Ok(())
        });
        let verdict = verdict.unwrap();
        assert_eq!((verdict.errors.len(), verdict.left_out), (FINDINGS_MAX, 7));
        assert_eq!(usize::try_from(last), Ok(FINDINGS_MAX + 7));
    }
}
