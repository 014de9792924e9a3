//! Laws of the scan and of the canonical form, over random JSON in random spelling.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::event::{CorrelationId, EventMetadata};

#[derive(Debug, Clone)]
enum Tree {
    Word(&'static str),
    Number(f64),
    Text(String),
    Array(Vec<Tree>),
    Object(BTreeMap<String, Tree>),
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a-c\"\\\\\n\u{1f}/\u{7f}é€\u{fb33}😀]{0,12}", "[a-z]{0,20}"]
        .prop_map(|text| text.replace('\0', "0"))
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["null", "true", "false"]).prop_map(Tree::Word),
        any::<i32>().prop_map(|number| Tree::Number(number.into())),
        any::<f64>().prop_map(Tree::Number),
        text().prop_map(Tree::Text),
    ];
    leaf.prop_recursive(5, 80, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Tree::Array),
            prop::collection::btree_map(text(), inner, 0..24).prop_map(Tree::Object),
        ]
    })
}

/// Writes a tree; the dice decide on the order of keys, white space, and how a character is spelled.
fn write(tree: &Tree, dice: &mut impl FnMut(usize) -> usize, out: &mut String) {
    let space = |dice: &mut dyn FnMut(usize) -> usize| ["", " ", "\n", "\t\r "][dice(4)];
    out.push_str(space(dice));
    match tree {
        Tree::Word(word) => out.push_str(word),
        Tree::Number(number) => out.push_str(&match dice(3) {
            0 => format!("{number:e}"),
            1 => format!("{number:.17E}"),
            _ => ryu_js::Buffer::new().format_finite(*number).to_owned(),
        }),
        Tree::Text(text) => write_text(text, dice, out),
        Tree::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                write(item, dice, out);
            }
            out.push(']');
        }
        Tree::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            for at in (1..members.len()).rev() {
                members.swap(at, dice(at + 1));
            }
            out.push('{');
            for (at, (key, value)) in members.into_iter().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                out.push_str(space(dice));
                write_text(key, dice, out);
                out.push_str(space(dice));
                out.push(':');
                write(value, dice, out);
            }
            out.push('}');
        }
    }
    out.push_str(space(dice));
}

fn write_text(text: &str, dice: &mut impl FnMut(usize) -> usize, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        if character < ' ' || "\"\\".contains(character) || dice(6) == 0 {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(character);
        }
    }
    out.push('"');
}

fn render(tree: &Tree, seed: u64) -> String {
    let (mut out, mut state) = (String::new(), seed | 1);
    let mut dice = |sides: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % sides
    };
    write(tree, &mut dice, &mut out);
    out
}

/// The canonical form by way of a tree, as the reference.
fn reference(tree: &Tree) -> String {
    match tree {
        Tree::Word(word) => (*word).into(),
        Tree::Number(number) => ryu_js::Buffer::new().format_finite(*number).into(),
        Tree::Text(text) => serde_json::to_string(text).unwrap(),
        Tree::Array(items) => format!("[{}]", items.iter().map(reference).collect::<Vec<_>>().join(",")),
        Tree::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| key.encode_utf16().collect::<Vec<_>>());
            let member = |(key, value): &(&String, &Tree)| {
                format!("{}:{}", serde_json::to_string(key).unwrap(), reference(value))
            };
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(","))
        }
    }
}

proptest! {
    #[test]
    fn the_canonical_form_does_not_depend_on_the_spelling(tree in tree(), one: u64, other: u64) {
        let [one, other] = [one, other].map(|seed| Json::parse(&render(&tree, seed)).unwrap());
        prop_assert_eq!(one.canonical(), reference(&tree));
        prop_assert_eq!(other.canonical(), reference(&tree));
        prop_assert_eq!(&one, &other);
    }

    #[test]
    fn the_canonical_form_is_its_own(tree in tree(), seed: u64) {
        let canonical = Json::parse(&render(&tree, seed)).unwrap().canonical();
        prop_assert_eq!(Json::parse(&canonical).unwrap().canonical(), canonical);
    }

    #[test]
    fn the_scan_agrees_with_serde_json_on_what_is_json(
        text in r#"([\[\]{},: ]|"a"|"\\u00"|-|0|1|9|\.|e|true|null|"|\\|x){0,12}"#,
    ) {
        agree(&text)?;
    }

    #[test]
    fn the_scan_agrees_with_serde_json_on_damaged_json(
        tree in tree(),
        seed: u64,
        at: prop::sample::Index,
        with in "[\\[\\]{},:\"0-9eE.+\\\\u-]?",
    ) {
        let mut text = render(&tree, seed);
        let at = at.index(text.len());
        if text.is_char_boundary(at) && text.is_char_boundary(at + 1) {
            text.replace_range(at..at + 1, &with);
        }
        agree(&text)?;
    }

    #[test]
    fn any_text_is_answered(text: String) {
        agree(&text)?;
    }

    #[test]
    fn plain_runs_are_measured_exactly(text in "[ -~\u{0}-\u{20}é€😀]{0,40}") {
        let expected = text.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\');
        prop_assert_eq!(text::plain(text.as_bytes()), expected.unwrap_or(text.len()));
    }

    #[test]
    fn a_string_comes_back_from_any_spelling(text in text(), seed: u64) {
        let spelled = render(&Tree::Text(text.clone()), seed);
        prop_assert_eq!(Json::parse(&spelled).unwrap().to::<String>().unwrap(), text);
    }

    #[test]
    fn every_float_is_accepted_and_kept(bits: u64) {
        let value = f64::from_bits(bits);
        match Json::from_value(&value) {
            Ok(json) => prop_assert_eq!(json.text().parse::<f64>().unwrap(), value),
            Err(invalid) => prop_assert!(!value.is_finite() && invalid.reason == Reason::NotFinite),
        }
    }

    #[test]
    fn an_integer_is_accepted_when_a_float_holds_it(value: i64, shift in 0..64) {
        let value: i64 = value >> shift;
        let kept = value as f64 as i128 == i128::from(value)
            || ryu_js::Buffer::new().format_finite(value as f64) == value.to_string();
        prop_assert_eq!(Json::from_value(&value).is_ok(), kept);
    }
}

/// What the scan accepts `serde_json` decodes; what it calls no JSON `serde_json` refuses.
fn agree(text: &str) -> Result<(), TestCaseError> {
    let decoded = serde_json::from_str::<Value>(text);
    match Json::parse(text) {
        Ok(json) => prop_assert!(decoded.is_ok() && json.to::<Value>().is_ok(), "{}", text),
        Err(InvalidJson { reason: Reason::Syntax(_), at, .. }) => {
            prop_assert!(decoded.is_err(), "{}", text);
            prop_assert!(at <= text.len());
        }
        Err(invalid) => prop_assert!(invalid.at <= text.len()),
    }
    Ok(())
}

/// Written and read as serde does it.
fn same_as_serde<T>(value: &T)
where
    T: Encode + Decode + Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let text = to_text(value);
    assert_eq!(text, serde_json::to_string(value).unwrap());
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value);
    assert_eq!(from_text::<T>(&text).ok().as_ref(), Some(value), "{text}");
}

proptest! {
    #[test]
    fn texts_and_numbers_are_written_and_read_as_serde_does_it(
        text in any::<String>(),
        numbers in vec((any::<i64>(), 0..=i64::MAX as u64, any::<u32>(), any::<bool>()), 0..4),
        entries in btree_map(any::<String>(), proptest::option::of(any::<u32>()), 0..4),
    ) {
        same_as_serde(&text);
        same_as_serde(&entries);
        for (integer, count, small, flag) in numbers {
            same_as_serde(&integer);
            same_as_serde(&vec![count]);
            same_as_serde(&small);
            same_as_serde(&flag);
        }
    }

    #[test]
    fn metadata_is_written_and_read_as_serde_does_it(
        user in proptest::option::of("[a-z\"\\\\]{1,8}"),
        causation in proptest::option::of("[a-z]{1,8}"),
        schema_version in 1..4_u32,
        custom in btree_map("[a-z]{0,3}", any::<String>(), 0..3),
    ) {
        let metadata = EventMetadata {
            user_id: user.map(|user| user.parse().unwrap()),
            correlation_id: CorrelationId::try_new("c").unwrap(),
            causation_id: causation.map(|causation| causation.parse().unwrap()),
            schema_version,
            custom,
        };
        same_as_serde(&metadata);
    }

    #[test]
    fn damaged_messages_are_refused_and_nothing_worse(text in any::<String>(), cut in 0..200_usize) {
        let whole = r#"{"userId":"u\u00e4","correlationId":"c","custom":{"a":[1,{"b":null}],"c":"\ud83d\ude00"}}"#;
        prop_assert!(from_text::<EventMetadata<Json>>(whole).is_ok());
        let cut = whole.floor_char_boundary(cut.min(whole.len() - 1));
        prop_assert!(from_text::<EventMetadata<Json>>(&whole[..cut]).is_err());
        let spliced = format!("{}{text}{}", &whole[..cut], &whole[cut..]);
        prop_assert_eq!(
            from_text::<EventMetadata<Json>>(&spliced).is_ok(),
            serde_json::from_str::<EventMetadata>(&spliced).is_ok()
        );
    }
}
