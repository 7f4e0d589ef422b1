//! Ordinary data: thousands of values in which no rule may find anything.
//!
//! Made by a generator of fixed seed, so every run looks at the same values: identifiers, digests,
//! code, encoded images, log lines, times, numbers that look like cards, prose.

use super::*;
use crate::entry::Entry;
use std::borrow::Cow;

/// A plain generator (splitmix64), so that the corpus does not depend on a crate's version.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, len: usize) -> usize {
        usize::try_from(self.next() % len as u64).unwrap()
    }

    fn text(&mut self, alphabet: &str, len: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..len).map(|_| letters[self.below(letters.len())]).collect()
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

const HEX: &str = "0123456789abcdef";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE58: &str = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

const LINES: &[&str] = &[
    "2026-11-25T12:00:01.123456Z INFO worker-7 tokens=1234 latency_ms=20.5 status=200",
    "GET /v1/items?page_token=Cj8SPQ&limit=50&sort_key=name HTTP/1.1",
    "user kim@example.com opened https://docs.example.com:8443/guide#auth",
    "git clone git@github.com:acme/secret-santa.git && cd secret-santa",
    "the bearer of this letter needs basic authentication and bearer authentication",
    "passengers passed the passport control; the compass was bypassed",
    "password must have 12 characters; password reset was requested; forgot your password?",
    "error: invalid token at line 3, column 14: expected `}`, found end of input",
    "max_tokens=4096 prompt_tokens=812 completion_tokens=77 token_count=889",
    "see http://localhost:8080/path@v2/file and ssh://git.example.com:22/repo",
    "did:web:worker-001.fleet.example.com delegated to did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
    "cookie policy accepted; cookies enabled; authorization granted by policy rule-7",
    "Chapter 4111: 1111 ways to say no. Call +1 (555) 123-4567 or 0800 111 2222",
    "card declined; ask the client secretariat for the secret ingredient",
    "Content-Type: application/json; charset=utf-8",
    "ETag: W/\"33a64df551425fcc55e4d42a148795d9f25f89d4\"",
    "SELECT id, token_type FROM sessions WHERE user_id = 42 AND expires_at > now()",
    "Basic plan, Pro plan; basic usage: run the tool. Basic information follows",
    "risk-adjusted, task-oriented, disk-based; desk-42; ask-me-anything-about-this-topic-please",
    "arn:aws:iam::123456789012:role/Reader s3://bucket/key=value/part-0001.parquet",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "1764072000000000000 1764072000000 1764072000",
    "DE89 3704 0044 0532 0130 00, GB29 NWBK 6016 1331 9268 19",
    "ISBN 978-3-16-148410-0, EAN 4006381333931, IMEI 490154203237518",
    "pip install huggingface_hub && hf_transfer --version; npm_config_registry=x",
    "eyJust kidding; eyes on the prize. -----BEGIN CERTIFICATE-----",
    "sk-learn sk-ip sk_live is a prefix; AKIA is one too; ghp_ alone is none",
    "postgres://db.example:5432/orders?sslmode=require redis://cache:6379/0",
    "template: postgres://app:${DB_PASSWORD}@db/app and --password <PASSWORD> and API_KEY=$API_KEY",
];

const CODE: &[&str] = &[
    "fn token(&self) -> Option<&Token> { self.tokens.get(self.at) }",
    "const password = await prompt('Password: '); if (!password) throw new Error('no password');",
    "def login(user, password=None, token=None):\n    return client.post('/login', auth=auth)\n",
    "api_key = os.environ[\"API_KEY\"]\nclient = Client(api_key=api_key)",
    "if token == TokenKind::Comma { next(); }",
    "let secret = config.secret.clone(); let key = keys.next()?;",
    "requests.get(url, headers={\"Authorization\": \"Bearer \" + token})",
    "#define MAX_TOKENS 128\nstatic const char *password_prompt = PROMPT;",
    "export default { name: 'password-field', props: ['value'], data() { return { secret: null } } }",
    "SECRET_KEY = config('SECRET_KEY')\nTOKEN=$(cat token.txt)",
    "for (k, v) in headers { if k == \"cookie\" { continue } }",
    "password=password token=token secret=self.secret api_key=settings.api_key",
    "<input type=\"password\" name=\"pw\" autocomplete=\"current-password\">",
    "x = [4111, 1111, 1111, 1111]; y = 0.4111111111111111; z = 1e16",
];

fn ordinary() -> Vec<serde_json::Value> {
    let mut numbers = Numbers(0x77_69_74);
    let mut all = Vec::new();
    for round in 0..400 {
        let hex = |numbers: &mut Numbers, len| numbers.text(HEX, len);
        let uuid = [8, 4, 4, 4, 12].map(|len| hex(&mut numbers, len)).join("-");
        let n = numbers.next();
        all.push(serde_json::json!({
            "request_id": n.to_string(), "order_id": n % 10_000_000_000_000_000, "uuid": uuid,
            "trace": format!("trace-{:08x}", numbers.next() & 0xffff_ffff),
            "entry_id": format!("audit_{}", hex(&mut numbers, 16)),
            "sha256": hex(&mut numbers, 64), "sha1": hex(&mut numbers, 40), "md5": hex(&mut numbers, 32),
            "git": hex(&mut numbers, 7), "etag": numbers.text(BASE64, 27), "cid": format!("Qm{}", numbers.text(BASE58, 44)),
            "did": format!("did:key:z6Mk{}", numbers.text(BASE58, 44)),
            "latency_ms": (numbers.next() % 1_000_000) as f64 / 997.0, "score": numbers.next() as f64 / 1e19,
            "ts_ns": 1_764_072_000_000_000_000u64 + round, "ts_us": 1_764_072_000_000_000u64 + round,
            "tokens": numbers.next() % 5000, "max_tokens": 4096, "token_count": n % 9000,
        }));
        all.push(serde_json::json!({
            "image": format!("data:image/png;base64,iVBORw0KGgo{}", numbers.text(BASE64, 600)),
            "blob": numbers.text(BASE64, 300), "url_safe": numbers.text(BASE64, 120).replace('+', "-").replace('/', "_"),
            "key_id": numbers.text(HEX, 16), "public_key": numbers.text(BASE64, 43), "author": "kim",
            "primary_key": "id", "partition_key": numbers.text(HEX, 12), "passenger": "p. senger",
            "phone": format!("+49 171 {:07}", numbers.next() % 10_000_000),
            "iban": format!("DE{:02}{:018}", numbers.next() % 97, numbers.next() % 1_000_000_000_000_000_000),
            "address": format!("0x{}", numbers.text(HEX, 40)), "ip": "2001:db8::8a2e:370:7334",
            "amounts": [numbers.next() % 100_000, 4111, 1111, 1111, 1111],
            "long": format!("{:013}", numbers.next() % 10_000_000_000_000),
            "longer": format!("1{:016}", numbers.next() % 10_000_000_000_000_000),
        }));
        all.push(serde_json::json!({"line": numbers.one(LINES), "n": round, "tool": "grep"}));
        all.push(serde_json::json!([numbers.one(CODE), {"diff": numbers.one(CODE), "lang": "x"}]));
        // Sixteen digits that fail the Luhn check, or whose beginning no issuer has.
        let digits = format!("{:016}", numbers.next() % 10_000_000_000_000_000);
        if card::find(&digits).is_empty() {
            all.push(serde_json::json!({"reference": digits, "note": format!("ref {digits}.")}));
        }
    }
    for line in LINES.iter().chain(CODE) {
        all.push(serde_json::json!({"text": line}));
    }
    all
}

fn leaves(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::Array(items) => items.iter().map(leaves).sum(),
        serde_json::Value::Object(members) => members.values().map(leaves).sum(),
        _ => 1,
    }
}

#[test]
fn ordinary_data_is_left_alone() {
    let redactor = Redactor::new(&Redaction::mask()).unwrap();
    let corpus = ordinary();
    let mut wrong = Vec::new();
    for value in &corpus {
        let payload = value.to_string();
        let entry = Entry::new("t", "a", "allow");
        let screened = redactor.screen(&entry, Cow::Borrowed(&payload)).unwrap();
        if let Some(record) = screened.redactions {
            wrong.push(format!("{record}\n  {payload:.300}"));
        }
    }
    let count: usize = corpus.iter().map(leaves).sum();
    println!("ordinary data: {} payloads, {count} values, {} redacted", corpus.len(), wrong.len());
    assert!(wrong.is_empty(), "{} false positives:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 15_000);
}
