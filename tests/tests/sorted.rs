//! Searches in an order, and of some members: over generated catalogs, against a sort and a pick of all that matches.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helpers too")]

use earthcatalog_core::grid::{Grid, H3Grid};
use earthcatalog_core::machine::drive;
use earthcatalog_core::query::{Fields, Query};
use earthcatalog_core::stac::ValidItem;
use earthcatalog_tests::generated::{cases, oracle};
use earthcatalog_tests::made::{Made, Style};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Values of one property in several items, as real catalogs mix them.
fn value() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        4 => Just(None),
        6 => (-3i64..4).prop_map(|whole| Some(json!(whole))),
        2 => (-3i32..4).prop_map(|half| Some(json!(f64::from(half) / 2.0))),
        1 => Just(Some(json!(9_007_199_254_740_993_i64))),
        1 => Just(Some(json!(9_007_199_254_740_992.0))),
        1 => prop_oneof![Just("x"), Just("é"), Just("")].prop_map(|text| Some(json!(text))),
        1 => any::<bool>().prop_map(|flag| Some(json!(flag))),
        1 => Just(Some(Value::Null)),
        1 => Just(Some(json!({ "deep": 1 }))),
    ]
}

fn item(number: usize, parts: Parts) -> ValidItem {
    let Parts { place, day, views, cover, platform, nested } = parts;
    let mut properties = Map::new();
    properties.insert("datetime".into(), json!(format!("20{:02}-06-{:02}T00:00:00Z", 18 + day % 5, 1 + day % 28)));
    properties.insert("platform".into(), json!(format!("p{platform}")));
    for (name, value) in [("views", views), ("eo:cloud_cover", cover)] {
        properties.extend(value.map(|value| (name.to_owned(), value)));
    }
    properties.extend(nested.map(|deep| ("nested".to_owned(), json!({ "deep": deep, "other": true }))));
    let (x, y) = place;
    let geometry =
        json!({"type": "Polygon", "coordinates": [[[x, y], [x + 9, y], [x + 9, y + 4], [x, y + 4], [x, y]]]});
    let value = json!({
        "type": "Feature", "stac_version": "1.0.0", "id": format!("item-{number:03}"), "collection": "c",
        "geometry": geometry, "bbox": [x, y, x + 9, y + 4], "properties": properties,
        "links": [{ "href": "https://h/self", "rel": "self" }],
        "assets": { "data": { "href": format!("https://h/{number}.tif"), "roles": ["data"] } },
    });
    ValidItem::from_value(value).unwrap()
}

#[derive(Clone, Debug)]
struct Parts {
    place: (i32, i32),
    day: u32,
    views: Option<Value>,
    cover: Option<Value>,
    platform: u8,
    nested: Option<i64>,
}

fn items() -> impl Strategy<Value = Vec<ValidItem>> {
    let whole = (0i64..60).prop_map(|whole| Some(json!(whole)));
    let parts = ((-170i32..160, 50i32..80), 0u32..40, value(), whole, 0u8..3, proptest::option::of(-2i64..3))
        .prop_map(|(place, day, views, cover, platform, nested)| Parts { place, day, views, cover, platform, nested });
    proptest::collection::vec(parts, 0..40)
        .prop_map(|parts| parts.into_iter().enumerate().map(|(number, parts)| item(number, parts)).collect())
}

const NAMES: [&str; 10] = [
    "id",
    "properties.datetime",
    "datetime",
    "views",
    "properties.views",
    "eo:cloud_cover",
    "platform",
    "nested.deep",
    "assets.data.href",
    "nosuch",
];

fn order() -> impl Strategy<Value = Vec<String>> {
    let key = (prop::sample::select(&NAMES[..]), prop_oneof![Just("-"), Just("+"), Just("")])
        .prop_map(|(name, sign)| format!("{sign}{name}"));
    proptest::collection::vec(key, 1..4)
}

fn style() -> impl Strategy<Value = Style> {
    prop_oneof![Just(Style::Ours), Just(Style::Fine), Just(Style::Plain)]
}

fn found(table: &Made, query: &Query) -> Vec<Value> {
    table.found(query, table.plan(query))
}

fn ids(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["id"].as_str().unwrap()).collect()
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn an_ordered_search_is_a_stable_sort_of_all_that_match(
        items in items(),
        keys in order(),
        most in proptest::option::of(0u64..30),
        area in any::<bool>(),
        style in style(),
    ) {
        let table = Made::of(&items, Grid::H3(H3Grid::new(1).unwrap()), style);
        let query = if area { Query::new().bbox(&[-60.0, 40.0, 40.0, 90.0]).unwrap() } else { Query::new() };
        let mut expected = found(&table, &query);
        oracle::sort(&mut expected, &keys);

        let sorted = query.clone().sortby(&keys).unwrap();
        let all = found(&table, &sorted);
        prop_assert_eq!(ids(&all), ids(&expected), "{:?}", keys);
        prop_assert_eq!(&all, &expected);

        if let Some(most) = most {
            expected.truncate(usize::try_from(most).unwrap());
            let some = found(&table, &sorted.max_items(most));
            prop_assert_eq!(ids(&some), ids(&expected), "{:?} {}", keys, most);
        }
    }

    #[test]
    fn a_search_for_some_members_finds_what_a_pick_of_whole_items_leaves(
        items in items(),
        names in proptest::collection::vec(prop::sample::select(&[
            "id", "-id", "properties", "properties.views", "-views", "-properties.datetime", "nested.deep", "-nested.deep",
            "assets.data.href", "-assets.data.roles", "links", "-links", "geometry", "-geometry", "bbox", "type", "nosuch",
        ][..]), 0..5),
        style in style(),
        sorted in any::<bool>(),
    ) {
        let table = Made::of(&items, Grid::H3(H3Grid::new(1).unwrap()), style);
        let query = if sorted { Query::new().sortby(["-views"]).unwrap() } else { Query::new() };
        let fields = Fields::parse(&names).unwrap();
        let expected: Vec<Value> = found(&table, &query).into_iter().map(|item| fields.pick(item)).collect();
        prop_assert_eq!(found(&table, &query.fields(fields)), expected, "{:?}", names);
    }
}

#[test]
fn an_order_by_what_no_item_has_is_told() {
    let parts = Parts { place: (0, 60), day: 1, views: Some(json!(1)), cover: None, platform: 0, nested: None };
    let table = Made::of(&[item(0, parts)], Grid::H3(H3Grid::new(1).unwrap()), Style::Ours);
    let query = Query::new().sortby(["datetimee", "views", "datetime"]).unwrap();
    let mut search = table.search(&query, table.plan(&query));
    assert_eq!(drive(&mut search, |request| table.read(request)).unwrap().len(), 1);
    let warnings = search.warnings();
    assert!(matches!(&warnings[..], [warning] if warning.contains("`datetimee`")), "{warnings:?}");
}

#[test]
fn a_value_that_no_column_holds_is_first_where_it_is_the_least() {
    let of = |number: u32, collection: Value| {
        let parts = Parts { place: (0, 60), day: 1 + number, views: None, cover: None, platform: 0, nested: None };
        let mut value = item(number as usize, parts).item;
        value["collection"] = collection;
        ValidItem::from_value(value).unwrap()
    };
    let items = [of(0, json!("a")), of(1, json!(3))];
    let table = Made::of(&items, Grid::H3(H3Grid::new(1).unwrap()), Style::Ours);
    let query = Query::new().sortby(["collection"]).unwrap().max_items(1);
    assert_eq!(ids(&found(&table, &query)), ["item-001"]);
}
