//! This log, through its public interface, as `AuditLog::open` opens it.

use crate::engine::{Result, locked};
use crate::speed::load::Act;
use crate::speed::store::{Peer, Questions, Seen, Store, Syncs, TypeAsked};
use std::hint::black_box;
use std::path::Path;
use witnessmark::{AuditLog, Entry, EntryIndex, Field, Key, Page, Query, UnixNanos, View};

/// The name in the tables.
pub(crate) const NAME: &str = "witnessmark";
const NANOS: u64 = 1_000_000_000;

pub(crate) fn peer() -> Peer {
    Peer {
        name: NAME,
        about: || format!("{}; chain, tree and all indexes, secrets searched", locked(NAME)),
        open: |dir, syncs| Ok(Box::new(open(dir, syncs)?)),
        is_fronted: false,
        is_kept: true,
    }
}

struct Open {
    log: AuditLog,
    syncs: Syncs,
}

fn open(dir: &Path, syncs: Syncs) -> Result<Open> {
    Ok(Open { log: AuditLog::open(dir)?, syncs })
}

fn entry<'a>(act: &'a Act<'_>) -> Entry<'a> {
    Entry::new(act.event_type, act.agent_did, act.action)
        .resource(act.resource)
        .outcome(act.outcome)
        .policy_decision(act.policy_decision)
        .set(Field::MatchedRule, act.matched_rule)
        .trace_id(act.trace_id.as_str())
        .session_id(act.session_id.as_str())
        .data_text(act.data)
}

impl Open {
    fn view(&self) -> View {
        self.log.view()
    }

    fn asked(&self, query: &Query) -> Result<Option<u64>> {
        let page: Page = black_box(self.view().query(query)?);
        Ok(Some(page.entries.len() as u64))
    }
}

impl Store for Open {
    fn write(&self, acts: &[Act<'_>]) -> Result<()> {
        match (self.syncs, acts) {
            (Syncs::AtTheEnd, _) => {
                drop(self.log.append_batch_buffered(acts.iter().map(entry))?);
            }
            (Syncs::EachWrite, [act]) => drop(self.log.append(entry(act))?),
            (Syncs::EachWrite, _) => drop(self.log.append_batch(acts.iter().map(entry))?),
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.log.sync()?;
        Ok(())
    }

    fn questions(&self) -> Option<&dyn Questions> {
        Some(self)
    }

    fn close(self: Box<Self>) -> Result<()> {
        self.log.close()?;
        Ok(())
    }
}

impl Questions for Open {
    fn seen(&self, number: u64) -> Result<Option<Seen>> {
        let view = self.view();
        if number >= view.size().get() {
            return Ok(None);
        }
        let entry = view.entry(EntryIndex::new(number))?;
        let time = entry.timestamp();
        let time = u64::try_from(time.seconds)? * NANOS + u64::from(time.nanos);
        let trace_id = entry.trace_id().unwrap_or_default().to_owned();
        Ok(Some(Seen { id: entry.entry_id(), time, trace_id }))
    }

    fn by_number(&self, number: u64) -> Result<Option<u64>> {
        black_box(self.view().entry(EntryIndex::new(number))?);
        Ok(Some(1))
    }

    fn by_id(&self, id: &str) -> Result<Option<u64>> {
        let entry = black_box(self.view().get_entry(id)?);
        Ok(Some(u64::from(entry.is_some())))
    }

    fn by_agent(&self, agent_did: &str, limit: usize) -> Result<Option<u64>> {
        self.asked(&Query::new().agent(agent_did).limit(limit))
    }

    fn by_type(&self, asked: &TypeAsked<'_>, limit: usize) -> Result<Option<u64>> {
        let query = Query::new().event_type(asked.event_type).outcome(asked.outcome);
        let query = query.since(UnixNanos(asked.since)).until(UnixNanos(asked.until));
        self.asked(&query.limit(limit))
    }

    fn by_trace(&self, trace_id: &str) -> Result<Option<u64>> {
        self.asked(&Query::new().trace(trace_id))
    }

    fn count_by_agent(&self) -> Result<Option<Vec<(String, u64)>>> {
        Ok(Some(self.view().count_by(&Query::new(), Key::Agent)?.0))
    }
}
