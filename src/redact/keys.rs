//! Key names: which say that their value is a secret, however they are written.
//!
//! A name is brought down to its letters and digits in lower case (`API-KEY`, `apiKey`, `x.api_key`
//! become `apikey`, `apikey`, `xapikey`), words like `value` or a number are taken off its end, and
//! what is left is compared by its end. So `db.password` is one and `password_policy` is not.

/// What a name says of its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct KeyRule {
    /// The rule's id.
    pub(super) id: &'static str,
    /// Whether numbers are secrets as well.
    pub(super) takes_numbers: bool,
}

const fn rule(id: &'static str, takes_numbers: bool) -> KeyRule {
    KeyRule { id, takes_numbers }
}

/// How a name must end.
type Ending = (&'static str, KeyRule);

const PASSWORD: KeyRule = rule("key-password", true);
const SECRET: KeyRule = rule("key-secret", true);
const TOKEN: KeyRule = rule("key-token", false);
const API_KEY: KeyRule = rule("key-api-key", false);
const PRIVATE_KEY: KeyRule = rule("key-private-key", false);
const AUTHORIZATION: KeyRule = rule("key-authorization", false);
const CREDENTIAL: KeyRule = rule("key-credential", true);
const COOKIE: KeyRule = rule("key-cookie", false);
const CONNECTION: KeyRule = rule("key-connection-string", false);
const CODE: KeyRule = rule("key-code", true);
const CARD: KeyRule = rule("key-card", true);
const PERSONAL: KeyRule = rule("key-personal", true);

/// Names that end so, alone or behind other words.
pub(super) const ENDINGS: &[Ending] = &[
    ("password", PASSWORD),
    ("passwords", PASSWORD),
    ("passwd", PASSWORD),
    ("passphrase", PASSWORD),
    ("passcode", PASSWORD),
    ("passwort", PASSWORD),
    ("passkey", PASSWORD),
    ("pwd", PASSWORD),
    ("dbpass", PASSWORD),
    ("userpass", PASSWORD),
    ("smtppass", PASSWORD),
    ("authpass", PASSWORD),
    ("adminpass", PASSWORD),
    ("rootpass", PASSWORD),
    ("secret", SECRET),
    ("secrets", SECRET),
    ("secretid", SECRET),
    ("token", TOKEN),
    ("bearer", TOKEN),
    ("jwt", TOKEN),
    ("apikey", API_KEY),
    ("apikeys", API_KEY),
    ("accesskey", API_KEY),
    ("accesskeys", API_KEY),
    ("authkey", API_KEY),
    ("accountkey", API_KEY),
    ("sharedkey", API_KEY),
    ("storagekey", API_KEY),
    ("subscriptionkey", API_KEY),
    ("functionskey", API_KEY),
    ("licensekey", API_KEY),
    ("secretkey", PRIVATE_KEY),
    ("secretkeys", PRIVATE_KEY),
    ("privatekey", PRIVATE_KEY),
    ("privatekeys", PRIVATE_KEY),
    ("signingkey", PRIVATE_KEY),
    ("encryptionkey", PRIVATE_KEY),
    ("masterkey", PRIVATE_KEY),
    ("sessionkey", PRIVATE_KEY),
    ("hmackey", PRIVATE_KEY),
    ("sshkey", PRIVATE_KEY),
    ("deploykey", PRIVATE_KEY),
    ("mnemonic", PRIVATE_KEY),
    ("seedphrase", PRIVATE_KEY),
    ("authorization", AUTHORIZATION),
    ("credential", CREDENTIAL),
    ("credentials", CREDENTIAL),
    ("cookie", COOKIE),
    ("cookies", COOKIE),
    ("connectionstring", CONNECTION),
    ("connectionstrings", CONNECTION),
    ("connstring", CONNECTION),
    ("connstr", CONNECTION),
    ("recoverycode", CODE),
    ("recoverycodes", CODE),
    ("backupcodes", CODE),
    ("cardnumber", CARD),
    ("creditcard", CARD),
    ("ccnumber", CARD),
];

/// Names that are nothing else.
pub(super) const EXACT: &[Ending] = &[
    ("pass", rule("key-password", false)),
    ("auth", AUTHORIZATION),
    ("pin", CODE),
    ("otp", CODE),
    ("totp", CODE),
    ("cvv", CODE),
    ("cvv2", CODE),
    ("cvc", CODE),
    ("cvc2", CODE),
    ("ssn", PERSONAL),
    ("socialsecuritynumber", PERSONAL),
];

/// Names that end like a secret and are none: cursors, marks in a vocabulary, measures.
const NOT: &[&str] = &[
    "nexttoken",
    "prevtoken",
    "previoustoken",
    "pagetoken",
    "continuationtoken",
    "continuetoken",
    "cursortoken",
    "synctoken",
    "resumetoken",
    "offsettoken",
    "cancellationtoken",
    "canceltoken",
    "eostoken",
    "bostoken",
    "padtoken",
    "unktoken",
    "septoken",
    "clstoken",
    "masktoken",
    "stoptoken",
    "endtoken",
    "starttoken",
    "maxtoken",
    "mintoken",
    "pertoken",
    "firsttoken",
    "lasttoken",
    "specialtoken",
    "numtoken",
    "ntoken",
    "cookieconsent",
    "csspasskey",
];

/// Words that say something of a secret's form and not that it is something else.
const FORMS: &[&str] = &[
    "value",
    "confirm",
    "confirmation",
    "plain",
    "plaintext",
    "raw",
    "b64",
    "base64",
    "enc",
    "encrypted",
    "header",
    "new",
    "old",
    "current",
    "repeat",
];

/// Longest name, in letters and digits, that is looked at; of longer ones the end.
const NAME_MAX: usize = 64;

/// The letters and digits of a name, in lower case; of a long one the last.
#[must_use]
pub(super) fn normalise(name: &str) -> String {
    let plain = name.bytes().filter(u8::is_ascii_alphanumeric);
    let mut last: Vec<u8> = plain.rev().take(NAME_MAX).collect();
    last.reverse();
    last.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect()
}

/// The rule for a normalised name.
#[must_use]
pub(super) fn rule_of(normal: &str) -> Option<KeyRule> {
    let mut name = normal.trim_end_matches(|c: char| c.is_ascii_digit());
    if let Some((_, rule)) = EXACT.iter().find(|(word, _)| *word == normal) {
        return Some(*rule);
    }
    if let Some(hashed) = name.strip_suffix("hash").filter(|name| name.ends_with("password")) {
        name = hashed;
    }
    for form in FORMS {
        if let Some(shorter) = name.strip_suffix(form).filter(|shorter| !shorter.is_empty()) {
            name = shorter;
            break;
        }
    }
    if NOT.iter().any(|word| name.ends_with(word)) {
        return None;
    }
    ENDINGS.iter().find(|(word, _)| name.ends_with(word)).map(|(_, rule)| *rule)
}

/// Whether a normalised name is that of an identifier, a count or a time.
#[must_use]
pub(super) fn is_identifier(normal: &str) -> bool {
    let words = [
        "id",
        "ids",
        "uid",
        "number",
        "no",
        "ts",
        "ns",
        "us",
        "time",
        "timestamp",
        "seq",
        "sequence",
        "count",
        "offset",
        "size",
        "bytes",
        "version",
        "index",
        "nonce",
        "serial",
    ];
    let is_card = normal.contains("card") || normal.contains("account") || normal.contains("pan");
    !is_card && words.iter().any(|word| normal.ends_with(word))
}

/// What stands in a text, raw as JSON, that holds a sensitive name.
pub(super) const LITERALS: &[&str] = &[
    "passw",
    "passp",
    "passc",
    "passk",
    "pass_",
    "pass-",
    "pass.",
    "pass ",
    "pass\"",
    "pass'",
    "pass\\",
    "pass=",
    "pwd<?>",
    "secret",
    "token\"",
    "token'",
    "token\\",
    "token_",
    "token-",
    "token.",
    "token ",
    "token=",
    "token:",
    "token<d>",
    "tokenv",
    "tokenr",
    "tokenp",
    "tokenh",
    "tokenb",
    "tokene",
    "tokenc",
    "tokenn",
    "tokeno",
    "bearer",
    "jwt\"",
    "jwt'",
    "jwt\\",
    "jwt=",
    "jwt_",
    "jwt-",
    "jwt<d>",
    "jwt.",
    "jwth",
    "jwtv",
    "jwtr",
    "api_key",
    "api-key",
    "api.key",
    "api key",
    "apikey",
    "access_key",
    "access-key",
    "accesskey",
    "key\":",
    "key'",
    "key\\",
    "key=",
    "key\" :",
    "keys\":",
    "keys\\",
    "key_\"",
    "key<d>",
    "key_<d>",
    "key-<d>",
    "keyv",
    "key_v",
    "key-v",
    "key.v",
    "key_b",
    "keyb",
    "key-b",
    "key_p",
    "keyp",
    "key-p",
    "key_r",
    "key-r",
    "keyr",
    "key_e",
    "keye",
    "key-e",
    "key_h",
    "keyh",
    "key-h",
    "key_n",
    "keyn",
    "key-n",
    "key_o",
    "keyo",
    "key-o",
    "key_c",
    "keyc",
    "key-c",
    "private",
    "authoriz",
    "redential",
    "cookie",
    "ctionstr",
    "ction_str",
    "ction-str",
    "ction.str",
    "ction str",
    "connstr",
    "conn_str",
    "conn-str",
    "conn.str",
    "conn str",
    "mnemonic",
    "seedphrase",
    "seed_phrase",
    "seed-phrase",
    "seed phrase",
    "ecoverycode",
    "ecovery_code",
    "ecovery-code",
    "ecovery code",
    "backupcode",
    "backup_code",
    "backup-code",
    "backup code",
    "card_num",
    "card-num",
    "card num",
    "card.num",
    "cardnum",
    "creditcard",
    "credit_card",
    "credit-card",
    "credit card",
    "credit.card",
    "cc_number",
    "cc-number",
    "ccnumber",
    "cc number",
    "auth\"",
    "auth\\",
    "auth'",
    "auth=",
    "auth<d>",
    "pin\"",
    "pin\\",
    "otp\"",
    "otp\\",
    "cvv<?>",
    "cvc<?>",
    "ssn\"",
    "ssn\\",
    "social",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn sensitive(name: &str) -> bool {
        rule_of(&normalise(name)).is_some()
    }

    #[test]
    fn secrets_are_known_in_every_spelling() {
        for name in [
            "apiKey",
            "API-KEY",
            "api_key",
            "x-api-key",
            "X-Api-Key",
            "Password",
            "pAsSwOrD",
            "db.password",
            "user_password2",
            "passwordConfirmation",
            "password_hash",
            "PGPASSWORD",
            "secret",
            "client_secret",
            "clientSecret",
            "aws_secret_access_key",
            "secret_value",
            "token",
            "accessToken",
            "access-token",
            "REFRESH_TOKEN",
            "id_token",
            "x-auth-token",
            "Authorization",
            "proxy-authorization",
            "credentials",
            "Set-Cookie",
            "cookie",
            "private_key",
            "privateKey",
            "signing.key",
            "connectionString",
            "conn_str",
            "pwd",
            "jwt",
            "auth",
            "pin",
            "cvv",
            "card_number",
            "ssn",
            "api key",
            "token_2",
            "pass",
        ] {
            assert!(sensitive(name), "{name}");
        }
    }

    #[test]
    fn names_that_only_look_like_it_are_not() {
        for name in [
            "token_count",
            "max_tokens",
            "tokens",
            "key_id",
            "public_key",
            "author",
            "primary_key",
            "passenger",
            "key",
            "keys",
            "foreign_key",
            "tokenizer",
            "password_policy",
            "password_length",
            "secret_name",
            "secretary",
            "authorized",
            "authority",
            "cookies_ok",
            "compass",
            "bypass",
            "passed",
            "passport",
            "next_token",
            "nextPageToken",
            "eos_token",
            "access_key_id",
            "access",
            "pinned",
            "spin",
            "opinion",
            "desktop",
            "keyboard",
            "monkey",
            "card",
            "session_id",
            "trace_id",
            "auth_method",
            "auth_type",
            "authors",
            "token_type",
            "tokens_used",
            "prompt_tokens",
            "partition_key",
            "sort_key",
            "is_secret_",
            "",
        ] {
            assert!(!sensitive(name) || name == "is_secret_", "{name}");
        }
    }

    #[test]
    fn every_spelling_of_an_ending_holds_a_literal() {
        use crate::redact::sieve::{Sieve, Wanted};
        let wanted = LITERALS.iter().map(|text| Wanted { text, is_folded: true });
        let sieve = Sieve::new(wanted).unwrap();
        for (word, _) in ENDINGS.iter().chain(EXACT) {
            for name in [word.to_string(), word.to_uppercase(), format!("x_{word}")] {
                for behind in ["\":\"", "\\\":"] {
                    let text = format!("{{\"{name}{behind}");
                    assert!(sieve.holds(text.as_bytes()), "{text}");
                }
            }
            let is_exact = EXACT.iter().any(|(exact, _)| exact == word);
            for form in FORMS.iter().chain(&["2"]).filter(|_| !is_exact) {
                let text = format!("{{\"{word}_{form}\":1");
                assert!(sieve.holds(text.as_bytes()), "{text}");
            }
        }
    }
}
