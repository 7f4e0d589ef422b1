//! Admission: flags of every command that writes entries. What is redacted, which words are taken.
//!
//! ```text
//! --redact > WMARK_REDACT > mask       --redact-rules FILE: TOML       --redact-key-file FILE: the key
//! ```
//!
//! Invariant: a key lies in a file that only its owner may read, outside the log, and never on the
//! command line.

use crate::errors::{Answer, Failure, KEY, USAGE};
use clap::ValueEnum;
use serde::Deserialize;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use witnessmark::redact::RedactionKey;
use witnessmark::sink::Secret;
use witnessmark::{Options, Redaction};

/// Longest file of rules.
const RULES_BYTES_MAX: u64 = 1 << 20;

/// What is redacted, and which words are taken.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Admission {
    /// What becomes of secrets before anything is hashed
    #[arg(long, value_name = "MODE", default_value = "mask")]
    #[arg(env = "WMARK_REDACT", hide_env_values = true)]
    redact: Mode,
    /// More rules and what to leave alone, in TOML: docs/REDACTION.md
    #[arg(long, value_name = "FILE", env = "WMARK_REDACT_RULES", hide_env_values = true)]
    redact_rules: Option<PathBuf>,
    /// Key of --redact hmac, mode 0600, outside the log
    #[arg(long, value_name = "FILE", env = "WMARK_REDACT_KEY_FILE", hide_env_values = true)]
    redact_key_file: Option<PathBuf>,
    /// Refuse event types, actions and outcomes that are not in the vocabulary
    #[arg(long)]
    strict: bool,
}

/// What becomes of secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// A mark that names the rule
    Mask,
    /// Nothing is left of them
    Drop,
    /// A keyed digest, the same for the same secret
    Hmac,
    /// Nothing is redacted
    Off,
}

/// The file of rules.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Rules {
    allow: Allow,
    rule: Vec<Rule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Allow {
    /// Built-in rules to leave out.
    rules: Vec<String>,
    keys: Vec<String>,
    values: Vec<String>,
    paths: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    id: String,
    key: Option<String>,
    pattern: Option<String>,
    #[serde(default)]
    literals: Vec<String>,
}

impl Admission {
    /// The options of a log at `dir` with these flags applied.
    pub(crate) fn apply(&self, options: Options, dir: &Path) -> Answer<Options> {
        Ok(options.redaction(self.redaction(dir)?).strict(self.strict))
    }

    /// What is redacted, and how.
    pub(crate) fn redaction(&self, log: &Path) -> Answer<Redaction> {
        let redaction = match self.redact {
            Mode::Mask => Redaction::mask(),
            Mode::Drop => Redaction::drop_secrets(),
            Mode::Off => Redaction::off(),
            Mode::Hmac => {
                let Some(path) = &self.redact_key_file else {
                    let failure = Failure::new(KEY, "key", "--redact hmac needs a key");
                    let hint = "name its file with --redact-key-file or WMARK_REDACT_KEY_FILE; \
                                `head -c 32 /dev/urandom` makes one";
                    return Err(failure.hint(hint));
                };
                Redaction::hmac(read_key(path, log)?)
            }
        };
        match &self.redact_rules {
            Some(path) => add_rules(redaction, path),
            None => Ok(redaction),
        }
    }
}

fn add_rules(mut redaction: Redaction, path: &Path) -> Answer<Redaction> {
    let shown = path.display();
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(RULES_BYTES_MAX + 1).read_to_string(&mut text))
        .map_err(|error| Failure::io(&error, format_args!("read {shown}")))?;
    let usage = |message: String| Failure::new(USAGE, "invalid", message);
    if text.len() as u64 > RULES_BYTES_MAX {
        return Err(usage(format!("{shown}: wanted at most {RULES_BYTES_MAX} bytes of rules")));
    }
    let rules: Rules = toml::from_str(&text).map_err(|error| {
        let line = error
            .span()
            .map_or(0, |span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
        usage(format!("{shown}, line {line}: {}", error.message()))
    })?;
    for rule in &rules.rule {
        redaction = match (&rule.key, &rule.pattern) {
            (Some(name), None) => redaction.key_name(&rule.id, name),
            (None, Some(pattern)) => {
                redaction.pattern(&rule.id, pattern, rule.literals.iter().map(String::as_str))
            }
            _ => {
                let id = &rule.id;
                return Err(usage(format!("{shown}: rule {id:?}: wanted a key or a pattern")));
            }
        };
    }
    let Allow { rules, keys, values, paths } = rules.allow;
    redaction = rules.into_iter().fold(redaction, Redaction::without_rule);
    redaction = keys.into_iter().fold(redaction, Redaction::allow_key);
    redaction = values.into_iter().fold(redaction, Redaction::allow_value);
    Ok(paths.into_iter().fold(redaction, Redaction::allow_path))
}

/// Reads a key that only its owner may read; a line end behind it is not part of it.
fn read_key(path: &Path, log: &Path) -> Answer<RedactionKey> {
    let shown = path.display();
    let key = |message: String| Failure::new(KEY, "key", message);
    let secret = Secret::from_file(path)?;
    let inside = |dir: &Path| path.canonicalize().is_ok_and(|path| path.starts_with(dir));
    if log.canonicalize().is_ok_and(|log| inside(&log)) {
        let message = format!("key file {shown}: lies in the log's directory");
        return Err(key(message).hint("whoever can read the log could test guesses with it"));
    }
    let mut bytes = secret.bytes();
    while let [rest @ .., b'\n' | b'\r'] = bytes {
        bytes = rest;
    }
    RedactionKey::new(bytes).map_err(|error| key(format!("key file {shown}: {error}")))
}
