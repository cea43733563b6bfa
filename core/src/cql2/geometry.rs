//! Geometries in filters: as GeoJSON, and as well-known text.

use std::fmt::{self, Write as _};

use serde_json::{Value, json};

use crate::{Error, Result};

/// Names in GeoJSON and how many arrays deep their positions lie.
pub(super) const KINDS: [(&str, u8); 6] =
    [("Point", 0), ("MultiPoint", 1), ("LineString", 1), ("Polygon", 2), ("MultiLineString", 2), ("MultiPolygon", 3)];
/// The geometry that holds others.
pub(super) const COLLECTION: &str = "GeometryCollection";
/// Deepest nesting of collections.
const COLLECTION_DEPTH: u8 = 8;

/// The geometry with nothing but its kind and coordinates, all of them doubles.
pub(super) fn plain(geometry: &Value) -> Result<Value> {
    plain_at(geometry, 0)
}

fn plain_at(geometry: &Value, depth: u8) -> Result<Value> {
    let kind = geometry.get("type").and_then(Value::as_str).unwrap_or_default();
    if kind == COLLECTION {
        let members = geometry.get("geometries").and_then(Value::as_array);
        let members = members.filter(|_| depth < COLLECTION_DEPTH).ok_or_else(|| wrong(kind))?;
        let members = members.iter().map(|member| plain_at(member, depth + 1)).collect::<Result<Vec<_>>>()?;
        return Ok(json!({ "type": kind, "geometries": members }));
    }
    let known = KINDS.iter().find(|(name, _)| *name == kind);
    let (name, levels) = known.ok_or_else(|| Error::invalid(format!("`{kind}` is no type of a geometry")))?;
    let coordinates = geometry.get("coordinates").and_then(|coordinates| plain_coordinates(coordinates, *levels));
    Ok(json!({ "type": name, "coordinates": coordinates.ok_or_else(|| wrong(kind))? }))
}

fn wrong(kind: &str) -> Error {
    Error::invalid(format!("the coordinates of a {kind} are not nested as GeoJSON has them"))
}

fn plain_coordinates(coordinates: &Value, levels: u8) -> Option<Value> {
    let elements = coordinates.as_array()?;
    if let Some(below) = levels.checked_sub(1) {
        return elements.iter().map(|element| plain_coordinates(element, below)).collect();
    }
    let position: Value = elements.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>()?.into();
    (2..=4).contains(&elements.len()).then_some(position)
}

/// Writes a geometry of [`plain`] as well-known text.
pub(super) fn write(geometry: &Value, out: &mut String) -> fmt::Result {
    let kind = geometry.get("type").and_then(Value::as_str).unwrap_or_default();
    out.push_str(&kind.to_ascii_uppercase());
    if kind == COLLECTION {
        out.push_str(" (");
        for (position, member) in geometry.get("geometries").and_then(Value::as_array).into_iter().flatten().enumerate()
        {
            out.push_str(if position > 0 { ", " } else { "" });
            write(member, out)?;
        }
        out.push(')');
        return Ok(());
    }
    let coordinates = geometry.get("coordinates").unwrap_or(&Value::Null);
    out.push_str(match dimensions(coordinates) {
        3 => " Z ",
        4 => " ZM ",
        _ => " ",
    });
    // A point stands in parentheses of its own.
    if kind == "Point" {
        out.push('(');
        write_coordinates(coordinates, out)?;
        out.push(')');
        return Ok(());
    }
    write_coordinates(coordinates, out)
}

fn dimensions(coordinates: &Value) -> usize {
    match coordinates.as_array().map(Vec::as_slice) {
        Some(position @ [Value::Number(_), ..]) => position.len(),
        Some([first, ..]) => dimensions(first),
        _ => 0,
    }
}

fn write_coordinates(coordinates: &Value, out: &mut String) -> fmt::Result {
    let elements = coordinates.as_array().map(Vec::as_slice).unwrap_or_default();
    if let Some(Value::Number(_)) = elements.first() {
        for (position, number) in elements.iter().enumerate() {
            out.push_str(if position > 0 { " " } else { "" });
            write!(out, "{:?}", number.as_f64().unwrap_or_default())?;
        }
        return Ok(());
    }
    out.push('(');
    for (position, element) in elements.iter().enumerate() {
        out.push_str(if position > 0 { ", " } else { "" });
        write_coordinates(element, out)?;
    }
    out.push(')');
    Ok(())
}
