//! Compaction, deletion, expiry and garbage collection: what they change, and what they must not.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail by panicking")]

use std::collections::BTreeSet;

use earthcatalog::check::check;
use earthcatalog::compact::{CompactOptions, CompactReport, SortOrder, compact};
use earthcatalog::delete::{DeleteOptions, delete};
use earthcatalog::driver::Driver;
use earthcatalog::expire::{ExpireOptions, expire};
use earthcatalog::gc::{GcOptions, GcReport, collect_garbage};
use earthcatalog::read::list_files;
use earthcatalog::relocate::relocate;
use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::query::Query;
use earthcatalog_core::{Error, ErrorKind};
use earthcatalog_tests::place::{Place, item, item_at, run, undated};
use earthcatalog_tests::{fixtures, same_json};
use serde_json::{Value, json};

fn compacted(place: &Place) -> CompactReport {
    run(compact(&place.stores, &CompactOptions::new(place.catalog.clone()))).unwrap()
}

fn deleted(place: &Place, ids: &[&str]) -> earthcatalog::delete::DeleteReport {
    let query = Query::new().ids(ids.iter().copied());
    run(delete(&place.stores, &DeleteOptions::new(place.catalog.clone(), query))).unwrap()
}

fn expired(place: &Place, keep: usize) -> Vec<String> {
    let options = ExpireOptions { catalog: place.catalog.clone(), keep, before_ms: i64::MAX, dry_run: false };
    run(expire(&place.stores, &options)).unwrap().expired
}

fn collected(place: &Place, before_us: i64, dry_run: bool) -> Result<GcReport, Error> {
    let options = GcOptions { catalog: place.catalog.clone(), before_us, dry_run };
    run(collect_garbage(&place.stores, &options))
}

/// Every data file of a catalog's state can be read whole.
fn assert_readable(place: &Place, catalog: &Catalog) {
    let (files, _) = run(list_files(&Driver::new(place.stores.clone()), catalog, None)).unwrap();
    let keys = place.keys();
    let base = catalog.base().normal();
    for file in files {
        let key = file.location.normal().strip_prefix(&base).unwrap().trim_start_matches('/').to_owned();
        assert!(keys.contains(&key), "{key} is gone");
    }
}

/// A catalog of several small ingests.
fn fragmented(place: &Place, runs: u32) {
    for month in 1..=runs {
        place.ingest(&[item(&format!("a{month}"), month), item_at(&format!("b{month}"), 60.0, "2021-01-01T00:00:00Z")]);
    }
}

#[test]
fn compaction_leaves_fewer_files_and_the_same_items_and_finds_nothing_more_to_do() {
    for place in [Place::local(1), Place::in_memory(1)] {
        fragmented(&place, 5);
        let (before, items) = (place.open(), place.items());
        let dry = run(compact(
            &place.stores,
            &CompactOptions { dry_run: true, ..CompactOptions::new(place.catalog.clone()) },
        ))
        .unwrap();
        let report = compacted(&place);
        assert_eq!((report.buckets_scanned, report.buckets_compacted), (2, 2));
        assert_eq!((report.files_before, report.files_after, report.rows, report.snapshots), (10, 2, 10, 1));
        assert_eq!((dry.buckets_compacted, dry.files_after, dry.rows, dry.snapshots), (2, 2, 10, 0));
        assert_eq!(place.files().len(), 2);
        assert_eq!(place.items(), items);
        // Readers of the snapshot before, and its grid, properties and history.
        assert_readable(&place, &before);
        let after = place.open();
        assert_eq!(after.grid_definition(), before.grid_definition());
        assert_eq!(after.metadata().properties, before.metadata().properties);
        assert_eq!(after.metadata().snapshots.len(), before.metadata().snapshots.len() + 1);
        assert_eq!(after.snapshot().unwrap().summary["operation"], "replace");
        place.assert_index_is_true();
        let again = compacted(&place);
        assert_eq!((again.buckets_compacted, again.snapshots, again.files_after), (0, 0, 2));
        // The index is still relied on: a known item is not taken again.
        assert_eq!(place.ingest(&[item("a1", 1)]).items_known, 1);
    }
}

#[test]
fn compaction_takes_the_partitions_and_the_order_that_were_asked_for() {
    let place = Place::in_memory(1);
    fragmented(&place, 4);
    let files = place.files();
    let cell = |place: usize| format!("{:?}", files[place].data_file.partition[0]);
    let name = cell(0).split('"').nth(1).unwrap().to_owned();
    let options = CompactOptions::new(place.catalog.clone());
    for (wanted, merged) in [(format!("{name}/2019"), 0), (format!("{name}/2020"), 1), (name, 0)] {
        let options = CompactOptions { partitions: vec![wanted.clone()], order: SortOrder::Hilbert, ..options.clone() };
        let report = run(compact(&place.stores, &options)).unwrap();
        assert_eq!(report.buckets_compacted, merged, "{wanted}");
    }
    assert_eq!(place.files().len(), 5);
    let report = run(compact(&place.stores, &CompactOptions { threshold: 5, ..options })).unwrap();
    assert_eq!(report.buckets_compacted, 0);
}

#[test]
fn files_of_the_python_program_come_out_in_our_layout_with_equal_items() {
    let Some(fixtures) = fixtures() else { return };
    let place = Place::local(1);
    let target = place.beside("python");
    copy(&fixtures.join("upstream/itslive-5k-s3"), &target);
    let python = Place { catalog: target.to_str().unwrap().to_owned(), ..place };
    let known: Vec<Value> = python.items().into_values().take(200).collect();
    let again = python.ingest(&known);
    assert_eq!((again.items_known, again.rows_written), (200, 0), "what the Python program holds is not taken again");
    let news = known.iter().cloned().map(|mut item| {
        item["id"] = json!(format!("new-{}", item["id"].as_str().unwrap()));
        item
    });
    python.ingest(&news.collect::<Vec<_>>());
    let items = python.items();
    let report = compacted(&python);
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    assert!(report.buckets_compacted > 10 && report.files_after < report.files_before, "{report:?}");
    let after = python.items();
    assert_eq!((after.len(), items.len()), (5200, 5200));
    for (key, item) in &items {
        assert!(same_json(item, &after[key]), "{key:?}");
    }
    let schema = python.open().metadata().schema().clone();
    assert!(schema.field_by_name("geometry_bbox").is_some() && schema.field_by_name("json_patch").is_some());
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn an_append_during_a_compaction_is_kept_and_a_second_compactor_does_no_harm() {
    let place = Place::in_memory(1);
    fragmented(&place, 6);
    let options = CompactOptions::new(place.catalog.clone());
    let source = place.options(&[item("late", 1)]);
    let (one, two, ingest) = run(async {
        futures::join!(
            compact(&place.stores, &options),
            compact(&place.stores, &options),
            earthcatalog::ingest::ingest(&place.stores, &source, &()),
        )
    });
    one.unwrap();
    two.unwrap();
    ingest.unwrap();
    assert_eq!((place.ids().len(), place.rows()), (13, 13));
}

#[test]
fn deleted_items_are_gone_from_rows_and_index_and_the_rest_stays() {
    let place = Place::in_memory(2);
    let wide = json!({ "type": "Polygon", "coordinates": [[[-60, 60], [-20, 60], [-20, 70], [-60, 70], [-60, 60]]] });
    let mut many_cells = item("wide", 1);
    many_cells["geometry"] = wide;
    let mut other = item("a", 1);
    other["collection"] = json!("d");
    place.ingest(&[many_cells, item("a", 1), item("b", 1), other, undated("c", "x")]);
    let rows = place.rows();
    let report = deleted(&place, &["wide", "a", "nobody"]);
    assert_eq!(report.items_deleted, 3, "`a` of both collections, and `wide` in all its cells");
    assert_eq!(place.rows(), rows - report.rows_deleted);
    assert_eq!(place.ids(), BTreeSet::from(["b".to_owned(), "c".to_owned()]));
    place.assert_index_is_true();
    let report = deleted(&place, &["nobody"]);
    assert_eq!((report.items_deleted, report.snapshot_id), (0, None));
    deleted(&place, &["b", "c"]);
    assert_eq!((place.rows(), place.files().len()), (0, 0));
    place.assert_index_is_true();
    assert_eq!(place.ingest(&[item("a", 1)]).rows_written, 1);
}

#[test]
fn an_id_that_another_collection_has_stays_in_the_index() {
    let place = Place::in_memory(1);
    let mut other = item("a", 1);
    other["collection"] = json!("d");
    place.ingest(&[item("a", 1), other]);
    let query = Query::new().ids(["a"]).collections(["c"]);
    let report = run(delete(&place.stores, &DeleteOptions::new(place.catalog.clone(), query))).unwrap();
    assert_eq!(report.items_deleted, 1);
    assert_eq!(place.items().len(), 1);
    place.assert_index_is_true();
    let nothing = DeleteOptions::new(place.catalog.clone(), Query::new());
    assert_eq!(run(delete(&place.stores, &nothing)).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn expiry_keeps_the_newest_and_garbage_is_what_only_expired_snapshots_name() {
    for place in [Place::local(1), Place::in_memory(1)] {
        fragmented(&place, 4);
        compacted(&place);
        deleted(&place, &["a1"]);
        let items = place.items();
        assert_eq!(collected(&place, i64::MAX, false).unwrap().deleted.get(&data_kind()), None);
        assert_eq!(expired(&place, 2).len(), 4);
        let old = place.open();
        let doomed = collected(&place, i64::MAX, true).unwrap();
        assert!(doomed.deleted.values().sum::<u64>() > 0 && doomed.dry_run);
        let report = collected(&place, i64::MAX, false).unwrap();
        assert_eq!(report.keys, doomed.keys);
        assert_eq!(report.deleted[&data_kind()], 8, "the files that were merged");
        assert_eq!(place.items(), items);
        assert_readable(&place, &old);
        place.assert_index_is_true();
        assert!(collected(&place, i64::MAX, false).unwrap().keys.is_empty());
        assert_eq!(expired(&place, 1).len(), 1);
        let left = collected(&place, i64::MAX, false).unwrap();
        assert_eq!(left.deleted[&data_kind()], 1, "the file that held what was deleted");
        assert_eq!(place.items(), items);
    }
}

fn data_kind() -> earthcatalog_core::write::garbage::Kind {
    earthcatalog_core::write::garbage::Kind::Data
}

#[test]
fn young_and_unknown_objects_and_neighbours_are_left_alone() {
    let place = Place::local(1);
    place.ingest(&[item("a", 1)]);
    let orphan = "warehouse/grid_partition=81083ffffffffff/year=2020/part_000000_crashed.parquet";
    let foreign = ["notes.txt", "warehouse/mine.parquet", "warehouse/earthcatalog/other/metadata/x.avro", "_ec/mine"];
    for key in foreign.into_iter().chain([orphan, "boundaries-old.geojson"]) {
        place.put(key, b"x");
    }
    std::fs::write(place.beside("catalog-neighbour.parquet"), "x").unwrap();
    let young = collected(&place, 0, false).unwrap();
    assert!(young.keys.is_empty() && young.young > 0, "{young:?}");
    let report = collected(&place, i64::MAX, false).unwrap();
    let keys = place.keys();
    assert!(report.keys.iter().any(|key| key == orphan) && !keys.contains(orphan));
    assert!(!keys.contains("boundaries-old.geojson"));
    assert!(foreign.iter().all(|key| keys.contains(*key)), "{keys:?}");
    assert!(place.beside("catalog-neighbour.parquet").exists());
    assert!(report.unknown_keys.contains(&"notes.txt".to_owned()));
    assert_eq!(place.ids().len(), 1);
}

#[test]
fn garbage_is_not_collected_while_a_kept_snapshot_cannot_be_read() {
    let place = Place::in_memory(1);
    fragmented(&place, 2);
    let manifest = place.keys().into_iter().find(|key| key.ends_with("-m0.avro")).unwrap();
    place.remove(&manifest);
    let keys = place.keys();
    assert!(collected(&place, i64::MAX, false).is_err());
    assert_eq!(place.keys(), keys);
}

#[test]
fn a_catalog_that_was_moved_keeps_its_files_at_garbage_collection() {
    let place = Place::local(1);
    fragmented(&place, 3);
    let moved = place.beside("elsewhere/moved");
    copy(&place.beside("catalog"), &moved);
    std::fs::remove_dir_all(place.beside("catalog")).unwrap();
    let moved = Place { catalog: moved.to_str().unwrap().to_owned(), ..place };
    let items: Vec<Value> = moved.items().into_values().collect();
    compacted(&moved);
    expired(&moved, 1);
    assert!(collected(&moved, i64::MAX, false).unwrap().deleted[&data_kind()] >= 6);
    assert_eq!(moved.items().into_values().collect::<Vec<_>>(), items);
}

#[test]
fn a_moved_catalog_is_rewritten_for_readers_that_follow_stored_locations() {
    let place = Place::local(1);
    fragmented(&place, 3);
    let moved = place.beside("moved");
    copy(&place.beside("catalog"), &moved);
    std::fs::remove_dir_all(place.beside("catalog")).unwrap();
    let moved = Place { catalog: moved.to_str().unwrap().to_owned(), ..place };
    let items = moved.items();
    let base = moved.open().base().normal();
    assert!(!moved.open().metadata().location.starts_with(&base));
    let dry = run(relocate(&moved.stores, &moved.catalog, None, true)).unwrap();
    let report = run(relocate(&moved.stores, &moved.catalog, None, false)).unwrap();
    assert_eq!((report.objects_written, dry.objects_written, report.to.as_str()), (5, 5, base.as_str()));
    let after = moved.open();
    assert!(after.metadata().location.starts_with(&base), "{}", after.metadata().location);
    let snapshot = after.snapshot().unwrap();
    assert!(snapshot.manifest_list.as_ref().unwrap().starts_with(&base));
    // Read to the letter: by its metadata alone, in a place where nothing is moved.
    let (files, _) = run(list_files(&Driver::new(moved.stores.clone()), &after, None)).unwrap();
    assert!(files.iter().all(|file| file.data_file.file_path.starts_with(&base)), "{files:?}");
    assert_eq!(moved.items(), items);
    let report = run(check(&moved.stores, &moved.catalog, true)).unwrap();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert_eq!(run(relocate(&moved.stores, &moved.catalog, None, false)).unwrap().objects_written, 0);
    moved.ingest(&[item("more", 1)]);
    compacted(&moved);
    assert_eq!(moved.ids().len(), items.len() + 1);
    moved.assert_index_is_true();
}
