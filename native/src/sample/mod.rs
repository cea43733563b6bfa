//! Archives of STAC items to try things on: the same bytes for the same seed.

mod archive;
mod itslive;
mod projection;
mod random;
mod sentinel2;

use std::collections::HashSet;
use std::path::Path;

use chrono::{DateTime, Utc};
use earthcatalog_core::write::hash_index::hash_id;
use earthcatalog_core::{Error, Result};
use serde::Serialize;
use serde_json::{Value, json};

use archive::Archive;
use random::Random;

/// The bucket the inventories of a sample name.
pub const SAMPLE_BUCKET: &str = "sample-archive";

/// What the items of a sample look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SampleKind {
    /// Ice velocity image pairs as ITS_LIVE publishes them: polar footprints, some across the antimeridian or round a
    /// pole, 1985 to 2025.
    #[default]
    Itslive,
    /// Sentinel-2 scenes of level 2A on MGRS tiles over glaciers.
    #[serde(rename = "sentinel-2")]
    Sentinel2,
}

/// What was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SampleReport {
    /// Items.
    pub items: u64,
    /// Bytes of the item files.
    pub item_bytes: u64,
}

/// Makes an archive of `items` items in `dir`:
///
/// - `items/<key>`, one file an item, with keys as in the real archive's bucket;
/// - `items.ndjson.gz`, the same items;
/// - inventories of the bucket [`SAMPLE_BUCKET`]: `inventory.csv` and `inventory.csv.gz` with a header,
///   `inventory.parquet`, `inventory/manifest.json` with Parquet data files and `inventory-csv/manifest.json` with CSV
///   data files as S3 writes them.
///
/// An inventory is ingested with the bucket `sample-archive` read from `dir/items`. `progress` is told the number of
/// items made.
///
/// # Errors
/// [`earthcatalog_core::ErrorKind::Invalid`] if `dir/items` exists, otherwise what the disk answers.
pub fn sample(
    dir: &Path,
    items: u64,
    seed: u64,
    kind: SampleKind,
    mut progress: impl FnMut(u64),
) -> Result<SampleReport> {
    let mut random = Random::new(seed);
    let mut archive = Archive::create(dir, items)?;
    let mut known = HashSet::new();
    let mut report = SampleReport::default();
    while report.items < items {
        let drawn = match kind {
            SampleKind::Itslive => itslive::draw(&mut random),
            SampleKind::Sentinel2 => sentinel2::draw(&mut random),
        };
        let item = drawn.ok_or_else(|| Error::internal("a sample table is wrong"))?;
        // The same place at the same time is drawn again now and then.
        if known.insert(hash_id(&item.key)) {
            report.item_bytes += archive.add(&item)?;
            report.items += 1;
            progress(report.items);
        }
    }
    archive.finish()?;
    Ok(report)
}

/// An item, its key in the bucket, and when it was put there.
struct Sampled {
    key: String,
    item: Value,
    modified: DateTime<Utc>,
}

/// Sets geometry and bbox from a ring that is not closed. The bbox takes longitudes as numbers, across the
/// antimeridian too, as the archives do.
fn with_footprint(mut item: Value, ring: &[(f64, f64)]) -> Value {
    let points: Vec<Value> = ring.iter().chain(ring.first()).map(|(lon, lat)| json!([lon, lat])).collect();
    let fold = |pick: fn(f64, f64) -> f64, of: fn(&(f64, f64)) -> f64| ring.iter().map(of).reduce(pick);
    let (west, east) = (fold(f64::min, |point| point.0), fold(f64::max, |point| point.0));
    let (south, north) = (fold(f64::min, |point| point.1), fold(f64::max, |point| point.1));
    if let Some(members) = item.as_object_mut() {
        members.insert("geometry".to_owned(), json!({ "type": "Polygon", "coordinates": [points] }));
        members.insert("bbox".to_owned(), json!([west, south, east, north]));
    }
    item
}
