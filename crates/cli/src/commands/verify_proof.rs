//! `wmark verify-proof`: checks evidence without the log.
//!
//! ```text
//! FILE: entry, hashes --computed--> root   =?   --root and --size, from somewhere else
//!                                          =?   the bundle's checkpoint, signed by --key
//! ```
//!
//! Nothing is called valid without an anchor: a proof only says something relative to one, and the
//! root inside the file is a claim of whoever made the file.

use crate::anchor::{parse_head, parse_root};
use crate::context::Context;
use crate::errors::{Answer, DONE, Failure, NEGATIVE};
use crate::escape::Clean;
use crate::files;
use crate::keys;
use crate::output::{BAD, DIM, GOOD, Output, paint};
use crate::time;
use serde::Serialize;
use std::path::PathBuf;
use witnessmark::proof::{BUNDLE_LINE, CONSISTENCY_BUNDLE_LINE};
use witnessmark::{
    Bundle, ConsistencyBundle, ConsistencyEvidence, Error, ErrorKind, Evidence, ForkProof, Hash,
    InclusionProof, StoredEntry, VerifierKey, hash,
};

/// Check a proof against a key or a root, without the log
#[derive(clap::Args, Debug)]
#[command(after_help = "\
A bundle is checked with --key, other documents with --root and --size.

Examples:
  wmark verify-proof entry-7.tlog-proof --key acme.pub --explain
  wmark verify-proof bare.tlog-proof --key acme.pub --entry proof.json
  wmark verify-proof proof.json --root c0ff..ee00 --size 184221
  wmark verify-proof proof.json --root c0ff..ee00@184221 --explain
  wmark verify-proof consistency.json --old 77aa..01@171004 --root c0ff..ee00@184221
  wmark verify-proof fork.json --key acme.pub")]
pub(crate) struct Args {
    /// A document or bundle of `wmark prove`, `prove-consistency` or `prove-fork`; - for stdin
    file: PathBuf,
    /// The log's verifier key, or a file with it; again for another one during a change of keys
    #[arg(long = "key", value_name = "KEY|FILE")]
    keys: Vec<String>,
    /// The entry, when the bundle does not bring it or shall not be believed to
    #[arg(long, value_name = "FILE")]
    entry: Option<PathBuf>,
    /// The root you trust: 64 hex digits, or ROOT@SIZE
    #[arg(long, value_name = "ROOT", value_parser = parse_root)]
    root: Option<(Hash, Option<u64>)>,
    /// The tree size that the root belongs to
    #[arg(long, value_name = "N")]
    size: Option<u64>,
    /// For consistency: the earlier root you trust
    #[arg(long, value_name = "ROOT@SIZE", value_parser = parse_head)]
    old: Option<(Hash, u64)>,
    /// Show every step of the computation
    #[arg(long)]
    explain: bool,
}

/// What was found out.
#[derive(Serialize)]
struct Document {
    schema: &'static str,
    valid: bool,
    index: Option<u64>,
    entry_id: Option<String>,
    entry_hash: Option<String>,
    size: u64,
    root: String,
    origin: Option<String>,
    keys: Vec<String>,
    reason: Option<String>,
}

/// What is told besides the verdict.
#[derive(Default)]
struct Subject {
    entry: Option<StoredEntry>,
    size: u64,
    root: Hash,
    origin: Option<String>,
    /// The keys whose signature held.
    keys: Vec<String>,
}

fn no_anchor() -> Failure {
    Failure::usage("no trust anchor: pass --key VERIFIER, or --root ROOT and --size N")
        .hint("a proof only says something relative to a root that did not come with it")
}

fn anchor(args: &Args) -> Answer<(Hash, u64)> {
    let (root, size) = args.root.ok_or_else(no_anchor)?;
    match (size, args.size) {
        (Some(a), Some(b)) if a != b => Err(Failure::usage("--root and --size name two sizes")),
        (at_root, given) => Ok((root, given.or(at_root).ok_or_else(no_anchor)?)),
    }
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    if args.keys.is_empty() && args.root.is_none() {
        return Err(no_anchor());
    }
    let keys = keys::all_verifier(&args.keys)?;
    let text = files::text(&args.file)?;
    let mut subject = Subject::default();
    let out = &mut context.out;
    let verified = if text.starts_with(BUNDLE_LINE) {
        let entry = args.entry.as_deref().map(files::entry).transpose();
        check_bundle(&args, &text, &keys, entry, &mut subject, out)?
    } else if text.starts_with(CONSISTENCY_BUNDLE_LINE) {
        check_consistency_bundle(&args, &text, &keys, &mut subject)?
    } else if !keys.is_empty() {
        check_fork(&text, &keys, &mut subject)
    } else {
        let (root, size) = anchor(&args)?;
        (subject.root, subject.size) = (root, size);
        match args.old {
            Some(old) => check_consistency(&text, old, (root, size)),
            None => check_evidence(&args, &text, &mut subject, out),
        }
    };
    conclude(out, &subject, verified)
}

/// A bundle, against a key, or a root, or both.
fn check_bundle(
    args: &Args,
    text: &str,
    keys: &[VerifierKey],
    entry: Answer<Option<StoredEntry>>,
    subject: &mut Subject,
    out: &mut Output,
) -> Answer<Result<(), Error>> {
    let given = entry?;
    let bundle: Bundle = match text.parse() {
        Ok(bundle) => bundle,
        Err(error) => return Ok(Err(error)),
    };
    let signed = bundle.checkpoint().checkpoint();
    (subject.size, subject.root) = (signed.size().get(), signed.root());
    subject.origin = Some(signed.origin().to_owned());
    if args.root.is_some() {
        let wanted = anchor(args)?;
        if wanted != (signed.root(), signed.size().get()) {
            let error = Error::new(ErrorKind::ProofInvalid, "the checkpoint is not at that root");
            let found = format!("{}@{}", signed.root(), signed.size());
            return Ok(Err(error.expected(format_args!("{}@{}", wanted.0, wanted.1), found)));
        }
    }
    if args.explain
        && let Some(entry) = given.clone().map(Some).unwrap_or(bundle.entry().unwrap_or(None))
    {
        explain(&hash::entry(&entry.header()), bundle.proof(), &signed.root(), out);
    }
    let verified = match keys.is_empty() {
        true => bundle.verify_to(signed.size(), &signed.root(), given),
        false => bundle.checkpoint().verify(keys).and_then(|signers| {
            subject.keys = signers.into_iter().map(VerifierKey::label).collect();
            bundle.verify(keys, given)
        }),
    };
    if args.explain {
        explain_signature(&bundle, subject, keys, out);
    }
    Ok(verified.map(|entry| subject.entry = Some(entry)))
}

fn check_consistency_bundle(
    args: &Args,
    text: &str,
    keys: &[VerifierKey],
    subject: &mut Subject,
) -> Answer<Result<(), Error>> {
    if keys.is_empty() {
        return Err(no_anchor());
    }
    let bundle: ConsistencyBundle = match text.parse() {
        Ok(bundle) => bundle,
        Err(error) => return Ok(Err(error)),
    };
    let signed = bundle.checkpoint().checkpoint();
    (subject.size, subject.root) = (signed.size().get(), signed.root());
    subject.origin = Some(signed.origin().to_owned());
    let claimed = (bundle.old_root(), bundle.old_size().get());
    if let Some(old) = args.old.filter(|old| *old != claimed) {
        let error = Error::new(ErrorKind::ProofInvalid, "the proof begins at another tree");
        let found = format!("{}@{}", claimed.0, claimed.1);
        return Ok(Err(error.expected(format_args!("{}@{}", old.0, old.1), found)));
    }
    let verified = bundle.verify(keys);
    if let Ok(signers) = bundle.checkpoint().verify(keys) {
        subject.keys = signers.into_iter().map(VerifierKey::label).collect();
    }
    Ok(verified)
}

fn check_fork(text: &str, keys: &[VerifierKey], subject: &mut Subject) -> Result<(), Error> {
    let fork = ForkProof::from_json(text).map_err(|error| {
        error.hint("--key checks bundles and fork proofs; other documents need --root and --size")
    })?;
    let later = fork.b().checkpoint();
    (subject.size, subject.root) = (later.size().get(), later.root());
    subject.origin = Some(later.origin().to_owned());
    subject.keys = fork.verify(keys)?.into_iter().map(VerifierKey::label).collect();
    Ok(())
}

fn check_consistency(text: &str, old: (Hash, u64), new: (Hash, u64)) -> Result<(), Error> {
    let evidence = ConsistencyEvidence::from_json(text)?;
    let sizes = (evidence.proof.old_size.get(), evidence.proof.new_size.get());
    if sizes != (old.1, new.1) {
        let message = "the proof is for other sizes";
        return Err(Error::new(ErrorKind::ProofInvalid, message).expected(
            format_args!("{} and {}", old.1, new.1),
            format_args!("{} and {}", sizes.0, sizes.1),
        ));
    }
    evidence.verify(&old.0, &new.0)
}

fn check_evidence(
    args: &Args,
    text: &str,
    subject: &mut Subject,
    out: &mut Output,
) -> Result<(), Error> {
    let evidence = Evidence::from_json(text)?;
    subject.entry = Some(evidence.entry().clone());
    if args.explain {
        let leaf = hash::entry(&evidence.entry().header());
        explain(&leaf, evidence.proof(), &subject.root, out);
    }
    evidence.verify(subject.size.into(), &subject.root)
}

fn conclude(out: &mut Output, subject: &Subject, verified: Result<(), Error>) -> Answer {
    let reason = match verified {
        Ok(()) => None,
        // Keys of another log judge nothing.
        Err(error) if error.kind() == ErrorKind::Key => return Err(error.into()),
        Err(error) => Some(match error.advice() {
            Some(advice) => format!("{error}; {advice}"),
            None => error.to_string(),
        }),
    };
    let exit = if reason.is_none() { DONE } else { NEGATIVE };
    let entry = subject.entry.as_ref();
    if out.is_json() {
        out.json(&Document {
            schema: "wmark.verify-proof/1",
            valid: reason.is_none(),
            index: entry.map(|entry| entry.index().get()),
            entry_id: entry.map(|entry| entry.entry_id()),
            entry_hash: entry.map(|entry| entry.entry_hash().to_hex()),
            size: subject.size,
            root: subject.root.to_hex(),
            origin: subject.origin.clone(),
            keys: subject.keys.clone(),
            reason,
        })?;
        return Ok(exit);
    }
    if let Some(reason) = reason {
        out.line(format_args!("{}  {}", paint(BAD, "INVALID"), Clean::text(&reason)))?;
        return Ok(exit);
    }
    if let Some(entry) = entry
        && !out.is_quiet()
    {
        let (agent, action) = (Clean::text(entry.agent_did()), Clean::text(entry.action()));
        let (index, when) = (entry.index(), time::show(entry.timestamp()));
        let (resource, size) = (Clean::text(entry.resource().unwrap_or_default()), subject.size);
        out.line(format_args!("entry {index} of {size}: {when} {agent} {action} {resource}"))?;
    }
    if !subject.keys.is_empty() && !out.is_quiet() {
        let by = subject.keys.join(", ");
        out.line(format_args!("signed by {}", Clean::text(&by)))?;
    }
    out.line(paint(GOOD, "Verified OK"))?;
    Ok(exit)
}

/// Shows the computation, step by step, as RFC 9162 (section 2.1.3.2) words it. The verdict is the
/// library's; this walks the same way with our own eyes.
fn explain(leaf: &Hash, proof: &InclusionProof, root: &Hash, out: &mut Output) {
    let step = |out: &mut Output, number: usize, what: &str, shown: String, hash: &Hash| {
        let shown = paint(DIM, format_args!("{shown:<52}"));
        out.explain(format_args!("{number:>2}  {what:<5} {shown} = {}", short(hash)));
    };
    let mut hash = *leaf;
    step(out, 0, "leaf", "SHA256(0x00 | header, 108 bytes)".into(), &hash);
    let mut at = proof.index.get();
    let mut last = proof.size.get().saturating_sub(1);
    for (number, sibling) in proof.hashes.iter().enumerate() {
        let is_right = at % 2 == 1 || at == last;
        let (left, right) = if is_right { (*sibling, hash) } else { (hash, *sibling) };
        if is_right && at.is_multiple_of(2) {
            while at != 0 && at.is_multiple_of(2) {
                (at, last) = (at >> 1, last >> 1);
            }
        }
        (at, last) = (at >> 1, last >> 1);
        hash = hash::node(&left, &right);
        let shown = format!("SHA256(0x01 | {} | {})", short(&left), short(&right));
        step(out, number + 1, "node", shown, &hash);
    }
    let verdict = if hash == *root { paint(GOOD, "as wanted") } else { paint(BAD, "differs") };
    out.explain(format_args!("    computed {hash}"));
    out.explain(format_args!("    wanted   {root}  {verdict}"));
}

/// Shows what the signature says.
fn explain_signature(bundle: &Bundle, subject: &Subject, keys: &[VerifierKey], out: &mut Output) {
    let (index, size) = (bundle.proof().index, subject.size);
    if !keys.is_empty() {
        let is_signed = !subject.keys.is_empty();
        let verdict = if is_signed { paint(GOOD, "ok") } else { paint(BAD, "not by these keys") };
        let by = match is_signed {
            true => subject.keys.join(", "),
            false => keys.iter().map(VerifierKey::label).collect::<Vec<_>>().join(", "),
        };
        out.explain(format_args!("signature  {}  {verdict}", Clean::text(&by)));
    }
    let is_below = index.get() < size;
    let verdict = if is_below { paint(GOOD, "ok") } else { paint(BAD, "not so") };
    out.explain(format_args!("index {index} < size {size}  {verdict}"));
}

fn short(hash: &Hash) -> String {
    let hex = hash.to_hex();
    let (head, tail) = (hex.get(..8).unwrap_or_default(), hex.get(56..).unwrap_or_default());
    format!("{head}…{tail}")
}
