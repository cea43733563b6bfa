//! The columns of an item: names, Iceberg ids and types, and where in the item each one lives.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field as ArrowField, Fields, Schema as ArrowSchema, TimeUnit};

use crate::iceberg::metadata::{Field, PrimitiveType, Schema, Type};
use crate::{Error, Result};

/// The item's id.
pub const ID: &str = "id";
/// The grid cell the row was written for; an item has one row in each of its cells. Not part of the item.
pub const GRID_PARTITION: &str = "grid_partition";
/// The footprint as ISO WKB.
pub const GEOMETRY: &str = "geometry";
/// `properties.datetime`.
pub const DATETIME: &str = "datetime";
/// `properties.start_datetime`.
pub const START_DATETIME: &str = "start_datetime";
/// `properties.end_datetime`.
pub const END_DATETIME: &str = "end_datetime";
/// `properties.platform`, the first sort key.
pub const PLATFORM: &str = "platform";
/// `properties.updated`: which of two versions of an item is the newer.
pub const UPDATED: &str = "updated";
/// The assets as JSON text.
pub const ASSETS: &str = "assets";
/// The links as JSON text.
pub const LINKS: &str = "links";
/// The STAC version.
pub const STAC_VERSION: &str = "stac_version";
/// Always `Feature`.
pub const TYPE: &str = "type";
/// The extension URLs as JSON text.
pub const STAC_EXTENSIONS: &str = "stac_extensions";
/// The collection's id.
pub const COLLECTION: &str = "collection";
/// The bbox as JSON text.
pub const BBOX: &str = "bbox";
/// Bounds that hold `geometry`, in the plane and on the globe: `xmin`, `ymin`, `xmax`, `ymax`. Not part of the item.
pub const GEOMETRY_BBOX: &str = "geometry_bbox";
/// The members of `geometry_bbox`, in order.
pub const GEOMETRY_BBOX_FIELDS: [&str; 4] = ["xmin", "ymin", "xmax", "ymax"];
/// What the other columns cannot say, as an RFC 6902 patch.
pub const JSON_PATCH: &str = "json_patch";

/// The columns that decide whether an item answers a query.
pub const FILTER_COLUMNS: [&str; 6] = [ID, COLLECTION, GEOMETRY, DATETIME, START_DATETIME, END_DATETIME];

/// The columns whose bounds would be pieces of JSON text or WKB: no reader could prune by them.
pub const UNBOUNDED_COLUMNS: [&str; 6] = [ASSETS, LINKS, STAC_EXTENSIONS, BBOX, GEOMETRY, JSON_PATCH];

/// Names that cannot be the column of a property: they mean something else.
const RESERVED: [&str; 12] = [
    ID,
    GRID_PARTITION,
    GEOMETRY,
    ASSETS,
    LINKS,
    STAC_VERSION,
    TYPE,
    STAC_EXTENSIONS,
    COLLECTION,
    BBOX,
    GEOMETRY_BBOX,
    JSON_PATCH,
];

/// The columns by which two rows are known to be copies of one item.
pub const IDENTITY: [&str; 2] = [ID, COLLECTION];

/// The 28 columns of every catalog, also those of the Python program: position + 1 is the Iceberg field id.
const CONTRACT: [(&str, PrimitiveType); 28] = [
    (ID, PrimitiveType::String),
    (GRID_PARTITION, PrimitiveType::String),
    (GEOMETRY, PrimitiveType::Binary),
    (DATETIME, PrimitiveType::Timestamptz),
    (PLATFORM, PrimitiveType::String),
    ("percent_valid_pixels", PrimitiveType::Long),
    ("date_dt", PrimitiveType::Long),
    ("proj:code", PrimitiveType::String),
    (ASSETS, PrimitiveType::String),
    (LINKS, PrimitiveType::String),
    (STAC_VERSION, PrimitiveType::String),
    (TYPE, PrimitiveType::String),
    (START_DATETIME, PrimitiveType::Timestamptz),
    ("version", PrimitiveType::String),
    ("sat:orbit_state", PrimitiveType::String),
    ("scene_1_id", PrimitiveType::String),
    ("scene_2_id", PrimitiveType::String),
    ("scene_1_frame", PrimitiveType::String),
    ("scene_2_frame", PrimitiveType::String),
    ("mid_datetime", PrimitiveType::String),
    ("created", PrimitiveType::Timestamptz),
    (UPDATED, PrimitiveType::Timestamptz),
    (END_DATETIME, PrimitiveType::Timestamptz),
    (STAC_EXTENSIONS, PrimitiveType::String),
    (COLLECTION, PrimitiveType::String),
    ("latitude", PrimitiveType::Double),
    ("longitude", PrimitiveType::Double),
    (BBOX, PrimitiveType::String),
];

/// Whether a column of this name is not a property: the item's top level and this program's own columns.
#[must_use]
pub fn reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// The property a column holds, which has the column's name; `None` for reserved columns.
#[must_use]
pub fn property_column(name: &str) -> Option<&str> {
    (!reserved(name)).then_some(name)
}

/// The Iceberg fields of a new table: the 28 of the contract, then `geometry_bbox` and `json_patch`.
#[must_use]
pub fn initial_fields() -> Vec<Field> {
    let mut fields = Vec::with_capacity(CONTRACT.len() + 2);
    for (id, (name, kind)) in (1..).zip(&CONTRACT) {
        fields.push(optional(id, name, Type::Primitive(*kind)));
    }
    fields.extend(own_fields(29));
    fields
}

/// The fields that a table of the Python program lacks, with ids from `first_id` on.
#[must_use]
pub fn own_fields(first_id: i32) -> Vec<Field> {
    let mut bounds = Vec::with_capacity(4);
    for (id, name) in (first_id + 1..).zip(GEOMETRY_BBOX_FIELDS) {
        bounds.push(optional(id, name, Type::Primitive(PrimitiveType::Double)));
    }
    vec![
        optional(first_id, GEOMETRY_BBOX, Type::Struct(bounds)),
        optional(first_id + 5, JSON_PATCH, Type::Primitive(PrimitiveType::String)),
    ]
}

fn optional(id: i32, name: &str, kind: Type) -> Field {
    Field { id, name: name.to_owned(), required: false, r#type: kind }
}

/// The Arrow schema of rows of a table, with `PARQUET:field_id` on every field (Iceberg, Parquet, Column Projection).
///
/// # Errors
/// [`crate::ErrorKind::Unsupported`] for a type this program does not write.
pub fn arrow_schema(schema: &Schema) -> Result<ArrowSchema> {
    Ok(ArrowSchema::new(arrow_fields(&schema.fields)?))
}

fn arrow_fields(fields: &[Field]) -> Result<Fields> {
    fields.iter().map(arrow_field).collect()
}

fn arrow_field(field: &Field) -> Result<ArrowField> {
    let kind = match &field.r#type {
        Type::Primitive(kind) => primitive(kind).ok_or_else(|| unsupported(field))?,
        Type::Struct(fields) => DataType::Struct(arrow_fields(fields)?),
        Type::List(element) => DataType::List(Arc::new(arrow_field(element)?)),
        Type::Map(..) => return Err(unsupported(field)),
    };
    let id = HashMap::from([(parquet::arrow::PARQUET_FIELD_ID_META_KEY.to_owned(), field.id.to_string())]);
    Ok(ArrowField::new(&field.name, kind, !field.required).with_metadata(id))
}

fn primitive(kind: &PrimitiveType) -> Option<DataType> {
    Some(match kind {
        PrimitiveType::Boolean => DataType::Boolean,
        PrimitiveType::Int => DataType::Int32,
        PrimitiveType::Long => DataType::Int64,
        PrimitiveType::Float => DataType::Float32,
        PrimitiveType::Double => DataType::Float64,
        PrimitiveType::Date => DataType::Date32,
        PrimitiveType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        PrimitiveType::Timestamptz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        PrimitiveType::String => DataType::Utf8,
        PrimitiveType::Binary => DataType::Binary,
        _ => return None,
    })
}

fn unsupported(field: &Field) -> Error {
    Error::unsupported(format!("column `{}` has a type that this program does not write", field.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_the_contract_keeps_its_own() {
        let fields = initial_fields();
        assert_eq!(fields[0].name, ID);
        assert_eq!((fields[3].id, fields[3].name.as_str()), (4, DATETIME));
        assert_eq!((fields[27].id, fields[27].name.as_str()), (28, BBOX));
        assert_eq!((fields[28].id, fields[28].name.as_str()), (29, GEOMETRY_BBOX));
        assert_eq!((fields[29].id, fields[29].name.as_str()), (34, JSON_PATCH));
    }

    #[test]
    fn every_arrow_field_carries_its_field_id() {
        let schema = Schema { schema_id: 0, fields: initial_fields() };
        let arrow = arrow_schema(&schema).unwrap();
        let id = |field: &ArrowField| field.metadata()["PARQUET:field_id"].parse::<i32>().unwrap();
        assert_eq!(arrow.fields().iter().map(|field| id(field)).collect::<Vec<_>>(), {
            let mut ids: Vec<i32> = (1..=29).collect();
            ids.push(34);
            ids
        });
        let DataType::Struct(bounds) = arrow.field_with_name(GEOMETRY_BBOX).unwrap().data_type() else { panic!() };
        assert_eq!(bounds.iter().map(|field| id(field)).collect::<Vec<_>>(), [30, 31, 32, 33]);
    }
}
