//! Governance: gathers what is known of a log and its deployment, and has it judged.
//!
//! ```text
//! -C LOG --------> view, audit of its bytes (held against the view), lags of its sinks --\
//! --deployment --> declaration, its policy files, its manifest ----------------------------> assess
//! --checkpoint, else log.checkpoints --> signature by the declared key, root at its size --/
//! ```
//!
//! What is not there is not evaluated. Judging is the library's.

use crate::context::Context;
use crate::errors::{Answer, Failure};
use crate::files;
use crate::time::{self, Bound};
use std::path::{Path, PathBuf};
use witnessmark::compliance::{Attestation, Beside, Deployment, assess};
use witnessmark::report::VerifiedCheckpoint;
use witnessmark::sink::SinkHome;
use witnessmark::{
    ErrorKind, EventTime, Identity, Report, SignedCheckpoint, TreeSize, VerifierKey, VerifyOptions,
    View, integrity,
};

/// The declaration that is read when nobody names one, and it is there.
const DEPLOYMENT_DEFAULT: &str = "deployment.toml";
const NOTHING_DECLARED: &str = "schema = \"wmark.deployment/1\"";

/// What is judged, and against what.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "What is judged")]
pub(crate) struct Evidence {
    /// The declaration of the deployment; ./deployment.toml when it is there
    #[arg(long, value_name = "FILE", env = "WMARK_DEPLOYMENT", hide_env_values = true)]
    deployment: Option<PathBuf>,
    /// A signed checkpoint by the key that the deployment declares; else the log's last one
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

    /// The checkpoint that was given, else the one that the log recorded last if it names the
    /// declared key, held against the log.
    fn checkpoint(
        &self,
        declared: &Deployment,
        identity: &Identity,
        view: &View,
        context: &Context,
    ) -> Answer<Option<VerifiedCheckpoint>> {
        let Some(key) = &declared.logging.verifier_key else { return Ok(None) };
        let key: VerifierKey = key.parse()?;
        let signed = match &self.checkpoint {
            Some(path) => Some(files::checkpoint(path)?),
            None => recorded(context)?.filter(|signed| signed.note().names(&key)),
        };
        let Some(signed) = signed else { return Ok(None) };
        // Somebody may have appended and signed since the view was taken.
        let is_newer = self.checkpoint.is_none() && signed.checkpoint().size() > view.size();
        let newer = is_newer.then(|| Ok::<_, Failure>(context.reader()?.view()?)).transpose()?;
        let view = newer.as_ref().unwrap_or(view);
        let origin = Some(identity.origin.as_str());
        Ok(Some(VerifiedCheckpoint::held_against(&signed, &[key], view, origin)))
    }
}

/// The checkpoint that the log recorded last. That a history is damaged is for the audit to say.
fn recorded(context: &Context) -> Answer<Option<SignedCheckpoint>> {
    match context.reader()?.last_checkpoint() {
        Err(error) if error.is_corruption() => Ok(None),
        other => Ok(other?),
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
        if let Some(checkpoint) = evidence.checkpoint(&declared, identity, view, context)? {
            beside = beside.checkpoint(checkpoint.valid, TreeSize::new(checkpoint.size));
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
