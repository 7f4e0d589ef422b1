//! The compliance command beside what the reference's command answered in the same situation.
//!
//! ```text
//! ../shared/golden/cli/ENVIRONMENT/index.json   their arguments, exit code, keys
//!          \--> ROWS: ours in that situation, its exit code, why another --> a table
//! ```
//!
//! Skipped aloud when the files are not there, unless `WMARK_GOLDEN_REQUIRED` is set. Texts are not
//! compared: ours are the tutorial's, which the reference does not print.

use super::compliance::{EXAMPLE, good};
use super::{Ran, Rig};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The end of a case's name, ours, our exit code, and the reason when theirs is another.
type Row = (&'static str, &'static str, i32, &'static str);

const UNJUDGED: &str = "what could not be judged is 3, and neither passed nor failed";
const USAGE: &str = "a wrong declaration or flag is 2: 1 is only for a verdict";
const SHOWN: &str = "what is declared and not shown is missing, without --strict too";

const ROWS: [Row; 30] = [
    ("integrity.nomanifest", "compliance integrity", 3, UNJUDGED),
    ("integrity.generate", "compliance integrity --generate new.json --root policies", 0, ""),
    ("integrity.check", "compliance integrity --manifest m.json", 0, ""),
    ("integrity.both", "compliance integrity --manifest m.json --generate x.json", 2, USAGE),
    ("integrity.missing", "compliance integrity --manifest gone.json", 3, UNJUDGED),
    ("integrity.corrupt", "compliance integrity --manifest bad.json", 3, UNJUDGED),
    ("integrity.listmanifest", "compliance integrity --manifest list.json", 3, UNJUDGED),
    ("integrity.list1manifest", "compliance integrity --manifest list1.json", 3, UNJUDGED),
    ("integrity.emptymanifest", "compliance integrity --manifest empty.json", 3, UNJUDGED),
    ("integrity.noentries", "compliance integrity --manifest empty2.json", 3, UNJUDGED),
    ("integrity.tampered", "compliance integrity --manifest tampered.json", 1, ""),
    ("integrity.tampered_fn", "compliance integrity --manifest tampered_fn.json", 1, ""),
    ("integrity.missing_entry", "compliance integrity --manifest missing_entry.json", 1, ""),
    (
        "integrity.generate_baddir",
        "compliance integrity --generate no/such/dir.json --root policies",
        3,
        UNJUDGED,
    ),
    ("noargs", "compliance", 2, "nothing was asked for, so nothing succeeded"),
    ("badcmd", "compliance frobnicate", 2, ""),
    ("badopt", "compliance verify --nope", 2, ""),
    ("version", "--version", 0, "one of their two commands has no --version"),
    ("verify.badge_and_json", "compliance verify --badge", 0, "one of theirs lacks --json there"),
    ("verify.badge", "compliance verify --badge", 0, ""),
    ("verify", "compliance verify", 0, ""),
    ("evidence.good", "compliance verify", 0, ""),
    ("evidence.strict", "compliance verify", 0, ""),
    ("evidence.allowdefault", "compliance verify --deployment allow.toml", 1, SHOWN),
    ("evidence.nosink", "compliance verify --deployment nosink.toml", 1, SHOWN),
    ("evidence.empty", "compliance verify --deployment empty.toml", 1, SHOWN),
    ("evidence.missingpolicy", "compliance verify --deployment nopolicy.toml", 1, SHOWN),
    ("evidence.escape", "compliance verify --deployment escape.toml", 3, UNJUDGED),
    ("evidence.badtype", "compliance verify --deployment badtype.toml", 2, USAGE),
    ("evidence.nofile", "compliance verify --deployment gone.toml", 3, UNJUDGED),
];
/// Two more, whose files are wrong in the same way.
const MORE_ROWS: [Row; 2] = [
    ("evidence.badschema", "compliance verify --deployment badschema.toml", 2, USAGE),
    ("evidence.notjson", "compliance verify --deployment nothing.toml", 2, USAGE),
];
/// Lists the packages and plugins of the reference.
const NOT_COMPARED: &str = "doctor";

/// The log and the files of every situation. In `bare`, nothing is declared where it is looked for.
fn rig(is_bare: bool) -> Rig {
    let rig = good();
    let write = |name: &str, text: &str| std::fs::write(rig.path(name), text).unwrap();
    let function = format!("{}:main", env!("CARGO_BIN_EXE_wmark"));
    let make = ["integrity", "generate", "-o", "m.json", "--root", "policies"];
    rig.run(&make).exits(0);
    let text = std::fs::read_to_string(rig.path("m.json")).unwrap();
    let edited = |change: &dyn Fn(&mut Value)| {
        let mut manifest: Value = serde_json::from_str(&text).unwrap();
        change(&mut manifest);
        manifest.to_string()
    };
    let zeros = Value::from("0".repeat(64));
    let file = "policies/agents.yaml";
    write("tampered.json", &edited(&|m| m["files"][file]["sha256"] = zeros.clone()));
    write("missing_entry.json", &edited(&|m| m["files"] = serde_json::json!({})));
    let make = ["integrity", "generate", "-o", "functions.json", "--function", &function];
    rig.run(&make).exits(0);
    let functions = std::fs::read_to_string(rig.path("functions.json")).unwrap();
    let mut functions: Value = serde_json::from_str(&functions).unwrap();
    functions["functions"][0]["sha256"] = zeros;
    write("tampered_fn.json", &functions.to_string());
    write("bad.json", "{bad");
    write("list.json", "[]");
    write("list1.json", "[1]");
    write("empty.json", "{}");
    write("empty2.json", "{\"version\":\"1.0\",\"files\":{},\"functions\":{}}");
    let declared = |from: &str, to: &str| {
        assert!(EXAMPLE.contains(from), "{from}");
        EXAMPLE.replace(from, to)
    };
    let action = "default_action = \"deny\"";
    write("allow.toml", &declared(action, "default_action = \"allow\""));
    write("nosink.toml", &format!("{EXAMPLE}\n[[sinks]]\nname = \"gone\"\n"));
    write("empty.toml", "schema = \"wmark.deployment/1\"");
    let path = |path: &str| {
        let table = format!("[[policy.files]]\npath = \"{path}\"\n\n# ASI-02");
        declared("# ASI-02", &table)
    };
    write("nopolicy.toml", &path("policies/gone.yaml"));
    write("escape.toml", &path("../../etc/passwd"));
    write("badtype.toml", "schema = \"wmark.deployment/1\"\ntools = \"crm\"");
    write("badschema.toml", &declared("wmark.deployment/1", "x"));
    write("nothing.toml", "{bad");
    if is_bare {
        std::fs::remove_file(rig.path("deployment.toml")).unwrap();
    }
    rig
}

/// Whether every key of theirs is in ours, in every object, and with the same kind of value where
/// both have one.
fn missing_keys(theirs: &Value, ours: &Value, at: &str, out: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (key, value) in theirs {
                // What a check observed has keys of its own.
                match ours.get(key) {
                    Some(_) if key == "observed" => {}
                    // Of later versions: ours has no way to pass in spite of failures.
                    _ if key == "allow_failures_used" => {}
                    Some(ours) => missing_keys(value, ours, &format!("{at}/{key}"), out),
                    None => out.push(format!("{at}/{key}")),
                }
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => {
            if let (Some(theirs), Some(ours)) = (theirs.first(), ours.first()) {
                missing_keys(theirs, ours, &format!("{at}/0"), out);
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        _ if std::mem::discriminant(theirs) == std::mem::discriminant(ours) => {}
        _ => out.push(format!("{at}: another kind of value")),
    }
}

fn run(rig: &Rig, line: &str, is_json: bool) -> Ran {
    let _ = std::fs::remove_file(rig.path("new.json"));
    let mut args: Vec<&str> = line.split(' ').collect();
    args.extend(is_json.then_some("--json"));
    rig.on_log(&args)
}

/// What is the same in the ten controls.
fn compare_controls(theirs: &Value, ours: &Value) {
    for (theirs, ours) in
        theirs["controls"].as_array().unwrap().iter().zip(ours["controls"].as_array().unwrap())
    {
        // `module` is where a control is judged, and that is not in their packages.
        for key in ["id", "name", "component"] {
            assert_eq!(theirs[key], ours[key], "{key}");
        }
    }
    for key in ["schema", "controls_total"] {
        assert_eq!(theirs[key], ours[key], "{key}");
    }
}

/// All cases of one environment: how many there were, in how many ours ends with another code, and
/// in how many of these one of the two ends with 0.
fn compare(dir: &Path) -> [usize; 3] {
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
    let index: Value = serde_json::from_str(&read("index.json")).unwrap();
    // There, controls are missing when packages are; here, when nothing is declared.
    let is_bare = index["agt.verify"]["exit"] == 1;
    let rig = rig(is_bare);
    let (mut cases, mut others, mut opposite) = (0, 0, 0);
    for (name, theirs) in index.as_object().unwrap() {
        let (_, situation) = name.split_once('.').unwrap();
        let is_json = name.ends_with(".json") || situation == "verify.badge_and_json";
        let situation = situation.trim_end_matches(".json");
        if situation == NOT_COMPARED {
            continue;
        }
        let row = ROWS.iter().chain(&MORE_ROWS).find(|row| row.0 == situation);
        let &(_, line, code, reason) = row.unwrap_or_else(|| panic!("{name} is compared nowhere"));
        let code = if is_bare && code == 0 && line.contains("verify") { 1 } else { code };
        let ran = run(&rig, line, is_json);
        assert_eq!(ran.code, code, "{name}: wmark {line}: {}{}", ran.out, ran.err);
        cases += 1;
        if theirs["exit"] != code {
            others += 1;
            opposite += usize::from((theirs["exit"] == 0) != (code == 0));
            assert!(!reason.is_empty(), "{name}: theirs ends with {}, ours {code}", theirs["exit"]);
        }
        if !is_json || theirs["stdout_is_json"] != true || code == 2 && ran.out.is_empty() {
            continue;
        }
        let (theirs, ours): (Value, Value) =
            (serde_json::from_str(&read(&format!("{name}.out"))).unwrap(), ran.document());
        if ours["status"] == "error" && theirs["status"] != "error" {
            // An altered or strange manifest is refused as a whole: it carries its own hash.
            assert_eq!(theirs["passed"], false, "{name}");
            continue;
        }
        let mut missing = Vec::new();
        missing_keys(&theirs, &ours, "", &mut missing);
        assert!(missing.is_empty(), "{name}: {missing:?}");
        if situation == "verify" {
            compare_controls(&theirs, &ours);
        }
        if ours["status"] == "error" {
            assert_eq!(theirs["type"], ours["type"], "{name}");
            assert_ne!(theirs["message"], ours["message"], "theirs holds paths and details");
        }
    }
    [cases, others, opposite]
}

/// `sanitized_errors.json`: what their command made of exceptions, in the one environment where it
/// was tried.
fn compare_errors(dir: &Path) -> usize {
    let Ok(text) = std::fs::read_to_string(dir.join("sanitized_errors.json")) else { return 0 };
    let theirs: Value = serde_json::from_str(&text).unwrap();
    let rig = Rig::empty();
    let ours = |name: &str| rig.run(&["compliance", "badge", "--from", name, "--json"]).document();
    std::fs::create_dir(rig.path("dir")).unwrap();
    let (known, unknown) = (ours("gone.json"), ours("dir"));
    let mut cases = 0;
    for case in theirs.as_array().unwrap().iter().filter(|case| case["json_mode"] == true) {
        let Ok(told) = serde_json::from_str::<Value>(case["stdout"].as_str().unwrap()) else {
            continue;
        };
        let ours = if told["type"] == "InternalError" { &unknown } else { &known };
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!((keys(&told), &told["type"]), (keys(ours), &ours["type"]), "{case}");
        cases += 1;
    }
    cases
}

#[test]
fn every_situation_the_reference_was_run_in_has_an_answer_here() {
    let named = std::env::var_os("WMARK_GOLDEN").map(|dir| PathBuf::from(dir).join("../cli"));
    let beside = || {
        let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().skip(1);
        above.map(|dir| dir.join("shared/golden/cli")).find(|path| path.is_dir())
    };
    let Some(dir) = named.or_else(beside).filter(|dir| dir.is_dir()) else {
        let is_required = std::env::var_os("WMARK_GOLDEN_REQUIRED").is_some();
        assert!(!is_required, "WMARK_GOLDEN_REQUIRED is set and no golden/cli is there");
        println!("SKIPPED: no answers of the reference's command");
        return;
    };
    let row = |first: &str, counts: [&dyn std::fmt::Display; 4]| {
        let [cases, others, opposite, errors] = counts;
        println!("{first:<42} {cases:>6} {others:>11} {opposite:>13} {errors:>7}");
    };
    row("environment", [&"cases", &"other code", &"other success", &"errors"]);
    let (mut count, mut told) = (0, 0);
    for environment in std::fs::read_dir(dir).unwrap() {
        let environment = environment.unwrap();
        let [cases, others, opposite] = compare(&environment.path());
        let errors = compare_errors(&environment.path());
        let name = environment.file_name().to_string_lossy().into_owned();
        row(&name, [&cases, &others, &opposite, &errors]);
        (count, told) = (count + cases, told + errors);
    }
    assert!(count > 0 && told > 0, "no case");
}
