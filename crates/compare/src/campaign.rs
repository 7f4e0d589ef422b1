//! The campaign: one flipped bit at a time, and what a reader is told.
//!
//! ```text
//! create, append each row --+--> files copied while open: crash image --+
//!                           +--> close, files copied:     clean image --+--> one bit flipped
//!                                                                             |
//!            outcome <-- rows compared <-- a process opens and reads all <----+
//! ```
//!
//! A process of its own reads, so that a panic, an abort or an endless loop is an outcome. Before
//! any bit is flipped each image has to read back whole: the control.

use crate::engine::{Engine, Mode, Result, Rows};
use crate::image::{Flip, Image};
use crate::random::{Random, row};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Rows of a store, each committed and synced for itself.
const ROWS: u64 = 500;
/// How long a reader may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(30);
/// Most characters of an error that are passed on.
const MESSAGE_LEN_MAX: usize = 200;

/// What is tried.
pub(crate) struct Campaign {
    pub(crate) flips: u64,
    pub(crate) seed: u64,
    /// Whether each flip is told on stderr.
    pub(crate) is_told: bool,
}

/// What came of reading a damaged store.
enum Outcome {
    NoEffect,
    /// Acknowledged rows missing, nothing said.
    Loss(u64),
    /// A row altered or invented, nothing said.
    Wrong,
    Reported,
    /// Ended by a panic, a signal, or our patience.
    Died,
}

#[derive(Default)]
struct Tally {
    loss: u64,
    rows_lost_max: u64,
    wrong: u64,
    reported: u64,
    died: u64,
    no_effect: u64,
}

impl Campaign {
    /// Tries one engine; each line is a row of the table.
    pub(crate) fn run(&self, engine: &dyn Engine) -> Result<Vec<String>> {
        let (crash, clean) = self.images(engine)?;
        let mut lines = Vec::new();
        let checked = engine.check().map(|how| (Mode::Checked, how));
        for (mode, how) in std::iter::once((Mode::Default, "default")).chain(checked) {
            for (kind, image) in [("crash", &crash), ("clean", &clean)] {
                let tally = self.tally(engine, mode, image)?;
                let (name, kib) = (engine.name(), image.used_bytes() / 1024);
                lines.push(format!("| {name} | {how} | {kind} | {kib} | {} |", tally.cells()));
            }
        }
        Ok(lines)
    }

    fn images(&self, engine: &dyn Engine) -> Result<(Image, Image)> {
        let dir = tempfile::tempdir()?;
        let store = engine.create(dir.path())?;
        for key in 0..ROWS {
            store.append(key, &row(self.seed, key))?;
        }
        let crash = Image::take(dir.path())?;
        store.close()?;
        Ok((crash, Image::take(dir.path())?))
    }

    fn tally(&self, engine: &dyn Engine, mode: Mode, image: &Image) -> Result<Tally> {
        let (control, told) = self.attempt(engine, mode, image, None)?;
        if !matches!(control, Outcome::NoEffect) {
            let name = engine.name();
            return Err(format!("{name}, {mode:?}: an undamaged store reads as {told}").into());
        }
        // The same bits in every mode, so that rows of one image can be compared.
        let mut random = Random::new(self.seed);
        let mut tally = Tally::default();
        for _ in 0..self.flips {
            let at = random.below(image.used_bytes());
            let flip = Flip { at, bit: u8::try_from(random.below(8))? };
            let (outcome, told) = self.attempt(engine, mode, image, Some(flip))?;
            tally.count(&outcome);
            if self.is_told {
                eprintln!("{}, {mode:?}: {told}", engine.name());
            }
        }
        Ok(tally)
    }

    fn attempt(
        &self,
        engine: &dyn Engine,
        mode: Mode,
        image: &Image,
        flip: Option<Flip>,
    ) -> Result<(Outcome, String)> {
        let dir = tempfile::tempdir()?;
        let place = image.restore(dir.path(), flip)?;
        let mut reader = Command::new(std::env::current_exe()?)
            .args(["read", engine.name(), &format!("{mode:?}"), &self.seed.to_string()])
            .arg(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let deadline = Instant::now() + PATIENCE;
        while reader.try_wait()?.is_none() {
            if Instant::now() > deadline {
                reader.kill()?;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let ended = reader.wait_with_output()?;
        let said = String::from_utf8_lossy(&ended.stdout).trim().to_owned();
        let mut words = said.split_whitespace();
        let outcome = match (ended.status.success(), words.next()) {
            (true, Some("same")) => Outcome::NoEffect,
            (true, Some("loss")) => Outcome::Loss(words.next().unwrap_or("").parse()?),
            (true, Some("wrong")) => Outcome::Wrong,
            (true, Some("reported")) => Outcome::Reported,
            (true, other) => return Err(format!("a reader said {other:?}").into()),
            (false, _) => Outcome::Died,
        };
        Ok((outcome, format!("{place}: {said} ({})", ended.status)))
    }
}

impl Tally {
    fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::NoEffect => self.no_effect += 1,
            Outcome::Loss(rows) => {
                self.loss += 1;
                self.rows_lost_max = self.rows_lost_max.max(*rows);
            }
            Outcome::Wrong => self.wrong += 1,
            Outcome::Reported => self.reported += 1,
            Outcome::Died => self.died += 1,
        }
    }

    fn cells(&self) -> String {
        let Self { loss, rows_lost_max, wrong, reported, died, no_effect } = self;
        let most =
            if *loss == 0 { String::new() } else { format!(" (up to {rows_lost_max} rows)") };
        format!("{loss}{most} | {wrong} | {reported} | {died} | {no_effect}")
    }
}

/// The reader: opens a store, reads it, and says in one line how the rows compare.
pub(crate) fn read(engine: &dyn Engine, mode: Mode, seed: u64, dir: &Path) -> String {
    match engine.read(dir, mode) {
        Ok(rows) => compare(seed, rows),
        Err(error) => {
            let text = error.to_string().replace('\n', " ");
            format!("reported {}", text.chars().take(MESSAGE_LEN_MAX).collect::<String>())
        }
    }
}

fn compare(seed: u64, rows: Rows) -> String {
    let mut wanted: BTreeMap<u64, String> = (0..ROWS).map(|key| (key, row(seed, key))).collect();
    // Altered, invented, or handed out twice.
    let mut is_wrong = |(key, row): &(u64, String)| wanted.remove(key).as_ref() != Some(row);
    let wrong = rows.iter().filter(|row| is_wrong(row)).count();
    match (wrong, wanted.len()) {
        (0, 0) => "same".to_owned(),
        (0, missing) => format!("loss {missing}"),
        (wrong, missing) => format!("wrong {wrong}, and {missing} missing"),
    }
}
