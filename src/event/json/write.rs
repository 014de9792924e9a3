//! Writing JSON: a text grows, member by member.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::text::plain;

/// What has a written form in JSON: messages, records, and what they are made of.
///
/// Beside serde, for one reason: what serde makes of each message is several times larger, and an app downloads it.
pub trait Encode {
    /// Appends the written form.
    fn encode(&self, out: &mut String);
}

/// The written form.
pub(crate) fn to_text(value: &dyn Encode) -> String {
    let mut out = String::new();
    value.encode(&mut out);
    out
}

/// A text in quotes, for an error to cite. `{:?}` does the same with tables of all of Unicode.
pub(crate) fn quoted(text: &str) -> String {
    to_text(&text)
}

/// An object that is being written.
pub(crate) struct Object<'a>(&'a mut String);

impl<'a> Object<'a> {
    pub(crate) fn new(out: &'a mut String) -> Self {
        out.push('{');
        Self(out)
    }

    pub(crate) fn member(self, name: &str, value: &dyn Encode) -> Self {
        separate(self.0);
        string(name, self.0);
        self.0.push(':');
        value.encode(self.0);
        self
    }

    /// A member that is left out where there is nothing.
    pub(crate) fn optional<T: Encode>(self, name: &str, value: Option<&T>) -> Self {
        match value {
            Some(value) => self.member(name, value),
            None => self,
        }
    }

    pub(crate) fn end(self) {
        self.0.push('}');
    }
}

/// Writes an array of what has no type in common.
#[cfg(all(target_family = "wasm", feature = "client"))]
pub(crate) fn array(elements: &[&dyn Encode], out: &mut String) {
    out.push('[');
    for element in elements {
        separate(out);
        element.encode(out);
    }
    out.push(']');
}

/// A comma, unless what is open has just begun. No written value ends as one begins.
fn separate(out: &mut String) {
    if !out.ends_with(['{', '[']) {
        out.push(',');
    }
}

fn string(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    loop {
        let (run, special) = rest.split_at(plain(rest.as_bytes()));
        out.push_str(run);
        let Some(byte) = special.bytes().next() else { break };
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            8 => out.push_str("\\b"),
            12 => out.push_str("\\f"),
            control => {
                out.push_str("\\u00");
                for digit in [control >> 4, control & 15] {
                    out.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
                }
            }
        }
        rest = &special[1..];
    }
    out.push('"');
}

fn digits(mut number: u64, out: &mut String) {
    let mut buffer = [b'0'; 20];
    let mut at = buffer.len() - 1;
    loop {
        buffer[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
        at -= 1;
    }
    out.extend(buffer[at..].iter().copied().map(char::from));
}

impl Encode for str {
    fn encode(&self, out: &mut String) {
        string(self, out);
    }
}

impl Encode for String {
    fn encode(&self, out: &mut String) {
        string(self, out);
    }
}

impl Encode for bool {
    fn encode(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }
}

impl Encode for u64 {
    fn encode(&self, out: &mut String) {
        digits(*self, out);
    }
}

impl Encode for u32 {
    fn encode(&self, out: &mut String) {
        digits((*self).into(), out);
    }
}

impl Encode for usize {
    fn encode(&self, out: &mut String) {
        digits(*self as u64, out);
    }
}

impl Encode for i64 {
    fn encode(&self, out: &mut String) {
        if *self < 0 {
            out.push('-');
        }
        digits(self.unsigned_abs(), out);
    }
}

impl<T: Encode + ?Sized> Encode for &T {
    fn encode(&self, out: &mut String) {
        (**self).encode(out);
    }
}

impl<T: Encode + ?Sized> Encode for Arc<T> {
    fn encode(&self, out: &mut String) {
        (**self).encode(out);
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, out: &mut String) {
        match self {
            Some(value) => value.encode(out),
            None => out.push_str("null"),
        }
    }
}

impl<T: Encode> Encode for [T] {
    fn encode(&self, out: &mut String) {
        out.push('[');
        for element in self {
            separate(out);
            element.encode(out);
        }
        out.push(']');
    }
}

impl<T: Encode> Encode for Vec<T> {
    fn encode(&self, out: &mut String) {
        self.as_slice().encode(out);
    }
}

impl<K: AsRef<str>, V: Encode> Encode for BTreeMap<K, V> {
    fn encode(&self, out: &mut String) {
        let object =
            self.iter().fold(Object::new(out), |object, (name, value)| object.member(name.as_ref(), value));
        object.end();
    }
}

impl Encode for serde_json::Value {
    fn encode(&self, out: &mut String) {
        out.push_str(&self.to_string());
    }
}
