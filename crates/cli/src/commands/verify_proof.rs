//! `wmark verify-proof`: checks evidence without the log.
//!
//! ```text
//! FILE: entry, hashes --computed--> root   =?   --root and --size, from somewhere else
//! ```
//!
//! Nothing is called valid without an anchor: a proof only says something relative to one, and the
//! root inside the file is a claim of whoever made the file.

use crate::anchor::{parse_head, parse_root};
use crate::context::Context;
use crate::errors::{Answer, DONE, Failure, NEGATIVE};
use crate::escape::Clean;
use crate::output::{BAD, DIM, GOOD, Output, paint};
use crate::time;
use serde::Serialize;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use witnessmark::{ConsistencyEvidence, Error, Evidence, Hash, hash, limits};

/// Check a proof against a root, without the log
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark verify-proof proof.json --root c0ff..ee00 --size 184221
  wmark verify-proof proof.json --root c0ff..ee00@184221 --explain
  wmark verify-proof consistency.json --old 77aa..01@171004 --root c0ff..ee00@184221")]
pub(crate) struct Args {
    /// A document of `wmark prove` or `wmark prove-consistency`; - for standard input
    file: PathBuf,
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
    reason: Option<String>,
}

/// Longest document: an entry at its limit, escaped and in hex, and its hashes.
const DOCUMENT_BYTES_MAX: u64 = 6 * limits::PAYLOAD_BYTES_MAX as u64 + (1 << 20);

fn read(path: &Path) -> Answer<String> {
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().take(DOCUMENT_BYTES_MAX).read_to_string(&mut text)
    } else {
        std::fs::File::open(path)
            .and_then(|file| file.take(DOCUMENT_BYTES_MAX).read_to_string(&mut text))
    };
    read.map_err(|error| Failure::io(&error, format_args!("read {}", path.display())))?;
    Ok(text)
}

fn anchor(args: &Args) -> Answer<(Hash, u64)> {
    let missing = "no trust anchor: pass --root ROOT and --size N";
    let hint = "a proof only says something relative to a root that did not come with it";
    let none = || Failure::usage(missing).hint(hint);
    let (root, size) = args.root.ok_or_else(none)?;
    match (size, args.size) {
        (Some(a), Some(b)) if a != b => Err(Failure::usage("--root and --size name two sizes")),
        (at_root, given) => Ok((root, given.or(at_root).ok_or_else(none)?)),
    }
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let (root, size) = anchor(&args)?;
    let text = read(&args.file)?;
    if let Some((old_root, old_size)) = args.old {
        let evidence = ConsistencyEvidence::from_json(&text);
        let verified = evidence.and_then(|evidence| {
            let sizes = (evidence.proof.old_size.get(), evidence.proof.new_size.get());
            if sizes != (old_size, size) {
                let message = "the proof is for other sizes";
                return Err(Error::new(witnessmark::ErrorKind::ProofInvalid, message).expected(
                    format_args!("{old_size} and {size}"),
                    format_args!("{} and {}", sizes.0, sizes.1),
                ));
            }
            evidence.verify(&old_root, &root)
        });
        return conclude(&mut context.out, None, (root, size), verified);
    }
    let evidence = match Evidence::from_json(&text) {
        Ok(evidence) => evidence,
        Err(error) => return conclude(&mut context.out, None, (root, size), Err(error)),
    };
    if args.explain {
        explain(&evidence, &root, &mut context.out);
    }
    let verified = evidence.verify(size.into(), &root);
    conclude(&mut context.out, Some(&evidence), (root, size), verified)
}

fn conclude(
    out: &mut Output,
    evidence: Option<&Evidence>,
    (root, size): (Hash, u64),
    verified: Result<(), Error>,
) -> Answer {
    let reason = verified.err().map(|error| error.to_string());
    let exit = if reason.is_none() { DONE } else { NEGATIVE };
    let entry = evidence.map(Evidence::entry);
    if out.is_json() {
        out.json(&Document {
            schema: "wmark.verify-proof/1",
            valid: reason.is_none(),
            index: entry.map(|entry| entry.index().get()),
            entry_id: entry.map(|entry| entry.entry_id()),
            entry_hash: entry.map(|entry| entry.entry_hash().to_hex()),
            size,
            root: root.to_hex(),
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
        let resource = Clean::text(entry.resource().unwrap_or_default());
        out.line(format_args!("entry {index} of {size}: {when} {agent} {action} {resource}"))?;
    }
    out.line(paint(GOOD, "Verified OK"))?;
    Ok(exit)
}

/// Shows the computation, step by step, as RFC 9162 (section 2.1.3.2) words it. The verdict is the
/// library's; this walks the same way with our own eyes.
fn explain(evidence: &Evidence, root: &Hash, out: &mut Output) {
    let step = |out: &mut Output, number: usize, what: &str, shown: String, hash: &Hash| {
        let shown = paint(DIM, format_args!("{shown:<52}"));
        out.explain(format_args!("{number:>2}  {what:<5} {shown} = {}", short(hash)));
    };
    let mut hash = hash::entry(&evidence.entry().header());
    step(out, 0, "leaf", "SHA256(0x00 | header, 108 bytes)".into(), &hash);
    let proof = evidence.proof();
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

fn short(hash: &Hash) -> String {
    let hex = hash.to_hex();
    let (head, tail) = (hex.get(..8).unwrap_or_default(), hex.get(56..).unwrap_or_default());
    format!("{head}…{tail}")
}
