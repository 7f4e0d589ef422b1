//! Governance: gathers what is known of a log and its deployment, and has it judged.
//!
//! ```text
//! -C LOG --------> view, audit of its bytes (held against the view), lags of its sinks --\
//! --deployment --> declaration, its policy files, its manifest ----------------------------> assess
//! --checkpoint --> signature by the declared key, root at its size ------------------------/
//! ```
//!
//! What is not there is not evaluated. Judging is the library's.

use crate::context::Context;
use crate::errors::{Answer, Failure};
use crate::time::{self, Bound};
use std::path::{Path, PathBuf};
use witnessmark::compliance::{Attestation, Beside, Deployment, assess};
use witnessmark::sink::SinkHome;
use witnessmark::{
    ErrorKind, EventTime, Identity, Report, SignedCheckpoint, VerifierKey, VerifyOptions, View,
    integrity,
};

/// The declaration that is read when nobody names one, and it is there.
const DEPLOYMENT_DEFAULT: &str = "deployment.toml";
const NOTHING_DECLARED: &str = "schema = \"wmark.deployment/1\"";
/// Longest checkpoint file that is read.
const CHECKPOINT_BYTES_MAX: u64 = 1 << 20;

/// What is judged, and against what.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "What is judged")]
pub(crate) struct Evidence {
    /// The declaration of the deployment; ./deployment.toml when it is there
    #[arg(long, value_name = "FILE", env = "WMARK_DEPLOYMENT", hide_env_values = true)]
    deployment: Option<PathBuf>,
    /// A signed checkpoint of the log, for the key that the deployment declares
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
}

/// From when to when.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "What is judged")]
pub(crate) struct Span {
    /// Only what happened then or later: 30d, a date, RFC 3339
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only what happened then or earlier; a date means its end
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// What was found, and what became of the declared manifest, if there is one.
pub(crate) type Judged = (Attestation, Option<integrity::Report>);

impl Evidence {
    /// The declaration, and the directory it lies in.
    fn declared(&self) -> Answer<(Deployment, PathBuf)> {
        let named = self.deployment.as_deref();
        let found = Path::new(DEPLOYMENT_DEFAULT);
        let Some(path) = named.or_else(|| Some(found).filter(|path| path.exists())) else {
            return Ok((Deployment::parse(NOTHING_DECLARED)?, PathBuf::from(".")));
        };
        let beside = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        Ok((Deployment::load(path)?, beside.unwrap_or(Path::new(".")).to_owned()))
    }

    /// The checkpoint that was given.
    pub(crate) fn checkpoint_file(&self) -> Option<&Path> {
        self.checkpoint.as_deref()
    }

    /// Whether the given checkpoint is signed by the declared key, and holds for this log.
    fn checkpoint(
        &self,
        declared: &Deployment,
        identity: &Identity,
        view: &View,
    ) -> Answer<Option<bool>> {
        let Some((path, key)) =
            self.checkpoint.as_ref().zip(declared.logging.verifier_key.as_ref())
        else {
            return Ok(None);
        };
        let key: VerifierKey = key.parse()?;
        let mut text = Vec::new();
        let read = std::fs::File::open(path).and_then(|file| {
            let mut file = std::io::Read::take(file, CHECKPOINT_BYTES_MAX);
            std::io::Read::read_to_end(&mut file, &mut text)
        });
        read.map_err(|error| Failure::io(&error, format_args!("read {}", path.display())))?;
        let signed = SignedCheckpoint::parse(&text)?;
        let checkpoint = signed.checkpoint();
        let is_of_log = checkpoint.origin() == identity.origin
            && checkpoint.size() <= view.size()
            && view.root_at(checkpoint.size())? == checkpoint.root();
        Ok(Some(is_of_log && signed.verify(&[key]).is_ok()))
    }
}

/// Has the log judged as it is now.
pub(crate) fn judge(evidence: &Evidence, span: &Span, context: &Context) -> Answer<Judged> {
    let reader = context.reader()?;
    let view = reader.view()?;
    let head = view.head();
    let options = VerifyOptions::new().against(head.size, head.root);
    let audit = witnessmark::verify(&context.global.log, &options)?;
    let since = span.since.as_deref().map(|text| time::parse(text, Bound::Since)).transpose()?;
    let until = span.until.as_deref().map(|text| time::parse(text, Bound::Until)).transpose()?;
    judge_view(evidence, (since, until), &view, &audit, context)
}

/// Has the log judged as a view shows it. The audit was held against this view.
pub(crate) fn judge_view(
    evidence: &Evidence,
    (since, until): (Option<EventTime>, Option<EventTime>),
    view: &View,
    audit: &Report,
    context: &Context,
) -> Answer<Judged> {
    let (declared, beside_file) = evidence.declared()?;
    let now = time::now();
    let integrity = declared.check_integrity(&beside_file, &now.to_string())?;
    let mut beside = Beside::new(now).audit(audit);
    if let Some(report) = &integrity {
        beside = beside.integrity(report);
    }
    if let Some(identity) = &audit.identity {
        beside = beside.origin(&identity.origin);
        if let Some(holds) = evidence.checkpoint(&declared, identity, view)? {
            beside = beside.checkpoint(holds);
        }
        let sinks = SinkHome::of(&context.global.log);
        for sink in &declared.sinks {
            match sinks.status(&sink.name, identity, view) {
                // A position that does not fit the log says nothing about how far it is behind.
                Ok(status) if status.problem.is_none() => {
                    beside = beside.lag(&sink.name, status.lag);
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    if let Some(since) = since {
        beside = beside.since(since);
    }
    if let Some(until) = until {
        beside = beside.until(until);
    }
    let attestation = assess(view, &declared, &beside)?;
    Ok((attestation, integrity))
}
