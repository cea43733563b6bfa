//! A geometry as it is written in GeoJSON, WKB or WKT: every number kept, nothing normalised.

use serde_json::{Map, Value, json};

use crate::{Error, Result, limits};

/// Deepest nesting of collections, which RFC 7946 §3.1.8 advises against altogether. Reading recurses.
pub(crate) const COLLECTION_DEPTH: usize = 32;

/// One position; an absent `z` or `m` is NaN, as WKB writes it among positions that have one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) z: f64,
    pub(crate) m: f64,
}

/// The seven geometry types of RFC 7946 §3.1; an empty point has no position.
#[derive(Clone, Debug)]
pub(crate) enum Written {
    Point(Option<Position>),
    LineString(Vec<Position>),
    Polygon(Vec<Vec<Position>>),
    MultiPoint(Vec<Position>),
    MultiLineString(Vec<Vec<Position>>),
    MultiPolygon(Vec<Vec<Vec<Position>>>),
    GeometryCollection(Vec<Self>),
}

impl Written {
    /// Reads a GeoJSON geometry object (RFC 7946 §3.1).
    pub(crate) fn from_geojson(geometry: &Value) -> Result<Self> {
        GeoJsonReader { points: 0 }.geometry(geometry, 0)
    }

    /// Writes a GeoJSON geometry object.
    pub(crate) fn to_geojson(&self) -> Value {
        let coordinates = match self {
            Self::Point(position) => position.map_or_else(|| json!([]), Position::to_geojson),
            Self::LineString(line) | Self::MultiPoint(line) => positions_to_geojson(line),
            Self::Polygon(lines) | Self::MultiLineString(lines) => lines_to_geojson(lines),
            Self::MultiPolygon(polygons) => polygons.iter().map(|rings| lines_to_geojson(rings)).collect(),
            Self::GeometryCollection(members) => {
                let members: Vec<Value> = members.iter().map(Self::to_geojson).collect();
                return json!({"type": self.type_name(), "geometries": members});
            }
        };
        json!({"type": self.type_name(), "coordinates": coordinates})
    }

    fn type_name(&self) -> &'static str {
        match self {
            Self::Point(_) => "Point",
            Self::LineString(_) => "LineString",
            Self::Polygon(_) => "Polygon",
            Self::MultiPoint(_) => "MultiPoint",
            Self::MultiLineString(_) => "MultiLineString",
            Self::MultiPolygon(_) => "MultiPolygon",
            Self::GeometryCollection(_) => "GeometryCollection",
        }
    }

    /// Calls `visit` with every position.
    pub(crate) fn each_position(&self, visit: &mut impl FnMut(&Position)) {
        match self {
            Self::Point(position) => position.iter().for_each(visit),
            Self::LineString(line) | Self::MultiPoint(line) => line.iter().for_each(visit),
            Self::Polygon(lines) | Self::MultiLineString(lines) => lines.iter().flatten().for_each(visit),
            Self::MultiPolygon(polygons) => polygons.iter().flatten().flatten().for_each(visit),
            Self::GeometryCollection(members) => members.iter().for_each(|member| member.each_position(visit)),
        }
    }
}

impl Position {
    fn to_geojson(self) -> Value {
        let mut numbers = vec![self.x, self.y];
        // A measure without a height has no place in GeoJSON: the third number is the height (RFC 7946 §3.1.1).
        numbers.extend([self.z, self.m].into_iter().take_while(|number| !number.is_nan()));
        numbers.into()
    }
}

fn positions_to_geojson(line: &[Position]) -> Value {
    line.iter().map(|position| position.to_geojson()).collect()
}

fn lines_to_geojson(lines: &[Vec<Position>]) -> Value {
    lines.iter().map(|line| positions_to_geojson(line)).collect()
}

/// Counts positions while it reads.
struct GeoJsonReader {
    points: usize,
}

impl GeoJsonReader {
    fn geometry(&mut self, geometry: &Value, depth: usize) -> Result<Written> {
        if depth > COLLECTION_DEPTH {
            return Err(Error::invalid("geometry collections are nested too deep"));
        }
        let object = geometry.as_object().ok_or_else(|| Error::invalid("a geometry must be a JSON object"))?;
        let name = object.get("type").and_then(Value::as_str);
        let name = name.ok_or_else(|| Error::invalid("a geometry must have a `type`"))?;
        if name == "GeometryCollection" {
            let members = array(object, "geometries")?;
            let members = members.iter().map(|member| self.geometry(member, depth + 1));
            return members.collect::<Result<_>>().map(Written::GeometryCollection);
        }
        let coordinates = || array(object, "coordinates");
        Ok(match name {
            "Point" if coordinates()?.is_empty() => Written::Point(None),
            "Point" => Written::Point(Some(self.position(coordinates()?)?)),
            "LineString" => Written::LineString(self.line(coordinates()?)?),
            "Polygon" => Written::Polygon(self.lines(coordinates()?)?),
            "MultiPoint" => Written::MultiPoint(self.line(coordinates()?)?),
            "MultiLineString" => Written::MultiLineString(self.lines(coordinates()?)?),
            "MultiPolygon" => {
                let polygons = coordinates()?.iter().map(|polygon| self.lines(nested(polygon)?));
                Written::MultiPolygon(polygons.collect::<Result<_>>()?)
            }
            other => return Err(Error::invalid(format!("`{other}` is not a geometry type"))),
        })
    }

    fn lines(&mut self, lines: &[Value]) -> Result<Vec<Vec<Position>>> {
        lines.iter().map(|line| self.line(nested(line)?)).collect()
    }

    fn line(&mut self, positions: &[Value]) -> Result<Vec<Position>> {
        positions.iter().map(|position| self.position(nested(position)?)).collect()
    }

    /// More than four numbers are ignored (RFC 7946 §3.1.1 discourages more than three).
    fn position(&mut self, numbers: &[Value]) -> Result<Position> {
        self.points += 1;
        if self.points > limits::GEOMETRY_POINTS {
            return Err(Error::invalid(format!(
                "a geometry must not have more than {} points",
                limits::GEOMETRY_POINTS
            )));
        }
        let number = |at: usize| match numbers.get(at) {
            None => Ok(f64::NAN),
            Some(value) => match value.as_f64() {
                Some(number) if number.is_finite() => Ok(number),
                _ => Err(Error::invalid(format!("a coordinate must be a finite number, got `{value}`"))),
            },
        };
        if numbers.len() < 2 {
            return Err(Error::invalid(format!("a position must have two numbers, got {}", numbers.len())));
        }
        Ok(Position { x: number(0)?, y: number(1)?, z: number(2)?, m: number(3)? })
    }
}

fn array<'a>(object: &'a Map<String, Value>, key: &str) -> Result<&'a [Value]> {
    let list = object.get(key).and_then(Value::as_array);
    list.map(Vec::as_slice).ok_or_else(|| Error::invalid(format!("a geometry must have an array `{key}`")))
}

fn nested(value: &Value) -> Result<&[Value]> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| Error::invalid("coordinates are not nested as the type asks"))
}
