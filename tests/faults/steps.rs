//! The steps of docs/DURABILITY.md, section 2.8: its table is read, and each sync it names is left
//! out. Whatever the power takes right after must be missed where the table says so; where it says
//! *nothing*, nothing may be.

use crate::campaign::{Diary, Film, Image, is_set_aside, shoot};
use crate::image::{FLAVOURS, Flavour, Player};
use crate::sim::{Dice, Op, Sim, SyncKind};
use crate::story::{Told, torn_tail};
use crate::threads;
use std::collections::BTreeSet;

/// When a sync is made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum When {
    Writing,
    Opening,
}

/// One row of the table.
#[derive(Clone, Debug)]
struct Step {
    name: String,
    when: When,
    is_lost: bool,
}

fn table(page: &str) -> Vec<Step> {
    let begin = page.find("### 2.8").expect("section 2.8");
    let end = page[begin..].find("\n## ").map_or(page.len(), |len| begin + len);
    let rows = page[begin..end].lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, name, when, _, _, without, _] = cells.as_slice() else { panic!("{row}") };
        let when = match *when {
            "writing" => When::Writing,
            "opening" => When::Opening,
            other => panic!("{row}: {other}"),
        };
        let is_lost = without.starts_with("lost: ");
        assert!(is_lost || without.starts_with("nothing: "), "{row}");
        Step { name: name.trim_matches('`').to_owned(), when, is_lost }
    })
    .collect()
}

fn kind_of(op: &Op) -> Option<SyncKind> {
    match op {
        Op::Sync(_, kind) | Op::SyncDir(kind) => Some(*kind),
        _ => None,
    }
}

/// A log being written, or being opened after a crash, and what was told before.
struct Scene {
    start: Sim,
    journal: Vec<Op>,
    told: Told,
    diary: Diary,
    align: u16,
    torn: Vec<u8>,
    seed: u64,
}

impl Scene {
    fn of_writing(film: Film) -> Self {
        let Film { start, journal, diary, align, seed } = film;
        Self { start, journal, told: Told::default(), diary, align, torn: Vec::new(), seed }
    }

    /// The crash of a film at one change, and how the log is opened after it.
    fn of_opening(film: &Film, at: usize, flavour: Flavour) -> Self {
        let mut player = Player::new(&film.start, &film.journal);
        player.go_to(at);
        let disk = player.crash(flavour, &mut Dice::new(at as u64));
        let is_power_cut = flavour != Flavour::Killed;
        let torn = if is_power_cut { torn_tail(&disk) } else { Vec::new() };
        let (start, told, align) = (disk.fork(), film.diary.until(at), film.align);
        let (journal, diary) = threads::run(at as u64, move || {
            let disk = disk.fork();
            disk.keep_journal();
            let image = Image { disk: &disk, told: &told, align };
            let diary = image.examine().expect("an honest disk");
            (disk.take_journal(), diary)
        });
        Self { start, journal, told: film.diary.until(at), diary, align, torn, seed: at as u64 }
    }

    fn kinds(&self) -> BTreeSet<SyncKind> {
        self.journal.iter().filter_map(kind_of).collect()
    }

    /// Leaves every sync of a kind out, cuts the power soon after each of them, and says what is
    /// missing, if anything is.
    fn miss(&self, left_out: SyncKind) -> Option<String> {
        for (nth, op) in self.journal.iter().enumerate() {
            if kind_of(op) != Some(left_out) {
                continue;
            }
            for at in (nth + 1..=self.journal.len()).take(14) {
                for flavour in FLAVOURS.into_iter().skip(2) {
                    let mut player = Player::new(&self.start, &self.journal);
                    player.go_lying(at, |_, kind| kind == left_out);
                    let disk = player
                        .crash(flavour, &mut Dice::new(self.seed << 32 ^ (nth * 64 + at) as u64));
                    if let Err(error) = self.look(&disk, at) {
                        return Some(format!("change {at}, {flavour:?}: {error}"));
                    }
                }
            }
        }
        None
    }

    fn look(&self, disk: &Sim, at: usize) -> Result<(), String> {
        let mut told = self.told.clone();
        told.learn(self.diary.until(at));
        let (disk, align, torn) = (disk.fork(), self.align, self.torn.clone());
        threads::run(at as u64, move || {
            Image { disk: &disk, told: &told, align }.examine()?;
            if is_set_aside(&disk, &torn) { Ok(()) } else { Err("torn bytes are gone".to_owned()) }
        })
    }
}

/// Scenes until every step was met: films, and how their crashes are recovered from.
fn scenes(when: When, seed: u64) -> Vec<Scene> {
    let film = shoot(seed, 9);
    match when {
        When::Writing => vec![Scene::of_writing(film)],
        When::Opening => {
            let flavours = [Flavour::Killed, Flavour::Latest, Flavour::Earliest];
            let places = (1..film.journal.len()).step_by(7).enumerate();
            places.map(|(n, at)| Scene::of_opening(&film, at, flavours[n % 3])).collect()
        }
    }
}

#[test]
fn every_sync_of_the_table_is_missed_when_it_is_left_out() {
    let page = include_str!("../../docs/DURABILITY.md");
    let steps = table(page);
    assert!(steps.len() > 12, "{steps:?}");
    for when in [When::Writing, When::Opening] {
        let mut to_show: Vec<Step> =
            steps.iter().filter(|step| step.when == when).cloned().collect();
        let mut met = BTreeSet::new();
        for seed in 40.. {
            for scene in scenes(when, seed) {
                met.extend(scene.kinds().into_iter().map(|kind| (format!("{kind:?}"), kind)));
                to_show.retain(|step| {
                    let kind = scene.kinds().into_iter().find(|k| format!("{k:?}") == step.name);
                    let missed = kind.and_then(|kind| scene.miss(kind));
                    assert!(step.is_lost || missed.is_none(), "{step:?}: {missed:?}");
                    // What nothing depends on is tried in every scene of the first films.
                    missed.is_none() && (step.is_lost || seed < 42)
                });
            }
            if to_show.is_empty() {
                break;
            }
            assert!(seed < 60, "nothing depends on {to_show:?}; met {met:?}");
        }
        let is_named = |name: &str| steps.iter().any(|step| step.name == name);
        let strangers: Vec<_> =
            met.iter().filter(|(name, kind)| *kind != SyncKind::Other && !is_named(name)).collect();
        assert!(strangers.is_empty(), "{when:?}: the table does not name {strangers:?}");
    }
}
