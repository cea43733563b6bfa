//! Geometries in longitude and latitude, normalised once and compared exactly.
//!
//! Edges are straight in longitude and latitude (RFC 7946 §3.1.1). How footprints that cross ±180 are read is said in
//! the table of rules at the top of `antimeridian.rs`; in short: an edge wider than 180 degrees goes the shorter way,
//! one exactly 360 wide is a whole parallel, a ring that winds round a pole holds the pole.

use geo::{BoundingRect, Coord, CoordsIter, Geometry, LineString, Point, Polygon, Rect};
use serde_json::{Value, json};

use crate::error::ResultExt as _;
use crate::{Error, Result};

mod antimeridian;
mod meets;
mod seam;
pub mod wkb;
mod wkt;
mod written;

pub(crate) use meets::{first_vertex, holds, lines, lines_near};
use written::{Position, Written};

/// A geometry in degrees, as parts of which none crosses the antimeridian.
///
/// Heights are dropped, collections flattened, longitudes brought to [-180, 180], rings closed. There is at least one
/// part.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    parts: Vec<Geometry<f64>>,
    rects: Vec<Rect<f64>>,
    bounds: Rect<f64>,
}

impl Shape {
    /// Reads a GeoJSON geometry (RFC 7946 §3.1).
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] with the reason: no known type, badly nested, a latitude beyond ±90 or a longitude
    /// beyond ±360, too few or too many points, no points at all.
    pub fn from_geojson(geometry: &Value) -> Result<Self> {
        Self::from_written(&Written::from_geojson(geometry)?)
    }

    /// Reads a bbox of 4 or 6 numbers, heights ignored (RFC 7946 §5); west > east crosses the antimeridian.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] for another count, numbers out of range, or south > north.
    pub fn from_bbox(bbox: &[f64]) -> Result<Self> {
        let ([west, south, east, north] | [west, south, _, east, north, _]) = *bbox else {
            return Err(Error::invalid(format!("a bbox must have 4 or 6 numbers, got {}", bbox.len())));
        };
        checked(west, south).and(checked(east, north)).context("bbox", format!("{bbox:?}"))?;
        if south > north {
            return Err(Error::invalid("a bbox must not have its south above its north"));
        }
        let stretches = match (west, east) {
            _ if west <= east && west >= -180.0 && east <= 180.0 => vec![(west, east)],
            _ if east - west >= 360.0 => vec![(-180.0, 180.0)],
            _ => match (antimeridian::wrap(west), antimeridian::wrap(east)) {
                (west, east) if west <= east => vec![(west, east)],
                (west, east) => vec![(west, 180.0), (-180.0, east)],
            },
        };
        Self::from_parts(stretches.into_iter().map(|(west, east)| boxed(west, south, east, north)).collect())
    }

    /// Reads ISO WKB or EWKB.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Corrupt`] for bytes that are not WKB, otherwise as [`from_geojson`](Self::from_geojson).
    pub fn from_wkb(bytes: &[u8]) -> Result<Self> {
        Self::from_written(&wkb::decode(bytes)?)
    }

    /// Reads WKT; heights are dropped.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] for text that is not WKT, otherwise as [`from_geojson`](Self::from_geojson).
    pub fn from_wkt(text: &str) -> Result<Self> {
        Self::from_written(&wkt::parse(text)?)
    }

    /// Whether the two shapes share a point, boundaries included; +180 and -180 are one meridian.
    ///
    /// Exact for straight edges in longitude and latitude. Holds its word for invalid polygons too: what a ring winds
    /// round, in either direction, is inside.
    #[must_use]
    pub fn intersects(&self, other: &Self) -> bool {
        meets::shapes_meet(self, other)
    }

    /// One bounding rectangle for each part, in the same order; none crosses ±180.
    pub fn rects(&self) -> &[Rect<f64>] {
        &self.rects
    }

    /// The bounding rectangle of all parts; as wide as the world for a shape on both sides of the antimeridian.
    pub fn bounds(&self) -> Rect<f64> {
        self.bounds
    }

    /// The parts: points, line strings and polygons.
    pub fn parts(&self) -> &[Geometry<f64>] {
        &self.parts
    }

    /// Positions of all parts.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.parts.iter().map(CoordsIter::coords_count).sum()
    }

    /// The parts as one GeoJSON geometry that any map draws right (RFC 7946 §3.1.9): of one type where they are, otherwise
    /// a collection.
    #[must_use]
    pub fn to_geojson(&self) -> Value {
        parts_to_geojson(&self.parts)
    }

    /// Each part as a shape of its own.
    pub(crate) fn single_parts(&self) -> impl Iterator<Item = Self> {
        let parts = self.parts.iter().zip(&self.rects);
        parts.map(|(part, rect)| Self { parts: vec![part.clone()], rects: vec![*rect], bounds: *rect })
    }

    fn from_written(written: &Written) -> Result<Self> {
        let mut parts = Vec::new();
        flatten(written, &mut parts)?;
        Self::from_parts(parts)
    }

    fn from_parts(parts: Vec<Geometry<f64>>) -> Result<Self> {
        let rects: Option<Vec<_>> = parts.iter().map(BoundingRect::bounding_rect).collect();
        let bounds = rects.as_ref().and_then(|rects| rects.iter().copied().reduce(union));
        match (rects, bounds) {
            (Some(rects), Some(bounds)) => Ok(Self { parts, rects, bounds }),
            _ => Err(Error::invalid("a geometry must have at least one point")),
        }
    }
}

/// Parts as one GeoJSON geometry.
pub(crate) fn parts_to_geojson<'g>(parts: impl IntoIterator<Item = &'g Geometry<f64>>) -> Value {
    let position = |at: &Coord<f64>| json!([at.x, at.y]);
    let line = |line: &LineString<f64>| line.0.iter().map(position).collect::<Value>();
    let (mut points, mut lines, mut polygons) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        match part {
            Geometry::Point(Point(at)) => points.push(position(at)),
            Geometry::LineString(found) => lines.push(line(found)),
            Geometry::Polygon(found) => {
                polygons.push(std::iter::once(found.exterior()).chain(found.interiors()).map(line).collect::<Value>());
            }
            // There are no other parts.
            _ => {}
        }
    }
    let kinds = [("Point", points), ("LineString", lines), ("Polygon", polygons)];
    let mut geometries: Vec<Value> = Vec::new();
    for (name, mut coordinates) in kinds {
        match (coordinates.len(), coordinates.pop()) {
            (1, Some(only)) => geometries.push(json!({ "type": name, "coordinates": only })),
            (_, Some(last)) => {
                coordinates.push(last);
                geometries.push(json!({ "type": format!("Multi{name}"), "coordinates": coordinates }));
            }
            (_, None) => {}
        }
    }
    match (geometries.len(), geometries.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            geometries.extend(last);
            json!({ "type": "GeometryCollection", "geometries": geometries })
        }
    }
}

fn union(a: Rect<f64>, b: Rect<f64>) -> Rect<f64> {
    let least = Coord { x: a.min().x.min(b.min().x), y: a.min().y.min(b.min().y) };
    Rect::new(least, Coord { x: a.max().x.max(b.max().x), y: a.max().y.max(b.max().y) })
}

fn boxed(west: f64, south: f64, east: f64, north: f64) -> Geometry<f64> {
    let (least, most) = (Coord { x: west, y: south }, Coord { x: east, y: north });
    match (west < east, south < north) {
        (true, true) => Geometry::Polygon(Rect::new(least, most).to_polygon()),
        (false, false) => Geometry::Point(Point(least)),
        _ => Geometry::LineString(LineString::new(vec![least, most])),
    }
}

fn flatten(written: &Written, parts: &mut Vec<Geometry<f64>>) -> Result<()> {
    match written {
        Written::Point(None) => Ok(()),
        Written::Point(Some(position)) => flatten_point(position, parts),
        Written::MultiPoint(points) => points.iter().try_for_each(|point| flatten_point(point, parts)),
        Written::LineString(line) => flatten_line(line, parts),
        Written::MultiLineString(lines) => lines.iter().try_for_each(|line| flatten_line(line, parts)),
        Written::Polygon(rings) => flatten_polygon(rings, parts),
        Written::MultiPolygon(polygons) => polygons.iter().try_for_each(|rings| flatten_polygon(rings, parts)),
        Written::GeometryCollection(members) => members.iter().try_for_each(|member| flatten(member, parts)),
    }
}

fn flatten_point(position: &Position, parts: &mut Vec<Geometry<f64>>) -> Result<()> {
    let coord = checked(position.x, position.y)?;
    parts.push(Geometry::Point(Point::new(antimeridian::wrap(coord.x), coord.y)));
    Ok(())
}

fn flatten_line(line: &[Position], parts: &mut Vec<Geometry<f64>>) -> Result<()> {
    let coords = line.iter().map(|position| checked(position.x, position.y)).collect::<Result<Vec<_>>>()?;
    match coords.len() {
        0 => Ok(()),
        1 => Err(Error::invalid("a line string must have at least two points")),
        _ => {
            parts.extend(antimeridian::cut_line(&coords)?.into_iter().map(Geometry::LineString));
            Ok(())
        }
    }
}

fn flatten_polygon(rings: &[Vec<Position>], parts: &mut Vec<Geometry<f64>>) -> Result<()> {
    let rings = rings.iter().map(|ring| closed_ring(ring)).collect::<Result<Vec<_>>>()?;
    if let Some((exterior, interiors)) = rings.split_first() {
        let polygons: Vec<Polygon<f64>> = antimeridian::cut_polygon(exterior, interiors)?;
        parts.extend(polygons.into_iter().map(Geometry::Polygon));
    }
    Ok(())
}

/// A ring of at least four positions, the first repeated at the end (RFC 7946 §3.1.6).
fn closed_ring(ring: &[Position]) -> Result<Vec<Coord<f64>>> {
    let mut coords = ring.iter().map(|position| checked(position.x, position.y)).collect::<Result<Vec<_>>>()?;
    if coords.first() != coords.last() {
        coords.extend(coords.first().copied());
    }
    if coords.len() < 4 {
        return Err(Error::invalid(format!("a ring must have at least four positions, got {}", ring.len())));
    }
    Ok(coords)
}

fn checked(longitude: f64, latitude: f64) -> Result<Coord<f64>> {
    if !(-90.0..=90.0).contains(&latitude) {
        return Err(Error::invalid(format!("latitude `{latitude}` is not between -90 and 90")));
    }
    if !(-360.0..=360.0).contains(&longitude) {
        return Err(Error::invalid(format!("longitude `{longitude}` is not between -360 and 360")));
    }
    Ok(Coord { x: longitude, y: latitude })
}
