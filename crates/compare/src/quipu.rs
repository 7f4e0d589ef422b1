//! quipu-core, an embedded audit log: `SyncPolicy::Always`, no keys, one actor.

use crate::engine::{Engine, Mode, Result, Rows, Store, locked};
use quipu_core::{
    AuditStore, Content, EntityInput, LogQuery, Order, StoreConfig, SyncPolicy, default_actor_type,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

pub(crate) struct Quipu;

impl Engine for Quipu {
    fn name(&self) -> &'static str {
        "quipu-core"
    }

    fn version(&self) -> String {
        locked("quipu-core")
    }

    fn check(&self) -> Option<&'static str> {
        Some("`verify_integrity`")
    }

    fn create(&self, dir: &Path) -> Result<Box<dyn Store>> {
        let mut store = open(dir)?;
        store.define_type(default_actor_type())?;
        Ok(Box::new(Open(Mutex::new(store))))
    }

    fn read(&self, dir: &Path, mode: Mode) -> Result<Rows> {
        let mut store = open(dir)?;
        if mode == Mode::Checked {
            store.verify_integrity()?;
        }
        let everything = LogQuery { order: Order::Asc, ..LogQuery::default() };
        let rows = store.query(&everything)?.into_iter().map(|log| match log.content {
            Content::Text(row) => Ok((log.url.parse()?, row)),
            Content::Json(row) => Err(format!("a text became JSON: {row}").into()),
        });
        rows.collect()
    }
}

fn open(dir: &Path) -> Result<AuditStore> {
    Ok(AuditStore::open(StoreConfig::new(dir).sync_policy(SyncPolicy::Always))?)
}

struct Open(Mutex<AuditStore>);

impl Store for Open {
    fn append(&self, key: u64, row: &str) -> Result<()> {
        let mut store = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let actor = EntityInput::new("agent-1").text("name", "agent");
        let (url, content) = (key.to_string(), Content::Text(row.to_owned()));
        store.append("default_actor", &actor, "POST", &url, content, &[], BTreeMap::new())?;
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        drop(self);
        Ok(())
    }
}
