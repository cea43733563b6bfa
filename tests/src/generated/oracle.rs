//! CQL2 JSON judged on an item's JSON, one item at a time, written as plainly as the standard reads.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a filter that is none is a test that fails")]

use std::cmp::Ordering;

use earthcatalog_core::query::datetime::parse_instant;
use serde_json::{Value, json};

/// Operators of two times.
pub const TEMPORAL: &[&str] = &[
    "t_after",
    "t_before",
    "t_contains",
    "t_disjoint",
    "t_during",
    "t_equals",
    "t_finishedBy",
    "t_finishes",
    "t_intersects",
    "t_meets",
    "t_metBy",
    "t_overlappedBy",
    "t_overlaps",
    "t_startedBy",
    "t_starts",
];
/// Operators of two geometries.
pub const SPATIAL: &[&str] =
    &["s_intersects", "s_disjoint", "s_equals", "s_touches", "s_within", "s_contains", "s_crosses", "s_overlaps"];
/// Operators of two lists.
pub const ARRAYS: &[&str] = &["a_contains", "a_containedBy", "a_equals", "a_overlaps"];
const DAY: i64 = 86_400_000_000;

/// A box as a polygon.
#[must_use]
pub fn square(west: i32, south: i32, east: i32, north: i32) -> Value {
    json!({ "type": "Polygon", "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]] })
}

/// A value, or a time from its first to its last µs.
#[derive(Clone, Debug)]
enum Term {
    Json(Value),
    Time(i64, i64),
}

/// What a filter says of an item; `None` for unknown.
///
/// # Panics
/// If it is no filter.
#[must_use]
pub fn truth(filter: &Value, item: &Value) -> Option<bool> {
    let Some(name) = filter.get("op").and_then(Value::as_str) else {
        return match value(filter, item)? {
            Term::Json(Value::Bool(value)) => Some(value),
            _ => None,
        };
    };
    let arguments = filter["args"].as_array().unwrap();
    match name {
        "and" => {
            let all: Vec<_> = arguments.iter().map(|argument| truth(argument, item)).collect();
            if all.contains(&Some(false)) {
                Some(false)
            } else {
                all.into_iter().all(|one| one == Some(true)).then_some(true)
            }
        }
        "or" => {
            let all: Vec<_> = arguments.iter().map(|argument| truth(argument, item)).collect();
            if all.contains(&Some(true)) {
                Some(true)
            } else {
                all.into_iter().all(|one| one == Some(false)).then_some(false)
            }
        }
        "not" => truth(&arguments[0], item).map(|value| !value),
        "isNull" => Some(value(&arguments[0], item).is_none()),
        "=" | "<>" | "<" | ">" | "<=" | ">=" => {
            Some(holds(name, compare(&value(&arguments[0], item)?, &value(&arguments[1], item)?)?))
        }
        "between" => {
            let least = json!({ "op": ">=", "args": [arguments[0], arguments[1]] });
            let most = json!({ "op": "<=", "args": [arguments[0], arguments[2]] });
            truth(&json!({ "op": "and", "args": [least, most] }), item)
        }
        "in" => {
            let equal = |one: &Value| truth(&json!({ "op": "=", "args": [arguments[0], one] }), item);
            let all: Vec<_> = arguments[1].as_array().unwrap().iter().map(equal).collect();
            if all.contains(&Some(true)) {
                return Some(true);
            }
            // Of nothing it is known that the value is not in it, but not of a value that is not known.
            let known = all.iter().all(Option::is_some) && (!all.is_empty() || value(&arguments[0], item).is_some());
            known.then_some(false)
        }
        "like" => match (value(&arguments[0], item)?, value(&arguments[1], item)?) {
            (Term::Json(Value::String(text)), Term::Json(Value::String(pattern))) => {
                Some(like(&text.chars().collect::<Vec<_>>(), &pattern.chars().collect::<Vec<_>>()))
            }
            _ => None,
        },
        _ if name.starts_with("t_") => temporal(name, span(&arguments[0], item)?, span(&arguments[1], item)?),
        _ if name.starts_with("s_") => {
            Some(spatial(name, rectangle(&arguments[0], item)?, rectangle(&arguments[1], item)?))
        }
        _ if name.starts_with("a_") => match (value(&arguments[0], item)?, &arguments[1]) {
            (Term::Json(Value::Array(left)), Value::Array(right)) => Some(array(name, &left, right)),
            _ => None,
        },
        other => panic!("{other}"),
    }
}

fn holds(name: &str, order: Ordering) -> bool {
    match name {
        "=" => order.is_eq(),
        "<>" => order.is_ne(),
        "<" => order.is_lt(),
        ">" => order.is_gt(),
        "<=" => order.is_le(),
        _ => order.is_ge(),
    }
}

fn value(expression: &Value, item: &Value) -> Option<Term> {
    if let Some(name) = expression.get("property").and_then(Value::as_str) {
        let found = place(name, item)?;
        let bare = name.strip_prefix("properties.").unwrap_or(name);
        let time = ["datetime", "start_datetime", "end_datetime", "created"].contains(&bare);
        let instant = found.as_str().filter(|_| time).and_then(|text| parse_instant(text).ok());
        return Some(instant.map_or_else(|| Term::Json(found.clone()), |at| Term::Time(at, at)));
    }
    if let Some(day) = expression.get("date").and_then(Value::as_str) {
        return moment(day);
    }
    if let Some(instant) = expression.get("timestamp").and_then(Value::as_str) {
        return moment(instant);
    }
    let Some(name) = expression.get("op").and_then(Value::as_str) else { return Some(Term::Json(expression.clone())) };
    let arguments = expression["args"].as_array().unwrap();
    match (name, &arguments[..]) {
        ("casei", [text]) => folded(value(text, item)?, str::to_lowercase),
        ("accenti", [text]) => folded(value(text, item)?, |text| text.replace('é', "e")),
        ("+" | "-" | "*" | "/" | "%" | "div" | "^", [left, right]) => {
            arithmetic(name, &value(left, item)?, &value(right, item)?)
        }
        _ => truth(expression, item).map(|value| Term::Json(json!(value))),
    }
}

fn folded(term: Term, fold: impl Fn(&str) -> String) -> Option<Term> {
    match term {
        Term::Json(Value::String(text)) => Some(Term::Json(json!(fold(&text)))),
        _ => None,
    }
}

/// Where the names of the test lead.
fn place<'v>(name: &str, item: &'v Value) -> Option<&'v Value> {
    let found = match name.strip_prefix("properties.").unwrap_or(name) {
        "id" | "collection" | "geometry" | "type" => item.get(name),
        "assets.data.href" => item["assets"].get("data").map(|data| &data["href"]),
        "assets.data" => item["assets"].get("data"),
        "nested.b" => item["properties"].get("nested").map(|nested| &nested["b"]),
        // A name with a dot wins over a path.
        "nested.b.c" => item["properties"].get("nested").map(|nested| &nested["b.c"]),
        "nested.deep" => item["properties"].get("nested").and_then(|nested| nested.get("deep")),
        "nested.d.0" => item["properties"].get("nested").map(|nested| &nested["d"][0]),
        name => item["properties"].get(name),
    };
    found.filter(|value| !value.is_null())
}

fn moment(text: &str) -> Option<Term> {
    if text.len() == 10 {
        let day = parse_instant(&format!("{text}T00:00:00Z")).ok()?;
        return Some(Term::Time(day, day + DAY - 1));
    }
    parse_instant(text).ok().map(|at| Term::Time(at, at))
}

fn compare(left: &Term, right: &Term) -> Option<Ordering> {
    let time = |term: &Term| match term {
        Term::Json(Value::String(text)) => moment(text),
        Term::Time(first, last) => Some(Term::Time(*first, *last)),
        Term::Json(_) => None,
    };
    match (left, right) {
        (Term::Json(Value::Bool(left)), Term::Json(Value::Bool(right))) => Some(left.cmp(right)),
        (Term::Json(Value::String(left)), Term::Json(Value::String(right))) => {
            Some(left.as_bytes().cmp(right.as_bytes()))
        }
        (Term::Json(Value::Number(left)), Term::Json(Value::Number(right))) => match (whole(left), whole(right)) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            // A fraction: all of these are small.
            _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
        },
        (Term::Time(..), _) | (_, Term::Time(..)) => match (time(left)?, time(right)?) {
            (Term::Time(_, last), Term::Time(first, _)) if last < first => Some(Ordering::Less),
            (Term::Time(first, _), Term::Time(_, last)) if first > last => Some(Ordering::Greater),
            _ => Some(Ordering::Equal),
        },
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a float without fraction, small enough")]
fn whole(number: &serde_json::Number) -> Option<i128> {
    let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 1e30);
    number.as_i64().map(i128::from).or_else(|| float.map(|float| float as i128))
}

fn arithmetic(name: &str, left: &Term, right: &Term) -> Option<Term> {
    let (Term::Json(Value::Number(left)), Term::Json(Value::Number(right))) = (left, right) else { return None };
    if let (Some(left), Some(right)) = (left.as_i64(), right.as_i64()) {
        let exact = i128::from(left);
        let other = i128::from(right);
        let whole = match name {
            "+" => Some(exact + other),
            "-" => Some(exact - other),
            "*" => Some(exact * other),
            "%" if other != 0 => Some(exact % other),
            "div" if other != 0 => Some(exact / other),
            "^" if other >= 0 => exact.checked_pow(u32::try_from(other).unwrap()),
            _ => None,
        };
        if let Some(whole) = whole.and_then(|whole| i64::try_from(whole).ok()) {
            return Some(Term::Json(json!(whole)));
        }
    }
    let (left, right) = (left.as_f64()?, right.as_f64()?);
    if right == 0.0 && ["/", "%", "div"].contains(&name) {
        return None;
    }
    let result = match name {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" => left / right,
        "%" => left % right,
        "div" => (left / right).trunc(),
        _ => left.powf(right),
    };
    result.is_finite().then(|| Term::Json(json!(result)))
}

fn like(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|skipped| like(&text[skipped..], rest)),
        ['_', rest @ ..] => !text.is_empty() && like(&text[1..], rest),
        ['\\', letter, rest @ ..] | [letter, rest @ ..] => text.first() == Some(letter) && like(&text[1..], rest),
    }
}

fn span(expression: &Value, item: &Value) -> Option<(i64, i64)> {
    let instant = |expression: &Value| match expression {
        Value::String(text) => moment(text),
        other => match value(other, item)? {
            Term::Json(Value::String(text)) => moment(&text),
            Term::Json(_) => None,
            time @ Term::Time(..) => Some(time),
        },
    };
    let ends = |term: Term| if let Term::Time(first, last) = term { (first, last) } else { panic!("{term:?}") };
    let Some(interval) = expression.get("interval") else { return instant(expression).map(ends) };
    let first = if interval[0] == ".." { i64::MIN } else { ends(instant(&interval[0])?).0 };
    let last = if interval[1] == ".." { i64::MAX } else { ends(instant(&interval[1])?).1 };
    (first <= last).then_some((first, last))
}

fn temporal(name: &str, (a, b): (i64, i64), (c, d): (i64, i64)) -> Option<bool> {
    Some(match name {
        "t_after" => a > d,
        "t_before" => b < c,
        "t_contains" => a < c && b > d,
        "t_disjoint" => b < c || a > d,
        "t_during" => a > c && b < d,
        "t_equals" => a == c && b == d,
        "t_finishedBy" => a < c && b == d,
        "t_finishes" => a > c && b == d,
        "t_intersects" => a <= d && b >= c,
        "t_meets" => b == c,
        "t_metBy" => a == d,
        "t_overlappedBy" => a > c && a < d && b > d,
        "t_overlaps" => a < c && b > c && b < d,
        "t_startedBy" => a == c && b > d,
        "t_starts" => a == c && b < d,
        _ => return None,
    })
}

/// West, south, east, north; a point has no width.
type Rectangle = [f64; 4];

fn rectangle(expression: &Value, item: &Value) -> Option<Rectangle> {
    let shape =
        if expression.get("property").is_some() { place("geometry", item)?.clone() } else { expression.clone() };
    let number = |value: &Value| value.as_f64().unwrap();
    if let Some(bbox) = shape.get("bbox") {
        return Some([0, 1, 2, 3].map(|side| number(&bbox[side])));
    }
    let coordinates = &shape["coordinates"];
    if shape["type"] == "Point" {
        return Some([0, 1, 0, 1].map(|side| number(&coordinates[side])));
    }
    let corner = |position: usize, axis: usize| number(&coordinates[0][position][axis]);
    Some([corner(0, 0), corner(0, 1), corner(2, 0), corner(2, 1)])
}

fn spatial(name: &str, a: Rectangle, b: Rectangle) -> bool {
    #[expect(clippy::float_cmp, reason = "whole numbers")]
    let is_point = |rectangle: Rectangle| rectangle[0] == rectangle[2];
    let meets = a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3];
    // A point is all interior.
    let inside = a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
    let holds = |outer: Rectangle, inner: Rectangle| {
        inside
            && outer[0] <= inner[0]
            && outer[1] <= inner[1]
            && outer[2] >= inner[2]
            && outer[3] >= inner[3]
            && !is_point(outer)
    };
    match name {
        "s_intersects" => meets,
        "s_disjoint" => !meets,
        "s_touches" => meets && !inside,
        "s_within" => holds(b, a),
        "s_contains" => holds(a, b),
        "s_equals" => holds(a, b) && holds(b, a),
        "s_overlaps" => inside && !holds(a, b) && !holds(b, a),
        _ => false,
    }
}

fn array(name: &str, left: &[Value], right: &[Value]) -> bool {
    let same = |one: &Value, other: &Value| match (one, other) {
        (Value::Number(one), Value::Number(other)) if one.is_f64() || other.is_f64() => {
            one.as_f64().partial_cmp(&other.as_f64()) == Some(Ordering::Equal)
        }
        _ => one == other,
    };
    let holds = |all: &[Value], some: &[Value]| some.iter().all(|one| all.iter().any(|other| same(one, other)));
    match name {
        "a_contains" => holds(left, right),
        "a_containedBy" => holds(right, left),
        "a_equals" => holds(left, right) && holds(right, left),
        _ => left.iter().any(|one| right.iter().any(|other| same(one, other))),
    }
}

/// Sorts items as `sortby` says, by their values alone.
pub fn sort(items: &mut [Value], keys: &[impl AsRef<str>]) {
    items.sort_by(|left, right| {
        keys.iter().map(AsRef::as_ref).fold(Ordering::Equal, |order, key| {
            let name = key.trim_start_matches(['+', '-']);
            order.then_with(|| self::order(name, left, right, key.starts_with('-')))
        })
    });
}

/// Which of two items is first by a property: booleans, numbers, texts, then all else; nothing is last.
fn order(name: &str, left: &Value, right: &Value, descending: bool) -> Ordering {
    let rank = |term: &Term| match term {
        Term::Json(Value::Bool(_)) => 0,
        Term::Json(Value::Number(_)) => 1,
        Term::Json(Value::String(_)) | Term::Time(..) => 2,
        Term::Json(_) => 3,
    };
    let of = |item| value(&json!({ "property": name }), item);
    match (of(left), of(right)) {
        (Some(left), Some(right)) => {
            let order = compare(&left, &right).unwrap_or_else(|| rank(&left).cmp(&rank(&right)));
            if descending { order.reverse() } else { order }
        }
        (left, right) => left.is_none().cmp(&right.is_none()),
    }
}
