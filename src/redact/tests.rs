//! Rules, modes and properties of redaction as a whole.

use super::*;
use crate::entry::{Entry, Field, json};
use proptest::prelude::*;
use std::borrow::Cow;

fn redactor(redaction: &Redaction) -> Redactor {
    Redactor::new(redaction).unwrap()
}

fn masked(payload: &str) -> String {
    screened(&redactor(&Redaction::mask()), payload).0
}

fn screened(redactor: &Redactor, payload: &str) -> (String, Option<String>) {
    let entry = Entry::new("t", "a", "allow");
    let screened = redactor.screen(&entry, Cow::Borrowed(payload)).unwrap();
    (screened.payload.into_owned(), screened.redactions)
}

fn modes() -> [Redaction; 3] {
    let key = RedactionKey::new([9; 32]).unwrap();
    [Redaction::mask(), Redaction::drop_secrets(), Redaction::hmac(key)]
}

/// Made-up secrets, each with the rule that has to find it in a text of its own.
pub(super) fn secrets() -> Vec<(&'static str, String)> {
    let letters = |len: usize| "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY".chars().cycle().take(len);
    let any = |len: usize| letters(len).collect::<String>();
    let hex = |len: usize| "0123456789abcdef".chars().cycle().skip(3).take(len).collect::<String>();
    let upper = |len: usize| {
        any(2 * len).to_uppercase().replace(['0', '1', '8', '9'], "Z")[..len].to_owned()
    };
    let mut all: Vec<(&'static str, String)> = vec![
        ("private-key", "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA75\nq==\n-----END RSA PRIVATE KEY-----".into()),
        ("private-key", "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg".into()),
        ("private-key", "-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQOYBF\n-----END PGP PRIVATE KEY BLOCK-----".into()),
        ("private-key-base64", format!("LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk{}", any(40))),
        ("age-secret-key", format!("AGE-SECRET-KEY-1{}", upper(58))),
        ("jwt", format!("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.{}", any(43))),
        ("aws-access-key-id", "AKIAIOSFODNN7EXAMPLE".into()),
        ("aws-access-key-id", format!("ASIA{}", upper(16))),
        ("gitlab-token", format!("glpat-{}", any(20))),
        ("slack-token", format!("xoxb-123456789012-1234567890123-{}", any(24))),
        ("slack-token", format!("xapp-1-A02ABCDEF-1234567890-{}", hex(32))),
        ("stripe-key", format!("sk_live_{}", any(24))),
        ("stripe-key", format!("whsec_{}", any(32))),
        ("anthropic-key", format!("sk-ant-api03-{}", any(93))),
        ("openai-key", format!("sk-proj-{}", any(48))),
        ("openai-key", format!("sk-{}T3BlbkFJ{}", any(20), any(20))),
        ("google-api-key", format!("AIza{}", any(35))),
        ("google-api-key", format!("ya29.{}", any(60))),
        ("google-api-key", format!("GOCSPX-{}", any(28))),
        ("npm-token", format!("npm_{}", any(36))),
        ("pypi-token", format!("pypi-AgEIcHlwaS5vcmc{}", any(60))),
        ("sendgrid-key", format!("SG.{}.{}", any(22), any(43))),
        ("twilio-key", format!("SK{}", hex(32))),
        ("huggingface-token", format!("hf_{}", any(34))),
        ("azure-key", format!("abc8Q~{}", any(34))),
        ("digitalocean-token", format!("dop_v1_{}", hex(64))),
        ("shopify-token", format!("shpat_{}", hex(32))),
        ("databricks-token", format!("dapi{}", hex(32))),
        ("vault-token", format!("hvs.{}", any(90))),
        ("grafana-token", format!("glsa_{}_{}", any(32), hex(8))),
        ("linear-key", format!("lin_api_{}", any(40))),
        ("notion-token", format!("ntn_{}", any(46))),
        ("postman-key", format!("PMAK-{}-{}", hex(24), hex(34))),
        ("newrelic-key", format!("NRAK-{}", upper(27))),
        ("docker-token", format!("dckr_pat_{}", any(27))),
        ("rubygems-key", format!("rubygems_{}", hex(48))),
        ("mailgun-key", format!("key-{}", hex(32))),
        ("telegram-token", format!("1234567890:AA{}", any(33))),
        ("square-token", format!("sq0atp-{}", any(22))),
        ("planetscale-token", format!("pscale_tkn_{}", any(43))),
        ("supabase-token", format!("sbp_{}", hex(40))),
        ("sentry-token", format!("sntryu_{}", hex(64))),
        ("terraform-token", format!("{}.atlasv1.{}", any(14), any(67))),
        ("doppler-token", format!("dp.pt.{}", any(43))),
        ("groq-key", format!("gsk_{}", any(52))),
        ("xai-key", format!("xai-{}", any(80))),
        ("replicate-token", format!("r8_{}", any(37))),
        ("perplexity-key", format!("pplx-{}", any(48))),
        ("atlassian-token", format!("ATATT3{}", any(186))),
        ("netlify-token", format!("nfp_{}", any(36))),
        ("card-number", "4111 1111 1111 1111".into()),
        ("card-number", "5555555555554444".into()),
        ("card-number", "3782-822463-10005".into()),
    ];
    all.extend(
        ["ghp", "gho", "ghu", "ghs", "ghr"].map(|p| ("github-token", format!("{p}_{}", any(36)))),
    );
    all.push(("github-token", format!("github_pat_{}_{}", any(22), any(59))));
    all
}

/// Texts with a secret that is told by what stands around it: rule, text, secret.
const IN_CONTEXT: &[(&str, &str, &str)] = &[
    ("bearer-token", "Bearer abcdefgh", "abcdefgh"),
    ("bearer-token", "curl -H 'Authorization: Bearer abc.def-1' x", "abc.def-1"),
    ("basic-auth", "Authorization: Basic a2ltOmh1bnRlcjI=", "a2ltOmh1bnRlcjI="),
    ("url-password", "postgres://kim:hun%40ter@db.example:5432/x", "hun%40ter"),
    ("url-password", "redis://:p@ss@cache.example", "p@ss"),
    ("url-password", "amqps://a:b-c-d@host/v", "b-c-d"),
    ("query-parameter", "https://x.example/a?id=7&access_token=abc123&b=1", "abc123"),
    ("query-parameter", "/v1?next=/x?api-key=k9k9k9", "k9k9k9"),
    (
        "query-signature",
        "https://a.blob.example/c?sv=1&sig=Ab3dEf6hIj%2Bk9&se=2",
        "Ab3dEf6hIj%2Bk9",
    ),
    ("quoted-pair", r#"sent {"user":"kim","password":"hun\"ter2"} to it"#, r#"hun\"ter2"#),
    (
        "quoted-pair",
        r#"sent {\"user\":\"kim\",\"pass_word\":\"x\",\"password\":\"hunter2\"}"#,
        "hunter2",
    ),
    ("quoted-pair", "{'api_key': 'abc', 'n': 1}", "abc"),
    ("quoted-pair", r#"cut off: {"client_secret": "abcdef"#, "abcdef"),
    ("assignment", "export GITHUB_TOKEN=abcdef && run", "abcdef"),
    ("assignment", "PGPASSWORD='a b c' psql", "a b c"),
    ("assignment", "login user=kim password=hunter2!", "hunter2!"),
    ("command-flag", "mysql --password hunter2 -u kim", "hunter2"),
    ("command-flag", "tool --api-key abc123", "abc123"),
    ("connection-string", "Server=db;User Id=kim;Password=hunter two;Encrypt=yes", "hunter two"),
    ("header-line", "X-Api-Key: 0123456789", "0123456789"),
    ("cookie", "Cookie: sid=abc; theme=dark", "sid=abc; theme=dark"),
    (
        "slack-webhook",
        "https://hooks.slack.com/services/T00000000/B00000000/abcdefghijklmnop",
        "T00000000/B00000000/abcdefghijklmnop",
    ),
    (
        "azure-key",
        "AccountName=x;AccountKey=abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmn==;",
        "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmn==",
    ),
    (
        "aws-secret-access-key",
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ),
];

#[test]
fn names_and_forms_are_found_wherever_they_lie() {
    for (payload, wanted) in [
        (
            r#"{"a":[{"Pass\u0077ord":"hunter2"}],"b":"x"}"#,
            r#"{"a":[{"Pass\u0077ord":"[redacted:key-password]"}],"b":"x"}"#,
        ),
        (
            r#"{"h":{"Authorization":"Bearer abc","n":1.50},"pin":1234,"token":5}"#,
            r#"{"h":{"Authorization":"[redacted:key-authorization]","n":1.50},"pin":"[redacted:key-code]","token":5}"#,
        ),
        (
            r#"{"credentials":{"user":"kim","n":[1,true,null,"x"]}}"#,
            r#"{"credentials":{"user":"[redacted:key-credential]","n":["[redacted:key-credential]",true,null,"[redacted:key-credential]"]}}"#,
        ),
        (
            r#"["see ghp_0123456789abcdefghijABCDEFGHIJ012345 \u0026 more"]"#,
            r#"["see [redacted:github-token] \u0026 more"]"#,
        ),
        (r#"{"ref":4111111111111111}"#, r#"{"ref":"[redacted:card-number]"}"#),
        (
            r#"{"order_id":4111111111111111,"time_ns":"4111111111111111"}"#,
            r#"{"order_id":4111111111111111,"time_ns":"4111111111111111"}"#,
        ),
        (
            r#"{"ghp_0123456789abcdefghijABCDEFGHIJ012345":1,"ghp_0123456789abcdefghijABCDEFGHIJ012346":2}"#,
            r#"{"[redacted:github-token]":1,"[redacted:github-token#2]":2}"#,
        ),
        (
            r#"{"pwd":"/home/kim","tokens":["a"],"password":""}"#,
            r#"{"pwd":"/home/kim","tokens":["a"],"password":""}"#,
        ),
    ] {
        assert_eq!(masked(payload), wanted);
    }
}

/// Every rule finds its secret, raw and with any letter escaped, and takes out no more than it.
#[test]
fn each_rule_finds_what_it_is_for() {
    let ids: std::collections::BTreeSet<&str> = secrets()
        .into_iter()
        .map(|(id, _)| id)
        .chain(IN_CONTEXT.iter().map(|(id, _, _)| *id))
        .collect();
    for rule in rules::RULES {
        assert!(ids.contains(rule.id), "nothing tries {}", rule.id);
        assert!(regex::Regex::new(rule.pattern).is_ok(), "{}", rule.id);
    }
    let alone =
        secrets().into_iter().map(|(id, secret)| (id, format!("see ({secret}), please"), secret));
    let around =
        IN_CONTEXT.iter().map(|(id, text, secret)| (*id, (*text).to_owned(), (*secret).to_owned()));
    for (id, text, secret) in alone.chain(around) {
        let wanted = text.replace(&secret, &format!("[redacted:{id}]"));
        for escaped in [false, true] {
            let json =
                if escaped { all_escaped(&text) } else { serde_json::to_string(&text).unwrap() };
            let (out, record) =
                screened(&redactor(&Redaction::mask()), &format!("{{\"note\":{json}}}"));
            let out: serde_json::Value = serde_json::from_str(&out).unwrap();
            if id == "private-key" && !secret.contains("END") {
                assert!(!out["note"].as_str().unwrap().contains("MIIEvQ"));
                continue;
            }
            assert_eq!(out["note"], wanted, "{id}, escaped: {escaped}");
            assert!(
                record.unwrap().contains(&format!("{{\"path\":\"/data/note\",\"rule\":\"{id}\""))
            );
        }
    }
}

fn all_escaped(text: &str) -> String {
    let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
    format!("\"{}\"", units.collect::<String>())
}

#[test]
fn texts_of_an_entry_are_redacted_and_ids_are_not() {
    let redactor = redactor(&Redaction::mask());
    let entry = Entry::new("t", "did:web:AKIAIOSFODNN7EXAMPLE", "allow")
        .resource("https://kim:hunter2@db.example/x")
        .policy_decision("blocked: password=hunter2 seen")
        .matched_rule("no-secrets")
        .trace_id("4111111111111111");
    let screened = redactor.screen(&entry, Cow::Borrowed("")).unwrap();
    let text = |field| screened.entry.text(field);
    assert_eq!(text(Field::Resource), Some("https://kim:[redacted:url-password]@db.example/x"));
    assert_eq!(text(Field::PolicyDecision), Some("blocked: password=[redacted:assignment] seen"));
    assert_eq!(text(Field::MatchedRule), Some("no-secrets"));
    assert_eq!(text(Field::TraceId), Some("4111111111111111"));
    assert_eq!(text(Field::AgentDid), Some("did:web:AKIAIOSFODNN7EXAMPLE"));
    assert_eq!(text(Field::RuleSet), Some(redactor.rules_digest()));
    assert_eq!(screened.count, 2);
}

#[test]
fn modes_differ_in_what_they_leave() {
    let payload = r#"{"password":"hunter2","again":{"password":"hunter2"},"n":"x ghp_0123456789abcdefghijABCDEFGHIJ012345"}"#;
    let [mask, drop, hmac] = modes().map(|mode| screened(&redactor(&mode), payload).0);
    assert!(mask.contains("[redacted:key-password]"));
    assert_eq!(drop, r#"{"password":null,"again":{"password":null},"n":"x [redacted]"}"#);
    let value: serde_json::Value = serde_json::from_str(&hmac).unwrap();
    assert_eq!(value["password"], value["again"]["password"]);
    assert_eq!(value["password"].as_str().unwrap().len(), "[hmac:]".len() + 32);
    let off = screened(&redactor(&Redaction::off()), payload);
    assert_eq!(off, (payload.to_owned(), None));
    let other = Redaction::hmac(RedactionKey::new([8; 32]).unwrap());
    assert_ne!(screened(&redactor(&other), payload).0, hmac);
}

#[test]
fn no_key_is_shown() {
    let key = RedactionKey::new([0xab; 32]).unwrap();
    assert_eq!(format!("{key:?}"), "RedactionKey(..)");
    let redaction = Redaction::hmac(key);
    let shown = format!("{redaction:?} {:?}", redactor(&redaction));
    assert!(shown.contains("RedactionKey(..)") && !shown.contains("171, 171"), "{shown}");
}

#[test]
fn rules_of_ones_own_and_the_allow_list_hold() {
    let redaction = Redaction::mask()
        .pattern("acme-key", "acme_[0-9a-f]{8}", ["acme_"])
        .key_name("employee", "employee_no")
        .without_rule("card-number")
        .allow_key("refresh_token")
        .allow_value("AKIAIOSFODNN7EXAMPLE")
        .allow_path("/data/items/*/password");
    let payload = r#"{"k":"acme_01234567","EmployeeNo":12,"c":"4111111111111111","refreshToken":"r","v":"AKIAIOSFODNN7EXAMPLE","items":[{"password":"p"}],"password":"q"}"#;
    let wanted = r#"{"k":"[redacted:acme-key]","EmployeeNo":"[redacted:employee]","c":"4111111111111111","refreshToken":"r","v":"AKIAIOSFODNN7EXAMPLE","items":[{"password":"p"}],"password":"[redacted:key-password]"}"#;
    let own = redactor(&redaction);
    assert_eq!(screened(&own, payload).0, wanted);
    assert_ne!(own.rules_digest(), redactor(&Redaction::mask()).rules_digest());
    let without_literal = Redaction::mask().pattern("x", "zq[0-9]", []);
    assert_eq!(screened(&redactor(&without_literal), r#"["zq1"]"#).0, r#"["[redacted:x]"]"#);
    for bad in [
        Redaction::mask().pattern("x", "(", ["abcd"]),
        Redaction::mask().pattern("X y", "a", ["abcd"]),
        Redaction::mask().pattern("x", "a", ["abc"]),
        Redaction::mask().key_name("x", "-"),
        Redaction::mask().without_rule("no-such-rule"),
    ] {
        assert_eq!(Redactor::new(&bad).unwrap_err().kind(), crate::ErrorKind::Invalid);
    }
}

#[test]
fn names_made_to_collide_with_marks_still_give_json() {
    let payload = r#"{"[redacted:github-token]":0,"ghp_0123456789abcdefghijABCDEFGHIJ012345":1}"#;
    let out = masked(payload);
    assert!(json::check(&out).is_ok() && !out.contains("ghp_"), "{out}");
}

#[test]
fn many_beginnings_of_secrets_take_linear_time() {
    for piece in [
        "eyJ",
        "a=",
        "?a=",
        "\\\"a\\\":",
        "-----BEGIN PRIVATE KEY-----",
        "x://a:b",
        "token=",
        "4111 ",
        "bearer ",
    ] {
        let payload = format!("[\"{}\"]", piece.replace('"', "'").repeat((1 << 18) / piece.len()));
        let begin = std::time::Instant::now();
        let _ = masked(&payload);
        assert!(begin.elapsed().as_secs() < 10, "{piece}");
    }
}

fn nested() -> impl Strategy<Value = serde_json::Value> {
    let word = prop_oneof![
        "[a-z ]{0,12}",
        Just("password".to_owned()),
        Just("x\"\\/\n\u{1f680}".to_owned())
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        // One in some ten thousand longer numbers is that of a payment card, and so a secret.
        (-1_000_000_000_000i64..1_000_000_000_000).prop_map(Into::into),
        word.clone().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map(word.clone(), inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// JSON text of a value, each character of its strings escaped or not as the bits say.
fn write(value: &serde_json::Value, bits: &mut u64, out: &mut String) {
    let mut string = |text: &str, out: &mut String| {
        out.push('"');
        for c in text.chars() {
            *bits = bits.rotate_left(7).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            if bits.is_multiple_of(5) {
                out.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04X}")));
            } else {
                let quoted = serde_json::to_string(&c.to_string()).unwrap();
                *out += &quoted[1..quoted.len() - 1];
            }
        }
        out.push('"');
    };
    match value {
        serde_json::Value::String(text) => string(text, out),
        serde_json::Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                write(item, bits, out);
            }
            out.push(']');
        }
        serde_json::Value::Object(members) => {
            out.push('{');
            for (i, (key, item)) in members.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                write(&serde_json::Value::String(key.clone()), bits, out);
                out.push(':');
                write(item, bits, out);
            }
            out.push('}');
        }
        other => *out += &other.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// A secret planted anywhere does not survive, what comes out is JSON, and doing it again
    /// changes nothing.
    #[test]
    fn no_planted_secret_survives(
        around in nested(),
        which in any::<prop::sample::Index>(),
        under in prop_oneof![Just("note"), Just("Pass-Word"), Just("a b")],
        (before, behind) in ("[a-z]{0,8} |", "| [a-z.]{0,8}"),
        as_key in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let (_, secret) = secrets().swap_remove(which.index(secrets().len()));
        let text = format!("{before}{secret}{behind}");
        let planted = if as_key {
            serde_json::json!([around, {text: 1}])
        } else {
            serde_json::json!({"x": [around.clone(), {under: [text]}], "y": around})
        };
        let mut payload = String::new();
        write(&planted, &mut { seed | 1 }, &mut payload);
        for mode in modes() {
            let redactor = redactor(&mode);
            let (out, record) = screened(&redactor, &payload);
            prop_assert!(record.is_some());
            prop_assert!(json::check(&out).is_ok(), "{out}");
            let value: serde_json::Value = serde_json::from_str(&out).unwrap();
            let decoded = decoded(&value);
            let piece = secret.split('\n').nth(1).unwrap_or(&secret);
            prop_assert!(!decoded.contains(piece), "{out}");
            prop_assert_eq!(screened(&redactor, &out), (out, None));
        }
    }

    /// What holds no secret stays as it was, byte for byte.
    #[test]
    fn what_is_clean_is_untouched(around in nested(), seed in any::<u64>()) {
        let mut payload = String::new();
        write(&around, &mut { seed | 1 }, &mut payload);
        let (out, record) = screened(&redactor(&Redaction::mask()), &payload);
        if record.is_none() {
            prop_assert_eq!(&out, &payload);
        }
        // Only values under the one sensitive name that is generated may differ.
        prop_assert!(record.is_none() || decoded(&around).contains("password"));
    }

    /// The sieve says no only where the rules find nothing.
    #[test]
    fn any_text_is_handled(text in any::<String>(), seed in any::<u64>()) {
        let redactor = redactor(&Redaction::mask());
        let once = redactor.text(&text).into_owned();
        let mut payload = String::new();
        write(&serde_json::json!([text, {&text: once}]), &mut { seed | 1 }, &mut payload);
        let (out, _) = screened(&redactor, &payload);
        prop_assert!(json::check(&out).is_ok());
    }
}

/// Every string of a value, names as well.
fn decoded(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => format!("{text}\n"),
        serde_json::Value::Array(items) => items.iter().map(decoded).collect(),
        serde_json::Value::Object(members) => {
            members.iter().map(|(key, item)| format!("{key}\n{}", decoded(item))).collect()
        }
        other => format!("{other}\n"),
    }
}
