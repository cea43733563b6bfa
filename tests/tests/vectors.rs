//! The vectors of `tests/vectors` on this host; what it found and sent is left for the other hosts to compare with.
//!
//! Expected ids come from a search over all items by a program that shares nothing with this one (`expect.py`), the
//! counts and bounds beside them from `record.mjs`.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helpers too")]

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use earthcatalog::driver::Driver;
use earthcatalog::read::{self, SearchReport};
use earthcatalog_core::catalog::{Catalog, Open, OpenOptions};
use earthcatalog_core::query::Query;
use earthcatalog_core::reads::{ReadOptions, RequestLog, Sent};
use earthcatalog_core::{Location, Span};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// Lists of more than so many texts stand in vectors as their count and hash.
const LISTED: usize = 40;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Where a vector's catalog lies; `None` for an outside one that is not at hand, and for those that the tests of the npm
/// package make for themselves.
fn catalog_folder(name: &str) -> Option<PathBuf> {
    match name.split_once('/') {
        Some(("upstream", _)) => Some(earthcatalog_tests::fixtures()?.join(name)),
        Some(_) => None,
        None => Some(folder("fixtures").join(name)),
    }
}

/// Every vector with its name among all.
fn vectors() -> Vec<(String, Value)> {
    let mut vectors = Vec::new();
    for entry in std::fs::read_dir(folder("vectors")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let listed: Vec<Value> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        vectors.extend(listed.into_iter().map(|vector| {
            let (catalog, name) = (vector["catalog"].as_str().unwrap(), vector["name"].as_str().unwrap());
            (format!("{stem}: {catalog}: {name}"), vector)
        }));
    }
    vectors.sort_by(|left, right| left.0.cmp(&right.0));
    assert!(vectors.len() > 40, "only {} vectors", vectors.len());
    vectors
}

/// One cold search.
struct Found {
    ids: Vec<String>,
    report: SearchReport,
    opening: Vec<Sent>,
    cost: RequestLog,
    files: Vec<String>,
}

fn driver(concurrency: usize) -> Driver {
    let reads = ReadOptions { concurrency, ..ReadOptions::default() };
    let mut driver = Driver::default();
    driver.options.reads = reads;
    driver
}

async fn search(driver: &Driver, base: &Location, query: &Value) -> Found {
    let query = Query::from_json(query).unwrap();
    let mut catalog: Option<Catalog> = None;
    let mut open = Open::new(base, OpenOptions::default());
    let keep = |opened| {
        catalog = Some(opened);
        Ok(ControlFlow::Continue(()))
    };
    let opening = driver.run(&mut open, keep).await.unwrap();
    let catalog = catalog.unwrap();
    let (files, _) = read::list_files(driver, &catalog, Some(query.clone())).await.unwrap();
    let mut files: Vec<String> = files.iter().map(|file| below(base, &file.location)).collect();
    files.sort();
    let mut ids = Vec::new();
    let take = |item: Value| {
        ids.push(item["id"].as_str().unwrap().to_owned());
        Ok(ControlFlow::Continue(()))
    };
    let report = read::search(driver, &catalog, query, take).await.unwrap();
    let cost = opening.log().and(report.requests);
    Found { ids, report, opening: opening.list().to_vec(), cost, files }
}

/// The part of a location below the catalog.
fn below(base: &Location, location: &Location) -> String {
    location.as_str().strip_prefix(base.as_str()).unwrap().trim_start_matches('/').to_owned()
}

fn sent(base: &Location, sent: &[Sent]) -> Vec<Value> {
    let entry = |sent: &Sent| {
        let (start, end) = match &sent.span {
            Span::Whole => (0, None),
            Span::Prefix(most) => (0, Some(*most)),
            Span::Bytes(range) => (range.start, Some(range.end)),
            Span::Tail(most) => unreachable!("a search that reads the last {most} bytes of something"),
        };
        json!({ "path": below(base, &sent.location), "start": start, "end": end, "roundTrip": sent.round_trip })
    };
    sent.iter().map(entry).collect()
}

/// The texts in order of their bytes, or how many they are and their hash.
fn digest(texts: &[String]) -> Value {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect::<BTreeSet<_>>().into_iter().collect();
    digest_in_order(&texts)
}

/// The texts as they come, or how many they are and their hash.
fn digest_in_order(texts: &[&str]) -> Value {
    if texts.len() <= LISTED {
        return json!(texts);
    }
    let hash = Sha256::digest(texts.join("\n")).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    json!({ "count": texts.len(), "sha256": hash })
}

/// What stands in a vector beside its ids.
fn measured(found: &Found) -> Value {
    let plan = &found.report.plan;
    json!({
        "files": digest(&found.files),
        "pruned": {
            "manifests": { "total": plan.manifests_total, "read": plan.manifests_read },
            "files": {
                "total": plan.files_total,
                "afterGrid": plan.after_grid,
                "afterTime": plan.after_time,
                "afterBounds": plan.after_bounds,
            },
            "rowGroups": found.report.scan.row_groups,
        },
        "max_requests": found.cost.requests,
        "max_round_trips": found.cost.round_trips,
        "max_bytes": found.cost.bytes,
    })
}

/// What differs from what a vector expects.
fn judge(name: &str, vector: &Value, all: &Found, most: &Found, faults: &mut Vec<String>) {
    let expect = &vector["expect"];
    let mut differs = |what: &str, found: &Value, expected: &Value| {
        if found != expected {
            faults.push(format!("{name}: {what}: {found} instead of {expected}"));
        }
    };
    if vector["query"]["sortby"].is_null() {
        differs("ids", &digest(&all.ids), &expect["ids"]);
    } else {
        let in_order: Vec<&str> = most.ids.iter().map(String::as_str).collect();
        differs("ids in order", &digest_in_order(&in_order), &expect["ids"]);
    }
    differs("an item twice", &json!(all.ids.len()), &json!(all.ids.iter().collect::<BTreeSet<_>>().len()));
    let known: BTreeSet<&String> = all.ids.iter().collect();
    differs("items beyond those", &json!(most.ids.iter().filter(|id| !known.contains(id)).count()), &json!(0));
    let found = measured(most);
    for exact in ["files", "pruned"] {
        differs(exact, &found[exact], &expect[exact]);
    }
    for bound in ["max_requests", "max_round_trips", "max_bytes"] {
        if found[bound].as_u64() > expect[bound].as_u64() {
            faults.push(format!("{name}: {bound}: {} instead of {}", found[bound], expect[bound]));
        }
    }
}

#[tokio::test]
async fn every_vector_finds_what_it_must_for_no_more_than_it_may() {
    let (mut results, mut faults) = (Map::new(), Vec::new());
    for (name, vector) in vectors() {
        let Some(place) = catalog_folder(vector["catalog"].as_str().unwrap()) else { continue };
        let base = Location::parse(place.canonicalize().unwrap().to_str().unwrap()).unwrap();
        let query = &vector["query"];
        let (one, many) = (search(&driver(1), &base, query).await, search(&Driver::default(), &base, query).await);
        let mut result = measured(&one);
        result["ids"] = json!(one.ids);
        result["opening"] = json!(sent(&base, &one.opening));
        result["one"] = json!(sent(&base, &one.report.sent));
        result["many"] = json!(sent(&base, &many.report.sent));
        results.insert(name.clone(), result);
        assert_eq!(one.ids, many.ids, "{name}: how many reads are sent at once changes what is found");
        let most = query["maxItems"].as_u64();
        let mut unbounded = query.clone();
        unbounded["maxItems"] = Value::Null;
        let all = if most.is_some() { search(&Driver::default(), &base, &unbounded).await } else { many };
        let expected = most.unwrap_or(u64::MAX).min(all.ids.len() as u64);
        assert_eq!(one.ids.len() as u64, expected, "{name}");
        judge(&name, &vector, &all, &one, &mut faults);
    }
    let out = folder("../target/vectors");
    std::fs::create_dir_all(&out).unwrap();
    std::fs::write(out.join("native.json"), serde_json::to_vec(&results).unwrap()).unwrap();
    assert!(faults.is_empty(), "{} differences:\n{}", faults.len(), faults.join("\n"));
}
