//! Filters: which entries are meant, as flags that `query`, `tail` and `export` share.
//!
//! All of them hold at once. Not here: how many, in which order, and in which form.

use crate::errors::Answer;
use crate::time::{self, Bound};
use witnessmark::{Key, Query};

/// Which entries are meant.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which entries (all filters hold at once)")]
pub(crate) struct Filters {
    /// Only this agent
    #[arg(long, value_name = "DID")]
    agent: Option<String>,
    /// Only this event type
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Only this outcome: success, failure, denied, error, or another word
    #[arg(long, value_name = "WORD")]
    outcome: Option<String>,
    /// Only this policy action: allow, deny, audit, quarantine, warning, or another word
    #[arg(long, value_name = "WORD")]
    action: Option<String>,
    /// Only this trace
    #[arg(long, value_name = "ID")]
    trace: Option<String>,
    /// Only this session
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Only this agent at the other end
    #[arg(long, value_name = "DID")]
    target: Option<String>,
    /// Only this resource
    #[arg(long, value_name = "TEXT")]
    resource: Option<String>,
    /// Only resources that begin so
    #[arg(long, value_name = "TEXT")]
    resource_prefix: Option<String>,
    /// Only what happened then or later: 15m, 24h, 7d, a date, RFC 3339
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only what happened then or earlier; a date means its end
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// The engine's own entries too
    #[arg(long)]
    system: bool,
}

impl Filters {
    /// The filters as a query, with everything else at its default.
    pub(crate) fn query(&self) -> Answer<Query> {
        let mut query = Query::new().system(self.system);
        type Setter = fn(Query, String) -> Query;
        let texts: [(&Option<String>, Setter); 9] = [
            (&self.agent, Query::agent),
            (&self.event_type, Query::event_type),
            (&self.outcome, Query::outcome),
            (&self.action, Query::action),
            (&self.trace, Query::trace),
            (&self.session, Query::session),
            (&self.target, Query::target),
            (&self.resource, Query::resource),
            (&self.resource_prefix, Query::resource_prefix),
        ];
        for (value, set) in texts {
            if let Some(value) = value {
                query = set(query, value.clone());
            }
        }
        if let Some(text) = &self.since {
            query = query.since(time::parse(text, Bound::Since)?);
        }
        if let Some(text) = &self.until {
            query = query.until(time::parse(text, Bound::Until)?);
        }
        Ok(query)
    }
}

impl Filters {
    /// The filters as `name=value`, for whoever reads later what was asked for.
    pub(crate) fn in_words(&self) -> Vec<String> {
        let texts = [
            ("agent", &self.agent),
            ("type", &self.event_type),
            ("outcome", &self.outcome),
            ("action", &self.action),
            ("trace", &self.trace),
            ("session", &self.session),
            ("target", &self.target),
            ("resource", &self.resource),
            ("resource-prefix", &self.resource_prefix),
            ("since", &self.since),
            ("until", &self.until),
        ];
        let mut words: Vec<String> = texts
            .into_iter()
            .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name}={value}")))
            .collect();
        if self.system {
            words.push("system".to_owned());
        }
        words
    }
}

/// A field that can be counted by.
pub(crate) fn parse_key(text: &str) -> Result<Key, String> {
    Key::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = Key::ALL.into_iter().map(Key::short_name).collect();
        format!("wanted one of {}", names.join(", "))
    })
}
