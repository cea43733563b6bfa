//! What is wrong with a catalog is found, named with its cure, and repaired; what an inventory has that is new is told.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail by panicking")]

use std::collections::BTreeSet;

use earthcatalog::check::{CheckReport, check};
use earthcatalog::delta::{DeltaOptions, DeltaReport, delta};
use earthcatalog::ingest::IngestOptions;
use earthcatalog::repair::{RepairOptions, RepairReport, repair};
use earthcatalog_core::write::findings::Wrong;
use earthcatalog_tests::place::{Place, item, item_at, run, undated};
use earthcatalog_tests::same_json;
use serde_json::{Value, json};

fn checked(place: &Place, deep: bool) -> CheckReport {
    run(check(&place.stores, &place.catalog, deep)).unwrap()
}

fn kinds(report: &CheckReport) -> Vec<Wrong> {
    report.findings.counts.keys().copied().collect()
}

fn repaired(place: &Place, all_data_files: bool) -> RepairReport {
    let options = RepairOptions { all_data_files, ..RepairOptions::new(place.catalog.clone()) };
    run(repair(&place.stores, &options)).unwrap()
}

/// Items at points and one over many cells, in three commits.
fn filled(place: Place) -> Place {
    let ring = json!([[[-60, 60], [-20, 60], [-20, 70], [-60, 70], [-60, 60]]]);
    let mut wide = item("wide", 1);
    wide["geometry"] = json!({ "type": "Polygon", "coordinates": ring });
    place.ingest(&[wide, item("a", 1)]);
    place.ingest(&[item("b", 1), undated("c", "x")]);
    place.ingest(&[item_at("a", 60.0, "2021-06-01T00:00:00Z")]);
    place
}

fn some_data_file(place: &Place) -> String {
    let base = place.open().base().normal();
    let file = place.files().remove(0).location.normal();
    file.strip_prefix(&base).unwrap().trim_start_matches('/').to_owned()
}

#[test]
fn a_sound_catalog_has_no_finding() {
    for place in [Place::local(2), Place::in_memory(2)] {
        assert!(checked(&place, true).findings.is_empty());
        let place = filled(place);
        let report = checked(&place, true);
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        assert_eq!((report.snapshots, report.rows), (3, place.rows()));
    }
}

#[test]
fn missing_and_cut_objects_are_named_with_their_cure_and_repair_goes_on_without_them() {
    let place = filled(Place::in_memory(2));
    let key = some_data_file(&place);
    place.put(&key, b"short");
    let report = checked(&place, false);
    assert_eq!(kinds(&report), [Wrong::Size]);
    let finding = &report.findings.findings[0];
    assert!(finding.object.ends_with(&key) && finding.cure.contains("repair"), "{finding:?}");
    place.remove(&key);
    assert_eq!(kinds(&checked(&place, false)), [Wrong::Missing]);
    let report = repaired(&place, false);
    assert_eq!(report.lost.len(), 1);
    // `wide` lies in many files: it is whole again, also in the cell whose file is gone.
    assert!(place.ids().contains("wide"));
    let current = checked(&place, true);
    assert!(
        !current.findings.counts.contains_key(&Wrong::Cover) && !current.findings.counts.contains_key(&Wrong::Index)
    );
    place.assert_index_is_true();
}

#[test]
fn a_manifest_that_is_gone_is_found() {
    let place = filled(Place::in_memory(1));
    let manifest = place.keys().into_iter().find(|key| key.ends_with("-m0.avro")).unwrap();
    place.remove(&manifest);
    let report = checked(&place, false);
    assert_eq!(kinds(&report), [Wrong::Missing]);
    assert!(report.findings.findings[0].object.ends_with(&manifest));
}

#[test]
fn an_index_that_is_gone_or_outdated_is_found() {
    let place = filled(Place::in_memory(1));
    let index = place.open().hash_index().unwrap().name().to_owned();
    let key = place.keys().into_iter().find(|key| key.ends_with(&index)).unwrap();
    place.remove(&key);
    assert_eq!(kinds(&checked(&place, false)), [Wrong::Missing]);
    assert_eq!(run(earthcatalog::index::rebuild(&place.stores, &place.catalog)).unwrap(), 4);
    place.assert_index_is_true();
    assert!(checked(&place, true).findings.is_empty());
    assert_eq!(place.ingest(&[item("b", 1)]).items_known, 1, "a rebuilt index is relied on");
}

#[test]
fn a_damaged_database_is_a_finding_and_a_lost_one_is_made_anew_from_the_data_files() {
    let place = filled(Place::local(2));
    let items = place.items();
    let database = place.beside("catalog/earthcatalog.db");
    let image = std::fs::read(&database).unwrap();
    std::fs::write(&database, &image[..100]).unwrap();
    assert_eq!(kinds(&checked(&place, false)), [Wrong::Database]);
    std::fs::remove_file(&database).unwrap();
    let report = repaired(&place, false);
    assert!(report.database_made && report.lost.is_empty(), "{report:?}");
    let after = place.items();
    assert!(after.keys().eq(items.keys()), "each item once");
    assert!(items.iter().all(|(key, item)| same_json(item, &after[key])), "in its newest version");
    assert!(checked(&place, true).findings.is_empty());
    let nowhere = Place { catalog: place.beside("nowhere").to_str().unwrap().to_owned(), ..place };
    assert!(run(repair(&nowhere.stores, &RepairOptions::new(nowhere.catalog.clone()))).is_err());
    assert!(!nowhere.beside("nowhere/earthcatalog.db").exists());
}

fn inventory(place: &Place, name: &str, keys: &[String]) -> String {
    let rows: Vec<String> = keys.iter().map(|key| format!("\"archive\",\"{key}\"\n")).collect();
    std::fs::write(place.beside(name), rows.concat()).unwrap();
    place.beside(name).to_str().unwrap().to_owned()
}

fn delta_of(place: &Place, inventory: &str) -> DeltaReport {
    let options = DeltaOptions { catalog: place.catalog.clone(), inventory: inventory.to_owned(), since_us: None };
    run(delta(&place.stores, &options, &place.beside("delta.parquet"))).unwrap()
}

#[test]
fn a_delta_holds_what_is_new_and_is_an_inventory_itself() {
    let place = Place::in_memory(1);
    place.ingest(&[item("old", 1), item("older", 1)]);
    let folder = place.beside("bucket/x");
    std::fs::create_dir_all(&folder).unwrap();
    let keys: Vec<String> = ["zz", "old", "new", "older", "aa"].iter().map(|id| format!("x/{id}.stac.json")).collect();
    for id in ["zz", "new", "aa"] {
        std::fs::write(folder.join(format!("{id}.stac.json")), item(id, 1).to_string()).unwrap();
    }
    let source = inventory(&place, "inventory.csv", &keys);
    let report = delta_of(&place, &source);
    assert_eq!((report.objects, report.new, report.broken), (5, 3, 0));
    let delta_file = place.beside("delta.parquet").to_str().unwrap().to_owned();
    let buckets = [("archive".to_owned(), place.beside("bucket").to_str().unwrap().to_owned())].into();
    let options = IngestOptions { buckets, ..IngestOptions::new(place.catalog.clone(), vec![delta_file]) };
    let report = place.try_ingest(&options).unwrap();
    assert_eq!((report.items_processed, report.items_failed, report.items_known), (3, 0, 0));
    assert_eq!(delta_of(&place, &source).new, 0);
}

#[test]
fn a_delta_without_an_index_looks_at_the_rows() {
    let place = Place::in_memory(1);
    place.ingest(&[item("a", 1)]);
    let index = place.keys().into_iter().find(|key| key.contains("id_hashes")).unwrap();
    place.remove(&index);
    let source = inventory(&place, "inventory.csv", &["x/a.stac.json".to_owned(), "x/b.stac.json".to_owned()]);
    assert_eq!(delta_of(&place, &source).new, 1);
    let lines: Vec<Value> = vec![item("a", 1)];
    let wrong =
        DeltaOptions { catalog: place.catalog.clone(), inventory: place.lines("items.ndjson", &lines), since_us: None };
    assert!(run(delta(&place.stores, &wrong, &place.beside("d.parquet"))).is_err());
    assert!(!place.beside("d.parquet").exists());
    let names: BTreeSet<String> = place.ids();
    assert_eq!(names.len(), 1);
}
