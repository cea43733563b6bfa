//! What can be said of a catalog once it is open, as JSON.

use serde::Serialize;
use std::collections::BTreeMap;

use super::properties::GridDefinition;
use super::{Catalog, TimeBin, Writer};
use crate::iceberg::metadata::{Snapshot, TableMetadata};

/// A summary of a catalog. Ids beyond 2^53 are text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CatalogInfo {
    /// The folder that was opened.
    pub base: String,
    /// The table as `namespace.name`; empty if a metadata object was opened directly.
    pub table: String,
    /// The metadata object that was read.
    pub metadata_location: String,
    /// The folder the table was written to.
    pub table_location: String,
    /// The table's identity.
    pub table_uuid: String,
    /// Iceberg's format version.
    pub format_version: u8,
    /// When the metadata was written, in milliseconds since 1970.
    pub last_updated_ms: i64,
    /// Who wrote the table.
    pub writer: Writer,
    /// How the globe is divided.
    pub grid: GridDefinition,
    /// How long the time bins are; null for a table that has none.
    pub time_bin: Option<TimeBin>,
    /// How data files are divided.
    pub partition_fields: Vec<PartitionFieldInfo>,
    /// The columns.
    pub columns: Vec<ColumnInfo>,
    /// The current snapshot.
    pub snapshot: Option<SnapshotInfo>,
    /// How many snapshots are kept.
    pub snapshots: usize,
    /// Where the hash index lies, or would lie.
    pub hash_index: Option<String>,
    /// All table properties but the name mapping.
    pub properties: BTreeMap<String, String>,
    /// What was odd.
    pub warnings: Vec<String>,
}

/// A field of the default partition spec.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionFieldInfo {
    /// Its name.
    pub name: String,
    /// The column it is made from.
    pub source: String,
    /// The transform's name.
    pub transform: String,
}

/// A top-level column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColumnInfo {
    /// Its field id.
    pub id: i32,
    /// Its name.
    pub name: String,
    /// Its Iceberg type; nested types by their kind.
    pub r#type: String,
}

/// The current snapshot, with the totals its writer noted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SnapshotInfo {
    /// Its id, as text.
    pub snapshot_id: String,
    /// Its place in the order of commits.
    pub sequence_number: i64,
    /// When it was committed, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// `append`, `overwrite`, `replace` or `delete`.
    pub operation: Option<String>,
    /// Rows, an item counted once for each cell it lies in.
    pub total_records: Option<u64>,
    /// Data files.
    pub total_data_files: Option<u64>,
    /// Their size.
    pub total_files_size: Option<u64>,
}

impl CatalogInfo {
    pub(super) fn of(catalog: &Catalog) -> Self {
        let metadata = catalog.metadata();
        let table = catalog.table_row().map(|row| format!("{}.{}", row.table_namespace, row.table_name));
        let mut properties = metadata.properties.clone();
        properties.remove(crate::iceberg::metadata::NAME_MAPPING_PROPERTY);
        Self {
            base: catalog.base().to_string(),
            table: table.unwrap_or_default(),
            metadata_location: catalog.metadata_location().to_string(),
            table_location: metadata.location.clone(),
            table_uuid: metadata.table_uuid.clone(),
            format_version: metadata.format_version,
            last_updated_ms: metadata.last_updated_ms,
            writer: catalog.writer(),
            grid: catalog.grid_definition().clone(),
            time_bin: catalog.time_bin(),
            partition_fields: partition_fields(metadata),
            columns: columns(metadata),
            snapshot: catalog.snapshot().map(SnapshotInfo::from),
            snapshots: metadata.snapshots.len(),
            hash_index: catalog.hash_index().map(|location| location.to_string()),
            properties,
            warnings: catalog.warnings().to_vec(),
        }
    }
}

impl From<&Snapshot> for SnapshotInfo {
    fn from(snapshot: &Snapshot) -> Self {
        let number = |key: &str| snapshot.summary.get(key).and_then(|text| text.parse().ok());
        Self {
            snapshot_id: snapshot.snapshot_id.to_string(),
            sequence_number: snapshot.sequence_number,
            timestamp_ms: snapshot.timestamp_ms,
            operation: snapshot.summary.get("operation").cloned(),
            total_records: number("total-records"),
            total_data_files: number("total-data-files"),
            total_files_size: number("total-files-size"),
        }
    }
}

fn partition_fields(metadata: &TableMetadata) -> Vec<PartitionFieldInfo> {
    let spec = metadata.spec(metadata.default_spec_id);
    let fields = spec.map(|spec| spec.fields.as_slice()).unwrap_or_default();
    let describe = |field: &crate::iceberg::metadata::PartitionField| PartitionFieldInfo {
        name: field.name.clone(),
        source: metadata.field_by_id(field.source_id).map(|source| source.name.clone()).unwrap_or_default(),
        transform: field.transform.to_string(),
    };
    fields.iter().map(describe).collect()
}

fn columns(metadata: &TableMetadata) -> Vec<ColumnInfo> {
    use crate::iceberg::metadata::Type;
    let kind = |kind: &Type| match kind {
        Type::Primitive(primitive) => primitive.to_string(),
        Type::Struct(_) => "struct".to_owned(),
        Type::List(_) => "list".to_owned(),
        Type::Map(..) => "map".to_owned(),
    };
    let fields = metadata.schema().fields.iter();
    fields.map(|field| ColumnInfo { id: field.id, name: field.name.clone(), r#type: kind(&field.r#type) }).collect()
}
