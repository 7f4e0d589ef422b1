//! What a flipped bit does to witnessmark and to other embedded engines, by one command.
//!
//! ```text
//! cargo run --release [-- [--flips N] [--seed N] [--engine NAME] [--each] [--speed]]
//! ```
//!
//! Prints one table in Markdown. `--each` tells every flip on stderr; `--speed` measures durable
//! appends instead. Files go below `TMPDIR`: for speed, a disk that syncs; for flips, a tmpfs does.

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

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["read", name, mode, seed, dir] = *arguments {
        let mode = if mode == "Checked" { Mode::Checked } else { Mode::Default };
        let engines = chosen(Some(name));
        let engine = engines.first().ok_or("no such engine")?;
        println!("{}", campaign::read(&**engine, mode, seed.parse()?, Path::new(dir)));
        return Ok(());
    }
    let mut campaign = Campaign { flips: FLIPS_DEFAULT, seed: 1, is_told: false };
    let mut name = None;
    let mut is_speed = false;
    let mut rest = arguments.into_iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().ok_or(format!("{argument}: a value is missing"));
        match argument {
            "--flips" => campaign.flips = value()?.parse()?,
            "--seed" => campaign.seed = value()?.parse()?,
            "--engine" => name = Some(value()?),
            "--each" => campaign.is_told = true,
            "--speed" => is_speed = true,
            other => return Err(format!("{other}: no such option").into()),
        }
    }
    let engines = chosen(name);
    for engine in &engines {
        println!("- {} {}", engine.name(), engine.version());
    }
    if is_speed {
        println!("\n| engine | 1 producer | 8 | 64 |\n|---|---|---|---|");
        speed::run(&engines, campaign.seed)?.iter().for_each(|line| println!("{line}"));
        return Ok(());
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
