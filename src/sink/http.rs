//! HTTP: batches of CloudEvents, posted to a collector.
//!
//! ```text
//! POST URL   content-type: application/cloudevents-batch+json
//! [{"specversion":"1.0","id":"...","source":"...",...}, ...]
//!
//! 2xx            taken               408, 425, 429, 5xx, no answer   the sink's fault: again
//! 401, 403, 407  a wrong secret      413   halved, down to one entry, which is too large
//! 3xx            not followed        other 4xx   the entries' fault: invalid
//! ```
//!
//! `id` and `source` together name an entry, so a collector can tell one that comes again. Over
//! `https` its certificate must be by an authority that browsers trust, or by one of those that are
//! given; there is no way to leave that out.

use super::key::Secret;
use super::{Attachment, AuditSink, SinkReport};
use crate::error::{Error, ErrorKind, Result};
use crate::export::cloudevent;
use crate::format::stored::StoredEntry;
use crate::limits::SINK_PAUSE_MS_MAX;
use std::time::Duration;

/// Content type of a batch (CloudEvents 1.0, HTTP protocol binding, section 3.3).
const BATCH_TYPE: &str = "application/cloudevents-batch+json";
/// Bytes of an answer that are quoted in an error.
const ANSWER_BYTES_MAX: u64 = 512;

/// Posts entries as batches of CloudEvents.
#[derive(Debug)]
pub struct HttpSink {
    url: String,
    authorization: Option<Secret>,
    agent: ureq::Agent,
    retry_after: Option<Duration>,
}

impl HttpSink {
    /// Posts to this URL, with this `Authorization` header, and waits at most `timeout` for an
    /// answer. `https` needs the feature of that name.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for another scheme, or a URL with user or password in it;
    /// [`ErrorKind::Key`] when the header is no line of text.
    pub fn new(url: &str, authorization: Option<Secret>, timeout: Duration) -> Result<Self> {
        check_url(url)?;
        if let Some(secret) = &authorization {
            secret.text()?;
        }
        let agent = config(timeout).build().new_agent();
        let url = url.to_owned();
        Ok(Self { url, authorization, agent, retry_after: None })
    }

    /// Trusts the authorities of these PEM certificates, and no others.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] when the text holds no certificate, or one that is cut off.
    #[cfg(feature = "https")]
    pub fn trusting(mut self, pem: &[u8]) -> Result<Self> {
        use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
        let mut certificates = Vec::new();
        for item in parse_pem(pem) {
            match item {
                Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
                Ok(_) => {}
                Err(error) => {
                    let message = format!("no certificates of authorities: {error}");
                    return Err(Error::new(ErrorKind::Invalid, message));
                }
            }
        }
        if certificates.is_empty() {
            return Err(Error::new(ErrorKind::Invalid, "no certificates of authorities")
                .expected("PEM: -----BEGIN CERTIFICATE-----", "none"));
        }
        let roots = RootCerts::new_with_certs(&certificates);
        let tls = TlsConfig::builder().root_certs(roots).build();
        let timeout = self.agent.config().timeouts().global.unwrap_or_default();
        self.agent = config(timeout).tls_config(tls).build().new_agent();
        Ok(self)
    }

    fn post(&mut self, entries: &[StoredEntry]) -> Result<u16> {
        let events: Vec<String> = entries.iter().map(cloudevent).collect();
        let body = format!("[{}]", events.join(","));
        let mut request = self.agent.post(&self.url).header("content-type", BATCH_TYPE);
        if let Some(secret) = &self.authorization {
            request = request.header("authorization", secret.text()?);
        }
        let url = &self.url;
        let mut answer = request
            .send(body.as_bytes())
            .map_err(|error| Error::new(ErrorKind::Io, format!("post to {url}: {error}")))?;
        let status = answer.status().as_u16();
        if (200..300).contains(&status) || status == 413 {
            return Ok(status);
        }
        let wait = answer.headers().get("retry-after");
        let seconds = wait.and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
        let most = Duration::from_millis(SINK_PAUSE_MS_MAX);
        self.retry_after = seconds.map(|seconds| Duration::from_secs(seconds).min(most));
        let said = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        let said = said.unwrap_or_default();
        let kind = match status {
            401 | 403 | 407 => ErrorKind::Key,
            408 | 425 | 429 => ErrorKind::Io,
            400..500 => ErrorKind::Invalid,
            _ => ErrorKind::Io,
        };
        let message = format!("post to {url}: status {status} {}", said.trim());
        Err(Error::new(kind, message.trim_end()))
    }

    /// Posts, in halves when a batch is too large for the other side.
    fn post_all(&mut self, entries: &[StoredEntry]) -> Result<()> {
        let mut left = vec![entries];
        while let Some(batch) = left.pop() {
            if self.post(batch)? != 413 {
                continue;
            }
            if let [entry] = batch {
                let message = format!("{} will not take an entry of this size", self.url);
                return Err(Error::new(ErrorKind::TooLarge, message).at_index(entry.index()));
            }
            let (first, second) = batch.split_at(batch.len() / 2);
            left.extend([second, first]);
        }
        Ok(())
    }
}

fn config(timeout: Duration) -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope> {
    ureq::Agent::config_builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .user_agent(concat!("witnessmark/", env!("CARGO_PKG_VERSION")))
}

fn check_url(url: &str) -> Result<()> {
    let rest = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
        (Some(rest), _) => rest,
        (None, Some(rest)) if cfg!(feature = "https") => rest,
        (None, Some(_)) => {
            let message = "this build speaks no TLS";
            return Err(Error::new(ErrorKind::Invalid, message)
                .hint("build it with the feature `https`, or post to a local proxy"));
        }
        (None, None) => {
            return Err(Error::new(ErrorKind::Invalid, "no URL of a collector")
                .expected("http://... or https://...", format_args!("{url:?}")));
        }
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        let message = "a URL must not hold a user or a password";
        return Err(Error::new(ErrorKind::Invalid, message)
            .hint("put the Authorization header into a file, and name that"));
    }
    if authority.is_empty() || url.chars().any(|c| c.is_control() || c == ' ') {
        return Err(Error::new(ErrorKind::Invalid, "no URL of a collector"));
    }
    Ok(())
}

impl AuditSink for HttpSink {
    fn write(&mut self, entry: &StoredEntry) -> Result<()> {
        self.write_batch(std::slice::from_ref(entry))
    }

    fn write_batch(&mut self, entries: &[StoredEntry]) -> Result<()> {
        self.retry_after = None;
        self.post_all(entries)
    }

    fn verify_integrity(&mut self, _log: Option<&Attachment<'_>>) -> Result<SinkReport> {
        Ok(SinkReport::not_supported("a collector is not asked: verify what it kept there"))
    }

    fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}
