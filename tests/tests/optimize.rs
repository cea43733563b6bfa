//! Manifests written anew: the same files, in fewer and smaller manifests, for every reader.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail by panicking")]

use std::collections::BTreeSet;

use earthcatalog::check::check;
use earthcatalog::compact::{CompactOptions, compact};
use earthcatalog::optimize::{OptimizeOptions, OptimizeReport, optimize};
use earthcatalog::store::Stores;
use earthcatalog_tests::folder::copy_folder;
use earthcatalog_tests::place::{Place, item, item_at, run};

fn optimized(place: &Place, dry_run: bool) -> OptimizeReport {
    run(optimize(&place.stores, &OptimizeOptions { catalog: place.catalog.clone(), dry_run })).unwrap()
}

/// A catalog of so many ingests, each of two cells, and one that replaced an item.
fn grown(steps: u32) -> Place {
    let place = Place::in_memory(1);
    for step in 1..=steps {
        place.ingest(&[item(&format!("a{step}"), 1), item_at(&format!("b{step}"), 60.0, "2021-01-01T00:00:00Z")]);
    }
    place.ingest(&[item("a1", 7)]);
    place
}

fn paths(place: &Place) -> BTreeSet<String> {
    place.files().into_iter().map(|file| file.data_file.file_path.clone()).collect()
}

#[test]
fn manifests_become_one_and_name_the_same_files() {
    let place = grown(9);
    let (items, files, before) = (place.items(), paths(&place), place.open());
    let dry = optimized(&place, true);
    assert_eq!((dry.files, dry.manifests_after, dry.bytes_after), (files.len() as u64, 1, None));
    assert!(dry.manifests_before >= 9, "{dry:?}");
    assert_eq!(place.open().metadata_location(), before.metadata_location());

    let report = optimized(&place, false);
    assert_eq!((report.manifests_before, report.manifests_after), (dry.manifests_before, 1));
    assert!(report.bytes_after.unwrap() * 3 < report.bytes_before, "{report:?}");
    assert_eq!((place.items(), paths(&place)), (items.clone(), files));
    place.assert_index_is_true();
    assert!(run(check(&place.stores, &place.catalog, true)).unwrap().findings.is_empty());

    let after = place.open();
    let snapshot = after.snapshot().unwrap();
    assert_eq!(snapshot.summary["operation"], "replace");
    for total in ["total-data-files", "total-records", "total-files-size"] {
        assert_eq!(snapshot.summary[total], before.snapshot().unwrap().summary[total], "{total}");
    }
    // It goes on as before.
    place.ingest(&[item("late", 1)]);
    assert_eq!(place.items().len(), items.len() + 1);
}

#[test]
fn nothing_is_made_of_an_empty_catalog() {
    let place = Place::in_memory(1);
    let before = place.open().metadata_location().clone();
    assert_eq!(optimized(&place, false).manifests_after, 0);
    assert_eq!(*place.open().metadata_location(), before);
}

#[test]
fn a_compaction_writes_manifests_anew_where_they_are_many() {
    for (steps, manifests) in [(3, false), (12, true)] {
        let place = grown(steps);
        let items = place.items();
        let report = run(compact(&place.stores, &CompactOptions::new(place.catalog.clone()))).unwrap();
        assert_eq!(report.snapshots, 1 + u64::from(manifests), "{report:?}");
        assert_eq!(place.items(), items);
        assert_eq!(optimized(&place, true).manifests_before == 1, manifests);
    }
}

#[test]
fn manifests_of_the_python_program_become_small() {
    let Some(fixtures) = earthcatalog_tests::fixtures() else { return };
    let folder = tempfile::tempdir().unwrap();
    let catalog = folder.path().join("catalog");
    copy_folder(&fixtures.join("upstream/itslive-5k-s3"), &catalog);
    let place = Place { stores: Stores::default(), catalog: catalog.to_str().unwrap().to_owned(), folder };
    let (items, files) = (place.items(), paths(&place));
    let report = optimized(&place, false);
    assert_eq!((place.items(), paths(&place)), (items, files));
    assert!(report.bytes_after.unwrap() * 4 < report.bytes_before, "{report:?}");
}
