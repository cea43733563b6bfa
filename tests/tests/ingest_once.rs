//! An item is in a catalog once, in its newest version, however often and by whomever it is ingested.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail by panicking")]

use earthcatalog::ingest::{IngestMode, IngestOptions};
use earthcatalog_core::Location;
use earthcatalog_tests::place::{Place, item, item_at, run, undated};
use serde_json::{Value, json};

fn version(place: &Place, id: &str) -> Value {
    place.items()[&("c".to_owned(), id.to_owned())]["properties"].clone()
}

#[test]
fn the_same_items_again_change_nothing() {
    for place in [Place::local(1), Place::in_memory(1)] {
        let items: Vec<Value> = (0..20).map(|number| item(&format!("i{number}"), 1)).collect();
        place.ingest(&items);
        let (before, keys) = (place.open().snapshot().cloned(), place.keys());
        let report = place.ingest(&items);
        assert_eq!((report.items_known, report.items_replaced, report.rows_written), (20, 0, 0));
        assert_eq!(report.snapshot_id, None);
        assert_eq!(place.open().snapshot().cloned(), before);
        assert_eq!(place.keys(), keys, "nothing is written");
    }
}

#[test]
fn a_newer_version_takes_the_place_of_an_older_one_and_never_the_other_way_round() {
    let place = Place::in_memory(1);
    place.ingest(&[item("a", 3), item("b", 3), item("other", 3)]);
    let report = place.ingest(&[item("a", 4), item("b", 2), item("new", 1)]);
    assert_eq!((report.items_replaced, report.items_known, report.rows_rewritten), (1, 1, 2));
    assert_eq!(version(&place, "a")["updated"], "2021-04-01T00:00:00Z");
    assert_eq!(version(&place, "b")["updated"], "2021-03-01T00:00:00Z");
    assert_eq!(place.ids().len(), 4);
    assert_eq!(place.rows(), 4);
    place.assert_index_is_true();
    // The snapshot before still shows what it showed.
    assert_eq!(place.open().metadata().snapshots.len(), 2);
}

#[test]
fn a_version_that_moved_leaves_no_row_in_its_old_cells_or_years() {
    let place = Place::in_memory(2);
    place.ingest(&[item_at("a", -45.0, "2021-01-01T00:00:00Z"), item("b", 1)]);
    let mut moved = item_at("a", 60.0, "2021-02-01T00:00:00Z");
    moved["properties"]["datetime"] = json!("2019-01-01T00:00:00Z");
    assert_eq!(place.ingest(&[moved.clone()]).items_replaced, 1);
    assert_eq!(place.items()[&("c".to_owned(), "a".to_owned())], moved);
    assert_eq!(place.rows(), 2);
}

#[test]
fn collections_share_ids_without_taking_each_others_place() {
    let place = Place::in_memory(1);
    let mut other = item("a", 5);
    other["collection"] = json!("d");
    place.ingest(&[item("a", 1)]);
    let report = place.ingest(&[other.clone(), item("a", 1)]);
    assert_eq!((report.items_known, report.items_replaced, report.hash_index_rows), (1, 0, Some(1)));
    assert_eq!(place.items().len(), 2);
    let report = place.ingest(&[other, item("a", 2)]);
    assert_eq!((report.items_known, report.items_replaced), (1, 1));
    assert_eq!((place.items().len(), place.rows()), (2, 2));
    place.assert_index_is_true();
}

#[test]
fn without_updated_what_says_something_else_takes_the_place() {
    let place = Place::in_memory(1);
    place.ingest(&[undated("a", "first"), undated("b", "first")]);
    let report = place.ingest(&[undated("a", "second"), undated("b", "first")]);
    assert_eq!((report.items_replaced, report.items_known), (1, 1));
    assert_eq!(version(&place, "a")["title"], "second");
    assert_eq!(place.rows(), 2);
}

#[test]
fn an_item_that_another_program_added_is_found_although_no_index_knows_it() {
    let place = Place::in_memory(1);
    place.ingest(&[item("a", 1)]);
    // As another program would leave it: rows that the index does not know, in a snapshot that names none.
    run(add_behind_the_index(&place));
    let report = place.ingest(&[item("a", 1), item("b", 1), item("c", 1)]);
    assert_eq!((report.items_known, report.hash_index_rows), (2, None));
    assert!(report.warnings.iter().any(|warning| warning.contains("--update-hash-index")), "{:?}", report.warnings);
    assert_eq!((place.ids().len(), place.rows()), (3, 3));
    let options = IngestOptions { update_hash_index: true, ..place.options(&[item("d", 1)]) };
    assert_eq!(place.try_ingest(&options).unwrap().hash_index_rows, Some(4));
    place.assert_index_is_true();
}

/// Adds the files of another catalog that holds `b` only.
async fn add_behind_the_index(place: &Place) {
    use earthcatalog::commit::{Change, NewDataFile, commit, put, stored_location};
    use earthcatalog_core::stac::{ValidItem, encode_items};
    use earthcatalog_core::write::{PartitionKey, write_data_file};
    let catalog = earthcatalog::read::open(&place.stores, &place.catalog).await.unwrap();
    let items = [ValidItem::from_value(item("b", 1)).unwrap()];
    let cell = catalog.grid().item_cells(items[0].shape.as_ref()).remove(0);
    let schema = catalog.metadata().schema();
    let partition = PartitionKey::new(&cell, earthcatalog_core::catalog::TimeBin::Year, items[0].datetime_us);
    let rows = encode_items(&items, &[&cell], schema).unwrap();
    let written = write_data_file(&rows, schema, &partition).unwrap();
    let key = partition.data_file_key("foreign");
    put(&place.stores, &Location::parse(&place.catalog).unwrap().join(&key), written.bytes.clone()).await.unwrap();
    let file = NewDataFile::new(stored_location(&catalog, &key).unwrap(), partition, &written).unwrap();
    commit(&place.stores, &catalog, Change { files: vec![file], ..Change::default() }).await.unwrap();
}

#[test]
fn items_of_many_runs_and_sizes_are_there_once_and_newest_also_when_they_do_not_fit_in_memory() {
    let place = Place::in_memory(0);
    let mut newest = std::collections::BTreeMap::new();
    // A fixed shuffle of 600 versions of 90 items over six runs.
    for round in 0..6_u64 {
        let items: Vec<Value> = (0..100_u64)
            .map(|number| {
                let draw = (round * 100 + number) * 2_654_435_761 % 9_973;
                let (id, month) = (format!("i{}", draw % 90), u32::try_from(draw / 90 % 12).unwrap() + 1);
                let known = newest.entry(id.clone()).or_insert(month);
                *known = month.max(*known);
                item_at(&id, f64::from(month) * 20.0 - 140.0, &format!("2021-{month:02}-01T00:00:00Z"))
            })
            .collect();
        let options = IngestOptions { memory_bytes: 4_000, ..place.options(&items) };
        place.try_ingest(&options).unwrap();
        let stored = place.items();
        assert_eq!(stored.len(), newest.len());
        for ((_, id), item) in stored {
            let month = newest[&id];
            assert_eq!(item["properties"]["updated"], format!("2021-{month:02}-01T00:00:00Z"), "{id} in run {round}");
        }
        assert_eq!(place.rows(), newest.len() as u64, "no older version is left in any file");
        place.assert_index_is_true();
    }
}

#[test]
fn writers_of_one_catalog_lose_and_double_nothing() {
    let place = Place::in_memory(1);
    place.ingest(&[item("shared", 1)]);
    let options: Vec<IngestOptions> = (0..4)
        .map(|writer| {
            let items = [item(&format!("w{writer}"), 1), item("shared", writer + 2), item("both", 1)];
            let source = place.lines(&format!("w{writer}.ndjson"), &items);
            IngestOptions { mode: IngestMode::Delta, ..IngestOptions::new(place.catalog.clone(), vec![source]) }
        })
        .collect();
    let reports = run(async {
        let runs = options.iter().map(|options| earthcatalog::ingest::ingest(&place.stores, options, &()));
        futures::future::join_all(runs).await
    });
    for report in reports {
        report.unwrap();
    }
    assert_eq!((place.ids().len(), place.rows()), (6, 6));
    assert_eq!(version(&place, "shared")["updated"], "2021-05-01T00:00:00Z");
    place.assert_index_is_true();
}
