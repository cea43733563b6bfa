//! Ingest from end to end: the same catalog by every way in, nothing lost in silence, nothing changed by a failure.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::future::Future;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use earthcatalog::commit::init;
use earthcatalog::driver::Driver;
use earthcatalog::ingest::{IngestMode, IngestOptions, IngestReport, ingest};
use earthcatalog::read::{list_files, open, search};
use earthcatalog::sample::{SAMPLE_BUCKET, SampleKind, sample};
use earthcatalog::store::Stores;
use earthcatalog_core::catalog::properties::GridDefinition;
use earthcatalog_core::query::Query;
use earthcatalog_core::stac::decode_items;
use earthcatalog_core::write::hash_index::{hash_id, read_hashes};
use earthcatalog_core::{Error, ErrorKind, Location};
use earthcatalog_tests::{fixtures, same_json};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(work)
}

/// A folder with an empty catalog in it, and what is done with it.
struct Place {
    dir: tempfile::TempDir,
    stores: Stores,
}

impl Place {
    fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap(), stores: Stores::default() };
        place.init("catalog");
        place
    }

    fn init(&self, catalog: &str) {
        let base = Location::parse(&self.path(catalog)).unwrap();
        run(init(&self.stores, &base, GridDefinition::H3 { resolution: 1 }, None)).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        self.path(name)
    }

    fn lines(&self, name: &str, items: &[Value]) -> String {
        let lines: Vec<String> = items.iter().map(|item| format!("{item}\n")).collect();
        self.file(name, lines.concat())
    }

    fn options(&self, source: &str) -> IngestOptions {
        IngestOptions::new(self.path("catalog"), vec![source.to_owned()])
    }

    fn ingest(&self, options: &IngestOptions) -> Result<IngestReport, Error> {
        run(ingest(&self.stores, options, &()))
    }

    fn ingest_in(&self, mode: IngestMode, source: &str) -> IngestReport {
        self.ingest(&IngestOptions { mode, ..self.options(source) }).unwrap()
    }

    fn items(&self) -> BTreeMap<String, Value> {
        run(async {
            let catalog = open(&self.stores, &self.path("catalog")).await.unwrap();
            let mut items = BTreeMap::new();
            let add = |item: Value| {
                let id = item["id"].as_str().unwrap().to_owned();
                assert!(items.insert(id.clone(), item).is_none(), "{id} came twice");
                Ok(ControlFlow::Continue(()))
            };
            search(&Driver::new(self.stores.clone()), &catalog, Query::new(), add).await.unwrap();
            items
        })
    }

    fn ids(&self) -> Vec<String> {
        self.items().into_keys().collect()
    }

    /// Partition and bytes of every data file of a catalog, in order.
    fn data_files(&self, catalog: &str) -> Vec<(String, Vec<u8>)> {
        run(async {
            let catalog = open(&self.stores, &self.path(catalog)).await.unwrap();
            let (files, _) = list_files(&Driver::new(self.stores.clone()), &catalog, None).await.unwrap();
            let read = |location: &Location| fs::read(location.as_str()).unwrap();
            let mut files: Vec<_> =
                files.iter().map(|file| (format!("{:?}", file.data_file.partition), read(&file.location))).collect();
            files.sort();
            files
        })
    }

    fn index(&self) -> Vec<[u8; 16]> {
        let catalog = run(open(&self.stores, &self.path("catalog"))).unwrap();
        let file = fs::File::open(catalog.hash_index().unwrap().as_str()).unwrap();
        let hashes: Vec<_> = read_hashes(file).unwrap().map(Result::unwrap).collect();
        let rows = &catalog.metadata().properties["earthcatalog.hash_index_rows"];
        assert_eq!(rows, &hashes.len().to_string());
        hashes
    }
}

fn item(id: &str, updated: &str) -> Value {
    json!({
        "type": "Feature", "stac_version": "1.0.0", "id": id, "collection": "c", "links": [], "assets": {},
        "geometry": { "type": "Point", "coordinates": [-45.0, 70.0] }, "bbox": [-45.0, 70.0, -45.0, 70.0],
        "properties": { "datetime": "2020-06-01T00:00:00Z", "updated": updated }
    })
}

fn plain(id: &str) -> Value {
    item(id, "2021-01-01T00:00:00Z")
}

/// The 5,000 items, written out as the bucket has them.
fn unpack(input: &Path, root: &Path) -> BTreeMap<String, Value> {
    let mut text = String::new();
    let file = fs::File::open(input.join("items.ndjson.gz")).unwrap();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let mut items = BTreeMap::new();
    for line in text.lines() {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let path = root.join(line["key"].as_str().unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, line["item"].to_string()).unwrap();
        let item = line["item"].take();
        items.insert(item["id"].as_str().unwrap().to_owned(), item);
    }
    items
}

#[test]
fn five_thousand_items_by_lines_and_by_inventory_make_the_same_catalog_and_come_back_as_they_are() {
    let Some(fixtures) = fixtures() else { return };
    let input = fixtures.join("upstream/itslive-5k-input");
    let place = Place::new();
    let published = unpack(&input, &place.dir.path().join("bucket"));
    let report = place.ingest(&place.options(input.join("items.ndjson.gz").to_str().unwrap())).unwrap();
    assert_eq!((report.items_processed, report.items_failed, report.duplicates), (5000, 0, 0));
    assert_eq!((report.mode, report.hash_index_rows), (IngestMode::Full, Some(5000)));
    assert!(report.snapshot_id.is_some() && report.bytes_written > 0);
    let rows = report.rows_written;
    eprintln!("5,000 items: {rows} rows in {} files, {} bytes", report.files_registered, report.bytes_written);

    let found = place.items();
    assert_eq!(found.len(), 5000);
    for (id, item) in &published {
        assert!(same_json(&found[id], item), "{id} came back changed:\n{item}\n{}", found[id]);
    }
    let theirs = fs::File::open(fixtures.join("upstream/itslive-5k-s3/warehouse_id_hashes.parquet")).unwrap();
    let theirs: Vec<_> = read_hashes(theirs).unwrap().map(Result::unwrap).collect();
    assert!(place.index() == theirs, "the hash index differs from the Python program's");

    place.init("other");
    let buckets = BTreeMap::from([("its-live-data".to_owned(), place.path("bucket"))]);
    let options = place.options(input.join("inventory/manifest.json").to_str().unwrap());
    let by_inventory = place.ingest(&IngestOptions { catalog: place.path("other"), buckets, ..options }).unwrap();
    assert_eq!((by_inventory.items_processed, by_inventory.rows_written), (5000, rows));
    assert_eq!(by_inventory.items_skipped.values().sum::<u64>(), 150);
    assert!(place.data_files("catalog") == place.data_files("other"));
}

#[test]
fn a_sample_is_the_same_catalog_by_folder_lines_and_every_inventory() {
    let place = Place::new();
    let dir = place.dir.path().join("archive");
    sample(&dir, 150, 5, SampleKind::Sentinel2, |_| {}).unwrap();
    let archive = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    place.ingest(&place.options(&archive("items.ndjson.gz"))).unwrap();
    let expected = place.data_files("catalog");
    assert_eq!(place.ids().len(), 150);
    let sources = [
        "items",
        ".",
        "inventory.csv",
        "inventory.csv.gz",
        "inventory.parquet",
        "inventory/manifest.json",
        "inventory-csv/manifest.json",
    ];
    for source in sources {
        let catalog = format!("by-{}", source.replace('/', "-"));
        place.init(&catalog);
        let buckets = BTreeMap::from([(SAMPLE_BUCKET.to_owned(), archive("items"))]);
        let options = IngestOptions { catalog: place.path(&catalog), buckets, ..place.options(&archive(source)) };
        let report = place.ingest(&options).unwrap();
        assert_eq!((report.items_processed, report.items_failed), (150, 0), "{source}: {:?}", report.failed);
        assert!(place.data_files(&catalog) == expected, "{source} makes another catalog");
    }
}

#[test]
fn what_does_not_fit_in_memory_makes_the_same_catalog() {
    let place = Place::new();
    let dir = place.dir.path().join("archive");
    sample(&dir, 300, 2, SampleKind::Itslive, |_| {}).unwrap();
    let source = dir.join("items.ndjson.gz").to_str().unwrap().to_owned();
    let in_memory = place.ingest(&place.options(&source)).unwrap();
    assert_eq!((in_memory.sort.runs, in_memory.sort.records), (0, in_memory.rows_written));
    place.init("spilled");
    let catalog = place.path("spilled");
    let spilled = place.ingest(&IngestOptions { catalog, memory_bytes: 20_000, ..place.options(&source) }).unwrap();
    assert!(spilled.sort.runs > 20 && spilled.sort.spilled_bytes > 0, "{:?}", spilled.sort);
    assert!(spilled.sort.peak_memory_bytes < 200_000, "{:?}", spilled.sort);
    assert!(place.data_files("catalog") == place.data_files("spilled"));
}

#[test]
fn a_large_partition_becomes_several_files() {
    let place = Place::new();
    let items: Vec<Value> = (0..10).map(|number| plain(&format!("i{number}"))).collect();
    let source = place.lines("items.ndjson", &items);
    let options = IngestOptions { file_rows: 4, ..place.options(&source) };
    assert_eq!(place.ingest(&options).unwrap().files_registered, 3);
    assert_eq!(place.ids().len(), 10);
    let half = items[0].to_string().len() * 5;
    let options = IngestOptions { file_bytes: half, mode: IngestMode::Full, ..place.options(&source) };
    assert_eq!(place.ingest(&options).unwrap().files_registered, 2);
    assert_eq!(place.ids().len(), 10);
}

#[test]
fn rows_of_a_file_are_sorted_by_platform_then_datetime() {
    let place = Place::new();
    let items: Vec<Value> = (0..200_u32)
        .map(|number| {
            let mut item = plain(&format!("i{number}"));
            item["properties"]["platform"] = json!(["S1A", "LC08", "S2B"][number as usize % 3]);
            item["properties"]["datetime"] = json!(format!("2020-06-{:02}T00:00:00Z", number * 7 % 28 + 1));
            item
        })
        .collect();
    let source = place.lines("items.ndjson", &items);
    place.ingest(&place.options(&source)).unwrap();
    let files = place.data_files("catalog");
    assert_eq!(files.len(), 1);
    let (_, bytes) = files.into_iter().next().unwrap();
    let rows = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap().build().unwrap();
    let rows: Vec<Value> = rows.flat_map(|batch| decode_items(&batch.unwrap()).unwrap()).collect();
    let text = |item: &Value, name: &str| item["properties"][name].as_str().unwrap().to_owned();
    let keys: Vec<(String, String)> =
        rows.iter().map(|item| (text(item, "platform"), text(item, "datetime"))).collect();
    assert!(keys.len() == 200 && keys.is_sorted(), "{keys:?}");
}

#[test]
fn every_failure_is_told_with_its_key_and_reason_and_the_rest_goes_in() {
    let place = Place::new();
    place.file("bucket/good.json", plain("good").to_string());
    place.file("bucket/cut.json", "{\"type\": \"Feature\", ");
    place
        .file("bucket/no-id.json", json!({ "type": "Feature", "stac_version": "1.0.0", "properties": {} }).to_string());
    place.file("bucket/collection.json", json!({ "type": "Collection", "id": "c" }).to_string());
    place.file("bucket/catalog.json", json!({ "stac_version": "0.9.0", "id": "c", "links": [] }).to_string());
    let keys = ["good", "cut", "no-id", "collection", "catalog", "absent"];
    let csv = keys.map(|key| format!("b,{key}.json\n")).concat();
    let source = place.file("inventory.csv", format!("bucket,key\n{csv}b,image.tif\nb\n"));
    let buckets = BTreeMap::from([("b".to_owned(), place.path("bucket"))]);
    let report = place.ingest(&IngestOptions { buckets, ..place.options(&source) }).unwrap();
    let failed: BTreeMap<&str, &str> =
        report.failed.iter().map(|failure| (failure.key.as_str(), failure.reason.as_str())).collect();
    assert_eq!((report.items_processed, report.items_failed, failed.len()), (1, 4, 4), "{failed:#?}");
    assert!(failed["b/cut.json"].contains("not JSON"), "{failed:#?}");
    assert!(failed["b/no-id.json"].contains("id"), "{failed:#?}");
    assert!(failed["b/absent.json"].contains("not"), "{failed:#?}");
    assert!(failed[format!("{source}:9").as_str()].contains("without a key"), "{failed:#?}");
    let skipped: Vec<(&str, u64)> =
        report.items_skipped.iter().map(|(reason, count)| (reason.as_str(), *count)).collect();
    let expected = [("STAC catalog", 1), ("STAC collection", 1), ("name does not end in .json or .geojson", 1)];
    assert_eq!(skipped, expected);
    assert_eq!(place.ids(), ["good"]);
}

#[test]
fn an_item_that_comes_twice_is_stored_once_the_newest() {
    let place = Place::new();
    let mut moved = item("a", "2022-01-01T00:00:00Z");
    moved["geometry"]["coordinates"] = json!([100.0, -75.0]);
    moved["properties"]["datetime"] = json!("2019-01-01T00:00:00Z");
    let mut elsewhere = plain("a");
    elsewhere["collection"] = json!("d");
    let mut last = plain("b");
    last["properties"]["note"] = json!("last");
    let items = [plain("a"), moved.clone(), plain("a"), plain("b"), last.clone()];
    let report = place.ingest_in(IngestMode::Auto, &place.lines("items.ndjson", &items));
    assert_eq!((report.items_processed, report.duplicates, report.rows_written), (5, 3, 2));
    let found = place.items();
    assert!(same_json(&found["a"], &moved) && same_json(&found["b"], &last), "{found:#?}");
    let mut index = vec![hash_id("a"), hash_id("b")];
    index.sort_unstable();
    assert_eq!(place.index(), index);

    // One id in two collections is two items, and one hash.
    let both = place.lines("both.ndjson", &[plain("a"), elsewhere]);
    let report = place.ingest_in(IngestMode::Full, &both);
    assert_eq!((report.duplicates, report.rows_written, report.hash_index_rows), (0, 2, Some(1)));
}

#[test]
fn delta_adds_full_replaces_and_auto_chooses() {
    let place = Place::new();
    let source = |id: &str| place.lines(&format!("{id}.ndjson"), &[plain(id)]);
    assert_eq!(place.ingest_in(IngestMode::Auto, &source("a")).mode, IngestMode::Full);
    let report = place.ingest_in(IngestMode::Auto, &source("b"));
    assert_eq!((report.mode, report.hash_index_rows), (IngestMode::Delta, Some(2)));
    assert_eq!(place.ids(), ["a", "b"]);
    let report = place.ingest_in(IngestMode::Full, &source("c"));
    assert_eq!((report.mode, report.hash_index_rows), (IngestMode::Full, Some(1)));
    assert_eq!(place.ids(), ["c"]);
    let catalog = run(open(&place.stores, &place.path("catalog"))).unwrap();
    assert_eq!(catalog.metadata().snapshots.len(), 3, "the replaced snapshots stay readable");
}

#[test]
fn unknown_properties_become_columns_when_a_later_ingest_brings_them() {
    let place = Place::new();
    place.ingest_in(IngestMode::Auto, &place.lines("a.ndjson", &[plain("a")]));
    let mut cloudy = plain("b");
    cloudy["properties"]["eo:cloud_cover"] = json!(12.5);
    let report = place.ingest_in(IngestMode::Delta, &place.lines("b.ndjson", std::slice::from_ref(&cloudy)));
    assert_eq!(report.columns_added, ["eo:cloud_cover"]);
    let found = place.items();
    assert!(same_json(&found["b"], &cloudy) && same_json(&found["a"], &plain("a")));
}

#[test]
fn a_dry_run_counts_and_writes_nothing() {
    let place = Place::new();
    let source = place.lines("items.ndjson", &[plain("a"), plain("b"), plain("b"), json!({ "type": "Feature" })]);
    let before = tree(place.dir.path());
    let report = place.ingest(&IngestOptions { dry_run: true, ..place.options(&source) }).unwrap();
    assert_eq!((report.items_processed, report.items_failed, report.duplicates), (3, 1, 1));
    assert_eq!((report.rows_written, report.files_registered, report.snapshot_id), (2, 1, None));
    assert_eq!(tree(place.dir.path()), before);
    let wet = place.ingest(&place.options(&source)).unwrap();
    assert_eq!((wet.rows_written, wet.files_registered), (report.rows_written, report.files_registered));
}

fn tree(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        found.push(path);
    }
    found.sort();
    found
}

#[test]
fn an_ingest_that_fails_leaves_the_catalog_as_it_was() {
    let place = Place::new();
    place.ingest_in(IngestMode::Auto, &place.lines("a.ndjson", &[plain("a")]));
    let all_bad = place.file("bad.ndjson", "nonsense\nrubbish\n");
    let broken = place.file("broken.json", format!("{{\"features\": [{}, {{", plain("b")));
    assert!(place.ingest(&place.options(&broken)).is_err());
    assert_eq!(place.ids(), ["a"]);
    // All bad is no error of the run: each is told.
    let report = place.ingest_in(IngestMode::Delta, &all_bad);
    assert_eq!((report.items_failed, report.snapshot_id), (2, None));
}

#[test]
fn items_at_the_ends_of_the_calendar_go_in_and_come_back() {
    let place = Place::new();
    let at = |id: &str, time: &str| {
        let mut item = plain(id);
        item["properties"] = json!({ "datetime": time, "created": time, "end_datetime": time });
        item
    };
    let items = [
        at("first", "0000-01-01T00:00:00+12:00"),
        at("last", "9999-12-31T23:59:59-12:00"),
        at("leap", "9999-12-31T23:59:60Z"),
    ];
    let report = place.ingest_in(IngestMode::Auto, &place.lines("items.ndjson", &items));
    assert_eq!((report.items_processed, report.failed.len()), (3, 0));
    let found = place.items();
    for item in &items {
        assert!(same_json(&found[item["id"].as_str().unwrap()], item), "{found:#?}");
    }
}

#[test]
fn a_full_ingest_without_an_item_tells_each_reason_and_replaces_nothing() {
    let place = Place::new();
    let all_bad = place.file("bad.ndjson", "nonsense\nrubbish\n");
    let report = place.ingest_in(IngestMode::Auto, &all_bad);
    assert_eq!((report.mode, report.failed.len(), report.snapshot_id), (IngestMode::Full, 2, None));
    assert!(report.warnings.is_empty(), "there is nothing to replace: {:?}", report.warnings);
    place.ingest_in(IngestMode::Auto, &place.lines("a.ndjson", &[plain("a")]));
    fs::create_dir(place.path("empty")).unwrap();
    for (source, failed) in [(all_bad, 2), (place.path("empty"), 0)] {
        let report = place.ingest_in(IngestMode::Full, &source);
        assert_eq!((report.failed.len(), report.snapshot_id), (failed, None));
        assert!(report.warnings.iter().any(|warning| warning.contains("not replaced")), "{:?}", report.warnings);
        assert_eq!(place.ids(), ["a"]);
    }
}

#[test]
fn a_delta_says_how_many_of_its_items_the_catalog_holds_already() {
    let place = Place::new();
    let report = place.ingest_in(IngestMode::Auto, &place.lines("a.ndjson", &[plain("a"), plain("b"), plain("c")]));
    assert_eq!((report.items_known, report.items_replaced), (0, 0));
    let mut other = plain("b");
    other["collection"] = json!("d");
    let again = place.lines("b.ndjson", &[plain("b"), other, plain("c"), plain("e")]);
    let report = place.ingest_in(IngestMode::Auto, &again);
    assert_eq!((report.items_known, report.hash_index_rows, report.rows_written), (2, Some(4), 2));
    let report = place.ingest_in(IngestMode::Full, &again);
    assert_eq!((report.items_known, report.rows_written), (0, 4));
}

#[test]
fn a_wrong_place_ends_the_run_instead_of_failing_item_by_item() {
    let place = Place::new();
    let rows: Vec<String> = (0..1100).map(|number| format!("b,{number}.json\n")).collect();
    let source = place.file("inventory.csv", rows.concat());
    let buckets = BTreeMap::from([("b".to_owned(), place.path("nowhere"))]);
    let error = place.ingest(&IngestOptions { buckets, ..place.options(&source) }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("first 1000 objects"), "{error}");
}

#[test]
fn the_report_has_the_names_of_the_python_program() {
    let place = Place::new();
    let report = place.ingest_in(IngestMode::Auto, &place.lines("a.ndjson", &[plain("a")]));
    let report = serde_json::to_value(report).unwrap();
    for name in ["items_processed", "rows_written", "files_registered"] {
        assert_eq!(report[name], json!(1), "{name}");
    }
}

#[test]
fn sources_buckets_and_catalog_may_lie_in_stores() {
    use object_store::memory::InMemory;
    use object_store::{ObjectStore, ObjectStoreExt};
    let stores = Stores::default();
    let archive: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    stores.mount("s3://archive", Arc::clone(&archive));
    stores.mount("s3://home", Arc::new(InMemory::new()));
    run(async {
        for id in ["a", "b"] {
            let key = format!("items/{id} +.json");
            archive.put(&object_store::path::Path::from(key), Bytes::from(plain(id).to_string()).into()).await.unwrap();
        }
        let manifest = json!({
            "sourceBucket": "archive", "destinationBucket": "arn:aws:s3:::archive", "fileFormat": "CSV",
            "fileSchema": "Bucket, Key", "files": [{ "key": "logs/data/1.csv" }]
        });
        let csv = "\"archive\",\"items/a+%2B.json\"\n\"archive\",\"items/b+%2B.json\"\n";
        archive.put(&"logs/2025/manifest.json".into(), Bytes::from(manifest.to_string()).into()).await.unwrap();
        archive.put(&"logs/data/1.csv".into(), csv.into()).await.unwrap();
        for (catalog, source) in [
            ("s3://home/1", "s3://archive/items/"),
            ("s3://home/2", "s3://archive/items"),
            ("s3://home/3", "s3://archive/logs/2025/manifest.json"),
            ("s3://home/4", "s3://archive/items/a +.json"),
        ] {
            let base = Location::parse(catalog).unwrap();
            init(&stores, &base, GridDefinition::H3 { resolution: 1 }, None).await.unwrap();
            let report = ingest(&stores, &IngestOptions::new(catalog, vec![source.to_owned()]), &()).await.unwrap();
            let expected = if source.ends_with("json") && source.contains('+') { 1 } else { 2 };
            assert_eq!((report.items_processed, report.items_failed), (expected, 0), "{source} {:?}", report.failed);
            let opened = open(&stores, catalog).await.unwrap();
            assert_eq!(report.hash_index_rows, Some(expected));
            assert!(opened.hash_index().unwrap().as_str().starts_with(catalog));
        }
        let options = IngestOptions::new("s3://home/1", vec!["s3://archive/nothing/".to_owned()]);
        assert_eq!(ingest(&stores, &options, &()).await.unwrap_err().kind(), ErrorKind::NotFound);
    });
}
