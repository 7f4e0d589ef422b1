//! The sidecar: which files there are, how much each holds, and where it ends.
//!
//! ```text
//! audit.jsonl.links   {"mac":"3b1e...","link":{"kind":"closed","sequence":1,"file":"audit.000001.jsonl",
//!                       "entries":400,"bytes":..,"sha256":"..","last_content_hash":"..","next":412,..}}
//!                     {"mac":"..","link":{"kind":"open",..}}      how far the file in use was synced
//! ```
//!
//! A line of the reference says nothing of the file it is in, so a file that was lost, or cut at a
//! line, looks whole to it. Here each closed file is named with its digest, and the links of closed
//! files are a chain: each holds the MAC of the one before. The file in use has a link per flush.
//! The key is the one of the lines, under a label of its own.
//!
//! What this cannot show: that files and sidecar were both put back to an earlier state. The stored
//! position of the sink, or the log, does.

use crate::error::{Error, ErrorKind, Result};
use crate::hash;
use crate::limits::{SINK_LINK_BYTES_MAX, SINK_LINKS_BYTES_MAX};
use crate::storage::{Access, Storage};
use crate::types::unhex;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What is signed begins with this, so that no signature of a line can stand for one of a link.
const LABEL: &[u8] = b"witnessmark/v1/sink-link\n";

/// Whether a file is still written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum LinkKind {
    Open,
    Closed,
}

/// What a file held at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Link {
    pub(super) kind: LinkKind,
    /// From 1, without gaps.
    pub(super) sequence: u64,
    pub(super) file: String,
    /// The log that the entries are from.
    pub(super) log_id: String,
    /// Lines, and how many of them were in the file before the sink took it over.
    pub(super) entries: u64,
    pub(super) adopted: u64,
    pub(super) bytes: u64,
    pub(super) sha256: String,
    pub(super) last_content_hash: String,
    /// The first entry of the log that is not in this file or one before.
    pub(super) next: u64,
    /// Whether the first line goes on from the last line of the file before.
    pub(super) is_continuous: bool,
    /// MAC of the closed link before; empty for the first.
    pub(super) previous: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<T> {
    mac: String,
    link: T,
}

fn message(link: &str) -> Vec<u8> {
    [LABEL, link.as_bytes()].concat()
}

impl Link {
    /// The line of a link, and its MAC.
    pub(super) fn seal(&self, key: &[u8]) -> (String, String) {
        let link = serde_json::to_string(self).unwrap_or_default();
        let mac = hash::hmac_sha256(key, &message(&link)).to_hex();
        let line = format!("{{\"mac\":\"{mac}\",\"link\":{link}}}\n");
        (line, mac)
    }
}

/// The links of a sidecar, checked: their MACs, and the chain of the closed ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Links {
    /// Closed files in order, with their lines and MACs.
    pub(super) closed: Vec<(Link, String, String)>,
    /// The file in use, as it was flushed last.
    pub(super) open: Option<Link>,
    /// Where the whole lines end; what follows was torn by a crash.
    pub(super) end: u64,
    /// How many lines there are.
    pub(super) count: usize,
}

impl Links {
    /// MAC of the last closed link; empty when there is none.
    pub(super) fn last_mac(&self) -> &str {
        self.closed.last().map_or("", |(_, _, mac)| mac)
    }

    /// Reads the sidecar; `None` when there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Key`] when the first link was signed with another key; [`ErrorKind::Corrupt`]
    /// when a later one does not hold.
    pub(super) fn read(storage: &dyn Storage, name: &str, key: &[u8]) -> Result<Option<Self>> {
        let file = match storage.open(name, Access::Read) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let len = file.len()?;
        if len > SINK_LINKS_BYTES_MAX {
            return Err(Error::new(ErrorKind::TooLarge, "the sidecar is too long")
                .at_file(storage.path_of(name))
                .expected(format_args!("at most {SINK_LINKS_BYTES_MAX} bytes"), len));
        }
        let mut bytes = vec![0u8; usize::try_from(len).unwrap_or(0)];
        let read = file.read_at(&mut bytes, 0)?;
        bytes.truncate(read);
        let mut links = Self::default();
        while let Some(len) = rest_of(&bytes, links.end).iter().position(|byte| *byte == b'\n') {
            let line = rest_of(&bytes, links.end).get(..=len).unwrap_or_default();
            let taken = links.take(line, key);
            taken.map_err(|error| error.at_file(storage.path_of(name)).at_offset(links.end))?;
            links.end += line.len() as u64;
        }
        Ok(Some(links))
    }

    fn take(&mut self, line: &[u8], key: &[u8]) -> Result<()> {
        let corrupt = |what: &str| Error::new(ErrorKind::Corrupt, what.to_owned());
        if line.len() > SINK_LINK_BYTES_MAX {
            return Err(corrupt("a link is too long"));
        }
        let parsed: Line<&RawValue> =
            serde_json::from_slice(line).map_err(|_| corrupt("no link of a sidecar"))?;
        let tag = unhex(&parsed.mac).unwrap_or_default();
        if !hash::is_hmac_sha256(key, &message(parsed.link.get()), &tag) {
            if self.count > 0 {
                return Err(corrupt("the link's MAC does not hold"));
            }
            return Err(Error::new(
                ErrorKind::Key,
                "the sidecar was signed with another key, or its first link was altered",
            ));
        }
        let link: Link = serde_json::from_str(parsed.link.get())
            .map_err(|error| corrupt(&format!("a link of another form: {error}")))?;
        let sequence = self.closed.len() as u64 + 1;
        if link.sequence != sequence || link.previous != self.last_mac() {
            return Err(corrupt("a link is missing before this one")
                .expected(format_args!("sequence {sequence}"), link.sequence));
        }
        self.count += 1;
        match link.kind {
            LinkKind::Open => self.open = Some(link),
            LinkKind::Closed => {
                let text = String::from_utf8_lossy(line).into_owned();
                self.closed.push((link, text, parsed.mac));
                self.open = None;
            }
        }
        Ok(())
    }
}

fn rest_of(bytes: &[u8], from: u64) -> &[u8] {
    usize::try_from(from).ok().and_then(|from| bytes.get(from..)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::MemoryStorage;

    fn link(sequence: u64, kind: LinkKind, previous: &str) -> Link {
        Link {
            kind,
            sequence,
            file: format!("a.{sequence:06}.jsonl"),
            log_id: "ab".into(),
            entries: 3,
            adopted: 0,
            bytes: 100,
            sha256: "cd".into(),
            last_content_hash: "ef".into(),
            next: 3 * sequence,
            is_continuous: false,
            previous: previous.into(),
        }
    }

    fn read(text: &str, key: &[u8]) -> Result<Links> {
        let storage = MemoryStorage::new();
        storage.create("l").unwrap().write_all_at(text.as_bytes(), 0).unwrap();
        Links::read(&storage, "l", key).map(Option::unwrap)
    }

    #[test]
    fn a_sidecar_reads_back_and_every_change_of_it_is_found() {
        let (first, mac1) = link(1, LinkKind::Closed, "").seal(b"k");
        let (second, mac2) = link(2, LinkKind::Closed, &mac1).seal(b"k");
        let (open, _) = link(3, LinkKind::Open, &mac2).seal(b"k");
        let whole = format!("{first}{second}{open}");
        let links = read(&(whole.clone() + "{\"mac\":"), b"k").unwrap();
        assert_eq!((links.closed.len(), links.end, links.count), (2, whole.len() as u64, 3));
        assert_eq!(links.open.unwrap().next, 9);
        assert_eq!(read(&whole, b"other").unwrap_err().kind(), ErrorKind::Key);
        for bad in [
            format!("{first}{open}"),
            format!("{second}{open}"),
            format!("{first}{first}"),
            whole.replace("\"entries\":3", "\"entries\":4"),
            format!("{first}oops\n"),
        ] {
            assert!(read(&bad, b"k").is_err(), "{bad}");
        }
    }
}
