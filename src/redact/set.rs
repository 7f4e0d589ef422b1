//! The rule set: built-in rules, a user's own, and what is allowed, made ready to search with.

use super::keys::{self, KeyRule};
use super::options::{Redaction, UserRule};
use super::rules::{CARD_RULE, RULES, Rule, URL_MARK, built_in_ids};
use super::sieve::{Sieve, Wanted};
use super::{card, judge, mask};
use crate::error::{Error, ErrorKind, Result};
use crate::hash;
use aho_corasick::AhoCorasick;
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::{Arc, LazyLock, OnceLock};

/// A rule set, ready.
#[derive(Debug)]
pub(super) struct RuleSet {
    sieve: Sieve,
    /// Finds the literals of rules in a text, in any case.
    literals: AhoCorasick,
    /// Which rules have this literal, by number.
    rules_of: Vec<Vec<usize>>,
    user: Vec<UserPattern>,
    user_keys: UserKeys,
    /// Rules that have no literal, so that every text is searched for them.
    always: Vec<usize>,
    off: BTreeSet<String>,
    allowed_keys: BTreeSet<String>,
    allowed_values: HashSet<String>,
    allowed_paths: Vec<String>,
    digest: OnceLock<String>,
}

/// A secret in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Match<'r> {
    pub(super) range: Range<usize>,
    pub(super) rule: &'r str,
}

#[derive(Debug)]
struct UserPattern {
    id: String,
    regex: Regex,
    literals: Vec<String>,
}

/// Normalised endings of a user's key names, each with its rule's id.
type UserKeys = Vec<(String, String)>;

/// The shortest text that holds a secret a built-in rule for texts knows: `a://:b@c`.
const SECRET_TEXT_BYTES_MIN: usize = 8;

/// The built-in patterns, each compiled when it is first needed.
static PATTERNS: LazyLock<Vec<OnceLock<Option<Regex>>>> =
    LazyLock::new(|| RULES.iter().map(|_| OnceLock::new()).collect());

/// The set without anything a user added.
static STANDARD: LazyLock<Result<Arc<RuleSet>>> =
    LazyLock::new(|| RuleSet::build(&Redaction::mask()).map(Arc::new));

fn pattern(number: usize) -> Option<&'static Regex> {
    let rule = RULES.get(number)?;
    PATTERNS.get(number)?.get_or_init(|| Regex::new(rule.pattern).ok()).as_ref()
}

impl RuleSet {
    pub(super) fn of(redaction: &Redaction) -> Result<Arc<Self>> {
        match redaction.is_standard() {
            true => STANDARD.clone(),
            false => Self::build(redaction).map(Arc::new),
        }
    }

    fn build(redaction: &Redaction) -> Result<Self> {
        redaction.check()?;
        let off: BTreeSet<String> = redaction.left_out().iter().cloned().collect();
        if let Some(unknown) = off.iter().find(|id| !built_in_ids().any(|known| known == **id)) {
            let message = format!("there is no redaction rule {unknown:?}");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let (user, user_keys) = user_rules(redaction)?;
        let is_on = |rule: &&Rule| !off.contains(rule.id);
        let mut wanted: Vec<Wanted<'_>> = Vec::new();
        let mut by_literal: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (number, rule) in RULES.iter().enumerate().filter(|(_, rule)| is_on(rule)) {
            wanted.extend(rule.exact.iter().map(|text| Wanted { text, is_folded: false }));
            wanted.extend(rule.folded.iter().map(|text| Wanted { text, is_folded: true }));
            for literal in rule.exact.iter().chain(rule.folded) {
                by_literal.entry(plain_part(literal)).or_default().push(number);
            }
        }
        wanted.extend(keys::LITERALS.iter().map(|text| Wanted { text, is_folded: true }));
        // An escape may stand for any letter of a secret.
        wanted.push(Wanted { text: "\\u00", is_folded: false });
        let mut always = Vec::new();
        for (position, rule) in user.iter().enumerate() {
            let number = RULES.len() + position;
            for text in &rule.literals {
                wanted.push(Wanted { text, is_folded: true });
                by_literal.entry(text.to_ascii_lowercase()).or_default().push(number);
            }
            if rule.literals.is_empty() {
                always.push(number);
            }
        }
        wanted.retain(|one| one.text != URL_MARK);
        let mut seen = HashSet::new();
        wanted.retain(|one| seen.insert((one.text, one.is_folded)));
        let sieve = Sieve::new(wanted.into_iter()).ok_or_else(|| {
            Error::new(ErrorKind::Invalid, "a redaction rule's literal is shorter than 4 bytes")
        })?;
        let (texts, rules_of): (Vec<String>, Vec<Vec<usize>>) = by_literal.into_iter().unzip();
        let literals = AhoCorasick::builder().ascii_case_insensitive(true).build(texts);
        let literals = literals.map_err(|error| {
            Error::new(ErrorKind::Invalid, format!("the redaction rules' literals: {error}"))
        })?;
        let allowed = redaction.allowed();
        Ok(Self {
            sieve,
            literals,
            rules_of,
            user,
            user_keys,
            always,
            off,
            allowed_keys: allowed.keys.iter().map(|key| keys::normalise(key)).collect(),
            allowed_values: allowed.values.iter().cloned().collect(),
            allowed_paths: allowed.paths.clone(),
            digest: OnceLock::new(),
        })
    }

    /// Whether these bytes, JSON or text, hold nothing that a rule would take out. Wrong only in
    /// saying no.
    pub(super) fn is_clean(&self, bytes: &[u8]) -> bool {
        self.always.is_empty()
            && !self.needs_every_key()
            && !self.sieve.holds(bytes)
            && !card::may_hold(bytes)
            && !may_hold_url_password(bytes)
    }

    /// Whether a text is too short for every rule.
    pub(super) fn is_too_short(&self, text: &str) -> bool {
        text.len() < SECRET_TEXT_BYTES_MIN && self.user.is_empty()
    }

    /// A user's key name that is too short for the sieve makes every payload be walked.
    fn needs_every_key(&self) -> bool {
        !self.user_keys.is_empty()
    }

    /// The rule for a key of this name.
    pub(super) fn key_rule(&self, name: &str) -> Option<KeyRule> {
        let normal = keys::normalise(&mask::without_masks(name));
        let rule = keys::rule_of(&normal)?;
        (!self.off.contains(rule.id) && !self.allowed_keys.contains(&normal)).then_some(rule)
    }

    /// A user's rule for a key of this name; it holds for numbers as well.
    pub(super) fn user_key_rule(&self, name: &str) -> Option<(&str, bool)> {
        if self.user_keys.is_empty() {
            return None;
        }
        let normal = keys::normalise(&mask::without_masks(name));
        let rule = self.user_keys.iter().find(|(key, _)| normal.ends_with(key));
        rule.map(|(_, id)| (id.as_str(), true))
    }

    pub(super) fn has_cards(&self) -> bool {
        !self.off.contains(CARD_RULE)
    }

    pub(super) fn allows_value(&self, value: &str) -> bool {
        self.allowed_values.contains(value)
    }

    /// Whether a path is on the allow-list, where `*` stands for one step.
    pub(super) fn allows_path(&self, path: &str) -> bool {
        self.allowed_paths.iter().any(|pattern| {
            let mut steps = path.split('/');
            pattern
                .split('/')
                .all(|want| steps.next().is_some_and(|step| want == "*" || want == step))
                && steps.next().is_none()
        })
    }

    /// The secrets in a text, in their order and apart from each other. `key` is the normalised
    /// name of what holds the text.
    pub(super) fn find(&self, text: &str, key: Option<&str>) -> Vec<Match<'_>> {
        if self.is_too_short(text) {
            return Vec::new();
        }
        let mut numbers: BTreeSet<usize> = self.always.iter().copied().collect();
        for literal in self.literals.find_overlapping_iter(text) {
            numbers.extend(self.rules_of.get(literal.pattern().as_usize()).into_iter().flatten());
        }
        let mut found = Vec::new();
        for number in numbers {
            match RULES.get(number) {
                Some(rule) => search(rule, pattern(number), text, &mut found),
                None => {
                    let Some(user) = self.user.get(number - RULES.len()) else { continue };
                    let matches = user.regex.captures_iter(text);
                    let ranges = matches.filter_map(|captures| judge::filled(&captures, text));
                    found.extend(ranges.map(|range| Match { range, rule: &user.id }));
                }
            }
        }
        if self.has_cards() {
            let is_identifier = key.is_some_and(keys::is_identifier);
            let is_named = |range: &Range<usize>| is_identifier && *range == (0..text.len());
            let cards = card::find(text).into_iter().filter(|range| !is_named(range));
            found.extend(cards.map(|range| Match { range, rule: CARD_RULE }));
        }
        if !self.allowed_values.is_empty() {
            found.retain(|one| {
                text.get(one.range.clone()).is_none_or(|text| !self.allows_value(text))
            });
        }
        apart(found)
    }

    /// SHA-256 over everything that decides what is taken out, as hex.
    pub(super) fn digest(&self) -> &str {
        self.digest.get_or_init(|| {
            let mut text = String::from("witnessmark redaction rules 1\n");
            let mut line = |kind: &str, name: &str, what: &str| {
                // Writing to a string does not fail.
                let _ = writeln!(text, "{kind}\t{name:?}\t{what:?}");
            };
            for rule in RULES {
                line("text", rule.id, rule.pattern);
            }
            for (ending, rule) in keys::ENDINGS {
                line("key", rule.id, ending);
            }
            for (name, rule) in keys::EXACT {
                line("name", rule.id, name);
            }
            for rule in &self.user {
                line("user text", &rule.id, rule.regex.as_str());
            }
            for (name, id) in &self.user_keys {
                line("user key", id, name);
            }
            for id in &self.off {
                line("off", id, "");
            }
            for key in &self.allowed_keys {
                line("allow key", key, "");
            }
            let values: BTreeSet<&String> = self.allowed_values.iter().collect();
            for value in values {
                line("allow value", &hash::sha256(value.as_bytes()).to_hex(), "");
            }
            for path in &self.allowed_paths {
                line("allow path", path, "");
            }
            hash::sha256(text.as_bytes()).to_hex()
        })
    }
}

/// A user's rules by kind: patterns, and names with their ids.
fn user_rules(redaction: &Redaction) -> Result<(Vec<UserPattern>, UserKeys)> {
    let (mut patterns, mut names) = (Vec::new(), Vec::new());
    for rule in redaction.user() {
        match rule {
            UserRule::Key { id, name } => names.push((keys::normalise(name), id.clone())),
            UserRule::Pattern { id, pattern, literals } => {
                let regex = Regex::new(pattern).map_err(|error| {
                    let message = format!("redaction rule {id:?}: {error}");
                    Error::new(ErrorKind::Invalid, message)
                })?;
                patterns.push(UserPattern { id: id.clone(), regex, literals: literals.clone() });
            }
        }
    }
    Ok((patterns, names))
}

/// The longest part of a literal without marks, in lower case.
fn plain_part(literal: &str) -> String {
    let marks = ["<b>", "<d>", "<h>", "<?>"];
    let plain = marks.iter().fold(literal.to_owned(), |text, mark| text.replace(mark, "\0"));
    let longest = plain.split('\0').max_by_key(|part| part.len()).unwrap_or_default();
    longest.to_ascii_lowercase()
}

fn search<'r>(rule: &'r Rule, regex: Option<&Regex>, text: &str, found: &mut Vec<Match<'r>>) {
    let Some(regex) = regex else { return };
    let mut at = 0;
    while let Some(captures) = regex.captures_at(text, at) {
        let Some(all) = captures.get(0) else { return };
        let name = captures.iter().skip(1).flatten().next().filter(|_| rule.is_named);
        let next = match (rule.judge)(&captures, text) {
            Some(range) => {
                let next = range.end.max(if rule.is_named { 0 } else { all.end() });
                found.push(Match { range, rule: rule.id });
                next
            }
            None => name.map_or(all.end(), |name| name.end()),
        };
        at = text.ceil_char_boundary(next.max(at + 1));
        if at >= text.len() {
            return;
        }
    }
}

/// Joins matches that overlap or touch under the name of the first rule.
fn apart(mut found: Vec<Match<'_>>) -> Vec<Match<'_>> {
    if found.len() < 2 {
        return found;
    }
    // Stable: of those that begin together, the first rule's stays first.
    found.sort_by_key(|one| one.range.start);
    let mut joined: Vec<Match<'_>> = Vec::with_capacity(found.len());
    for one in found {
        match joined.last_mut().filter(|last| one.range.start < last.range.end) {
            Some(last) => last.range.end = last.range.end.max(one.range.end),
            None => joined.push(one),
        }
    }
    joined
}

/// Whether a name and a password may stand before an `@` in a URL.
fn may_hold_url_password(bytes: &[u8]) -> bool {
    let slashes = |text: &[u8]| {
        memchr::memmem::find(text, b"//").is_some() || memchr::memmem::find(text, b"\\/").is_some()
    };
    memchr::memrchr(b'@', bytes).is_some_and(|at| slashes(bytes.get(..at).unwrap_or_default()))
}
