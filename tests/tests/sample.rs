//! Sample archives: the same for the same seed, of valid items, and read by every way in.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use earthcatalog::sample::{SampleKind, sample};
use earthcatalog_core::stac::validate::ValidItem;
use earthcatalog_tests::fixtures;
use serde_json::Value;

fn made(seed: u64, kind: SampleKind, items: u64) -> (tempfile::TempDir, Vec<Value>) {
    let dir = tempfile::tempdir().unwrap();
    let report = sample(dir.path(), items, seed, kind, |_| {}).unwrap();
    assert_eq!(report.items, items);
    let files = files(&dir.path().join("items"));
    let read = |path: &PathBuf| serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let items = files.iter().map(read).collect();
    (dir, items)
}

fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { waiting.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

fn bytes(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let name = |path: &PathBuf| path.strip_prefix(root).unwrap().to_owned();
    files(root).iter().map(|path| (name(path), fs::read(path).unwrap())).collect()
}

fn ring(item: &Value) -> Vec<[f64; 2]> {
    serde_json::from_value(item["geometry"]["coordinates"][0].clone()).unwrap()
}

#[test]
fn the_same_seed_makes_the_same_bytes_and_another_does_not() {
    for kind in [SampleKind::Itslive, SampleKind::Sentinel2] {
        let (first, second) = (made(7, kind, 60).0, made(7, kind, 60).0);
        assert!(bytes(first.path()) == bytes(second.path()), "{kind:?}");
        assert!(bytes(first.path()) != bytes(made(8, kind, 60).0.path()), "{kind:?}");
    }
}

#[test]
fn every_sampled_item_is_valid_and_has_its_own_id() {
    for kind in [SampleKind::Itslive, SampleKind::Sentinel2] {
        let (_dir, items) = made(1, kind, 500);
        let ids: BTreeSet<&str> = items.iter().map(|item| item["id"].as_str().unwrap()).collect();
        assert_eq!((items.len(), ids.len()), (500, 500), "{kind:?}");
        for item in &items {
            ValidItem::from_value(item.clone()).unwrap_or_else(|error| panic!("{kind:?} {error}: {item}"));
        }
    }
}

#[test]
fn velocity_pairs_cross_the_antimeridian_and_run_round_the_pole_now_and_then() {
    let (_dir, items) = made(1, SampleKind::Itslive, 2000);
    let steps = |item: &Value| -> Vec<f64> { ring(item).windows(2).map(|pair| pair[1][0] - pair[0][0]).collect() };
    let crossing = items.iter().filter(|item| steps(item).iter().any(|step| step.abs() > 180.0)).count();
    let turn = |step: f64| (step + 540.0).rem_euclid(360.0) - 180.0;
    let polar = items.iter().filter(|item| steps(item).into_iter().map(turn).sum::<f64>().abs() > 300.0).count();
    assert!((20..200).contains(&crossing) && (2..40).contains(&polar), "{crossing} {polar}");
    let years: BTreeSet<&str> =
        items.iter().map(|item| &item["properties"]["datetime"].as_str().unwrap()[..4]).collect();
    assert!(years.first() < Some(&"1990") && years.last() == Some(&"2025"), "{years:?}");
}

#[test]
fn velocity_pairs_look_like_the_published_ones() {
    let Some(fixtures) = fixtures() else { return };
    let file = fs::File::open(fixtures.join("upstream/itslive-5k-input/items.ndjson.gz")).unwrap();
    let text = std::io::read_to_string(flate2::read::GzDecoder::new(file)).unwrap();
    let line: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let (published, (_dir, items)) = (&line["item"], made(3, SampleKind::Itslive, 20));
    for item in &items {
        assert_eq!(shape(item), shape(published));
        assert_eq!(ring(item).len(), ring(published).len());
    }
    // A made footprint is a rectangle of its projection, as a published one of the same size is.
    let south_to_north = |item: &Value| item["bbox"][3].as_f64().unwrap() - item["bbox"][1].as_f64().unwrap();
    assert!(items.iter().all(|item| south_to_north(item) > 0.5 && south_to_north(item) < 5.0));
}

/// Names of members in their order, and kinds of values, down to the assets.
fn shape(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: Vec<String> =
                members.iter().map(|(name, value)| format!("{name}: {}", shape(value))).collect();
            format!("{{{}}}", members.join(", "))
        }
        Value::Array(values) => format!("[{}]", values.first().map(shape).unwrap_or_default()),
        Value::String(_) => "text".into(),
        Value::Number(number) => if number.is_f64() { "float" } else { "whole" }.into(),
        other => other.to_string(),
    }
}

#[test]
fn an_archive_is_not_made_over_another() {
    let (dir, _) = made(1, SampleKind::Itslive, 1);
    let error = sample(dir.path(), 1, 1, SampleKind::Itslive, |_| {}).unwrap_err();
    assert_eq!(error.kind(), earthcatalog_core::ErrorKind::Invalid);
}
