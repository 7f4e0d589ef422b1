//! Configurations: what a sink is, as JSON in its directory, and making one from it.
//!
//! ```text
//! {"kind":"file","path":"/var/log/agents/audit.jsonl","key":{"file":"/etc/agents/hmac.key"},...}
//! ```
//!
//! No secret is in it, at most the name of a file or of an environment variable that holds one.
//! Reading variables is the caller's business.

use super::AuditSink;
use super::file::{FileAuditSink, FileChain, FileSinkOptions};
use super::key::Secret;
use super::options::{DeadLetters, RunnerOptions};
use super::stdout::StreamSink;
use super::syslog::{SyslogSink, SyslogTarget};
use crate::error::{Error, ErrorKind, Result};
#[cfg(feature = "https")]
use crate::limits::AUTHORITIES_BYTES_MAX;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Gives the value of an environment variable.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where a secret lies.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretPlace {
    /// A file of its owner's alone.
    File(PathBuf),
    /// An environment variable.
    Env(String),
}

impl SecretPlace {
    /// Reads the secret.
    ///
    /// # Errors
    /// [`ErrorKind::Key`] when it is missing or empty; as [`Secret::from_file`].
    pub fn read(&self, environment: Environment<'_>) -> Result<Secret> {
        match self {
            Self::File(path) => Secret::from_file(path),
            Self::Env(name) => {
                let value = environment(name).ok_or_else(|| {
                    Error::new(ErrorKind::Key, format!("the variable {name} is not set"))
                })?;
                let secret = Secret::new(value.into_bytes());
                secret.map_err(|error| error.at_file(format!("${name}")))
            }
        }
    }
}

/// What a sink is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum SinkKind {
    /// [`FileAuditSink`].
    File {
        /// The file in use.
        path: PathBuf,
        /// The HMAC key.
        key: SecretPlace,
        /// Length at which a file is full; 0 for never.
        #[serde(default)]
        rotate_bytes: u64,
        /// Whether the chain goes on from file to file.
        #[serde(default)]
        continuous: bool,
        /// Whether files are synced.
        #[serde(default = "yes")]
        sync: bool,
    },
    /// [`StreamSink`] on standard output.
    Stdout {
        /// Whether all fields and hashes are printed.
        #[serde(default = "yes")]
        context: bool,
    },
    /// [`SyslogSink`].
    Syslog {
        /// `udp://HOST:PORT`, `tcp://HOST:PORT` or `unix:PATH`.
        address: String,
        /// HOSTNAME in the messages.
        #[serde(default)]
        hostname: String,
        /// APP-NAME in the messages.
        #[serde(default = "app_name")]
        app_name: String,
    },
    /// A collector of CloudEvents, with the feature `http`.
    Http {
        /// Where batches are posted.
        url: String,
        /// What is sent as `Authorization`.
        authorization: Option<SecretPlace>,
        /// How long an answer may take.
        #[serde(default = "ten_seconds")]
        timeout_ms: u64,
        /// Certificates, as PEM, of the authorities that are trusted for `https`; those that
        /// browsers trust when not given. With the feature `https`.
        #[serde(default)]
        authorities: Option<PathBuf>,
    },
    /// A table of PostgreSQL, with the feature `postgres`.
    Postgres {
        /// The connection string, without a password.
        dsn: Option<String>,
        /// A file that holds it, with or without one.
        dsn_file: Option<PathBuf>,
        /// A password file in PostgreSQL's form.
        passfile: Option<PathBuf>,
        /// The table.
        #[serde(default = "table")]
        table: String,
    },
}

/// The configuration of a sink.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SinkConfig {
    /// What it is.
    #[serde(flatten)]
    pub kind: SinkKind,
    /// How often an entry is tried.
    #[serde(default = "tries")]
    pub tries: u32,
    /// Most entries at once.
    #[serde(default = "batch")]
    pub batch: usize,
    /// How often the sink is flushed and the position stored; 0 after every batch.
    #[serde(default)]
    pub flush_ms: u64,
    /// Whether the engine's own entries are handed on.
    #[serde(default)]
    pub system: bool,
    /// Whether whatever fails often enough becomes a dead letter.
    #[serde(default)]
    pub dead_letter_any: bool,
}

fn yes() -> bool {
    true
}

fn app_name() -> String {
    "wmark".to_owned()
}

fn ten_seconds() -> u64 {
    10_000
}

fn table() -> String {
    "witnessmark_entries".to_owned()
}

fn tries() -> u32 {
    5
}

fn batch() -> usize {
    crate::limits::SINK_BATCH_ENTRIES_MAX
}

impl SinkConfig {
    /// A configuration with everything at its default.
    #[must_use]
    pub fn new(kind: SinkKind) -> Self {
        let (tries, batch) = (tries(), batch());
        Self { kind, tries, batch, flush_ms: 0, system: false, dead_letter_any: false }
    }

    /// Reads the text of a configuration.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] when it is none.
    pub fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| {
            Error::new(ErrorKind::Corrupt, format!("no configuration of a sink: {error}"))
        })
    }

    /// The text of a configuration.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    /// Says whether a sink can be made of it, without writing or connecting anything.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for an address, a path that is not absolute, a connection string that
    /// holds a password, a file without certificates, or a kind that this build lacks;
    /// [`ErrorKind::Io`] when the file of authorities cannot be read.
    pub fn check(&self) -> Result<()> {
        let relative = |path: &PathBuf| {
            let error = Error::new(ErrorKind::Invalid, "a path must be absolute");
            if path.is_absolute() { Ok(()) } else { Err(error.at_file(path.display().to_string())) }
        };
        match &self.kind {
            SinkKind::File { path, .. } => relative(path),
            SinkKind::Stdout { .. } => Ok(()),
            SinkKind::Syslog { address, .. } => SyslogTarget::parse(address).map(|_| ()),
            SinkKind::Http { url, authorities, .. } => {
                authorities.as_ref().map_or(Ok(()), relative)?;
                http(url, None, Duration::from_secs(1), authorities.as_deref()).map(|_| ())
            }
            SinkKind::Postgres { dsn: Some(dsn), .. } if holds_password(dsn) => {
                let message = "a password does not belong on the command line or into a \
                               configuration";
                Err(Error::new(ErrorKind::Invalid, message).hint(
                    "put the connection string into a file of mode 0600 and name it with \
                     --dsn-file, or the password into PGPASSFILE",
                ))
            }
            SinkKind::Postgres { dsn, table, .. } => {
                let dsn = dsn.as_deref().unwrap_or_default();
                postgres(dsn, None, &|_: &str| None, table).map(|_| ())
            }
        }
    }

    /// How the runner works.
    pub fn runner_options(&self) -> RunnerOptions {
        let dead = if self.dead_letter_any { DeadLetters::Any } else { DeadLetters::Faulty };
        RunnerOptions::new()
            .tries(self.tries)
            .batch_entries(self.batch)
            .flush_every(Duration::from_millis(self.flush_ms))
            .system_entries(self.system)
            .dead_letters(dead)
    }

    /// Makes the sink. Files are opened; nothing is connected yet.
    ///
    /// # Errors
    /// [`ErrorKind::Key`] for its secrets; [`ErrorKind::Invalid`] for its addresses, or when this
    /// build lacks the feature; as [`FileAuditSink::open`].
    pub fn build(&self, environment: Environment<'_>) -> Result<Box<dyn AuditSink>> {
        Ok(match &self.kind {
            SinkKind::File { path, key, rotate_bytes, continuous, sync } => {
                let chain = if *continuous { FileChain::Continuous } else { FileChain::PerFile };
                let options = FileSinkOptions::new(path).rotate_bytes(*rotate_bytes);
                let options = options.chain(chain).sync(*sync);
                Box::new(FileAuditSink::open(options, key.read(environment)?)?)
            }
            SinkKind::Stdout { context } => Box::new(StreamSink::stdout(*context)),
            SinkKind::Syslog { address, hostname, app_name } => {
                Box::new(SyslogSink::new(SyslogTarget::parse(address)?, app_name, hostname))
            }
            SinkKind::Http { url, authorization, timeout_ms, authorities } => {
                let secret = authorization.as_ref().map(|place| place.read(environment));
                let timeout = Duration::from_millis(*timeout_ms);
                http(url, secret.transpose()?, timeout, authorities.as_deref())?
            }
            SinkKind::Postgres { dsn, dsn_file, passfile, table } => {
                let secret = dsn_file.as_deref().map(Secret::from_file).transpose()?;
                let text = match (&secret, dsn) {
                    (Some(secret), _) => secret.text()?,
                    (None, Some(dsn)) => dsn.as_str(),
                    (None, None) => "",
                };
                postgres(text, passfile.as_deref(), environment, table)?
            }
        })
    }
}

#[cfg(not(all(feature = "https", feature = "postgres")))]
fn lacks<T>(feature: &str) -> Result<T> {
    let message = format!("this build has no {feature} sink");
    Err(Error::new(ErrorKind::Invalid, message)
        .hint(format!("build it with the feature `{feature}`")))
}

/// Whether a connection string names a password, in either of its forms. Looked for in the text, so
/// that every build refuses it.
fn holds_password(dsn: &str) -> bool {
    let authority = dsn.split_once("://").map(|(_, rest)| rest.split(['/', '?']).next());
    let userinfo = authority.flatten().and_then(|authority| authority.rsplit_once('@'));
    dsn.contains("password") || userinfo.is_some_and(|(user, _)| user.contains(':'))
}

#[cfg(feature = "http")]
fn http(
    url: &str,
    secret: Option<Secret>,
    timeout: Duration,
    authorities: Option<&Path>,
) -> Result<Box<dyn AuditSink>> {
    let sink = super::http::HttpSink::new(url, secret, timeout)?;
    Ok(Box::new(match authorities {
        Some(path) => trusting(sink, path)?,
        None => sink,
    }))
}

#[cfg(not(feature = "http"))]
fn http(_: &str, _: Option<Secret>, _: Duration, _: Option<&Path>) -> Result<Box<dyn AuditSink>> {
    lacks("http")
}

#[cfg(feature = "https")]
fn trusting(sink: super::http::HttpSink, path: &Path) -> Result<super::http::HttpSink> {
    let shown = path.display().to_string();
    let mut pem = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| {
        std::io::Read::read_to_end(
            &mut std::io::Read::take(file, AUTHORITIES_BYTES_MAX + 1),
            &mut pem,
        )
    });
    read.map_err(|error| Error::io(error, "read", shown.as_str()))?;
    if pem.len() as u64 > AUTHORITIES_BYTES_MAX {
        let message = "the file of authorities is too long";
        return Err(Error::new(ErrorKind::TooLarge, message)
            .at_file(shown)
            .expected(format_args!("at most {AUTHORITIES_BYTES_MAX} bytes"), "more"));
    }
    sink.trusting(&pem).map_err(|error| error.at_file(shown))
}

#[cfg(all(feature = "http", not(feature = "https")))]
fn trusting(_: super::http::HttpSink, _: &Path) -> Result<super::http::HttpSink> {
    lacks("https")
}

#[cfg(feature = "postgres")]
fn postgres(
    dsn: &str,
    passfile: Option<&Path>,
    environment: Environment<'_>,
    table: &str,
) -> Result<Box<dyn AuditSink>> {
    let named = environment("PGPASSFILE").map(PathBuf::from);
    let passfile = passfile.or(named.as_deref());
    Ok(Box::new(super::postgres::PostgresSink::new(dsn, passfile, table)?))
}

#[cfg(not(feature = "postgres"))]
fn postgres(_: &str, _: Option<&Path>, _: Environment<'_>, _: &str) -> Result<Box<dyn AuditSink>> {
    lacks("postgres")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_read_back_and_hold_no_secret() {
        let key = SecretPlace::Env("SINK_KEY".to_owned());
        for kind in [
            SinkKind::File {
                path: "/x/a.jsonl".into(),
                key: key.clone(),
                rotate_bytes: 7,
                continuous: true,
                sync: false,
            },
            SinkKind::Stdout { context: false },
            SinkKind::Syslog {
                address: "udp://h:514".into(),
                hostname: "h".into(),
                app_name: "a".into(),
            },
            SinkKind::Http {
                url: "http://h/".into(),
                authorization: Some(key),
                timeout_ms: 5,
                authorities: Some("/ca.pem".into()),
            },
            SinkKind::Postgres {
                dsn: Some("host=/tmp".into()),
                dsn_file: None,
                passfile: None,
                table: table(),
            },
        ] {
            let config = SinkConfig { tries: 3, flush_ms: 9, ..SinkConfig::new(kind) };
            assert_eq!(SinkConfig::parse(&config.to_text()).unwrap(), config);
        }
        let short = SinkConfig::parse("{\"kind\":\"stdout\"}").unwrap();
        assert_eq!(short, SinkConfig::new(SinkKind::Stdout { context: true }));
        for bad in ["", "{}", "{\"kind\":\"fax\"}", "{\"kind\":\"file\"}"] {
            assert_eq!(SinkConfig::parse(bad).unwrap_err().kind(), ErrorKind::Corrupt, "{bad}");
        }
    }

    #[test]
    fn passwords_and_relative_paths_are_refused() {
        for dsn in ["password=x host=h", "postgres://u:x@h/d", "postgres://h/d?password=x"] {
            let kind = SinkKind::Postgres {
                dsn: Some(dsn.into()),
                dsn_file: None,
                passfile: None,
                table: table(),
            };
            let error = SinkConfig::new(kind).check().unwrap_err();
            assert!(error.message().contains("password does not belong"), "{error}");
        }
        assert!(!holds_password("postgres://u@h:5432/d") && !holds_password("host=/tmp user=u"));
        let kind = SinkKind::File {
            path: "a.jsonl".into(),
            key: SecretPlace::Env("K".into()),
            rotate_bytes: 0,
            continuous: false,
            sync: true,
        };
        assert_eq!(SinkConfig::new(kind).check().unwrap_err().kind(), ErrorKind::Invalid);
    }

    #[cfg(feature = "https")]
    #[test]
    fn a_long_file_of_authorities_is_refused_and_not_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        let written = std::fs::File::create(&path).unwrap();
        for (len, kind) in [(0, ErrorKind::Invalid), (1, ErrorKind::TooLarge)] {
            written.set_len(AUTHORITIES_BYTES_MAX + len).unwrap();
            let sink = super::super::http::HttpSink::new("https://h/", None, Duration::ZERO);
            assert_eq!(trusting(sink.unwrap(), &path).unwrap_err().kind(), kind);
        }
    }

    #[test]
    fn a_secret_comes_from_where_the_configuration_says() {
        let environment = |name: &str| (name == "SINK_KEY").then(|| "hush".to_owned());
        let read = |name: &str| SecretPlace::Env(name.to_owned()).read(&environment);
        assert_eq!(read("SINK_KEY").unwrap().bytes(), b"hush");
        assert_eq!(read("OTHER").unwrap_err().kind(), ErrorKind::Key);
        let empty = SecretPlace::Env("E".into()).read(&|_: &str| Some(String::new()));
        assert_eq!(empty.unwrap_err().kind(), ErrorKind::Key);
    }
}
