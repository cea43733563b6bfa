//! What is read, what is written, and what is refused.

use serde_json::json;

use super::*;
use crate::ErrorKind;

fn text(text: &str) -> Expression {
    Expression::from_text(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> Error {
    let error = Expression::from_text(text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{text}");
    error
}

#[test]
fn operators_bind_as_the_grammar_says() {
    let pairs = [
        ("a=1 OR b=2 AND NOT c=3", "a = 1 OR (b = 2 AND (NOT (c = 3)))"),
        ("a + b * c ^ 2 - 1 > 0", "((a + (b * (c ^ 2))) - 1) > 0"),
        ("-a * -2 = - (b)", "((-1 * a) * -2) = (-1 * b)"),
        ("balance-150.0>0", "(balance - 150.0) > 0"),
        ("a NOT BETWEEN 1 AND 2 AND b", "(NOT (a BETWEEN 1 AND 2)) AND b"),
        ("7 div 2 = 3", "(7 DIV 2) = 3"),
        ("a is not null", "NOT (a IS NULL)"),
        ("casei(a) in (CASEI('x'))", "CASEI(a) IN (CASEI('x'))"),
        ("a IN ((1 + 2) * 3, 4)", "a IN ((1 + 2) * 3, 4)"),
    ];
    for (one, other) in pairs {
        assert_eq!(text(one), text(other), "{one}");
    }
}

#[test]
fn what_is_written_is_read_as_the_same_in_both_forms() {
    for one in [
        r#""a b"".c" = 'it''s \' AND "and" <> 'x'"#,
        "a = 1e300 OR a = -1.5E-7 OR a = 9223372036854775807 OR a = 92233720368547758080",
        "A_CONTAINS(a, ('x')) AND A_EQUALS(((1, 2), (3)), b) AND A_OVERLAPS(a, ())",
        "A_EQUALS(a, ((b + 1) * 2, 'x'))",
        "T_DURING(INTERVAL(a, '..'), INTERVAL('2020-01-01', '2021-01-01T00:00:00.123456Z'))",
        "S_WITHIN(POINT Z (1 2 3), GEOMETRYCOLLECTION(MULTIPOINT(1 2, (3 4)), POLYGON((0 0, 1 0, 1 1, 0 0))))",
        "S_EQUALS(MULTIPOLYGON(((0 0, 1 0, 1 1, 0 0)), ((5 5, 6 5, 6 6, 5 5))), MULTILINESTRING((0 0, 1 1), (2 2, 3 3)))",
        "Foo((1, 2), bar()) = TRUE",
        "d = DATE('2021-02-03') AND t > TIMESTAMP('2021-02-03T04:05:06+07:00')",
        "((a = 1) AND (b = 2 AND c = 3)) OR NOT (NOT a)",
        "a LIKE CASEI('%\\_x') AND :x:y.z IS NULL AND \u{f6}l > 1",
        "point > 1 AND date = 'x' AND z < 2",
    ] {
        let expression = text(one);
        assert_eq!(text(&expression.to_string()), expression, "{one}\n{expression}");
        assert_eq!(Expression::from_json(&expression.to_json()).unwrap(), expression, "{one}");
        assert_eq!(Expression::parse(&expression.to_json().to_string()).unwrap(), expression, "{one}");
    }
}

#[test]
fn errors_say_what_was_expected_and_where() {
    for (wrong, position, said) in [
        ("a = ", 5, "the end"),
        ("a == 1", 4, "`= 1`"),
        ("a = 1 b", 7, "an operator"),
        ("'x", 1, "not closed"),
        ("a != 1", 3, "`!= 1`"),
        ("a IN 1", 6, "`(`"),
        ("a BETWEEN 1 OR 2", 13, "`AND` of"),
        ("d = DATE('2021-13-01')", 10, "a date"),
        ("d > TIMESTAMP('2021-01-01')", 15, "a date-time"),
        ("BBOX(1,2,3)", 6, "4 or 6"),
        ("a = ('x', 'y')", 15, "a list"),
        ("S_WITHIN(a)", 1, "2 arguments"),
        ("\u{e9} = 1e999", 5, "a number"),
        ("a = -", 6, "a value"),
        ("a ^ 2 ^ 3 > 1", 7, "an operator"),
        ("\"\" = 1", 1, "empty"),
        ("a = 1; DROP TABLE x", 6, "`; DROP TABLE x`"),
        ("a AND", 6, "a value"),
        ("POLYGON(0 0, 1 1)", 9, "`(`"),
    ] {
        let error = refused(wrong);
        assert_eq!(error.context(), [("position", position.to_string())], "{wrong}: {error}");
        assert!(error.message().contains(said), "{wrong}: {error}");
    }
}

#[test]
fn json_errors_name_the_place() {
    for (wrong, place, said) in [
        (json!({ "op": "and", "args": [true, { "op": "=", "args": [1] }] }), "/args/1", "2 arguments"),
        (json!({ "op": "=", "args": [{ "property": "a" }, null] }), "/args/1", "isNull"),
        (json!({ "op": "in", "args": [{ "property": "a" }, 1] }), "/", "a list"),
        (json!({ "op": "=", "args": [{ "property": 1 }, 1] }), "/args/0", "a name"),
        (json!({ "op": 1, "args": [] }), "/", "`op`"),
        (json!({ "op": "not" }), "/", "`args`"),
        (json!([1]), "/", "no filter"),
        (json!({ "date": "today" }), "/", "`date`"),
        (json!({ "type": "Circle" }), "/", "`Circle`"),
        (json!({ "type": "Point", "coordinates": [[1, 2]] }), "/", "nested"),
        (json!({ "interval": ["x", ".."] }), "/", "an end"),
        (json!({ "bbox": [1, 2, 3] }), "/", "4 or 6"),
        (json!({ "value": 1 }), "/", "an object with"),
    ] {
        let error = Expression::from_json(&wrong).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert_eq!(error.context(), [("filter", place.to_owned())], "{wrong}: {error}");
        assert!(error.message().contains(said), "{wrong}: {error}");
    }
}

#[test]
fn hostile_filters_are_refused_without_harm() {
    for deep in [
        "(".repeat(1_000_000),
        "NOT ".repeat(100_000),
        format!("a = {}", "(".repeat(100_000)),
        format!("a = {}1", "1 + ".repeat(100_000)),
        format!("A_EQUALS(a, {}", "(".repeat(2_000)),
        format!("{}1", "- ".repeat(100_000)),
        "GEOMETRYCOLLECTION(".repeat(10_000),
        "casei(".repeat(10_000),
        format!("a = '{}", "x".repeat(5 << 20)),
        format!("a IN ({}1)", "1,".repeat(1_000_000)),
        "\u{0}\u{1}\u{7f}".to_owned(),
        "'\u{0}".to_owned(),
    ] {
        refused(&deep);
    }
    let mut deep = json!(true);
    for _ in 0..200 {
        deep = json!({ "op": "not", "args": [deep] });
    }
    assert!(Expression::from_json(&deep).unwrap_err().message().contains("too deep"));
    assert!(Expression::from_json(&json!({ "op": "in", "args": [1, vec![1; 200_000]] })).is_err());
}

#[test]
fn every_prefix_and_every_mutilation_of_a_filter_is_read_or_refused() {
    let whole = r#"NOT ("a" LIKE 'x''%' AND b BETWEEN -1.5e3 AND 2) OR s_intersects(geometry, POLYGON((0 0,1 0,1 1,0 0))) OR t_during(INTERVAL(a,'..'),INTERVAL('2020-01-01','..')) AND A_OVERLAPS(x,('é',(1)))"#;
    let letters: Vec<char> = whole.chars().collect();
    for cut in 0..letters.len() {
        let _ = Expression::parse(&letters[..cut].iter().collect::<String>());
        for other in ['(', ')', '\'', '"', ',', '\u{e9}', ' ', '-', '.'] {
            let mut changed = letters.clone();
            changed[cut] = other;
            let changed: String = changed.into_iter().collect();
            if let Ok(expression) = Expression::parse(&changed) {
                assert_eq!(text(&expression.to_string()), expression, "{changed}");
            }
        }
    }
}

#[test]
fn a_quote_is_doubled_or_follows_a_backslash_and_signs_and_marks_are_read() {
    let same = |left: &str, right: &str| {
        assert_eq!(Expression::from_text(left).unwrap(), Expression::from_text(right).unwrap(), "{left}");
    };
    same(r"s = 'it\'s'", "s = 'it''s'");
    same("n = +5", "n = 5");
    same("n > - 5 + +2", "n > -5 + 2");
    same("e\u{301} IS NULL", "\"e\u{301}\" IS NULL");
    // A text may end with a backslash, and does so where that makes sense.
    let path = Expression::from_text(r"s = 'C:\'").unwrap();
    assert_eq!(path.to_json()["args"][1], "C:\\");
    assert!(Expression::from_text(r"s = '\").is_err());
}
