//! Judges: one per control. Each looks at every entry once, in the order of the log, and then says
//! what its checks are.
//!
//! ```text
//! policy.rs    ASI-01 interceptor   ASI-08 bypass        log.rs       ASI-06 logging
//! tools.rs     ASI-02 tools         ASI-03 agency                     ASI-09 supply chain
//! identity.rs  ASI-05 boundaries    ASI-07 identity      conduct.rs   ASI-10 behaviour
//! approval.rs  ASI-04 escalation
//! ```
//!
//! docs/COMPLIANCE.md says the same in words. Invariant: a judge that saw nothing to judge answers
//! *not evaluated*, and what it says does not depend on the time of day but through declared limits.

mod approval;
mod conduct;
mod identity;
mod log;
mod policy;
mod tools;

use super::act::Act;
use super::beside::Beside;
use super::check::Check;
use super::deployment::Deployment;
use crate::view::TreeHead;

/// What a judge knows besides the entries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) declared: &'a Deployment,
    pub(super) beside: &'a Beside<'a>,
    pub(super) head: TreeHead,
}

/// Looks at every entry, and then answers.
pub(super) trait Judge {
    /// Looks at the next entry.
    fn see(&mut self, act: &Act<'_>, known: &Known<'_>);
    /// Answers, the most telling check first.
    fn checks(&self, known: &Known<'_>) -> Vec<Check>;
}

/// The judges, in the order of the controls.
pub(super) fn all() -> [Box<dyn Judge>; 10] {
    [
        Box::<policy::Interceptor>::default(),
        Box::<tools::Tools>::default(),
        Box::<tools::Agency>::default(),
        Box::<approval::Escalations>::default(),
        Box::<identity::Boundaries>::default(),
        Box::<log::Logging>::default(),
        Box::<identity::Identities>::default(),
        Box::<policy::Bypass>::default(),
        Box::<log::SupplyChain>::default(),
        Box::<conduct::Conduct>::default(),
    ]
}

/// Says that a part of the deployment that would answer the question is not declared.
fn undeclared(control: &str, what: &str) -> Check {
    let id = format!("{control}.declared");
    Check::unknown(&id, "Declared", format!("the deployment declares no {what}"))
}
