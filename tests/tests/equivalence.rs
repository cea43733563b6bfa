//! A search that prunes finds what a look at every item finds: over generated catalogs, and queries that mix all that
//! can be asked.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helpers too")]

use std::collections::BTreeSet;

use earthcatalog_core::catalog::TimeBin;
use earthcatalog_core::cql2::{Expression, Filter};
use earthcatalog_core::grid::{Grid, H3Grid, RegionGrid};
use earthcatalog_core::query::datetime::format_instant;
use earthcatalog_core::query::{Query, TemporalRule};
use earthcatalog_core::stac::ValidItem;
use earthcatalog_tests::folder::sorted_ids;
use earthcatalog_tests::generated::filters::filter_of_properties;
use earthcatalog_tests::generated::items::{corner, geometry, instant, items};
use earthcatalog_tests::generated::{cases, oracle};
use earthcatalog_tests::made::{Made, Style};
use earthcatalog_tests::same_json;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// A box, a geometry or nothing, as members of a search body.
fn area() -> impl Strategy<Value = Value> {
    let bbox = (corner(), 0i32..40, 0i32..30, any::<bool>()).prop_map(|((x, y), wide, high, tall)| {
        let east = x + f64::from(wide);
        let east = if east > 180.0 { east - 360.0 } else { east };
        let north = (y + f64::from(high)).min(90.0);
        json!({ "bbox": if tall { json!([x, y, -5, east, north, 9000]) } else { json!([x, y, east, north]) } })
    });
    let shape = geometry().prop_map(|geometry| json!({ "intersects": geometry }));
    prop_oneof![2 => Just(json!({})), 5 => bbox, 3 => shape]
        .prop_filter("an area", |area| Query::from_json(area).is_ok())
}

fn interval() -> impl Strategy<Value = Value> {
    let length = prop_oneof![Just(0i64), 1i64..60, 200i64..800];
    (instant(), length, 0u8..4, any::<bool>()).prop_map(|(start, days, open, by_datetime)| {
        let end = format_instant(start + days * 86_400_000_000);
        let datetime = match open {
            1 => format!("../{end}"),
            2 => format!("{}/..", format_instant(start)),
            _ => format!("{}/{end}", format_instant(start)),
        };
        json!({ "datetime": datetime, "temporal": if by_datetime { "datetime" } else { "overlap" } })
    })
}

/// Properties, members of items and paths into them.
const NAMES: [&str; 11] = [
    "id",
    "datetime",
    "properties.datetime",
    "eo:cloud_cover",
    "count",
    "percent_valid_pixels",
    "mixed",
    "platform",
    "nested.d.0",
    "collection",
    "nosuch",
];

fn order() -> impl Strategy<Value = Value> {
    let key = (prop::sample::select(&NAMES[..]), prop_oneof![Just("-"), Just("+"), Just("")]);
    proptest::collection::vec(key.prop_map(|(name, sign)| format!("{sign}{name}")), 1..4)
        .prop_map(|keys| json!({ "sortby": keys }))
}

/// A search body; `maxItems` and `fields` are apart, because they are judged apart.
#[derive(Clone, Debug)]
struct Asked {
    body: Map<String, Value>,
    ids: Option<Vec<prop::sample::Index>>,
    most: u64,
    fields: Vec<&'static str>,
}

fn asked() -> impl Strategy<Value = Asked> {
    let sometimes = |members: BoxedStrategy<Value>| prop_oneof![2 => Just(json!({})), 1 => members];
    let collections = proptest::collection::vec(prop::sample::select(&["c1", "c2", "other"][..]), 0..3)
        .prop_map(|names| json!({ "collections": names }));
    let filter = filter_of_properties().prop_map(|filter| json!({ "filter": filter }));
    let members = (
        area(),
        prop_oneof![Just(json!({})), interval()],
        sometimes(collections.boxed()),
        sometimes(filter.boxed()),
        sometimes(order().boxed()),
    );
    let ids = proptest::option::weighted(0.2, proptest::collection::vec(any::<prop::sample::Index>(), 0..9));
    let fields = proptest::collection::vec(
        prop::sample::select(&["id", "properties.count", "-properties.mixed", "-geometry", "assets", "nested.d"][..]),
        0..4,
    );
    (members, ids, 0u64..12, fields).prop_map(|((area, time, collections, filter, order), ids, most, fields)| {
        let members = [area, time, collections, filter, order];
        let body = members.iter().flat_map(|members| members.as_object().unwrap().clone()).collect();
        Asked { body, ids, most, fields }
    })
}

impl Asked {
    /// The body as it can be asked of a table of these items.
    fn body(&self, items: &[ValidItem], table: &Made) -> Value {
        let mut body = self.body.clone();
        if let Some(ids) = &self.ids {
            let picked = ids.iter().filter(|_| !items.is_empty()).map(|index| index.get(items).id.as_str());
            body.insert("ids".into(), picked.chain(["nobody"]).collect());
        }
        // What has no value at all is refused.
        if let Some(filter) = body.get("filter")
            && Filter::new(&Expression::from_json(filter).unwrap(), table.metadata.schema()).is_err()
        {
            body.remove("filter");
        }
        Value::Object(body)
    }
}

/// The rule, written down once more without any index.
fn matches(body: &Value, query: &Query, item: &ValidItem) -> bool {
    let among = |names: &Option<BTreeSet<String>>, name: Option<&String>| {
        names.as_ref().is_none_or(|names| name.is_some_and(|name| names.contains(name)))
    };
    let start = item.start_us.or(item.datetime_us).or(item.end_us);
    let end = item.end_us.or(item.datetime_us).or(item.start_us);
    let (start, end) =
        if query.temporal == TemporalRule::Datetime { (item.datetime_us, item.datetime_us) } else { (start, end) };
    let in_time = query.datetime.is_none_or(|interval| {
        start.zip(end).is_some_and(|(start, end)| {
            interval.end.is_none_or(|last| start <= last) && interval.start.is_none_or(|first| end >= first)
        })
    });
    let in_area =
        query.area.as_ref().is_none_or(|area| item.shape.as_ref().is_some_and(|shape| shape.intersects(area)));
    let in_filter = body.get("filter").is_none_or(|filter| oracle::truth(filter, &item.item) == Some(true));
    let named = among(&query.ids, Some(&item.id)) && among(&query.collections, item.collection.as_ref());
    named && in_time && in_area && in_filter
}

fn ids(found: &[Value]) -> Vec<&str> {
    found.iter().map(|item| item["id"].as_str().unwrap()).collect()
}

fn regions() -> Grid {
    let region = |name: &str, west: i32, east: i32| {
        json!({"type": "Feature", "properties": {"id": name}, "geometry": {"type": "Polygon", "coordinates":
            [[[west, -90], [east, -90], [east, 85], [west, 85], [west, -90]]]}})
    };
    let regions = json!({"type": "FeatureCollection", "features": [
        region("west", -180, -50), region("middle", -50, 20), region("east", 60, 180),
    ]});
    Grid::GeoJson(RegionGrid::new(regions.to_string().as_bytes(), "id").unwrap())
}

fn grid(number: u8) -> Grid {
    match number {
        0 | 1 => Grid::H3(H3Grid::new(number).unwrap()),
        2 => regions(),
        _ => Grid::Unknown("other".into()),
    }
}

proptest! {
    #![proptest_config(cases(250))]

    #[test]
    fn a_pruned_search_finds_what_a_look_at_every_item_finds(
        items in items(geometry(), 30),
        queries in proptest::collection::vec(asked(), 1..10),
        cells in 0u8..4,
        bin in 0usize..3,
        style in prop_oneof![Just(Style::Ours), Just(Style::Fine), Just(Style::Plain)],
    ) {
        let items: Vec<ValidItem> = items.into_iter().filter_map(|item| ValidItem::from_value(item).ok()).collect();
        let table = Made::with_all_columns(&items, grid(cells), style, TimeBin::ALL[bin]);
        for asked in queries {
            let body = asked.body(&items, &table);
            let query = Query::from_json(&body).unwrap();
            let whole = Query { sortby: Vec::new(), ..query.clone() };

            let mut all = table.found(&whole, table.plan(&whole));
            // Which copy of an item comes first depends on the cells that are looked at.
            let unpruned = table.found(&whole, table.tasks());
            prop_assert_eq!(sorted_ids(&unpruned), sorted_ids(&all), "not pruned: {}", body);
            let expected: BTreeSet<&str> =
                items.iter().filter(|item| matches(&body, &query, item)).map(|item| item.id.as_str()).collect();
            prop_assert_eq!(sorted_ids(&all), Vec::from_iter(expected), "{}", body);
            for item in &all {
                let original = items.iter().find(|original| original.id == item["id"].as_str().unwrap()).unwrap();
                prop_assert!(same_json(item, &original.item), "{} instead of {}", item, original.item);
            }

            let keys = body["sortby"].as_array().into_iter().flatten().map(|key| key.as_str().unwrap());
            oracle::sort(&mut all, &keys.collect::<Vec<_>>());
            let ordered = table.found(&query, table.plan(&query));
            prop_assert_eq!(ids(&ordered), ids(&all), "in order: {}", body);

            let mut partial = body.clone();
            partial["maxItems"] = json!(asked.most);
            partial["fields"] = json!(asked.fields);
            let few = Query::from_json(&partial).unwrap();
            let fields = few.fields.clone().unwrap();
            all.truncate(usize::try_from(asked.most).unwrap());
            let expected: Vec<Value> = all.into_iter().map(|item| fields.pick(item)).collect();
            prop_assert_eq!(table.found(&few, table.plan(&few)), expected, "{}", partial);
        }
    }
}
