//! CQL2 JSON that names the properties of generated items.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::items::{number, time, word};
use super::oracle;

fn property(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop::sample::select(names).prop_map(|name| json!({ "property": name }))
}

const NUMBERS: &[&str] = &[
    "eo:cloud_cover",
    "properties.count",
    "percent_valid_pixels",
    "mixed",
    "nosuch",
    "nested.b.c",
    "nested.d.0",
    "flag",
];
const TEXTS: &[&str] = &["name", "platform", "mixed", "assets.data.href", "collection", "properties.nosuch", "type"];
const ANYTHING: &[&str] = &[
    "eo:cloud_cover",
    "count",
    "percent_valid_pixels",
    "mixed",
    "name",
    "platform",
    "flag",
    "created",
    "datetime",
    "list",
    "nested",
    "nested.b",
    "nested.b.c",
    "collection",
    "assets.data",
    "nosuch",
    "geometry",
    "start_datetime",
];

/// A call.
#[expect(clippy::needless_pass_by_value, reason = "arguments are made for the call")]
#[must_use]
pub fn op(name: &str, arguments: Vec<Value>) -> Value {
    json!({ "op": name, "args": arguments })
}

fn comparison() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["=", "<>", "<", ">", "<=", ">="][..])
}

fn instant() -> impl Strategy<Value = Value> {
    let day = time().prop_map(|time| json!({ "date": &time[..10] }));
    prop_oneof![time().prop_map(|time| json!({ "timestamp": time })), day]
}

fn span() -> impl Strategy<Value = Value> {
    let end = || {
        prop_oneof![time().prop_map(|time| json!(time)), time().prop_map(|time| json!(&time[..10])), Just(json!(".."))]
    };
    let of = (end(), end()).prop_map(|(from, to)| json!({ "interval": [from, to] }));
    prop_oneof![2 => instant(), 2 => of, 1 => Just(json!({ "interval": [{ "property": "created" }, { "property": "datetime" }] }))]
}

fn predicate() -> impl Strategy<Value = Value> {
    let numeric =
        (comparison(), property(NUMBERS), number()).prop_map(|(name, left, right)| op(name, vec![left, right]));
    let turned =
        (comparison(), property(NUMBERS), number()).prop_map(|(name, left, right)| op(name, vec![right, left]));
    let texts = (comparison(), property(TEXTS), word()).prop_map(|(name, left, right)| op(name, vec![left, right]));
    let times = (comparison(), property(&["datetime", "created", "name"]), instant())
        .prop_map(|(name, left, right)| op(name, vec![left, right]));
    let between = (property(NUMBERS), number(), number())
        .prop_map(|(value, least, most)| op("between", vec![value, least, most]));
    let values = |value: BoxedStrategy<Value>| proptest::collection::vec(value, 0..4).prop_map(|list| json!(list));
    let among = prop_oneof![
        (property(NUMBERS), values(number().boxed())),
        (property(TEXTS), values(word().boxed())),
        (property(ANYTHING), values(prop_oneof![number(), word()].boxed())),
        (property(&["id"]), values((0u8..30).prop_map(|number| json!(format!("item-{number:02}"))).boxed())),
    ];
    let among = among.prop_map(|(value, values)| op("in", vec![value, values]));
    let id = (comparison(), 0u8..30)
        .prop_map(|(name, number)| op(name, vec![json!({ "property": "id" }), json!(format!("item-{number:02}"))]));
    let null = property(ANYTHING).prop_map(|value| op("isNull", vec![value]));
    let patterns = ["%", "s%", "sentinel-2a%", "%name", "_", "50\\%", "%_y", "", "é%", "item-0%", "c_"];
    let like = (property(TEXTS), prop::sample::select(patterns.to_vec()))
        .prop_map(|(text, pattern)| op("like", vec![text, json!(pattern)]));
    let folded = (prop::sample::select(&["casei", "accenti"][..]), property(TEXTS), word())
        .prop_map(|(name, text, word)| op("=", vec![op(name, vec![text]), op(name, vec![word])]));
    let arithmetic = (
        prop::sample::select(&["+", "-", "*", "/", "%", "div", "^"][..]),
        property(NUMBERS),
        -2i64..4,
        comparison(),
        number(),
    )
        .prop_map(|(name, left, right, comparison, other)| {
            op(comparison, vec![op(name, vec![left, json!(right)]), other])
        });
    let two = (comparison(), property(NUMBERS), property(NUMBERS))
        .prop_map(|(name, left, right)| op(name, vec![left, right]));
    let temporal = (prop::sample::select(oracle::TEMPORAL), property(&["datetime", "created"]), span(), any::<bool>())
        .prop_map(|(name, time, span, turned)| op(name, if turned { vec![span, time] } else { vec![time, span] }));
    let arrays = (prop::sample::select(oracle::ARRAYS), values(prop_oneof![number(), word()].boxed()))
        .prop_map(|(name, list)| op(name, vec![json!({ "property": "list" }), list]));
    prop_oneof![
        4 => numeric, 1 => turned, 3 => texts, 3 => times, 2 => between, 3 => among, 1 => id, 3 => null, 2 => like,
        1 => folded, 2 => arithmetic, 1 => two, 3 => temporal, 1 => arrays,
        1 => Just(json!({ "property": "flag" })), 1 => any::<bool>().prop_map(|value| json!(value)),
    ]
}

fn spatial() -> impl Strategy<Value = Value> {
    let shape = (-5i32..4, -5i32..4, 1i32..6, 1i32..6)
        .prop_map(|(x, y, wide, high)| json!({ "bbox": [x, y, x + wide, y + high] }));
    (prop::sample::select(oracle::SPATIAL), shape, any::<bool>()).prop_map(|(name, shape, turned)| {
        let footprint = json!({ "property": "geometry" });
        op(name, if turned { vec![shape, footprint] } else { vec![footprint, shape] })
    })
}

/// A filter of every kind, for items whose footprints are points and boxes that do not leave the hemisphere.
pub fn filter() -> impl Strategy<Value = Value> {
    linked(prop_oneof![12 => predicate(), 1 => spatial()].boxed())
}

/// A filter that does not compare footprints.
pub fn filter_of_properties() -> impl Strategy<Value = Value> {
    linked(predicate().boxed())
}

fn linked(predicate: BoxedStrategy<Value>) -> impl Strategy<Value = Value> {
    predicate.prop_recursive(3, 12, 3, |inner| {
        let links = proptest::collection::vec(inner.clone(), 2..4);
        let linked = (prop::sample::select(&["and", "or"][..]), links).prop_map(|(name, links)| op(name, links));
        prop_oneof![3 => linked, 2 => inner.prop_map(|negated| op("not", vec![negated]))]
    })
}
