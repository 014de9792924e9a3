//! One pass over a text that decides whether it is JSON and, where that is asked, obeys the rules of [`Reason`].
//!
//! It allocates only for an object with many keys, and to say what is wrong. It never recurses deeper than
//! [`MAX_DEPTH`], and no text takes more than O(n log n).

use std::cmp::Ordering;

use super::text::{CITED, hex, order, plain, unescaped};
use super::{InvalidJson, Reason, number, quoted};

/// How many arrays and objects may be nested: as many as `serde_json` decodes.
pub const MAX_DEPTH: usize = 127;

/// Up to so many keys, each new one is compared with all before it; beyond, they are sorted at the end.
const FEW_KEYS: usize = 16;

/// What is asked of a text beyond syntax.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    /// Nothing.
    None,
    /// That escapes stand for characters.
    Characters,
    /// All.
    All,
}

/// Checks syntax and rules.
pub(super) fn check(text: &str) -> Result<(), InvalidJson> {
    document(Scanner { rules: Rules::All, ..Scanner::lenient(text) })
}

/// Checks syntax alone.
pub(super) fn check_syntax(text: &str) -> Result<(), InvalidJson> {
    document(Scanner::lenient(text))
}

fn document(mut scanner: Scanner<'_>) -> Result<(), InvalidJson> {
    scanner.document().map_err(|mut invalid| {
        invalid.path.insert(0, '$');
        *invalid
    })
}

/// Boxed so that success, the common case, travels in a register.
pub(super) type Checked<T = ()> = Result<T, Box<InvalidJson>>;

pub(super) struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    /// The keys of all open objects, the innermost last.
    keys: Keys<'a>,
    /// Whether any key so far has an escape: only then can keys be equal that are spelled differently.
    escaped_keys: bool,
    rules: Rules,
}

impl<'a> Scanner<'a> {
    /// At the start of a text, for its syntax.
    pub(super) fn lenient(text: &'a str) -> Self {
        let (bytes, keys) = (text.as_bytes(), Keys::default());
        Scanner { text, bytes, at: 0, depth: 0, keys, escaped_keys: false, rules: Rules::None }
    }

    /// How many bytes were read.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// What was read from a place on.
    pub(super) fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.at]
    }

    /// Reads a token of one byte.
    pub(super) const fn advance(&mut self) {
        self.at += 1;
    }

    /// Reads a value that obeys the rules.
    pub(super) fn checked_value(&mut self) -> Checked {
        self.rules = Rules::All;
        let checked = self.value();
        self.rules = Rules::None;
        checked
    }

    /// Reads a string that obeys these.
    pub(super) fn checked_string(&mut self, rules: Rules) -> Checked<(&'a str, bool)> {
        self.rules = rules;
        let checked = self.string();
        self.rules = Rules::None;
        checked
    }

    fn document(&mut self) -> Checked {
        self.value()?;
        match self.next_token() {
            None => Ok(()),
            Some(_) => self.syntax("nothing after the value"),
        }
    }

    pub(super) fn value(&mut self) -> Checked {
        match self.next_token() {
            Some(b'"') => self.string().map(drop),
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            Some(b'N' | b'I') if self.rest().starts_with("NaN") || self.rest().starts_with("Infinity") => {
                self.refuse(Reason::NotFinite, self.at)
            }
            _ => self.syntax("a value"),
        }
    }

    fn nested(&mut self, inner: impl FnOnce(&mut Self) -> Checked) -> Checked {
        if self.depth == MAX_DEPTH {
            return self.refuse(Reason::TooDeep { limit: MAX_DEPTH }, self.at);
        }
        self.depth += 1;
        self.at += 1;
        inner(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn array(&mut self) -> Checked {
        if self.next_token() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        for index in 0_usize.. {
            self.value().map_err(|invalid| within(invalid, &format!("[{index}]")))?;
            match self.next_token() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return self.syntax("',' or ']'"),
            }
        }
        self.at += 1;
        Ok(())
    }

    fn object(&mut self) -> Checked {
        if self.next_token() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        let base = self.keys.len;
        loop {
            if self.next_token() != Some(b'"') {
                return self.syntax("a key in double quotes");
            }
            let key = self.key(base)?;
            if self.next_token() != Some(b':') {
                return self.syntax("':'");
            }
            self.at += 1;
            self.value().map_err(|invalid| within_key(invalid, key))?;
            match self.next_token() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return self.syntax("',' or '}'"),
            }
        }
        self.at += 1;
        self.forget_keys(base)
    }

    fn key(&mut self, base: usize) -> Checked<&'a str> {
        let (key, escaped) = self.string()?;
        if self.rules != Rules::All {
            return Ok(key);
        }
        self.escaped_keys |= escaped;
        let before = &self.keys.all()[base..];
        if before.len() < FEW_KEYS && before.iter().any(|known| self.same_key(known, key)) {
            return self.duplicate(key);
        }
        self.keys.push(key);
        Ok(key)
    }

    fn same_key(&self, one: &str, other: &str) -> bool {
        one == other || (self.escaped_keys && unescaped(one).eq(unescaped(other)))
    }

    fn forget_keys(&mut self, base: usize) -> Checked {
        if self.keys.len - base > FEW_KEYS {
            let escaped = self.escaped_keys;
            let keys = &self.keys.all()[base..];
            let by_content = |one: usize, other: usize| match escaped {
                false => keys[one].cmp(keys[other]),
                true => unescaped(keys[one]).cmp(unescaped(keys[other])),
            };
            // Equal keys stay in the order of the text, so that the later one is the one at fault.
            let order = order(keys.len(), &by_content);
            let twice = order.windows(2).find(|pair| by_content(pair[0], pair[1]) == Ordering::Equal);
            if let Some(key) = twice.map(|pair| keys[pair[1]]) {
                return self.duplicate(key);
            }
        }
        self.keys.truncate(base);
        Ok(())
    }

    #[cold]
    fn duplicate<T>(&self, key: &'a str) -> Checked<T> {
        let at = key.as_ptr().addr() - self.text.as_ptr().addr() - 1;
        let name = unescaped(key).take(CITED).collect();
        self.refuse(Reason::DuplicateKey(name), at).map_err(|invalid| within_key(invalid, key))
    }

    /// What is between the quotes, and whether it has an escape.
    fn string(&mut self) -> Checked<(&'a str, bool)> {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += plain(&self.bytes[self.at..]);
            match self.peek() {
                Some(b'"') => {
                    let inner = &self.text[start..self.at];
                    self.at += 1;
                    return Ok((inner, escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return self.syntax("control characters to be escaped"),
                None => return self.syntax("a closing quote"),
            }
        }
    }

    fn escape(&mut self) -> Checked {
        let start = self.at;
        match self.bytes.get(start + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                return Ok(());
            }
            Some(b'u') => self.at += 2,
            _ => return self.syntax("one of \" \\ / b f n r t u after a backslash"),
        }
        match self.hex()? {
            _ if self.rules == Rules::None => Ok(()),
            0 if self.rules == Rules::All => self.refuse(Reason::NulCharacter, start),
            0xD800..0xDC00 => {
                let low = self.rest().starts_with("\\u");
                self.at += if low { 2 } else { 0 };
                match low.then(|| self.hex()).transpose()? {
                    Some(0xDC00..0xE000) => Ok(()),
                    _ => self.refuse(Reason::LoneSurrogate, start),
                }
            }
            0xDC00..0xE000 => self.refuse(Reason::LoneSurrogate, start),
            _ => Ok(()),
        }
    }

    fn hex(&mut self) -> Checked<u16> {
        match self.bytes.get(self.at..).and_then(hex) {
            Some(unit) => {
                self.at += 4;
                Ok(unit)
            }
            None => self.syntax("four hexadecimal digits after \\u"),
        }
    }

    fn number(&mut self) -> Checked {
        let start = self.at;
        self.at += usize::from(self.bytes[start] == b'-');
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        let integer = self.at;
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        let mantissa = self.at;
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        if self.rules != Rules::All {
            return Ok(());
        }
        let literal = &self.text[start..self.at];
        let checked = number::check(literal, integer - start, mantissa - start);
        checked.or_else(|reason| self.refuse(reason, start))
    }

    fn digits(&mut self) -> Checked {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start { self.syntax("a digit") } else { Ok(()) }
    }

    fn word(&mut self, word: &'static str) -> Checked {
        if self.rest().starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        self.syntax(word)
    }

    pub(super) fn next_token(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
        self.peek()
    }

    // Called for every byte that is no text: a call costs more than what it does.
    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    #[cold]
    fn syntax<T>(&self, expected: &'static str) -> Checked<T> {
        self.refuse(Reason::Syntax(expected), self.at)
    }

    #[cold]
    fn refuse<T>(&self, reason: Reason, at: usize) -> Checked<T> {
        Err(Box::new(InvalidJson { reason, at, path: String::new() }))
    }
}

/// The keys of the open objects: a few without an allocation, any number with one.
#[derive(Default)]
struct Keys<'a> {
    few: [&'a str; 32],
    many: Vec<&'a str>,
    len: usize,
}

impl<'a> Keys<'a> {
    /// All of them. Once they have moved to the heap they stay there.
    fn all(&self) -> &[&'a str] {
        if self.many.is_empty() { &self.few[..self.len] } else { &self.many[..self.len] }
    }

    fn push(&mut self, key: &'a str) {
        if self.many.is_empty() {
            if let Some(place) = self.few.get_mut(self.len) {
                *place = key;
                self.len += 1;
                return;
            }
            self.many.extend(self.few);
        }
        self.many.truncate(self.len);
        self.many.push(key);
        self.len += 1;
    }

    fn truncate(&mut self, len: usize) {
        self.len = len;
    }
}

#[cold]
fn within(mut invalid: Box<InvalidJson>, segment: &str) -> Box<InvalidJson> {
    invalid.path.insert_str(0, segment);
    invalid
}

#[cold]
fn within_key(invalid: Box<InvalidJson>, key: &str) -> Box<InvalidJson> {
    let name: String = unescaped(key).take(CITED).collect();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii();
    let plain = !name.is_empty() && name.bytes().all(is_plain);
    within(invalid, &if plain { format!(".{name}") } else { format!("[{}]", quoted(&name)) })
}
