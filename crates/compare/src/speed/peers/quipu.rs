//! quipu-core, an embedded audit log: no keys, agents as actors, the act as JSON, a sync a group.

use crate::engine::{Result, locked};
use crate::speed::load::Act;
use crate::speed::store::{Peer, Questions, Seen, Store, Syncs, TypeAsked};
use quipu_core::{
    AuditStore, Content, EntityInput, LogQuery, StoreConfig, SyncPolicy, TargetFilter, Value,
    default_actor_type,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

const ACTOR: &str = "default_actor";

pub(crate) fn peer() -> Peer {
    Peer {
        name: "quipu-core",
        about: || {
            format!("{}; a sync each group; finds actors only, by a scan", locked("quipu-core"))
        },
        open: |dir, syncs| Ok(Box::new(open(dir, syncs)?)),
        is_fronted: true,
        is_kept: true,
    }
}

struct Open {
    store: Mutex<AuditStore>,
    syncs: Syncs,
}

fn open(dir: &Path, syncs: Syncs) -> Result<Open> {
    let mut store = AuditStore::open(StoreConfig::new(dir).sync_policy(SyncPolicy::OsManaged))?;
    if !store.has_type(ACTOR) {
        store.define_type(default_actor_type())?;
    }
    Ok(Open { store: Mutex::new(store), syncs })
}

impl Open {
    fn lock(&self) -> MutexGuard<'_, AuditStore> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Open {
    fn write(&self, acts: &[Act<'_>]) -> Result<()> {
        let mut store = self.lock();
        for act in acts {
            let actor = EntityInput::new(act.agent_did).text("name", act.agent_did);
            let (kind, content) = (act.event_type, Content::Text(act.json.to_owned()));
            store.append(ACTOR, &actor, kind, act.resource, content, &[], BTreeMap::new())?;
        }
        if self.syncs == Syncs::EachWrite {
            store.sync()?;
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(self.lock().sync()?)
    }

    fn questions(&self) -> Option<&dyn Questions> {
        Some(self)
    }

    fn close(self: Box<Self>) -> Result<()> {
        drop(self);
        Ok(())
    }
}

impl Questions for Open {
    fn seen(&self, _number: u64) -> Result<Option<Seen>> {
        Ok(None)
    }

    fn by_number(&self, _number: u64) -> Result<Option<u64>> {
        Ok(None)
    }

    fn by_id(&self, _id: &str) -> Result<Option<u64>> {
        Ok(None)
    }

    fn by_agent(&self, agent_did: &str, limit: usize) -> Result<Option<u64>> {
        let actor = TargetFilter::exact(ACTOR, "name", Value::Text(agent_did.to_owned()));
        let limit = Some(limit);
        let query = LogQuery { actor: Some(actor), limit, ..LogQuery::default() };
        Ok(Some(std::hint::black_box(self.lock().query(&query)?).len() as u64))
    }

    fn by_type(&self, _asked: &TypeAsked<'_>, _limit: usize) -> Result<Option<u64>> {
        Ok(None)
    }

    fn by_trace(&self, _trace_id: &str) -> Result<Option<u64>> {
        Ok(None)
    }

    fn count_by_agent(&self) -> Result<Option<Vec<(String, u64)>>> {
        Ok(None)
    }
}
