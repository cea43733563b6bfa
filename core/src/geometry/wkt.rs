//! Well-known text, as people type it.

use wkt::Wkt;
use wkt::types::{Coord, LineString, Polygon};

use super::written::{COLLECTION_DEPTH, Position, Written};
use crate::{Error, Result, limits};

/// Reads WKT.
pub(super) fn parse(text: &str) -> Result<Written> {
    // The parser descends once per bracket.
    let depth = text.chars().scan(0_usize, |depth, letter| {
        match letter {
            '(' => *depth += 1,
            ')' => *depth = depth.saturating_sub(1),
            _ => {}
        }
        Some(*depth)
    });
    if depth.max().unwrap_or_default() > COLLECTION_DEPTH || text.len() > limits::ITEM_BYTES {
        return Err(Error::invalid("WKT is too long or nested too deep"));
    }
    let geometry: Wkt<f64> = text.parse().map_err(|reason| Error::invalid(format!("not WKT: {reason}")))?;
    Ok(written(&geometry))
}

fn written(geometry: &Wkt<f64>) -> Written {
    match geometry {
        Wkt::Point(point) => Written::Point(point.coord().map(position)),
        Wkt::LineString(line) => Written::LineString(positions(line)),
        Wkt::Polygon(polygon) => Written::Polygon(rings(polygon)),
        Wkt::MultiPoint(points) => {
            Written::MultiPoint(points.points().iter().filter_map(|point| point.coord().map(position)).collect())
        }
        Wkt::MultiLineString(lines) => Written::MultiLineString(lines.line_strings().iter().map(positions).collect()),
        Wkt::MultiPolygon(polygons) => Written::MultiPolygon(polygons.polygons().iter().map(rings).collect()),
        Wkt::GeometryCollection(members) => {
            Written::GeometryCollection(members.geometries().iter().map(written).collect())
        }
    }
}

fn rings(polygon: &Polygon<f64>) -> Vec<Vec<Position>> {
    polygon.rings().iter().map(positions).collect()
}

fn positions(line: &LineString<f64>) -> Vec<Position> {
    line.coords().iter().map(position).collect()
}

fn position(coord: &Coord<f64>) -> Position {
    Position { x: coord.x, y: coord.y, z: coord.z.unwrap_or(f64::NAN), m: coord.m.unwrap_or(f64::NAN) }
}
