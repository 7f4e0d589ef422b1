//! witnessmark beside other embedded engines: how fast, and what a flipped bit does.
//!
//! [`HELP`] says what it takes; what it prints are tables in Markdown.

mod campaign;
mod engine;
mod fjall_store;
mod image;
mod lmdb;
mod ours;
mod quipu;
mod random;
mod redb_store;
#[cfg(feature = "rocksdb")]
mod rocks;
mod speed;
mod sqlite;

use campaign::Campaign;
use engine::{Engine, Mode, Result, engines};
use std::path::Path;

const FLIPS_DEFAULT: u64 = 300;

const HELP: &str = "\
Compares witnessmark with other embedded engines, in tables in Markdown.

cargo run --release -p compare -- [speed] [--quick] [--engine NAME]... [--only appends|log]
    [--entries N] [--rounds N] [--seconds S] [--seed N] [--dir DIR] [--csv FILE]
        how fast each is; works below --dir, or where it is started, on a disk that syncs
cargo run --release -p compare -- flips [--flips N] [--seed N] [--engine NAME] [--each]
        what a flipped bit does; works below TMPDIR, where a tmpfs does, and tells every flip
        on stderr with --each

docs/PERFORMANCE.md and docs/ASSURANCE.md say how to read the tables.
";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if arguments.iter().any(|argument| matches!(*argument, "-h" | "--help")) {
        print!("{HELP}");
        return Ok(());
    }
    match *arguments {
        ["read", name, mode, seed, dir] => {
            let mode = if mode == "Checked" { Mode::Checked } else { Mode::Default };
            let engines = chosen(Some(name));
            let engine = engines.first().ok_or("no such engine")?;
            println!("{}", campaign::read(&**engine, mode, seed.parse()?, Path::new(dir)));
            Ok(())
        }
        ["turn", ref rest @ ..] => speed::take_turn(rest),
        ["flips", ref rest @ ..] => flips(rest),
        ["speed", ref rest @ ..] => speed::run(rest),
        ref rest => speed::run(rest),
    }
}

fn flips(arguments: &[&str]) -> Result<()> {
    let mut campaign = Campaign { flips: FLIPS_DEFAULT, seed: 1, is_told: false };
    let mut name = None;
    let mut rest = arguments.iter().copied();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().ok_or(format!("{argument}: a value is missing"));
        match argument {
            "--flips" => campaign.flips = value()?.parse()?,
            "--seed" => campaign.seed = value()?.parse()?,
            "--engine" => name = Some(value()?),
            "--each" => campaign.is_told = true,
            other => return Err(format!("{other}: no such option").into()),
        }
    }
    let engines = chosen(name);
    for engine in &engines {
        println!("- {} {}", engine.name(), engine.version());
    }
    println!("\n{} flips a row, seed {}\n", campaign.flips, campaign.seed);
    println!(
        "| engine | opened | image | used KiB | silent loss of acknowledged rows | silent wrong data \
         | reported | panic, abort, hang | no effect |\n|---|---|---|---|---|---|---|---|---|"
    );
    for engine in &engines {
        campaign.run(&**engine)?.iter().for_each(|line| println!("{line}"));
    }
    Ok(())
}

fn chosen(name: Option<&str>) -> Vec<Box<dyn Engine>> {
    engines().into_iter().filter(|engine| name.is_none_or(|name| name == engine.name())).collect()
}
