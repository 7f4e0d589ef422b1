//! A story that is told to a log, and what must be true of the log whenever it was cut short.

use crate::sim::{Dice, Sim};
use std::sync::Arc;
use witnessmark::segment::scan::scan;
use witnessmark::{AuditLog, Entry, Hash, Options, Query, Reader, Result, TreeSize};

/// What callers were told before the story ended.
#[derive(Default, Clone)]
pub(crate) struct Told {
    /// Index and entry hash of each receipt.
    pub(crate) receipts: Vec<(u64, Hash)>,
    /// Largest head that was shown.
    pub(crate) head: Option<(TreeSize, Hash)>,
    /// Size of the largest checkpoint that was handed out.
    pub(crate) checkpoint: Option<TreeSize>,
}

pub(crate) fn options(sim: &Sim, align: u16) -> Options {
    Options::on_storage(sim.storage()).segment_bytes(64 << 10).sector_pad(align)
}

pub(crate) fn entry<'a>(agent: &'a str, data: &'a str) -> Entry<'a> {
    Entry::new("tool_invocation", agent, "allow").data_text(data)
}

fn text(dice: &mut Dice) -> String {
    let len = match dice.below(10) {
        0 => 20_000,
        1..4 => 3000,
        _ => 100,
    };
    format!("{{\"fill\":\"{}\"}}", "x".repeat(dice.below(len)))
}

impl Told {
    pub(crate) fn take(&mut self, receipt: &witnessmark::Receipt) {
        self.receipts.push((receipt.index().get(), receipt.entry_hash()));
    }

    /// What somebody else was told as well.
    pub(crate) fn learn(&mut self, more: Self) {
        self.receipts.extend(more.receipts);
        self.checkpoint = self.checkpoint.max(more.checkpoint);
        self.head = self.head.into_iter().chain(more.head).max_by_key(|(size, _)| *size);
    }

    fn look(&mut self, log: &AuditLog) {
        let head = log.head();
        if self.head.is_none_or(|(size, _)| size <= head.size) {
            self.head = Some((head.size, head.root));
        }
    }

    /// Appends in every way there is, until something fails or the acts are done.
    pub(crate) fn act(&mut self, log: &AuditLog, dice: &mut Dice, acts: usize) -> Result<()> {
        for _ in 0..acts {
            let data = text(dice);
            let agent = ["did:a", "did:b", "did:c"][dice.below(3)];
            match dice.below(8) {
                0 => {
                    let batch = (0..1 + dice.below(2)).map(|_| entry(agent, &data));
                    for receipt in log.append_batch(batch.collect::<Vec<_>>())? {
                        self.take(&receipt);
                    }
                }
                1 => {
                    let tickets: Vec<_> =
                        (0..3).map(|_| log.submit(entry(agent, &data))).collect::<Result<_>>()?;
                    for ticket in tickets {
                        self.take(&ticket.wait()?);
                    }
                }
                2 => {
                    let buffered: Vec<_> = (0..2)
                        .map(|_| log.append_buffered(entry(agent, &data)))
                        .collect::<Result<_>>()?;
                    log.sync()?;
                    let seen =
                        |one: &witnessmark::BufferedReceipt| (one.index().get(), one.entry_hash());
                    self.receipts.extend(buffered.iter().map(seen));
                }
                _ => self.take(&log.append(entry(agent, &data))?),
            }
            self.look(log);
        }
        Ok(())
    }

    /// The whole story: three lives of one log.
    pub(crate) fn tell(&mut self, sim: &Sim, align: u16, seed: u64) -> Result<()> {
        let mut dice = Dice::new(seed);
        for acts in [6, 14, 8] {
            let log = options(sim, align).open()?;
            self.act(&log, &mut dice, acts)?;
            log.close()?;
        }
        Ok(())
    }

    /// Opens what is left and looks for everything that was told.
    pub(crate) fn check(&self, sim: &Sim, align: u16) -> std::result::Result<(), String> {
        let log = options(sim, align).open().map_err(|error| format!("open: {error}"))?;
        self.check_log(&log)?;
        let told = log.append(entry("did:after", "{}")).map_err(|e| format!("append: {e}"))?;
        let head = log.close().map_err(|error| format!("close: {error}"))?;
        let reader = Reader::on_storage(sim.storage()).map_err(|e| format!("reader: {e}"))?;
        let view = reader.view().map_err(|error| format!("view: {error}"))?;
        if view.head() != head || !view.size().contains(told.index()) {
            return Err(format!("the reader sees {:?}, the writer left {head:?}", view.head()));
        }
        check_recoveries(sim, &view)
    }

    pub(crate) fn check_log(&self, log: &AuditLog) -> std::result::Result<(), String> {
        let view = log.view();
        for (index, hash) in &self.receipts {
            let entry = view.entry((*index).into());
            let entry = entry.map_err(|error| format!("entry {index} was told: {error}"))?;
            if entry.entry_hash() != *hash {
                return Err(format!("entry {index} is another one now"));
            }
        }
        if let Some((size, root)) = self.head {
            let found = view.root_at(size).map_err(|error| format!("size {size}: {error}"))?;
            if found != root {
                return Err(format!("the tree of size {size} is another one now"));
            }
        }
        let last = log.last_checkpoint().map_err(|error| format!("checkpoint: {error}"))?;
        let last = last.map(|last| last.checkpoint().size());
        if last < self.checkpoint {
            return Err(format!("the checkpoint of size {:?} is gone: {last:?}", self.checkpoint));
        }
        let all = view.query(&Query::new().limit(0).system(true)).map_err(|e| e.to_string())?;
        let wanted = view.size().get();
        if all.entries.len() as u64 != wanted {
            return Err(format!("a query finds {} of {wanted} entries", all.entries.len()));
        }
        Ok(())
    }
}

/// Every quarantine file is named by a recovery entry.
pub(crate) fn check_recoveries(
    sim: &Sim,
    view: &witnessmark::View,
) -> std::result::Result<(), String> {
    let query = Query::new().event_type("witnessmark.recovery").system(true).limit(0);
    let records = view.query(&query).map_err(|error| error.to_string())?.entries;
    let is_named = |name: &str| {
        records.iter().any(|entry| entry.data_text().is_some_and(|data| data.contains(name)))
    };
    let files = sim.names();
    match files
        .iter()
        .find(|name| name.starts_with("quarantine") && name.ends_with(".bin") && !is_named(name))
    {
        None => Ok(()),
        Some(name) => Err(format!("{name} is named by no recovery entry")),
    }
}

/// The bytes behind the last valid group of the last segment.
pub(crate) fn torn_tail(sim: &Sim) -> Vec<u8> {
    let Some(name) = sim.names().into_iter().filter(|name| name.ends_with(".seg")).max() else {
        return Vec::new();
    };
    let bytes = sim.bytes(&name);
    let storage = sim.storage();
    let file = storage.open(&name, witnessmark::storage::Access::Read).unwrap();
    let header = witnessmark::segment::set::read_header(&*Arc::clone(&file), &name).unwrap();
    let seen = scan(&bytes, &header, |_| {}).unwrap();
    let (end, used) = (usize::try_from(seen.end).unwrap(), usize::try_from(seen.used).unwrap());
    bytes.get(end..used).unwrap_or_default().to_vec()
}
