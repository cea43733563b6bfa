//! Ingests that are stopped, and objects that cannot be read: nothing is fetched twice, and nothing is forgotten.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use earthcatalog::commit::init;
use earthcatalog::gc::{GcOptions, collect_garbage};
use earthcatalog::ingest::{IngestOptions, IngestReport, ingest};
use earthcatalog::read::open;
use earthcatalog::store::Stores;
use earthcatalog_core::catalog::properties::GridDefinition;
use earthcatalog_core::{ErrorKind, Location};
use earthcatalog_tests::place::{Place, item, run};
use earthcatalog_tests::sim::{Defect, Fault, FaultStore, Faults};
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tokio::time::Instant;

const CATALOG: &str = "memory://bucket/catalog";

fn name(number: usize) -> String {
    format!("items/{number:03}.stac.json")
}

/// A bucket of items, and a file with an inventory of it.
async fn bucket(store: &dyn ObjectStore, items: usize) -> tempfile::NamedTempFile {
    let inventory = tempfile::NamedTempFile::with_suffix(".csv").unwrap();
    let mut rows = Vec::new();
    for number in 0..items {
        let text = item(&format!("i{number:03}"), 1).to_string();
        store.put(&name(number).into(), text.into()).await.unwrap();
        rows.push(format!("archive,{}\n", name(number)));
    }
    std::fs::write(inventory.path(), rows.concat()).unwrap();
    inventory
}

fn options(inventory: &tempfile::NamedTempFile) -> IngestOptions {
    let sources = vec![inventory.path().to_str().unwrap().to_owned()];
    let buckets = BTreeMap::from([("archive".to_owned(), "memory://archive".to_owned())]);
    IngestOptions { buckets, staged_items: 8, concurrency: 4, ..IngestOptions::new(CATALOG, sources) }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_killed_fetches_only_what_it_had_not_staged() {
    let archive = FaultStore::new(InMemory::new(), Instant::now(), 1, Faults::At(45, Fault::CrashBefore));
    let inventory = bucket(&archive, 60).await;
    let stores = Stores::default();
    stores.mount("memory://bucket", Arc::new(InMemory::new()));
    init(&stores, &Location::parse(CATALOG).unwrap(), GridDefinition::H3 { resolution: 1 }, None).await.unwrap();
    let (view, death) = archive.writer(0, Defect::None);
    stores.mount("memory://archive", Arc::new(view));
    let options = options(&inventory);
    tokio::select! {
        () = death.notified() => {}
        done = ingest(&stores, &options, &()) => panic!("{done:?}"),
    }
    assert!(open(&stores, CATALOG).await.unwrap().snapshot().is_none());
    let report = ingest(&stores, &options, &()).await.unwrap();
    assert_eq!((report.items_processed, report.rows_written), (60, 60));
    let log = archive.log();
    // Two groups of eight were under way.
    assert!((60..=60 + 16).contains(&log.len()), "{} of 60 were fetched", log.len());
    let (store, prefix) = stores.get(&Location::parse(CATALOG).unwrap().join("_ec/staging")).unwrap();
    assert!(store.list_with_delimiter(Some(&prefix)).await.unwrap().objects.is_empty(), "staged items are gone");
}

#[tokio::test(start_paused = true)]
async fn a_group_with_a_changed_object_is_another_group() {
    let archive = FaultStore::new(InMemory::new(), Instant::now(), 1, Faults::None);
    let stores = Stores::default();
    let inventory = bucket(&archive, 4).await;
    stores.mount("memory://bucket", Arc::new(InMemory::new()));
    stores.mount("memory://archive", Arc::new(archive.writer(0, Defect::None).0));
    init(&stores, &Location::parse(CATALOG).unwrap(), GridDefinition::H3 { resolution: 1 }, None).await.unwrap();
    ingest(&stores, &options(&inventory), &()).await.unwrap();
    archive.put(&name(2).into(), item("i002", 7).to_string().into()).await.unwrap();
    let report = ingest(&stores, &options(&inventory), &()).await.unwrap();
    assert_eq!((report.items_known, report.items_replaced), (3, 1));
}

/// A catalog and a bucket that lacks two of five objects, ingested once.
fn with_gaps(place: &Place) -> (Arc<InMemory>, IngestOptions, tempfile::NamedTempFile) {
    let archive = Arc::new(InMemory::new());
    let inventory = run(bucket(&*archive, 5));
    for number in [1, 3] {
        run(archive.delete(&name(number).into())).unwrap();
    }
    place.stores.mount("memory://archive", archive.clone());
    let options = IngestOptions { catalog: place.catalog.clone(), ..options(&inventory) };
    let report = place.try_ingest(&options).unwrap();
    assert_eq!((report.items_processed, report.items_failed, report.listed_failed), (3, 2, 2));
    (archive, options, inventory)
}

fn retried(place: &Place) -> IngestReport {
    place
        .try_ingest(&IngestOptions { retry_failed: true, ..IngestOptions::new(place.catalog.clone(), vec![]) })
        .unwrap()
}

fn lists(place: &Place) -> usize {
    place.keys().iter().filter(|key| key.starts_with("_ec/failed/")).count()
}

#[test]
fn c12_what_failed_is_listed_until_it_is_taken() {
    for place in [Place::local(1), Place::in_memory(1)] {
        let (archive, options, _inventory) = with_gaps(&place);
        place.try_ingest(&options).unwrap();
        assert_eq!(lists(&place), 1, "the same failures are one list");
        run(archive.put(&name(1).into(), item("i001", 1).to_string().into())).unwrap();
        let report = retried(&place);
        assert_eq!((report.items_processed, report.items_failed, report.listed_failed), (1, 1, 1));
        assert_eq!((place.ids().len(), lists(&place)), (4, 1));
        let options = GcOptions { catalog: place.catalog.clone(), before_us: i64::MAX, dry_run: false };
        run(collect_garbage(&place.stores, &options)).unwrap();
        run(archive.put(&name(3).into(), item("i003", 1).to_string().into())).unwrap();
        assert_eq!((retried(&place).items_processed, place.ids().len(), lists(&place)), (1, 5, 0));
        assert_eq!(retried(&place).items_processed, 0);
    }
}

#[test]
fn a_list_in_a_store_names_no_file_and_no_web_address() {
    let place = Place::in_memory(1);
    let secret = place.lines("secret.json", &[item("secret", 1)]);
    for location in [secret.as_str(), "http://169.254.169.254/latest/meta-data", "memory://archive/../x"] {
        let line = serde_json::json!({ "key": "k", "location": location, "modified_us": null });
        place.put("_ec/failed/planted.ndjson", line.to_string().as_bytes());
        let retry = IngestOptions { retry_failed: true, ..IngestOptions::new(place.catalog.clone(), vec![]) };
        if let Ok(report) = place.try_ingest(&retry) {
            assert_eq!((report.items_processed, report.items_failed), (0, 1), "{location}");
        }
        assert!(place.ids().is_empty(), "{location}");
    }
}

#[test]
fn an_inventory_does_not_choose_which_buckets_are_read() {
    let place = Place::in_memory(1);
    let rows = "archive,a.stac.json\nother,secret.stac.json\n";
    let inventory = place.beside("inventory.csv");
    std::fs::write(&inventory, rows).unwrap();
    let archive = InMemory::new();
    run(archive.put(&"a.stac.json".into(), item("a", 1).to_string().into())).unwrap();
    run(archive.put(&"secret.stac.json".into(), item("secret", 1).to_string().into())).unwrap();
    for root in ["s3://archive", "s3://other"] {
        place.stores.mount(root, Arc::new(archive.clone()));
    }
    let options = IngestOptions::new(place.catalog.clone(), vec![inventory.to_str().unwrap().to_owned()]);
    let report = place.try_ingest(&options).unwrap();
    assert_eq!((report.items_processed, report.items_failed), (1, 1));
    assert!(report.failed[0].reason.contains("--bucket other=s3://other"), "{}", report.failed[0].reason);
    let buckets = BTreeMap::from([("other".to_owned(), "s3://other".to_owned())]);
    assert_eq!(place.try_ingest(&IngestOptions { buckets, ..options }).unwrap().items_failed, 0);
    assert_eq!(place.ids().len(), 2);
}

#[test]
fn the_copy_of_the_index_under_the_python_programs_name_is_kept_true() {
    const FIXED: &str = "warehouse_id_hashes.parquet";
    for place in [Place::local(1), Place::in_memory(1)] {
        place.ingest(&[item("a", 1)]);
        assert!(!place.keys().contains(FIXED), "it is made for nobody");
        place.put(FIXED, b"as the Python program left it");
        place.ingest(&[item("b", 1)]);
        let index = place.open().hash_index().unwrap();
        let key = index.normal();
        let key = key.split("/catalog/").last().unwrap();
        assert_eq!(place.read(FIXED), place.read(key));
    }
}

#[test]
fn retrying_without_a_list_reads_the_sources_alone() {
    let place = Place::in_memory(1);
    let options = IngestOptions { retry_failed: true, ..place.options(&[item("a", 1)]) };
    assert_eq!(place.try_ingest(&options).unwrap().rows_written, 1);
    let missing = IngestOptions { catalog: "memory://bucket/nowhere".into(), ..options };
    assert_eq!(place.try_ingest(&missing).unwrap_err().kind(), ErrorKind::NotFound);
}
