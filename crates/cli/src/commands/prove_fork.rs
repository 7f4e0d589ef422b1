//! `wmark prove-fork`: two checkpoints that no one log can have.
//!
//! ```text
//! equal sizes      the roots differ                                            fork
//! other sizes      the later tree has another root at the earlier size         fork
//!                  (from --proof, or from the log at -C when it is the later one's)
//! ```

use crate::atomic::AtomicFile;
use crate::context::Context;
use crate::errors::{Answer, DONE, Exit, Failure, NEGATIVE};
use crate::escape::Clean;
use crate::files;
use crate::keys;
use crate::output::{BAD, GOOD, WARN, paint};
use serde::Serialize;
use std::io::Write as _;
use std::path::PathBuf;
use witnessmark::proof::CONSISTENCY_BUNDLE_LINE;
use witnessmark::{ConsistencyBundle, ConsistencyEvidence, ForkProof, SignedCheckpoint};

/// Compare two signed checkpoints: does one log's key stand under two histories?
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Exit codes: 1 when a fork is proved, 0 when the checkpoints agree, 4 when they have two sizes and
nothing at hand says what the later one has at the earlier size. A document written with -o is checked
by anybody with `wmark verify-proof FORK --key KEY`.

Examples:
  wmark prove-fork seen.note other.note --key acme.pub
  wmark prove-fork seen.note other.note --key acme.pub -o fork.json
  wmark prove-fork old.note new.note --key acme.pub --proof consistency.json")]
pub(crate) struct Args {
    /// A signed checkpoint
    a: PathBuf,
    /// Another one of the same log
    b: PathBuf,
    /// The log's verifier key, or a file with it; again for another one
    #[arg(long = "key", value_name = "KEY|FILE", required = true)]
    keys: Vec<String>,
    /// For two sizes: what `wmark prove-consistency A B` says in the log of the later checkpoint
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
    /// Write the proof of the fork to this file
    #[arg(short, long = "output", value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file when it exists
    #[arg(long, requires = "output")]
    force: bool,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    fork: Option<bool>,
    origin: String,
    a: String,
    b: String,
    keys: Vec<String>,
    reason: Option<String>,
}

/// What the two checkpoints say of each other.
enum Outcome {
    Fork(Box<ForkProof>),
    Agree(&'static str),
    Open(&'static str),
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let keys = keys::all_verifier(&args.keys)?;
    let (a, b) = (files::checkpoint(&args.a)?, files::checkpoint(&args.b)?);
    a.verify(&keys)?;
    b.verify(&keys)?;
    let pair = if a.checkpoint().size() <= b.checkpoint().size() { (a, b) } else { (b, a) };
    let outcome = judge(&pair, args.proof.as_ref(), context)?;
    let labels = |proof: &ForkProof| -> Answer<Vec<String>> {
        Ok(proof.verify(&keys)?.into_iter().map(|key| key.label()).collect())
    };
    let (exit, fork, signers, reason) = match &outcome {
        // Nobody is accused before the proof was checked as others will check it.
        Outcome::Fork(proof) => (NEGATIVE, Some(true), labels(proof)?, None),
        Outcome::Agree(why) => (DONE, Some(false), Vec::new(), Some(*why)),
        Outcome::Open(why) => (Exit(4), None, Vec::new(), Some(*why)),
    };
    if let (Outcome::Fork(proof), Some(path)) = (&outcome, &args.output) {
        let mut file = AtomicFile::create(path, args.force)?;
        writeln!(file, "{}", proof.to_json())?;
        file.finish()?;
    }
    let head = |signed: &SignedCheckpoint| {
        format!("{}@{}", signed.checkpoint().root(), signed.checkpoint().size())
    };
    let out = &mut context.out;
    if out.is_json() {
        out.json(&Document {
            schema: "wmark.prove-fork/1",
            fork,
            origin: pair.0.checkpoint().origin().to_owned(),
            a: head(&pair.0),
            b: head(&pair.1),
            keys: signers,
            reason: reason.map(str::to_owned),
        })?;
        return Ok(exit);
    }
    out.line(format_args!("  {}\n  {}", head(&pair.0), head(&pair.1)))?;
    match fork {
        Some(true) => {
            let by = signers.join(", ");
            let by = Clean::text(&by).to_string();
            out.line(format_args!("{}  {by} signed two histories", paint(BAD, "FORK")))?;
        }
        Some(false) => {
            out.line(format_args!("{}  {}", paint(GOOD, "no fork"), reason.unwrap_or_default()))?
        }
        None => {
            out.line(format_args!("{}  {}", paint(WARN, "open"), reason.unwrap_or_default()))?
        }
    }
    Ok(exit)
}

fn judge(
    (a, b): &(SignedCheckpoint, SignedCheckpoint),
    proof: Option<&PathBuf>,
    context: &Context,
) -> Answer<Outcome> {
    let (old, new) = (a.checkpoint(), b.checkpoint());
    if old.size() == new.size() {
        return Ok(match old.root() == new.root() {
            true => Outcome::Agree("the same size and the same root"),
            false => Outcome::Fork(Box::new(ForkProof::new(a.clone(), b.clone(), None))),
        });
    }
    let prefix = match proof {
        Some(path) => Some(read_proof(path)?),
        None => from_log(a, b, context),
    };
    let Some(prefix) = prefix else {
        return Ok(Outcome::Open(
            "two sizes: pass --proof, or -C with the log that the later checkpoint is of",
        ));
    };
    if (prefix.proof.old_size, prefix.proof.new_size) != (old.size(), new.size()) {
        return Err(Failure::usage("the proof is for other sizes than the checkpoints"));
    }
    prefix.verify(&prefix.old_root, &new.root())?;
    Ok(match prefix.old_root == old.root() {
        true => Outcome::Agree("the later one continues the earlier"),
        false => Outcome::Fork(Box::new(ForkProof::new(a.clone(), b.clone(), Some(prefix)))),
    })
}

fn read_proof(path: &std::path::Path) -> Answer<ConsistencyEvidence> {
    let text = files::text(path)?;
    if !text.starts_with(CONSISTENCY_BUNDLE_LINE) {
        return Ok(ConsistencyEvidence::from_json(&text)?);
    }
    let bundle: ConsistencyBundle = text.parse()?;
    Ok(ConsistencyEvidence {
        proof: bundle.proof().clone(),
        old_root: bundle.old_root(),
        new_root: bundle.checkpoint().checkpoint().root(),
    })
}

/// What the log at hand has at both sizes, if it is the one of the later checkpoint.
fn from_log(
    a: &SignedCheckpoint,
    b: &SignedCheckpoint,
    context: &Context,
) -> Option<ConsistencyEvidence> {
    let view = context.reader().ok()?.view().ok()?;
    let (old, new) = (a.checkpoint(), b.checkpoint());
    let is_later = view.root_at(new.size()).is_ok_and(|root| root == new.root());
    if !is_later {
        return None;
    }
    view.prove_prefix(old.size(), new.size()).ok()
}
