//! The `geo` key of a file: what GeoParquet 1.1 says of its geometry column.

use std::collections::BTreeSet;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Float64Type;
use arrow_array::{Array as _, RecordBatch};
use serde_json::{Value, json};

use super::schema;
use crate::{Error, Result};

/// The `geo` value for the rows of a file: the types that occur, the planar bounds of all of them, and `geometry_bbox`
/// as covering; coordinates are OGC:CRS84, the default (GeoParquet 1.1, Column metadata).
///
/// # Errors
/// [`crate::ErrorKind::Internal`] for rows without the columns `geometry` and `geometry_bbox`, or with other WKB than
/// ISO WKB.
pub fn geo_metadata(rows: &RecordBatch) -> Result<String> {
    let geometries = rows.column_by_name(schema::GEOMETRY).and_then(|column| column.as_binary_opt::<i32>());
    let geometries = geometries.ok_or_else(|| Error::internal("rows without a geometry column"))?;
    let mut types = BTreeSet::new();
    for bytes in geometries.iter().flatten() {
        types.insert(geometry_type(bytes).ok_or_else(|| Error::internal("WKB of an unknown type"))?);
    }
    let mut column = json!({
        "encoding": "WKB",
        "geometry_types": types.into_iter().collect::<Vec<_>>(),
    });
    if let Some(bounds) = bounds(rows)? {
        column["bbox"] = json!(bounds);
    }
    column["covering"] = covering();
    let geo = json!({
        "version": "1.1.0",
        "primary_column": schema::GEOMETRY,
        "columns": { schema::GEOMETRY: column },
    });
    Ok(geo.to_string())
}

fn covering() -> Value {
    let path = |name| json!([schema::GEOMETRY_BBOX, name]);
    let members = schema::GEOMETRY_BBOX_FIELDS.into_iter().map(|name| (name.to_owned(), path(name)));
    json!({ "bbox": Value::Object(members.collect()) })
}

fn bounds(rows: &RecordBatch) -> Result<Option<[f64; 4]>> {
    let bounds = rows.column_by_name(schema::GEOMETRY_BBOX).and_then(|column| column.as_struct_opt());
    let bounds = bounds.ok_or_else(|| Error::internal("rows without a geometry_bbox column"))?;
    let side = |name, choose: fn(f64, f64) -> f64| {
        let values = bounds.column_by_name(name)?.as_primitive_opt::<Float64Type>()?;
        let valid = (0..values.len()).filter(|row| values.is_valid(*row) && bounds.is_valid(*row));
        valid.map(|row| values.value(row)).reduce(choose)
    };
    let sides = [side("xmin", f64::min), side("ymin", f64::min), side("xmax", f64::max), side("ymax", f64::max)];
    Ok(match sides {
        [Some(xmin), Some(ymin), Some(xmax), Some(ymax)] => Some([xmin, ymin, xmax, ymax]),
        _ => None,
    })
}

/// The type of an ISO WKB geometry as GeoParquet writes it: `Polygon`, `Polygon Z`.
pub(crate) fn geometry_type(wkb: &[u8]) -> Option<&'static str> {
    const NAMES: [(&str, &str); 7] = [
        ("Point", "Point Z"),
        ("LineString", "LineString Z"),
        ("Polygon", "Polygon Z"),
        ("MultiPoint", "MultiPoint Z"),
        ("MultiLineString", "MultiLineString Z"),
        ("MultiPolygon", "MultiPolygon Z"),
        ("GeometryCollection", "GeometryCollection Z"),
    ];
    let code: [u8; 4] = wkb.get(1..5)?.try_into().ok()?;
    let code = if wkb.first() == Some(&0) { u32::from_be_bytes(code) } else { u32::from_le_bytes(code) };
    let (flat, with_z) = NAMES.get(usize::try_from(code % 1000).ok()?.checked_sub(1)?)?;
    match code / 1000 {
        0 => Some(flat),
        1 => Some(with_z),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_named_as_geoparquet_names_them() {
        let wkb = |code: u32| [&[1_u8], code.to_le_bytes().as_slice()].concat();
        assert_eq!(geometry_type(&wkb(3)), Some("Polygon"));
        assert_eq!(geometry_type(&wkb(1006)), Some("MultiPolygon Z"));
        assert_eq!(geometry_type(&wkb(0)), None);
        assert_eq!(geometry_type(&wkb(8)), None);
        assert_eq!(geometry_type(&[0, 0, 0, 0, 1]), Some("Point"));
    }
}
