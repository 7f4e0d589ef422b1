//! Side files against the log: the file that must be there is built anew and compared.
//!
//! | file | digest | names this segment and version | contents | it is |
//! |---|---|---|---|---|
//! | missing, or unreadable | | | | a note: caches are made again |
//! | there | wrong | | | a note: readers see the digest and make it again |
//! | there | right | no | | a note: from another generation or version; readers refuse it |
//! | there | right | yes | as derived | right |
//! | there | right | yes | others | `index_mismatch`: a lie that readers would believe |
//!
//! Files of any length are compared piece by piece; no length in them is believed.

use super::group::State;
use super::pieces::Meter;
use super::report::{Cause, Finding};
use crate::error::{ErrorKind, Result};
use crate::format::side::{self, SIDE_DIGEST_LEN, SideKind, Subject};
use crate::format::{index_name, nodes_name};
use crate::hash::SealHasher;
use crate::storage::{Access, Storage};
use crate::types::hex;

/// Bytes from the beginning that say whose side file it is: everything before the section lengths.
const SUBJECT_END: u64 = (side::SECTIONS_OFFSET - 4 * side::SECTIONS) as u64;
const PIECE_BYTES: usize = 256 << 10;

/// What came of the two files.
#[derive(Default)]
pub(super) struct Found {
    pub(super) findings: Vec<Finding>,
    pub(super) notes: Vec<String>,
}

/// Compares both side files of a sealed segment whose every entry was right.
pub(super) fn check(
    storage: &dyn Storage,
    meter: &Meter<'_>,
    has_nodes: bool,
    subject: &Subject,
    state: &mut State,
) -> Found {
    let mut found = Found::default();
    let first_index = subject.first_index;
    let nodes = std::mem::take(&mut state.derived.nodes);
    let is_whole = nodes.len() as u64 == side::node_count(first_index, subject.count);
    let nodes = (has_nodes && is_whole).then(|| vec![nodes.as_flattened()]);
    let index = state.derived.index_sections(subject);
    let index = index.as_ref().map(|sections| sections.iter().map(Vec::as_slice).collect());
    let files = [
        (nodes_name(first_index), SideKind::Nodes, nodes),
        (index_name(first_index), SideKind::Index, index),
    ];
    for (name, kind, sections) in files {
        let Some(sections) = sections else {
            found.notes.push(format!("{name} is missing; it can be made again"));
            continue;
        };
        let head = side::encode_head(kind, subject, &sections);
        let wanted = Wanted(std::iter::once(head.as_slice()).chain(sections).collect());
        let compared = compare(storage, meter, &name, &wanted);
        match compared {
            Ok(None) => {}
            Ok(Some(Difference::Digest)) => {
                found.notes.push(format!("{name} is damaged; it can be made again"));
            }
            Ok(Some(Difference::Subject(at))) => found.notes.push(format!(
                "{name} is about another version of its segment (byte {at}); it can be made again"
            )),
            Ok(Some(Difference::Contents { at, wanted, found: there })) => {
                let what = "a side file with a right digest does not say what the log says";
                let finding = Finding::new(Cause::IndexMismatch, &name, what).at(at);
                found.findings.push(finding.expected(wanted, there));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                found.notes.push(format!("{name} is missing; it can be made again"));
            }
            Err(error) => found.notes.push(format!("{name} cannot be read: {error}")),
        }
    }
    found
}

enum Difference {
    Digest,
    Subject(u64),
    Contents { at: u64, wanted: String, found: String },
}

/// The bytes that must be there before the digest, in parts. What the digest must be need not be
/// known: it is right when it is that of the file and every byte before it is as wanted.
struct Wanted<'a>(Vec<&'a [u8]>);

impl Wanted<'_> {
    fn len(&self) -> u64 {
        self.0.iter().map(|part| part.len() as u64).sum()
    }

    /// Offset of the first byte of `piece`, which lies at `at`, that is not the wanted one.
    fn difference(&self, piece: &[u8], at: u64) -> Option<u64> {
        let (mut begin, piece_end) = (0u64, at + piece.len() as u64);
        for part in &self.0 {
            let end = begin + part.len() as u64;
            let (from, to) = (at.max(begin), piece_end.min(end));
            if from < to {
                let range = |base: u64| {
                    usize::try_from(from - base).unwrap_or(usize::MAX)
                        ..usize::try_from(to - base).unwrap_or(usize::MAX)
                };
                let wanted = part.get(range(begin)).unwrap_or_default();
                let there = piece.get(range(at)).unwrap_or_default();
                if wanted != there {
                    let same = wanted.iter().zip(there).take_while(|(a, b)| a == b).count();
                    return Some(from + same as u64);
                }
            }
            begin = end;
        }
        None
    }

    /// Up to eight bytes at an offset.
    fn window(&self, at: u64) -> Vec<u8> {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        self.0.iter().copied().flatten().skip(at).take(8).copied().collect()
    }
}

fn compare(
    storage: &dyn Storage,
    meter: &Meter<'_>,
    name: &str,
    wanted: &Wanted<'_>,
) -> Result<Option<Difference>> {
    let file = storage.open(name, Access::Read)?;
    let len = file.len()?;
    let Some(digest_at) = len.checked_sub(SIDE_DIGEST_LEN as u64) else {
        return Ok(Some(Difference::Digest));
    };
    let mut buffer = vec![0u8; PIECE_BYTES];
    let (mut hasher, mut at) = (SealHasher::new(), 0u64);
    let mut first_difference = (digest_at != wanted.len()).then_some(digest_at.min(wanted.len()));
    while at < digest_at {
        let left = usize::try_from(digest_at - at).unwrap_or(usize::MAX).min(buffer.len());
        let room = buffer.get_mut(..left).unwrap_or_default();
        let read = file.read_at(room, at)?;
        if read == 0 {
            return Ok(Some(Difference::Digest));
        }
        let piece = room.get(..read).unwrap_or_default();
        hasher.update(piece);
        if let Some(differs) = wanted.difference(piece, at)
            && first_difference.is_none_or(|first| differs < first)
        {
            first_difference = Some(differs);
        }
        at += read as u64;
        meter.add(read as u64);
    }
    let mut digest = [0u8; SIDE_DIGEST_LEN];
    file.read_exact_at(&mut digest, digest_at)?;
    meter.add(SIDE_DIGEST_LEN as u64);
    if hasher.finish().0 != digest {
        return Ok(Some(Difference::Digest));
    }
    Ok(match first_difference {
        None => None,
        Some(at) if at < SUBJECT_END => Some(Difference::Subject(at)),
        Some(at) => {
            let mut there = [0u8; 8];
            let read = file.read_at(&mut there, at)?;
            let found = hex(there.get(..read).unwrap_or_default());
            Some(Difference::Contents { at, wanted: hex(&wanted.window(at)), found })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash;
    use crate::storage::MemoryStorage;
    use crate::types::Hash;

    /// Longer than a piece, in parts of which one ends where a piece does.
    #[test]
    fn files_of_many_pieces_are_compared_to_the_byte() {
        let parts: Vec<Vec<u8>> = [100, PIECE_BYTES - 100, 0, PIECE_BYTES + 77]
            .map(|len| (0..251).cycle().take(len).collect())
            .into();
        let wanted = Wanted(parts.iter().map(Vec::as_slice).collect());
        let whole = parts.concat();
        let said = |bytes: &[u8], digest: Hash| {
            let storage = MemoryStorage::new();
            let file = storage.create("x").unwrap();
            file.write_all_at(&[bytes, &digest.0].concat(), 0).unwrap();
            let meter = Meter::new(0, None);
            let said = compare(&storage, &meter, "x", &wanted).unwrap();
            assert_eq!(meter.done(), bytes.len() as u64 + 32);
            match said {
                None => "right".to_owned(),
                Some(Difference::Digest) => "digest".to_owned(),
                Some(Difference::Subject(at)) => format!("subject {at}"),
                Some(Difference::Contents { at, wanted, found }) => {
                    format!("{at} {wanted} {found}")
                }
            }
        };
        assert_eq!(said(&whole, hash::seal(&whole)), "right");
        assert_eq!(said(&whole, Hash([7; 32])), "digest");
        let subject_end = usize::try_from(SUBJECT_END).unwrap();
        for at in [0, subject_end - 1, subject_end, PIECE_BYTES - 1, PIECE_BYTES, whole.len() - 9] {
            let mut other = whole.clone();
            other[at] ^= 0xff;
            other[whole.len() - 1] ^= 1;
            let shown = (hex(&whole[at..at + 8]), hex(&other[at..at + 8]));
            let wanted = match at < subject_end {
                true => format!("subject {at}"),
                false => format!("{at} {} {}", shown.0, shown.1),
            };
            assert_eq!(said(&other, hash::seal(&other)), wanted);
        }
        let (longer, shorter) = ([&whole[..], &[1]].concat(), &whole[..whole.len() - 1]);
        let at = shorter.len();
        assert!(said(&longer, hash::seal(&longer)).starts_with(&format!("{} ", whole.len())));
        assert!(said(shorter, hash::seal(shorter)).starts_with(&format!("{at} ")));
    }
}
