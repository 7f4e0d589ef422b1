//! Vectors that were computed elsewhere.

use crate::entry;
use crate::reference::leaf;
use crate::shelf::Shelf;
use witnessmark::merkle::{prove_consistency, prove_inclusion, root_at};
use witnessmark::types::unhex;
use witnessmark::{EntryIndex, Hash, TreeSize};

/// The eight leaves that the tests of Certificate Transparency use.
const CT_LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];

/// Their roots at sizes 0 to 8 (transparency-dev/merkle, testonly/constants.go).
const CT_ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// Roots of `entry 0`, `entry 1`, ...; computed with Go's x/mod and seven other programs.
const ENTRY_ROOTS: [(u64, &str); 13] = [
    (1, "773885a613489e24ce2cf76199d6a423f042e4bbf12d7eecee912ef276c65701"),
    (2, "5a47662fd8a317d96049a3f9f47c55dc67ca66051baa3683dbb19b2fe09a07b0"),
    (3, "94fbd0dd836f50301692e6d0eade728ee19ec52bfff1606ed807c8575d5aaa19"),
    (4, "9799f307517ef517c2205df9b67762bf34756b20099fb7dfcce76bcebd273b2e"),
    (7, "98c97f0ba3175cd08b031dd084b9dc4e649b64d1a28e6ea694646503173ab587"),
    (8, "b69732ce5c914162ca9accfaf4e95d3f9874d68805437088aaff184a4db96773"),
    (255, "cf66793e6329dff242eb3cee0a6f36ad3e3a196dcc573a1ec775e102be863f1c"),
    (256, "da6596d95369f5fef322ab8e4e0da3b0b50236aa9c8a3b1d246f7411c9e2e32e"),
    (257, "5c1fdfe835358022f2392de478dbe053fc130cfe1d3a082879a90cf6bf14bf7e"),
    (65_535, "b8cd5046a19969bdc7e89289272390b40dd66ab18a7866c20b8920a6752668a5"),
    (65_536, "07b1a377960a4e12e3348d6e9329ae6316a95b02fb1c22e909231b3aa44861a7"),
    (65_537, "b99c570aaf13b96e026383e8e252e69c7142b3ad7e6e0264f3dc10dfd884d8c5"),
    (70_000, "a3920fba7f239a071a9bd10721f1341addefbaededb41c7e24437a9d16bdf00a"),
];

// Nodes of the tree of seven entries; `3` is leaf 3, `01` covers leaves 0 and 1.
const N2: &str = "57c79f4f31ae029c5d4bd30b073c27c94df93438b2b4697e1e1eef5bc0394a41";
const N3: &str = "61ca1139f6815841d5baf2d0d2d9bd9dfee97c898dd6f7ba0c0aa941ee6c01eb";
const N01: &str = "5a47662fd8a317d96049a3f9f47c55dc67ca66051baa3683dbb19b2fe09a07b0";
const N0123: &str = "9799f307517ef517c2205df9b67762bf34756b20099fb7dfcce76bcebd273b2e";
const N45: &str = "dd0379d83ac7f164e7eea30cdcefb57508254c48f766afccd3d976365e328ccc";
const N6: &str = "be15781b628a28414c1c8a11b86db8422fa1041215fe0d7c4496d23cda1e4142";
const N456: &str = "94afb8a2ca051c05458ea39dcd19b1bd68e7e33529f10b439d2a615a51f636e2";

/// `PATH(index, 7)` and `PROOF(old, 7)`.
const PATHS: [(u64, &[&str]); 2] = [(3, &[N2, N01, N456]), (6, &[N45, N0123])];
const PROOFS: [(u64, &[&str]); 3] =
    [(3, &[N2, N3, N01, N456]), (4, &[N456]), (6, &[N45, N6, N0123])];

fn hashes(hex: &[&str]) -> Vec<Hash> {
    hex.iter().map(|text| Hash::from_hex(text).unwrap()).collect()
}

#[test]
fn roots_of_the_certificate_transparency_leaves() {
    let leaves: Vec<Hash> = CT_LEAVES.iter().map(|text| leaf(&unhex(text).unwrap())).collect();
    let shelf = Shelf::of(leaves.iter().copied());
    for (size, wanted) in (0..).zip(CT_ROOTS) {
        assert_eq!(root_at(&shelf, TreeSize::new(size)).unwrap().to_hex(), wanted, "size {size}");
        let grown = Shelf::of(leaves.iter().copied().take(usize::try_from(size).unwrap()));
        assert_eq!(grown.frontier.root().to_hex(), wanted, "frontier at size {size}");
    }
}

#[test]
fn roots_of_seventy_thousand_entries() {
    let mut shelf = Shelf::default();
    for (size, wanted) in ENTRY_ROOTS {
        while shelf.frontier.size().get() < size {
            shelf.push(witnessmark::hash::leaf(&entry(shelf.frontier.size().get())));
        }
        assert_eq!(shelf.frontier.root().to_hex(), wanted, "frontier at size {size}");
    }
    for (size, wanted) in ENTRY_ROOTS {
        assert_eq!(root_at(&shelf, TreeSize::new(size)).unwrap().to_hex(), wanted, "size {size}");
    }
}

#[test]
fn frontier_and_proofs_of_seven_entries() {
    let shelf = Shelf::of((0..7).map(|i| leaf(&entry(i))));
    let seven = TreeSize::new(7);
    assert_eq!(shelf.frontier.hashes(), hashes(&[N0123, N45, N6]));
    for (index, wanted) in PATHS {
        let made = prove_inclusion(&shelf, EntryIndex::new(index), seven).unwrap();
        assert_eq!(made.hashes, hashes(wanted), "PATH({index}, 7)");
    }
    for (old, wanted) in PROOFS {
        let made = prove_consistency(&shelf, TreeSize::new(old), seven).unwrap();
        assert_eq!(made.hashes, hashes(wanted), "PROOF({old}, 7)");
    }
}
