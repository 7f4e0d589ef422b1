//! The sieve: does this text hold anything worth a closer look?
//!
//! ```text
//! bytes   p a s s w o r d          every second position i: first[b0] & second[b1] & third[b2]
//!         i   i   i   i            a bit left over names a bucket; its literals are then compared
//! ```
//!
//! Nearly every payload holds no secret, so saying "no" is what has to be fast. Each literal has at
//! least four bytes and stands in the tables with two of its windows of three, one of which begins
//! at an even position wherever the literal lies; so half of the positions are looked at, with three
//! loads each and no dependency between them. Together the two windows are four bytes; a filter of
//! all these fours keeps what the buckets throw together from being compared. Invariant: a text
//! that holds a literal never passes.
//!
//! In literals `<d>` is a digit, `<h>` a lower-case hex digit, `<?>` any byte, and a leading `<b>`
//! asks for something other than a letter or digit before it.

/// One byte of a literal: which values it may have.
type Class = [bool; 256];

/// A literal: its bytes' classes, and whether it must not stand inside a word.
#[derive(Debug)]
struct Literal {
    classes: Vec<Class>,
    is_bounded: bool,
}

/// A literal in a bucket, and where in it the window begins.
#[derive(Clone, Copy, Debug)]
struct Window {
    literal: usize,
    begin: usize,
    /// Whether it is the second of the literal's two windows.
    is_second: bool,
    /// The four bytes of both windows: looked at before the literal, whose classes are far away.
    four: Four,
}

/// Four bytes in any case; those that may be several are not in the mask.
#[derive(Clone, Copy, Debug, Default)]
struct Four {
    bytes: u32,
    mask: u32,
}

impl Four {
    fn of(classes: &[Class]) -> Self {
        let mut four = Self::default();
        for (shift, class) in (0..).step_by(8).zip(classes.iter().take(WINDOW + 1)) {
            let mut folded =
                (0..=u8::MAX).filter(|byte| class.get(usize::from(*byte)) == Some(&true));
            let Some(first) = folded.next().map(|byte| byte | 0x20) else { continue };
            if folded.all(|byte| byte | 0x20 == first) {
                four.bytes |= u32::from(first) << shift;
                four.mask |= 0xff << shift;
            }
        }
        four
    }

    fn may_be(self, bytes: [u8; WINDOW + 1]) -> bool {
        folded(bytes) & self.mask == self.bytes
    }
}

/// Four bytes with upper-case letters made lower, and some others confused.
fn folded(bytes: [u8; WINDOW + 1]) -> u32 {
    u32::from_le_bytes(bytes) | 0x2020_2020
}

const BUCKETS: usize = 64;
/// Bytes of a window, and the shortest literal has one more.
const WINDOW: usize = 3;

/// Tables for all literals.
pub(super) struct Sieve {
    tables: Box<[[u64; 256]; WINDOW]>,
    buckets: Vec<Vec<Window>>,
    literals: Vec<Literal>,
    /// Hashes of both windows' four bytes, two bits each: tells apart what a bucket throws together.
    fours: Box<[u64; FILTER_WORDS]>,
}

/// Words of the filter: 64 Ki bits for some thousand fours.
const FILTER_WORDS: usize = 1024;

/// Where the two bits of four bytes are: word and bits.
fn bits_of(bytes: [u8; WINDOW + 1]) -> (usize, u64) {
    let hash = folded(bytes).wrapping_mul(0x9e37_79b1) >> 10;
    ((hash >> 12) as usize, 1 << (hash & 63) | 1 << (hash >> 6 & 63))
}

impl std::fmt::Debug for Sieve {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sieve").field("literals", &self.literals.len()).finish_non_exhaustive()
    }
}

/// A literal to look for; folded ones in any case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) text: &'a str,
    pub(super) is_folded: bool,
}

/// Splits a literal into its bytes' classes.
fn parse(wanted: Wanted<'_>) -> Literal {
    let (rest, is_bounded) = match wanted.text.strip_prefix("<b>") {
        Some(rest) => (rest, true),
        None => (wanted.text, false),
    };
    let class_of = |test: &dyn Fn(u8) -> bool| -> Class {
        std::array::from_fn(|byte| u8::try_from(byte).is_ok_and(test))
    };
    let mut classes = Vec::new();
    let mut rest = rest;
    while let Some(first) = rest.bytes().next() {
        let (class, len) = match rest.get(..3) {
            Some("<d>") => (class_of(&|byte| byte.is_ascii_digit()), 3),
            Some("<h>") => (class_of(&|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), 3),
            Some("<?>") => (class_of(&|_| true), 3),
            _ if wanted.is_folded => (class_of(&|byte| byte.eq_ignore_ascii_case(&first)), 1),
            _ => (class_of(&|byte| byte == first), 1),
        };
        classes.push(class);
        rest = rest.get(len..).unwrap_or_default();
    }
    Literal { classes, is_bounded }
}

/// How common a byte is in ordinary text, roughly; windows of rare bytes are chosen.
fn commonness(byte: usize) -> u32 {
    match u8::try_from(byte).unwrap_or(0) {
        b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' | b'"' | b'0'..=b'9' => 8,
        b'l' | b'c' | b'd' | b'u' | b'm' | b'_' | b'-' | b':' | b',' => 5,
        b'a'..=b'z' | b'.' | b'/' | b' ' => 3,
        b'A'..=b'Z' => 2,
        _ => 1,
    }
}

/// How common the bytes of a class are together; any digit is as common as one of them, for few
/// words go on with a number.
fn weight(class: &Class) -> u32 {
    let is_digit = |byte: &usize| (0x30..0x3a).contains(byte);
    let held = class.iter().enumerate().filter(|(_, is_in)| **is_in).map(|(byte, _)| byte);
    let digit = held.clone().find(is_digit).map_or(0, commonness);
    digit + held.filter(|byte| !is_digit(byte)).map(commonness).sum::<u32>()
}

impl Sieve {
    /// Tables for these literals, which have at least four bytes each; `None` when one is shorter.
    pub(super) fn new<'a>(wanted: impl Iterator<Item = Wanted<'a>>) -> Option<Self> {
        let literals: Vec<Literal> = wanted.map(parse).collect();
        let mut windows = Vec::with_capacity(2 * literals.len());
        for (number, literal) in literals.iter().enumerate() {
            let last = literal.classes.len().checked_sub(WINDOW + 1)?;
            let cost = |begin: &usize| -> u64 {
                let window = literal.classes.iter().skip(*begin).take(WINDOW + 1);
                window.map(|class| u64::from(weight(class).max(1))).product()
            };
            // Of equals the last: that is where words that begin alike differ.
            let begin = (0..=last).rev().min_by_key(cost)?;
            let four = Four::of(literal.classes.get(begin..).unwrap_or_default());
            let first = Window { literal: number, begin, is_second: false, four };
            windows.push(first);
            windows.push(Window { begin: begin + 1, is_second: true, ..first });
        }
        // Windows that are alike share a bucket, so that its tables stay narrow.
        let bytes = |window: &Window| -> Vec<usize> {
            let classes = literals.get(window.literal).map_or(&[][..], |one| &one.classes);
            let window = classes.iter().skip(window.begin).take(WINDOW);
            window.map(|class| class.iter().position(|is_in| *is_in).unwrap_or(0)).collect()
        };
        windows.sort_by_key(bytes);
        let mut sieve = Self {
            tables: Box::new([[0; 256]; WINDOW]),
            buckets: vec![Vec::new(); BUCKETS],
            literals,
            fours: Box::new([0; FILTER_WORDS]),
        };
        sieve.fill_filter(&windows);
        let count = windows.len().max(1);
        for (position, window) in windows.into_iter().enumerate() {
            sieve.put(position * BUCKETS / count, window);
        }
        Some(sieve)
    }

    fn put(&mut self, bucket: usize, window: Window) {
        let Some(literal) = self.literals.get(window.literal) else { return };
        let classes = literal.classes.iter().skip(window.begin);
        for (table, class) in self.tables.iter_mut().zip(classes) {
            for (bits, is_in) in table.iter_mut().zip(class) {
                *bits |= u64::from(*is_in) << bucket;
            }
        }
        if let Some(bucket) = self.buckets.get_mut(bucket) {
            bucket.push(window);
        }
    }

    /// Notes the four bytes of each literal's two windows, in every form its classes allow.
    fn fill_filter(&mut self, windows: &[Window]) {
        // The first of a literal's two windows begins its four bytes.
        let mut begins = vec![usize::MAX; self.literals.len()];
        for window in windows {
            if let Some(begin) = begins.get_mut(window.literal) {
                *begin = window.begin.min(*begin);
            }
        }
        for (literal, begin) in self.literals.iter().zip(begins) {
            let mut fours = vec![Vec::with_capacity(WINDOW + 1)];
            for class in literal.classes.iter().skip(begin).take(WINDOW + 1) {
                // Case is folded in the filter, so both cases are one.
                let mut of: Vec<u8> = (0..=u8::MAX)
                    .filter(|byte| class.get(usize::from(*byte)) == Some(&true))
                    .map(|byte| byte | 0x20)
                    .collect();
                of.sort_unstable();
                of.dedup();
                let longer = |four: &Vec<u8>| -> Vec<Vec<u8>> {
                    of.iter().map(|byte| [&four[..], &[*byte]].concat()).collect()
                };
                fours = fours.iter().flat_map(longer).collect();
            }
            for four in fours {
                let (word, bits) = bits_of(four.try_into().unwrap_or_default());
                if let Some(held) = self.fours.get_mut(word) {
                    *held |= bits;
                }
            }
        }
    }

    /// Whether any literal lies in `bytes`.
    pub(super) fn holds(&self, bytes: &[u8]) -> bool {
        let [first, second, third] = &*self.tables;
        let look = |table: &[u64; 256], byte: u8| table.get(usize::from(byte)).map_or(0, |b| *b);
        for (step, window) in bytes.windows(WINDOW).step_by(2).enumerate() {
            let [a, b, c] = *window else { continue };
            let hit = look(first, a) & look(second, b) & look(third, c);
            if hit != 0 && self.is_known(bytes, 2 * step) && self.confirm(bytes, 2 * step, hit) {
                return true;
            }
        }
        false
    }

    /// Whether the window at `at` may be one of a literal at all: its first one, with the byte
    /// behind it, or its second one, with the byte before.
    fn is_known(&self, bytes: &[u8], at: usize) -> bool {
        let is_four = |begin: usize| {
            let four = bytes.get(begin..).and_then(|rest| rest.first_chunk::<{ WINDOW + 1 }>());
            four.is_some_and(|four| {
                let (word, bits) = bits_of(*four);
                self.fours.get(word).is_some_and(|held| held & bits == bits)
            })
        };
        is_four(at) || at.checked_sub(1).is_some_and(is_four)
    }

    #[cold]
    fn confirm(&self, bytes: &[u8], at: usize, mut hit: u64) -> bool {
        while hit != 0 {
            let bucket = self.buckets.get(hit.trailing_zeros() as usize);
            hit &= hit - 1;
            let is_here = |window: &Window| {
                let four = at.checked_sub(window.is_second.into()).and_then(|at| bytes.get(at..));
                let four = four.and_then(|four| four.first_chunk());
                let literal = self.literals.get(window.literal);
                let begin = at.checked_sub(window.begin);
                four.is_some_and(|four| window.four.may_be(*four))
                    && literal.zip(begin).is_some_and(|(one, begin)| one.is_at(bytes, begin))
            };
            if bucket.is_some_and(|bucket| bucket.iter().any(is_here)) {
                return true;
            }
        }
        false
    }
}

impl Literal {
    fn is_at(&self, bytes: &[u8], begin: usize) -> bool {
        let Some(text) = bytes.get(begin..begin + self.classes.len()) else { return false };
        let is_in = |(class, byte): (&Class, &u8)| {
            class.get(usize::from(*byte)).is_some_and(|is_in| *is_in)
        };
        let before = begin.checked_sub(1).and_then(|before| bytes.get(before));
        let is_inside = self.is_bounded && before.is_some_and(u8::is_ascii_alphanumeric);
        !is_inside && self.classes.iter().zip(text).all(is_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sieve(texts: &[&str]) -> Sieve {
        let wanted = texts.iter().map(|text| Wanted { text, is_folded: text.contains('w') });
        Sieve::new(wanted).unwrap()
    }

    #[test]
    fn a_literal_is_found_wherever_it_lies() {
        let sieve = sieve(&["password", "AKIA", "<b>SK<h><h>", "<d>:AA", "pwd<?>"]);
        for literal in ["password", "PassWord", "AKIA", "SK0f", "7:AA", "PWD\""] {
            for before in 0..9 {
                for after in 0..5 {
                    let text = format!("{}{literal}{}", "-".repeat(before), "-".repeat(after));
                    assert!(sieve.holds(text.as_bytes()), "{text}");
                }
            }
        }
        for text in ["", "p", "passwor", "akia", "xSK0f", "SKxy", "pwd", "AKI", "the quick fox"] {
            assert!(!sieve.holds(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_literal_that_is_too_short_is_refused() {
        assert!(Sieve::new([Wanted { text: "abc", is_folded: true }].into_iter()).is_none());
        assert!(!Sieve::new(std::iter::empty()).unwrap().holds(b"abcdef"));
    }
}
