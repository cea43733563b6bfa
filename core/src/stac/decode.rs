//! Rows to items.

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use serde_json::{Map, Value, json};

use super::json_column::{
    PROJECTED_GEOMETRY, byte_strings, field_values, is_json_text, json_values, parsed as parse, texts,
};
use super::{patch, schema};
use crate::error::ResultExt as _;
use crate::geometry::wkb;
use crate::query::Fields;
use crate::{Error, Result};

/// What an item without a `stac_version` column is taken for: the one version that the Python program writes.
const STAC_VERSION: &str = "1.1.0";

/// The items of a batch's rows.
///
/// Columns are known by their names, and any may be absent: those of this program, of the Python program
/// (timestamps in ms, whole numbers as INT32 or DOUBLE, null assets), and of the STAC GeoParquet specification (nested
/// assets, links and bbox). `json_patch` is applied last, so an item of this program comes out as it went in. WKB that
/// cannot be read is a null geometry: [`unreadable_geometries`] counts them.
///
/// # Errors
/// [`crate::ErrorKind::Unsupported`] for a column whose type cannot hold what its name means, and
/// [`crate::ErrorKind::Corrupt`] for JSON text or a patch that does not parse; both name the column.
pub fn decode_items(batch: &RecordBatch) -> Result<Vec<Value>> {
    decode_wanted(batch, |_| true)
}

/// The wanted members of the items of a batch's rows. Needs no columns but those that can hold them.
///
/// # Errors
/// As [`decode_items`].
pub fn decode_fields(batch: &RecordBatch, fields: &Fields) -> Result<Vec<Value>> {
    let items = decode_wanted(batch, |place| fields.want(place))?;
    Ok(items.into_iter().map(|item| fields.pick(item)).collect())
}

fn decode_wanted(batch: &RecordBatch, wanted: impl Fn(&str) -> bool) -> Result<Vec<Value>> {
    let mut properties = properties(batch)?;
    let mut top_level = Vec::with_capacity(9);
    for (name, default) in [
        (schema::TYPE, json!("Feature")),
        (schema::STAC_VERSION, json!(STAC_VERSION)),
        (schema::STAC_EXTENSIONS, Value::Null),
        (schema::ID, Value::Null),
        (schema::GEOMETRY, Value::Null),
        (schema::BBOX, Value::Null),
        ("properties", Value::Null),
        (schema::LINKS, json!([])),
        (schema::ASSETS, json!({})),
        (schema::COLLECTION, Value::Null),
    ] {
        let values = match (batch.column_by_name(name), batch.schema_ref().field_with_name(name)) {
            _ if name == "properties" => Vec::new(),
            (Some(column), Ok(field)) if is_json_text(field) => field_values(field, column).context("column", name)?,
            (Some(column), _) => top_level_values(name, column).context("column", name)?,
            _ => Vec::new(),
        };
        top_level.push((name, values, default));
    }
    let mut items = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        let mut item = Map::with_capacity(top_level.len());
        for (name, values, default) in &mut top_level {
            let value = if *name == "properties" {
                properties.get_mut(row).map(std::mem::take).map_or(Value::Null, Value::Object)
            } else {
                values.get_mut(row).map(Value::take).filter(|value| !value.is_null()).unwrap_or_else(|| default.clone())
            };
            // `geometry` is null, not absent, where there is none (RFC 7946 §3.2).
            if !value.is_null() || *name == schema::GEOMETRY {
                item.insert((*name).to_owned(), value);
            }
        }
        items.push(Value::Object(item));
    }
    apply_patches(batch, &mut items, wanted)?;
    Ok(items)
}

/// The assets of a batch's rows: objects with `assets` and nothing else. Needs no columns but those that tell them.
///
/// # Errors
/// As [`decode_items`].
pub fn decode_assets(batch: &RecordBatch) -> Result<Vec<Value>> {
    let mut values = match batch.column_by_name(schema::ASSETS) {
        Some(column) => top_level_values(schema::ASSETS, column).context("column", schema::ASSETS)?,
        None => Vec::new(),
    };
    values.resize(batch.num_rows(), Value::Null);
    let object = |assets: Value| json!({ schema::ASSETS: if assets.is_null() { json!({}) } else { assets } });
    let mut items: Vec<Value> = values.into_iter().map(object).collect();
    apply_patches(batch, &mut items, |place| place == schema::ASSETS)?;
    Ok(items)
}

/// Applies the patches, or what they say of places that are wanted.
fn apply_patches(batch: &RecordBatch, items: &mut [Value], wanted: impl Fn(&str) -> bool) -> Result<()> {
    let Some(column) = batch.column_by_name(schema::JSON_PATCH) else {
        return Ok(());
    };
    for (item, text) in items.iter_mut().zip(texts(column).context("column", schema::JSON_PATCH)?) {
        if let Some(text) = text {
            patch::apply_wanted(item, text, &wanted)?;
        }
    }
    Ok(())
}

/// The values of the column of an item's member.
pub(crate) fn top_level_values(name: &str, column: &ArrayRef) -> Result<Vec<Value>> {
    match name {
        schema::GEOMETRY => footprints(column),
        schema::ASSETS => Ok(parsed(column)?.into_iter().map(without_null_members).collect()),
        schema::BBOX => Ok(parsed(column)?.into_iter().map(bbox_array).collect()),
        schema::LINKS | schema::STAC_EXTENSIONS => parsed(column),
        _ => json_values(column),
    }
}

/// JSON text, or the nested columns of the STAC GeoParquet specification.
fn parsed(column: &ArrayRef) -> Result<Vec<Value>> {
    let Ok(texts) = texts(column) else {
        return match column.data_type() {
            DataType::Null
            | DataType::Struct(_)
            | DataType::Map(..)
            | DataType::List(_)
            | DataType::LargeList(_)
            | DataType::FixedSizeList(..) => json_values(column),
            DataType::Dictionary(..) => json_values(column)?.iter().map(|value| parse(value.as_str())).collect(),
            other => Err(Error::unsupported(format!("type {other} where JSON text was expected"))),
        };
    };
    texts.into_iter().map(parse).collect()
}

fn footprints(column: &ArrayRef) -> Result<Vec<Value>> {
    if let DataType::Null = column.data_type() {
        return Ok(vec![Value::Null; column.len()]);
    }
    let geojson = |bytes: Option<&[u8]>| bytes.and_then(|bytes| wkb::decode_to_geojson(bytes).ok());
    Ok(byte_strings(column)?.into_iter().map(|bytes| geojson(bytes).unwrap_or(Value::Null)).collect())
}

/// How many rows of a batch have a geometry that cannot be read: their items come with `geometry` null.
#[must_use]
pub fn unreadable_geometries(batch: &RecordBatch) -> u64 {
    let column = batch.column_by_name(schema::GEOMETRY).filter(|column| *column.data_type() != DataType::Null);
    let Some(Ok(footprints)) = column.map(|column| byte_strings(column)) else { return 0 };
    footprints
        .into_iter()
        .flatten()
        .filter(|bytes| wkb::decode_to_geojson(bytes).is_err())
        .fold(0, |count, _| count + 1)
}

/// The Python program writes one member for each asset of the file, null where an item lacks it.
fn without_null_members(mut assets: Value) -> Value {
    if let Value::Object(members) = &mut assets {
        members.retain(|_, asset| !asset.is_null());
    }
    assets
}

/// The STAC GeoParquet specification stores a bbox as a struct, GeoParquet's way.
fn bbox_array(bbox: Value) -> Value {
    let Value::Object(members) = bbox else { return bbox };
    let names: &[&str] = if members.contains_key("zmin") {
        &["xmin", "ymin", "zmin", "xmax", "ymax", "zmax"]
    } else {
        &["xmin", "ymin", "xmax", "ymax"]
    };
    names.iter().map(|name| members.get(*name).cloned()).collect::<Option<Vec<_>>>().map_or(Value::Null, Value::Array)
}

/// The properties of each row: every column that is not reserved, where it is not null, and `datetime` even where it
/// is, for STAC requires the member.
fn properties(batch: &RecordBatch) -> Result<Vec<Map<String, Value>>> {
    let mut rows = vec![Map::new(); batch.num_rows()];
    for row in &mut rows {
        row.insert(schema::DATETIME.to_owned(), Value::Null);
    }
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        let Some(property) = schema::property_column(field.name()) else { continue };
        let values = field_values(field, column).context("column", property)?;
        for (row, value) in rows.iter_mut().zip(values) {
            if !value.is_null() {
                row.insert(property.to_owned(), value);
            }
        }
    }
    Ok(rows)
}

/// The values of the column of a property.
pub(crate) fn property_values(property: &str, column: &ArrayRef) -> Result<Vec<Value>> {
    if property == PROJECTED_GEOMETRY
        && let Ok(bytes) = byte_strings(column)
    {
        return bytes.into_iter().map(|bytes| bytes.map_or(Ok(Value::Null), wkb::decode_to_geojson)).collect();
    }
    json_values(column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Int32Array, Int64Array, StringArray, TimestampMillisecondArray};
    use std::sync::Arc;

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
    }

    fn strings(values: &[Option<&str>]) -> ArrayRef {
        Arc::new(StringArray::from(values.to_vec()))
    }

    #[test]
    fn a_row_of_the_python_program_is_a_valid_item() {
        let items = decode_items(&batch(vec![
            ("id", strings(&[Some("a")])),
            ("grid_partition", strings(&[Some("81003ffffffffff")])),
            ("datetime", Arc::new(TimestampMillisecondArray::from(vec![None]).with_timezone("UTC"))),
            ("start_datetime", Arc::new(TimestampMillisecondArray::from(vec![0]).with_timezone("UTC"))),
            ("percent_valid_pixels", Arc::new(Int32Array::from(vec![80]))),
            ("platform", strings(&[None])),
            ("assets", strings(&[Some(r#"{"data": {"href": "x"}, "other": null}"#)])),
            ("bbox", strings(&[Some("[1.0, 2, 3, 4]")])),
        ]));
        assert_eq!(
            items.unwrap(),
            [json!({
                "type": "Feature", "stac_version": "1.1.0", "id": "a", "geometry": null, "bbox": [1.0, 2, 3, 4],
                "properties": { "datetime": null, "start_datetime": "1970-01-01T00:00:00Z", "percent_valid_pixels": 80 },
                "links": [], "assets": { "data": { "href": "x" } }
            })]
        );
    }

    #[test]
    fn a_column_of_the_wrong_type_is_an_error_that_names_it() {
        for name in ["assets", "geometry", "json_patch", "links"] {
            let error = decode_items(&batch(vec![(name, Arc::new(Int64Array::from(vec![1])))])).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Unsupported);
            assert_eq!(error.context(), [("column", name.to_owned())]);
        }
        let error = decode_items(&batch(vec![("links", strings(&[Some("[")]))])).unwrap_err();
        assert_eq!((error.kind(), error.context().len()), (crate::ErrorKind::Corrupt, 1));
    }

    #[test]
    fn a_geometry_that_cannot_be_read_is_null_and_counted() {
        let point = [&[1, 1, 0, 0, 0][..], &10.0_f64.to_le_bytes(), &20.0_f64.to_le_bytes()].concat();
        let column = arrow_array::BinaryArray::from_opt_vec(vec![Some(&point[..]), Some(b"no WKB"), Some(b""), None]);
        let rows = batch(vec![("geometry", Arc::new(column))]);
        let geometries: Vec<Value> =
            decode_items(&rows).unwrap().iter_mut().map(|item| item["geometry"].take()).collect();
        let read = json!({"type": "Point", "coordinates": [10.0, 20.0]});
        assert_eq!(geometries, [read, Value::Null, Value::Null, Value::Null]);
        assert_eq!(unreadable_geometries(&rows), 2);
    }

    #[test]
    fn an_absent_geometry_is_null_and_a_patch_comes_last() {
        let items = decode_items(&batch(vec![
            ("id", strings(&[Some("a"), Some("b")])),
            ("json_patch", strings(&[None, Some(r#"[{"op":"remove","path":"/properties/datetime"}]"#)])),
        ]))
        .unwrap();
        assert_eq!(items[0]["geometry"], Value::Null);
        assert_eq!(items[1]["properties"], json!({}));
    }
}
