//! Whether a data file might hold an answer, from its partition and the bounds of its columns.

use geo::{Rect, coord};

use crate::grid::Footprints;
use crate::iceberg::manifest::{ColumnMetrics, DataFile};
use crate::iceberg::metadata::TableMetadata;
use crate::iceberg::value::Value;
use crate::plan::bounds::{ColumnBounds, Nulls, RowsBounds, rows_might_match};
use crate::plan::facts::file_facts;
use crate::plan::partition::{Meaning, bin_micros, meanings};
use crate::plan::{Cause, Criteria, PlanColumns, Verdict};

/// Judges a data file by its manifest entry.
///
/// Partition values come from the manifest only: upstream's paths name another year for items near new year.
pub fn file_might_match(criteria: &Criteria, metadata: &TableMetadata, file: &DataFile) -> Verdict {
    let (cell, bin) = partition_of(&criteria.columns, metadata, file);
    if cell.is_some_and(|cell| !criteria.cover.might_hold(cell, footprints(&criteria.columns, file))) {
        return Verdict::Prune(Cause::Grid);
    }
    let mut rows = file_bounds(&criteria.columns, file);
    rows.datetime = rows.datetime.and(bin);
    rows_might_match(&criteria.query, &rows).and_then(|| match &criteria.filter {
        Some(filter) if !filter.might_match(&file_facts(filter, metadata.schema(), file, &rows)) => {
            Verdict::Prune(Cause::Bounds)
        }
        _ => Verdict::Keep,
    })
}

/// The cell of a file, by its partition.
pub fn cell_of<'a>(columns: &PlanColumns, metadata: &TableMetadata, file: &'a DataFile) -> Option<&'a str> {
    partition_of(columns, metadata, file).0
}

/// What the bounds of the geometry column tell of every footprint.
fn footprints(columns: &PlanColumns, file: &DataFile) -> Footprints {
    let metrics = columns.geometry.and_then(|id| file.metrics.get(&id));
    let bytes = |bound: Option<&Value>| match bound {
        Some(Value::Binary(bytes)) => Some(bytes.clone()),
        _ => None,
    };
    let lower = metrics.and_then(|metrics| bytes(metrics.lower.as_ref()));
    let upper = metrics.and_then(|metrics| bytes(metrics.upper.as_ref()));
    Footprints::between(lower.as_deref(), upper.as_deref())
}

/// The cell and what the time bin says of `datetime`.
fn partition_of<'a>(
    columns: &PlanColumns,
    metadata: &TableMetadata,
    file: &'a DataFile,
) -> (Option<&'a str>, ColumnBounds<i64>) {
    let (mut cell, mut bin) = (None, ColumnBounds::default());
    let Some(spec) = metadata.spec(file.spec_id) else {
        return (cell, bin);
    };
    for (meaning, value) in meanings(spec, columns).zip(&file.partition) {
        match (meaning, value) {
            (Meaning::Cell, Some(Value::String(text))) => cell = Some(text.as_str()),
            // A time transform maps null, and null alone, to null.
            (Meaning::TimeBin(_), None) => bin.nulls = Nulls::All,
            (Meaning::TimeBin(transform), Some(value)) => {
                let (lower, upper) = bin_micros(transform, value).unzip();
                bin = bin.and(ColumnBounds { lower, upper, nulls: Nulls::None });
            }
            _ => {}
        }
    }
    (cell, bin)
}

fn file_bounds(columns: &PlanColumns, file: &DataFile) -> RowsBounds {
    let metrics = |id: Option<i32>| file.metrics.get(&id?);
    let text = |id| column_bounds(metrics(id), file.record_count, as_text);
    let time = |id| column_bounds(metrics(id), file.record_count, as_micros);
    RowsBounds {
        id: text(columns.id),
        collection: text(columns.collection),
        datetime: time(columns.datetime),
        start_datetime: time(columns.start_datetime),
        end_datetime: time(columns.end_datetime),
        area: area(columns, file),
    }
}

fn column_bounds<T: Ord>(
    metrics: Option<&ColumnMetrics>,
    rows: u64,
    convert: impl Fn(&Value) -> Option<T>,
) -> ColumnBounds<T> {
    let Some(metrics) = metrics else {
        // No metrics: the column may be absent from the file, or its statistics were not kept.
        return ColumnBounds::default();
    };
    let nulls = match metrics.null_count {
        Some(0) if metrics.value_count.is_none_or(|count| count == rows) => Nulls::None,
        Some(nulls) if nulls >= rows => Nulls::All,
        _ => Nulls::Unknown,
    };
    ColumnBounds {
        lower: metrics.lower.as_ref().and_then(&convert),
        upper: metrics.upper.as_ref().and_then(&convert),
        nulls,
    }
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

fn as_micros(value: &Value) -> Option<i64> {
    match value {
        Value::Timestamp(micros) | Value::Timestamptz(micros) => Some(*micros),
        _ => None,
    }
}

/// A box around all footprints, if every row with a geometry has its box.
fn area(columns: &PlanColumns, file: &DataFile) -> Option<Rect<f64>> {
    let [west, south, east, north] = columns.footprint?;
    let bound = |id: i32, pick: fn(&ColumnMetrics) -> Option<&Value>| match pick(file.metrics.get(&id)?)? {
        Value::Double(degrees) if degrees.is_finite() => Some(*degrees),
        _ => None,
    };
    let lower = |id| bound(id, |metrics| metrics.lower.as_ref());
    let upper = |id| bound(id, |metrics| metrics.upper.as_ref());
    let nulls = |id: i32| file.metrics.get(&id)?.null_count;
    let unplaced = nulls(columns.geometry?)?;
    if [west, south, east, north].into_iter().any(|id| nulls(id) != Some(unplaced)) {
        return None;
    }
    box_around([lower(west)?, lower(south)?, upper(east)?, upper(north)?], [upper(west), lower(east)])
}

/// The box around footprints whose least and greatest edges are known.
///
/// The boxes of `geometry_bbox` never cross the antimeridian; edges that are known to break this are not ours, and no
/// box.
pub(super) fn box_around(
    [west, south, east, north]: [f64; 4],
    [easternmost_west, westernmost_east]: [Option<f64>; 2],
) -> Option<Rect<f64>> {
    let sound = westernmost_east.is_none_or(|east| west <= east)
        && easternmost_west.is_none_or(|west| west <= east)
        && south <= north;
    sound.then(|| Rect::new(coord! { x: west, y: south }, coord! { x: east, y: north }))
}
