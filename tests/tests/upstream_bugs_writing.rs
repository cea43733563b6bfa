//! Defects that were found in writers of this layout, each by the case that showed it.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail by panicking")]

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use earthcatalog::compact::{CompactOptions, CompactReport, compact};
use earthcatalog::driver::Driver;
use earthcatalog::expire::{ExpireOptions, expire};
use earthcatalog::gc::{GcOptions, collect_garbage};
use earthcatalog::ingest::{IngestMode, IngestOptions, IngestReport};
use earthcatalog::read::{open, search};
use earthcatalog::serve::Server;
use earthcatalog::store::Stores;
use earthcatalog_core::query::Query;
use earthcatalog_core::write::inventory::parse_inventory_time;
use earthcatalog_core::{ErrorKind, Location};
use earthcatalog_tests::place::{Place, item, item_at, run, undated};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use serde_json::{Value, json};

fn compacted(place: &Place) -> CompactReport {
    run(compact(&place.stores, &CompactOptions::new(place.catalog.clone()))).unwrap()
}

/// Puts items into a folder that stands for a bucket, and ingests a CSV inventory of these keys.
fn by_inventory(place: &Place, items: &[Value], rows: &[&str]) -> IngestReport {
    let bucket = place.beside("bucket");
    std::fs::create_dir_all(&bucket).unwrap();
    for item in items {
        let name = format!("{}.stac.json", item["id"].as_str().unwrap());
        std::fs::write(bucket.join(name), item.to_string()).unwrap();
    }
    let inventory = place.beside("inventory.csv");
    std::fs::write(&inventory, rows.join("\n")).unwrap();
    let buckets = [("archive".to_owned(), bucket.to_str().unwrap().to_owned())].into();
    let source = vec![inventory.to_str().unwrap().to_owned()];
    place.try_ingest(&IngestOptions { buckets, ..IngestOptions::new(place.catalog.clone(), source) }).unwrap()
}

fn ids(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn c1_a_second_run_of_an_inventory_doubles_nothing() {
    let place = Place::in_memory(1);
    let (items, rows) = ([item("a", 1), item("b", 1)], ["archive,a.stac.json", "archive,b.stac.json"]);
    assert_eq!(by_inventory(&place, &items, &rows).rows_written, 2);
    let again = by_inventory(&place, &items, &rows);
    assert_eq!((again.items_known, again.rows_written, place.rows()), (2, 0, 2));
}

#[test]
fn c2_c4_c14_in_a_store_of_objects_everything_lies_below_the_catalog_and_is_found_there() {
    let place = Place::in_memory(1);
    place.ingest(&[item("a", 1)]);
    let keys = place.keys();
    assert!(keys.iter().any(|key| key.starts_with("warehouse/grid_partition=")), "{keys:?}");
    assert!(keys.iter().all(|key| !key.contains("some/catalog")), "a prefix is not doubled: {keys:?}");
    assert_eq!(place.ids(), ids(&["a"]));
}

#[test]
fn c3_what_was_ingested_is_there_when_the_catalog_is_opened_anew() {
    let place = Place::local(1);
    place.ingest(&[item("a", 1)]);
    let others = Place { stores: Stores::default(), ..place };
    assert_eq!(others.ids(), ids(&["a"]));
}

#[test]
fn c5_one_odd_item_does_not_stop_the_run() {
    let place = Place::in_memory(1);
    let with = |id: &str, name: &str, value: Value| {
        let mut item = item(id, 1);
        item["properties"][name] = value;
        item
    };
    let odd = [
        with("fraction", "percent_valid_pixels", json!(97.5)),
        with("unknown", "never:heard", json!({ "of": [1] })),
        with("latitude", "latitude", json!(70)),
        with("version", "version", json!(2)),
        with("offset", "datetime", json!("2019-12-31T23:30:00-05:00")),
        with("large", "date_dt", json!(5e9)),
        item("plain", 1),
    ];
    let mut all = odd.to_vec();
    all.push(with("broken", "datetime", json!("yesterday")));
    let report = place.ingest(&all);
    assert_eq!((report.items_processed, report.items_failed), (7, 1));
    let stored = place.items();
    for item in odd {
        let id = item["id"].as_str().unwrap().to_owned();
        assert!(earthcatalog_tests::same_json(&stored[&("c".to_owned(), id.clone())], &item), "{id}");
    }
}

#[test]
fn c6_an_object_that_is_not_there_is_told_and_not_counted_as_processed() {
    let place = Place::in_memory(1);
    let report = by_inventory(&place, &[item("a", 1)], &["archive,a.stac.json", "archive,gone.stac.json"]);
    assert_eq!((report.items_processed, report.items_failed), (1, 1));
    assert!(report.failed[0].key.contains("gone"), "{:?}", report.failed);
}

#[test]
fn c7_keys_of_csv_inventories_are_decoded() {
    let place = Place::in_memory(1);
    let report = by_inventory(&place, &[item("a b", 1)], &["archive,a+b.stac.json"]);
    assert_eq!((report.items_processed, report.items_failed), (1, 0), "{:?}", report.failed);
}

#[test]
fn c8_a_time_without_a_zone_is_utc() {
    assert_eq!(parse_inventory_time("2025-09-02T00:50:20"), parse_inventory_time("2025-09-02T00:50:20Z"));
}

#[test]
fn c9_a_partition_becomes_one_file_whatever_the_number_of_items() {
    let place = Place::in_memory(1);
    let items: Vec<Value> = (0..300).map(|number| item(&format!("i{number}"), 1)).collect();
    assert_eq!(place.ingest(&items).files_registered, 1);
}

#[test]
fn c10_daily_deltas_do_not_pile_up_for_ever() {
    let place = Place::in_memory(1);
    for day in 0..10 {
        place.ingest(&[item(&format!("d{day}"), 1)]);
    }
    compacted(&place);
    // The compaction's own snapshot says, manifest by manifest, what it took out; the next one does without.
    place.ingest(&[item("d10", 1)]);
    let before_ms = i64::MAX;
    let options = ExpireOptions { catalog: place.catalog.clone(), keep: 1, before_ms, dry_run: false };
    assert_eq!(run(expire(&place.stores, &options)).unwrap().snapshots_after, 1);
    let options = GcOptions { catalog: place.catalog.clone(), before_us: i64::MAX, dry_run: false };
    run(collect_garbage(&place.stores, &options)).unwrap();
    let of = |end: &str| place.keys().iter().filter(|key| key.ends_with(end)).count();
    assert_eq!((place.files().len(), of(".parquet")), (2, 3), "the data files and the hash index");
    assert!(of(".avro") <= 3 && of(".metadata.json") <= 2, "{:?}", place.keys());
    assert_eq!(place.ids().len(), 11);
}

#[test]
fn c11_c13_a_run_after_the_inventory_changed_takes_what_is_new_and_doubles_nothing() {
    let place = Place::in_memory(1);
    let all = [item("a", 1), item("b", 1), item("c", 1)];
    by_inventory(&place, &all, &["archive,b.stac.json", "archive,c.stac.json"]);
    let report = by_inventory(&place, &all, &["archive,a.stac.json", "archive,b.stac.json", "archive,c.stac.json"]);
    assert_eq!((report.items_known, report.rows_written), (2, 1));
    assert_eq!((place.ids(), place.rows()), (ids(&["a", "b", "c"]), 3));
}

#[test]
fn c16_a_mistyped_place_is_an_error_and_nothing_is_made_there() {
    let place = Place::local(1);
    let wrong = place.beside("catalogue");
    let error = run(open(&place.stores, wrong.to_str().unwrap())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(!wrong.exists());
}

#[test]
fn d7_d9_d13_readers_and_the_published_catalog_survive_a_compaction_in_a_store() {
    let place = Place::in_memory(1);
    place.ingest(&[item("a", 1)]);
    place.ingest(&[item("b", 1)]);
    let old = place.files();
    assert_eq!(compacted(&place).buckets_compacted, 1);
    let keys = place.keys();
    assert!(old.iter().all(|file| keys.iter().any(|key| file.location.as_str().ends_with(key))), "inputs are kept");
    assert_eq!((place.files().len(), place.ids()), (1, ids(&["a", "b"])));
}

#[test]
fn d8_a_compaction_keeps_grid_snapshots_and_index() {
    let place = Place::in_memory(3);
    place.ingest(&[item("a", 1)]);
    place.ingest(&[item("b", 1)]);
    let before = place.open();
    compacted(&place);
    let after = place.open();
    assert_eq!(after.metadata().properties, before.metadata().properties);
    assert_eq!(after.metadata().snapshots.len(), 3);
    place.assert_index_is_true();
}

#[test]
fn d10_whole_and_broken_numbers_of_one_property_are_merged() {
    let place = Place::in_memory(1);
    let mut items = [item("a", 1), item("b", 1)];
    items[0]["properties"]["percent_valid_pixels"] = json!(80);
    items[1]["properties"]["percent_valid_pixels"] = json!(80.5);
    for item in &items {
        place.ingest(std::slice::from_ref(item));
    }
    let report = compacted(&place);
    assert_eq!((report.buckets_compacted, report.warnings.len()), (1, 0));
    let value =
        |id: &str| place.items()[&("c".to_owned(), id.to_owned())]["properties"]["percent_valid_pixels"].clone();
    assert_eq!((value("a"), value("b")), (json!(80), json!(80.5)));
}

/// Footer of the only data file of a local catalog.
fn only_file(place: &Place) -> parquet::file::metadata::ParquetMetaData {
    let file = std::fs::File::open(place.files()[0].location.as_str()).unwrap();
    let options = ArrowReaderOptions::new().with_page_index_policy(parquet::file::metadata::PageIndexPolicy::Required);
    ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).unwrap().metadata().as_ref().clone()
}

#[test]
fn d11_e3_e4_a_compacted_file_tells_the_bounds_of_all_its_rows_and_has_what_readers_prune_by() {
    let place = Place::local(0);
    place.ingest(&[item_at("a", -46.0, "2021-01-01T00:00:00Z")]);
    place.ingest(&[item_at("b", -44.0, "2021-01-01T00:00:00Z")]);
    assert_eq!(compacted(&place).files_after, 1);
    let footer = only_file(&place);
    let pairs = footer.file_metadata().key_value_metadata().unwrap();
    let geo = pairs.iter().find(|pair| pair.key == "geo").unwrap().value.clone().unwrap();
    let geo: Value = serde_json::from_str(&geo).unwrap();
    assert_eq!(geo["columns"]["geometry"]["bbox"], json!([-46.0, 70.0, -44.0, 70.0]));
    assert_eq!(geo["columns"]["geometry"]["covering"]["bbox"]["xmin"], json!(["geometry_bbox", "xmin"]));
    assert!(footer.offset_index().is_some() && footer.column_index().is_some());
    let fields = footer.file_metadata().schema_descr().root_schema().get_fields().to_vec();
    assert!(fields.iter().all(|field| field.get_basic_info().has_id()));
}

#[test]
fn d12_of_two_versions_the_one_updated_last_stays_whatever_was_created_last() {
    let place = Place::in_memory(1);
    let mut newer = item("a", 9);
    newer["properties"]["created"] = json!("2019-01-01T00:00:00Z");
    let mut older = item("a", 3);
    older["properties"]["created"] = json!("2021-12-01T00:00:00Z");
    place.ingest(std::slice::from_ref(&newer));
    place.ingest(&[older]);
    place.ingest(&[item("b", 1)]);
    compacted(&place);
    assert_eq!(place.items()[&("c".to_owned(), "a".to_owned())]["properties"]["created"], "2019-01-01T00:00:00Z");
}

#[test]
fn d14_a_full_ingest_is_one_commit_and_keeps_the_snapshots_before() {
    let place = Place::in_memory(1);
    place.ingest(&[item("a", 1)]);
    let broken = place.lines("broken.ndjson", &[json!("no item")]);
    let full = |source: String| IngestOptions {
        mode: IngestMode::Full,
        ..IngestOptions::new(place.catalog.clone(), vec![source])
    };
    place.try_ingest(&full(broken)).unwrap();
    assert_eq!(place.ids(), ids(&["a"]), "a run without items replaces nothing");
    place.try_ingest(&full(place.lines("new.ndjson", &[undated("b", "x")]))).unwrap();
    assert_eq!((place.ids(), place.open().metadata().snapshots.len()), (ids(&["b"]), 2));
}

#[test]
fn e1_a_copy_reads_and_writes_itself_and_not_the_original() {
    let place = Place::local(1);
    place.ingest(&[item("a", 1)]);
    let copy = place.beside("copy");
    let status = std::process::Command::new("cp").arg("-r").arg(place.beside("catalog")).arg(&copy).status().unwrap();
    assert!(status.success());
    let original = place.keys();
    let copy = Place { catalog: copy.to_str().unwrap().to_owned(), ..place };
    copy.ingest(&[item("b", 1)]);
    compacted(&copy);
    assert_eq!(copy.ids(), ids(&["a", "b"]));
    let original = (original, Place { catalog: copy.beside("catalog").to_str().unwrap().to_owned(), ..copy });
    assert_eq!((original.1.keys(), original.1.ids()), (original.0, ids(&["a"])));
}

#[test]
fn e5_manifests_take_little_for_each_data_file() {
    let place = Place::in_memory(3);
    let items: Vec<Value> =
        (0..300).map(|number| item_at(&format!("i{number}"), f64::from(number) - 150.0, "")).collect();
    place.ingest(&items);
    let files = place.files().len();
    assert!(files > 100, "{files} cells");
    let manifests: usize =
        place.keys().iter().filter(|key| key.ends_with("-m0.avro")).map(|key| place.read(key).len()).sum();
    assert!(manifests / files < 75, "{} bytes a file", manifests / files);
}

#[test]
fn c17_hash_indexes_are_merged_without_holding_them() {
    let place = Place::in_memory(1);
    // Far more ids than a run may hold names of: the memory of the whole ingest is a hundredth of theirs.
    let items: Vec<Value> = (0..3_000).map(|number| item(&format!("i{number}"), 1)).collect();
    let options = IngestOptions { memory_bytes: 64 << 10, ..place.options(&items[..2_000]) };
    place.try_ingest(&options).unwrap();
    let options = IngestOptions { memory_bytes: 64 << 10, ..place.options(&items[1_000..]) };
    let report = place.try_ingest(&options).unwrap();
    assert!(report.sort.runs > 1, "{:?}", report.sort);
    assert_eq!((report.items_known, report.hash_index_rows, place.ids().len()), (1_000, Some(3_000), 3_000));
    place.assert_index_is_true();
}

#[test]
fn e2_a_catalog_is_read_from_a_web_host() {
    let place = Place::local(1);
    place.ingest(&[item("a", 1), item("b", 2)]);
    let base = Location::parse(&place.catalog).unwrap();
    let found = run(async {
        let server = Server::bind(place.stores.clone(), base, 0).await.unwrap();
        let url = server.url();
        let serving = tokio::spawn(server.run());
        let catalog = open(&Stores::default(), &url).await.unwrap();
        let (driver, mut found) = (Driver::default(), Vec::new());
        let take = |item: Value| {
            found.push(item["id"].as_str().unwrap().to_owned());
            Ok(ControlFlow::Continue(()))
        };
        search(&driver, &catalog, Query::new(), take).await.unwrap();
        serving.abort();
        found
    });
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), ids(&["a", "b"]));
}
