//! Deployments: what is claimed about the agents' world, to be held against what the log shows.
//!
//! ```toml
//! schema = "wmark.deployment/1"
//! name = "acme-agents"
//! [policy]      default_action, versions, [[policy.rules]] id, [[policy.files]] path, sha256
//! [[tools]]     name, resources
//! [[identities]] did, role, tools, revoked_at
//! [escalation]  required_for, approvers
//! [logging]     max_idle_hours, verifier_key     [[sinks]] name, max_lag
//! [integrity]   manifest, verifier_key, roots     [monitoring] detectors, max_silence_hours
//! ```
//!
//! A key that is not known is refused by name: a misspelt claim must not pass for one that was
//! checked. A claim proves nothing by itself; it is what entries are compared with.

use crate::error::{Error, ErrorKind, Result};
use crate::hash;
use crate::integrity::{check_relative, read_beneath};
use crate::limits::{DEPLOYMENT_BYTES_MAX, POLICY_FILE_BYTES_MAX};
use crate::types::{EventTime, Hash};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const SCHEMA: &str = "wmark.deployment/1";

/// What is declared about policy.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Policy {
    /// What happens to an act that no rule names: `deny` or something weaker.
    pub default_action: Option<String>,
    /// The versions in force; decisions must then carry one of them.
    pub versions: BTreeSet<String>,
    /// The rules, by the ids that entries carry as `matched_rule`.
    pub rules: Vec<Rule>,
    /// The files they are written in.
    pub files: Vec<PolicyFile>,
}

/// A declared rule.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Rule {
    /// What entries carry as `matched_rule`.
    pub id: String,
    /// What it is for, in words.
    #[serde(default)]
    pub purpose: Option<String>,
}

/// A file that rules are written in.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PolicyFile {
    /// Relative to the deployment file.
    pub path: String,
    /// The digest it must have, hex; any when absent.
    #[serde(default)]
    pub sha256: Option<String>,
    /// The digest it had when the deployment was loaded; `None` when it could not be read.
    #[serde(skip)]
    pub found: Option<Hash>,
}

/// A declared tool.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Tool {
    /// What entries call it.
    pub name: String,
    /// Beginnings of the resources it may touch; all when empty.
    #[serde(default)]
    pub resources: Vec<String>,
}

/// A declared identity.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Identity {
    /// Its DID.
    pub did: String,
    /// What it is: `agent`, `approver`, `detector`, `service`.
    #[serde(default = "agent")]
    pub role: String,
    /// The tools it may use; `None` when nothing is said about that.
    #[serde(default)]
    pub tools: Option<BTreeSet<String>>,
    /// From when on it may not act any more, RFC 3339.
    #[serde(default)]
    pub revoked_at: Option<String>,
    #[serde(skip)]
    pub(super) revoked: Option<EventTime>,
}

fn agent() -> String {
    "agent".to_owned()
}

/// What needs approval, and whose.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Escalation {
    /// Beginnings of the resources that nobody may touch without approval.
    pub required_for: Vec<String>,
    /// Who may approve.
    pub approvers: BTreeSet<String>,
}

/// What is expected of the log.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Logging {
    /// The newest entry may be so old.
    pub max_idle_hours: Option<u32>,
    /// Whose signature a checkpoint of the log must carry; no checkpoint is asked for when absent.
    pub verifier_key: Option<String>,
}

/// A declared copy of the log.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Sink {
    /// Its name.
    pub name: String,
    /// How many entries it may be behind.
    #[serde(default)]
    pub max_lag: u64,
}

/// What the installed files are compared with.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Integrity {
    /// The manifest, relative to the deployment file.
    pub manifest: Option<String>,
    /// Whose signature it must carry; an unsigned one is enough when absent.
    pub verifier_key: Option<String>,
    /// Where its roots lie, relative to the deployment file.
    pub roots: BTreeMap<String, String>,
}

/// Who watches the agents.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Monitoring {
    /// The DIDs under which detectors write entries.
    pub detectors: BTreeSet<String>,
    /// A detector must have been heard within so many hours.
    pub max_silence_hours: Option<u32>,
}

/// Everything that is declared.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Deployment {
    /// Always `wmark.deployment/1`.
    pub schema: String,
    /// What it is called; goes into attestations.
    #[serde(default)]
    pub name: String,
    /// Policy; `None` when nothing is declared.
    #[serde(default)]
    pub policy: Option<Policy>,
    /// Tools.
    #[serde(default)]
    pub tools: Vec<Tool>,
    /// Identities.
    #[serde(default)]
    pub identities: Vec<Identity>,
    /// Escalation; `None` when nothing is declared.
    #[serde(default)]
    pub escalation: Option<Escalation>,
    /// Expectations of the log.
    #[serde(default)]
    pub logging: Logging,
    /// Copies of the log.
    #[serde(default)]
    pub sinks: Vec<Sink>,
    /// The manifest of installed files; `None` when none is declared.
    #[serde(default)]
    pub integrity: Option<Integrity>,
    /// Monitoring; `None` when nothing is declared.
    #[serde(default)]
    pub monitoring: Option<Monitoring>,
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

impl Deployment {
    /// Reads a declaration. Policy files are not looked at; see [`Deployment::load`].
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for anything but TOML of this schema; the message names keys that
    /// are not known. [`ErrorKind::TooLarge`] beyond a mebibyte.
    ///
    /// # Example
    /// ```
    /// use witnessmark::compliance::Deployment;
    /// let declared = Deployment::parse(
    ///     "schema = \"wmark.deployment/1\"\n[[tools]]\nname = \"crm_lookup\"",
    /// )?;
    /// assert_eq!(declared.tools[0].name, "crm_lookup");
    /// let misspelt = Deployment::parse("schema = \"wmark.deployment/1\"\n[[tool]]\nname = \"x\"");
    /// assert!(misspelt.unwrap_err().to_string().contains("tool"));
    /// # Ok::<(), witnessmark::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > DEPLOYMENT_BYTES_MAX {
            return Err(Error::new(ErrorKind::TooLarge, "the deployment is too long")
                .expected(format_args!("at most {DEPLOYMENT_BYTES_MAX} bytes"), text.len()));
        }
        let mut declared: Self = toml::from_str(text)
            .map_err(|error| invalid(format!("not a deployment, {}", told(&error, text))))?;
        if declared.schema != SCHEMA {
            return Err(invalid("unknown schema").expected(SCHEMA, &declared.schema));
        }
        declared.check()?;
        Ok(declared)
    }

    /// Reads a declaration from a file, and the policy files it names, which lie beneath it.
    ///
    /// # Errors
    /// As [`Deployment::parse`]; [`ErrorKind::NotFound`] and [`ErrorKind::Io`] for the file itself.
    /// A policy file that cannot be read is no error: a check will say so.
    pub fn load(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let bytes = crate::integrity::read_file(path, DEPLOYMENT_BYTES_MAX as u64)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| invalid("the deployment is not UTF-8").at_file(&name))?;
        let mut declared = Self::parse(&text).map_err(|error| error.at_file(&name))?;
        let beside = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let beside = beside.unwrap_or(Path::new("."));
        for file in declared.policy.iter_mut().flat_map(|policy| &mut policy.files) {
            let bytes = read_beneath(beside, &file.path, POLICY_FILE_BYTES_MAX);
            file.found = bytes.ok().map(|bytes| hash::sha256(&bytes));
        }
        Ok(declared)
    }

    fn check(&mut self) -> Result<()> {
        for identity in &mut self.identities {
            if !is_did(&identity.did) {
                return Err(invalid(format!("{:?} is not a DID", identity.did)));
            }
            let time = identity.revoked_at.as_deref().map(|text| {
                let time = text.parse::<jiff::Timestamp>();
                time.map_err(|_| invalid(format!("revoked_at of {}: not RFC 3339", identity.did)))
            });
            identity.revoked = time.transpose()?.map(|time| {
                EventTime::utc(
                    time.as_second(),
                    u32::try_from(time.subsec_nanosecond()).unwrap_or(0),
                )
            });
        }
        unique("identities", self.identities.iter().map(|identity| identity.did.as_str()))?;
        unique("tools", self.tools.iter().map(|tool| tool.name.as_str()))?;
        unique("sinks", self.sinks.iter().map(|sink| sink.name.as_str()))?;
        let policy = self.policy.iter();
        unique("policy.rules", policy.flat_map(|p| &p.rules).map(|rule| rule.id.as_str()))?;
        for file in self.policy.iter().flat_map(|policy| &policy.files) {
            check_relative(&file.path)?;
            if file.sha256.as_deref().is_some_and(|hex| Hash::from_hex(hex).is_none()) {
                return Err(invalid(format!("sha256 of {:?} is not a digest", file.path)));
            }
        }
        let (escalation, monitoring) = (self.escalation.iter(), self.monitoring.iter());
        let others = escalation.flat_map(|e| &e.approvers);
        for did in others.chain(monitoring.flat_map(|m| &m.detectors)) {
            if !is_did(did) {
                return Err(invalid(format!("{did:?} is not a DID")));
            }
        }
        for path in self.integrity.iter().flat_map(|i| i.manifest.iter().chain(i.roots.values())) {
            if path != "." {
                check_relative(path)?;
            }
        }
        Ok(())
    }

    /// The declared identity with this DID.
    #[must_use]
    pub fn identity(&self, did: &str) -> Option<&Identity> {
        self.identities.iter().find(|identity| identity.did == did)
    }

    pub(super) fn tool(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.name == name)
    }

    pub(super) fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.policy.iter().flat_map(|policy| &policy.rules)
    }
}

/// What the parser says, on one line and with the line number, but without quoting the file.
fn told(error: &toml::de::Error, text: &str) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let words: Vec<&str> = error.message().split_whitespace().collect();
    format!("line {line}: {}", words.join(" "))
}

fn unique<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut known = BTreeSet::new();
    for name in names {
        if name.is_empty() {
            return Err(invalid(format!("{what}: an empty name")));
        }
        if !known.insert(name) {
            return Err(invalid(format!("{what}: {name:?} is declared twice")));
        }
    }
    Ok(())
}

/// Whether a text has the form of a decentralised identifier.
///
/// # Source
/// W3C, Decentralized Identifiers 1.0, section 3.1.
#[must_use]
pub fn is_did(text: &str) -> bool {
    let Some((method, id)) = text.strip_prefix("did:").and_then(|rest| rest.split_once(':')) else {
        return false;
    };
    let is_method = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_:".contains(c);
    let mut parts = id.split('%');
    let first = parts.next().unwrap_or_default();
    let is_escaped = |part: &str| {
        part.get(..2).is_some_and(|hex| hex.chars().all(|c| c.is_ascii_hexdigit()))
            && part.chars().all(is_plain)
    };
    !method.is_empty()
        && method.chars().all(is_method)
        && !id.is_empty()
        && !id.ends_with(':')
        && first.chars().all(is_plain)
        && parts.all(is_escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(rest: &str) -> String {
        let text = format!("schema = \"wmark.deployment/1\"\n{rest}");
        Deployment::parse(&text).unwrap_err().to_string()
    }

    #[test]
    fn unknown_keys_are_refused_by_name() {
        assert!(refused("polcy = 1").contains("polcy"));
        assert!(refused("[policy]\ndefault_acton = \"deny\"").contains("default_acton"));
        assert!(refused("[[tools]]\nname = \"a\"\nresource = []").contains("resource"));
        assert!(refused("[monitoring]\ndetector = []").contains("detector"));
    }

    #[test]
    fn wrong_schemas_values_and_repetitions_are_refused() {
        let other = Deployment::parse("schema = \"wmark.deployment/2\"").unwrap_err();
        assert!(other.to_string().contains("wmark.deployment/1"));
        assert!(Deployment::parse("name = \"x\"").unwrap_err().to_string().contains("schema"));
        assert!(Deployment::parse("not toml").is_err());
        assert!(refused("[[tools]]\nname = \"a\"\n[[tools]]\nname = \"a\"").contains("twice"));
        assert!(refused("[[identities]]\ndid = \"sales\"").contains("not a DID"));
        let revoked = "[[identities]]\ndid = \"did:web:a.example\"\nrevoked_at = \"soon\"";
        assert!(refused(revoked).contains("RFC 3339"));
        for path in ["../x.yaml", "/etc/passwd", "a/../../b", ""] {
            let text = format!("[[policy.files]]\npath = {path:?}");
            assert!(refused(&text).contains("path"), "{path}");
            assert!(refused(&format!("[integrity]\nmanifest = {path:?}")).contains("path"));
        }
        let long = "#".repeat(DEPLOYMENT_BYTES_MAX + 1);
        assert_eq!(Deployment::parse(&long).unwrap_err().kind(), ErrorKind::TooLarge);
    }

    #[test]
    fn dids_are_told_from_other_texts() {
        for good in ["did:web:a.example", "did:key:z6Mk", "did:web:a.example%3A8080:x", "did:m2:-"]
        {
            assert!(is_did(good), "{good}");
        }
        for bad in
            ["did:a", "did::x", "did:Web:x", "did:web:", "did:web:a:", "did:web:a b", "web:a"]
        {
            assert!(!is_did(bad), "{bad}");
        }
        assert!(!is_did("did:web:a%3") && !is_did("did:web:a%zz"));
    }

    #[test]
    fn policy_files_are_digested_beneath_the_deployment_only() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("rules.yaml"), "deny: all").unwrap();
        std::os::unix::fs::symlink("/etc/hostname", dir.path().join("link.yaml")).unwrap();
        let text = "schema = \"wmark.deployment/1\"\n[[policy.files]]\npath = \"rules.yaml\"\n\
                    [[policy.files]]\npath = \"gone.yaml\"\n[[policy.files]]\npath = \"link.yaml\"";
        let path = dir.path().join("deployment.toml");
        std::fs::write(&path, text).unwrap();
        let declared = Deployment::load(&path).unwrap();
        let found: Vec<_> = declared.policy.unwrap().files.iter().map(|file| file.found).collect();
        assert_eq!(found, [Some(hash::sha256(b"deny: all")), None, None]);
        let gone = Deployment::load(&dir.path().join("other.toml")).unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::NotFound);
    }
}
