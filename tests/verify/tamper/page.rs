//! The table of docs/ASSURANCE.md is the classes, word for word.

use super::case::{Class, Twin};
use super::classes;
use std::fmt::Write as _;

const BEGIN: &str = "<!-- tamper matrix -->\n";
const END: &str = "<!-- end of tamper matrix -->";

fn table(classes: &[Class]) -> String {
    let mut out = String::from(
        "| class | what is done | from the files alone | with a checkpoint from outside | verify.py |\n\
         |---|---|---|---|---|\n",
    );
    for class in classes {
        let twin = if class.twin == Twin::Same { "the same" } else { "not judged" };
        let (alone, anchored) = (class.alone.words(), class.anchored.words());
        let key = if class.is_keyed && !class.done.contains("key known") {
            "; the log's key known"
        } else {
            ""
        };
        writeln!(out, "| {} | {}{key} | {alone} | {anchored} | {twin} |", class.name, class.done)
            .unwrap();
    }
    out
}

#[test]
fn the_page_has_the_table_of_the_classes() {
    let classes = classes();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ASSURANCE.md");
    let page = std::fs::read_to_string(path).unwrap();
    let written = page.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END));
    let (written, _) = written.expect("docs/ASSURANCE.md has both markers of the tamper matrix");
    let wanted = table(&classes);
    assert!(written == wanted, "docs/ASSURANCE.md should have:\n{wanted}");
    let mut names: Vec<_> = classes.iter().map(|class| class.name).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "each class once");
    let count = format!("{} classes", classes.len());
    assert!(page.contains(&count), "docs/ASSURANCE.md should say {count}");
}
