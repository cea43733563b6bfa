//! Rows, files and bytes by partition, from the manifests alone.

use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

use crate::grid::NONE_CELL;
use crate::iceberg::manifest::DataFile;
use crate::iceberg::metadata::{PartitionSpec, PrimitiveType, TableMetadata, Transform};

/// What a partition holds. Items that lie in several cells count in each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionStats {
    /// The cell.
    pub grid_partition: String,
    /// The year, month or day, as `2021`, `2021-06` or `2021-06-15`; `None` for items without datetime.
    pub year: Option<String>,
    /// Its rows.
    pub row_count: u64,
    /// Its data files.
    pub file_count: u64,
    /// Their size.
    pub total_bytes: u64,
}

/// What a cell holds, or the whole catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CellStats {
    /// The cell; empty for the whole catalog.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub grid_partition: String,
    /// Its rows.
    pub row_count: u64,
    /// Its data files.
    pub file_count: u64,
    /// Their size.
    pub total_bytes: u64,
}

/// Where in a partition tuple the cell and the time are, by spec: the first field that keeps text as it is, and the
/// first that counts time units.
#[derive(Debug)]
pub struct PartitionLayout {
    specs: HashMap<i32, Positions>,
}

#[derive(Debug)]
struct Positions {
    cell: Option<usize>,
    time: Option<(usize, Transform)>,
}

impl PartitionLayout {
    /// Of all specs of a table.
    #[must_use]
    pub fn new(metadata: &TableMetadata) -> Self {
        let positions = |spec: &PartitionSpec| {
            let mut fields = spec.fields.iter().enumerate();
            let cell = fields.clone().find(|(_, field)| {
                field.transform == Transform::Identity && metadata.partition_type(field) == Some(PrimitiveType::String)
            });
            let time = fields.find(|(_, field)| field.transform.is_temporal());
            Positions { cell: cell.map(|(at, _)| at), time: time.map(|(at, field)| (at, field.transform.clone())) }
        };
        Self { specs: metadata.partition_specs.iter().map(|spec| (spec.spec_id, positions(spec))).collect() }
    }

    /// The cell of a file; `None` if its value is null or its spec has none.
    #[must_use]
    pub fn cell<'f>(&self, file: &'f DataFile) -> Option<&'f str> {
        file.partition.get(self.specs.get(&file.spec_id)?.cell?)?.as_ref()?.as_str()
    }

    /// The year, month or day of a file as text; `None` if its value is null or its spec has none.
    #[must_use]
    pub fn time(&self, file: &DataFile) -> Option<String> {
        let (at, transform) = self.specs.get(&file.spec_id)?.time.as_ref()?;
        Some(transform.human(Some(file.partition.get(*at)?.as_ref()?)))
    }
}

/// The statistics of every partition, sorted by cell, then time, files without time first.
#[must_use]
pub fn stats<'f>(files: impl IntoIterator<Item = &'f DataFile>, metadata: &TableMetadata) -> Vec<PartitionStats> {
    let layout = PartitionLayout::new(metadata);
    let mut partitions: BTreeMap<(&str, Option<String>), CellStats> = BTreeMap::new();
    for file in files {
        let key = (layout.cell(file).unwrap_or(NONE_CELL), layout.time(file));
        partitions.entry(key).or_default().add(file.record_count, 1, file.file_size_bytes);
    }
    let stats = partitions.into_iter().map(|((cell, year), sums)| PartitionStats {
        grid_partition: cell.to_owned(),
        year,
        row_count: sums.row_count,
        file_count: sums.file_count,
        total_bytes: sums.total_bytes,
    });
    stats.collect()
}

/// The `most` cells with the most rows, the fullest first, ties by name.
#[must_use]
pub fn top_cells(partitions: &[PartitionStats], most: usize) -> Vec<CellStats> {
    let mut cells: BTreeMap<&str, CellStats> = BTreeMap::new();
    for partition in partitions {
        let cell = cells.entry(&partition.grid_partition).or_default();
        cell.add(partition.row_count, partition.file_count, partition.total_bytes);
    }
    let mut cells: Vec<CellStats> =
        cells.into_iter().map(|(name, sums)| CellStats { grid_partition: name.to_owned(), ..sums }).collect();
    cells.sort_by_key(|cell| std::cmp::Reverse(cell.row_count));
    cells.truncate(most);
    cells
}

/// The sums over all partitions.
#[must_use]
pub fn totals(partitions: &[PartitionStats]) -> CellStats {
    let mut sums = CellStats::default();
    for partition in partitions {
        sums.add(partition.row_count, partition.file_count, partition.total_bytes);
    }
    sums
}

impl CellStats {
    fn add(&mut self, rows: u64, files: u64, bytes: u64) {
        self.row_count = self.row_count.saturating_add(rows);
        self.file_count = self.file_count.saturating_add(files);
        self.total_bytes = self.total_bytes.saturating_add(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iceberg::metadata::{Field, PartitionField, Schema};
    use crate::iceberg::value::Value;

    fn table() -> TableMetadata {
        let field = |source_id, field_id, name: &str, transform| PartitionField {
            source_id,
            field_id,
            name: name.to_owned(),
            transform,
        };
        let by_month = PartitionSpec {
            spec_id: 1,
            fields: vec![field(2, 1002, "month", Transform::Month), field(1, 1000, "cell", Transform::Identity)],
        };
        let by_year = PartitionSpec {
            spec_id: 0,
            fields: vec![field(1, 1000, "cell", Transform::Identity), field(2, 1001, "year", Transform::Year)],
        };
        let text = br#"{"format-version":1,"location":"t","last-updated-ms":0,"last-column-id":2,
            "schema":{"type":"struct","fields":[]}}"#;
        let fields = vec![
            Field::optional(1, "cell", PrimitiveType::String.into()),
            Field::optional(2, "datetime", PrimitiveType::Timestamptz.into()),
        ];
        let schemas = vec![Schema { schema_id: 0, fields }];
        TableMetadata { schemas, partition_specs: vec![by_year, by_month], ..TableMetadata::parse(text).unwrap() }
    }

    fn file(spec_id: i32, partition: Vec<Option<Value>>, record_count: u64) -> DataFile {
        DataFile {
            file_path: "f".into(),
            file_format: "PARQUET".into(),
            partition,
            spec_id,
            record_count,
            file_size_bytes: 10,
            metrics: BTreeMap::new(),
        }
    }

    #[test]
    fn partitions_are_summed_over_specs_whose_tuples_differ() {
        let cell = |name: &str| Some(Value::String(name.into()));
        let files = [
            file(0, vec![cell("b"), Some(Value::Int(51))], 1),
            file(1, vec![Some(Value::Int(617)), cell("a")], 2),
            file(0, vec![cell("b"), Some(Value::Int(51))], 4),
            file(0, vec![None, None], 8),
            file(7, vec![], 16),
        ];
        let found = stats(&files, &table());
        let shown: Vec<_> =
            found.iter().map(|one| (one.grid_partition.as_str(), one.year.as_deref(), one.row_count)).collect();
        assert_eq!(shown, [("__none__", None, 24), ("a", Some("2021-06"), 2), ("b", Some("2021"), 5)]);
        assert_eq!(
            totals(&found),
            CellStats { grid_partition: String::new(), row_count: 31, file_count: 5, total_bytes: 50 }
        );
        let top: Vec<_> = top_cells(&found, 2).into_iter().map(|cell| cell.grid_partition).collect();
        assert_eq!(top, ["__none__", "b"]);
    }
}
