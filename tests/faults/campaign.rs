//! The campaign: a log is written by several producers, and crashes at every single change it makes
//! to the disk, in every flavour, and again while it recovers from that.
//!
//! ```text
//! seed --> schedule of the producers --> journal + diary of what was told, and when
//!                                            |
//!          every change x every flavour: image --open, look, prove, append, close--> verdicts
//!                                            '--> its recovery's journal --> images of that
//! ```
//!
//! `SEED` and `IMAGES` say where it begins and how far it goes; `AT` looks at one change only. With
//! the model's threads (`just crash`) everything follows from the seed, the schedule included.
#![expect(clippy::print_stderr, reason = "whoever runs the campaign wants its seed and figures")]

use crate::image::{DECAYS, Decay, FLAVOURS, Flavour, Player, decay};
use crate::sim::{Dice, Op, Sim};
use crate::story::{Told, entry, options, torn_tail};
use crate::threads;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use witnessmark::storage::ManualClock;
use witnessmark::{AuditLog, Hash, Reader, Report, TreeSize, Verdict, VerifyOptions};
use witnessmark::{Options, SigningKey, UnixNanos, verify_storage};

/// Deepest crash of a recovery of a recovery.
const DEPTH_MAX: usize = 3;
const PRODUCERS: usize = 3;

/// What callers were told, each with the number of changes that had been made by then.
#[derive(Clone, Default)]
pub(crate) struct Diary {
    receipts: Vec<(usize, u64, Hash)>,
    heads: Vec<(usize, TreeSize, Hash)>,
    checkpoints: Vec<(usize, TreeSize)>,
}

impl Diary {
    /// What had been told before the change `at`.
    pub(crate) fn until(&self, at: usize) -> Told {
        let told = self.receipts.iter().filter(|told| told.0 <= at);
        let heads = self.heads.iter().filter(|told| told.0 <= at);
        let last = heads.max_by_key(|told| told.1);
        let signed = self.checkpoints.iter().filter(|told| told.0 <= at);
        Told {
            receipts: told.map(|(_, index, hash)| (*index, *hash)).collect(),
            head: last.map(|(_, size, root)| (*size, *root)),
            checkpoint: signed.map(|told| told.1).max(),
        }
    }
}

/// A story and all that happened on its disk.
pub(crate) struct Film {
    pub(crate) seed: u64,
    pub(crate) align: u16,
    pub(crate) start: Sim,
    pub(crate) journal: Vec<Op>,
    pub(crate) diary: Diary,
}

fn timed(sim: &Sim, align: u16) -> Options {
    options(sim, align).clock(Arc::new(ManualClock::at(UnixNanos(1_700_000_000_000_000_000))))
}

/// One producer: acts, and notes what it is told.
fn produce(log: &AuditLog, sim: &Sim, diary: &Mutex<Diary>, seed: u64, acts: usize) {
    let (mut told, mut dice) = (Told::default(), Dice::new(seed));
    for _ in 0..acts {
        told.act(log, &mut dice, 1).expect("the disk is sound");
        let at = sim.journal_len();
        let mut diary = diary.lock().unwrap();
        diary.receipts.extend(told.receipts.drain(..).map(|(index, hash)| (at, index, hash)));
        diary.heads.extend(told.head.map(|(size, root)| (at, size, root)));
    }
}

/// Signs what there is, and notes it once the checkpoint is handed out.
fn sign(log: &AuditLog, sim: &Sim, diary: &Mutex<Diary>) {
    let key = SigningKey::from_seed(&log.identity().origin, &[7; 32]).expect("a key");
    let signed = log.checkpoint(&[&key]).expect("the disk is sound");
    let at = sim.journal_len();
    diary.lock().unwrap().checkpoints.push((at, signed.checkpoint().size()));
}

/// Two lives of one log, the first one closed, the second one not.
pub(crate) fn shoot(seed: u64, acts: usize) -> Film {
    let align = [1, 1, 512, 4096][Dice::new(seed).below(4)];
    let (journal, diary) = threads::run(seed, move || {
        let sim = Sim::new();
        sim.keep_journal();
        let diary = Arc::new(Mutex::new(Diary::default()));
        for life in 0..2 {
            let log = timed(&sim, align).open().expect("a sound disk");
            let producers: Vec<_> = (0..PRODUCERS)
                .map(|number| {
                    let (log, sim, diary) = (log.clone(), sim.clone(), Arc::clone(&diary));
                    let seed = seed.wrapping_mul(31) + (life * 10 + number) as u64;
                    threads::spawn(move || {
                        produce(&log, &sim, &diary, seed, acts);
                        if number == 0 {
                            sign(&log, &sim, &diary);
                        }
                    })
                })
                .collect();
            for producer in producers {
                producer.join().expect("a producer does not panic");
            }
            if life == 0 {
                log.close().expect("a sound disk");
            } else {
                sim.stop();
            }
        }
        let diary = diary.lock().unwrap().clone();
        (sim.take_journal(), diary)
    });
    Film { seed, align, start: Sim::new(), journal, diary }
}

/// An image, and what must be true of it.
pub(crate) struct Image<'a> {
    pub(crate) disk: &'a Sim,
    pub(crate) told: &'a Told,
    pub(crate) align: u16,
}

impl Image<'_> {
    fn audit(&self) -> Report {
        let mut options = VerifyOptions::new().threads(1);
        if let Some((size, root)) = self.told.head {
            options = options.against(size, root);
        }
        verify_storage(&*self.disk.storage(), &options).expect("a disk that can be read")
    }

    /// Audits, opens, looks for everything told and proves it, appends, closes, audits again.
    /// Returns what it told in its turn.
    pub(crate) fn examine(&self) -> Result<Diary, String> {
        let left = self.audit();
        if left.verdict == Verdict::Tampered {
            return Err(format!("a crash is called tampering: {left:#?}"));
        }
        let log = timed(self.disk, self.align).open().map_err(|error| format!("open: {error}"))?;
        let mut diary = Diary::default();
        let (at, head) = (self.disk.journal_len(), log.head());
        diary.heads.push((at, head.size, head.root));
        self.told.check_log(&log)?;
        self.prove(&log)?;
        let receipt = log.append(entry("did:after", "{}")).map_err(|e| format!("append: {e}"))?;
        let at = self.disk.journal_len();
        diary.receipts.push((at, receipt.index().get(), receipt.entry_hash()));
        let head = log.close().map_err(|error| format!("close: {error}"))?;
        diary.heads.push((at.max(self.disk.journal_len()), head.size, head.root));
        let closed = self.audit();
        if (closed.verdict, closed.size, closed.root)
            != (Verdict::Intact, head.size, Some(head.root))
        {
            return Err(format!("after recovery the auditor says {closed:#?}"));
        }
        let reader = Reader::on_storage(self.disk.storage());
        let view = reader.and_then(|reader| reader.view()).map_err(|e| format!("reader: {e}"))?;
        if view.head() != head {
            return Err(format!("the reader sees {:?}, the writer left {head:?}", view.head()));
        }
        crate::story::check_recoveries(self.disk, &view)?;
        Ok(diary)
    }

    /// Every entry that was told is proved against the root.
    fn prove(&self, log: &AuditLog) -> Result<(), String> {
        let view = log.view();
        let head = view.head();
        for (index, _) in &self.told.receipts {
            let proof = view.prove(witnessmark::EntryIndex::new(*index));
            let verified = proof.and_then(|proof| proof.verify(head.size, &head.root));
            verified.map_err(|error| format!("entry {index} is not provable: {error}"))?;
        }
        Ok(())
    }

    /// What became of the promise on a disk that broke its own: `lost`, `refused` or `kept`. Never
    /// is something gone or changed while the auditor, who knows the head that was told, says that
    /// all is well.
    fn confess(&self) -> Result<&'static str, String> {
        // Of the history's last record nothing else can tell that it had been whole: that is a note.
        let is_told =
            |note: &String| note.contains("ends in a checkpoint that was never published");
        let is_well = |report: &Report| {
            report.verdict == Verdict::Intact && !report.notes.iter().any(is_told)
        };
        let left = verify_or_refuse(self);
        let log = match timed(self.disk, self.align).open() {
            Ok(log) => log,
            Err(error) => {
                // A footer that is gone cannot be told from one that is still to be written, but by
                // the file's mode, which auditors of copies do not know: no entry depends on it.
                let is_footer = error.to_string().contains("so it was sealed, but its footer");
                return match left {
                    Ok(report) if is_well(&report) && !is_footer => {
                        Err(format!("the auditor is content, opening is not: {error}"))
                    }
                    _ => Ok("refused"),
                };
            }
        };
        // Whoever was handed a checkpoint has it; that its record is gone nobody else can tell.
        let entries = Told { checkpoint: None, ..self.told.clone() };
        let is_kept = entries.check_log(&log).and_then(|()| self.prove(&log));
        let has_recovered = log.recovery().is_some();
        let closed = log.close();
        let Err(lost) = is_kept else { return Ok("kept") };
        let known = self.told.head.map_or(0, |(size, _)| size.get());
        let is_known = self.told.receipts.iter().any(|(index, _)| *index < known);
        let after = verify_or_refuse(self);
        for (when, report) in [("before", &left), ("after", &after)] {
            if is_known && report.as_ref().is_ok_and(is_well) && !has_recovered {
                return Err(format!("{lost}; {when} opening the auditor is content: {report:#?}"));
            }
        }
        drop(closed);
        Ok("lost")
    }
}

fn verify_or_refuse(image: &Image<'_>) -> witnessmark::Result<Report> {
    let mut options = VerifyOptions::new().threads(1);
    if let Some((size, root)) = image.told.head {
        options = options.against(size, root);
    }
    verify_storage(&*image.disk.storage(), &options)
}

/// What was done so far.
#[derive(Default)]
struct Figures {
    films: u64,
    changes: usize,
    segments: usize,
    images: u64,
    in_recovery: u64,
    /// Of broken promises: kind and outcome.
    broken: BTreeMap<(String, &'static str), u64>,
}

impl Figures {
    fn add(&mut self, other: Self) {
        self.films += other.films;
        self.changes += other.changes;
        self.segments += other.segments;
        self.images += other.images;
        self.in_recovery += other.in_recovery;
        for (what, count) in other.broken {
            *self.broken.entry(what).or_default() += count;
        }
    }
}

/// Whether torn bytes are whole in a quarantine file.
pub(crate) fn is_set_aside(disk: &Sim, torn: &[u8]) -> bool {
    let is_quarantine = |name: &String| name.starts_with("quarantine") && name.ends_with(".bin");
    torn.is_empty()
        || disk.names().iter().any(|name| is_quarantine(name) && disk.bytes(name) == torn)
}

/// An image and the images of its recovery, down to [`DEPTH_MAX`].
fn explore(
    disk: &Sim,
    told: &Told,
    align: u16,
    seed: u64,
    is_power_cut: bool,
) -> Result<u64, String> {
    let (mut disk, mut told) = (disk.fork(), told.clone());
    let mut dice = Dice::new(seed);
    let mut place = String::new();
    let torn = if is_power_cut { torn_tail(&disk) } else { Vec::new() };
    for depth in 0..DEPTH_MAX {
        let start = disk.fork();
        disk.keep_journal();
        let diary = Image { disk: &disk, told: &told, align }.examine();
        let diary = diary.map_err(|error| format!("{place}{error}"))?;
        if !is_set_aside(&disk, &torn) {
            return Err(format!("{place}{} torn bytes are gone", torn.len()));
        }
        let journal = disk.take_journal();
        if depth + 1 == DEPTH_MAX || dice.below(2) == 0 {
            return Ok(depth as u64);
        }
        let at = dice.below(journal.len() + 1);
        let flavour = FLAVOURS[dice.below(FLAVOURS.len())];
        let mut player = Player::new(&start, &journal);
        player.go_to(at);
        disk = player.crash(flavour, &mut dice);
        told.learn(diary.until(at));
        place = format!("{place}then, at change {at} of recovery, {flavour:?}: ");
    }
    Ok(0)
}

impl Film {
    /// Everything that happens at one change.
    fn crash_at(&self, player: &Player<'_>, at: usize, flavour: Flavour) -> Result<u64, String> {
        let seed = self.seed ^ (at as u64) << 24 ^ (flavour as u64) << 56;
        let disk = player.crash(flavour, &mut Dice::new(seed));
        let (told, align) = (self.diary.until(at), self.align);
        let kept = disk.fork();
        let is_power_cut = !matches!(flavour, Flavour::Killed | Flavour::KilledMidway);
        let result = threads::run(seed, move || explore(&disk, &told, align, seed, is_power_cut));
        result.map_err(|error| self.blame(at, &format!("{flavour:?}"), &kept, &error))
    }

    /// Broken promises at one change: kind and outcome of each.
    fn break_at(
        &self,
        player: &Player<'_>,
        at: usize,
    ) -> Result<Vec<(String, &'static str)>, String> {
        let mut outcomes = Vec::new();
        let mut dice = Dice::new(self.seed ^ 0xdeca ^ (at as u64) << 24);
        let from = dice.below(at + 1);
        let is_single = dice.below(2) == 0;
        let is_lie = |nth: usize, _| if is_single { nth == from } else { nth >= from };
        let mut liar = Player::new(&self.start, &self.journal);
        liar.go_lying(at, is_lie);
        let flavour = [Flavour::Nothing, Flavour::AnySubset, Flavour::Earliest][dice.below(3)];
        let liar = liar.crash(flavour, &mut dice);
        outcomes.push(self.confess(at, "lying flush", &liar)?);
        let mut past = Player::new(&self.start, &self.journal);
        past.go_to(from);
        let past = past.crash(Flavour::Killed, &mut dice);
        for how in DECAYS {
            let flavour = [Flavour::Killed, Flavour::Everything, Flavour::AnySubset][dice.below(3)];
            let disk = player.crash(flavour, &mut dice);
            if let Some(place) = decay(&disk, &past, how, &mut dice) {
                outcomes.push(self.confess(at, &format!("{how:?}: {place}"), &disk)?);
            }
        }
        Ok(outcomes)
    }

    fn confess(&self, at: usize, what: &str, disk: &Sim) -> Result<(String, &'static str), String> {
        let (told, align, image) = (self.diary.until(at), self.align, disk.fork());
        let result = threads::run(self.seed ^ at as u64, move || {
            Image { disk: &image, told: &told, align }.confess()
        });
        let outcome = result.map_err(|error| self.blame(at, what, disk, &error))?;
        Ok((what.split(':').next().unwrap_or(what).to_owned(), outcome))
    }

    /// The message of a failure, with what is needed to see it again.
    fn blame(&self, at: usize, what: &str, disk: &Sim, error: &str) -> String {
        let dir = format!("{}/campaign-{}-{at}", env!("CARGO_TARGET_TMPDIR"), self.seed);
        disk.save(&dir);
        format!(
            "SEED={} AT={at} repeats it; {what}, {} byte padding; the image is in {dir}: {error}",
            self.seed, self.align
        )
    }

    /// Images of this film until there are `wanted`, spread over all of it.
    fn watch(&self, wanted: u64, only: Option<usize>) -> Result<Figures, String> {
        let is_segment = |op: &&Op| matches!(op, Op::Rename(_, to, _) if to.ends_with(".seg"));
        let segments = self.journal.iter().filter(is_segment).count();
        let changes = self.journal.len();
        let mut figures = Figures { films: 1, changes, segments, ..Figures::default() };
        let all = (self.journal.len() + 1) * (FLAVOURS.len() + 1);
        let step = if only.is_some() { 1 } else { (all / usize::try_from(wanted).unwrap()).max(1) };
        let mut player = Player::new(&self.start, &self.journal);
        // Crash points in order, flavours within; the last place of each is for broken promises.
        for place in (0..all).step_by(step) {
            let (at, nth) = (place / (FLAVOURS.len() + 1), place % (FLAVOURS.len() + 1));
            if figures.images >= wanted {
                break;
            }
            if only.is_some_and(|only| only != at) {
                continue;
            }
            player.go_to(at);
            if let Some(flavour) = FLAVOURS.get(nth) {
                let nested = self.crash_at(&player, at, *flavour)?;
                figures.images += 1 + nested;
                figures.in_recovery += nested;
            } else {
                for outcome in self.break_at(&player, at)? {
                    figures.images += 1;
                    *figures.broken.entry(outcome).or_default() += 1;
                }
            }
        }
        Ok(figures)
    }
}

pub(crate) fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.replace('_', "").parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// A seed nobody chose, unless somebody did.
pub(crate) fn seed() -> u64 {
    let now = || std::time::UNIX_EPOCH.elapsed().map_or(1, |since| since.subsec_nanos().into());
    number("SEED").unwrap_or_else(now)
}

/// Runs film after film on as many threads as there are processors.
fn run(first_seed: u64, wanted: u64, acts: usize, only: Option<usize>) -> Result<Figures, String> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let workers = if only.is_some() { 1 } else { workers.min(wanted / 500 + 1) };
    let total = Mutex::new(Figures::default());
    let one = |worker: u64| -> Result<(), String> {
        let mut seed = first_seed + worker;
        let share = wanted / workers;
        let mut images = 0;
        let mut told = Instant::now();
        while images < share {
            let figures = shoot(seed, acts).watch(share - images, only)?;
            images += figures.images;
            let mut total = total.lock().unwrap();
            total.add(figures);
            if told.elapsed() > Duration::from_secs(20) {
                told = Instant::now();
                eprintln!("seed {seed}: {} images of {wanted}", total.images);
            }
            seed += workers;
            if only.is_some() {
                break;
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let one = &one;
        let workers: Vec<_> = (0..workers).map(|worker| scope.spawn(move || one(worker))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("no panic of its own"))
    })?;
    Ok(total.into_inner().unwrap())
}

#[test]
fn every_crash_of_every_call_leaves_what_was_told() {
    let (seed, wanted) = (seed(), number("IMAGES").unwrap_or(1500));
    let begun = Instant::now();
    eprintln!("SEED={seed} IMAGES={wanted}");
    let only = number("AT").map(|at| usize::try_from(at).unwrap());
    let figures = run(seed, wanted, 14, only).unwrap_or_else(|error| panic!("{error}"));
    eprintln!(
        "{} images, {} of them of a recovery, of {} logs with {} segments and {} changes, in {:.1} s",
        figures.images,
        figures.in_recovery,
        figures.films,
        figures.segments,
        figures.changes,
        begun.elapsed().as_secs_f64()
    );
    for ((what, outcome), count) in &figures.broken {
        eprintln!("  broken promise, {what}: {count} {outcome}");
    }
    assert!(figures.images >= wanted || only.is_some());
    let outcomes = |kind: &str| {
        figures
            .broken
            .iter()
            .filter(|((what, _), _)| what == kind)
            .map(|(_, count)| count)
            .sum::<u64>()
    };
    // Few images do not always hold one of each kind.
    if only.is_none() && wanted >= 10_000 {
        assert!(outcomes("lying flush") > 0, "no flush lied");
        assert!(DECAYS.iter().all(|how: &Decay| outcomes(&format!("{how:?}")) > 0));
    }
}
