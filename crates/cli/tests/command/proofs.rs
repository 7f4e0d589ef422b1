//! Proofs: made from the log, checked without it, and never without an anchor.

use super::Rig;

/// Root and size as `wmark root` tells them.
fn anchor(rig: &Rig) -> (String, String) {
    let document = rig.on_log(&["root", "--json"]).exits(0).document();
    assert_eq!(document["schema"], "wmark.root/1");
    let root = document["root"].as_str().unwrap().to_owned();
    assert_eq!(root.len(), 64);
    (root, document["size"].to_string())
}

#[test]
fn a_proof_holds_against_its_root_and_no_other() {
    let rig = Rig::small();
    let (root, size) = anchor(&rig);
    rig.on_log(&["prove", "1", "-o", "proof.json"]).exits(0);
    rig.on_log(&["prove", "1", "-o", "proof.json"]).exits(2);
    let document = rig.on_log(&["prove", "1", "--json"]).exits(0).document();
    for key in [
        "schema",
        "entry_id",
        "index",
        "size",
        "entry_hash",
        "root",
        "hashes",
        "header",
        "meta",
        "data_text",
        "salts",
    ] {
        assert!(document.get(key).is_some(), "{key} is missing in {document}");
    }
    // The log is not needed any more.
    std::fs::remove_dir_all(rig.path("log")).unwrap();
    let check = |root: &str, size: &str| {
        rig.run(&["verify-proof", "proof.json", "--root", root, "--size", size])
    };
    assert!(check(&root, &size).exits(0).out.ends_with("Verified OK\n"));
    let wrong = root.replace(['0', '1'], "f");
    assert!(check(&wrong, &size).exits(1).out.starts_with("INVALID"));
    check(&root, "2").exits(1);
    check("abc", &size).exits(2);
    rig.run(&["verify-proof", "proof.json", "--root", &format!("{root}@{size}")]).exits(0);
    for missing in [&["--root", &root][..], &["--size", "3"], &[]] {
        let ran = rig.run(&[&["verify-proof", "proof.json"], missing].concat()).exits(2);
        assert!(ran.err.contains("no trust anchor"), "{}", ran.err);
    }
    rig.run(&["verify-proof", "nowhere.json", "--root", &root, "--size", &size]).exits(3);
}

#[test]
fn a_changed_proof_is_invalid_also_for_scripts() {
    let rig = Rig::small();
    let (root, size) = anchor(&rig);
    let proof = rig.on_log(&["prove", "1"]).exits(0).out;
    let against = ["--root", &root, "--size", &size, "--json"];
    for (what, changed, valid) in [
        ("as it was", proof.clone(), true),
        ("data", proof.replace("1.50", "1.51"), false),
        ("no JSON", proof.replace('{', "["), false),
        ("empty", String::new(), false),
    ] {
        std::fs::write(rig.path("p.json"), changed).unwrap();
        let ran = rig.run(&[&["verify-proof", "p.json"], &against[..]].concat());
        assert_eq!(ran.code, i32::from(!valid), "{what}: {}", ran.err);
        let document = ran.document();
        assert_eq!(document["schema"], "wmark.verify-proof/1");
        assert_eq!((&document["valid"], document["reason"].is_null()), (&valid.into(), valid));
    }
}

#[test]
fn every_entry_at_every_size_explains_itself_down_to_the_root() {
    let rig = Rig::small();
    for size in ["1", "2", "3"] {
        let root = rig.on_log(&["root", "--size", size]).exits(0).out;
        for index in ["0", "1", "2"] {
            if index >= size {
                rig.on_log(&["prove", index, "--size", size]).exits(1);
                continue;
            }
            let args = ["prove", index, "--size", size, "-o", "p.json", "--force"];
            rig.on_log(&args).exits(0);
            let args = ["verify-proof", "p.json", "--root", root.trim(), "--explain"];
            let ran = rig.run(&args).exits(0);
            assert!(ran.err.contains("as wanted"), "{index} of {size}: {}", ran.err);
        }
    }
}

#[test]
fn a_prefix_is_proved_and_checked_against_both_roots() {
    let rig = Rig::small();
    let old = rig.on_log(&["root", "--size", "2"]).exits(0).out;
    let new = rig.on_log(&["root"]).exits(0).out;
    let shown = rig.on_log(&["prove-consistency", "2", "3", "-o", "c.json"]).exits(0).out;
    assert!(shown.starts_with("Consistent: size 2 is a prefix of size 3"), "{shown}");
    let document = rig.on_log(&["prove-consistency", "2", "3", "--json"]).exits(0).document();
    for key in ["old_size", "new_size", "old_root", "new_root", "hashes"] {
        assert!(document.get(key).is_some(), "{key} is missing in {document}");
    }
    let (old, new) = (old.trim(), new.trim());
    let check =
        |old: &str, new: &str| rig.run(&["verify-proof", "c.json", "--old", old, "--root", new]);
    check(old, new).exits(0);
    check(new, new).exits(1);
    check(&old.replace(['0', '1'], "f"), new).exits(1);
    rig.on_log(&["prove-consistency", "3", "2"]).exits(2);
    rig.on_log(&["prove-consistency", "2", "9"]).exits(1);
}
