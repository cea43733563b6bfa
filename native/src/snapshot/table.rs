//! Table metadata: that of a new table, what follows from its schema, where it lies and how it is written.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use earthcatalog_core::catalog::TimeBin;
use earthcatalog_core::iceberg::metadata::Field;
use earthcatalog_core::stac::schema;
use earthcatalog_core::{Error, Result};
use iceberg::spec::{MappedField, NameMapping, NestedField, NestedFieldRef, Schema, TableMetadata, Type};
use serde_json::json;
use uuid::Uuid;

use super::{Stamp, failed, metrics};

/// Iceberg, Name Mapping Serialization: for data files without field ids.
pub(super) const NAME_MAPPING_KEY: &str = "schema.name-mapping.default";
/// Columns no query is pruned by: JSON texts, what is the same in every file, and texts of scenes.
/// Without them a manifest takes a third of the bytes.
const WITHOUT_METRICS: [&str; 13] = [
    schema::GRID_PARTITION,
    schema::ASSETS,
    schema::LINKS,
    schema::STAC_VERSION,
    schema::TYPE,
    schema::STAC_EXTENSIONS,
    schema::BBOX,
    schema::JSON_PATCH,
    "scene_1_id",
    "scene_2_id",
    "scene_1_frame",
    "scene_2_frame",
    "mid_datetime",
];

/// Metadata of a table without snapshots (Iceberg, Table Metadata Fields, format version 2).
///
/// Written as JSON and parsed back rather than built: the `iceberg` crate's builder gives every field a new id.
///
/// # Errors
/// [`earthcatalog_core::ErrorKind::Internal`] if the fields are no valid schema,
/// [`earthcatalog_core::ErrorKind::Invalid`] if the properties ask for a time bin that there is not.
pub(super) fn new_table(
    location: &str,
    fields: &[Field],
    properties: &BTreeMap<String, String>,
    stamp: &Stamp,
) -> Result<TableMetadata> {
    let columns = Schema::builder().with_schema_id(0).with_fields(nested_fields(fields)?).build().map_err(failed)?;
    let source =
        |name: &str| columns.field_id_by_name(name).ok_or_else(|| Error::internal(format!("no column `{name}`")));
    let time_bin = TimeBin::from_properties(properties)?.name();
    let mut all = default_properties();
    all.insert(NAME_MAPPING_KEY.into(), name_mapping(&columns)?);
    all.extend(properties.clone());
    let metadata = json!({
        "format-version": 2,
        "table-uuid": stamp.uuid,
        "location": location,
        "last-sequence-number": 0,
        "last-updated-ms": stamp.now_ms,
        "last-column-id": columns.highest_field_id(),
        "current-schema-id": 0,
        "schemas": [columns],
        "default-spec-id": 0,
        // Field ids as the Python program's tables have them; 1000 is where Iceberg starts counting.
        "partition-specs": [{ "spec-id": 0, "fields": [
            { "source-id": source(schema::GRID_PARTITION)?, "field-id": 1000, "name": schema::GRID_PARTITION, "transform": "identity" },
            { "source-id": source(schema::DATETIME)?, "field-id": 1001, "name": time_bin, "transform": time_bin },
        ] }],
        "last-partition-id": 1001,
        "default-sort-order-id": 0,
        "sort-orders": [{ "order-id": 0, "fields": [] }],
        "properties": all,
    });
    serde_json::from_value(metadata)
        .map_err(|error| Error::internal("new table metadata is not valid").caused_by(error))
}

fn default_properties() -> BTreeMap<String, String> {
    let mut properties = missing_metrics_modes(&BTreeMap::new());
    let others = [
        (metrics::DEFAULT_KEY.to_owned(), "truncate(16)"),
        // How many rows have no geometry: `geometry_bbox` may prune only if no other row lacks its box.
        (format!("{}{}", metrics::COLUMN_KEY_PREFIX, schema::GEOMETRY), "counts"),
        ("write.parquet.compression-codec".to_owned(), "zstd"),
    ];
    properties.extend(others.map(|(key, value)| (key, value.to_owned())));
    properties
}

/// Properties by which no bounds are kept of columns that prune nothing, where a table does not say how it wants them.
/// A geometry's stay: in tables of the Python program they tell which files may hold polygons with holes.
pub(crate) fn missing_metrics_modes(stated: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let modes = WITHOUT_METRICS.iter().map(|name| format!("{}{name}", metrics::COLUMN_KEY_PREFIX));
    modes.filter(|key| !stated.contains_key(key)).map(|key| (key, "none".to_owned())).collect()
}

/// The name mapping of a schema: every column under its own name.
pub(super) fn name_mapping(schema: &Schema) -> Result<String> {
    let mapping = NameMapping::new(mapped(schema.as_struct().fields()));
    serde_json::to_string(&mapping).map_err(|error| Error::internal("name mapping is not JSON").caused_by(error))
}

fn mapped(fields: &[NestedFieldRef]) -> Vec<MappedField> {
    let below = |field: &NestedField| match &*field.field_type {
        Type::Struct(inner) => mapped(inner.fields()),
        Type::List(list) => mapped(std::slice::from_ref(&list.element_field)),
        Type::Map(map) => mapped(&[map.key_field.clone(), map.value_field.clone()]),
        Type::Primitive(_) => Vec::new(),
    };
    fields.iter().map(|field| MappedField::new(Some(field.id), vec![field.name.clone()], below(field))).collect()
}

/// Keeps a stored name mapping in step: columns it lacks are added, names it has beyond ours stay.
pub(super) fn renewed_name_mapping(properties: &HashMap<String, String>, schema: &Schema) -> Result<String> {
    let stored = properties.get(NAME_MAPPING_KEY).and_then(|text| serde_json::from_str::<NameMapping>(text).ok());
    let Some(stored) = stored else { return name_mapping(schema) };
    let known = |id: i32| stored.fields().iter().any(|field| field.field_id() == Some(id));
    let mut fields = stored.fields().to_vec();
    fields.extend(mapped(schema.as_struct().fields()).into_iter().filter(|field| !field.field_id().is_some_and(known)));
    serde_json::to_string(&NameMapping::new(fields))
        .map_err(|error| Error::internal("name mapping is not JSON").caused_by(error))
}

/// The `iceberg` crate's form of fields: by way of the JSON that Iceberg specifies for both.
///
/// # Errors
/// [`earthcatalog_core::ErrorKind::Invalid`] for a field the crate does not take.
pub(super) fn nested_fields(fields: &[Field]) -> Result<Vec<NestedFieldRef>> {
    fields.iter().map(|field| nested_field(field).map(Into::into)).collect()
}

pub(super) fn nested_field(field: &Field) -> Result<NestedField> {
    serde_json::from_value(field.to_json())
        .map_err(|error| Error::invalid(format!("column `{}` cannot be added", field.name)).caused_by(error))
}

/// Where a table keeps its metadata: `write.metadata.path`, or `metadata` below its location.
pub(super) fn metadata_folder(metadata: &TableMetadata) -> String {
    let own = metadata.properties().get("write.metadata.path").map(|path| path.trim_end_matches('/').to_owned());
    own.unwrap_or_else(|| format!("{}/metadata", metadata.location().trim_end_matches('/')))
}

pub(super) fn metadata_location(metadata: &TableMetadata, version: u64, uuid: Uuid) -> String {
    format!("{}/{version:05}-{uuid}.metadata.json", metadata_folder(metadata))
}

/// Metadata as JSON, in an order that does not change from run to run: the `iceberg` crate keeps hash maps.
pub(super) fn serialize(metadata: &TableMetadata) -> Result<Bytes> {
    let internal = |error: serde_json::Error| Error::internal("table metadata cannot be written").caused_by(error);
    let mut json = serde_json::to_value(metadata).map_err(internal)?;
    for (list, key) in [
        ("snapshots", "sequence-number"),
        ("schemas", "schema-id"),
        ("partition-specs", "spec-id"),
        ("sort-orders", "order-id"),
    ] {
        if let Some(entries) = json.get_mut(list).and_then(serde_json::Value::as_array_mut) {
            entries.sort_by_key(|entry| entry.get(key).and_then(serde_json::Value::as_i64));
        }
    }
    if let Some(snapshots) = json.get_mut("snapshots").and_then(serde_json::Value::as_array_mut) {
        for summary in snapshots.iter_mut().filter_map(|snapshot| snapshot.get_mut("summary")) {
            sort_keys(summary);
        }
    }
    json.get_mut("properties").map(sort_keys);
    serde_json::to_vec(&json).map(Bytes::from).map_err(internal)
}

fn sort_keys(value: &mut serde_json::Value) {
    if let Some(map) = value.as_object_mut() {
        map.sort_keys();
    }
}
