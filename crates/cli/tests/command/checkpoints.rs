//! Keys, checkpoints, bundles and memory: what an auditor with a key and no trust can find out.

use super::{Rig, alter};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// A log of three entries and a key for it; the verifier key is also in `log.pub`.
fn signed_rig() -> (Rig, String) {
    let rig = Rig::small();
    let key = keygen(&rig, "log.key");
    std::fs::write(rig.path("log.pub"), &key).unwrap();
    sign(&rig, "first.note", &["log.key"]);
    (rig, key)
}

fn keygen(rig: &Rig, file: &str) -> String {
    rig.on_log(&["keygen", "--out", file]).exits(0).out.trim().to_owned()
}

fn sign(rig: &Rig, note: &str, keys: &[&str]) {
    let mut args = vec!["checkpoint", "--out", note, "--force"];
    keys.iter().for_each(|key| args.extend(["--key-file", key]));
    rig.on_log(&args).exits(0);
}

fn append(rig: &Rig) {
    rig.on_log(&["append", "--type", "t", "--agent", "did:c", "--action", "allow"]).exits(0);
}

fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir(to).unwrap();
    std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o700)).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

fn causes(rig: &Rig, args: &[&str], code: i32) -> Vec<String> {
    let document = rig.run(&[args, &["--json"]].concat()).exits(code).document();
    let findings = document["findings"].as_array().unwrap().iter();
    findings.map(|finding| finding["cause"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_key_is_written_once_for_its_owner_alone_and_never_into_a_log() {
    let rig = Rig::small();
    let key = keygen(&rig, "k.key");
    assert!(key.starts_with("test.example/log+"), "{key}");
    let mode = std::fs::metadata(rig.path("k.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = std::fs::read(rig.path("k.key")).unwrap();
    rig.on_log(&["keygen", "--out", "k.key"]).exits(2);
    assert_eq!(std::fs::read(rig.path("k.key")).unwrap(), before);
    assert!(rig.on_log(&["keygen", "--out", "log/k.key"]).exits(2).err.contains("inside the log"));
    // Without --out it goes to the user's data directory, which is created for the user alone.
    let ran = rig.run(&["keygen", "--name", "acme.example/agents", "--json"]).exits(0).document();
    let path = ran["path"].as_str().unwrap();
    assert!(path.ends_with("data/witnessmark/keys/acme.example+agents.key"), "{path}");
    let folder = std::fs::metadata(rig.path("data/witnessmark/keys")).unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    // No secret is printed, whatever goes wrong.
    let secret = String::from_utf8(before).unwrap();
    // What stands behind the fourth plus; base64 has plusses of its own.
    let secret = secret.trim().splitn(5, '+').last().unwrap();
    assert!(secret.len() > 40, "a key and its kind");
    let public = rig.on_log(&["verify", "--key", "k.key"]).exits(12);
    let broken = secret.replace('A', "B");
    std::fs::write(rig.path("b.key"), format!("PRIVATE+KEY+a+00000000+{broken}\n")).unwrap();
    std::fs::set_permissions(rig.path("b.key"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let bad = rig.on_log(&["checkpoint", "--key-file", "b.key"]).exits(12);
    for text in [public.out, public.err, bad.out, bad.err] {
        assert!(!text.contains(secret) && !text.contains(&broken), "{text}");
    }
}

#[test]
fn a_key_that_is_not_kept_secret_signs_nothing() {
    let rig = Rig::small();
    keygen(&rig, "k.key");
    let with = |name: &str| rig.on_log(&["checkpoint", "--key-file", name]);
    for mode in [0o644, 0o640, 0o604, 0o660, 0o620] {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(rig.path("k.key"), permissions).unwrap();
        let err = with("k.key").exits(12).err;
        assert!(err.contains("others can read") && err.contains("chmod 600"), "{err}");
    }
    std::fs::set_permissions(rig.path("k.key"), std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::rename(rig.path("k.key"), rig.path("log/k.key")).unwrap();
    assert!(with("log/k.key").exits(12).err.contains("inside the log"));
    // Nor by a link from outside.
    std::os::unix::fs::symlink(rig.path("log/k.key"), rig.path("link.key")).unwrap();
    with("link.key").exits(12);
    std::fs::rename(rig.path("log/k.key"), rig.path("k.key")).unwrap();
    with("nowhere.key").exits(12);
    with(".").exits(12);
    assert!(rig.on_log(&["checkpoint"]).exits(12).err.contains("no signing key"));
    rig.run(&["keygen", "--name", "other.example", "--out", "other.key"]).exits(0);
    assert!(with("other.key").exits(12).err.contains("another name"));
    with("k.key").exits(0);
}

#[test]
fn a_checkpoint_is_recorded_before_it_is_printed_and_made_once() {
    let (rig, key) = signed_rig();
    let note = std::fs::read_to_string(rig.path("first.note")).unwrap();
    let mut lines = note.lines();
    assert_eq!((lines.next(), lines.next()), (Some("test.example/log"), Some("3")));
    let history = std::fs::read_to_string(rig.path("log/log.checkpoints")).unwrap();
    assert!(history.ends_with(&format!("{note}\n")), "{history}");
    // The same log, the same key, the same note: nothing is added.
    assert_eq!(rig.on_log(&["checkpoint", "--key-file", "log.key"]).exits(0).out, note);
    assert_eq!(std::fs::read_to_string(rig.path("log/log.checkpoints")).unwrap(), history);
    append(&rig);
    let ran = rig.on_log(&["checkpoint", "--key-file", "log.key", "--json"]).exits(0).document();
    assert_eq!((&ran["size"], &ran["schema"]), (&4.into(), &"wmark.checkpoint/1".into()));
    let report = rig.run(&["verify", "log", "--key", &key, "--json"]).exits(0).document();
    assert_eq!((&report["checkpoints"], &report["checkpoint"]["size"]), (&2.into(), &4.into()));
}

#[test]
fn a_log_that_broke_its_promise_signs_nothing_more() {
    let (rig, _) = signed_rig();
    copy(&rig.path("log"), &rig.path("old"));
    append(&rig);
    sign(&rig, "second.note", &["log.key"]);
    // The history goes on, the log goes back.
    std::fs::copy(rig.path("log/log.checkpoints"), rig.path("old/log.checkpoints")).unwrap();
    let refused = rig.run(&["-C", "old", "checkpoint", "--key-file", "log.key"]).exits(1);
    assert!(refused.err.contains("shorter than the checkpoint"), "{}", refused.err);
    // Nor may anything be appended in place of what was promised.
    let args = ["-C", "old", "append", "--type", "t", "--agent", "a"];
    assert!(rig.run(&args).exits(1).err.contains("shorter than its last checkpoint"));
    assert_eq!(causes(&rig, &["verify", "old"], 1), ["truncated"]);
}

#[test]
fn a_bundle_is_checked_with_a_key_and_no_log() {
    let (rig, key) = signed_rig();
    rig.on_log(&["prove", "1", "-o", "proof.json"]).exits(0);
    rig.on_log(&["prove", "1", "--bundle", "-o", "b.proof"]).exits(0);
    let bare = rig.on_log(&["prove", "1", "--bundle", "--without-entry"]).exits(0).out;
    std::fs::write(rig.path("bare.proof"), &bare).unwrap();
    append(&rig);
    // An entry newer than every checkpoint has no bundle yet.
    assert!(rig.on_log(&["prove", "3", "--bundle"]).exits(3).err.contains("newer than"));
    std::fs::remove_dir_all(rig.path("log")).unwrap();
    let check = |file: &str, more: &[&str]| rig.run(&[&["verify-proof", file], more].concat());
    let text = std::fs::read_to_string(rig.path("b.proof")).unwrap();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra ") && bare.contains("@v1\nindex 1\n"));
    let ran = check("b.proof", &["--key", "log.pub", "--explain"]).exits(0);
    assert!(ran.out.contains("did:b") && ran.out.ends_with("Verified OK\n"), "{}", ran.out);
    let steps =
        ["SHA256(0x00 | header", "SHA256(0x01 | ", "as wanted", "signature  test.example/log+"];
    steps.iter().for_each(|step| assert!(ran.err.contains(step), "{step}: {}", ran.err));
    check("b.proof", &[]).exits(2);
    check("b.proof", &["--key", "nonsense"]).exits(12);
    // Another key of the same name: not signed by it. A key of another name: of another log.
    let ran = rig.run(&["keygen", "--name", "test.example/log", "--out", "x.key"]).exits(0);
    assert!(check("b.proof", &["--key", ran.out.trim()]).exits(1).out.starts_with("INVALID"));
    let ran = rig.run(&["keygen", "--name", "other.example", "--out", "y.key"]).exits(0);
    check("b.proof", &["--key", ran.out.trim()]).exits(12);
    check("bare.proof", &["--key", &key]).exits(1);
    check("bare.proof", &["--key", &key, "--entry", "proof.json"]).exits(0);
    let document = check("b.proof", &["--key", &key, "--json"]).exits(0).document();
    assert_eq!((&document["valid"], &document["index"]), (&true.into(), &1.into()));
    assert_eq!(document["origin"], "test.example/log");
}

#[test]
fn a_bundle_with_anything_changed_is_refused() {
    let (rig, key) = signed_rig();
    let text = rig.on_log(&["prove", "1", "--bundle"]).exits(0).out;
    let other = rig.on_log(&["prove", "2", "--bundle"]).exits(0).out;
    let line = |text: &str, at: usize| text.lines().nth(at).unwrap().to_owned();
    for (what, changed) in [
        ("another index", text.replace("\nindex 1\n", "\nindex 2\n")),
        ("an index as nobody writes it", text.replace("\nindex 1\n", "\nindex 01\n")),
        ("another entry", text.replace(&line(&text, 1), &line(&other, 1))),
        ("a hash less", text.replace(&format!("{}\n", line(&text, 3)), "")),
        ("a hash more", text.replace("index 1\n", &format!("index 1\n{}\n", line(&text, 3)))),
        ("another hash", text.replace(&line(&text, 3), &line(&other, 3))),
        ("another size", text.replace("test.example/log\n3\n", "test.example/log\n4\n")),
        ("another origin", text.replace("\n\ntest.example/log\n", "\n\ntest.example/lug\n")),
        ("another form", text.replace("@v1", "@v2")),
        ("no empty line", text.replace("\n\n", "\n")),
        ("nothing", String::new()),
    ] {
        assert_ne!(changed, text, "{what}");
        std::fs::write(rig.path("p"), changed).unwrap();
        let ran = rig.run(&["verify-proof", "p", "--key", &key]);
        assert!(matches!(ran.code, 1 | 12), "{what}: {} {} {}", ran.code, ran.out, ran.err);
    }
}

#[test]
fn the_machine_remembers_and_notices_a_rollback() {
    let (rig, key) = signed_rig();
    copy(&rig.path("log"), &rig.path("old"));
    let verify = ["verify", "log", "--key", &key];
    let first = rig.run(&verify).exits(0);
    assert!(first.out.contains("not covered  a rollback"), "{}", first.out);
    append(&rig);
    sign(&rig, "second.note", &["log.key"]);
    let second = rig.run(&verify).exits(0);
    assert!(second.out.contains("continues what this machine saw"), "{}", second.out);
    // The whole directory, history included, is put back to an older signed state.
    copy(&rig.path("old"), &rig.path("log"));
    assert_eq!(causes(&rig, &verify, 1), ["truncated"]);
    assert_eq!(causes(&rig, &[&verify[..], &["--no-memory"]].concat(), 0), Vec::<String>::new());
    // A finding is not what is remembered.
    assert_eq!(causes(&rig, &verify, 1), ["truncated"]);
    // And the old log grown another way is a fork.
    append(&rig);
    assert_eq!(causes(&rig, &verify, 1), ["forked"]);
    // Memory that cannot be read decides nothing.
    let file = std::fs::read_dir(rig.path("state/witnessmark/checkpoints")).unwrap();
    let file = file.map(|f| f.unwrap().path()).find(|p| p.extension().unwrap() == "json").unwrap();
    std::fs::write(&file, "{}").unwrap();
    assert!(rig.run(&verify).exits(3).err.contains("--no-memory"));
}

#[test]
fn a_rewritten_log_and_a_deleted_history_are_noticed_by_the_key() {
    let (rig, key) = signed_rig();
    let verify = ["verify", "log", "--key", &key, "--no-memory"];
    std::fs::rename(rig.path("log/log.checkpoints"), rig.path("aside")).unwrap();
    assert_eq!(causes(&rig, &verify, 4), ["unsigned"]);
    // Signed by somebody else who took the log's name.
    rig.run(&["keygen", "--name", "test.example/log", "--out", "mallory.key"]).exits(0);
    sign(&rig, "mallory.note", &["mallory.key"]);
    assert_eq!(causes(&rig, &verify, 4), ["unsigned"]);
    // Signed in the key's name, without the key.
    let note = std::fs::read_to_string(rig.path("first.note")).unwrap();
    let history = std::fs::read_to_string(rig.path("aside")).unwrap();
    let forged = note.replace("\n3\n", "\n2\n");
    let record = format!("checkpoint {:08} ", forged.len());
    let mut hasher = 0u32;
    crc32(&mut hasher, record.trim_end().as_bytes());
    crc32(&mut hasher, forged.as_bytes());
    let forged = format!("{record}{hasher:08x}\n{forged}\n");
    std::fs::write(rig.path("log/log.checkpoints"), format!("{forged}{history}")).unwrap();
    let found = causes(&rig, &verify, 1);
    assert!(found.contains(&"bad_signature".to_owned()), "{found:?}");
    assert!(found.contains(&"forked".to_owned()), "{found:?}");
}

/// CRC-32 as zlib has it, bit by bit.
fn crc32(crc: &mut u32, bytes: &[u8]) {
    *crc = !*crc;
    for byte in bytes {
        *crc ^= u32::from(*byte);
        for _ in 0..8 {
            *crc = if *crc & 1 == 1 { *crc >> 1 ^ 0xedb8_8320 } else { *crc >> 1 };
        }
    }
    *crc = !*crc;
}

#[test]
fn a_signed_checkpoint_is_an_anchor_for_whoever_has_the_key() {
    let (rig, key) = signed_rig();
    append(&rig);
    let against = ["verify", "log", "--no-memory", "--against", "first.note"];
    rig.run(&[&against[..], &["--key", &key]].concat()).exits(0);
    assert!(rig.run(&against).exits(2).err.contains("--key"));
    let other = rig.run(&["keygen", "--name", "other.example", "--out", "o.key"]).exits(0).out;
    rig.run(&[&against[..], &["--key", other.trim()]].concat()).exits(12);
    alter(&rig.path("log"), b"1.50");
    let found = causes(&rig, &[&against[..], &["--key", &key]].concat(), 1);
    assert!(!found.is_empty());
}

#[test]
fn keys_change_by_a_second_signature_while_both_are_in_use() {
    let (rig, old) = signed_rig();
    rig.run(&["verify", "log", "--key", &old]).exits(0);
    let new = keygen(&rig, "new.key");
    append(&rig);
    sign(&rig, "both.note", &["log.key", "new.key"]);
    let bundle = rig.on_log(&["prove", "3", "--bundle", "-o", "both.proof"]).exits(0);
    assert!(bundle.err.contains("checkpoint of size 4"), "{}", bundle.err);
    for key in [&old, &new] {
        rig.run(&["verify-proof", "both.proof", "--key", key]).exits(0);
        rig.run(&["verify", "log", "--key", key, "--against", "both.note"]).exits(0);
    }
    // Then the old key retires. Whoever moved on sees the log go on; whoever did not is told.
    append(&rig);
    sign(&rig, "new.note", &["new.key"]);
    let report = rig.run(&["verify", "log", "--key", &new, "--json"]).exits(0).document();
    assert_eq!((&report["checkpoint"]["size"], &report["checkpoints"]), (&5.into(), &3.into()));
    assert!(report["notes"].to_string().contains("signed by other keys"), "{report}");
    let report = rig.run(&["verify", "log", "--key", &old, "--json"]).exits(0).document();
    assert_eq!(report["checkpoint"]["size"], 4);
    rig.run(&["verify", "log", "--key", &old, "--against", "new.note"]).exits(1);
    rig.run(&["verify", "log", "--key", &old, "--key", &new, "--against", "new.note"]).exits(0);
}

#[test]
fn a_fork_is_proved_to_anybody_who_has_the_key() {
    let (rig, key) = signed_rig();
    copy(&rig.path("log"), &rig.path("other"));
    append(&rig);
    sign(&rig, "a.note", &["log.key"]);
    let on_other = |args: &[&str]| rig.run(&[&["-C", "other"], args].concat()).exits(0);
    on_other(&["append", "--type", "t", "--agent", "did:d", "--action", "deny"]);
    on_other(&["checkpoint", "--key-file", "log.key", "-o", "b.note"]);
    on_other(&["append", "--type", "t", "--agent", "did:d", "--action", "deny"]);
    on_other(&["checkpoint", "--key-file", "log.key", "-o", "b5.note"]);
    let fork = |args: &[&str]| rig.run(&[&["prove-fork"], args, &["--key", &key]].concat());
    // One size, two roots.
    assert!(fork(&["a.note", "b.note", "-o", "f.json"]).exits(1).out.contains("FORK"));
    assert!(fork(&["a.note", "a.note"]).exits(0).out.contains("no fork"));
    // Two sizes: open, until somebody has the later one's log, or a proof from it.
    assert!(fork(&["-C", "nowhere", "a.note", "b5.note"]).exits(4).out.contains("open"));
    assert!(fork(&["-C", "log", "a.note", "b5.note"]).exits(4).out.contains("open"));
    fork(&["-C", "other", "b5.note", "a.note", "-o", "f5.json"]).exits(1);
    fork(&["-C", "other", "first.note", "b5.note"]).exits(0);
    on_other(&["prove-consistency", "4", "--bundle", "-o", "c.proof"]);
    fork(&["-C", "nowhere", "a.note", "b5.note", "--proof", "c.proof"]).exits(1);
    fork(&["-C", "nowhere", "first.note", "b5.note", "--proof", "c.proof"]).exits(2);
    for file in ["f.json", "f5.json"] {
        rig.run(&["verify-proof", file, "--key", &key]).exits(0);
    }
    // What is no fork cannot be made to look like one.
    let text = std::fs::read_to_string(rig.path("f.json")).unwrap();
    let note = |name: &str| {
        let text = std::fs::read_to_string(rig.path(name)).unwrap();
        serde_json::Value::from(text).to_string()
    };
    std::fs::write(rig.path("same.json"), text.replace(&note("b.note"), &note("a.note"))).unwrap();
    assert!(
        rig.run(&["verify-proof", "same.json", "--key", &key]).exits(1).out.contains("no fork")
    );
    rig.run(&["keygen", "--name", "test.example/log", "--out", "x.key"]).exits(0);
    let mallory = rig.run(&["keygen", "--name", "test.example/log", "--out", "z.key"]).exits(0).out;
    rig.run(&["prove-fork", "a.note", "b.note", "--key", mallory.trim()]).exits(1);
}

#[test]
fn growth_is_proved_by_a_bundle_that_needs_the_key_only() {
    let (rig, key) = signed_rig();
    let old = rig.on_log(&["root", "--size", "2"]).exits(0).out;
    rig.on_log(&["prove-consistency", "2", "--bundle", "-o", "c.proof"]).exits(0);
    std::fs::remove_dir_all(rig.path("log")).unwrap();
    let check = |more: &[&str]| rig.run(&[&["verify-proof", "c.proof"], more].concat());
    check(&["--key", &key]).exits(0);
    check(&["--key", &key, "--old", old.trim()]).exits(0);
    check(&["--key", &key, "--old", &old.trim().replace("@2", "@1")]).exits(1);
    check(&[]).exits(2);
    let text = std::fs::read_to_string(rig.path("c.proof")).unwrap();
    assert!(text.starts_with("witnessmark/consistency-proof@v1\nold 2\n"), "{text}");
    std::fs::write(rig.path("c.proof"), text.replace("old 2\n", "old 1\n")).unwrap();
    check(&["--key", &key]).exits(1);
}
