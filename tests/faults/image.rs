//! What a crash may leave: images, made from a journal and not by telling the story again.
//!
//! ```text
//! journal  | op 0 | op 1 | ... | op k-1 |   op k    |
//!          '------- happened -----------'  on its way '--> flavour --> image
//! ```
//!
//! A [`Player`] walks through a journal; at each change it can be asked for what a crash in the
//! middle of the next one leaves, in each [`Flavour`]. A disk that breaks its promises is made here
//! too: flushes that did nothing, and blocks that are not what was written.

use crate::sim::{Change, Dice, FileData, Op, SECTOR, Sim, State, SyncKind, set_len, write};
use std::sync::Arc;

/// What of the unsynced is still there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Flavour {
    /// The process died between two calls; the system lives on.
    Killed,
    /// The process died in the middle of a call, which has done part of its work, or all.
    KilledMidway,
    /// The power went: nothing that was not synced.
    Nothing,
    /// Everything, and the call on its way as well: it failed and persisted.
    Everything,
    /// Any sectors of any writes, any names.
    AnySubset,
    /// Per file and for the names: what came first, up to a torn write.
    Earliest,
    /// What came last, without what came before.
    Latest,
    /// All names and no bytes.
    NamesOnly,
    /// All bytes and no names.
    BytesOnly,
}

/// All of them.
pub(crate) const FLAVOURS: [Flavour; 9] = [
    Flavour::Killed,
    Flavour::KilledMidway,
    Flavour::Nothing,
    Flavour::Everything,
    Flavour::AnySubset,
    Flavour::Earliest,
    Flavour::Latest,
    Flavour::NamesOnly,
    Flavour::BytesOnly,
];

/// Which of so many unsynced units land.
#[derive(Clone, Copy)]
enum Landing {
    All,
    None,
    Any,
    Before(usize),
    From(usize),
}

impl Landing {
    fn of(flavour: Flavour, units: usize, is_names: bool, dice: &mut Dice) -> Self {
        match flavour {
            Flavour::Everything | Flavour::Killed | Flavour::KilledMidway => Self::All,
            Flavour::Nothing => Self::None,
            Flavour::AnySubset => Self::Any,
            Flavour::Earliest => Self::Before(dice.below(units + 1)),
            Flavour::Latest => Self::From(dice.below(units + 1)),
            Flavour::NamesOnly if is_names => Self::All,
            Flavour::BytesOnly if !is_names => Self::All,
            Flavour::NamesOnly | Flavour::BytesOnly => Self::None,
        }
    }

    fn lands(self, nth: usize, dice: &mut Dice) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Any => dice.below(2) == 0,
            Self::Before(stop) => nth < stop,
            Self::From(stop) => nth >= stop,
        }
    }
}

/// The pieces of a write that arrive whole or not at all.
fn sectors(at: usize, len: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let begin = from;
        from = len.min((at + begin) / SECTOR * SECTOR + SECTOR - at);
        (begin < len).then_some((begin, from))
    })
}

fn settle_file(file: &mut FileData, flavour: Flavour, dice: &mut Dice) {
    let changes = std::mem::take(&mut file.unsynced);
    let units = |change: &Change| match change {
        Change::Write(at, bytes) => sectors(*at, bytes.len()).count(),
        Change::SetLen(_) => 1,
    };
    let landing = Landing::of(flavour, changes.iter().map(units).sum(), false, dice);
    let mut nth = 0;
    for change in changes {
        match change {
            Change::SetLen(len) => {
                if landing.lands(nth, dice) {
                    set_len(&mut file.medium, len);
                }
                nth += 1;
            }
            Change::Write(at, bytes) => {
                for (from, to) in sectors(at, bytes.len()) {
                    if landing.lands(nth, dice) {
                        write(&mut file.medium, at + from, &bytes[from..to]);
                    }
                    nth += 1;
                }
            }
        }
    }
    file.cache = Arc::clone(&file.medium);
    // Taking the right to write away is never synced.
    file.is_read_only &= !matches!(flavour, Flavour::Nothing | Flavour::Earliest)
        && (flavour != Flavour::AnySubset || dice.below(2) == 0);
}

fn settle_names(state: &mut State, flavour: Flavour, dice: &mut Dice) {
    let changes = std::mem::take(&mut state.name_changes);
    let landing = Landing::of(flavour, changes.len(), true, dice);
    let mut names = state.durable_names.clone();
    for (nth, change) in changes.into_iter().enumerate() {
        if landing.lands(nth, dice) {
            change.apply_to(&mut names);
        }
    }
    state.names.clone_from(&names);
    state.durable_names = names;
}

/// A disk on which a journal is played, change by change.
pub(crate) struct Player<'j> {
    disk: Sim,
    journal: &'j [Op],
    at: usize,
}

impl<'j> Player<'j> {
    /// Before the first change; `disk` is what the journal began with.
    pub(crate) fn new(disk: &Sim, journal: &'j [Op]) -> Self {
        Self { disk: disk.fork(), journal, at: 0 }
    }

    /// Goes to just before the change of this number.
    pub(crate) fn go_to(&mut self, at: usize) {
        for op in &self.journal[self.at..at] {
            self.disk.state().apply(op);
        }
        self.at = at;
    }

    /// What a crash right here leaves, the next change being on its way.
    pub(crate) fn crash(&self, flavour: Flavour, dice: &mut Dice) -> Sim {
        let disk = self.disk.fork();
        {
            let mut state = disk.state();
            match self.journal.get(self.at) {
                None | Some(Op::Sync(..) | Op::SyncDir(_)) => {}
                Some(Op::Write(id, at, bytes)) if flavour == Flavour::KilledMidway => {
                    // The system copies page by page and may be stopped between two of them.
                    let stops: Vec<usize> =
                        sectors(*at, bytes.len()).map(|piece| piece.1).collect();
                    let some = stops.get(dice.below(stops.len() + 1)).map_or(0, |stop| *stop);
                    state.apply(&Op::Write(*id, *at, bytes[..some].into()));
                }
                Some(_) if flavour == Flavour::Killed => {}
                Some(op) => state.apply(op),
            }
            if !matches!(flavour, Flavour::Killed | Flavour::KilledMidway) {
                settle_names(&mut state, flavour, dice);
                for file in &mut state.files {
                    settle_file(file, flavour, dice);
                }
            }
        }
        disk.kill();
        disk
    }

    /// As [`Player::go_to`], but the syncs for which `is_lie` holds do nothing.
    pub(crate) fn go_lying(&mut self, at: usize, is_lie: impl Fn(usize, SyncKind) -> bool) {
        for (nth, op) in self.journal.iter().enumerate().take(at).skip(self.at) {
            let kind = match op {
                Op::Sync(_, kind) => Some(*kind),
                // What a name is waiting for is decided by the syncs that were left out before.
                Op::SyncDir(_) => Some(self.disk.state().kind_of_dir_sync()),
                _ => None,
            };
            if !kind.is_some_and(|kind| is_lie(nth, kind)) {
                self.disk.state().apply(op);
            }
        }
        self.at = at;
    }
}

/// How a medium breaks its promise about bytes at rest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Decay {
    /// One bit is another one.
    BitRot,
    /// A block holds what it held before.
    Stale,
    /// A block holds what was meant for another place.
    Misdirected,
    /// A block holds zeros.
    Zeroed,
}

/// All of them.
pub(crate) const DECAYS: [Decay; 4] =
    [Decay::BitRot, Decay::Stale, Decay::Misdirected, Decay::Zeroed];

/// Lets one file decay, and says where; `None` when there is nothing that could.
pub(crate) fn decay(disk: &Sim, past: &Sim, how: Decay, dice: &mut Dice) -> Option<String> {
    let names: Vec<String> = disk.names();
    let name = names.get(dice.below(names.len()))?;
    let mut bytes = disk.bytes(name);
    if bytes.is_empty() {
        return None;
    }
    let block = [SECTOR, 4096][dice.below(2)];
    let at = dice.below(bytes.len()) / block * block;
    let end = bytes.len().min(at + block);
    match how {
        Decay::BitRot => {
            let at = dice.below(bytes.len());
            bytes[at] ^= 1 << dice.below(8);
            disk.put(name, &bytes);
            return Some(format!("{name}, a bit of byte {at}"));
        }
        Decay::Stale => {
            let old = if past.names().contains(name) { past.bytes(name) } else { Vec::new() };
            for (offset, byte) in bytes[at..end].iter_mut().enumerate() {
                *byte = old.get(at + offset).copied().unwrap_or(0);
            }
        }
        Decay::Misdirected => {
            let other = disk.bytes(&names[dice.below(names.len())]);
            let from = dice.below(other.len().max(1)) / block * block;
            for (offset, byte) in bytes[at..end].iter_mut().enumerate() {
                *byte = other.get(from + offset).copied().unwrap_or(0);
            }
        }
        Decay::Zeroed => bytes[at..end].fill(0),
    }
    disk.put(name, &bytes);
    Some(format!("{name}, bytes {at} to {end}"))
}
