//! Commits that another program undid, by uploading a database of its own over them: noticed, kept and made again.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail by panicking")]

use std::collections::BTreeSet;

use earthcatalog::check::check;
use earthcatalog::compact::{CompactOptions, compact};
use earthcatalog::delete::{DeleteOptions, delete};
use earthcatalog::gc::{GcOptions, collect_garbage, store_now_us};
use earthcatalog::replay::{ReplayReport, replay};
use earthcatalog_core::query::Query;
use earthcatalog_core::write::findings::Wrong;
use earthcatalog_tests::place::{Place, item, run};

const DATABASE: &str = "earthcatalog.db";

/// Takes the database back to what it was before `work`, as an upload without a condition does.
fn undone(place: &Place, work: impl FnOnce()) {
    let before = place.read(DATABASE);
    work();
    place.put(DATABASE, &before);
}

fn lost(place: &Place) -> u64 {
    let report = run(check(&place.stores, &place.catalog, false)).unwrap();
    report.findings.counts.get(&Wrong::Lost).copied().unwrap_or_default()
}

fn replayed(place: &Place) -> ReplayReport {
    run(replay(&place.stores, &place.catalog, false)).unwrap()
}

fn ids(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_commit_that_was_undone_is_noticed_and_made_again_beside_what_the_other_program_wrote() {
    for place in [Place::local(1), Place::in_memory(1)] {
        place.ingest(&[item("a", 1), item("b", 1)]);
        assert_eq!(lost(&place), 0);
        undone(&place, || drop(place.ingest(&[item("c", 1), item("a", 2)])));
        assert_eq!(lost(&place), 1);
        // The other program's commit, of which the database that it uploaded came.
        place.ingest(&[item("d", 1), item("c", 1)]);
        assert_eq!((lost(&place), place.ids()), (1, ids(&["a", "b", "c", "d"])));
        let dry = run(replay(&place.stores, &place.catalog, true)).unwrap();
        assert_eq!((dry.commits.len(), dry.items_added, lost(&place)), (1, 1, 1));
        let report = replayed(&place);
        assert_eq!((report.commits.len(), report.items_added), (1, 1), "`c` is there already");
        assert_eq!((lost(&place), place.rows()), (0, 4));
        assert_eq!(place.items()[&("c".to_owned(), "a".to_owned())]["properties"]["updated"], "2021-02-01T00:00:00Z");
        place.assert_index_is_true();
        assert_eq!(replayed(&place), ReplayReport::default());
    }
}

#[test]
fn deletions_are_made_again_and_compactions_need_not() {
    let place = Place::in_memory(1);
    place.ingest(&[item("a", 1), item("b", 1)]);
    place.ingest(&[item("c", 1)]);
    undone(&place, || {
        run(compact(&place.stores, &CompactOptions::new(place.catalog.clone()))).unwrap();
        let options = DeleteOptions::new(place.catalog.clone(), Query::new().ids(["b"]));
        run(delete(&place.stores, &options)).unwrap();
    });
    assert_eq!((lost(&place), place.ids()), (2, ids(&["a", "b", "c"])));
    let report = replayed(&place);
    assert_eq!((report.commits.len(), report.items_added, report.items_deleted), (2, 0, 1));
    assert_eq!((lost(&place), place.ids(), place.rows()), (0, ids(&["a", "c"]), 2));
    place.assert_index_is_true();
}

#[test]
fn what_was_undone_is_no_garbage_while_its_record_is_kept() {
    let place = Place::in_memory(1);
    place.ingest(&[item("a", 1)]);
    undone(&place, || drop(place.ingest(&[item("b", 1)])));
    let collect = |before_us| {
        run(collect_garbage(&place.stores, &GcOptions { catalog: place.catalog.clone(), before_us, dry_run: false }))
    };
    let now_us = run(store_now_us(&place.stores, &place.catalog, false)).unwrap();
    let report = collect(now_us + 1).unwrap();
    assert!(report.keys.iter().all(|key| !key.ends_with(".parquet")), "{:?}", report.keys);
    assert_eq!(replayed(&place).items_added, 1);
    assert_eq!(place.ids(), ids(&["a", "b"]));
    // Records end with the time; what only a lost commit names is garbage then.
    undone(&place, || drop(place.ingest(&[item("c", 1)])));
    let report = collect(i64::MAX).unwrap();
    assert!(report.keys.iter().any(|key| key.starts_with("_ec/commits/")), "{:?}", report.keys);
    assert_eq!((lost(&place), place.ids()), (0, ids(&["a", "b"])));
}

#[test]
fn a_commit_of_which_nothing_is_left_is_told() {
    let place = Place::in_memory(1);
    place.ingest(&[item("a", 1)]);
    let before = place.keys();
    undone(&place, || drop(place.ingest(&[item("b", 1)])));
    for key in place.keys().difference(&before).filter(|key| key.ends_with(".metadata.json")) {
        place.remove(key);
    }
    let report = replayed(&place);
    assert_eq!((report.commits.len(), report.gone.len()), (0, 1));
    assert_eq!(place.ids(), ids(&["a"]));
}
