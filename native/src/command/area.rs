//! The flags that say where, when and by what, as a query.

use std::fs;
use std::io::Read as _;

use earthcatalog_core::cql2::Expression;
use earthcatalog_core::geometry::Shape;
use earthcatalog_core::query::{Query, TemporalRule};
use earthcatalog_core::{Error, ErrorKind, Result, limits};
use serde_json::{Value, json};

use super::Failure;
use crate::cli::{Area, Filter, TemporalArgument, Time};

/// Largest file taken for `--intersects`: a million points with room to spare.
const FILE_BYTES: u64 = 256 << 20;

/// The query of `--bbox`, `--intersects`, `--datetime` and `--temporal`.
pub(super) fn query(area: &Area, time: &Time) -> Result<Query, Failure> {
    let mut query = Query::new().temporal(match time.temporal {
        TemporalArgument::Overlap => TemporalRule::Overlap,
        TemporalArgument::Datetime => TemporalRule::Datetime,
    });
    if let Some(shape) = shape(area)? {
        query = query.area(shape)?;
    }
    if let Some(datetime) = &time.datetime {
        query = query.datetime(datetime).map_err(Failure::of_flag("--datetime"))?;
    }
    Ok(query)
}

/// The query with what `--filter` says.
pub(super) fn filtered(query: Query, filter: &Filter) -> Result<Query, Failure> {
    let Some(text) = &filter.filter else { return Ok(query) };
    let filter = read_if_file(text).and_then(|text| Expression::parse(text.trim_start_matches('\u{feff}')));
    Ok(query.filter(filter.map_err(Failure::of_flag("--filter"))?))
}

/// The shape of `--bbox` or `--intersects`, if one was given.
pub(super) fn shape(area: &Area) -> Result<Option<Shape>, Failure> {
    if let Some(bbox) = &area.bbox {
        let shape = parse_bbox(bbox).and_then(|numbers| Shape::from_bbox(&numbers));
        return shape.map(Some).map_err(Failure::of_flag("--bbox"));
    }
    let Some(text) = &area.intersects else { return Ok(None) };
    let shape = read_if_file(text).and_then(|text| parse_geometry(&text));
    shape.map(Some).map_err(Failure::of_flag("--intersects"))
}

fn parse_bbox(text: &str) -> Result<Vec<f64>> {
    let number = |word: &str| word.trim().parse().map_err(|_| Error::invalid(format!("`{word}` is not a number")));
    text.split(',').map(number).collect()
}

/// `@FILE` is the file's text, `@-` that of stdin; everything else stands for itself.
fn read_if_file(text: &str) -> Result<String> {
    let Some(name) = text.strip_prefix('@') else { return Ok(text.to_owned()) };
    let mut read = String::new();
    let result = if name == "-" {
        std::io::stdin().lock().take(FILE_BYTES).read_to_string(&mut read)
    } else {
        fs::File::open(name).and_then(|file| file.take(FILE_BYTES).read_to_string(&mut read))
    };
    match result {
        Ok(_) => Ok(read),
        Err(error) => Err(Error::new(ErrorKind::NotFound, format!("cannot read `{name}`")).caused_by(error)),
    }
}

fn parse_geometry(text: &str) -> Result<Shape> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if !text.starts_with('{') {
        return Shape::from_wkt(text);
    }
    let value = serde_json::from_str(text).map_err(|error| Error::invalid("not JSON").caused_by(error))?;
    Shape::from_geojson(&geometry_of(value, 0)?)
}

/// The geometry of a Feature, the geometries of a `FeatureCollection` as one, a geometry as it is.
fn geometry_of(value: Value, depth: usize) -> Result<Value> {
    if depth > limits::DEPTH {
        return Err(Error::invalid("collections are nested too deeply"));
    }
    let Value::Object(mut object) = value else { return Err(Error::invalid("GeoJSON is an object")) };
    let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
    match kind {
        "Feature" => match object.remove("geometry") {
            Some(geometry @ Value::Object(_)) => Ok(geometry),
            _ => Err(Error::invalid("the feature has no geometry")),
        },
        "FeatureCollection" => {
            let Some(Value::Array(features)) = object.remove("features") else {
                return Err(Error::invalid("a FeatureCollection needs `features`"));
            };
            let geometries = features.into_iter().map(|feature| geometry_of(feature, depth + 1));
            let geometries = geometries.collect::<Result<Vec<_>>>()?;
            Ok(json!({ "type": "GeometryCollection", "geometries": geometries }))
        }
        _ => Ok(Value::Object(object)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_collection_is_all_its_geometries() {
        let point = json!({ "type": "Point", "coordinates": [1, 2] });
        let feature = json!({ "type": "Feature", "geometry": point, "properties": {} });
        assert_eq!(geometry_of(feature.clone(), 0).unwrap(), point);
        let collection = json!({ "type": "FeatureCollection", "features": [feature, feature] });
        let all = json!({ "type": "GeometryCollection", "geometries": [point, point] });
        assert_eq!(geometry_of(collection, 0).unwrap(), all);
    }

    #[test]
    fn a_box_is_numbers() {
        assert_eq!(parse_bbox("-60, 60,-40,70.5").unwrap(), [-60.0, 60.0, -40.0, 70.5]);
        assert!(parse_bbox("a,b").is_err());
        assert!(parse_bbox("").is_err());
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read_if_file("@/there/is/none").unwrap_err();
        assert!(error.to_string().contains("/there/is/none"));
    }
}
