//! A filter finds what a look at every item's JSON finds, pruned or not: over generated items and filters of every
//! kind, judged by a row evaluator that knows neither columns nor bounds.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails, in its helpers too")]

mod oracle;

use earthcatalog_core::cql2::Expression;
use earthcatalog_core::grid::{Grid, H3Grid};
use earthcatalog_core::machine::drive;
use earthcatalog_core::query::Query;
use earthcatalog_core::stac::ValidItem;
use earthcatalog_tests::made::{Made, Style};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Few enough that equal values are usual.
fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => (-3i64..12).prop_map(|whole| json!(whole)),
        4 => (-6i32..24).prop_map(|half| json!(f64::from(half) / 2.0)),
        1 => Just(json!(9_007_199_254_740_993_i64)),
    ]
}

fn word() -> impl Strategy<Value = Value> {
    let words = ["", "a", "A", "é", "e", "sentinel-2a-with-a-long-name", "sentinel-2b-with-a-long-name", "50%", "x_y"];
    prop::sample::select(words.to_vec()).prop_map(|word| json!(word))
}

fn time() -> impl Strategy<Value = String> {
    let days = ["2019-12-31", "2020-01-01", "2020-01-02", "2020-06-15", "2021-01-01"];
    let clocks = ["T00:00:00Z", "T23:59:59.999999Z", "T12:00:00Z", "T01:00:00+01:00"];
    (prop::sample::select(days.to_vec()), prop::sample::select(clocks.to_vec()))
        .prop_map(|(day, clock)| format!("{day}{clock}"))
}

fn geometry() -> impl Strategy<Value = Value> {
    let point = (-4i32..5, -4i32..5).prop_map(|(x, y)| json!({ "type": "Point", "coordinates": [x, y] }));
    let boxed =
        (-4i32..4, -4i32..4, 1i32..4, 1i32..4).prop_map(|(x, y, wide, high)| oracle::square(x, y, x + wide, y + high));
    prop_oneof![2 => point, 4 => boxed, 1 => Just(Value::Null)]
}

fn properties() -> impl Strategy<Value = Map<String, Value>> {
    let sometimes = |value: BoxedStrategy<Value>| proptest::option::weighted(0.7, value);
    // Columns of the table, columns of steady kinds, and what only a patch can hold.
    let numbers = (
        sometimes(number().prop_map(|number| json!(number.as_f64().unwrap() + 0.25)).boxed()),
        sometimes((-3i64..12).prop_map(|whole| json!(whole)).boxed()),
        sometimes(prop_oneof![5 => number(), 1 => word(), 1 => Just(json!(true)), 1 => Just(Value::Null)].boxed()),
        sometimes(prop_oneof![2 => number(), 2 => word()].boxed()),
    );
    let texts = (
        sometimes(word().boxed()),
        sometimes(prop_oneof![6 => word(), 1 => number()].boxed()),
        sometimes(any::<bool>().prop_map(|flag| json!(flag)).boxed()),
    );
    let others = (
        time(),
        sometimes(prop_oneof![6 => time().prop_map(|time| json!(time)), 1 => Just(json!("yesterday"))].boxed()),
        sometimes(proptest::collection::vec(prop_oneof![number(), word()], 0..4).prop_map(|list| json!(list)).boxed()),
        sometimes(number().prop_map(|number| json!({ "b": { "c": 2 }, "b.c": 1, "d": [number] })).boxed()),
    );
    (numbers, texts, others).prop_map(|(numbers, texts, others)| {
        let mut properties = Map::new();
        properties.insert("datetime".into(), json!(others.0));
        for (name, value) in [
            ("eo:cloud_cover", numbers.0),
            ("count", numbers.1),
            ("percent_valid_pixels", numbers.2),
            ("mixed", numbers.3),
            ("name", texts.0),
            ("platform", texts.1),
            ("flag", texts.2),
            ("created", others.1),
            ("list", others.2),
            ("nested", others.3),
        ] {
            if let Some(value) = value {
                properties.insert(name.into(), value);
            }
        }
        properties
    })
}

fn items() -> impl Strategy<Value = Vec<Value>> {
    let item = (properties(), geometry(), proptest::option::of(word()), 0u8..4);
    proptest::collection::vec(item, 1..25).prop_map(|parts| {
        let parts = parts.into_iter().enumerate();
        parts
            .map(|(number, (properties, geometry, href, collection))| {
                let assets = href.map_or(json!({}), |href| json!({ "data": { "href": href } }));
                let mut item = json!({
                    "type": "Feature", "stac_version": "1.0.0", "id": format!("item-{number:02}"),
                    "geometry": geometry, "properties": properties, "links": [], "assets": assets,
                });
                match collection {
                    0 => {}
                    3 => item["collection"] = json!(3),
                    number => item["collection"] = json!(format!("c{number}")),
                }
                item
            })
            .collect()
    })
}

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

#[expect(clippy::needless_pass_by_value, reason = "arguments are made for the call")]
fn op(name: &str, arguments: Vec<Value>) -> Value {
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
    let shape = (-5i32..4, -5i32..4, 1i32..6, 1i32..6)
        .prop_map(|(x, y, wide, high)| json!({ "bbox": [x, y, x + wide, y + high] }));
    let spatial = (prop::sample::select(oracle::SPATIAL), shape, any::<bool>()).prop_map(|(name, shape, turned)| {
        let footprint = json!({ "property": "geometry" });
        op(name, if turned { vec![shape, footprint] } else { vec![footprint, shape] })
    });
    let arrays = (prop::sample::select(oracle::ARRAYS), values(prop_oneof![number(), word()].boxed()))
        .prop_map(|(name, list)| op(name, vec![json!({ "property": "list" }), list]));
    prop_oneof![
        4 => numeric, 1 => turned, 3 => texts, 3 => times, 2 => between, 3 => among, 1 => id, 3 => null, 2 => like,
        1 => folded, 2 => arithmetic, 1 => two, 3 => temporal, 3 => spatial, 1 => arrays,
        1 => Just(json!({ "property": "flag" })), 1 => any::<bool>().prop_map(|value| json!(value)),
    ]
}

fn filter() -> impl Strategy<Value = Value> {
    predicate().prop_recursive(3, 12, 3, |inner| {
        let links = proptest::collection::vec(inner.clone(), 2..4);
        let linked = (prop::sample::select(&["and", "or"][..]), links).prop_map(|(name, links)| op(name, links));
        prop_oneof![3 => linked, 2 => inner.prop_map(|negated| op("not", vec![negated]))]
    })
}

fn found(table: &Made, query: &Query, pruned: bool) -> Vec<String> {
    let tasks = if pruned { table.plan(query) } else { table.tasks() };
    let found = drive(&mut table.search(query, tasks), |request| table.read(request)).unwrap();
    let mut ids: Vec<String> = found.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_filtered_search_finds_what_a_look_at_every_item_finds(
        items in items(),
        filters in proptest::collection::vec(filter(), 8..16),
        resolution in 0u8..2,
        style in prop_oneof![Just(Style::Ours), Just(Style::Fine), Just(Style::Plain)],
    ) {
        let valid: Vec<ValidItem> = items.iter().map(|item| ValidItem::from_value(item.clone()).unwrap()).collect();
        let table = Made::with_all_columns(&valid, Grid::H3(H3Grid::new(resolution).unwrap()), style);
        for filter in filters {
            let expression = Expression::from_json(&filter).unwrap();
            prop_assert_eq!(&Expression::from_text(&expression.to_string()).unwrap(), &expression);
            let query = Query::new().filter(expression.clone());
            let expected: Vec<String> = items
                .iter()
                .filter(|item| oracle::truth(&filter, item) == Some(true))
                .map(|item| item["id"].as_str().unwrap().to_owned())
                .collect();
            match std::panic::catch_unwind(|| earthcatalog_core::cql2::Filter::new(&expression, table.metadata.schema())) {
                Ok(Err(error)) => {
                    // What has no value at all is refused, and matches nothing.
                    prop_assert!(error.message().contains("this has no value"), "{} {}", error, filter);
                    continue;
                }
                other => prop_assert!(other.is_ok()),
            }
            prop_assert_eq!(found(&table, &query, false), expected.clone(), "not pruned: {}", expression);
            prop_assert_eq!(found(&table, &query, true), expected, "pruned: {}", expression);
        }
    }
}

fn plain_item(number: u32, properties: &Value) -> Value {
    let mut all = json!({ "datetime": format!("{}-06-15T00:00:00Z", 2010 + number % 10) });
    for (name, value) in properties.as_object().unwrap() {
        all[name] = value.clone();
    }
    json!({
        "type": "Feature", "stac_version": "1.0.0", "id": format!("item-{number:02}"), "collection": "c",
        "geometry": { "type": "Point", "coordinates": [number * 9, 0] },
        "properties": all, "links": [], "assets": { "data": { "href": format!("s3://bucket/{number}.tif") } },
    })
}

fn table(properties: impl Fn(u32) -> Value, style: Style) -> Made {
    let items = (0..20).map(|number| ValidItem::from_value(plain_item(number, &properties(number))).unwrap());
    Made::with_all_columns(&items.collect::<Vec<_>>(), Grid::H3(H3Grid::new(1).unwrap()), style)
}

fn by(text: &str) -> Query {
    Query::new().filter(Expression::from_text(text).unwrap())
}

#[test]
fn files_are_left_out_by_the_filter_alone() {
    let table =
        table(|number| json!({ "eo:cloud_cover": f64::from(number), "name": format!("n{number:02}") }), Style::Ours);
    let all = table.files().count();
    assert!(all >= 20);
    for (filter, files) in [
        ("eo:cloud_cover > 18", 1),
        ("NOT (eo:cloud_cover <= 18)", 1),
        ("eo:cloud_cover BETWEEN 3 AND 4", 2),
        ("eo:cloud_cover IN (3, 7.0, 99)", 2),
        ("name LIKE 'n0%'", 10),
        ("NOT name LIKE 'n0%'", 10),
        ("name = 'n07' OR name IS NULL", 1),
        ("id = 'item-03'", 1),
        ("collection = 'other'", 0),
        ("datetime >= DATE('2018-01-01')", 4),
        ("T_DURING(datetime, INTERVAL('2011-01-01', '2011-12-31'))", 2),
        ("S_WITHIN(geometry, BBOX(8, -1, 10, 1))", 1),
        ("NOT (eo:cloud_cover > 3 OR eo:cloud_cover < 3)", 1),
        ("eo:cloud_cover > 3 AND name < 'n03'", 0),
        ("nosuch IS NULL", 20),
    ] {
        // An item on an edge lies in several cells, each with its file.
        let tasks = table.plan(&by(filter));
        let names: std::collections::BTreeSet<u64> = tasks.iter().map(|task| task.data_file.record_count).collect();
        assert!(
            tasks.len() >= files && tasks.len() <= files + all - 20,
            "{filter}: {} of {all} files {names:?}",
            tasks.len()
        );
    }
}

#[test]
fn a_search_by_filter_narrows_the_cells() {
    let table = table(|_| json!({}), Style::Plain);
    let of = |filter: &str| table.plan(&by(filter)).len();
    assert!(of("S_INTERSECTS(geometry, POINT(90 0))") < 5);
    assert!(of("S_INTERSECTS(geometry, POINT(90 0)) AND collection = 'c'") < 5);
    assert_eq!(of("NOT S_INTERSECTS(geometry, POINT(90 0))"), table.files().count());
}

#[test]
fn row_groups_are_ruled_out_by_bloom_filters() {
    let table =
        table(|number| json!({ "name": format!("n{number}"), "datetime": "2020-01-01T00:00:00Z" }), Style::Fine);
    let read = |filter: &str| {
        let query = by(filter);
        let mut search = table.search(&query, table.tasks());
        let found = drive(&mut search, |request| table.read(request)).unwrap();
        (found.len(), search.summary().row_groups.read)
    };
    let (found, groups) = read("name IN ('n7', 'n77')");
    assert_eq!(found, 1);
    assert!(groups <= 3, "{groups}");
    assert_eq!(read("name = 'n10x'").0, 0);
}

#[test]
fn hostile_filters_cost_no_more_than_they_are_long() {
    let table = table(|_| json!({}), Style::Ours);
    let nested = (0..90).fold("count".to_owned(), |inner, _| format!("({inner} BETWEEN 1 AND 2)"));
    assert_eq!(found(&table, &by(&nested), true).len(), 0);
    let value = "count + ".repeat(80) + "1";
    let mixed = format!("{value} IN ({} 'x')", "1, ".repeat(20_000));
    assert_eq!(found(&table, &by(&mixed), true).len(), 0);
    let many: Vec<String> = (0..1000).map(|number| format!("p{number} = 1")).collect();
    let many = Expression::from_text(&many.join(" OR ")).unwrap();
    let refused = earthcatalog_core::cql2::Filter::new(&many, table.metadata.schema()).unwrap_err();
    assert!(refused.message().contains("256"), "{refused}");
}

/// Case A16: what the filters of the Python program could not say.
#[test]
fn a16_filters_say_all_that_the_standard_has() {
    let table =
        table(|number| json!({ "proj:code": format!("EPSG:{}", 32_600 + number), "count": number }), Style::Ours);
    for (filter, items) in [
        ("\"proj:code\" = 'EPSG:32607'", 1),
        ("proj:code <> 'EPSG:32607'", 19),
        ("count BETWEEN 3 AND 5", 3),
        ("CASEI(proj:code) LIKE CASEI('epsg:3260%')", 10),
        ("count * 2 + 1 = 7", 1),
        ("datetime > TIMESTAMP('2018-12-31T00:00:00Z')", 2),
        ("S_INTERSECTS(geometry, BBOX(-1, -1, 10, 1))", 2),
        ("assets.data.href LIKE '%/7.tif'", 1),
    ] {
        assert_eq!(found(&table, &by(filter), true).len(), items, "{filter}");
    }
}

/// Case A17: a filter on a column that a file lacks dropped the file.
#[test]
fn a17_a_column_that_a_file_lacks_is_null_there() {
    let table = table(|number| if number < 10 { json!({ "rare": 1 }) } else { json!({}) }, Style::Ours);
    assert_eq!(found(&table, &by("rare IS NULL"), true).len(), 10);
    assert_eq!(found(&table, &by("NOT rare = 1"), true).len(), 0);
    assert_eq!(found(&table, &by("nosuch IS NULL"), true).len(), 20);
    let query = by("nosuch IS NULL AND rare = 1");
    let mut search = table.search(&query, table.plan(&query));
    assert_eq!(drive(&mut search, |request| table.read(request)).unwrap().len(), 10);
    let warnings = search.warnings();
    assert!(matches!(&warnings[..], [warning] if warning.contains("`nosuch`")), "{warnings:?}");
}

/// Case A18: names and texts of a filter ran as SQL. Here nothing is SQL: they are names and texts.
#[test]
fn a18_what_is_injected_is_a_name_or_a_text() {
    let table = table(|number| json!({ "platform": format!("p{number}") }), Style::Ours);
    let injections = [
        "1=1 OR platform",
        "platform = 'x'; COPY (SELECT 1) TO 'injected.csv'; --",
        "x' OR '1'='1",
        "\" OR 1=1 --",
        "platform\") OR (1=1",
        "read_csv('/etc/passwd')",
        "\\'; DROP TABLE items; --",
        "\u{0}",
    ];
    for injected in injections {
        let compare = |left: Value, right: Value| {
            let filter = Expression::from_json(&op("=", vec![left, right])).unwrap();
            let again = Expression::from_text(&filter.to_string()).unwrap();
            assert_eq!(filter, again, "{injected}");
            found(&table, &Query::new().filter(again), true).len()
        };
        assert_eq!(compare(json!({ "property": injected }), json!("p3")), 0, "as a name: {injected}");
        assert_eq!(compare(json!({ "property": "platform" }), json!(injected)), 0, "as a text: {injected}");
        // As text it is another filter, or none.
        if let Ok(filter) = Expression::from_text(injected) {
            let bound = earthcatalog_core::cql2::Filter::new(&filter, table.metadata.schema());
            assert!(bound.is_err() || injected.starts_with("1=1"), "{injected}");
        }
    }
}
