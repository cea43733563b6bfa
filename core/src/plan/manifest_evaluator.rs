//! Whether a manifest might list a file that holds an answer, from its summary in the manifest list.

use crate::iceberg::manifest::{FieldSummary, ManifestFile};
use crate::iceberg::metadata::TableMetadata;
use crate::iceberg::transform::Transform;
use crate::iceberg::value::Value;
use crate::plan::bounds::{ColumnBounds, Nulls, RowsBounds, rows_might_match};
use crate::plan::facts::rows_facts;
use crate::plan::partition::{Meaning, bin_micros, meanings};
use crate::plan::{Cause, Criteria, Verdict};

/// Judges a manifest by the summaries of its partition fields (Iceberg, "Scan Planning").
///
/// A manifest without summaries, or written under a partition spec that is not known, is kept.
pub fn manifest_might_match(criteria: &Criteria, metadata: &TableMetadata, manifest: &ManifestFile) -> Verdict {
    let (Some(spec), Some(summaries)) = (metadata.spec(manifest.partition_spec_id), &manifest.partitions) else {
        return Verdict::Keep;
    };
    let fields = || meanings(spec, &criteria.columns).zip(summaries);
    let in_area = fields().all(|(meaning, summary)| meaning != Meaning::Cell || cells_might_match(criteria, summary));
    if !in_area {
        return Verdict::Prune(Cause::Grid);
    }
    let datetime = fields()
        .map(|(meaning, summary)| match meaning {
            Meaning::TimeBin(transform) => time_bounds(transform, summary),
            Meaning::Cell | Meaning::Other => ColumnBounds::default(),
        })
        .fold(ColumnBounds::default(), ColumnBounds::and);
    let rows = RowsBounds { datetime, ..RowsBounds::default() };
    rows_might_match(&criteria.query, &rows).and_then(|| match &criteria.filter {
        Some(filter) if !filter.might_match(&rows_facts(filter, &rows)) => Verdict::Prune(Cause::Bounds),
        _ => Verdict::Keep,
    })
}

fn cells_might_match(criteria: &Criteria, summary: &FieldSummary) -> bool {
    // A null cell says nothing about where its rows lie.
    summary.contains_null
        || match (text(summary.lower.as_deref()), text(summary.upper.as_deref())) {
            (Some(lower), Some(upper)) => criteria.cover.might_contain_between(lower, upper),
            _ => true,
        }
}

fn text(bytes: Option<&[u8]>) -> Option<&str> {
    std::str::from_utf8(bytes?).ok()
}

fn time_bounds(transform: &Transform, summary: &FieldSummary) -> ColumnBounds<i64> {
    let bin = |bytes: &Option<Vec<u8>>| bin_micros(transform, &ordinal(bytes.as_deref()?)?);
    ColumnBounds {
        lower: bin(&summary.lower).map(|(first, _)| first),
        upper: bin(&summary.upper).map(|(_, last)| last),
        nulls: if summary.contains_null { Nulls::Unknown } else { Nulls::None },
    }
}

/// A time bin as bounds store it: four bytes, little endian (Iceberg, "Binary single-value serialization").
fn ordinal(bytes: &[u8]) -> Option<Value> {
    bytes.try_into().ok().map(|bytes| Value::Int(i32::from_le_bytes(bytes)))
}
