//! MERKLE.md against the code: the worked example's tables are read from the page.

use crate::entry;
use crate::reference::{List, mth};
use crate::shelf::Shelf;
use std::collections::BTreeMap;
use witnessmark::merkle::{NodeId, NodeSource, prove_consistency, prove_inclusion};
use witnessmark::{EntryIndex, Hash, TreeSize};

const PAGE: &str = include_str!("../../docs/MERKLE.md");

/// The rows of the table behind a marker, without its head.
fn table(marker: &str) -> Vec<Vec<&'static str>> {
    let (_, rest) = PAGE.split_once(&format!("<!-- {marker} -->\n")).expect(marker);
    let rows = rest.lines().take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// The example's nodes by name.
fn nodes() -> BTreeMap<&'static str, Hash> {
    let hash = |text: &str| Hash::from_hex(text.trim_matches('`')).expect(text);
    table("nodes").into_iter().map(|row| (row[0], hash(row[4]))).collect()
}

fn shelf() -> Shelf {
    Shelf::of(List::new((0..7).map(entry)).leaves)
}

#[test]
fn nodes_of_the_example_are_those_of_the_tree() {
    let (shelf, list) = (shelf(), List::new((0..7).map(entry)));
    let (mut perfect, mut stored) = (0, 0);
    for row in table("nodes") {
        let [name, _, place, position, _] = row[..] else { panic!("five columns, found {row:?}") };
        let digits: Vec<u64> = name.chars().map(|c| u64::from(c.to_digit(10).unwrap())).collect();
        let covered = digits[0]..digits[digits.len() - 1] + 1;
        let wanted = nodes()[name];
        assert_eq!(mth(&list, covered.clone()), wanted, "hash of {name}");
        let Some((level, index)) = place.split_once(", ") else {
            assert_eq!((place, position), ("ephemeral", "nowhere"), "{name}");
            continue;
        };
        let id = NodeId { level: level.parse().unwrap(), index: index.parse().unwrap() };
        assert_eq!((id.index << id.level, id.last_leaf()), (covered.start, covered.end - 1));
        assert_eq!(shelf.node(id).unwrap(), wanted, "{name}");
        perfect += 1;
        match id.level {
            0 => assert_eq!(position, "in the frame", "{name}"),
            1 => assert_eq!(position, "of two leaves", "{name}"),
            _ => {
                assert_eq!(position, id.position().to_string(), "position of {name}");
                stored += 1;
            }
        }
    }
    assert_eq!((perfect, stored), (11, shelf.stored.len()), "no node is missing");
    assert_eq!(nodes()["0123456"], shelf.frontier.root());
}

#[test]
fn proofs_of_the_example_are_those_that_are_made() {
    let (shelf, nodes, seven) = (shelf(), nodes(), TreeSize::new(7));
    let rows = table("proofs");
    assert_eq!(rows.len(), 7);
    for row in rows {
        let (kind, rest) = row[0].split_once('(').expect("a name and numbers");
        let first: u64 = rest[..1].parse().unwrap();
        let made = match kind {
            "frontier" => shelf.frontier.hashes().to_vec(),
            "PATH" => prove_inclusion(&shelf, EntryIndex::new(first), seven).unwrap().hashes,
            "PROOF" => prove_consistency(&shelf, TreeSize::new(first), seven).unwrap().hashes,
            _ => panic!("neither frontier, PATH nor PROOF: {kind}"),
        };
        let wanted: Vec<Hash> = row[1].split(", ").map(|name| nodes[name]).collect();
        assert_eq!(made, wanted, "{}", row[0]);
    }
}
