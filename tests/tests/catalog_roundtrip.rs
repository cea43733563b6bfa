//! Every set of outside items goes through a whole ingest into a catalog and comes back by a search as it went in.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail by panicking")]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::future::Future;
use std::ops::ControlFlow;

use earthcatalog::commit::init;
use earthcatalog::driver::Driver;
use earthcatalog::ingest::{IngestOptions, IngestReport, ingest};
use earthcatalog::read::{open, search};
use earthcatalog::store::Stores;
use earthcatalog_core::Location;
use earthcatalog_core::catalog::properties::GridDefinition;
use earthcatalog_core::query::Query;
use earthcatalog_core::stac::ValidItem;
use earthcatalog_tests::items::{Source, sources};
use earthcatalog_tests::{fixtures, same_json};
use serde_json::{Value, json};

/// Collection and id.
type Name = (Option<String>, String);

#[test]
fn every_set_of_items_comes_out_of_a_catalog_as_it_went_in() {
    let Some(fixtures) = fixtures() else { return };
    let mut table = String::new();
    let _ = writeln!(
        table,
        "{:<66} {:>6} {:>6} {:>7} {:>7} {:>6}",
        "source", "read", "twice", "refused", "skipped", "equal"
    );
    let mut equal = 0;
    for source in sources(&fixtures) {
        let (report, returned) = through_a_catalog(&source);
        let skipped: u64 = report.items_skipped.values().sum();
        let counts = (report.items_processed, report.duplicates, report.items_failed);
        let _ = writeln!(
            table,
            "{:<66} {:>6} {:>6} {:>7} {skipped:>7} {:>6}",
            source.name,
            counts.0,
            counts.1,
            counts.2,
            returned.len()
        );
        for (reason, number) in reasons(&report) {
            let _ = writeln!(table, "    refused {number:>4}: {reason}");
        }
        assert_eq!(returned.len() as u64, counts.0 - counts.1, "{}\n{table}", source.name);
        check_items(&source, &returned);
        equal += returned.len();
    }
    println!("{table}{equal} items, all equal");
    assert!(equal > 10_000, "the fixtures have more items than {equal}");
}

/// What an ingest of the source said, and what a search for everything then finds.
fn through_a_catalog(source: &Source) -> (IngestReport, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("catalog").to_str().unwrap().to_owned();
    run(async {
        let stores = Stores::default();
        let definition = GridDefinition::GeoJson { boundaries_path: String::new(), id_field: "name".to_owned() };
        init(&stores, &Location::parse(&base).unwrap(), definition, Some(hemispheres().into())).await.unwrap();
        let options = IngestOptions::new(base.clone(), vec![source.path.to_str().unwrap().to_owned()]);
        let report = ingest(&stores, &options, &()).await.unwrap();
        let catalog = open(&stores, &base).await.unwrap();
        let mut items = Vec::new();
        let keep = |item| {
            items.push(item);
            Ok(ControlFlow::Continue(()))
        };
        search(&Driver::new(stores), &catalog, Query::new(), keep).await.unwrap();
        (report, items)
    })
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(work)
}

/// Two regions: items of the whole world take two rows, not one in each of 842 cells.
fn hemispheres() -> Vec<u8> {
    let half = |name: &str, west: f64| {
        let east = west + 180.0;
        json!({ "type": "Feature", "properties": { "name": name }, "geometry": { "type": "Polygon", "coordinates":
            [[[west, -90.0], [east, -90.0], [east, 90.0], [west, 90.0], [west, -90.0]]] } })
    };
    let regions = json!({ "type": "FeatureCollection", "features": [half("west", -180.0), half("east", 0.0)] });
    regions.to_string().into_bytes()
}

fn reasons(report: &IngestReport) -> BTreeMap<&str, usize> {
    let mut reasons = BTreeMap::new();
    for failure in &report.failed {
        *reasons.entry(failure.reason.split([':', '(']).next().unwrap_or_default().trim()).or_default() += 1;
    }
    reasons
}

/// Each item that came back is one that went in, and none that is valid is missing.
fn check_items(source: &Source, returned: &[Value]) {
    let mut given: HashMap<Name, Vec<&Value>> = HashMap::new();
    for document in source.documents.iter().filter(|document| document["type"] == "Feature") {
        given.entry(name(document)).or_default().push(document);
    }
    let mut found: HashMap<Name, &Value> = HashMap::new();
    for item in returned {
        assert!(found.insert(name(item), item).is_none(), "{}: twice: {item}", source.name);
        let one_of = given.get(&name(item)).is_some_and(|given| given.iter().any(|given| same_json(given, item)));
        assert!(one_of, "{}: changed: {item}", source.name);
    }
    // A folder's collections are skipped as a whole, and counted: their features are no files of items.
    let is_folder = source.path.is_dir();
    for (name, documents) in given.iter().filter(|(name, _)| !is_folder && !found.contains_key(name)) {
        let valid = documents.iter().any(|document| ValidItem::from_value((*document).clone()).is_ok());
        assert!(!valid, "{}: lost: {name:?}", source.name);
    }
}

fn name(item: &Value) -> Name {
    let text = |member: &str| item.get(member).and_then(Value::as_str).map(str::to_owned);
    (text("collection"), text("id").unwrap_or_default())
}
