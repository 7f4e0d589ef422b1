//! `wmark keygen`: makes a signing key for a log's checkpoints.

use crate::context::Context;
use crate::errors::{Answer, DONE, Failure, USAGE};
use crate::escape::Clean;
use crate::output::{HEAD, paint};
use crate::places;
use serde::Serialize;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use witnessmark::sign::{SEED_LEN, SigningKey, key_name_of};
use witnessmark::storage::random;
use zeroize::Zeroizing;

/// Make a signing key for a log's checkpoints
#[derive(clap::Args, Debug)]
#[command(after_help = "\
The file holds the secret, on one line, mode 0600; it belongs outside of every log directory. What is
printed is the verifier key: give it to whoever shall check the log.

Examples:
  wmark keygen -C ./audit > acme.pub
  wmark keygen --name acme.example/agents --out ~/keys/acme.key
  wmark keygen --json | jq -r .verifier_key")]
pub(crate) struct Args {
    /// The log's origin; that of the log at --log when not given
    #[arg(long, value_name = "ORIGIN")]
    name: Option<String>,
    /// File for the secret; below $XDG_DATA_HOME/witnessmark/keys when not given
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    name: &'a str,
    key_id: String,
    verifier_key: String,
    path: String,
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let name = match args.name {
        Some(name) => name,
        None => match context.reader() {
            Ok(reader) => reader.identity().origin.clone(),
            Err(_) => {
                return Err(Failure::usage("whose key? pass --name ORIGIN, or -C with a log"));
            }
        },
    };
    let name = key_name_of(&name);
    let mut seed = Zeroizing::new([0u8; SEED_LEN]);
    random::os_random(&mut *seed)?;
    let key = SigningKey::from_seed(&name, &seed)?;
    let path = match args.out {
        Some(path) => path,
        None => default_path(&name)?,
    };
    write(&path, &key)?;
    let out = &mut context.out;
    let (shown, verifier) = (path.display().to_string(), key.verifier().to_string());
    if out.is_json() {
        out.json(&Document {
            schema: "wmark.keygen/1",
            name: key.name(),
            key_id: key.id().to_string(),
            verifier_key: verifier,
            path: shown,
        })?;
        return Ok(DONE);
    }
    out.line(&verifier)?;
    out.say(format_args!(
        "{} {}  (keep it secret)",
        paint(HEAD, "signing key "),
        Clean::text(&shown)
    ));
    out.say(format_args!(
        "{} the line above   (give it to your auditor)",
        paint(HEAD, "verifier key")
    ));
    Ok(DONE)
}

/// Below the user's data directory, under a name that a file can have.
fn default_path(name: &str) -> Answer<PathBuf> {
    let place = places::keys().ok_or_else(|| {
        Failure::usage("there is no home directory to keep keys in: pass --out FILE")
    })?;
    places::create(&place)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let stem: String = name.chars().map(|c| if is_plain(c) { c } else { '+' }).take(200).collect();
    Ok(place.join(format!("{stem}.key")))
}

/// Writes the secret to a new file and makes it durable; an existing one is never touched.
fn write(path: &Path, key: &SigningKey) -> Answer<()> {
    if let Some(log) = places::log_around(path) {
        let message = format!("{} lies inside the log {}", path.display(), log.display());
        return Err(Failure::usage(message)
            .hint("whoever can rewrite the log would find it there: name another place"));
    }
    let file = File::options().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::new(USAGE, "already_exists", format!("{} exists already", path.display()))
                .hint("a key is never written over: name another file")
        }
        _ => Failure::io(&error, format_args!("create {}", path.display())),
    })?;
    let mut line = key.to_text();
    line.push('\n');
    let written = file.write_all(line.as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|error| Failure::io(&error, format_args!("write {}", path.display())))?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let synced = File::open(parent.unwrap_or(Path::new("."))).and_then(|place| place.sync_all());
    synced.map_err(|error| Failure::io(&error, format_args!("sync {}", path.display())))
}
