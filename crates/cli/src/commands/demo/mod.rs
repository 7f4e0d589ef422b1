//! `wmark demo`: the tour. A real log in a real directory, and everything said about it computed
//! from its files.
//!
//! ```text
//! log a day --> three questions --> prove, and check away from the log --> alter a copy --> verify
//! ```
//!
//! The directory stays, so that whoever is curious can go on.

mod fleet;
mod forger;

use crate::commands::verify;
use crate::context::Context;
use crate::entries::Printer;
use crate::errors::{Answer, DONE, Failure, NEGATIVE, UNDECIDED};
use crate::escape::Clean;
use crate::interrupt::Interrupt;
use crate::output::{BAD, DIM, GOOD, HEAD, paint};
use crate::progress::{Progress, Unit};
use crate::table::{bytes, grouped};
use crate::time;
use fleet::{DAY_NS, Day};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use witnessmark::storage::{FsStorage, Storage as _};
use witnessmark::{
    AuditLog, Evidence, Key, Order, Query, StoredEntry, Ticket, TreeHead, UnixNanos, VerifyOptions,
    View,
};

/// Take the tour: log a fleet's day, ask, prove, tamper with a copy, catch it
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark demo
  wmark demo --entries 200000 --dir ./demo --fast
  wmark demo --json | jq .entries_per_second")]
pub(crate) struct Args {
    /// About how many entries the day has
    #[arg(long, value_name = "N", default_value_t = 30_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(600..=5_000_000))]
    entries: u64,
    /// Where to put it: a directory that does not exist yet; a temporary one when not given
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Do not pause between the steps
    #[arg(long)]
    fast: bool,
}

/// Segments of the demo: small, so that some are sealed.
const SEGMENT_BYTES: u64 = 4 << 20;
/// A breath between two steps on a terminal.
const PAUSE: Duration = Duration::from_millis(1200);
/// Tickets on their way at once.
const WINDOW: usize = 16 << 10;

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    path: String,
    file_system: String,
    entries: u64,
    elapsed_ms: u64,
    entries_per_second: u64,
    size: u64,
    root: String,
    denied: u64,
    agent: String,
    agent_entries: u64,
    trace: String,
    trace_agents: usize,
    proved_index: u64,
    proof_valid: bool,
    altered_index: u64,
    verdict: &'static str,
    named_index: Option<u64>,
}

/// What the demo knows so far, and how it talks.
struct Tour<'c> {
    context: &'c mut Context,
    home: PathBuf,
    pause: Duration,
    step: u32,
}

impl Tour<'_> {
    fn log(&self) -> PathBuf {
        self.home.join("log")
    }

    fn is_json(&self) -> bool {
        self.context.out.is_json()
    }

    /// A line for people; scripts get one document at the end.
    fn line(&mut self, line: impl std::fmt::Display) -> Answer<()> {
        if self.is_json() { Ok(()) } else { self.context.out.line(line) }
    }

    /// The heading of the next step.
    fn step(&mut self, title: &str) -> Answer<()> {
        if self.step > 0 {
            self.context.out.flush()?;
            std::thread::sleep(self.pause);
            self.line("")?;
        }
        self.step += 1;
        self.line(paint(HEAD, format_args!("{}  {title}", self.step)))?;
        self.context.out.flush()
    }

    /// The command that does what the demo does next.
    fn command(&mut self, command: &str) -> Answer<()> {
        self.line(paint(DIM, format_args!("   $ {command}")))
    }
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let home = home(args.dir.as_deref())?;
    let pause = if args.fast || context.out.width().is_none() { Duration::ZERO } else { PAUSE };
    let mut tour = Tour { context, home, pause, step: 0 };
    let (entries, elapsed) = record(&mut tour, args.entries)?;
    let reader = witnessmark::Reader::open(tour.log())?;
    let view = reader.view()?;
    let denied = ask_denied(&mut tour, &view)?;
    let (agent, agent_entries) = ask_agent(&mut tour, &view)?;
    let blocked = view.query(&Query::new().outcome("denied").order(Order::Newest).limit(1))?;
    // The day is made of hundreds of stories; a rule that never bites would be a broken demo.
    let missing = || Failure::new(UNDECIDED, "demo", "the day holds no denied call");
    let chosen = blocked.entries.into_iter().next().ok_or_else(missing)?;
    let trace_agents = ask_trace(&mut tour, &view, &chosen)?;
    let proof_valid = prove(&mut tour, &view, &chosen)?;
    let (verdict, named_index) = tamper(&mut tour, &view, &chosen)?;
    farewell(&mut tour, &view)?;
    let head = view.head();
    let is_as_promised = proof_valid && named_index == Some(chosen.index().get());
    if tour.is_json() {
        let file_system = FsStorage::open_reader(&tour.log())?.file_system();
        tour.context.out.json(&Document {
            schema: "wmark.demo/1",
            path: tour.log().display().to_string(),
            file_system,
            entries,
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            entries_per_second: per_second(entries, elapsed),
            size: head.size.get(),
            root: head.root.to_hex(),
            denied,
            agent,
            agent_entries,
            trace: chosen.trace_id().unwrap_or_default().to_owned(),
            trace_agents,
            proved_index: chosen.index().get(),
            proof_valid,
            altered_index: chosen.index().get(),
            verdict,
            named_index,
        })?;
    }
    Ok(if is_as_promised { DONE } else { NEGATIVE })
}

fn home(dir: Option<&Path>) -> Answer<PathBuf> {
    let Some(dir) = dir else {
        let made = tempfile::Builder::new().prefix("wmark-demo-").tempdir();
        let made = made.map_err(|error| Failure::io(&error, "make a temporary directory"))?;
        return Ok(made.keep());
    };
    std::fs::create_dir(dir)
        .map_err(|error| Failure::io(&error, format_args!("make {}", dir.display())))?;
    Ok(dir.to_owned())
}

fn per_second(count: u64, elapsed: Duration) -> u64 {
    let rate = u128::from(count) * 1_000_000_000 / elapsed.as_nanos().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// Logs the day, pipelined: many entries on their way, each acknowledged after its sync.
fn record(tour: &mut Tour<'_>, wanted: u64) -> Answer<(u64, Duration)> {
    let interrupt = Interrupt::install()?;
    tour.step("A day of a small fleet goes into the log")?;
    let log = AuditLog::options(tour.log())
        .origin("acme.example/demo")
        .segment_bytes(SEGMENT_BYTES)
        .open()?;
    let day: Vec<_> = Day::new(wanted, time::now()).collect();
    let count = day.len() as u64;
    let mut bar = Progress::new(&tour.context.global, "log", Some(count), Unit::Entries);
    let began = Instant::now();
    let mut on_their_way: std::collections::VecDeque<Ticket> = std::collections::VecDeque::new();
    for (position, entry) in day.into_iter().enumerate() {
        if on_their_way.len() == WINDOW
            && let Some(ticket) = on_their_way.pop_front()
        {
            let _ = ticket.wait()?;
            bar.set(position as u64);
            if interrupt.is_raised() {
                // Closing waits for what is on its way: all of it is durable then.
                return Err(interrupt.failure(log.close()?.size.get()));
            }
        }
        on_their_way.push_back(log.submit(entry)?);
    }
    for ticket in on_their_way {
        let _ = ticket.wait()?;
    }
    let elapsed = began.elapsed();
    bar.finish();
    let head = log.close()?;
    let (entries, rate) = (grouped(count), grouped(per_second(count, elapsed)));
    let (ms, rate) = (elapsed.as_secs_f64() * 1e3, paint(GOOD, format_args!("{rate} entries/s")));
    tour.line(format_args!("   {entries} entries of 8 agents in {ms:.0} ms: {rate}"))?;
    tour.line("   each one hashed, chained, in the tree, and synced before it was acknowledged")?;
    if cfg!(debug_assertions) {
        tour.line(paint(DIM, "   (an unoptimised build: try `cargo run --release -- demo`)"))?;
    }
    let storage = FsStorage::open_reader(&tour.log())?;
    let file_system = storage.file_system();
    if file_system == "tmpfs" {
        let tell = paint(BAD, "this is tmpfs, memory: no disk was asked");
        tour.line(format_args!("   {tell}; try --dir on a disk"))?;
    }
    let path = tour.log().display().to_string();
    tour.line(format_args!("   log     {} ({file_system})", Clean::text(&path)))?;
    tour.line(format_args!("   root    {}@{}", head.root, head.size))?;
    Ok((count, elapsed))
}

fn table(tour: &mut Tour<'_>, entries: &[StoredEntry]) -> Answer<()> {
    if tour.is_json() {
        return Ok(());
    }
    let mut printer = Printer::new(&tour.context.out, None);
    for entry in entries {
        printer.print(&mut tour.context.out, entry)?;
    }
    printer.flush(&mut tour.context.out)
}

fn took(tour: &mut Tour<'_>, what: &str, elapsed: Duration) -> Answer<()> {
    let micros = elapsed.as_micros();
    let shown = match micros {
        0..10_000 => format!("({micros} us)"),
        _ => format!("({} ms)", elapsed.as_millis()),
    };
    tour.line(format_args!("   {what} {}", paint(DIM, shown)))
}

fn ask_denied(tour: &mut Tour<'_>, view: &View) -> Answer<u64> {
    tour.step("Which calls were denied in the last 24 hours?")?;
    tour.command("wmark query --outcome denied --since 24h --limit 5")?;
    let since = UnixNanos(time::now().0.saturating_sub(DAY_NS));
    let query = Query::new().outcome("denied").since(since);
    let page = view.query(&query.clone().limit(5))?;
    table(tour, &page.entries)?;
    let (count, plan) = view.count(&query)?;
    let what = format!("the last 5 of {}, counted through the index", grouped(count));
    took(tour, &what, plan.elapsed)?;
    Ok(count)
}

fn ask_agent(tour: &mut Tour<'_>, view: &View) -> Answer<(String, u64)> {
    let agent = "did:web:billing.acme.example";
    tour.step("What did one agent do?")?;
    tour.command(&format!("wmark query --agent {agent} --limit 4"))?;
    let query = Query::new().agent(agent);
    let page = view.query(&query.clone().limit(4))?;
    table(tour, &page.entries)?;
    let (count, _) = view.count(&query)?;
    let (outcomes, _) = view.count_by(&query, Key::Outcome)?;
    let outcomes: Vec<String> =
        outcomes.iter().map(|(outcome, count)| format!("{} {outcome}", grouped(*count))).collect();
    let what = format!("the last 4 of {}: {}", grouped(count), outcomes.join(", "));
    took(tour, &what, page.plan.elapsed)?;
    tour.line("   its entries are numbered without gaps: an index that hides one is caught")?;
    Ok((agent.to_owned(), count))
}

fn ask_trace(tour: &mut Tour<'_>, view: &View, chosen: &StoredEntry) -> Answer<usize> {
    let trace = chosen.trace_id().unwrap_or_default();
    tour.step("How did that last denied call come about, across agents?")?;
    tour.command(&format!("wmark query --trace {trace}"))?;
    let query = Query::new().trace(trace);
    let page = view.query(&query)?;
    table(tour, &page.entries)?;
    let (agents, _) = view.count_by(&query, Key::Agent)?;
    let what = format!("{} steps, {} agents", page.entries.len(), agents.len());
    took(tour, &what, page.plan.elapsed)?;
    Ok(agents.len())
}

fn prove(tour: &mut Tour<'_>, view: &View, chosen: &StoredEntry) -> Answer<bool> {
    let index = chosen.index();
    tour.step("Prove that entry to somebody who has only the root")?;
    let path = tour.home.join("proof.json");
    tour.command(&format!("wmark prove {index} -o proof.json"))?;
    let began = Instant::now();
    let evidence = view.prove(index)?;
    let elapsed = began.elapsed();
    let failed = |error| Failure::io(&error, format_args!("use {}", path.display()));
    std::fs::write(&path, evidence.to_json()).map_err(failed)?;
    let hashes = evidence.proof().hashes.len();
    took(tour, &format!("{hashes} hashes and the entry itself"), elapsed)?;
    tour.command(&format!("wmark verify-proof proof.json --root {}", shorten(view.head())))?;
    // From here on nothing but the file and the anchor is used.
    let text = std::fs::read_to_string(&path).map_err(failed)?;
    let head = view.head();
    let began = Instant::now();
    let verdict = Evidence::from_json(&text).and_then(|read| read.verify(head.size, &head.root));
    let elapsed = began.elapsed();
    match &verdict {
        Ok(()) => {
            let ok = paint(GOOD, "Verified OK");
            took(tour, &format!("{ok}, without the log"), elapsed)?;
        }
        Err(error) => {
            let text = error.to_string();
            tour.line(format_args!("   {} {}", paint(BAD, "INVALID"), Clean::text(&text)))?;
        }
    }
    Ok(verdict.is_ok())
}

fn shorten(head: TreeHead) -> String {
    let hex = head.root.to_hex();
    format!("{}…@{}", hex.get(..12).unwrap_or(&hex), head.size)
}

/// Rewrites one decision in a copy, byte for byte of the same length, and lets the auditor look.
fn tamper(
    tour: &mut Tour<'_>,
    view: &View,
    chosen: &StoredEntry,
) -> Answer<(&'static str, Option<u64>)> {
    tour.step("Somebody rewrites history, in a copy: blocked becomes allowed")?;
    let copy = tour.home.join("tampered-copy");
    let forger::Place { segment, offset } = forger::forge(view, &tour.log(), &copy, chosen)?;
    let decision = chosen.policy_decision().unwrap_or_default().to_owned();
    let index = chosen.index();
    tour.line(format_args!(
        "   entry {index} said {decision:?}; in the copy it says \"allowed\","
    ))?;
    tour.line(format_args!("   7 bytes at {segment}:{offset}, and all checksums were made right"))?;
    tour.command(&format!("wmark verify tampered-copy --against {}", shorten(view.head())))?;
    let head = view.head();
    let options = || VerifyOptions::new().against(head.size, head.root);
    let began = Instant::now();
    let report = witnessmark::verify(&copy, &options())?;
    if !tour.is_json() {
        let against = Some((head.root, head.size.get()));
        let anchors = verify::Anchors { against, seen: None };
        verify::show(&report, anchors, began.elapsed(), &mut tour.context.out)?;
    }
    let names = report.findings.iter().find(|finding| finding.index == Some(index));
    tour.step("The log itself, meanwhile")?;
    tour.command(&format!("wmark verify log --against {}", shorten(head)))?;
    let began = Instant::now();
    let untouched = witnessmark::verify(tour.log(), &options())?;
    let (verdict, read) = (untouched.verdict.as_str(), bytes(untouched.bytes));
    let style = if untouched.is_intact() { GOOD } else { BAD };
    took(tour, &format!("{}, {read} read and hashed", paint(style, verdict)), began.elapsed())?;
    Ok((report.verdict.as_str(), names.and(Some(index.get()))))
}

fn farewell(tour: &mut Tour<'_>, view: &View) -> Answer<()> {
    tour.line("")?;
    let home = tour.home.display().to_string();
    let home = Clean::text(&home).to_string();
    tour.line(format_args!("{} {home}, go on there:", paint(HEAD, "It all lies in")))?;
    if let Ok(program) = std::env::current_exe() {
        // `cargo run` puts nothing on the PATH.
        let program = program.display().to_string();
        tour.line(format_args!("   alias wmark={}", Clean::text(&program)))?;
    }
    tour.line(format_args!("   export WMARK_LOG={home}/log"))?;
    for command in [
        "wmark stats".to_owned(),
        "wmark query --type tool_blocked --count --by agent".to_owned(),
        format!("wmark get {} ", view.size().get() / 2),
        format!("wmark verify {home}/tampered-copy --json"),
    ] {
        tour.line(format_args!("   {}", command.trim_end()))?;
    }
    Ok(())
}
