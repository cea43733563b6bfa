//! A catalog of very many data files that are not there: what planning costs as a catalog grows.
//!
//! `cargo run -p earthcatalog-tests --example many_files -- CATALOG FILES`

#![expect(clippy::unwrap_used, reason = "a tool of benchmarks stops where it fails")]

use std::collections::BTreeMap;

use earthcatalog::commit::{Change, NewDataFile, commit, init, stored_location};
use earthcatalog::read::open;
use earthcatalog::store::Stores;
use earthcatalog_core::Location;
use earthcatalog_core::catalog::TimeBin;
use earthcatalog_core::catalog::properties::GridDefinition;
use earthcatalog_core::iceberg::value::Value;
use earthcatalog_core::write::metrics::Metrics;
use earthcatalog_core::write::partition::PartitionKey;
use h3o::{CellIndex, LatLng, Resolution};

/// Years since 1970 that every cell has, the last ones first.
const YEARS: std::ops::RangeInclusive<i32> = 15..=55;
const YEAR_US: i64 = 31_556_952_000_000;

/// Numbers that look random and are the same each time.
struct Noise(u64);

impl Noise {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % bound
    }
}

/// The coarsest resolution whose cells have so many files.
fn resolution(files: usize) -> Resolution {
    let enough = |resolution: &Resolution| {
        usize::try_from(resolution.cell_count()).unwrap().saturating_mul(YEARS.count()) >= files
    };
    Resolution::range(Resolution::One, Resolution::Four).find(enough).unwrap_or(Resolution::Four)
}

fn metrics(ids: &BTreeMap<String, i32>, cell: CellIndex, year: i32, rows: u64, noise: &mut Noise) -> Metrics {
    let mut metrics = Metrics::default();
    let mut bound = |name: &str, lower: Value, upper: Value| {
        let Some(id) = ids.get(name) else { return };
        metrics.lower_bounds.insert(*id, lower);
        metrics.upper_bounds.insert(*id, upper);
        metrics.null_value_counts.insert(*id, 0);
    };
    let text = |text: String| Value::String(text);
    let path = noise.below(233);
    bound("id", text(format!("LC08_L1TP_{path:03}00")), text(format!("S2B_MSIL1C_20{:02}", noise.below(20))));
    bound("platform", text("LC08".into()), text("S2B".into()));
    bound("collection", text("itslive-granules".into()), text("itslive-granules".into()));
    bound("proj:code", text("EPSG:3413".into()), text("EPSG:3413".into()));
    bound("percent_valid_pixels", Value::Long(1 + noise.below(4)), Value::Long(100 - noise.below(4)));
    bound("date_dt", Value::Long(5 + noise.below(7)), Value::Long(540 - noise.below(30)));
    let start = i64::from(year) * YEAR_US;
    for name in ["datetime", "start_datetime", "end_datetime"] {
        let late = YEAR_US / 40;
        bound(
            name,
            Value::Timestamptz(start + noise.below(late)),
            Value::Timestamptz(start + YEAR_US - noise.below(late)),
        );
    }
    let boundary: Vec<LatLng> = cell.boundary().iter().copied().collect();
    let fold = |of: fn(&LatLng) -> f64, pick: fn(f64, f64) -> f64| boundary.iter().map(of).reduce(pick).unwrap();
    let lng: fn(&LatLng) -> f64 = |corner| corner.lng();
    let lat: fn(&LatLng) -> f64 = |corner| corner.lat();
    let nudge = |noise: &mut Noise| f64::from(i32::try_from(noise.below(10_000)).unwrap()) / 20_000.0;
    let (west, south) = (fold(lng, f64::min) - nudge(noise), fold(lat, f64::min) - nudge(noise));
    let (east, north) = (fold(lng, f64::max) + nudge(noise), fold(lat, f64::max) + nudge(noise));
    let (west, east) = if east - west > 180.0 { (-180.0, 180.0) } else { (west.max(-180.0), east.min(180.0)) };
    let [south, north] = [south.max(-90.0), north.min(90.0)];
    for (name, side) in [("xmin", west), ("ymin", south), ("xmax", east), ("ymax", north)] {
        // The inner bounds are not kept.
        bound(&format!("geometry_bbox.{name}"), Value::Double(side), Value::Double(side));
    }
    if let Some(id) = ids.get("geometry") {
        metrics.null_value_counts.insert(*id, 0);
    }
    if let Some(id) = ids.get("updated") {
        metrics.null_value_counts.insert(*id, rows);
    }
    metrics
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, place, files] = arguments.as_slice() else { panic_usage() };
    let (base, files): (Location, usize) = (Location::parse(place).unwrap(), files.parse().unwrap());
    let stores = Stores::default();
    let resolution = resolution(files);
    init(&stores, &base, GridDefinition::H3 { resolution: resolution.into() }, None).await.unwrap();
    let catalog = open(&stores, place).await.unwrap();
    let leaves = catalog.metadata().schema().leaves();
    let ids: BTreeMap<String, i32> = leaves.into_iter().map(|(path, field)| (path, field.id)).collect();
    let mut noise = Noise(1);
    let cells = || CellIndex::base_cells().flat_map(|cell| cell.children(resolution));
    let partitions = YEARS.rev().flat_map(|year| cells().map(move |cell| (cell, year))).take(files);
    let made: Vec<NewDataFile> = partitions
        .enumerate()
        .map(|(number, (cell, year))| {
            let partition = PartitionKey { cell: cell.to_string(), time_bin: TimeBin::Year, bin: Some(year) };
            let record_count = 10_000 + u64::try_from(noise.below(5_000)).unwrap();
            NewDataFile {
                location: stored_location(&catalog, &partition.data_file_key(&format!("{number:06}_0badcafe")))
                    .unwrap(),
                metrics: metrics(&ids, cell, year, record_count, &mut noise),
                partition,
                record_count,
                file_size_bytes: record_count * 430 + u64::try_from(noise.below(100_000)).unwrap(),
            }
        })
        .collect();
    commit(&stores, &catalog, Change { files: made, ..Change::default() }).await.unwrap();
}

fn panic_usage() -> ! {
    eprintln!("usage: many_files CATALOG FILES");
    std::process::exit(2)
}
