//! The house rules, each one a test, and each one shown to be able to fail.
//!
//! ```text
//! docs/ARCHITECTURE.md --floors--> order --\
//! src, crates, tests, benches, examples, fuzz --> offences: file:line, wanted, found
//! *.md ------------------------------------/
//! ```
//!
//! A rule is a pure function from text to offences; the tests at the foot feed it once with the
//! tree as it is and once with a small sample that breaks it. Nothing here runs another program,
//! and nothing is configured: whoever wants another limit changes it here, in the open.

#[path = "tidy/assurance.rs"]
mod assurance;
#[path = "tidy/source.rs"]
mod source;

use assurance::{Patch, stale_patches, undescribed_patches, unknown_tests, untold_results};
use source::{Source, functions, is_word, line_of, scan_level, words};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// Most lines of a file without tests, doc comments and blank lines.
const FILE_LINES_MAX: usize = 400;
/// Most lines of a function, from `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;
/// The only files that may lower themselves to `unsafe`: three of the library, a test that forks, and
/// another engine whose binding has no safe way in.
const UNSAFE_ROOMS: [&str; 5] = [
    "src/storage/map.rs",
    "src/hash/sha_ni.rs",
    "src/hash/sha_avx512.rs",
    "tests/fork.rs",
    "crates/compare/src/lmdb.rs",
];
/// The only file that may name the unmaintained codec (docs/adr/0001-bincode.md).
const CODEC_ROOM: &str = "src/format/side.rs";
const CODEC: &str = "bincode";
const ARCHITECTURE: &str = "docs/ARCHITECTURE.md";
const ASSURANCE: &str = "docs/ASSURANCE.md";
/// Names that say nothing about what lives inside.
const REFUSED_NAMES: [&str; 6] = ["utils", "util", "common", "helpers", "misc", "shared"];

struct Offence {
    file: String,
    line: usize,
    wanted: String,
    found: String,
}

impl Offence {
    fn new(file: &str, line: usize, wanted: impl Into<String>, found: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, wanted: wanted.into(), found: found.into() }
    }
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: wanted {}, found {}", self.file, self.line, self.wanted, self.found)
    }
}

// ---- what is judged ---------------------------------------------------------------------------

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(directory: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries {
        let path = entry.expect("a directory that lists its entries").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
        if path.is_dir() && !["target", "corpus", "artifacts"].contains(&name) {
            files_below(&path, ending, found);
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
}

fn relative(path: &Path) -> String {
    let inside = path.strip_prefix(root()).expect("a file of this repository");
    inside.to_string_lossy().replace('\\', "/")
}

/// Every Rust file of the repository.
fn tree() -> Vec<Source> {
    let mut paths = Vec::new();
    for directory in ["src", "crates", "tests", "benches", "examples", "fuzz"] {
        files_below(&root().join(directory), ".rs", &mut paths);
    }
    paths.sort();
    let read = |path: &PathBuf| std::fs::read_to_string(path).expect("UTF-8 source");
    let tree: Vec<Source> = paths.iter().map(|p| Source::new(&relative(p), &read(p))).collect();
    assert!(tree.iter().any(|file| file.path == "src/lib.rs"), "the walk must reach src/lib.rs");
    tree
}

/// The library alone, without its roof.
fn rooms() -> Vec<Source> {
    tree().into_iter().filter(|f| f.path.starts_with("src/") && f.path != "src/lib.rs").collect()
}

/// The library and the satellites.
fn products() -> Vec<Source> {
    let is_product = |path: &str| {
        path.starts_with("src/") || (path.starts_with("crates/") && path.contains("/src/"))
    };
    tree().into_iter().filter(|file| is_product(&file.path)).collect()
}

/// The order of the rooms, as the one line in a text block of the architecture page says it.
fn floors(page: &str) -> Result<Vec<String>, String> {
    let mut is_text = false;
    let mut lines = Vec::new();
    for line in page.lines() {
        if line.starts_with("```") {
            is_text = line == "```text";
        } else if is_text && line.starts_with("types < ") {
            lines.push(line);
        }
    }
    let [line] = lines.as_slice() else {
        return Err(format!("{ARCHITECTURE}: wanted one floors line, found {}", lines.len()));
    };
    let order: Vec<String> = line.split(" < ").map(|room| room.trim().to_owned()).collect();
    let distinct: BTreeSet<&String> = order.iter().collect();
    if distinct.len() != order.len() || order.iter().any(|room| !room.chars().all(is_word)) {
        return Err(format!("{ARCHITECTURE}: wanted each room once, found {line}"));
    }
    Ok(order)
}

fn order() -> Vec<String> {
    let page = std::fs::read_to_string(root().join(ARCHITECTURE)).expect(ARCHITECTURE);
    floors(&page).unwrap_or_else(|problem| panic!("{problem}"))
}

// ---- paths from room to room ------------------------------------------------------------------

/// One `crate::...` or `super::...` path, resolved from the crate's root.
struct Reference {
    line: usize,
    target: Vec<String>,
}

fn references(file: &Source) -> Vec<Reference> {
    let code = &file.production;
    let mut found = Vec::new();
    for (at, word) in words(code) {
        let before = code.get(..at).unwrap_or("").trim_end();
        let after = code.get(at + word.len()..).unwrap_or("").trim_start();
        let is_start = !before.ends_with("::") || before.ends_with("self::");
        if !["crate", "super"].contains(&word) || !is_start || !after.starts_with("::") {
            continue;
        }
        for path in expand(code.get(at..).unwrap_or("")) {
            let line = line_of(code, at);
            found.push(Reference { line, target: resolve(&file.module_path(), &path) });
        }
    }
    found
}

/// The paths of a use tree, or the one path of an expression.
fn expand(tree: &str) -> Vec<Vec<String>> {
    let tree = tree.trim_start();
    if let Some(inside) = tree.strip_prefix('{') {
        let mut paths = Vec::new();
        let mut begin = 0;
        while let Some(end) = scan_level(inside, begin, &[',']) {
            paths.extend(expand(inside.get(begin..end).unwrap_or("")));
            if !inside.get(end..).is_some_and(|rest| rest.starts_with(',')) {
                break;
            }
            begin = end + 1;
        }
        return paths;
    }
    if tree.starts_with('*') {
        return vec![vec!["*".to_owned()]];
    }
    let len = tree.find(|c| !is_word(c)).unwrap_or(tree.len());
    let (word, rest) = tree.split_at(len);
    if word.is_empty() {
        return Vec::new();
    }
    let tails = rest.trim_start().strip_prefix("::").map(expand).unwrap_or_default();
    if tails.is_empty() {
        return vec![vec![word.to_owned()]];
    }
    let with_head = |tail| std::iter::once(word.to_owned()).chain(tail).collect();
    tails.into_iter().map(with_head).collect()
}

fn resolve(module: &[String], path: &[String]) -> Vec<String> {
    let ups = path.iter().take_while(|word| *word == "super").count();
    let from = if ups == 0 { 0 } else { module.len().saturating_sub(ups) };
    let names = path.iter().skip_while(|word| ["crate", "super"].contains(&word.as_str()));
    module.iter().take(from).chain(names).cloned().collect()
}

// ---- the rules --------------------------------------------------------------------------------

fn upward_paths(files: &[Source], order: &[String]) -> Vec<Offence> {
    let floor = |room: Option<&String>| order.iter().position(|name| Some(name) == room);
    let mut offences = Vec::new();
    for file in files {
        let module = file.module_path();
        let Some(here) = floor(module.first()) else { continue };
        for reference in references(file) {
            let Some(name) = reference.target.first() else { continue };
            let wanted = match floor(Some(name)) {
                Some(there) if there <= here => continue,
                Some(_) => format!("only rooms to the left of `{}`", module.join("::")),
                None => "a path that names the room, not a re-export of the root".to_owned(),
            };
            let found = format!("`{}`", reference.target.join("::"));
            offences.push(Offence::new(&file.path, reference.line, wanted, found));
        }
    }
    offences
}

fn homeless_rooms(files: &[Source], order: &[String]) -> Vec<Offence> {
    let wanted = format!("a place in the floors line of {ARCHITECTURE}");
    let mut offences = Vec::new();
    for file in files {
        let room = file.module_path().into_iter().next().unwrap_or_default();
        if !order.contains(&room) {
            offences.push(Offence::new(&file.path, 1, &wanted, format!("`{room}` nowhere in it")));
        }
    }
    offences
}

/// Who names whom among the children of one directory, and where.
type Siblings = BTreeMap<String, BTreeMap<String, (String, usize)>>;

fn sibling_cycles(files: &[Source]) -> Vec<Offence> {
    let modules: BTreeSet<Vec<String>> = files.iter().map(Source::module_path).collect();
    let mut directories: BTreeMap<Vec<String>, Siblings> = BTreeMap::new();
    for file in files {
        let module = file.module_path();
        for reference in references(file) {
            let pairs = module.iter().zip(&reference.target);
            let shared = pairs.take_while(|(here, there)| here == there).count();
            let (Some(here), Some(there)) = (module.get(shared), reference.target.get(shared))
            else {
                continue;
            };
            let parent: Vec<String> = module.iter().take(shared).cloned().collect();
            let sibling: Vec<String> = parent.iter().chain([there]).cloned().collect();
            if shared > 0 && modules.contains(&sibling) {
                let edges = directories.entry(parent).or_default().entry(here.clone()).or_default();
                edges.insert(there.clone(), (file.path.clone(), reference.line));
            }
        }
    }
    directories.values().flat_map(cycles).collect()
}

fn cycles(siblings: &Siblings) -> Vec<Offence> {
    let mut offences = Vec::new();
    for (from, edges) in siblings {
        for (to, (path, line)) in edges {
            let mut reached = BTreeSet::from([to]);
            let mut open = vec![to];
            while let Some(next) = open.pop() {
                let onward = siblings.get(next).into_iter().flat_map(BTreeMap::keys);
                open.extend(onward.filter(|name| reached.insert(name)));
            }
            if reached.contains(from) {
                let found = format!("`{from}` -> `{to}` and a way back");
                offences.push(Offence::new(path, *line, "siblings without a cycle", found));
            }
        }
    }
    offences
}

fn long_files(files: &[Source]) -> Vec<Offence> {
    let wanted = format!("at most {FILE_LINES_MAX} lines without tests, docs and blank lines");
    let is_long = |file: &&Source| file.counted_lines() > FILE_LINES_MAX;
    let offence =
        |file: &Source| Offence::new(&file.path, 1, &wanted, file.counted_lines().to_string());
    files.iter().filter(is_long).map(offence).collect()
}

fn long_functions(files: &[Source]) -> Vec<Offence> {
    let mut offences = Vec::new();
    for file in files {
        for function in functions(&file.code) {
            let lines = function.last_line - function.first_line + 1;
            if lines > FUNCTION_LINES_MAX {
                let wanted = format!("functions of at most {FUNCTION_LINES_MAX} lines");
                let found = format!("`{}` with {lines}", function.name);
                offences.push(Offence::new(&file.path, function.first_line, wanted, found));
            }
        }
    }
    offences
}

fn files_without_docs(files: &[Source]) -> Vec<Offence> {
    let lead = |file: &Source| file.text.lines().find(|line| !line.trim().is_empty()).map(trimmed);
    let is_bare = |file: &&Source| !lead(file).is_some_and(|line| line.starts_with("//!"));
    let offence = |file: &Source| {
        Offence::new(&file.path, 1, "a leading `//!` doc", lead(file).unwrap_or_default())
    };
    files.iter().filter(is_bare).map(offence).collect()
}

fn trimmed(line: &str) -> String {
    line.trim().to_owned()
}

/// Every occurrence of a word in one view of the files.
fn places<'a>(
    files: &'a [Source],
    view: fn(&Source) -> &str,
    is_wanted: impl Fn(&str) -> bool + 'a,
) -> impl Iterator<Item = (&'a Source, usize)> {
    files.iter().flat_map(move |file| {
        let found = words(view(file)).into_iter().filter(|(_, word)| is_wanted(word));
        let lines: Vec<usize> = found.map(|(at, _)| line_of(view(file), at)).collect();
        lines.into_iter().map(move |line| (file, line))
    })
}

fn found_line(file: &Source, line: usize) -> String {
    file.text.lines().nth(line - 1).map(trimmed).unwrap_or_default()
}

fn unsafe_elsewhere(files: &[Source]) -> Vec<Offence> {
    places(files, |file| &file.code, |word| word == "unsafe")
        .filter(|(file, _)| !UNSAFE_ROOMS.contains(&file.path.as_str()))
        .map(|(file, line)| {
            let wanted = format!("`unsafe` in {} only", UNSAFE_ROOMS.join(" and "));
            Offence::new(&file.path, line, wanted, found_line(file, line))
        })
        .collect()
}

fn codec_elsewhere(files: &[Source]) -> Vec<Offence> {
    places(files, |file| &file.text, |word| word == CODEC)
        .filter(|(file, _)| file.path.starts_with("src/") || file.path.starts_with("crates/"))
        .filter(|(file, _)| file.path != CODEC_ROOM)
        .map(|(file, line)| {
            let wanted = format!("the word `{CODEC}` in {CODEC_ROOM} only");
            Offence::new(&file.path, line, wanted, found_line(file, line))
        })
        .collect()
}

fn postponed_work(files: &[Source]) -> Vec<Offence> {
    places(files, |file| &file.comments, |word| ["TODO", "FIXME", "XXX"].contains(&word))
        .map(|(file, line)| {
            let wanted = "work done, or an issue for it";
            Offence::new(&file.path, line, wanted, found_line(file, line))
        })
        .collect()
}

/// Whether the body itself holds something that can make a test fail.
fn can_fail(body: &str) -> bool {
    let at_word = |(at, word): &(usize, &str)| {
        let is_call = body.get(..*at).is_some_and(|before| before.ends_with('.'));
        let is_macro = body.get(at + word.len()..).is_some_and(|after| after.starts_with('!'));
        match *word {
            "unwrap" | "expect" | "unwrap_err" | "expect_err" => is_call,
            "panic" | "unreachable" => is_macro,
            _ => ["assert", "prop_assert", "debug_assert"].iter().any(|a| word.starts_with(a)),
        }
    };
    words(body).iter().any(at_word) || body.replace("?Sized", "").contains('?')
}

fn tests_that_cannot_fail(files: &[Source]) -> Vec<Offence> {
    let mut offences = Vec::new();
    for file in files {
        let all = functions(&file.tests);
        // A helper of the same file that can fail lets its callers fail, at any depth.
        let mut failing: BTreeSet<&str> = BTreeSet::new();
        loop {
            let calls = |body: &str| words(body).iter().any(|(_, word)| failing.contains(word));
            let more = all.iter().filter(|f| can_fail(&f.body) || calls(&f.body));
            let more: BTreeSet<&str> = more.map(|f| f.name.as_str()).collect();
            if more.len() == failing.len() {
                break;
            }
            failing = more;
        }
        let marks = ["#[test]", "#[tokio::test"];
        let starts = marks.iter().flat_map(|mark| file.tests.match_indices(mark));
        for (at, _) in starts {
            let Some(test) = all.iter().find(|f| f.begin > at) else { continue };
            if !failing.contains(test.name.as_str()) {
                let wanted = "an assertion, here or in a helper of this file";
                let found = format!("`{}`, which cannot fail", test.name);
                offences.push(Offence::new(&file.path, test.first_line, wanted, found));
            }
        }
    }
    offences
}

fn ignored_tests(files: &[Source]) -> Vec<Offence> {
    let mut offences = Vec::new();
    for file in files {
        for (at, line) in file.code.lines().enumerate() {
            let is_switched = line.contains("cfg_attr") && words(line).iter().any(is_ignore);
            if line.contains("#[ignore") || is_switched {
                let wanted = "tests that run or do not exist";
                offences.push(Offence::new(&file.path, at + 1, wanted, line.trim()));
            }
        }
    }
    offences
}

fn is_ignore((_, word): &(usize, &str)) -> bool {
    *word == "ignore"
}

fn nameless_rooms(files: &[Source]) -> Vec<Offence> {
    let mut offences = Vec::new();
    for file in files {
        let parts = file.path.split('/').map(|part| part.strip_suffix(".rs").unwrap_or(part));
        for part in parts.filter(|part| REFUSED_NAMES.contains(part)) {
            let wanted = "a module named after the question it answers";
            offences.push(Offence::new(&file.path, 1, wanted, format!("`{part}`")));
        }
        let words = words(&file.code);
        for (keyword, name) in words.iter().zip(words.iter().skip(1)) {
            if keyword.1 == "mod" && REFUSED_NAMES.contains(&name.1) {
                let line = line_of(&file.code, name.0);
                let wanted = "a module named after the question it answers";
                offences.push(Offence::new(&file.path, line, wanted, format!("mod {}", name.1)));
            }
        }
    }
    offences
}

/// The relative targets of a Markdown page and their lines; code is skipped.
fn relative_links(page: &str) -> Vec<(usize, String)> {
    let mut is_code = false;
    let mut found = Vec::new();
    for (at, line) in page.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        if is_code {
            continue;
        }
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("code");
        let inline = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let definition = prose.strip_prefix('[').and_then(|rest| rest.split_once("]: "));
        for target in inline.chain(definition.map(|(_, target)| target)) {
            let target = target.split_whitespace().next().unwrap_or("");
            let target = target.trim_matches(['<', '>']).split('#').next().unwrap_or("");
            if !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:") {
                found.push((at + 1, target.to_owned()));
            }
        }
    }
    found
}

fn dead_links(file: &str, page: &str, exists: impl Fn(&Path) -> bool) -> Vec<Offence> {
    let directory = Path::new(file).parent().unwrap_or(Path::new(""));
    let dead = |(_, target): &(usize, String)| !exists(&directory.join(target));
    let links = relative_links(page).into_iter().filter(dead);
    links.map(|(line, to)| Offence::new(file, line, "a link to a file that exists", to)).collect()
}

fn pages() -> Vec<(String, String)> {
    let mut paths: Vec<PathBuf> = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]
        .iter()
        .map(|name| root().join(name))
        .filter(|path| path.exists())
        .collect();
    files_below(&root().join("docs"), ".md", &mut paths);
    let read = |path: &PathBuf| std::fs::read_to_string(path).expect("UTF-8 page");
    paths.iter().map(|path| (relative(path), read(path))).collect()
}

/// The deliberate bugs, by name.
fn planted_bugs() -> Vec<Patch> {
    let mut paths = Vec::new();
    files_below(&root().join("tests/planted"), ".patch", &mut paths);
    paths.sort();
    let patch = |path: PathBuf| Patch {
        name: path.file_stem().expect("a name").to_string_lossy().into_owned(),
        text: std::fs::read_to_string(path).expect("UTF-8 patch"),
    };
    paths.into_iter().map(patch).collect()
}

// ---- the tree as it is ------------------------------------------------------------------------

#[track_caller]
fn judge(offences: Vec<Offence>) {
    let lines: Vec<String> = offences.iter().map(Offence::to_string).collect();
    assert!(lines.is_empty(), "{} offences:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn rooms_name_only_rooms_below() {
    judge(upward_paths(&rooms(), &order()));
}

#[test]
fn every_room_has_a_floor() {
    judge(homeless_rooms(&rooms(), &order()));
}

#[test]
fn siblings_form_no_cycle() {
    judge(sibling_cycles(&rooms()));
}

#[test]
fn files_are_short() {
    judge(long_files(&products()));
}

#[test]
fn functions_fit_a_screen() {
    judge(long_functions(&products()));
}

#[test]
fn every_file_says_what_it_is() {
    judge(files_without_docs(&tree()));
}

#[test]
fn unsafe_stays_in_its_files() {
    judge(unsafe_elsewhere(&tree()));
}

#[test]
fn the_codec_stays_in_its_file() {
    judge(codec_elsewhere(&tree()));
}

#[test]
fn no_work_is_left_in_comments() {
    judge(postponed_work(&tree()));
}

#[test]
fn every_test_can_fail() {
    judge(tests_that_cannot_fail(&tree()));
}

#[test]
fn no_test_is_ignored() {
    judge(ignored_tests(&tree()));
}

#[test]
fn no_module_is_a_drawer() {
    judge(nameless_rooms(&products()));
}

#[test]
fn links_lead_somewhere() {
    let pages = pages();
    let check = |(file, page): &(String, String)| {
        dead_links(file, page, |target| root().join(target).exists())
    };
    judge(pages.iter().flat_map(check).collect());
}

#[test]
fn every_planted_bug_still_applies() {
    let mut patches = planted_bugs();
    assert!(patches.len() >= 10, "the walk must reach tests/planted");
    // `tests/planted/run.sh` has just applied this one, and wants to know what else is red.
    let applied = std::env::var("WMARK_PLANTED").unwrap_or_default();
    patches.retain(|patch| patch.name != applied);
    judge(stale_patches(&patches, |file| std::fs::read_to_string(root().join(file)).ok()));
}

fn page_of_assurance() -> String {
    std::fs::read_to_string(root().join(ASSURANCE)).expect("the page of assurance")
}

#[test]
fn every_planted_bug_is_described() {
    judge(undescribed_patches(&planted_bugs(), &page_of_assurance(), ASSURANCE));
}

#[test]
fn tests_that_prove_something_exist() {
    let (tree, page) = (tree(), page_of_assurance());
    let words: Vec<_> = tree.iter().flat_map(|file| words(&file.code)).collect();
    let functions: BTreeSet<&str> =
        words.windows(2).filter(|pair| pair[0].1 == "fn").map(|pair| pair[1].1).collect();
    let exists = |name: &str| match name.ends_with(".sh") {
        true => root().join("tests/system").join(name).exists(),
        false => functions.contains(name.rsplit("::").next().unwrap_or(name)),
    };
    for table in [("promises", 2), ("weakened orders", 2), ("planted bugs", 4), ("conditions", 4)] {
        judge(unknown_tests(&page, ASSURANCE, table, exists));
    }
}

#[test]
fn every_promise_has_cases_and_a_last_result() {
    judge(untold_results(&page_of_assurance(), ASSURANCE, ("promises", 4)));
}

// ---- each rule can fail -----------------------------------------------------------------------

fn sample_order() -> Vec<String> {
    floors("```text\ntypes < format < log\n```").expect("a floors line")
}

#[track_caller]
fn assert_lines(offences: &[Offence], wanted: &[usize]) {
    let found: Vec<usize> = offences.iter().map(|offence| offence.line).collect();
    assert_eq!(found, wanted, "{}", offences.iter().map(|o| format!("{o}; ")).collect::<String>());
}

#[test]
fn an_upward_path_is_found_and_comments_are_not_paths() {
    let text = "//! See [`crate::log`].\n\
        use crate::types::Hash;\n\
        // crate::log is above\n\
        use crate::{types, log::{AuditLog, Options}};\n\
        fn f() { super::super::log::open(); let _ = \"crate::log\"; }\n\
        use crate::AuditLog;\n\
        pub(crate) fn g() {}\n\
        #[cfg(test)]\nmod tests { use crate::log::AuditLog; }\n";
    let bad = [Source::new("src/format/frame.rs", text)];
    assert_lines(&upward_paths(&bad, &sample_order()), &[4, 4, 5, 6]);
    let shown = upward_paths(&bad, &sample_order()).first().map(Offence::to_string);
    let wanted = "src/format/frame.rs:4: wanted only rooms to the left of `format::frame`, \
        found `log::AuditLog`";
    assert_eq!(shown.as_deref(), Some(wanted));
}

#[test]
fn code_behind_a_test_module_is_not_hidden() {
    let text = "#[cfg(test)]\n#[expect(x, reason = \"y\")]\nmod tests {\n}\nuse crate::log::A;\n";
    let bad = [Source::new("src/format/mod.rs", text)];
    assert_lines(&upward_paths(&bad, &sample_order()), &[5]);
}

#[test]
fn a_room_without_a_floor_is_found() {
    let files = ["src/types.rs", "src/attic/mod.rs"].map(|path| Source::new(path, "//! x"));
    assert_lines(&homeless_rooms(&files, &sample_order()), &[1]);
}

#[test]
fn floors_must_be_one_line_in_a_text_block_with_each_room_once() {
    assert!(floors("types < format").is_err());
    assert!(floors("```rust\ntypes < format\n```").is_err());
    assert!(floors("```text\ntypes < format\ntypes < log\n```").is_err());
    assert!(floors("```text\ntypes < format < types\n```").is_err());
}

#[test]
fn a_cycle_between_siblings_is_found_and_parents_are_free() {
    let files = [
        Source::new("src/format/mod.rs", "mod a;\nuse a::A;\nuse self::c::C;"),
        Source::new("src/format/a.rs", "use super::b::B;\nuse super::Shared;"),
        Source::new("src/format/b.rs", "\nuse crate::format::c::C;"),
        Source::new("src/format/c/mod.rs", "mod inner;"),
        Source::new("src/format/c/inner.rs", "\n\nuse super::super::{Shared, a::A};"),
    ];
    assert_lines(&sibling_cycles(&files), &[1, 2, 3]);
    let (_, without_inner) = files.split_last().expect("five files");
    assert_lines(&sibling_cycles(without_inner), &[]);
}

#[test]
fn a_long_file_is_found_and_docs_tests_and_blank_lines_are_free() {
    let free = format!("{}\n#[cfg(test)]\nmod tests {{\n{}}}\n", "/// x\n\n".repeat(500), {
        "fn f() {}\n".repeat(500)
    });
    let full = "fn f() {}\n".repeat(FILE_LINES_MAX);
    let at_limit = [Source::new("src/a.rs", &format!("{full}{free}"))];
    assert_lines(&long_files(&at_limit), &[]);
    let over = [Source::new("src/a.rs", &format!("{full}fn g() {{}}\n{free}"))];
    assert_lines(&long_files(&over), &[1]);
}

#[test]
fn a_long_function_is_found() {
    let function = |inner: usize| {
        let head = "\nfn f<'a>(x: [u8; 4], c: char) -> [u8; 2]\nwhere\n    u8: Copy,\n{\n";
        format!("{head}{}}}\n", "    g('{');\n".repeat(inner))
    };
    let at_limit = [Source::new("src/a.rs", &function(FUNCTION_LINES_MAX - 5))];
    assert_lines(&long_functions(&at_limit), &[]);
    let over = [Source::new("crates/cli/src/a.rs", &function(FUNCTION_LINES_MAX - 4))];
    assert_lines(&long_functions(&over), &[2]);
}

#[test]
fn a_file_without_a_doc_is_found() {
    let files = ["use a;\n//! late", "", "\n//! x\nuse a;"].map(|t| Source::new("src/a.rs", t));
    assert_lines(&files_without_docs(&files), &[1, 1]);
}

#[test]
fn stray_unsafe_is_found() {
    let text = "#![deny(unsafe_code)]\n// unsafe\nfn f() { unsafe { g() } }";
    let files = ["src/storage/map.rs", "src/log/mod.rs"].map(|path| Source::new(path, text));
    assert_lines(&unsafe_elsewhere(&files), &[3]);
}

#[test]
fn a_stray_codec_is_found_even_in_a_comment() {
    let text = "//! x\n// bincode\n";
    let paths = ["src/format/side.rs", "src/index/mod.rs", "tests/format.rs"];
    assert_lines(&codec_elsewhere(&paths.map(|path| Source::new(path, text))), &[2]);
}

#[test]
fn postponed_work_is_found_in_comments_and_not_in_strings() {
    let text =
        "//! x\nlet a = \"TODO\";\n/* a /* b */ FIXME */\n/// TODO: x\nlet b = r#\"\" // XXX\"#;";
    assert_lines(&postponed_work(&[Source::new("src/a.rs", text)]), &[3, 4]);
}

#[test]
fn a_test_that_cannot_fail_is_found() {
    let text = "#[cfg(test)]\nmod tests {\n\
        #[test]\nfn a() { let _ = \"assert!\"; run(); }\n\
        #[test]\nfn b() { helper(); }\n\
        fn helper() { deeper() }\nfn deeper() { assert!(x) }\n\
        #[test]\nfn c() -> R { x?; }\n\
        #[test]\nfn d() { x.unwrap(); }\n\
        #[test]\n#[expect(unused, reason = \"r\")]\nfn e() { expect(x); matches!(a, B); }\n\
        }\nfn run() { assert!(y) }";
    assert_lines(&tests_that_cannot_fail(&[Source::new("src/a.rs", text)]), &[4, 15]);
}

#[test]
fn an_ignored_test_is_found() {
    let text =
        "#[ignore]\n#[ignore = \"slow\"]\n// #[ignore]\n#[cfg_attr(miri, ignore)]\nignore();";
    assert_lines(&ignored_tests(&[Source::new("tests/a.rs", text)]), &[1, 2, 4]);
}

#[test]
fn a_drawer_is_found_by_file_name_and_by_module() {
    let files = [
        Source::new("src/utils.rs", "//! x"),
        Source::new("crates/cli/src/common/mod.rs", "//! x"),
        Source::new("src/log/mod.rs", "//! x\nmod tail;\nmod helpers;"),
    ];
    assert_lines(&nameless_rooms(&files), &[1, 1, 3]);
}

#[test]
fn a_dead_link_is_found_and_code_and_the_web_are_not_followed() {
    let page = "[a](here.md#part) [b](gone.md)\n`[c](code.md)` [d](https://example.com/x)\n\
        ```text\n[e](fenced.md)\n```\n[f](#below) [g](<../up.md> \"title\")\n[h]: lost.md\n";
    let exists =
        |path: &Path| ["docs/here.md", "docs/../up.md"].iter().any(|p| path == Path::new(p));
    assert_lines(&dead_links("docs/a.md", page, exists), &[1, 7]);
}

#[test]
fn a_stale_patch_a_missing_row_and_a_test_that_is_gone_are_found() {
    let text =
        "bug: b\nbreaks: c\nfirst: d\n\n--- a/x.rs\n+++ b/x.rs\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n";
    let patch = |text: &str| [Patch { name: "p".to_owned(), text: text.to_owned() }];
    let file = |lines: &'static str| move |_: &str| Some(lines.to_owned());
    assert_lines(&stale_patches(&patch(text), file("a\nb\nz\n")), &[]);
    assert_lines(&stale_patches(&patch(text), file("a\nc\n")), &[7]);
    assert_lines(&stale_patches(&patch(text), file("a\nb\na\nb\n")), &[7]);
    assert_lines(&stale_patches(&patch(text), |_| None), &[7]);
    assert_lines(&stale_patches(&patch("bug: b\nfirst: d\n"), file("")), &[1, 1]);
    let page = |row: &str| {
        format!("<!-- planted bugs -->\n| a |\n|---|\n{row}<!-- end of planted bugs -->\n")
    };
    let judged = |row: &str| undescribed_patches(&patch(text), &page(row), "a.md");
    assert_lines(&judged("| p | b | c | test |\n"), &[]);
    assert_lines(&judged(""), &[1]);
    assert_lines(&judged("| p | b | other | test |\n"), &[1, 4]);
    let named = |row: &str| {
        unknown_tests(&page(row), "a.md", ("planted bugs", 4), |name| name == "is::here")
    };
    assert_lines(&named("| p | b | c | `is::here` |\n"), &[]);
    assert_lines(
        &named("| p | b | c | none |\n| `gone` | b | c | `gone`, `is::here` |\n"),
        &[4, 5],
    );
}

#[test]
fn a_result_that_is_missing_or_has_no_day_is_found() {
    let page = "<!-- promises -->\n| a |\n|---|\n| a | `t` | 3 | 2026-11-28: 3 passed | `c` |\n\
        | a | `t` | | 2026-11-28: 3 passed | `c` |\n| a | `t` | 3 | | `c` |\n\
        | a | `t` | 3 | 3 passed | `c` |\n| a | `t` | 3 | yesterday: passed | `c` |\n\
        <!-- end of promises -->\n";
    let lines = [5, 6, 6, 7, 8];
    assert_lines(&untold_results(page, "a.md", ("promises", 4)), &lines);
}

#[test]
fn literals_and_comments_are_told_from_code() {
    let text =
        "let a = '\"'; let b = '\\''; let c: &'static str = b\"\\\"x\"; // y\nr#fn; br#\"q\"q\"#;";
    let file = Source::new("src/a.rs", text);
    let code: Vec<&str> = words(&file.code).into_iter().map(|(_, word)| word).collect();
    let wanted = ["let", "a", "let", "b", "let", "c", "static", "str", "b", "r", "fn"];
    assert_eq!(code, wanted);
    assert_eq!(file.comments.trim(), "// y");
    assert_eq!(file.code.lines().count(), file.text.lines().count());
}
