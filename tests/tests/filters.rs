//! A filter finds what a look at every item's JSON finds, pruned or not: over generated items and filters of every
//! kind, judged by a row evaluator that knows neither columns nor bounds.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helpers too")]

use earthcatalog_core::catalog::TimeBin;
use earthcatalog_core::cql2::{Expression, Filter};
use earthcatalog_core::grid::{Grid, H3Grid};
use earthcatalog_core::machine::drive;
use earthcatalog_core::query::Query;
use earthcatalog_core::stac::ValidItem;
use earthcatalog_tests::folder::sorted_ids;
use earthcatalog_tests::generated::filters::{filter, op};
use earthcatalog_tests::generated::items::items;
use earthcatalog_tests::generated::{cases, oracle};
use earthcatalog_tests::made::{Made, Style};
use proptest::prelude::*;
use serde_json::{Value, json};

fn geometry() -> impl Strategy<Value = Value> {
    let point = (-4i32..5, -4i32..5).prop_map(|(x, y)| json!({ "type": "Point", "coordinates": [x, y] }));
    let boxed =
        (-4i32..4, -4i32..4, 1i32..4, 1i32..4).prop_map(|(x, y, wide, high)| oracle::square(x, y, x + wide, y + high));
    prop_oneof![2 => point, 4 => boxed, 1 => Just(Value::Null)]
}

fn found(table: &Made, query: &Query, pruned: bool) -> Vec<String> {
    let tasks = if pruned { table.plan(query) } else { table.tasks() };
    sorted_ids(&table.found(query, tasks))
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn a_filtered_search_finds_what_a_look_at_every_item_finds(
        items in items(geometry(), 25),
        filters in proptest::collection::vec(filter(), 8..16),
        resolution in 0u8..2,
        style in prop_oneof![Just(Style::Ours), Just(Style::Fine), Just(Style::Plain)],
    ) {
        let valid: Vec<ValidItem> = items.iter().map(|item| ValidItem::from_value(item.clone()).unwrap()).collect();
        let table = Made::with_all_columns(&valid, Grid::H3(H3Grid::new(resolution).unwrap()), style, TimeBin::Year);
        for filter in filters {
            let expression = Expression::from_json(&filter).unwrap();
            prop_assert_eq!(&Expression::from_text(&expression.to_string()).unwrap(), &expression);
            let query = Query::new().filter(expression.clone());
            let mut expected: Vec<String> = items
                .iter()
                .filter(|item| oracle::truth(&filter, item) == Some(true))
                .map(|item| item["id"].as_str().unwrap().to_owned())
                .collect();
            expected.sort();
            if let Err(error) = Filter::new(&expression, table.metadata.schema()) {
                // What has no value at all is refused, and matches nothing.
                prop_assert!(error.message().contains("this has no value"), "{} {}", error, filter);
                continue;
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
    Made::with_all_columns(&items.collect::<Vec<_>>(), Grid::H3(H3Grid::new(1).unwrap()), style, TimeBin::Year)
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
    let table = table(
        |number| json!({ "name": format!("n{number}"), "datetime": "2020-01-01T00:00:00Z", "even": number * 2, "half": f64::from(number) + 0.5 }),
        Style::Fine,
    );
    let read = |filter: &str| {
        let query = by(filter);
        let mut search = table.search(&query, table.tasks());
        let found = drive(&mut search, |request| table.read(request)).unwrap();
        (found.len(), search.summary().row_groups.read)
    };
    let (found, groups) = read("name IN ('n7', 'n77')");
    assert_eq!(found, 1);
    assert!(groups <= 3, "{groups}");
    // All between the bounds of some row group.
    for (filter, items) in
        [("name = 'n10x'", 0), ("even IN (6, 14.0)", 2), ("even = 7", 0), ("half = 7.5", 1), ("half = 7.25", 0)]
    {
        let (found, groups) = read(filter);
        assert_eq!(found, items, "{filter}");
        assert!(groups <= 2 * items as u64, "{filter}: {groups}");
    }
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
    let refused = Filter::new(&many, table.metadata.schema()).unwrap_err();
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
            let bound = Filter::new(&filter, table.metadata.schema());
            assert!(bound.is_err() || injected.starts_with("1=1"), "{injected}");
        }
    }
}
