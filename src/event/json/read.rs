//! Reading JSON: one pass over a text, straight into what it means.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use super::scan::{Rules, Scanner};
use super::text::unescaped;
use super::write::quoted;
use super::{InvalidJson, Json};

/// The reader knows what is wrong.
pub(crate) struct Malformed;

pub(crate) type Read<T = ()> = Result<T, Malformed>;

/// What can be read from its written form.
pub(crate) trait Decode: Sized {
    /// Reads the next value.
    fn decode(reader: &mut Reader<'_>) -> Read<Self>;

    /// What a member is that is not there, where it may be absent.
    fn absent() -> Option<Self> {
        None
    }
}

/// Reads a whole text.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn from_text<T: Decode>(text: &str) -> Result<T, Fault> {
    let mut reader = Reader::new(text);
    match T::decode(&mut reader) {
        Ok(value) if reader.finish().is_ok() => Ok(value),
        _ => Err(reader.fault()),
    }
}

/// Why a text cannot be read.
#[derive(Debug)]
pub(crate) enum Fault {
    /// In words, with the place.
    Message(String),
    /// A value that is passed on as it is breaks a rule.
    Json(InvalidJson),
}

impl Display for Fault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Message(message) => out.write_str(message),
            Self::Json(invalid) => invalid.fmt(out),
        }
    }
}

/// A text, read up to a place.
pub(crate) struct Reader<'a> {
    scanner: Scanner<'a>,
    fault: Option<Fault>,
}

impl<'a> Reader<'a> {
    #[inline(never)]
    fn new(text: &'a str) -> Self {
        Self { scanner: Scanner::lenient(text), fault: None }
    }

    #[cold]
    #[inline(never)]
    fn fault(self) -> Fault {
        self.fault.unwrap_or_else(|| Fault::Message("malformed".into()))
    }

    #[inline(never)]
    fn finish(&mut self) -> Read {
        match self.scanner.next_token() {
            None => Ok(()),
            Some(_) => self.expected("nothing after the value"),
        }
    }

    /// An object: `member` is called with each name and reads or skips its value.
    pub(crate) fn object(&mut self, member: &mut dyn FnMut(&mut Self, &str) -> Read) -> Read {
        if !self.begins(b'{') {
            return self.expected("an object");
        }
        if self.ends(b'}') {
            return Ok(());
        }
        loop {
            let name = self.text()?;
            if !self.begins(b':') {
                return self.expected("':'");
            }
            member(self, &name)?;
            if !self.begins(b',') {
                return if self.ends(b'}') { Ok(()) } else { self.expected("',' or '}'") };
            }
        }
    }

    /// An array: `element` is called at each.
    pub(crate) fn array(&mut self, element: &mut dyn FnMut(&mut Self) -> Read) -> Read {
        if !self.begins(b'[') {
            return self.expected("an array");
        }
        if self.ends(b']') {
            return Ok(());
        }
        loop {
            element(self)?;
            if !self.begins(b',') {
                return if self.ends(b']') { Ok(()) } else { self.expected("',' or ']'") };
            }
        }
    }

    /// An array with as many elements as are asked for: reads the next one.
    pub(crate) fn element<T: Decode>(&mut self, first: bool) -> Read<T> {
        if !self.begins(if first { b'[' } else { b',' }) {
            return self.expected("an array with more elements");
        }
        T::decode(self)
    }

    /// Ends it.
    pub(crate) fn end_of_array(&mut self) -> Read {
        if self.begins(b']') { Ok(()) } else { self.expected("the end of the array") }
    }

    /// A string.
    pub(crate) fn text(&mut self) -> Read<Cow<'a, str>> {
        self.string(Rules::All)
    }

    /// A string that may have U+0000: for who refuses that by the name of what the text was to be.
    pub(crate) fn any_text(&mut self) -> Read<Cow<'a, str>> {
        self.string(Rules::Characters)
    }

    fn string(&mut self, rules: Rules) -> Read<Cow<'a, str>> {
        if self.scanner.next_token() != Some(b'"') {
            return self.expected("a string");
        }
        match self.scanner.checked_string(rules) {
            Ok((inner, false)) => Ok(inner.into()),
            Ok((inner, true)) => Ok(unescaped(inner).collect::<String>().into()),
            Err(invalid) => self.refuse(*invalid),
        }
    }

    /// A string that means something.
    pub(crate) fn parsed<T: FromStr<Err: Display>>(&mut self) -> Read<T> {
        let text = self.text()?;
        text.parse().or_else(|error: T::Err| self.fail(&error))
    }

    /// One of some words: its number.
    pub(crate) fn word(&mut self, words: &[&str]) -> Read<usize> {
        let text = self.text()?;
        match words.iter().position(|word| *word == text) {
            Some(number) => Ok(number),
            None => self.fail(&format_args!("unknown word {}", quoted(&text))),
        }
    }

    /// A whole number.
    pub(crate) fn integer(&mut self) -> Read<i64> {
        self.scanner.next_token();
        let start = self.scanner.at();
        let number = match self.scanner.value() {
            Ok(()) => self.scanner.since(start).parse().ok(),
            Err(invalid) => return self.refuse(*invalid),
        };
        match number {
            Some(number) => Ok(number),
            None => self.expected("a whole number"),
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn count(&mut self) -> Read<u64> {
        match u64::try_from(self.integer()?) {
            Ok(number) => Ok(number),
            Err(_) => self.expected("a number from 0 up"),
        }
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self) -> Read<bool> {
        match self.raw()? {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => self.expected("true or false"),
        }
    }

    /// Whether the next value is `null`; then it is read.
    pub(crate) fn null(&mut self) -> Read<bool> {
        if self.scanner.next_token() == Some(b'n') { self.raw().map(|_| true) } else { Ok(false) }
    }

    /// Whether the next value is a string.
    pub(crate) fn at_text(&mut self) -> bool {
        self.scanner.next_token() == Some(b'"')
    }

    /// Any value, as it is written.
    pub(crate) fn raw(&mut self) -> Read<&'a str> {
        self.scanner.next_token();
        let start = self.scanner.at();
        match self.scanner.value() {
            Ok(()) => Ok(self.scanner.since(start)),
            Err(invalid) => self.refuse(*invalid),
        }
    }

    /// Any value that obeys the rules.
    pub(crate) fn json(&mut self) -> Read<Json> {
        self.scanner.next_token();
        let start = self.scanner.at();
        match self.scanner.checked_value() {
            Ok(()) => Ok(Json::checked(self.scanner.since(start))),
            Err(mut invalid) => {
                invalid.at -= start;
                self.refuse(*invalid)
            }
        }
    }

    /// Reads a member into its place.
    pub(crate) fn fill<T: Decode>(&mut self, place: &mut Option<T>) -> Read {
        if place.is_some() {
            return self.fail(&"a member that stands twice");
        }
        *place = Some(T::decode(self)?);
        Ok(())
    }

    /// What was read of a member, or what it is when it is absent.
    pub(crate) fn required<T: Decode>(&mut self, place: Option<T>, name: &str) -> Read<T> {
        match place.or_else(T::absent) {
            Some(value) => Ok(value),
            None => self.fail(&format_args!("lacks {}", quoted(name))),
        }
    }

    #[cold]
    pub(crate) fn expected<T>(&mut self, what: &str) -> Read<T> {
        self.fail(&format_args!("expected {what}"))
    }

    #[cold]
    pub(crate) fn fail<T>(&mut self, message: &dyn Display) -> Read<T> {
        let at = self.scanner.at();
        self.fault = Some(Fault::Message(format!("{message}, at byte {at}")));
        Err(Malformed)
    }

    #[cold]
    fn refuse<T>(&mut self, mut invalid: InvalidJson) -> Read<T> {
        invalid.path.insert(0, '$');
        self.fault = Some(Fault::Json(invalid));
        Err(Malformed)
    }

    fn begins(&mut self, token: u8) -> bool {
        let begins = self.scanner.next_token() == Some(token);
        if begins {
            self.scanner.advance();
        }
        begins
    }

    fn ends(&mut self, token: u8) -> bool {
        self.begins(token)
    }
}

impl Decode for String {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        reader.text().map(Cow::into_owned)
    }
}

impl Decode for bool {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        reader.boolean()
    }
}

impl Decode for i64 {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        reader.integer()
    }
}

impl Decode for u64 {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        reader.count()
    }
}

impl Decode for u32 {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        reader.count()?.try_into().or_else(|_| reader.expected("a smaller number"))
    }
}

impl Decode for usize {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        // More than fits counts as all that fits.
        Ok(reader.count()?.try_into().unwrap_or(Self::MAX))
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        if reader.null()? { Ok(None) } else { T::decode(reader).map(Some) }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        let mut elements = Self::new();
        reader.array(&mut |reader| {
            elements.push(T::decode(reader)?);
            Ok(())
        })?;
        Ok(elements)
    }
}

impl<K: FromStr<Err: Display> + Ord, V: Decode> Decode for BTreeMap<K, V> {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        let mut members = Self::new();
        reader.object(&mut |reader, name| {
            let name = name.parse().or_else(|error: K::Err| reader.fail(&error))?;
            members.insert(name, V::decode(reader)?);
            Ok(())
        })?;
        Ok(members)
    }
}
