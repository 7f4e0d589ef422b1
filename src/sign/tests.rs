//! The published vectors, every rule of the formats, and that hostile text is refused quietly.
//!
//! Vectors: C2SP signed-note 1.0.0 (its example), and the log of seed 00..1f that Go's x/mod,
//! Tessera and three other implementations agree on.

use super::*;
use crate::error::ErrorKind;
use crate::merkle::Frontier;
use crate::types::{Hash, TreeSize};
use proptest::prelude::*;

const FOO: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const FOO_NOTE: &str = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tn\
    agv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
const LOG: &str = "log.example.com/agents";
const LOG_KEY: &str =
    "log.example.com/agents+701ac700+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";

fn seed(from: u8) -> [u8; 32] {
    std::array::from_fn(|at| from + u8::try_from(at).unwrap())
}

fn log_key() -> SigningKey {
    SigningKey::from_seed(LOG, &seed(0)).unwrap()
}

fn key(name: &str, from: u8) -> SigningKey {
    SigningKey::from_seed(name, &seed(from)).unwrap()
}

/// The vectors' log: entry i is the text `entry i`.
fn checkpoint(size: u64) -> Checkpoint {
    let mut frontier = Frontier::new();
    for index in 0..size {
        frontier.push(crate::hash::leaf(format!("entry {index}").as_bytes()), |_, _| {});
    }
    let root = if size == 0 { crate::hash::empty_root() } else { frontier.root() };
    Checkpoint::new(LOG, TreeSize::new(size), root).unwrap()
}

#[test]
fn the_example_of_the_note_format_verifies() {
    let key: VerifierKey = FOO.parse().unwrap();
    let note = Note::parse(FOO_NOTE.as_bytes()).unwrap();
    assert_eq!(note.text(), "This is an example message.\n");
    assert_eq!(note.verify(std::slice::from_ref(&key)).unwrap(), [&key]);
    assert_eq!((note.to_string().as_str(), key.to_string().as_str()), (FOO_NOTE, FOO));
}

#[test]
fn the_known_log_has_its_known_keys_and_signatures() {
    let key = log_key();
    assert_eq!(key.verifier().to_string(), LOG_KEY);
    assert_eq!(key.id().to_string(), "701ac700");
    for (size, line) in [
        (
            7,
            "cBrHABHkqKilPxsmrjzl3H8f2gtF2k4IW4WKQuKFCtdA1VrN45i9g38ltx/9M1iQN3HLH8e1VOS2cx8sZ1VMEBOtCwI=",
        ),
        (
            0,
            "cBrHAMD3FT+aSwUOv4dpjDiwbcMU0Q2Xnnmm3kNSIH8AlByjXTBOvVsOV5BDz7S/X5ZOf9ZzlegSWx5ZeR0bIGEScgI=",
        ),
    ] {
        let signed = checkpoint(size).sign(&[&key]).unwrap();
        let text = signed.to_string();
        assert!(text.ends_with(&format!("\n\n— {LOG} {line}\n")), "{text}");
        let parsed = SignedCheckpoint::parse(text.as_bytes()).unwrap();
        assert_eq!(parsed, signed);
        assert_eq!(parsed.verify(&[key.verifier()]).unwrap().len(), 1);
    }
}

#[test]
fn a_witness_line_is_kept_and_ignored() {
    let witness = "— witness.example.com/w1 lpmAzwAAAABlU/EA4VGy+DafilB31ezWRRWkCkl888CDo2e0lYYcdY7yq3Rw\
        J7pUWZ7Pq4Qq7KJ3RHeDhgaKkpPLScL5PGNQvfAiCA==\n";
    let signed = checkpoint(7).sign(&[&log_key()]).unwrap();
    let text = format!("{signed}{witness}");
    let parsed = SignedCheckpoint::parse(text.as_bytes()).unwrap();
    assert_eq!(parsed.to_string(), text);
    assert_eq!(parsed.note().signatures().len(), 2);
    assert_eq!(parsed.verify(&[LOG_KEY.parse().unwrap()]).unwrap().len(), 1);
}

#[test]
fn keys_survive_their_texts_and_others_are_refused() {
    let key = log_key();
    let text = key.to_text();
    assert!(text.starts_with("PRIVATE+KEY+log.example.com/agents+701ac700+AQABAgME"), "{}", *text);
    assert_eq!(SigningKey::parse(&format!("{}\n", *text)).unwrap().verifier(), key.verifier());
    let longer = format!("{}AAAA", *text);
    let other_name = text.replace("agents", "robots");
    for wrong in ["", "PRIVATE+KEY+", LOG_KEY, &longer, &other_name, &text[..40], &text[1..]] {
        let error = SigningKey::parse(wrong).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Key);
    }
    let small_order = format!("{LOG}+{}+AQ{}", "00000000", "A".repeat(42));
    for wrong in [
        "",
        "a+b",
        &LOG_KEY.replace("701ac700", "701AC700"),
        &LOG_KEY.replace("701ac700", "701ac701"),
        &LOG_KEY.replace("+AQ", "+Ag"),
        &LOG_KEY.replace("log.", "log "),
        &LOG_KEY[1..],
        &text,
        &small_order,
    ] {
        let error = wrong.parse::<VerifierKey>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Key, "{wrong}");
    }
}

#[test]
fn no_secret_is_shown() {
    let key = log_key();
    let text = key.to_text();
    let (_, secret) = text.rsplit_once('+').unwrap();
    let mut shown = format!("{key:?}");
    for end in 0..text.len() {
        shown += &SigningKey::parse(&text[..end]).unwrap_err().to_string();
        shown += &text[..end].parse::<VerifierKey>().unwrap_err().to_string();
    }
    shown += &text.parse::<VerifierKey>().unwrap_err().to_string();
    shown += &SigningKey::parse(&text.replace("AQAB", "AQAC")).unwrap_err().to_string();
    assert!(!shown.contains(&secret[..8]), "{shown}");
    assert!(!shown.contains("000102") && !shown.contains("[0, 1"), "{shown}");
}

#[test]
fn a_known_key_with_a_bad_signature_condemns_the_note() {
    let (good, other) = (key("a.example", 0), key("b.example", 40));
    let note = Note::sign("text\n", &[&good, &other]).unwrap();
    assert_eq!(note.verify(&[good.verifier(), other.verifier()]).unwrap().len(), 2);
    let elsewhere = Note::sign("another text\n", &[&other]).unwrap();
    let line = |note: &Note, at: usize| {
        let text = note.to_string();
        text.lines().filter(|line| line.starts_with('—')).nth(at).unwrap().to_owned()
    };
    let forged = note.to_string().replace(&line(&note, 1), &line(&elsewhere, 0));
    let forged = Note::parse(forged.as_bytes()).unwrap();
    // To whom the second key is unknown, the first one still says enough.
    assert!(forged.verify(&[good.verifier()]).is_ok());
    let error = forged.verify(&[good.verifier(), other.verifier()]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ProofInvalid);
    // A good line before a bad one of the same key does not help.
    let twice = format!("{}{}\n", note, line(&elsewhere, 0));
    let twice = Note::parse(twice.as_bytes()).unwrap();
    assert!(twice.verify(&[other.verifier()]).is_err());
    let stranger = key("a.example", 80);
    let error = note.verify(&[stranger.verifier()]).unwrap_err();
    assert!(error.message().contains("no key that is trusted"), "{error}");
    assert!(note.verify(&[]).is_err());
}

#[test]
fn the_last_empty_line_separates() {
    let key = key("a.example", 0);
    let note = Note::sign("one\n\ntwo\n\n\nthree\n", &[&key]).unwrap();
    let parsed = Note::parse(note.to_string().as_bytes()).unwrap();
    assert_eq!(parsed, note);
    assert!(parsed.verify(&[key.verifier()]).is_ok());
    // Text that is all newlines, and a text that ends in an empty line.
    for text in ["\n", "\n\n\n", "a\n\n"] {
        let note = Note::sign(text, &[&key]).unwrap();
        assert_eq!(Note::parse(note.to_string().as_bytes()).unwrap().text(), text);
    }
}

#[test]
fn sixteen_signatures_are_read_and_seventeen_refused() {
    let keys: Vec<SigningKey> = (0..17).map(|n| key(&format!("k{n}.example"), n)).collect();
    let refs: Vec<&SigningKey> = keys.iter().collect();
    let note = Note::sign("text\n", &refs[..16]).unwrap();
    let known: Vec<VerifierKey> = keys.iter().map(SigningKey::verifier).collect();
    let text = note.to_string();
    assert_eq!(Note::parse(text.as_bytes()).unwrap().verify(&known).unwrap().len(), 16);
    let more = Note::sign("text\n", &refs[16..]).unwrap().to_string();
    let text = format!("{text}{}\n", more.lines().last().unwrap());
    assert!(Note::parse(text.as_bytes()).unwrap_err().message().contains("too many"));
    assert!(Note::sign("text\n", &refs).is_err() && Note::sign("text\n", &[]).is_err());
}

#[test]
fn what_is_no_note_is_refused() {
    let line = FOO_NOTE.lines().last().unwrap();
    let of = |text: &str| text.as_bytes().to_vec();
    for (what, bytes) in [
        ("empty", of("")),
        ("only a newline", of("\n")),
        ("no signature", of("text\n\n")),
        ("no separator", of(&format!("text\n{line}\n"))),
        ("no newline at its end", of(FOO_NOTE.trim_end())),
        ("a control character", of(&FOO_NOTE.replace("example message", "example\tmessage"))),
        ("a carriage return", of(&FOO_NOTE.replace('\n', "\r\n"))),
        ("a zero byte", of(&FOO_NOTE.replace("message", "message\0"))),
        ("a hyphen", of(&FOO_NOTE.replace('—', "-"))),
        ("no name", of(&FOO_NOTE.replace("example.com/foo ", " "))),
        ("a plus sign in the name", of(&FOO_NOTE.replace("/foo", "+foo"))),
        ("a space of another kind", of(&FOO_NOTE.replace("com/foo", "com\u{2003}foo"))),
        ("no signature text", of("text\n\n— a \n")),
        ("four bytes", of("text\n\n— a AAAAAA==\n")),
        ("no base64", of("text\n\n— a AAAAAAAA*\n")),
        ("an empty line at the end", of(&format!("{FOO_NOTE}\n"))),
        ("something behind", of(&format!("{FOO_NOTE}more\n"))),
        ("not UTF-8", [FOO_NOTE.as_bytes(), b"\xff\n"].concat()),
        ("too long", vec![b'a'; crate::limits::NOTE_BYTES_MAX + 1]),
    ] {
        let error = Note::parse(&bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{what}");
    }
    let key = key("a.example", 0);
    assert!(Note::sign("no newline", &[&key]).is_err());
    assert!(Note::sign("tab\there\n", &[&key]).is_err());
}

#[test]
fn what_is_no_checkpoint_is_refused() {
    let root = encode_base64(&[9; 32]);
    let good = format!("origin\n7\n{root}\n");
    let parsed = Checkpoint::parse(&good).unwrap();
    assert_eq!((parsed.origin(), parsed.size().get(), parsed.root()), ("origin", 7, Hash([9; 32])));
    let extended = format!("{good}one\ntwo\n");
    let parsed = Checkpoint::parse(&extended).unwrap();
    assert_eq!(
        (parsed.extensions(), parsed.to_string()),
        (&["one".into(), "two".into()][..], extended)
    );
    for wrong in [
        String::new(),
        "\n7\n".into(),
        good.trim_end().into(),
        format!("\n7\n{root}\n"),
        "origin\n7\n".into(),
        format!("origin\n07\n{root}\n"),
        format!("origin\n+7\n{root}\n"),
        format!("origin\n 7\n{root}\n"),
        format!("origin\n-7\n{root}\n"),
        format!("origin\n0x7\n{root}\n"),
        format!("origin\n\n{root}\n"),
        format!("origin\n9223372036854775808\n{root}\n"),
        format!("origin\n18446744073709551616\n{root}\n"),
        format!("origin\n7\n{}\n", encode_base64(&[9; 31])),
        format!("origin\n7\n{}\n", encode_base64(&[9; 33])),
        format!("origin\n7\n{}\n", root.trim_end_matches('=')),
        format!("origin\n0\n{root}\n"),
        format!("{good}\n"),
        format!("{good}one\n\ntwo\n"),
        format!("{}\n7\n{root}\n", "o".repeat(256)),
    ] {
        assert!(Checkpoint::parse(&wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_log_signs_under_its_own_name_only() {
    let error = checkpoint(7).sign(&[&key("other.example", 0)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key);
    assert_eq!(key_name_of("Acme logs + more"), "Acme_logs___more");
    let spaced = Checkpoint::new("Acme logs", TreeSize::new(1), Hash([1; 32])).unwrap();
    let signer = key("Acme_logs", 3);
    let signed = spaced.sign(&[&signer]).unwrap();
    assert!(signed.verify(&[signer.verifier()]).is_ok());
    let error = signed.verify(&[log_key().verifier()]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key);
    // A key of another name may be trusted for other things; it does not speak for this log.
    let other = key("other.example", 9);
    let note = Note::sign(signed.checkpoint().to_string(), &[&other]).unwrap();
    let alien = SignedCheckpoint::parse(note.to_string().as_bytes()).unwrap();
    assert!(alien.verify(&[signer.verifier(), other.verifier()]).is_err());
}

#[test]
fn during_a_change_of_keys_either_key_vouches() {
    let (old, new) = (log_key(), key(LOG, 99));
    let signed = checkpoint(7).sign(&[&old, &new]).unwrap();
    let parsed = SignedCheckpoint::parse(signed.to_string().as_bytes()).unwrap();
    assert!(parsed.verify(&[old.verifier()]).is_ok());
    assert!(parsed.verify(&[new.verifier()]).is_ok());
    assert_eq!(parsed.verify(&[old.verifier(), new.verifier()]).unwrap().len(), 2);
    assert_ne!(old.id(), new.id());
}

#[test]
fn every_flipped_bit_of_a_signed_checkpoint_is_noticed() {
    let key = log_key();
    let text = checkpoint(7).sign(&[&key]).unwrap().to_string().into_bytes();
    for at in 0..text.len() * 8 {
        let mut changed = text.clone();
        changed[at / 8] ^= 1 << (at % 8);
        let verified = SignedCheckpoint::parse(&changed)
            .and_then(|signed| signed.verify(&[key.verifier()]).map(|_| ()));
        assert!(verified.is_err(), "bit {at}");
    }
}

proptest! {
    #[test]
    fn hostile_notes_and_keys_never_panic(text in ".{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Note::parse(&bytes);
        let _ = SignedCheckpoint::parse(&bytes);
        for text in [&*text, &format!("{text}\n\n— {text}\n"), &format!("PRIVATE+KEY+{text}")] {
            // Whatever is accepted prints as the text it came from: there is one form of each.
            let note = Note::parse(text.as_bytes()).map(|note| note.to_string());
            prop_assert!(note.is_err() || note.unwrap() == text);
            let checkpoint = Checkpoint::parse(text).map(|checkpoint| checkpoint.to_string());
            prop_assert!(checkpoint.is_err() || checkpoint.unwrap() == text);
            prop_assert!(text.parse::<VerifierKey>().is_err() && SigningKey::parse(text).is_err());
        }
    }

    #[test]
    fn any_text_that_may_be_signed_comes_back(lines in prop::collection::vec("[ -~äß—\u{7f}-\u{9f}]{0,30}", 1..6)) {
        let text = format!("{}\n", lines.join("\n"));
        let key = log_key();
        let note = Note::sign(text.clone(), &[&key]).unwrap();
        let parsed = Note::parse(note.to_string().as_bytes()).unwrap();
        prop_assert_eq!(parsed.text(), text);
        prop_assert!(parsed.verify(&[key.verifier()]).is_ok());
    }
}
