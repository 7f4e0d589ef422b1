//! `wmark compliance`: the ten controls, judged on what the log shows.
//!
//! Judging is the library's, gathering is [`crate::governance`]'s; here it is printed, signed and
//! read back. Under `--json` failures are sanitised.

mod attest;
mod badge;
mod verify;

use super::integrity;
use crate::context::Context;
use crate::errors::Answer;
use crate::governance::{self, Evidence, Span};
use crate::keys;
use crate::sanitised::sanitise;
use std::path::PathBuf;
use witnessmark::compliance::Attestation;
use witnessmark::{Error, ErrorKind, limits};

/// Judge the ten ASI controls on evidence: verify, badge, attest
#[derive(clap::Args, Debug)]
#[command(after_help = "\
A control is met, not met, or not evaluated; only met counts. docs/COMPLIANCE.md says what each
control asks of the log and of deployment.toml.

Examples:
  wmark compliance verify --deployment deployment.toml
  wmark compliance verify --json | jq .controls_passed
  wmark compliance attest -o attestation.json --key-file ~/keys/gate.key
  wmark compliance badge --from attestation.json --key gate.pub")]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    Verify(verify::Args),
    Badge(badge::Args),
    Attest(attest::Args),
    /// The same as `wmark integrity`, in the tutorial's spelling
    Integrity(integrity::Spelled),
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let answer = match args.what {
        What::Verify(args) => verify::run(args, context),
        What::Badge(args) => badge::run(args, context),
        What::Attest(args) => attest::run(args, context),
        What::Integrity(args) => integrity::run_spelled(args, context),
    };
    sanitise(answer, context)
}

/// An attestation: made now, or read back.
#[derive(clap::Args, Clone, Debug)]
struct Source {
    #[command(flatten)]
    evidence: Evidence,
    #[command(flatten)]
    span: Span,
    /// Read an attestation instead of judging
    #[arg(long, value_name = "FILE", conflicts_with_all = ["deployment", "checkpoint", "since", "until"])]
    from: Option<PathBuf>,
    /// Whose signature the attestation must carry: a verifier key, or a file with one
    #[arg(long, value_name = "KEY", requires = "from")]
    key: Option<String>,
}

impl Source {
    fn attestation(&self, context: &Context) -> Answer<Attestation> {
        let Some(path) = &self.from else {
            return Ok(governance::judge(&self.evidence, &self.span, context)?.0);
        };
        let shown = path.display().to_string();
        let failed = |error| Error::io(error, "read", shown.as_str());
        let file = std::fs::File::open(path).map_err(failed)?;
        let mut bytes = Vec::new();
        let mut file = std::io::Read::take(file, limits::ATTESTATION_BYTES_MAX as u64 + 1);
        std::io::Read::read_to_end(&mut file, &mut bytes).map_err(failed)?;
        let text = String::from_utf8(bytes).map_err(|_| {
            Error::new(ErrorKind::UnknownVersion, "not an attestation").at_file(shown.as_str())
        })?;
        let attestation = Attestation::from_json(&text).map_err(|error| error.at_file(&shown))?;
        if let Some(key) = &self.key {
            let key = keys::verifier(key)?;
            attestation.verify_signature(&[key]).map_err(|error| error.at_file(&shown))?;
        }
        Ok(attestation)
    }
}
