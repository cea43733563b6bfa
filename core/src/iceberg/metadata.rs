//! Table metadata JSON: schemas, partition specs, snapshots ("Table Metadata Fields", "Appendix C").

use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::io::Read as _;

use crate::{Error, Result, limits};

pub use super::name_mapping::{MappedField, NameMapping};
pub use super::schema::{Field, PrimitiveType, Schema, Type};
pub use super::transform::Transform;

/// The table property that maps column names to field ids.
pub const NAME_MAPPING_PROPERTY: &str = "schema.name-mapping.default";

/// What a `…metadata.json` object says about the table.
#[derive(Clone, Debug, PartialEq)]
pub struct TableMetadata {
    /// 1 or 2.
    pub format_version: u8,
    /// The table's identity; empty in version 1 metadata that lacks it.
    pub table_uuid: String,
    /// The folder the table writes below, as stored.
    pub location: String,
    /// The highest sequence number given out; 0 in version 1.
    pub last_sequence_number: i64,
    /// When this metadata was written, in milliseconds since 1970.
    pub last_updated_ms: i64,
    /// The highest column id ever given out.
    pub last_column_id: i32,
    /// All schemas; never empty.
    pub schemas: Vec<Schema>,
    /// Which of them is current; it is among `schemas`.
    pub current_schema_id: i32,
    /// All partition specs.
    pub partition_specs: Vec<PartitionSpec>,
    /// The spec new files are written with; it is among `partition_specs`.
    pub default_spec_id: i32,
    /// The highest partition field id ever given out.
    pub last_partition_id: i32,
    /// Table properties.
    pub properties: BTreeMap<String, String>,
    /// The snapshot to read; `None` in an empty table. It is among `snapshots`.
    pub current_snapshot_id: Option<i64>,
    /// All kept snapshots.
    pub snapshots: Vec<Snapshot>,
    /// Branches and tags by name.
    pub refs: BTreeMap<String, i64>,
}

/// How data files are divided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionSpec {
    /// Its number within the table.
    pub spec_id: i32,
    /// The fields of a partition tuple, in order.
    pub fields: Vec<PartitionField>,
}

/// One field of a partition tuple.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionField {
    /// The schema field it is made from.
    pub source_id: i32,
    /// Its own id, unique over all specs.
    pub field_id: i32,
    /// Its name.
    pub name: String,
    /// How it is made.
    pub transform: Transform,
}

/// The state of the table at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Its id, 64 bits wide: beyond what a JavaScript number holds.
    pub snapshot_id: i64,
    /// The snapshot it was made from.
    pub parent_snapshot_id: Option<i64>,
    /// Its place in the order of commits; 0 in version 1.
    pub sequence_number: i64,
    /// When it was committed, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// The manifest list's location as stored.
    pub manifest_list: Option<String>,
    /// The manifests' locations where version 1 has them in place of a manifest list.
    pub manifests: Vec<String>,
    /// `operation` and the counts its writer noted.
    pub summary: BTreeMap<String, String>,
    /// The schema that was current then.
    pub schema_id: Option<i32>,
}

impl TableMetadata {
    /// Reads a metadata object, gzipped or plain.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unsupported`] for a format version other than 1 and 2, [`crate::ErrorKind::Corrupt`] for anything that
    /// breaks the format: what the specification requires and is not there, a current schema, default spec or current
    /// snapshot that does not exist, text beyond [`limits::METADATA_BYTES`].
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let unzipped;
        let text = if bytes.starts_with(&[0x1f, 0x8b]) {
            unzipped = gunzip(bytes)?;
            unzipped.as_slice()
        } else {
            bytes
        };
        if text.len() > limits::METADATA_BYTES {
            return Err(Error::corrupt(format!("table metadata of {} bytes exceeds the limit", text.len())));
        }
        let version: RawVersion = from_json(text)?;
        match version.format_version {
            1 | 2 => from_json::<RawMetadata>(text)?.check(),
            other => {
                Err(Error::unsupported(format!("Iceberg table format version {other}; versions 1 and 2 are read")))
            }
        }
    }

    /// The current schema.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        static EMPTY: Schema = Schema { schema_id: 0, fields: Vec::new() };
        self.schema_by_id(self.current_schema_id).unwrap_or(&EMPTY)
    }

    /// A schema by its id.
    #[must_use]
    pub fn schema_by_id(&self, schema_id: i32) -> Option<&Schema> {
        self.schemas.iter().find(|schema| schema.schema_id == schema_id)
    }

    /// A field by its id: of the current schema, otherwise of the newest schema that has it.
    #[must_use]
    pub fn field_by_id(&self, id: i32) -> Option<&Field> {
        let older = || self.schemas.iter().rev().find_map(|schema| schema.field_by_id(id));
        self.schema().field_by_id(id).or_else(older)
    }

    /// A partition spec by its id.
    #[must_use]
    pub fn spec(&self, spec_id: i32) -> Option<&PartitionSpec> {
        self.partition_specs.iter().find(|spec| spec.spec_id == spec_id)
    }

    /// The type of a partition field's values; `None` if its transform or source column is not known.
    #[must_use]
    pub fn partition_type(&self, field: &PartitionField) -> Option<PrimitiveType> {
        field.transform.result_type(self.field_by_id(field.source_id)?.primitive()?)
    }

    /// A snapshot by its id.
    #[must_use]
    pub fn snapshot(&self, snapshot_id: i64) -> Option<&Snapshot> {
        self.snapshots.iter().find(|snapshot| snapshot.snapshot_id == snapshot_id)
    }

    /// The snapshot to read; `None` in an empty table.
    #[must_use]
    pub fn current_snapshot(&self) -> Option<&Snapshot> {
        self.snapshot(self.current_snapshot_id?)
    }

    /// The mapping of column names to field ids, for files without field ids.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Corrupt`] if the property is there and is no mapping.
    pub fn name_mapping(&self) -> Result<Option<NameMapping>> {
        self.properties.get(NAME_MAPPING_PROPERTY).map(|text| NameMapping::parse(text)).transpose()
    }
}

fn gunzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let most = limits::METADATA_BYTES as u64 + 1;
    let mut text = Vec::new();
    let mut decoder = flate2::read::MultiGzDecoder::new(bytes).take(most);
    decoder
        .read_to_end(&mut text)
        .map_err(|error| Error::corrupt("table metadata is not whole gzip data").caused_by(error))?;
    Ok(text)
}

fn from_json<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T> {
    serde_json::from_slice(text).map_err(|error| Error::corrupt("table metadata is malformed").caused_by(error))
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawVersion {
    format_version: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawMetadata {
    format_version: u8,
    table_uuid: Option<String>,
    location: String,
    last_sequence_number: Option<i64>,
    last_updated_ms: i64,
    last_column_id: i32,
    schema: Option<Json>,
    schemas: Option<Vec<Json>>,
    current_schema_id: Option<i32>,
    partition_spec: Option<Vec<RawPartitionField>>,
    partition_specs: Option<Vec<RawSpec>>,
    default_spec_id: Option<i32>,
    last_partition_id: Option<i32>,
    sort_orders: Option<Json>,
    #[serde(default)]
    properties: Option<BTreeMap<String, String>>,
    current_snapshot_id: Option<i64>,
    snapshots: Option<Vec<RawSnapshot>>,
    #[serde(default)]
    refs: Option<BTreeMap<String, RawRef>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawSpec {
    spec_id: i32,
    fields: Vec<RawPartitionField>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawPartitionField {
    source_id: i32,
    field_id: Option<i32>,
    name: String,
    transform: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawSnapshot {
    snapshot_id: i64,
    parent_snapshot_id: Option<i64>,
    sequence_number: Option<i64>,
    timestamp_ms: i64,
    manifest_list: Option<String>,
    manifests: Option<Vec<String>>,
    summary: Option<BTreeMap<String, String>>,
    schema_id: Option<i32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawRef {
    snapshot_id: i64,
}

impl RawMetadata {
    fn check(self) -> Result<TableMetadata> {
        let version_2 = self.format_version >= 2;
        let require = |there: bool, key: &str| {
            let lacks = || Error::corrupt(format!("table metadata lacks `{key}`"));
            (there || !version_2).then_some(()).ok_or_else(lacks)
        };
        require(self.table_uuid.is_some(), "table-uuid")?;
        require(self.last_sequence_number.is_some(), "last-sequence-number")?;
        require(self.sort_orders.is_some(), "sort-orders")?;
        require(self.last_partition_id.is_some(), "last-partition-id")?;
        let (schemas, current_schema_id) = schemas(self.schema, self.schemas, self.current_schema_id, version_2)?;
        let (partition_specs, default_spec_id) =
            specs(self.partition_spec, self.partition_specs, self.default_spec_id, version_2)?;
        let highest = partition_specs.iter().flat_map(|spec| &spec.fields).map(|field| field.field_id).max();
        let metadata = TableMetadata {
            format_version: self.format_version,
            table_uuid: self.table_uuid.unwrap_or_default(),
            location: self.location,
            last_sequence_number: self.last_sequence_number.unwrap_or(0),
            last_updated_ms: self.last_updated_ms,
            last_column_id: self.last_column_id,
            schemas,
            current_schema_id,
            partition_specs,
            default_spec_id,
            last_partition_id: self.last_partition_id.or(highest).unwrap_or(999),
            properties: self.properties.unwrap_or_default(),
            // -1 is how old writers say "none".
            current_snapshot_id: self.current_snapshot_id.filter(|id| *id != -1),
            snapshots: self.snapshots.unwrap_or_default().into_iter().map(Snapshot::from).collect(),
            refs: self.refs.unwrap_or_default().into_iter().map(|(name, to)| (name, to.snapshot_id)).collect(),
        };
        match metadata.current_snapshot_id {
            Some(id) if metadata.snapshot(id).is_none() => {
                Err(Error::corrupt(format!("the current snapshot {id} is not among the table's snapshots")))
            }
            _ => Ok(metadata),
        }
    }
}

/// Version 1 may have only `schema`; where `current-schema-id` is missing too, `schema` is the current one.
fn schemas(
    single: Option<Json>,
    list: Option<Vec<Json>>,
    current: Option<i32>,
    version_2: bool,
) -> Result<(Vec<Schema>, i32)> {
    let lacks = |key: &str| Error::corrupt(format!("table metadata lacks `{key}`"));
    let (schemas, current) = match (list, current, single) {
        (Some(list), Some(current), _) => (list.iter().map(Schema::from_json).collect::<Result<Vec<_>>>()?, current),
        (list, _, Some(single)) if !version_2 => {
            let single = Schema::from_json(&single)?;
            let current = single.schema_id;
            let mut schemas = list.iter().flatten().map(Schema::from_json).collect::<Result<Vec<_>>>()?;
            schemas.retain(|schema| schema.schema_id != current);
            schemas.push(single);
            (schemas, current)
        }
        (Some(_), None, _) => return Err(lacks("current-schema-id")),
        (None, _, _) => return Err(lacks(if version_2 { "schemas" } else { "schema" })),
    };
    if !schemas.iter().any(|schema| schema.schema_id == current) {
        return Err(Error::corrupt(format!("the current schema {current} is not among the table's schemas")));
    }
    Ok((schemas, current))
}

/// Version 1 may have only `partition-spec`, which is spec 0, and may lack `default-spec-id`: then the newest counts.
fn specs(
    single: Option<Vec<RawPartitionField>>,
    list: Option<Vec<RawSpec>>,
    default: Option<i32>,
    version_2: bool,
) -> Result<(Vec<PartitionSpec>, i32)> {
    let lacks = |key: &str| Error::corrupt(format!("table metadata lacks `{key}`"));
    let specs: Vec<PartitionSpec> = match (list, single) {
        (Some(list), _) => list.into_iter().map(|spec| partition_spec(spec.spec_id, spec.fields)).collect(),
        (None, _) if version_2 => return Err(lacks("partition-specs")),
        (None, single) => vec![partition_spec(0, single.unwrap_or_default())],
    };
    let newest = specs.iter().map(|spec| spec.spec_id).max();
    let default = match default {
        Some(default) => default,
        None if version_2 => return Err(lacks("default-spec-id")),
        None => newest.unwrap_or(0),
    };
    if !specs.iter().any(|spec| spec.spec_id == default) {
        return Err(Error::corrupt(format!("the default partition spec {default} is not among the table's specs")));
    }
    Ok((specs, default))
}

fn partition_spec(spec_id: i32, fields: Vec<RawPartitionField>) -> PartitionSpec {
    // Version 1 may leave field ids out: they count from 1000 ("Partition Evolution").
    let fields = fields.into_iter().zip(1000..).map(|(field, position)| PartitionField {
        source_id: field.source_id,
        field_id: field.field_id.unwrap_or(position),
        name: field.name,
        transform: Transform::parse(&field.transform),
    });
    PartitionSpec { spec_id, fields: fields.collect() }
}

impl From<RawSnapshot> for Snapshot {
    fn from(raw: RawSnapshot) -> Self {
        Self {
            snapshot_id: raw.snapshot_id,
            parent_snapshot_id: raw.parent_snapshot_id,
            sequence_number: raw.sequence_number.unwrap_or(0),
            timestamp_ms: raw.timestamp_ms,
            manifest_list: raw.manifest_list,
            manifests: raw.manifests.unwrap_or_default(),
            summary: raw.summary.unwrap_or_default(),
            schema_id: raw.schema_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use std::io::Write as _;

    const MINIMAL: &str = r#"{"format-version":2,"table-uuid":"u","location":"s3://b/t","last-sequence-number":0,
        "last-updated-ms":1,"last-column-id":1,"current-schema-id":0,
        "schemas":[{"type":"struct","schema-id":0,"fields":[{"id":1,"name":"x","required":true,"type":"long"}]}],
        "default-spec-id":0,"partition-specs":[{"spec-id":0,"fields":[]}],"last-partition-id":999,
        "default-sort-order-id":0,"sort-orders":[]}"#;

    #[test]
    fn gzipped_metadata_is_known_by_its_first_bytes() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(MINIMAL.as_bytes()).unwrap();
        let bytes = gzip.finish().unwrap();
        assert_eq!(TableMetadata::parse(&bytes).unwrap(), TableMetadata::parse(MINIMAL.as_bytes()).unwrap());
        assert!(TableMetadata::parse(&bytes[..bytes.len() - 1]).is_err());
    }

    #[test]
    fn version_3_is_refused_by_name_before_anything_else_is_read() {
        let error = TableMetadata::parse(br#"{"format-version":3,"new-thing":[]}"#).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("version 3"), "{error}");
    }

    #[test]
    fn a_current_snapshot_that_is_not_there_is_corrupt() {
        let with = |id: &str| MINIMAL.replacen('{', &format!(r#"{{"current-snapshot-id":{id},"#), 1);
        assert_eq!(TableMetadata::parse(with("7").as_bytes()).unwrap_err().kind(), ErrorKind::Corrupt);
        for none in ["-1", "null"] {
            assert_eq!(TableMetadata::parse(with(none).as_bytes()).unwrap().current_snapshot(), None);
        }
    }
}
