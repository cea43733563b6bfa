//! CQL2 against what others say of it: the standard's examples, and the counts of its abstract test suite.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails, in its helpers too")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use earthcatalog_core::catalog::TimeBin;
use earthcatalog_core::cql2::Expression;
use earthcatalog_core::grid::{Grid, H3Grid};
use earthcatalog_core::machine::drive;
use earthcatalog_core::query::Query;
use earthcatalog_core::stac::ValidItem;
use earthcatalog_tests::fixtures;
use earthcatalog_tests::made::{Made, Style};
use serde_json::{Value, json};

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_examples_of_the_standard_are_the_same_in_both_forms_and_come_back() {
    let Some(fixtures) = fixtures() else { return };
    let folder = fixtures.join("cql2/ogc-examples");
    let (mut texts, mut pairs) = (0, 0);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        texts += 1;
        let text = fs::read_to_string(&path).unwrap();
        let parsed = Expression::from_text(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(Expression::from_text(&parsed.to_string()).unwrap(), parsed, "{}", path.display());
        assert_eq!(Expression::from_json(&parsed.to_json()).unwrap(), parsed, "{}", path.display());
        // `exampleNN-alt01.txt` is another way to write `exampleNN.json`.
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let json = path.with_file_name(format!("{}.json", stem.split("-alt").next().unwrap()));
        if json.is_file() {
            pairs += 1;
            let other = Expression::from_json(&json_of(&json)).unwrap();
            assert_eq!(parsed, other, "{}", path.display());
            assert_eq!(Expression::from_json(&other.to_json()).unwrap(), other, "{}", json.display());
        }
    }
    assert!(texts > 100 && pairs > 100, "{texts} texts, {pairs} of them with JSON");
}

/// A feature of the standard's test data as an item.
fn item(feature: &Value, number: usize) -> ValidItem {
    let mut properties = feature["properties"].clone();
    properties["datetime"] = Value::Null;
    // The data set comes from a file format that stores truth as a number.
    if let Some(number) = properties["boolean"].as_i64() {
        properties["boolean"] = json!(number == 1);
    }
    let item = json!({
        "type": "Feature", "stac_version": "1.0.0", "id": format!("{number}"), "geometry": feature["geometry"],
        "properties": properties, "links": [], "assets": {},
    });
    ValidItem::from_value(item).unwrap()
}

#[test]
fn the_abstract_test_suite_counts_are_all_equal() {
    let Some(fixtures) = fixtures() else { return };
    let folder = fixtures.join("cql2");
    let mut tables: BTreeMap<String, Made> = BTreeMap::new();
    let mut counted = 0;
    for case in json_of(&folder.join("ats-expected.json")).as_array().unwrap() {
        let source = case["data_source"].as_str().unwrap();
        let table = tables.entry(source.to_owned()).or_insert_with(|| {
            let data = json_of(&folder.join(format!("testdata/{source}.geojson")));
            let features = data["features"].as_array().unwrap().iter().enumerate();
            let items: Vec<ValidItem> = features.map(|(number, feature)| item(feature, number)).collect();
            Made::with_all_columns(&items, Grid::H3(H3Grid::new(1).unwrap()), Style::Ours, TimeBin::Year)
        });
        // The suite's data sets call their geometry `geom`.
        let predicate = case["predicate"].as_str().unwrap().replace("(geom,", "(geometry,");
        let filter = Expression::from_text(&predicate).unwrap();
        let query = Query::new().filter(filter);
        let mut search = table.search(&query, table.plan(&query));
        let found = drive(&mut search, |request| table.read(request)).unwrap();
        assert_eq!(json!(found.len()), case["expected"], "{predicate}");
        assert_eq!(search.warnings(), Vec::<String>::new(), "{predicate}");
        counted += 1;
    }
    assert_eq!(counted, 63);
}
