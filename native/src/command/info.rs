//! `info`: describes a catalog.

use std::collections::BTreeSet;

use earthcatalog_core::Error;
use earthcatalog_core::catalog::hash_index::UniqueItems;
use earthcatalog_core::catalog::properties::GridDefinition;
use earthcatalog_core::catalog::stats::{CellStats, PartitionStats, totals};
use earthcatalog_core::query::datetime::format_instant;
use serde_json::{Value, json};

use super::{Exit, Failure, Opened};
use crate::cli::{Common, Info};
use crate::report::{self, Out};

pub(super) async fn run(arguments: &Info, common: &Common) -> Result<Exit, Failure> {
    let opened = Opened::open(&arguments.catalog, common).await?;
    let partitions = opened.partitions().await?;
    let (unique, _) = opened.driver.collect(&mut UniqueItems::new(&opened.catalog)).await?;
    let contents = Contents::new(&partitions, unique.first().copied());
    let mut out = Out::new();
    if common.json {
        out.json(&as_json(&opened, &contents)?)?;
    } else {
        out.text(&text(&opened, &contents))?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// What the catalog holds.
struct Contents {
    total: CellStats,
    cells: usize,
    times: Vec<String>,
    unique_items: Option<u64>,
}

impl Contents {
    fn new(partitions: &[PartitionStats], unique_items: Option<u64>) -> Self {
        let cells: BTreeSet<_> = partitions.iter().map(|one| &one.grid_partition).collect();
        let times: BTreeSet<_> = partitions.iter().filter_map(|one| one.year.clone()).collect();
        Self { total: totals(partitions), cells: cells.len(), times: times.into_iter().collect(), unique_items }
    }
}

fn as_json(opened: &Opened, contents: &Contents) -> Result<Value, Failure> {
    let mut info = serde_json::to_value(opened.catalog.info())
        .map_err(|error| Error::internal("the description is not JSON").caused_by(error))?;
    info["unique_items"] = json!(contents.unique_items);
    info["rows"] = json!(contents.total.row_count);
    info["files"] = json!(contents.total.file_count);
    info["bytes"] = json!(contents.total.total_bytes);
    info["cells"] = json!(contents.cells);
    info["times"] = json!(contents.times);
    Ok(info)
}

fn text(opened: &Opened, contents: &Contents) -> String {
    let info = opened.catalog.info();
    let grid = match &info.grid {
        GridDefinition::H3 { resolution } => format!("H3, resolution {resolution}"),
        GridDefinition::GeoJson { boundaries_path, id_field } => {
            format!("regions of {boundaries_path} by `{id_field}`")
        }
        GridDefinition::S2 { level: Some(level) } => format!("S2 cells, level {level}"),
        GridDefinition::Utm => "UTM zones".to_owned(),
        GridDefinition::LatLon { degrees: Some(degrees) } => format!("tiles of {degrees}°"),
        _ => info.grid.name().to_owned(),
    };
    let updated = format_instant(info.last_updated_ms.saturating_mul(1000));
    let snapshot = info.snapshot.map_or_else(|| "none yet".to_owned(), |snapshot| snapshot.snapshot_id);
    let times = match (contents.times.first(), contents.times.last()) {
        (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
        (Some(only), _) => only.clone(),
        (None, _) => "-".to_owned(),
    };
    report::pairs(&[
        ("catalog", info.base),
        ("table", format!("{}, Iceberg version {}", info.table, info.format_version)),
        ("grid", grid),
        ("time bins", info.time_bin.map_or_else(|| "none".to_owned(), |bin| bin.to_string())),
        ("snapshot", snapshot),
        ("updated", updated),
        ("unique items", contents.unique_items.map_or_else(|| "not known".to_owned(), report::number)),
        ("rows", report::number(contents.total.row_count)),
        ("files", report::number(contents.total.file_count)),
        ("size", report::bytes(contents.total.total_bytes)),
        ("cells", report::number(u64::try_from(contents.cells).unwrap_or(u64::MAX))),
        ("times", times),
        ("columns", report::number(u64::try_from(info.columns.len()).unwrap_or(u64::MAX))),
    ])
}
