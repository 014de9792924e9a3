//! The canonical form of JSON (RFC 8785): one text for everything that means the same.
//!
//! One pass, without recursion and without a tree: an object's members are written as they come, and put in
//! order when it closes. It expects JSON; of text that only a store vouched for it keeps what has no
//! canonical form (numbers beyond a float) as it is.

use std::borrow::Cow;

use super::{number, text};

/// Keys sorted by UTF-16 units, numbers as ECMAScript prints them, no more escapes than JSON needs.
pub(super) fn canonical(json: &str) -> String {
    let mut writer = Writer { out: String::with_capacity(json.len()), ..Writer::default() };
    let mut rest = json;
    while let Some(first) = rest.bytes().next() {
        let (token, after) = rest.split_at(token_length(rest, first));
        writer.token(first, token);
        rest = after;
    }
    writer.out
}

fn token_length(rest: &str, first: u8) -> usize {
    match first {
        b'"' => string_length(rest.as_bytes()),
        b'{' | b'}' | b'[' | b']' | b':' | b',' | b' ' | b'\n' | b'\r' | b'\t' => 1,
        _ => rest.bytes().position(|byte| b",]} \n\r\t".contains(&byte)).unwrap_or(rest.len()),
    }
}

fn string_length(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(rest) = bytes.get(at..) {
        at += text::plain(rest);
        match bytes.get(at) {
            Some(b'\\') => at += 2,
            Some(_) => return at + 1,
            None => break,
        }
    }
    bytes.len()
}

#[derive(Default)]
struct Writer<'a> {
    out: String,
    /// The open arrays and objects, the innermost last.
    open: Vec<Open>,
    /// The members of all open objects, in the order of the text.
    members: Vec<Member<'a>>,
    /// Where the members of an object are put in order; kept for the next.
    sorted: String,
}

enum Open {
    Array,
    Object { first_member: usize, at: usize, expects_key: bool },
}

struct Member<'a> {
    key: Cow<'a, str>,
    /// Where it is in what was written, `"key":value`.
    start: usize,
    end: usize,
}

impl<'a> Writer<'a> {
    fn token(&mut self, first: u8, token: &'a str) {
        match first {
            b' ' | b'\n' | b'\r' | b'\t' => {}
            b'{' => {
                let (first_member, at) = (self.members.len(), self.out.len());
                self.open.push(Open::Object { first_member, at, expects_key: true });
                self.out.push('{');
            }
            b'[' => {
                self.open.push(Open::Array);
                self.out.push('[');
            }
            b']' => {
                self.open.pop();
                self.out.push(']');
            }
            b'}' => self.close_object(),
            b',' => {
                self.end_member();
                self.out.push(',');
            }
            b':' => self.out.push(':'),
            b'"' => self.string(token),
            b'-' | b'0'..=b'9' => number::write_canonical(&mut self.out, token),
            _ => self.out.push_str(token),
        }
    }

    fn string(&mut self, token: &'a str) {
        let inner = token.get(1..token.len() - 1).unwrap_or_default();
        let escaped = inner.contains('\\');
        if let Some(Open::Object { expects_key, .. }) = self.open.last_mut()
            && std::mem::replace(expects_key, false)
        {
            let key = if escaped { text::unescaped(inner).collect() } else { Cow::Borrowed(inner) };
            let start = self.out.len();
            self.members.push(Member { key, start, end: start });
        }
        if escaped { write_string(&mut self.out, inner) } else { self.out.push_str(token) }
    }

    fn end_member(&mut self) {
        if let Some(Open::Object { expects_key, .. }) = self.open.last_mut() {
            *expects_key = true;
            if let Some(member) = self.members.last_mut() {
                member.end = self.out.len();
            }
        }
    }

    fn close_object(&mut self) {
        if let Some(Open::Object { expects_key: false, .. }) = self.open.last() {
            self.end_member();
        }
        if let Some(Open::Object { first_member, at, .. }) = self.open.pop() {
            let members = &self.members[first_member..];
            if !members.is_sorted_by(|one, other| by_utf16(&one.key, &other.key).is_le()) {
                self.sorted.clear();
                let by_key = |one: usize, other: usize| by_utf16(&members[one].key, &members[other].key);
                for member in text::order(members.len(), &by_key).into_iter().map(|at| &members[at]) {
                    self.sorted.push(if self.sorted.is_empty() { '{' } else { ',' });
                    self.sorted.push_str(&self.out[member.start..member.end]);
                }
                self.out.truncate(at);
                self.out.push_str(&self.sorted);
            }
            self.members.truncate(first_member);
        }
        self.out.push('}');
    }
}

/// Order by UTF-16 units, from UTF-8: the same, but that U+E000 to U+FFFF come after what needs a pair.
fn by_utf16(one: &str, other: &str) -> std::cmp::Ordering {
    let rank = |byte: u8| if byte == 0xEE || byte == 0xEF { byte + 0x10 } else { byte };
    match one.bytes().zip(other.bytes()).find(|(one, other)| one != other) {
        Some((one, other)) => rank(one).cmp(&rank(other)),
        None => one.len().cmp(&other.len()),
    }
}

fn write_string(out: &mut String, inner: &str) {
    out.push('"');
    for character in text::unescaped(inner) {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\0'..'\u{10}' => out.extend(["\\u000", HEX[character as usize]]),
            '\u{10}'..' ' => out.extend(["\\u001", HEX[character as usize - 0x10]]),
            other => out.push(other),
        }
    }
    out.push('"');
}

const HEX: [&str; 16] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_8785_section_3_2_2() {
        let text = r#"{
            "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
            "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
            "literals": [null, true, false]
        }"#;
        let expected = concat!(
            r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"#,
            r#""string":"€$\u000f\nA'B\"\\\\\"/"}"#
        );
        assert_eq!(canonical(text), expected);
    }

    #[test]
    fn the_sorting_example_of_rfc_8785_section_3_2_3() {
        let text = r#"{
            "\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh",
            "1": "One", "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control",
            "\u00f6": "Latin Small Letter O With Diaeresis"
        }"#;
        let expected = concat!(
            r#"{"\r":"Carriage Return","1":"One",""#,
            "\u{80}\":\"Control\",\"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",",
            "\"😀\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}"
        );
        assert_eq!(canonical(text), expected);
    }

    #[test]
    fn the_numbers_of_rfc_8785_appendix_b() {
        for (bits, expected) in [
            (0x0000_0000_0000_0000, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] {
            let value = f64::from_bits(bits);
            // Seventeen digits name every float.
            let printed = canonical(&format!("{value:.17e}"));
            assert_eq!(printed, expected);
            assert_eq!(canonical(expected), printed);
        }
        for zero in ["0", "-0", "0.000", "-0e7", "0E-3"] {
            assert_eq!(canonical(zero), "0");
        }
        assert_eq!(canonical("[1.0, 100, 1e2, -7, 9007199254740991]"), "[1,100,100,-7,9007199254740991]");
    }

    #[test]
    fn keys_are_sorted_at_every_depth_and_members_stay_whole() {
        let text =
            r#" { "b" : [ { "z" : { } , "a" : [ ] } , "," ] , "a" : { "d" : "}" , "c" : "\"" } , "" : 0 } "#;
        assert_eq!(canonical(text), r#"{"":0,"a":{"c":"\"","d":"}"},"b":[{"a":[],"z":{}},","]}"#);
        assert_eq!(canonical(r#"{"\u0062":1,"a":2}"#), r#"{"a":2,"b":1}"#);
    }

    #[test]
    fn what_only_a_store_vouched_for_does_no_harm() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert_eq!(canonical(&deep), deep);
        assert_eq!(canonical(r#"{"b":1e999,"a":1,"a":2}"#), r#"{"a":1,"a":2,"b":1e999}"#);
        assert_eq!(canonical(r#""\ud800x""#), "\"\u{fffd}x\"");
    }

    #[cfg(not(target_family = "wasm"))]
    proptest::proptest! {
        #[test]
        fn the_order_is_that_of_utf16(one: String, other: String) {
            assert_eq!(by_utf16(&one, &other), one.encode_utf16().cmp(other.encode_utf16()));
        }

        #[test]
        fn the_order_is_that_of_utf16_where_it_differs_from_utf8(
            one in "[a\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}]{0,3}",
            other in "[a\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}]{0,3}",
        ) {
            assert_eq!(by_utf16(&one, &other), one.encode_utf16().cmp(other.encode_utf16()));
        }

        #[test]
        fn a_number_that_looks_canonical_is(literal in "-?(0|[1-9][0-9]{0,7})(\\.[0-9]{1,7})?(e-?[0-9])?") {
            if number::is_canonical(&literal) {
                let value: f64 = literal.parse().unwrap();
                assert_eq!(ryu_js::Buffer::new().format_finite(value), literal);
            }
        }

        #[test]
        fn every_float_keeps_its_value(bits: u64) {
            let value = f64::from_bits(bits);
            if value.is_finite() {
                assert_eq!(canonical(&format!("{value:e}")).parse::<f64>().unwrap(), value);
            }
        }
    }
}
