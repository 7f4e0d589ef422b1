//! Speed beside other engines: the same acts, on the same disk, in turns.
//!
//! ```text
//! for each round: for each load: for each engine: a process appends for a while
//! for each round: for each engine: fill, kill -9, reopen, ask; its files removed
//!   --> samples (measure, engine, round) --> medians, ratios within a round --> tables
//! ```
//!
//! Every turn is a process and a directory of its own, so that memory and a crash belong to one
//! engine. Engines take turns within a round, beginning with another one each round,
//! so that what else the machine does meets all of them.

mod ask;
mod bars;
mod child;
mod group;
mod keyed;
mod load;
mod machine;
mod peers;
mod samples;
mod store;
mod table;
mod turn;

use crate::engine::Result;
use peers::ours::NAME as OURS;
use samples::Samples;
use std::path::{Path, PathBuf};
use store::{Peer, every_peer};

/// What a turn does; the number is that of the entries of the log.
enum Job {
    Append(turn::Load),
    Fill(u64),
    Reopen(u64),
    Read(u64),
}

impl Job {
    fn to_arguments(&self) -> Vec<String> {
        let (verb, values) = match self {
            Self::Append(load) => {
                let is_grouped = u64::from(load.is_grouped);
                let values = [load.producers.to_string(), load.batch.to_string()];
                let rest = [is_grouped.to_string(), load.seconds.to_string()];
                ("append", [values, rest].concat())
            }
            Self::Fill(entries) => ("fill", vec![entries.to_string()]),
            Self::Reopen(entries) => ("reopen", vec![entries.to_string()]),
            Self::Read(entries) => ("read", vec![entries.to_string()]),
        };
        [vec![verb.to_owned()], values].concat()
    }

    fn from_arguments(arguments: &[&str]) -> Result<Self> {
        Ok(match *arguments {
            ["append", producers, batch, is_grouped, seconds] => Self::Append(turn::Load {
                producers: producers.parse()?,
                batch: batch.parse()?,
                is_grouped: is_grouped == "1",
                seconds: seconds.parse()?,
            }),
            ["fill", entries] => Self::Fill(entries.parse()?),
            ["reopen", entries] => Self::Reopen(entries.parse()?),
            ["read", entries] => Self::Read(entries.parse()?),
            _ => return Err("no such turn".into()),
        })
    }
}

/// What is measured.
struct Options {
    entries: u64,
    /// Rounds of appending, and of filling and asking.
    rounds: usize,
    log_rounds: usize,
    seconds: f64,
    seed: u64,
    /// Engines besides the floor and ours; all when empty.
    engines: Vec<String>,
    has_appends: bool,
    has_log: bool,
    dir: PathBuf,
    csv: Option<PathBuf>,
}

impl Options {
    fn parse(arguments: &[&str]) -> Result<Self> {
        let mut options = Self {
            entries: 1_000_000,
            rounds: 5,
            log_rounds: 3,
            seconds: 1.5,
            seed: 1,
            engines: Vec::new(),
            has_appends: true,
            has_log: true,
            dir: PathBuf::from("."),
            csv: None,
        };
        let mut rest = arguments.iter().copied();
        while let Some(argument) = rest.next() {
            if argument == "--quick" {
                (options.entries, options.rounds) = (20_000, 3);
                (options.log_rounds, options.seconds) = (1, 0.3);
                continue;
            }
            let value = rest.next().ok_or(format!("{argument}: a value is missing"))?;
            match argument {
                "--entries" => options.entries = value.parse()?,
                "--rounds" => {
                    options.rounds = value.parse()?;
                    options.log_rounds = options.rounds;
                }
                "--seconds" => options.seconds = value.parse()?,
                "--seed" => options.seed = value.parse()?,
                "--engine" => options.engines.push(value.to_lowercase()),
                "--only" => {
                    options.has_appends = value == "appends";
                    options.has_log = value == "log";
                    if options.has_appends == options.has_log {
                        return Err(format!("--only {value}: appends or log").into());
                    }
                }
                "--dir" => options.dir = value.into(),
                "--csv" => options.csv = Some(value.into()),
                other => return Err(format!("{other}: no such option").into()),
            }
        }
        if options.entries < 1000 {
            return Err("--entries: at least 1000".into());
        }
        Ok(options)
    }

    fn chosen(&self) -> Result<Vec<Peer>> {
        let names: Vec<String> = every_peer().iter().map(|peer| peer.name.to_lowercase()).collect();
        if let Some(unknown) = self.engines.iter().find(|name| !names.contains(name)) {
            return Err(format!("--engine {unknown}: one of {}", names.join(", ")).into());
        }
        let is_chosen = |peer: &Peer| {
            let is_judge = ["floor", OURS].contains(&peer.name);
            is_judge || self.engines.is_empty() || self.engines.contains(&peer.name.to_lowercase())
        };
        Ok(every_peer().into_iter().filter(is_chosen).collect())
    }
}

/// One line of the tables: an engine, with or without a front.
struct Line {
    engine: &'static str,
    name: String,
    is_grouped: bool,
    is_kept: bool,
}

fn lines(peers: &[Peer]) -> Vec<Line> {
    let mut lines = Vec::new();
    for peer in peers {
        let (engine, is_kept) = (peer.name, peer.is_kept);
        lines.push(Line { engine, name: engine.to_owned(), is_grouped: false, is_kept });
        if peer.is_fronted {
            let name = format!("{engine} + group");
            lines.push(Line { engine, name, is_grouped: true, is_kept });
        }
    }
    lines
}

/// Measures, and prints what came of it.
///
/// # Errors
/// An option nobody knows, a directory in memory, a disk that fails. What an engine fails at is a
/// line below the tables.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let options = Options::parse(arguments)?;
    let peers = options.chosen()?;
    let room = tempfile::Builder::new().prefix("compare-").tempdir_in(&options.dir)?;
    machine::refuse_memory(room.path())?;
    println!("{}", machine::describe(room.path())?);
    for peer in &peers {
        println!("- {}: {}", peer.name, (peer.about)());
    }
    println!(
        "- seed {}; appends: {} rounds of {} s; log: {} rounds\n",
        options.seed, options.rounds, options.seconds, options.log_rounds
    );
    let lines = lines(&peers);
    let mut run = Run { options: &options, room: room.path(), samples: Samples::default() };
    if options.has_appends {
        run.appends(&lines);
    }
    if options.has_log {
        run.logs(&lines);
    }
    let names: Vec<String> = lines.into_iter().map(|line| line.name).collect();
    println!("{}\n", table::render(&run.samples, &names, options.entries));
    println!("{}\n", bars::render(&run.samples));
    for failure in run.samples.failures() {
        println!("- not measured: {failure}");
    }
    println!("- after the run: {}", machine::load()?);
    if let Some(path) = &options.csv {
        std::fs::write(path, run.samples.to_csv())?;
    }
    Ok(())
}

/// A turn in a process of its own, started by [`run`]: engine, seed, directory, then the job.
pub(crate) fn take_turn(arguments: &[&str]) -> Result<()> {
    let [engine, seed, dir, job @ ..] = arguments else {
        return Err("no such turn".into());
    };
    let peers = every_peer();
    let peer = peers.iter().find(|peer| peer.name == *engine).ok_or("no such engine")?;
    let taken = turn::take(peer, Path::new(dir), &Job::from_arguments(job)?, seed.parse()?);
    if let Err(error) = &taken {
        println!("failed {}", error.to_string().replace('\n', " "));
    }
    taken
}

struct Run<'r> {
    options: &'r Options,
    room: &'r Path,
    samples: Samples,
}

impl Run<'_> {
    /// Loads by measure: producers and acts of a call.
    const LOADS: [(&'static str, u64, usize); 4] =
        [("append/1", 1, 1), ("append/8", 8, 1), ("append/64", 64, 1), ("batch", 1, 256)];

    fn appends(&mut self, lines: &[Line]) {
        for round in 0..self.options.rounds {
            for (measure, producers, batch) in Self::LOADS {
                eprintln!("{measure}, round {}", round + 1);
                for line in rotated(lines, round) {
                    // With one producer there is nothing to gather.
                    if line.is_grouped && producers == 1 {
                        continue;
                    }
                    let (is_grouped, seconds) = (line.is_grouped, self.options.seconds);
                    let load = turn::Load { producers, batch, is_grouped, seconds };
                    self.alone(measure, line, round, |run, dir| {
                        run.turn(measure, line, round, dir, &Job::Append(load)).is_some()
                    });
                }
            }
        }
    }

    fn logs(&mut self, lines: &[Line]) {
        let entries = self.options.entries;
        let jobs =
            [("bulk", Job::Fill(entries)), ("", Job::Reopen(entries)), ("", Job::Read(entries))];
        for round in 0..self.options.log_rounds {
            for line in rotated(lines, round).filter(|line| !line.is_grouped) {
                eprintln!("log, {}, round {}", line.name, round + 1);
                self.alone("bulk", line, round, |run, dir| {
                    jobs.iter()
                        .take(if line.is_kept { jobs.len() } else { 1 })
                        .all(|(measure, job)| run.turn(measure, line, round, dir, job).is_some())
                });
            }
        }
    }

    /// Calls `body` with a directory for one engine, which is gone afterwards, and its writes settled.
    fn alone(
        &mut self,
        measure: &str,
        line: &Line,
        round: usize,
        body: impl FnOnce(&mut Self, &Path) -> bool,
    ) {
        match tempfile::tempdir_in(self.room) {
            Ok(dir) => drop(body(self, dir.path())),
            Err(error) => self.samples.fail(measure, &line.name, round, &error.to_string()),
        }
        // The disk has to be done with this engine before the next one's turn.
        if let Err(error) = machine::settle() {
            self.samples.fail(measure, &line.name, round, &error.to_string());
        }
    }

    fn turn(
        &mut self,
        measure: &str,
        line: &Line,
        round: usize,
        dir: &Path,
        job: &Job,
    ) -> Option<()> {
        match child::turn(line.engine, dir, job, self.options.seed) {
            Ok(values) => {
                for (name, value) in values {
                    let name = match name.as_str() {
                        "rate" => measure.to_owned(),
                        "p50" | "p99" | "amplification" => format!("{measure}/{name}"),
                        _ => name,
                    };
                    self.samples.add(&name, &line.name, round, value);
                }
                Some(())
            }
            Err(error) => {
                let verb = job.to_arguments().swap_remove(0);
                let measure = if measure.is_empty() { verb } else { measure.to_owned() };
                self.samples.fail(&measure, &line.name, round, &error.to_string());
                None
            }
        }
    }
}

/// Another one begins each round.
fn rotated(lines: &[Line], round: usize) -> impl Iterator<Item = &Line> {
    lines.iter().cycle().skip(round % lines.len().max(1)).take(lines.len())
}
