//! What the manifests alone tell of each column that can be filtered by: its range, and how many rows have none.

use serde::Serialize;
use serde_json::{Number, Value as Json};

use crate::iceberg::manifest::{ColumnMetrics, DataFile};
use crate::iceberg::metadata::{Field, TableMetadata, Type};
use crate::iceberg::value::Value;
use crate::stac::schema::{COLLECTION, ID, property_column};

/// What is known of a column over all data files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColumnStats {
    /// Its name: `id`, `collection`, or that of the property it holds.
    pub name: String,
    /// Its Iceberg type.
    pub r#type: String,
    /// Nothing in the files that have bounds is lower: a number, a boolean, or text. Text may be cut short, times and
    /// fractions rounded.
    pub lower: Option<Json>,
    /// Nothing in them is higher; it may be rounded likewise.
    pub upper: Option<Json>,
    /// Rows known to have no value.
    pub null_count: u64,
    /// Data files of which the range is not known.
    pub files_without_bounds: u64,
}

/// The statistics of every column of the table that holds `id`, `collection` or a property, in the order of the schema.
#[must_use]
pub fn column_stats(files: &[&DataFile], metadata: &TableMetadata) -> Vec<ColumnStats> {
    let mut columns = Vec::new();
    for field in &metadata.schema().fields {
        let is_filtered_by = [ID, COLLECTION].contains(&field.name.as_str()) || property_column(&field.name).is_some();
        if let (true, Type::Primitive(kind)) = (is_filtered_by, &field.r#type) {
            columns.push(stats_of(field, kind.to_string(), files));
        }
    }
    columns
}

fn stats_of(field: &Field, kind: String, files: &[&DataFile]) -> ColumnStats {
    let (mut lower, mut upper): (Option<&Value>, Option<&Value>) = (None, None);
    let (mut null_count, mut files_without_bounds) = (0_u64, 0);
    for file in files {
        let Some(metrics) = file.metrics.get(&field.id) else {
            files_without_bounds += 1;
            continue;
        };
        null_count = null_count.saturating_add(metrics.null_count.unwrap_or(0));
        if let (Some(low), Some(high)) = (&metrics.lower, &metrics.upper) {
            lower =
                Some(lower.filter(|lower| lower.compare(low).is_some_and(std::cmp::Ordering::is_le)).unwrap_or(low));
            upper =
                Some(upper.filter(|upper| upper.compare(high).is_some_and(std::cmp::Ordering::is_ge)).unwrap_or(high));
        } else if !is_empty(metrics, file.record_count) {
            files_without_bounds += 1;
        }
    }
    let name = field.name.clone();
    let (lower, upper) = (lower.and_then(json_of), upper.and_then(json_of));
    ColumnStats { name, r#type: kind, lower, upper, null_count, files_without_bounds }
}

/// Whether all rows are known to be null.
fn is_empty(metrics: &ColumnMetrics, rows: u64) -> bool {
    metrics.null_count.is_some_and(|nulls| nulls >= rows)
}

/// A value as JSON; integers beyond 2^53 are rounded as any JSON number, and bytes are hexadecimal text.
fn json_of(value: &Value) -> Option<Json> {
    match value {
        Value::Boolean(flag) => Some(Json::Bool(*flag)),
        Value::Int(number) => Some((*number).into()),
        Value::Long(number) => Some((*number).into()),
        Value::Float(_) | Value::Double(_) => value.as_f64().and_then(Number::from_f64).map(Json::Number),
        other => Some(Json::String(other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iceberg::metadata::{PrimitiveType, Schema};
    use std::collections::BTreeMap;

    fn table() -> TableMetadata {
        let text = br#"{"format-version":1,"location":"t","last-updated-ms":0,"last-column-id":5,
            "schema":{"type":"struct","fields":[]}}"#;
        let fields = vec![
            Field::optional(1, "id", PrimitiveType::String.into()),
            Field::optional(2, "grid_partition", PrimitiveType::String.into()),
            Field::optional(3, "percent_valid_pixels", PrimitiveType::Long.into()),
            Field::optional(4, "assets", PrimitiveType::String.into()),
            Field::optional(5, "datetime", PrimitiveType::Timestamptz.into()),
        ];
        TableMetadata { schemas: vec![Schema { schema_id: 0, fields }], ..TableMetadata::parse(text).unwrap() }
    }

    /// Field id, nulls, lowest and highest value.
    type Known = (i32, Option<u64>, Option<Value>, Option<Value>);

    fn file(rows: u64, metrics: &[Known]) -> DataFile {
        let metrics = metrics.iter().cloned().map(|(id, null_count, lower, upper)| {
            (id, ColumnMetrics { value_count: Some(rows), null_count, lower, upper })
        });
        DataFile {
            file_path: "f".into(),
            file_format: "PARQUET".into(),
            partition: vec![],
            spec_id: 0,
            record_count: rows,
            file_size_bytes: 10,
            metrics: metrics.collect::<BTreeMap<_, _>>(),
        }
    }

    #[test]
    fn ranges_are_those_of_all_files_and_what_is_not_known_is_counted() {
        let long = |number| Some(Value::Long(number));
        let files = [
            file(
                3,
                &[
                    (3, Some(1), long(5), long(9)),
                    (5, Some(0), Some(Value::Timestamptz(0)), Some(Value::Timestamptz(1))),
                ],
            ),
            file(2, &[(3, Some(0), long(-2), long(7))]),
            file(4, &[(3, Some(4), None, None)]),
            file(1, &[(3, None, None, None)]),
        ];
        let found = column_stats(&files.iter().collect::<Vec<_>>(), &table());
        let names: Vec<_> = found.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["id", "percent_valid_pixels", "datetime"]);
        let valid = &found[1];
        assert_eq!((&valid.lower, &valid.upper), (&Some((-2).into()), &Some(9.into())));
        assert_eq!((valid.null_count, valid.files_without_bounds), (5, 1));
        assert_eq!(found[2].lower, Some("1970-01-01T00:00:00Z".into()));
        assert_eq!((&found[0].lower, found[0].files_without_bounds), (&None, 4));
    }
}
