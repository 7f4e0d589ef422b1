//! `wmark integrity`: manifests of files and functions, made and checked.
//!
//! Listing and comparing are the library's. A manifest that is not there is a failure and never a
//! pass. Under `--json` failures are sanitised.

use crate::atomic::AtomicFile;
use crate::context::Context;
use crate::errors::{Answer, DONE, Exit, Failure, NEGATIVE, UNDECIDED};
use crate::escape::Clean;
use crate::sanitised::sanitise;
use crate::{keys, time};
use serde::Serialize;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use witnessmark::ErrorKind;
use witnessmark::integrity::{CheckOptions, GenerateOptions, Manifest, Report, check, generate};

/// List files and functions of a deployment, and check that they are still the same
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark integrity generate -o integrity.json --root policies --key-file ~/keys/gate.key
  wmark integrity generate -o integrity.json --function bin/gate:policy::evaluate
  wmark integrity check integrity.json --key gate.pub
  wmark integrity check integrity.json --root policies=/opt/acme/policies --json")]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    Generate(Generate),
    Check(Check),
}

/// A directory, with or without a name.
#[derive(Clone, Debug)]
struct Root {
    name: Option<String>,
    dir: PathBuf,
}

fn root(text: &str) -> Result<Root, String> {
    match text.split_once('=') {
        Some((name, dir)) if !name.is_empty() && !name.contains('/') => {
            Ok(Root { name: Some(name.to_owned()), dir: dir.into() })
        }
        _ => Ok(Root { name: None, dir: text.into() }),
    }
}

fn function(text: &str) -> Result<(PathBuf, String), String> {
    match text.split_once(':') {
        Some((binary, name)) if !binary.is_empty() && !name.is_empty() => {
            Ok((binary.into(), name.to_owned()))
        }
        _ => Err("wanted BINARY:SYMBOL".to_owned()),
    }
}

/// What is listed.
#[derive(clap::Args, Clone, Debug, Default)]
struct Listed {
    /// List every file beneath this directory; its name is the last part of its path, or NAME
    #[arg(long = "root", value_name = "[NAME=]DIR", value_parser = root)]
    roots: Vec<Root>,
    /// List the machine code of a function, by symbol or by Rust path
    #[arg(long = "function", value_name = "BINARY:SYMBOL", value_parser = function)]
    functions: Vec<(PathBuf, String)>,
    /// Sign the manifest: a file that nobody else can read
    #[arg(long, value_name = "FILE", env = "WMARK_KEY_FILE", hide_env_values = true)]
    key_file: Option<PathBuf>,
    /// Write down when it was made; the manifest is then different every time
    #[arg(long)]
    timestamp: bool,
    /// Replace the file when it exists
    #[arg(long)]
    force: bool,
}

/// List files and functions as they are now
#[derive(clap::Args, Debug)]
pub(crate) struct Generate {
    #[command(flatten)]
    listed: Listed,
    /// Write to this file instead of printing
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Compare what is listed with what is there; code 1 when anything differs or is missing
#[derive(clap::Args, Debug)]
pub(crate) struct Check {
    /// The manifest
    manifest: PathBuf,
    #[command(flatten)]
    how: How,
}

/// How it is compared.
#[derive(clap::Args, Clone, Debug, Default)]
struct How {
    /// Where a root lies, if not beside the manifest
    #[arg(long = "root", value_name = "[NAME=]DIR", value_parser = root)]
    roots: Vec<Root>,
    /// Whose signature the manifest must carry: a verifier key, or a file with one
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Fail when there are files that are not listed
    #[arg(long)]
    strict: bool,
}

/// The tutorial's spelling.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark compliance integrity --generate integrity.json --root policies
  wmark compliance integrity --manifest integrity.json --json")]
pub(crate) struct Spelled {
    /// Write a manifest to this file
    #[arg(long, value_name = "FILE", conflicts_with = "manifest")]
    generate: Option<PathBuf>,
    /// Check this manifest
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    #[command(flatten)]
    listed: Listed,
    /// Whose signature the manifest must carry: a verifier key, or a file with one
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Fail when there are files that are not listed
    #[arg(long)]
    strict: bool,
}

#[derive(Serialize)]
struct Written<'a> {
    schema: &'static str,
    status: &'static str,
    path: String,
    files: usize,
    functions: usize,
    manifest_hash: &'a str,
    signer: Option<String>,
}

#[derive(Serialize)]
struct Checked<'a> {
    schema: &'static str,
    #[serde(flatten)]
    report: &'a Report,
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let answer = match args.what {
        What::Generate(args) => run_generate(&args.listed, args.output.as_deref(), context),
        What::Check(args) => run_check(&args.manifest, &args.how, context),
    };
    sanitise(answer, context)
}

/// As [`run`]; failures are the caller's.
pub(crate) fn run_spelled(args: Spelled, context: &mut Context) -> Answer {
    if let Some(path) = &args.generate {
        return run_generate(&args.listed, Some(path), context);
    }
    let Some(path) = &args.manifest else {
        // Nothing to check is not a pass.
        show(&Report::not_evaluated(time::now().to_string()), context)?;
        return Ok(Exit(UNDECIDED));
    };
    let How { roots, key, strict } =
        How { roots: args.listed.roots.clone(), key: args.key, strict: args.strict };
    run_check(path, &How { roots, key, strict }, context)
}

fn run_generate(listed: &Listed, output: Option<&Path>, context: &mut Context) -> Answer {
    let key = listed.key_file.as_deref().map(keys::signing).transpose()?;
    let mut options = GenerateOptions::new();
    for root in &listed.roots {
        options = options.root(root.name.clone(), &root.dir);
    }
    for (binary, name) in &listed.functions {
        options = options.function(binary, name);
    }
    if listed.timestamp {
        options = options.generated_at(time::now().to_string());
    }
    if let Some(path) = output {
        options = options.manifest(path);
    }
    let mut manifest = generate(&options)?;
    if let Some(key) = &key {
        manifest.sign(&[key])?;
    }
    let text = manifest.to_json();
    let out = &mut context.out;
    let Some(path) = output else {
        out.bytes(text.as_bytes())?;
        out.bytes(b"\n")?;
        return Ok(DONE);
    };
    let mut file = AtomicFile::create(path, listed.force)?;
    writeln!(file, "{text}")?;
    file.finish()?;
    let files = manifest.files.len() + manifest.links.len();
    if out.is_json() {
        out.json(&Written {
            schema: "wmark.integrity.generate/1",
            status: "ok",
            path: path.display().to_string(),
            files,
            functions: manifest.functions.len(),
            manifest_hash: &manifest.manifest_hash,
            signer: key.map(|key| key.verifier().to_string()),
        })?;
    } else if !out.is_quiet() {
        out.line(format_args!("Manifest written to {}", path.display()))?;
        out.line(format_args!("  Files hashed: {files}"))?;
        out.line(format_args!("  Functions hashed: {}", manifest.functions.len()))?;
    }
    Ok(DONE)
}

fn run_check(path: &Path, how: &How, context: &mut Context) -> Answer {
    let shown = path.display();
    let manifest = Manifest::load(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            let message = format!("there is no manifest at {shown}");
            Failure::new(UNDECIDED, ErrorKind::NotFound.as_str(), message)
                .hint("`wmark integrity generate -o FILE --root DIR` makes one")
        }
        _ => error.at_file(shown.to_string()).into(),
    })?;
    let mut options = CheckOptions::new(time::now().to_string()).manifest(path).strict(how.strict);
    for root in &how.roots {
        let name = match &root.name {
            Some(name) => Some(name.clone()),
            None => only_root(&manifest, &root.dir),
        };
        let known = name.filter(|name| manifest.roots.contains_key(name)).ok_or_else(|| {
            let names = manifest.roots.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            Failure::usage(format!("--root {}: the manifest has no such root", root.dir.display()))
                .hint(format!("write --root NAME=DIR, with a name out of: {names}"))
        })?;
        options = options.root(known, &root.dir);
    }
    if let Some(key) = &how.key {
        let signers = manifest.verify(&[keys::verifier(key)?])?;
        options = options.signer(signers.join(", "));
    }
    let report = check(&manifest, &options)?;
    show(&report, context)?;
    Ok(match report.status.as_str() {
        "passed" => DONE,
        "failed" => NEGATIVE,
        // There was nothing to check.
        _ => Exit(UNDECIDED),
    })
}

/// Which root a directory without a name stands for: the only one, or the one that is called so.
fn only_root(manifest: &Manifest, dir: &Path) -> Option<String> {
    let mut names = manifest.roots.keys();
    match (names.next(), names.next()) {
        (Some(only), None) => Some(only.clone()),
        _ => dir.file_name().and_then(|name| name.to_str()).map(str::to_owned),
    }
}

fn show(report: &Report, context: &mut Context) -> Answer<()> {
    let out = &mut context.out;
    if out.is_json() {
        return out.json(&Checked { schema: "wmark.integrity/1", report });
    }
    if out.is_quiet() {
        return Ok(());
    }
    for line in report.summary().lines() {
        out.line(Clean::text(line))?;
    }
    Ok(())
}
