//! The names of the controls: the tutorial's ten, the ten that OWASP published, and the mapping.
//!
//! All of it is data, in `controls.toml`. The same number stands for different things in the two
//! lists, so a number is never carried over from one to the other.

use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// How far a published risk and a control speak of the same thing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Degree {
    /// The same risk in other words.
    Close,
    /// Part of the published risk, or a measure against part of it.
    Partial,
}

/// A published risk that a control speaks of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Correspondence {
    /// The published id, such as `ASI01`.
    pub id: String,
    /// How far.
    pub degree: Degree,
    /// What the control leaves out.
    pub note: String,
}

/// One of the tutorial's ten controls.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Control {
    /// The tutorial's id, such as `ASI-01`.
    pub id: String,
    /// The tutorial's title.
    pub title: String,
    /// The component that the tutorial names for it.
    pub component: String,
    /// What is asked of the log and the deployment.
    pub question: String,
    /// The published risks it speaks of; none when the published list has nothing of the kind.
    #[serde(rename = "match")]
    pub published: Vec<Correspondence>,
}

/// One of the ten risks of OWASP's Top 10 for Agentic Applications 2026.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PublishedRisk {
    /// The published id, such as `ASI01`.
    pub id: String,
    /// The published title.
    pub title: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vocabulary {
    controls: Vec<Control>,
    published: Vec<PublishedRisk>,
}

static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| {
    toml::from_str(include_str!("controls.toml")).expect("controls.toml is part of this build")
});

/// The tutorial's ten controls, in its order.
#[must_use]
pub fn controls() -> &'static [Control] {
    &VOCABULARY.controls
}

/// The ten published risks, in their order.
#[must_use]
pub fn published_risks() -> &'static [PublishedRisk] {
    &VOCABULARY.published
}

/// The published risks that no control speaks of: nothing is said about them.
#[must_use]
pub fn uncovered_risks() -> Vec<&'static PublishedRisk> {
    let is_named = |risk: &&PublishedRisk| {
        controls().iter().flat_map(|control| &control.published).any(|found| found.id == risk.id)
    };
    published_risks().iter().filter(|risk| !is_named(risk)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_vocabularies_are_whole_and_every_mapping_leads_somewhere() {
        let ids: Vec<String> = (1..=10).map(|n| format!("ASI-{n:02}")).collect();
        assert_eq!(controls().iter().map(|c| c.id.clone()).collect::<Vec<_>>(), ids);
        let published: Vec<String> = (1..=10).map(|n| format!("ASI{n:02}")).collect();
        assert_eq!(published_risks().iter().map(|r| r.id.clone()).collect::<Vec<_>>(), published);
        for found in controls().iter().flat_map(|control| &control.published) {
            assert!(published.contains(&found.id), "{}", found.id);
        }
        let uncovered: Vec<&str> = uncovered_risks().iter().map(|r| r.id.as_str()).collect();
        assert_eq!(uncovered, ["ASI05", "ASI06", "ASI08"]);
    }
}
