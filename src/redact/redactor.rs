//! The redactor: a rule set made ready, and what it does to texts and payloads.
//!
//! ```text
//! text --sieve--> nothing here: the text itself, untouched
//!           \--> literals --> rules --> judged ranges --> splices
//! ```

use super::keys::{self, KeyRule};
use super::mask::{self, Mode};
use super::options::Redaction;
use super::rules::CARD_RULE;
use super::set::RuleSet;
use super::taken::Taken;
use super::walk::{Kind, Leaf, Place, Splicer, walk};
use super::{RedactionKey, card};
use crate::entry::{Entry, Field, json};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::PAYLOAD_BYTES_MAX;
use std::borrow::Cow;
use std::sync::Arc;

/// A rule set made ready for use. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Redactor {
    mode: Mode,
    key: Option<RedactionKey>,
    set: Arc<RuleSet>,
}

/// An entry without its secrets.
#[derive(Debug)]
pub(crate) struct Screened<'e, 'a> {
    /// The entry; its own data is still what the caller gave.
    pub(crate) entry: Cow<'e, Entry<'a>>,
    /// The payload to store.
    pub(crate) payload: Cow<'e, str>,
    /// JSON array of path, rule and mode; `None` when nothing was taken out.
    pub(crate) redactions: Option<String>,
    /// How many things were taken out.
    pub(crate) count: u32,
}

/// Fields in which a secret may stand. Not the engine's own, not those whose words are given.
const TEXT_FIELDS: [Field; 8] = [
    Field::Resource,
    Field::TargetDid,
    Field::PolicyDecision,
    Field::MatchedRule,
    Field::TraceId,
    Field::SessionId,
    Field::ApproverDid,
    Field::PolicyVersion,
];

impl Redactor {
    /// Makes a rule set ready.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] when a user's rule cannot be used, or a key is missing.
    pub fn new(redaction: &Redaction) -> Result<Self> {
        if redaction.mode() == Mode::Hmac && redaction.key().is_none() {
            let message = "redaction by HMAC needs a key";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let set = RuleSet::of(redaction)?;
        Ok(Self { mode: redaction.mode(), key: redaction.key().cloned(), set })
    }

    /// The mode.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Digest of the rules and the allow-list, as it is recorded beside what they took out:
    /// SHA-256, hex. The mode and the key are not in it.
    #[must_use]
    pub fn rules_digest(&self) -> &str {
        self.set.digest()
    }

    /// Redacts any text: as JSON as far as it is JSON, and as free text. For records that did not
    /// become entries.
    #[must_use]
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.mode == Mode::Off || self.set.is_clean(text.as_bytes()) {
            return Cow::Borrowed(text);
        }
        let mut taken = Taken::new(self.mode);
        let walked = self.walked(text, &mut taken).map_or(Cow::Borrowed(text), Cow::Owned);
        match self.spliced(&walked, None, |_| {}) {
            Some(text) => Cow::Owned(text),
            None => walked,
        }
    }

    /// Redacts an entry; `payload` is its data, checked and without blanks.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] when marks made the payload longer than it may be.
    pub(crate) fn screen<'e, 'a>(
        &self,
        entry: &'e Entry<'a>,
        payload: Cow<'e, str>,
    ) -> Result<Screened<'e, 'a>> {
        let entry = Cow::Borrowed(entry);
        if self.mode == Mode::Off || entry.is_system() {
            return Ok(Screened { entry, payload, redactions: None, count: 0 });
        }
        let is_payload_clean = payload.is_empty() || self.set.is_clean(payload.as_bytes());
        let is_clean =
            |text: &str| self.set.is_too_short(text) || self.set.is_clean(text.as_bytes());
        if is_payload_clean && TEXT_FIELDS.iter().all(|f| entry.text(*f).is_none_or(is_clean)) {
            return Ok(Screened { entry, payload, redactions: None, count: 0 });
        }
        self.screen_closely(entry, payload)
    }

    #[cold]
    fn screen_closely<'e, 'a>(
        &self,
        mut entry: Cow<'e, Entry<'a>>,
        mut payload: Cow<'e, str>,
    ) -> Result<Screened<'e, 'a>> {
        let mut taken = Taken::new(self.mode);
        for field in TEXT_FIELDS {
            let Some(text) = entry.text(field) else { continue };
            let path = format!("/{}", field.name());
            if self.set.allows_path(&path) {
                continue;
            }
            let spliced = self.spliced(text, Some(&keys::normalise(field.name())), |rule| {
                taken.note(path.clone(), rule);
            });
            if let Some(text) = spliced {
                entry = Cow::Owned(entry.into_owned().set(field, text));
            }
        }
        if !payload.is_empty() {
            if let Some(text) = self.walked(&payload, &mut taken) {
                payload = Cow::Owned(text);
            }
            if payload.len() > PAYLOAD_BYTES_MAX {
                return Err(Error::new(ErrorKind::TooLarge, "data is too long when redacted")
                    .expected(format_args!("at most {PAYLOAD_BYTES_MAX} bytes"), payload.len()));
            }
        }
        let count = taken.count;
        let redactions = taken.finish();
        if redactions.is_some() {
            entry =
                Cow::Owned(entry.into_owned().set(Field::RuleSet, self.set.digest().to_owned()));
        }
        Ok(Screened { entry, payload, redactions, count })
    }

    fn mark(&self, rule: &str, secret: &str) -> Cow<'static, str> {
        mask::mark(self.mode, self.key.as_ref(), rule, secret)
    }

    /// A free text without its secrets; `None` when it has none.
    fn spliced(&self, text: &str, key: Option<&str>, mut note: impl FnMut(&str)) -> Option<String> {
        let mut splicer = Splicer::new(text);
        for found in self.set.find(text, key) {
            let secret = text.get(found.range.clone()).unwrap_or_default();
            splicer.replace(found.range, &self.mark(found.rule, secret));
            note(found.rule);
        }
        splicer.finish()
    }

    /// A JSON text without its secrets; `None` when it has none.
    fn walked(&self, text: &str, taken: &mut Taken) -> Option<String> {
        let mut visitor = Visitor { redactor: self, splicer: Splicer::new(text), taken, keys: 0 };
        walk(text, |place, leaf| visitor.visit(place, &leaf));
        let keys = visitor.keys;
        let out = visitor.splicer.finish()?;
        if keys > 0 && json::check(text).is_ok() && json::check(&out).is_err() {
            // Names that were chosen to collide with our marks: nothing of it can be told apart.
            taken.note("/data".to_owned(), "payload");
            return Some(format!("\"{}\"", self.mark("payload", text)));
        }
        Some(out)
    }
}

/// What is done at each leaf of a JSON text.
struct Visitor<'v, 't> {
    redactor: &'v Redactor,
    splicer: Splicer<'t>,
    taken: &'v mut Taken,
    /// Keys that were changed so far.
    keys: usize,
}

impl<'v> Visitor<'v, '_> {
    fn visit(&mut self, place: &mut Place<'v>, leaf: &Leaf<'_>) {
        match leaf.kind {
            Kind::Key => self.key(place, leaf),
            Kind::String => self.string(place, leaf),
            Kind::Number => self.number(place, leaf),
        }
    }

    /// A name: secrets in it are replaced, each by a mark of its own, and it may say what its value
    /// is.
    fn key(&mut self, place: &mut Place<'v>, leaf: &Leaf<'_>) {
        let text = &*leaf.text.text;
        let set = &*self.redactor.set;
        let found = set.find(text, None);
        if found.is_empty() {
            let rule = set.key_rule(text).map(|KeyRule { id, takes_numbers }| (id, takes_numbers));
            place.name(text.to_owned(), rule.or_else(|| set.user_key_rule(text)));
            return;
        }
        let mut told = Splicer::new(text);
        for one in found {
            let secret = text.get(one.range.clone()).unwrap_or_default();
            self.keys += 1;
            let mark = self.redactor.mark(one.rule, secret);
            let mark = match (self.redactor.mode, self.keys) {
                (Mode::Hmac, _) | (_, 1) => mark.into_owned(),
                (Mode::Drop, count) => format!("[redacted:#{count}]"),
                (_, count) => format!("{}#{count}]", mark.trim_end_matches(']')),
            };
            self.splicer.replace(leaf.text.origin(&one.range), &mark);
            told.replace(one.range, &mark);
            self.taken.note(place.path("data"), one.rule);
        }
        place.name(told.finish().unwrap_or_default(), None);
    }

    fn string(&mut self, place: &Place<'v>, leaf: &Leaf<'_>) {
        let text = &*leaf.text.text;
        if text.is_empty() || mask::is_mask(text) {
            return;
        }
        if let Some((rule, _)) = place.forced() {
            let is_path =
                rule == "key-password" && (text.starts_with('/') || text.starts_with("./"));
            if !is_path && !self.redactor.set.allows_value(text) {
                self.whole(place, leaf, rule);
                return;
            }
        }
        if self.redactor.set.is_too_short(text) {
            return;
        }
        let key = place.key().map(keys::normalise);
        let found = self.redactor.set.find(text, key.as_deref());
        let is_whole = matches!(&found[..], [one] if one.range == (0..text.len()));
        if let ([one], true, Mode::Drop) = (&found[..], is_whole, self.redactor.mode) {
            self.whole(place, leaf, one.rule);
            return;
        }
        if found.is_empty() || self.redactor.set.allows_path(&place.path("data")) {
            return;
        }
        for one in found {
            let secret = text.get(one.range.clone()).unwrap_or_default();
            let mark = self.redactor.mark(one.rule, secret);
            self.splicer.replace(leaf.text.origin(&one.range), &mark);
            self.taken.note(place.path("data"), one.rule);
        }
    }

    fn number(&mut self, place: &Place<'v>, leaf: &Leaf<'_>) {
        let text = &*leaf.text.text;
        match place.forced() {
            Some((rule, true)) if !self.redactor.set.allows_value(text) => {
                self.whole(place, leaf, rule);
            }
            _ => {
                let key = place.key().map(keys::normalise);
                let is_identifier = key.is_some_and(|key| keys::is_identifier(&key));
                let is_card = !is_identifier && text.len() >= 14 && card::find(text).len() == 1;
                if is_card && self.redactor.set.has_cards() {
                    self.whole(place, leaf, CARD_RULE);
                }
            }
        }
    }

    /// Replaces a whole value.
    fn whole(&mut self, place: &Place<'v>, leaf: &Leaf<'_>, rule: &str) {
        let path = place.path("data");
        if self.redactor.set.allows_path(&path) {
            return;
        }
        let mark = self.redactor.mark(rule, &leaf.text.text);
        let value = match self.redactor.mode {
            Mode::Drop => "null".to_owned(),
            _ => format!("\"{mark}\""),
        };
        self.splicer.replace(leaf.range.clone(), &value);
        self.taken.note(path, rule);
    }
}
