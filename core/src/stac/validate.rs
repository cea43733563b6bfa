//! What is taken for a valid STAC item, and why something is not.

use std::io;

use serde_json::{Map, Value};

use super::schema;
use crate::error::ResultExt as _;
use crate::geometry::{Shape, wkb};
use crate::query::datetime::instant_of_item;
use crate::{Error, Result, limits};

/// Deepest nesting of an item: a patch adds levels of its own, and must still be within [`limits::DEPTH`].
const DEPTH: usize = limits::DEPTH - 8;

/// Latitudes up to this one are taken for the pole: the outer edge of a global grid's pixels, half a pixel beyond it.
const OVERSHOOT: f64 = 91.0;

/// An item that can be stored, found and given back as it is, with what deciding about it needs.
///
/// Only what STAC forbids or what no search could find is refused. Everything else goes in as it is: null geometry,
/// null datetime, members and properties of any name and type, any `stac_version`.
#[derive(Clone, Debug)]
pub struct ValidItem {
    /// The item as it was given.
    pub item: Value,
    /// Its id, not empty.
    pub id: String,
    /// Its collection, if it is a text.
    pub collection: Option<String>,
    /// Its geometry for comparisons; `None` for a null geometry.
    pub shape: Option<Shape>,
    /// `properties.datetime` in µs since 1970.
    pub datetime_us: Option<i64>,
    /// `properties.start_datetime` in µs since 1970.
    pub start_us: Option<i64>,
    /// `properties.end_datetime` in µs since 1970.
    pub end_us: Option<i64>,
    /// The geometry as ISO WKB: rings closed, one dimension, no latitude beyond the poles.
    pub wkb: Option<Vec<u8>>,
    /// Bounds of the geometry both as written, in the plane, and as searched, on the globe: xmin, ymin, xmax, ymax.
    ///
    /// A ring from 179° to -179° spans -179..179 as written, yet is found at 179.5°; pruning by either alone would lose
    /// an item for some reader.
    pub bounds: Option<[f64; 4]>,
    /// The length of the item as JSON.
    pub size_bytes: usize,
}

impl ValidItem {
    /// Reads an item from JSON text.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] with the reason, for text that is not JSON and as [`Self::from_value`].
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        check_size(bytes.len())?;
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let item = serde_json::from_slice(bytes).map_err(|error| Error::invalid("not JSON").caused_by(error))?;
        Self::from_value(item)
    }

    /// Checks a JSON value.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] with the reason: not a Feature; `id` not a text or empty; no `stac_version`; a
    /// geometry that is not in longitude and latitude; properties that are not an object; a datetime that is not RFC
    /// 3339; a bbox that is not an array; larger or deeper than the limits.
    pub fn from_value(item: Value) -> Result<Self> {
        check_depth(&item)?;
        let size_bytes = json_length(&item)?;
        check_size(size_bytes)?;
        let Value::Object(members) = &item else {
            return Err(Error::invalid("not a JSON object"));
        };
        if members.get(schema::TYPE).and_then(Value::as_str) != Some("Feature") {
            return Err(Error::invalid("`type` is not `Feature`"));
        }
        let id = text(members, schema::ID)?;
        if id.is_empty() {
            return Err(Error::invalid("`id` is empty"));
        }
        text(members, schema::STAC_VERSION).context("id", &id)?;
        let properties = object(members, "properties").context("id", &id)?;
        let instant = |name| instant(properties, name).context("id", &id);
        let (datetime_us, start_us) = (instant(schema::DATETIME)?, instant(schema::START_DATETIME)?);
        let end_us = instant(schema::END_DATETIME)?;
        if !matches!(members.get(schema::BBOX), None | Some(Value::Null | Value::Array(_))) {
            return Err(Error::invalid("`bbox` is not an array").with("id", id));
        }
        let geometry = members.get(schema::GEOMETRY).filter(|geometry| !geometry.is_null());
        let footprint = geometry.map(footprint).transpose().context("id", &id)?;
        let (shape, wkb, bounds) =
            footprint.map_or((None, None, None), |(shape, wkb, bounds)| (Some(shape), Some(wkb), bounds));
        let collection = members.get(schema::COLLECTION).and_then(Value::as_str).map(str::to_owned);
        Ok(Self { item, id, collection, shape, datetime_us, start_us, end_us, wkb, bounds, size_bytes })
    }
}

fn check_size(size_bytes: usize) -> Result<()> {
    if size_bytes > limits::ITEM_BYTES {
        return Err(Error::invalid(format!("{size_bytes} bytes, more than the limit of {}", limits::ITEM_BYTES)));
    }
    Ok(())
}

fn check_depth(item: &Value) -> Result<()> {
    let mut level = vec![item];
    for _ in 0..DEPTH {
        let mut below = Vec::new();
        for value in level {
            match value {
                Value::Array(elements) => below.extend(elements),
                Value::Object(members) => below.extend(members.values()),
                _ => {}
            }
        }
        if below.is_empty() {
            return Ok(());
        }
        level = below;
    }
    Err(Error::invalid(format!("nested deeper than {DEPTH} levels")))
}

/// The length of the compact JSON text, without making it.
fn json_length(value: &Value) -> Result<usize> {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, value).map_err(|error| Error::invalid("not JSON").caused_by(error))?;
    Ok(count.0)
}

fn text(members: &Map<String, Value>, name: &str) -> Result<String> {
    match members.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(Error::invalid(format!("`{name}` is not a string"))),
        None => Err(Error::invalid(format!("`{name}` is missing"))),
    }
}

fn object<'a>(members: &'a Map<String, Value>, name: &str) -> Result<&'a Map<String, Value>> {
    match members.get(name) {
        Some(Value::Object(object)) => Ok(object),
        Some(_) => Err(Error::invalid(format!("`{name}` is not an object"))),
        None => Err(Error::invalid(format!("`{name}` is missing"))),
    }
}

fn instant(properties: &Map<String, Value>, name: &'static str) -> Result<Option<i64>> {
    match properties.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => instant_of_item(text).map(Some).map_err(|error| {
            Error::invalid(format!("`properties.{name}` is not an RFC 3339 date-time: `{text}`")).caused_by(error)
        }),
        Some(_) => Err(Error::invalid(format!("`properties.{name}` is not a string"))),
    }
}

fn footprint(geometry: &Value) -> Result<(Shape, Vec<u8>, Option<[f64; 4]>)> {
    let invalid = |error| Error::invalid("`geometry` is not valid").caused_by(error);
    let plain = plain_geometry(geometry, three_dimensional(geometry))
        .ok_or_else(|| Error::invalid("`geometry` is not valid"))?;
    let shape = Shape::from_geojson(&plain).map_err(invalid)?;
    let mut bounds = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
    positions(&plain, &mut |position| {
        if let [Some(x), Some(y)] = [position.first().and_then(Value::as_f64), position.get(1).and_then(Value::as_f64)]
        {
            stretch(&mut bounds, x, y);
        }
    });
    for corner in [shape.bounds().min(), shape.bounds().max()] {
        stretch(&mut bounds, corner.x, corner.y);
    }
    let wkb = wkb::encode_geojson(&plain).map_err(invalid)?;
    Ok((shape, wkb, bounds.iter().all(|bound| bound.is_finite()).then_some(bounds)))
}

fn stretch(bounds: &mut [f64; 4], x: f64, y: f64) {
    let [xmin, ymin, xmax, ymax] = bounds;
    (*xmin, *xmax) = (xmin.min(x), xmax.max(x));
    (*ymin, *ymax) = (ymin.min(y), ymax.max(y));
}

/// Calls `visit` with each position of a geometry.
pub(crate) fn positions<'a>(geometry: &'a Value, visit: &mut impl FnMut(&'a [Value])) {
    fn walk<'a>(value: &'a Value, visit: &mut impl FnMut(&'a [Value])) {
        match value.as_array().map(Vec::as_slice) {
            Some(position @ [Value::Number(_), ..]) => visit(position),
            Some(elements) => elements.iter().for_each(|element| walk(element, visit)),
            None => {}
        }
    }
    if let Some(coordinates) = geometry.get("coordinates") {
        walk(coordinates, visit);
    }
    for member in geometry.get("geometries").and_then(Value::as_array).into_iter().flatten() {
        positions(member, visit);
    }
}

/// Whether every position has a height.
pub(crate) fn three_dimensional(geometry: &Value) -> bool {
    let mut all = true;
    positions(geometry, &mut |position| all &= position.len() >= 3);
    all
}

/// The geometry as WKB can say it, so that others' readers take it: every ring closed, every position of the same
/// dimension, none beyond the poles, no members but `type` and `coordinates`.
pub(crate) fn plain_geometry(geometry: &Value, three_dimensional: bool) -> Option<Value> {
    let kind = geometry.get("type")?.as_str()?;
    let mut plain = Map::new();
    plain.insert("type".into(), kind.into());
    if let Some(members) = geometry.get("geometries").and_then(Value::as_array).filter(|_| kind == "GeometryCollection")
    {
        let members = members.iter().map(|member| plain_geometry(member, three_dimensional));
        plain.insert("geometries".into(), members.collect::<Option<Vec<_>>>()?.into());
        return Some(Value::Object(plain));
    }
    let dimensions = if three_dimensional { 3 } else { 2 };
    let ring_level = match kind {
        "Polygon" => Some(1),
        "MultiPolygon" => Some(2),
        _ => None,
    };
    plain.insert("coordinates".into(), plain_coordinates(geometry.get("coordinates")?, dimensions, ring_level));
    Some(Value::Object(plain))
}

/// `ring_level` is how many arrays further down a ring is, if the geometry has any.
fn plain_coordinates(coordinates: &Value, dimensions: usize, ring_level: Option<usize>) -> Value {
    let Some(elements) = coordinates.as_array() else { return coordinates.clone() };
    if let Some(Value::Number(_)) = elements.first() {
        return plain_position(elements, dimensions).into();
    }
    let below = ring_level.and_then(|level| level.checked_sub(1));
    let mut plain: Vec<Value> = elements.iter().map(|element| plain_coordinates(element, dimensions, below)).collect();
    if ring_level == Some(0) && plain.first() != plain.last() {
        plain.extend(plain.first().cloned());
    }
    Value::Array(plain)
}

fn plain_position(position: &[Value], dimensions: usize) -> Vec<Value> {
    let mut plain: Vec<Value> = position.iter().take(dimensions).cloned().collect();
    if let Some(latitude) = plain.get_mut(1)
        && let Some(degrees) = latitude.as_f64().filter(|degrees| degrees.abs() > 90.0 && degrees.abs() <= OVERSHOOT)
    {
        *latitude = degrees.clamp(-90.0, 90.0).into();
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use serde_json::json;

    fn item() -> Value {
        json!({
            "type": "Feature", "stac_version": "1.0.0", "id": "a", "geometry": null,
            "properties": { "datetime": null }, "links": [], "assets": {}
        })
    }

    fn refused(pointer: &str, value: Value) -> String {
        let mut item = item();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        item.pointer_mut(parent).unwrap()[name] = value;
        let error = ValidItem::from_value(item).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        error.to_string()
    }

    #[test]
    fn what_stac_forbids_is_refused_with_its_reason() {
        assert_eq!(refused("/type", json!("Collection")), "`type` is not `Feature`");
        assert_eq!(refused("/id", json!(7)), "`id` is not a string");
        assert_eq!(refused("/id", json!("")), "`id` is empty");
        assert_eq!(refused("/stac_version", Value::Null), "`stac_version` is not a string (id: a)");
        assert_eq!(refused("/properties", Value::Null), "`properties` is not an object (id: a)");
        assert_eq!(refused("/bbox", json!("x")), "`bbox` is not an array (id: a)");
        assert!(refused("/properties/datetime", json!("2020-13-01")).contains("not an RFC 3339"));
        assert!(refused("/properties/start_datetime", json!(1)).contains("not a string"));
        assert!(
            refused("/geometry", json!({ "type": "Point", "coordinates": [500_000, 4_000_000] })).contains("geometry")
        );
    }

    #[test]
    fn a_datetime_without_offset_or_time_is_in_utc() {
        let noon = instant_of_item("2020-01-01T12:00:00Z").unwrap();
        assert_eq!(instant_of_item("2020-01-01T12:00:00").unwrap(), noon);
        assert_eq!(instant_of_item("2020-01-01 12:00:00.0").unwrap(), noon);
        assert_eq!(instant_of_item("2020-01-01").unwrap(), noon - 12 * 3_600_000_000);
    }

    #[test]
    fn text_that_is_no_item_is_refused() {
        for text in ["", "[]", "null", "{\"type\": \"Feature\"", "{}", "\u{0}"] {
            assert_eq!(ValidItem::parse(text.as_bytes()).unwrap_err().kind(), ErrorKind::Invalid);
        }
        let deep = format!("{}1{}", "[".repeat(127), "]".repeat(127));
        let mut nested = item();
        nested["properties"]["deep"] = serde_json::from_str(&deep).unwrap();
        assert!(ValidItem::from_value(nested).unwrap_err().message().contains("nested deeper"));
    }

    #[test]
    fn unusual_but_valid_items_are_taken() {
        let mut unusual = item();
        unusual["properties"] = json!({});
        unusual["links"] = json!({});
        unusual.as_object_mut().unwrap().remove("geometry");
        let unusual = ValidItem::from_value(unusual).unwrap();
        assert_eq!((unusual.shape, unusual.datetime_us, unusual.bounds), (None, None, None));
    }

    #[test]
    fn bounds_hold_for_the_geometry_as_written_and_as_searched() {
        let bounds = |coordinates: Value| {
            let mut item = item();
            item["geometry"] = json!({ "type": "Polygon", "coordinates": [coordinates] });
            json!(ValidItem::from_value(item).unwrap().bounds)
        };
        assert_eq!(bounds(json!([[1, 2], [3, 2], [3, 5], [1, 2]])), json!([1.0, 2.0, 3.0, 5.0]));
        assert_eq!(
            bounds(json!([[179, 0], [-179, 0], [-179, 1], [179, 1], [179, 0]])),
            json!([-180.0, 0.0, 180.0, 1.0])
        );
        assert_eq!(bounds(json!([[170, 0], [190, 0], [190, 1], [170, 1], [170, 0]])), json!([-180.0, 0.0, 190.0, 1.0]));
        let round_the_pole = bounds(json!([[-120, 80], [0, 80], [120, 80], [-120, 80]]));
        assert_eq!(round_the_pole, json!([-180.0, 80.0, 180.0, 90.0]));
    }

    #[test]
    fn rings_are_closed_and_mixed_dimensions_dropped_before_wkb() {
        let ring = json!([[[0, 0, 5], [1, 0], [1, 1, 5, 9]]]);
        let geometry = json!({ "type": "Polygon", "coordinates": ring, "bbox": [1] });
        assert_eq!(
            plain_geometry(&geometry, three_dimensional(&geometry)).unwrap(),
            json!({ "type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]] })
        );
        let beyond = json!({ "type": "Point", "coordinates": [0, -90.125] });
        assert_eq!(plain_geometry(&beyond, false).unwrap()["coordinates"], json!([0, -90.0]));
        let points = json!({ "type": "MultiPoint", "coordinates": [[0, 0, 5], [1, 1, 6, 7]] });
        assert_eq!(
            plain_geometry(&points, three_dimensional(&points)).unwrap()["coordinates"],
            json!([[0, 0, 5], [1, 1, 6]])
        );
    }
}
