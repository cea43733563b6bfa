//! Searches of catalogs that the Python program wrote, against answers computed without any catalog.
//!
//! The stored locations are those of an S3 bucket; the catalogs are read where they lie.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helpers too")]

use std::ops::ControlFlow;

use earthcatalog::driver::Driver;
use earthcatalog::read;
use earthcatalog::store::Stores;
use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::catalog::stats::stats;
use earthcatalog_core::query::{Query, TemporalRule};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const CATALOGS: [&str; 2] = ["itslive-5k-s3", "itslive-5k-s3-v2"];

struct Opened {
    name: &'static str,
    driver: Driver,
    catalog: Catalog,
    queries: Vec<Value>,
}

async fn opened() -> Vec<Opened> {
    let Some(fixtures) = earthcatalog_tests::fixtures() else { return Vec::new() };
    let upstream = fixtures.join("upstream");
    let truth = std::fs::read(upstream.join("golden/truth-5k.json")).unwrap();
    let truth: Value = serde_json::from_slice(&truth).unwrap();
    let queries = truth["queries"].as_array().unwrap().clone();
    assert!(queries.len() >= 11, "only {} queries", queries.len());
    let mut catalogs = Vec::new();
    for name in CATALOGS {
        let driver = Driver::new(Stores::default());
        let catalog = read::open(&driver.stores, upstream.join(name).to_str().unwrap()).await.unwrap();
        catalogs.push(Opened { name, driver, catalog, queries: queries.clone() });
    }
    catalogs
}

fn query(kwargs: &Value, temporal: TemporalRule) -> Query {
    Query::from_json(kwargs).unwrap().temporal(temporal)
}

/// The ids of the items found, sorted.
async fn search(opened: &Opened, query: Query) -> Vec<String> {
    let mut ids = Vec::new();
    let take = |item: Value| {
        ids.push(item["id"].as_str().unwrap().to_owned());
        Ok(ControlFlow::Continue(()))
    };
    let report = read::search(&opened.driver, &opened.catalog, query, take).await.unwrap();
    assert_eq!(report.scan.unreadable_geometries, 0);
    ids.sort();
    ids
}

fn sha256(ids: &[String]) -> String {
    Sha256::digest(ids.join("\n")).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[tokio::test]
async fn every_query_finds_the_items_that_the_truth_names() {
    for opened in opened().await {
        for truth in &opened.queries {
            let rules = [
                (TemporalRule::Datetime, "count", "sha256_sorted_ids_newline"),
                (TemporalRule::Overlap, "count_overlap", "sha256_overlap"),
            ];
            for (rule, count, hash) in rules {
                let query = query(&truth["kwargs"], rule);
                let label = format!("{} {} {rule:?}", opened.name, truth["name"]);
                let ids = search(&opened, query.clone()).await;
                assert_eq!(ids.len() as u64, truth[count].as_u64().unwrap(), "{label}");
                assert_eq!(sha256(&ids), truth[hash].as_str().unwrap(), "{label}");
                let some = search(&opened, query.max_items(20)).await;
                assert_eq!(some.len(), ids.len().min(20), "{label}");
                assert!(some.is_sorted_by(|left, right| left < right), "{label}: an item twice");
                assert!(some.iter().all(|id| ids.binary_search(id).is_ok()), "{label}");
            }
        }
    }
}

#[tokio::test]
async fn counts_agree_with_the_items() {
    for opened in opened().await {
        for truth in &opened.queries {
            let query = query(&truth["kwargs"], TemporalRule::Datetime);
            let report = read::count(&opened.driver, &opened.catalog, query).await.unwrap();
            assert_eq!(report.scan.items, truth["count"].as_u64().unwrap(), "{} {}", opened.name, truth["name"]);
            assert!(report.plan.after_bounds < report.plan.files_total, "{report:?}");
        }
    }
}

#[tokio::test]
async fn ids_are_found_by_the_bounds_of_files() {
    for opened in opened().await {
        let ids = opened.queries[0]["ids"].as_array().unwrap();
        let wanted: Vec<&str> = ids.iter().take(3).map(|id| id.as_str().unwrap()).collect();
        let found = search(&opened, Query::new().ids(wanted.clone())).await;
        assert_eq!(found, wanted);
    }
}

#[tokio::test]
async fn stats_add_up_to_the_whole_catalog() {
    for opened in opened().await {
        let (files, plan) = read::list_files(&opened.driver, &opened.catalog, None).await.unwrap();
        let partitions = stats(files.iter().map(|file| file.data_file.as_ref()), opened.catalog.metadata());
        assert_eq!(partitions.iter().map(|partition| partition.row_count).sum::<u64>(), 8811, "{}", opened.name);
        assert_eq!(partitions.iter().map(|partition| partition.file_count).sum::<u64>(), 1459, "{}", opened.name);
        assert_eq!((plan.files_total, plan.after_bounds, plan.rows_upper_bound), (1459, 1459, 8811));
        let unique = read::unique_items(&opened.driver, &opened.catalog).await.unwrap();
        assert_eq!(unique, Some(5000), "{}", opened.name);
    }
}
