//! Benchmarks, in tiny form: which figures there are and what they are compared with. No figure is
//! judged here, for a test machine is nobody's yardstick.

use super::Rig;
use serde_json::Value;
use std::path::Path;

/// Where the build is, which is more likely a disk than the place for temporary files.
fn disk() -> Rig {
    Rig { dir: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory") }
}

/// The document of a small run, or nothing where there is no disk to measure.
fn measured(args: &[&str]) -> Option<Value> {
    let rig = disk();
    let ran = rig.run(&[&["bench", "--json", "--rounds", "2"], args].concat());
    if ran.code == 2 && ran.err.contains("a sync does nothing there") {
        return None;
    }
    let document = ran.exits(0).document();
    assert_eq!(std::fs::read_dir(rig.dir.path()).unwrap().count(), 0, "something was left behind");
    Some(document)
}

/// Name, unit and number of the bar of every measure; each median lies between its bounds.
#[track_caller]
fn measures(document: &Value) -> Vec<(String, String, Option<u64>)> {
    let measures = document["measures"].as_array().unwrap();
    let one = |measure: &Value| {
        let [median, min, max] = ["median", "min", "max"].map(|key| measure[key].as_f64().unwrap());
        let text = |key: &str| measure[key].as_str().unwrap().to_owned();
        assert!(min <= median && median <= max && max > 0.0, "{measure}");
        (text("name"), text("unit"), measure["bar"]["number"].as_u64())
    };
    measures.iter().map(one).collect()
}

#[track_caller]
fn assert_measures(args: &[&str], wanted: &[(&str, &str, u64)]) {
    let Some(document) = measured(args) else { return };
    let found = measures(&document);
    // Not every file system is on a disk that counts what it writes.
    let is_written = |name: &str| name.starts_with("written");
    let is_counted = found.iter().any(|one| is_written(&one.0));
    let wanted = wanted.iter().filter(|one| is_counted || !is_written(one.0));
    for (name, unit, bar) in wanted.clone() {
        let bar = Some(*bar).filter(|bar| *bar > 0);
        let is_it = |one: &&(String, String, Option<u64>)| one.0 == *name && one.1 == *unit;
        assert_eq!(found.iter().find(is_it).map(|one| one.2), Some(bar), "{name}: {found:?}");
    }
    assert_eq!(found.len(), wanted.count(), "{found:?}");
}

#[test]
fn one_run_says_on_which_machine_and_what_else_it_did() {
    let Some(document) = measured(&["append", "--entries", "40", "--threads", "1"]) else { return };
    assert_eq!(document["schema"], "wmark.bench/1");
    let machine = &document["machine"];
    assert!(machine["cpu"].is_string() && machine["kernel"].is_string(), "{machine}");
    assert!(
        machine["cores"].as_u64().unwrap() > 0 && machine["memory_bytes"].as_u64().unwrap() > 0
    );
    assert_eq!(machine["load_average"].as_array().unwrap().len(), 3);
    assert!(machine["others_before"].is_number() && machine["others_during"].is_number());
    assert!(document["sync"]["p50_us"].as_f64().unwrap() > 0.0);
    let rows = document["rows"].as_array().unwrap();
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["floor", "engine", "floor", "engine"]);
    assert!(rows[0]["floor_ratio"].is_null() && rows[1]["floor_ratio"].is_number());
}

#[test]
fn appends_are_judged_by_what_their_bar_says() {
    let small = |rest: &[&'static str]| [&["append", "--entries", "600"], rest].concat();
    let floor = "x floor";
    assert_measures(
        &small(&["--threads", "1"]),
        &[
            ("append, 1 producer", floor, 1),
            ("append, 1 producer", "entries/s", 0),
            ("append, 1 producer, p99", floor, 1),
        ],
    );
    assert_measures(
        &small(&["--threads", "1", "--batch", "256"]),
        &[
            ("append, 1 producer, batches of 256", floor, 5),
            ("append, 1 producer, batches of 256", "entries/s", 0),
            ("append, 1 producer, batches of 256, p99", floor, 0),
        ],
    );
    assert_measures(
        &small(&["--window", "4096"]),
        &[
            ("append, 8 producers, 4096 outstanding", "x floor, batches of 256", 6),
            ("append, 8 producers, 4096 outstanding", "entries/s", 6),
        ],
    );
    let rig = disk();
    rig.run(&["bench", "append", "--window", "8", "--batch", "8"]).exits(2);
}

#[test]
fn bulk_ingest_and_cost_have_their_bars() {
    let entries = ["--entries", "700"];
    assert_measures(
        &[&["bulk"], &entries[..]].concat(),
        &[("bulk, one sync", "x floor", 7), ("bulk, one sync", "entries/s", 0)],
    );
    assert_measures(
        &[&["ingest"], &entries[..]].concat(),
        &[("ingest of JSON Lines", "x parser", 8), ("ingest of JSON Lines", "entries/s", 0)],
    );
    assert_measures(
        &[&["cost"], &entries[..]].concat(),
        &[
            ("written, 64 producers", "x bytes of entries", 9),
            ("written, 64 producers", "x bytes as JSON", 0),
            ("written, bulk", "x bytes of entries", 9),
            ("written, bulk", "x bytes as JSON", 0),
            ("at rest, sealed, nodes and indexes", "bytes/entry", 10),
            ("at rest, all", "bytes/entry", 0),
            ("anonymous memory of an ingest", "MB", 18),
        ],
    );
}

#[test]
fn what_is_asked_of_a_log_has_its_bars() {
    let entries = ["--entries", "600"];
    assert_measures(
        &[&["proof"], &entries[..]].concat(),
        &[
            ("inclusion proof, p50", "us", 14),
            ("inclusion check, p50", "us", 15),
            ("consistency proof, p50", "us", 14),
            ("consistency check, p50", "us", 15),
        ],
    );
    assert_measures(
        &[&["query"], &entries[..]].concat(),
        &[
            ("entry id, p50", "us", 11),
            ("agent, last 100, p50", "us", 12),
            ("type and outcome, one hour, p50", "us", 12),
            ("trace, p50", "us", 12),
            ("type and outcome, one hour, last 100, p50", "us", 0),
            ("type, last 100, p50", "us", 0),
            ("one hour, last 100, p50", "us", 0),
            ("agent and type, last 100, p50", "us", 0),
            ("count by agent, all agents, p50", "us", 13),
            ("count, one agent, p50", "us", 0),
            ("count by type, p50", "us", 0),
        ],
    );
    assert_measures(
        &[&["verify", "--threads", "2"], &entries[..]].concat(),
        &[("offline audit, 2 threads", "entries/s", 16)],
    );
    assert_measures(
        &[&["open"], &entries[..]].concat(),
        &[("open, append, after a close", "ms", 0), ("open, append, after a kill", "ms", 17)],
    );
}

#[test]
fn growth_asks_the_same_at_three_sizes() {
    let Some(document) = measured(&["growth", "--entries", "500"]) else { return };
    let of_bar = |number: u64| -> Vec<u64> {
        let measures = document["measures"].as_array().unwrap().iter();
        let mut sizes: Vec<u64> = measures
            .filter(|measure| measure["bar"]["number"] == number)
            .map(|measure| measure["entries"].as_u64().unwrap())
            .collect();
        sizes.dedup();
        sizes
    };
    for number in [7].into_iter().chain(10..=18).filter(|number| ![12, 14, 15].contains(number)) {
        assert_eq!(of_bar(number), [5, 50, 500], "bar {number}");
    }
    // Several figures each.
    for number in [9, 12, 14, 15] {
        let sizes = of_bar(number);
        assert!(sizes.len() > 3 && sizes.starts_with(&[5, 50, 500]), "bar {number}: {sizes:?}");
    }
}

#[test]
fn memory_is_no_disk() {
    let shm = Path::new("/dev/shm");
    let rig = Rig::empty();
    let run = |what: &str| {
        rig.run(&["bench", what, "--entries", "9", "--rounds", "1", "--dir", "/dev/shm"])
    };
    let doctor = rig.run(&["-C", "/dev/shm/none", "doctor", "--json", "--syncs", "1"]);
    if !shm.is_dir() || doctor.exits(0).document()["file_system"] != "tmpfs" {
        return;
    }
    for what in ["append", "bulk", "ingest", "cost", "open", "bars", "growth"] {
        assert!(run(what).exits(2).err.contains("tmpfs: a sync does nothing there"), "{what}");
    }
    let asked = run("proof").exits(0);
    assert!(asked.err.contains("these are not durable numbers"), "{}", asked.err);
}

#[test]
fn values_are_separated_by_commas_and_names_keep_theirs() {
    let rig = disk();
    let args = ["bench", "query", "--entries", "300", "--rounds", "1", "--csv"];
    let ran = rig.run(&args).exits(0);
    let mut lines = ran.out.lines();
    assert!(lines.next().unwrap().starts_with("what,count,per_second,"));
    assert!(lines.any(|line| line.starts_with("\"agent, last 100\",200,")), "{}", ran.out);
}
