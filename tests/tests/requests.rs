//! What searches cost: a search that starts to need one more request or round trip fails here.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helpers too")]

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use earthcatalog::driver::Driver;
use earthcatalog::read;
use earthcatalog::store::Stores;
use earthcatalog_core::geometry::Shape;
use earthcatalog_core::grid::{Grid, H3Grid};
use earthcatalog_core::query::Query;
use earthcatalog_core::reads::RequestLog;
use earthcatalog_core::stac::ValidItem;
use earthcatalog_tests::made::{Made, Style};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use serde_json::json;

/// 40 small items round the 61st parallel in four years.
fn items() -> Vec<ValidItem> {
    let item = |number: i32| {
        let (x, y) = (f64::from(number * 37 % 300) - 150.0, 61.5);
        let item = json!({
            "type": "Feature", "stac_version": "1.0.0", "id": format!("item-{number:04}"), "collection": "made",
            "geometry": {"type": "Polygon", "coordinates": [[[x, y], [x + 2.0, y], [x + 2.0, y + 1.0], [x, y]]]},
            "properties": {"datetime": format!("20{:02}-06-01T00:00:00Z", 10 + number % 4)},
            "links": [], "assets": {},
        });
        ValidItem::from_value(item).unwrap()
    };
    (0..40).map(item).collect()
}

/// One item each second of a day, in one file of several row groups that is too large to be read whole.
fn large() -> Vec<ValidItem> {
    let item = |number: u64| {
        let noise: Vec<String> = (0..24u64)
            .map(|step| format!("{:016x}", (number * 31 + step + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)))
            .collect();
        let time = format!("2020-06-01T{:02}:{:02}:{:02}Z", number / 3600, number / 60 % 60, number % 60);
        let item = json!({
            "type": "Feature", "stac_version": "1.0.0", "id": format!("item-{number:05}"), "collection": "made",
            "geometry": {"type": "Point", "coordinates": [10.0, 10.0]},
            "properties": {"datetime": time}, "links": [], "assets": {"data": {"href": noise.concat()}},
        });
        ValidItem::from_value(item).unwrap()
    };
    (0..6000).map(item).collect()
}

async fn stored(table: &Made) -> Driver {
    let store = InMemory::new();
    for (location, bytes) in table.objects() {
        let key = location.strip_prefix("mem://table/").unwrap();
        store.put(&Path::parse(key).unwrap(), PutPayload::from_bytes(Bytes::clone(bytes))).await.unwrap();
    }
    let stores = Stores::default();
    stores.mount("mem://table", Arc::new(store) as Arc<dyn ObjectStore>);
    Driver::new(stores)
}

/// Files planned, items found, requests and round trips of the scan.
async fn cost(table: &Made, query: Query) -> (usize, usize, u64, u64) {
    let driver = stored(table).await;
    let tasks = table.plan(&query);
    let planned = tasks.len();
    let (found, log) = driver.collect(&mut table.search(&query, tasks)).await.unwrap();
    (planned, found.len(), log.requests, log.round_trips)
}

fn bbox(bbox: [f64; 4]) -> Query {
    Query::new().area(Shape::from_bbox(&bbox).unwrap()).unwrap()
}

#[tokio::test]
async fn small_files_cost_one_request_each_and_pruned_ones_none() {
    let table = Made::of(&items(), Grid::H3(H3Grid::new(1).unwrap()), Style::Ours);
    assert_eq!(table.files().count(), 25);
    let area = || bbox([-60.0, 60.0, -40.0, 65.0]);
    assert_eq!(cost(&table, Query::new()).await, (25, 40, 25, 1), "all files at once");
    assert_eq!(cost(&table, area()).await, (4, 4, 4, 1));
    assert_eq!(cost(&table, area().datetime("2013").unwrap()).await, (4, 4, 4, 1));
    assert_eq!(cost(&table, area().datetime("2012").unwrap()).await, (0, 0, 0, 0));
    assert_eq!(cost(&table, Query::new().datetime("2011").unwrap()).await, (5, 10, 5, 1));
    assert_eq!(cost(&table, Query::new().ids(["item-0007"])).await, (7, 1, 7, 1));
    assert_eq!(cost(&table, Query::new().collections(["other"])).await, (0, 0, 0, 0));
    assert_eq!(cost(&table, Query::new().max_items(1)).await, (25, 1, 2, 1), "two files at first");
    assert_eq!(cost(&table, Query::new().max_items(0)).await, (25, 0, 0, 0));
}

#[tokio::test]
async fn a_large_file_costs_its_footer_and_what_is_wanted_of_it() {
    let table = Made::of(&large(), Grid::Unknown("one".into()), Style::Ours);
    assert!(table.files().all(|file| file.file_size_bytes > 1_000_000));
    let half_a_minute = "2020-06-01T00:10:00Z/2020-06-01T00:10:30Z";
    assert_eq!(cost(&table, Query::new().ids(["item-04321"])).await, (1, 1, 3, 2), "little is read at once");
    let scattered = (0..6000).step_by(300).map(|number| format!("item-{number:05}"));
    assert_eq!(cost(&table, Query::new().ids(scattered)).await, (1, 20, 3, 3), "much only where the filter says");
    assert_eq!(cost(&table, Query::new().ids(["item-04321x"])).await, (1, 0, 1, 1), "the bloom filter knows");
    assert_eq!(cost(&table, Query::new().datetime(half_a_minute).unwrap()).await, (1, 31, 3, 2));
    assert_eq!(cost(&table, Query::new()).await, (1, 6000, 2, 2));
}

#[tokio::test]
async fn searches_of_the_python_programs_catalog_cost_what_they_did() {
    let Some(fixtures) = earthcatalog_tests::fixtures() else { return };
    let folder = fixtures.join("upstream/itslive-5k-s3");
    let driver = Driver::new(Stores::default());
    let catalog = read::open(&driver.stores, folder.to_str().unwrap()).await.unwrap();
    let cost = async |query: Query| -> (u64, RequestLog) {
        let report = read::search(&driver, &catalog, query, |_| Ok(ControlFlow::Continue(()))).await.unwrap();
        (report.scan.items, report.requests)
    };
    let log = |requests, bytes, round_trips| RequestLog { requests, bytes, round_trips };
    let point = json!({"type": "Point", "coordinates": [-45.0, 70.0]});
    let point = || Query::new().intersects(&point).unwrap();
    // A manifest list, two manifests of half a megabyte, and one request for each file. The program leaves cells out, so
    // no manifest is left out by its cells; the point lies within 0.2 degrees of a second cell, which holds 33 files.
    assert_eq!(cost(point()).await, (12, log(64, 2_455_749, 3)));
    assert_eq!(cost(point().datetime("2021").unwrap()).await, (3, log(9, 1_240_341, 3)));
    assert_eq!(cost(point().datetime("1960").unwrap()).await, (0, log(3, 1_041_028, 2)));
}
