use std::collections::{BTreeMap, HashMap};

use serde_json::json;

use super::*;

fn refusal(text: &str) -> Reason {
    match Json::parse(text) {
        Ok(json) => panic!("{json:?} was accepted"),
        Err(invalid) => invalid.reason,
    }
}

fn accepts(text: &str) {
    let json = Json::parse(text).unwrap_or_else(|invalid| panic!("{text}: {invalid}"));
    assert_eq!(json.text(), text.trim_matches([' ', '\n', '\r', '\t']));
}

#[test]
fn a_number_must_survive_a_float() {
    for text in [
        "0",
        "-0",
        "7",
        "-7",
        "123456789012345",
        "9007199254740991",
        "9007199254740992",
        "-9007199254740992",
        // 2^60: exact, and as JSON.stringify prints it.
        "1152921504606846976",
        "1152921504606847000",
        "-1152921504606847000",
        "18446744073709551616",
        "18446744073709552000",
        "100000000000000000000",
        "1000000000000000000000",
        "0.1",
        "-0.0",
        "0e400",
        "0.0e-400",
        "1e308",
        "1.7976931348623157e308",
        "5e-324",
        "123456789.123456789123456789",
        "1E+2",
        "1e-2",
    ] {
        accepts(text);
    }
    for text in [
        "9007199254740993",
        "-9007199254740993",
        "1152921504606846977",
        "1152921504606847001",
        "123456789012345678",
        "1000000000000000000000000",
        "18446744073709551615",
    ] {
        assert_eq!(refusal(text), Reason::NumberNotExact(text.into()));
    }
    let huge = "9".repeat(400);
    for text in [
        "1e309",
        "-1e400",
        "1.8e308",
        "1e-324",
        "1e-400",
        "0.1e-999999999999",
        "0e401",
        "0.00E-401",
        "0e99999999999",
    ] {
        assert_eq!(refusal(text), Reason::NumberOutOfRange(text.into()));
    }
    assert_eq!(refusal(&huge), Reason::NumberOutOfRange("9".repeat(64)));
    accepts(&format!("{:.0}", f64::MAX));
    accepts(&format!("0.{}", "1".repeat(1022)));
    assert_eq!(refusal(&format!("0.{}", "1".repeat(1023))), Reason::NumberTooLong(1025));
    assert_eq!(
        refusal(&format!("0.{}1", "0".repeat(400))),
        Reason::NumberOutOfRange(format!("0.{}", "0".repeat(62)))
    );
}

#[test]
fn every_integer_that_javascript_prints_is_accepted() {
    for power in 53..1024 {
        let value = 2_f64.powi(power);
        for value in [value, value.next_down(), value.next_up(), -value] {
            accepts(ryu_js::Buffer::new().format_finite(value));
            accepts(&format!("{value:.0}"));
        }
    }
}

#[test]
fn strings_have_no_nul_and_no_half_pairs() {
    for text in [
        r#""""#,
        r#""\u0001\"\\\/\b\f\n\r\t""#,
        r#""\ud83d\ude00""#,
        r#""\uD83D\uDE00""#,
        "\"😀ä\u{7f}\u{ffff}\"",
        r#""\\u0000""#,
        r#"{"\u0041":1}"#,
    ] {
        accepts(text);
    }
    for text in [r#""\u0000""#, r#""a long text before it \u0000""#, r#"{"a\u0000":1}"#] {
        assert_eq!(refusal(text), Reason::NulCharacter);
    }
    for text in [
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\ud800\ud800""#,
        r#""\ud800x""#,
        r#""\ud800\n""#,
        r#"{"\udfff":1}"#,
        r#""\ude00\ud83d""#,
    ] {
        assert_eq!(refusal(text), Reason::LoneSurrogate, "{text}");
    }
}

#[test]
fn a_key_is_there_once_however_it_is_spelled() {
    for text in
        [r#"{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}"#, r#"{"a":{"a":{"a":{}}}}"#, r#"{"":1,"\"":1,"\\":2}"#]
    {
        accepts(text);
    }
    for text in [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":1}"#, r#"{"\u0061":1,"b":2,"a":1}"#] {
        assert_eq!(refusal(text), Reason::DuplicateKey("a".into()), "{text}");
    }
    assert_eq!(refusal(r#"{"\ud83d\ude00":1,"😀":1}"#), Reason::DuplicateKey("😀".into()));
}

#[test]
fn a_hundred_thousand_keys_are_quick_and_still_checked() {
    let object = |last: &str| {
        let keys: String = (0..100_000)
            .map(|key| format!("\"a key with a long beginning {key}\":{{\"x\":{key}}},"))
            .collect();
        format!("{{{keys}\"{last}\":0}}")
    };
    let started = std::time::Instant::now();
    accepts(&object("another"));
    accepts(&object("\\n"));
    let text = object("a key with a long beginning 7");
    let invalid = Json::parse(&text).unwrap_err();
    assert_eq!(invalid.reason, Reason::DuplicateKey("a key with a long beginning 7".into()));
    assert_eq!(invalid.at, text.rfind("\"a key").unwrap());
    let escaped = object("\\u0061 key with a long beginning 7");
    assert_eq!(refusal(&escaped), Reason::DuplicateKey("a key with a long beginning 7".into()));
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn duplicates_are_found_at_every_size_of_an_object() {
    for size in 1..70 {
        for twice in 0..size {
            let keys: Vec<_> = (0..size)
                .map(|key| format!("\"k{key}\":{{\"in\":[]}}"))
                .chain([format!("\"k{twice}\":1")])
                .collect();
            let (once, text) = (keys[..size].join(","), keys.join(","));
            accepts(&format!("[{{{once}}},{{{once}}}]"));
            assert_eq!(
                refusal(&format!("{{\"k{twice}\":{{{text}}}}}")),
                Reason::DuplicateKey(format!("k{twice}"))
            );
        }
    }
}

#[test]
fn what_is_accepted_is_not_too_deep_to_decode() {
    let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    let objects = |levels: usize| "{\"a\":".repeat(levels) + "1" + &"}".repeat(levels);
    for text in [deep(MAX_DEPTH), objects(MAX_DEPTH)] {
        assert!(Json::parse(&text).unwrap().to::<serde_json::Value>().is_ok());
    }
    for text in [deep(MAX_DEPTH + 1), objects(MAX_DEPTH + 1), deep(1_000_000), "[".repeat(1_000_000)] {
        assert_eq!(refusal(&text), Reason::TooDeep { limit: MAX_DEPTH });
    }
    accepts(&format!("[{},{}]", deep(MAX_DEPTH - 1), deep(MAX_DEPTH - 1)));
}

#[test]
fn only_json_is_json() {
    for text in ["null", "true", "false", "[]", "{}", " [ 1 , { \"a\" : null } ]\r\n\t", "\"x\""] {
        accepts(text);
    }
    for text in [
        "",
        " ",
        "nul",
        "tru",
        "truee",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "\"",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "\"\u{1}\"",
        "01",
        "-",
        "-a",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x10",
        "1 2",
        "{} {}",
        "[",
        "{",
        "{\"a\":1",
        "]",
        "\u{feff}1",
        "1\0",
        "//x\n1",
        "undefined",
        "-01",
        "1_000",
        "\"a\nb and some more text after it\"",
        "\"\\ud800\\u12\"",
    ] {
        assert!(matches!(refusal(text), Reason::Syntax(_)), "{text:?}");
        assert!(serde_json::from_str::<serde_json::Value>(text).is_err());
    }
    for text in ["NaN", "[Infinity]"] {
        assert_eq!(refusal(text), Reason::NotFinite);
    }
}

#[test]
fn an_error_says_where_and_what_to_do() {
    let text = r#"{"name":"x","items":[1,2,{"price in €":{"a":9007199254740993}}]}"#;
    let invalid = Json::parse(text).unwrap_err();
    assert_eq!(invalid.path, "$.items[2][\"price in €\"].a");
    assert_eq!(&text[invalid.at..invalid.at + 16], "9007199254740993");
    assert_eq!(
        invalid.to_string(),
        "the integer 9007199254740993 is not exact as a 64-bit float and would change on its way; \
         send it as a string, at $.items[2][\"price in €\"].a (byte 46)"
    );
    let invalid = Json::parse(r#"[{"a":1,"b":2,"a":3}]"#).unwrap_err();
    assert_eq!((invalid.path.as_str(), invalid.at), ("$[0].a", 14));
    let invalid = Json::parse("[1, 2").unwrap_err();
    assert_eq!(invalid.to_string(), "not JSON: expected ',' or ']', at $ (byte 5)");
    let long = format!("{{\"{}\":tru}}", "k".repeat(1000));
    assert!(Json::parse(&long).unwrap_err().path.len() < 100);
}

#[derive(Serialize)]
struct Measured {
    name: &'static str,
    values: Vec<Option<f64>>,
    by_key: BTreeMap<u32, (f32, Kind)>,
}

#[derive(Serialize)]
enum Kind {
    Unit,
    New(f64),
    Tuple(u8, f64),
    Struct { x: f64 },
}

#[test]
fn a_value_is_written_as_serde_json_writes_it() {
    let value = Measured {
        name: "x",
        values: vec![None, Some(0.1), Some(1e300)],
        by_key: BTreeMap::from([
            (1, (0.5, Kind::Unit)),
            (2, (1.5, Kind::New(2.5))),
            (3, (0.0, Kind::Tuple(1, -0.5))),
        ]),
    };
    assert_eq!(Json::from_value(&value).unwrap().text(), serde_json::to_string(&value).unwrap());
    let kind = Kind::Struct { x: 1.25 };
    assert_eq!(Json::from_value(&kind).unwrap().text(), r#"{"Struct":{"x":1.25}}"#);
    assert_eq!(Json::from_value("text").unwrap().text(), r#""text""#);
    assert_eq!(Json::from_value(&json!({"b": [1, "x", null]})).unwrap().text(), r#"{"b":[1,"x",null]}"#);
    let inner = Json::parse("[1, 2 ]").unwrap();
    assert_eq!(Json::from_value(&HashMap::from([("in", inner)])).unwrap().text(), r#"{"in":[1, 2 ]}"#);
}

#[test]
fn a_value_with_nan_or_an_infinity_is_refused_where_it_is() {
    let nested = |kind| Measured { name: "x", values: vec![], by_key: BTreeMap::from([(7, (1.0, kind))]) };
    for (value, path) in [
        (
            Measured { name: "x", values: vec![Some(1.0), Some(f64::NAN)], by_key: BTreeMap::new() },
            "$.values[1]",
        ),
        (nested(Kind::New(f64::INFINITY)), "$.by_key.7[1].New"),
        (nested(Kind::Tuple(1, f64::NEG_INFINITY)), "$.by_key.7[1].Tuple[1]"),
        (nested(Kind::Struct { x: f64::NAN }), "$.by_key.7[1].Struct.x"),
        (
            Measured { name: "x", values: vec![], by_key: BTreeMap::from([(0, (f32::NAN, Kind::Unit))]) },
            "$.by_key.0[0]",
        ),
    ] {
        let invalid = Json::from_value(&value).unwrap_err();
        assert_eq!((invalid.reason, invalid.path.as_str()), (Reason::NotFinite, path));
    }
    assert_eq!(Json::from_value(&f32::INFINITY).unwrap_err().reason, Reason::NotFinite);
}

#[test]
fn a_value_that_breaks_a_rule_is_refused() {
    let reason = |invalid: InvalidJson| invalid.reason;
    assert_eq!(Json::from_value("a\0b").map_err(reason), Err(Reason::NulCharacter));
    let inexact = u64::MAX;
    assert_eq!(Json::from_value(&inexact).map_err(reason), Err(Reason::NumberNotExact(inexact.to_string())));
    assert_eq!(
        Json::from_value(&i128::MIN).map(|json| json.canonical()),
        Ok("-1.7014118346046923e+38".into())
    );
    let keys = HashMap::from([(vec![1], 1)]);
    assert!(matches!(Json::from_value(&keys).map_err(reason), Err(Reason::NotSerializable(_))));
}

#[test]
fn equal_means_the_same_not_spelled_the_same() {
    let parse = |text| Json::parse(text).unwrap();
    assert_eq!(parse(r#"{"a":1.0,"b":"\u0041"}"#), parse(r#" {"b":"A", "a":1} "#));
    assert_ne!(parse("[1,2]"), parse("[2,1]"));
    assert_ne!(parse("\"1\""), parse("1"));
}

#[test]
fn serde_passes_the_text_through_and_checks_what_comes_in() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Message {
        payload: Json,
        metadata: Option<Json>,
    }
    let text = r#"{"payload":{"b": 1.0, "a":[]},"metadata":null}"#;
    let message: Message = serde_json::from_str(text).unwrap();
    assert_eq!(message.payload.text(), r#"{"b": 1.0, "a":[]}"#);
    assert_eq!(serde_json::to_string(&message).unwrap(), text);
    assert!(serde_json::from_value::<Message>(json!({"payload": [1]})).is_ok());
    let error = serde_json::from_str::<Message>(r#"{"payload":{"a":"\u0000"}}"#).unwrap_err();
    assert!(error.to_string().contains("U+0000"), "{error}");
}

#[test]
fn what_a_store_vouches_for_needs_only_to_be_json() {
    let old = Json::trusted(r#" {"a":9007199254740993,"a":"\u0000"} "#).unwrap();
    assert_eq!(old.text(), r#"{"a":9007199254740993,"a":"\u0000"}"#);
    let damaged = Json::trusted("{\"a\":").unwrap_err();
    assert_eq!((damaged.reason, damaged.at), (Reason::Syntax("a value"), 5));
}

#[test]
fn json_is_shared_between_threads() {
    fn shared<T: Send + Sync + Clone + 'static>() {}
    shared::<Json>();
}
