//! witnessmark: `AuditLog::open` and every entry by a query; checked, `verify` first.

use crate::engine::{Engine, Mode, Result, Rows, Store, locked};
use std::path::Path;
use witnessmark::{AuditLog, Entry, Order, Query, VerifyOptions, verify};

pub(crate) struct Witnessmark;

impl Engine for Witnessmark {
    fn name(&self) -> &'static str {
        "witnessmark"
    }

    fn version(&self) -> String {
        locked("witnessmark")
    }

    fn check(&self) -> Option<&'static str> {
        Some("`verify`, no checkpoint from outside")
    }

    fn create(&self, dir: &Path) -> Result<Box<dyn Store>> {
        Ok(Box::new(Open(AuditLog::open(dir)?)))
    }

    fn read(&self, dir: &Path, mode: Mode) -> Result<Rows> {
        if mode == Mode::Checked {
            let report = verify(dir, &VerifyOptions::new())?;
            if let Some(finding) = report.findings.first() {
                return Err(format!("verify: {finding:?}").into());
            }
        }
        let log = AuditLog::options(dir).create(false).open()?;
        if let Some(report) = log.recovery() {
            return Err(format!("recovery: {report}").into());
        }
        let page = log.query(&Query::new().order(Order::Oldest).limit(0))?;
        let rows = page.entries.iter().map(|entry| {
            let text = entry.data_text().ok_or("an entry without its data")?;
            let row = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            let row = row.ok_or("data that is no text")?;
            Ok((entry.resource().ok_or("an entry without its key")?.parse()?, row.to_owned()))
        });
        rows.collect()
    }
}

struct Open(AuditLog);

impl Store for Open {
    fn append(&self, key: u64, row: &str) -> Result<()> {
        let entry = Entry::new("tool_invocation", "did:web:agent-1.example", "allow");
        // Letters and spaces alone: as JSON text it only takes quotation marks.
        let entry = entry.resource(key.to_string()).data_text(format!("\"{row}\""));
        let _ = self.0.append(entry)?;
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        self.0.close()?;
        Ok(())
    }
}
