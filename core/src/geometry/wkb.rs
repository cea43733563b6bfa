//! Well-known binary to GeoJSON and back, without loss.
//!
//! Written: ISO 13249-3 WKB (types + 1000 for Z, + 3000 for ZM), little endian. Read: that, big endian, and EWKB
//! (high bits for Z, M and an SRID, which is ignored). Where only some positions have a third number the others
//! get NaN, so that they come back with two.

use serde_json::Value;

use super::written::{COLLECTION_DEPTH, Position, Written};
use crate::{Error, Result, limits};

const EWKB_Z: u32 = 0x8000_0000;
const EWKB_M: u32 = 0x4000_0000;
const EWKB_SRID: u32 = 0x2000_0000;
/// Byte order and type: the shortest member of a multi-geometry, before its own count.
const HEADER_BYTES: usize = 5;
const COUNT_BYTES: usize = 4;

/// Writes a GeoJSON geometry as ISO WKB, little endian, with every number as it is.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] if it is no geometry.
pub fn encode_geojson(geometry: &Value) -> Result<Vec<u8>> {
    let geometry = Written::from_geojson(geometry)?;
    let mut dimensions = Dimensions { z: false, m: false };
    geometry.each_position(&mut |position| {
        dimensions.z |= !position.z.is_nan();
        dimensions.m |= !position.m.is_nan();
    });
    let mut writer = Writer { bytes: Vec::new(), dimensions };
    writer.geometry(&geometry)?;
    Ok(writer.bytes)
}

/// Reads ISO WKB or EWKB as a GeoJSON geometry.
///
/// A fourth number (M) is kept if there is a third; alone it is dropped.
///
/// # Errors
/// [`crate::ErrorKind::Corrupt`] with the offset, for bytes that are not one whole WKB geometry.
pub fn decode_to_geojson(bytes: &[u8]) -> Result<Value> {
    decode(bytes).map(|geometry| geometry.to_geojson())
}

/// Reads one whole WKB geometry.
pub(super) fn decode(bytes: &[u8]) -> Result<Written> {
    let mut reader = Reader { bytes, offset: 0, big_endian: false, points: 0 };
    let geometry = reader.geometry(0, None)?;
    if reader.offset != bytes.len() {
        return Err(reader.corrupt("bytes after the end of the WKB geometry"));
    }
    Ok(geometry)
}

#[derive(Clone, Copy)]
struct Dimensions {
    z: bool,
    m: bool,
}

impl Dimensions {
    fn position_bytes(self) -> usize {
        16 + 8 * (usize::from(self.z) + usize::from(self.m))
    }
}

struct Writer {
    bytes: Vec<u8>,
    dimensions: Dimensions,
}

impl Writer {
    fn geometry(&mut self, geometry: &Written) -> Result<()> {
        match geometry {
            Written::Point(position) => {
                let empty = Position { x: f64::NAN, y: f64::NAN, z: f64::NAN, m: f64::NAN };
                self.point(position.as_ref().unwrap_or(&empty));
                Ok(())
            }
            Written::LineString(line) => {
                self.header(2);
                self.line(line)
            }
            Written::Polygon(rings) => self.polygon(rings),
            Written::MultiPoint(points) => {
                self.header(4);
                self.count(points.len())?;
                for point in points {
                    self.point(point);
                }
                Ok(())
            }
            Written::MultiLineString(lines) => {
                self.header(5);
                self.count(lines.len())?;
                lines.iter().try_for_each(|line| {
                    self.header(2);
                    self.line(line)
                })
            }
            Written::MultiPolygon(polygons) => {
                self.header(6);
                self.count(polygons.len())?;
                polygons.iter().try_for_each(|rings| self.polygon(rings))
            }
            Written::GeometryCollection(members) => {
                self.header(7);
                self.count(members.len())?;
                members.iter().try_for_each(|member| self.geometry(member))
            }
        }
    }

    fn header(&mut self, code: u32) {
        let code = code + 1000 * u32::from(self.dimensions.z) + 2000 * u32::from(self.dimensions.m);
        self.bytes.push(1);
        self.bytes.extend(code.to_le_bytes());
    }

    fn count(&mut self, count: usize) -> Result<()> {
        let count = u32::try_from(count).map_err(|_| Error::invalid("a geometry has too many members"))?;
        self.bytes.extend(count.to_le_bytes());
        Ok(())
    }

    fn point(&mut self, position: &Position) {
        self.header(1);
        self.position(position);
    }

    fn polygon(&mut self, rings: &[Vec<Position>]) -> Result<()> {
        self.header(3);
        self.count(rings.len())?;
        rings.iter().try_for_each(|ring| self.line(ring))
    }

    fn line(&mut self, line: &[Position]) -> Result<()> {
        self.count(line.len())?;
        for position in line {
            self.position(position);
        }
        Ok(())
    }

    fn position(&mut self, position: &Position) {
        let Dimensions { z, m } = self.dimensions;
        let numbers = [(position.x, true), (position.y, true), (position.z, z), (position.m, m)];
        for (number, _) in numbers.into_iter().filter(|(_, kept)| *kept) {
            self.bytes.extend(number.to_le_bytes());
        }
    }
}

/// Reads forward; every count is checked against the bytes that are left before anything is allocated.
struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
    big_endian: bool,
    points: usize,
}

impl Reader<'_> {
    /// `expected` is the type that a multi-geometry demands of its members.
    fn geometry(&mut self, depth: usize, expected: Option<u32>) -> Result<Written> {
        if depth > COLLECTION_DEPTH {
            return Err(self.corrupt("WKB geometry collections are nested too deep"));
        }
        let (code, dimensions) = self.header()?;
        if expected.is_some_and(|expected| expected != code) {
            return Err(self.corrupt(format!("member of WKB type {code} in a multi-geometry of another type")));
        }
        Ok(match code {
            1 => Written::Point(self.point(dimensions)?),
            2 => Written::LineString(self.line(dimensions)?),
            3 => Written::Polygon(self.lines(dimensions)?),
            4 => {
                let count = self.count(HEADER_BYTES + dimensions.position_bytes())?;
                let mut points = Vec::with_capacity(count);
                for _ in 0..count {
                    match self.geometry(depth + 1, Some(1))? {
                        Written::Point(Some(position)) => points.push(position),
                        _ => return Err(self.corrupt("empty point in a WKB multi-point")),
                    }
                }
                Written::MultiPoint(points)
            }
            5 => Written::MultiLineString(self.members(depth, 2, |member| match member {
                Written::LineString(line) => Some(line),
                _ => None,
            })?),
            6 => Written::MultiPolygon(self.members(depth, 3, |member| match member {
                Written::Polygon(rings) => Some(rings),
                _ => None,
            })?),
            7 => {
                let count = self.count(HEADER_BYTES + COUNT_BYTES)?;
                let members = (0..count).map(|_| self.geometry(depth + 1, None));
                Written::GeometryCollection(members.collect::<Result<_>>()?)
            }
            other => return Err(self.corrupt(format!("WKB type {other} is not a geometry of GeoJSON"))),
        })
    }

    fn members<T>(&mut self, depth: usize, code: u32, inner: impl Fn(Written) -> Option<T>) -> Result<Vec<T>> {
        let count = self.count(HEADER_BYTES + COUNT_BYTES)?;
        (0..count).filter_map(|_| self.geometry(depth + 1, Some(code)).map(&inner).transpose()).collect()
    }

    fn header(&mut self) -> Result<(u32, Dimensions)> {
        self.big_endian = match self.take::<1>()? {
            [0] => true,
            [1] => false,
            [other] => return Err(self.corrupt(format!("`{other}` is not a WKB byte order"))),
        };
        let code = self.integer()?;
        if code & EWKB_SRID != 0 {
            self.integer()?;
        }
        let plain = code & !(EWKB_Z | EWKB_M | EWKB_SRID);
        let thousands = plain / 1000;
        if thousands > 3 {
            return Err(self.corrupt(format!("`{code}` is not a WKB type")));
        }
        let dimensions =
            Dimensions { z: code & EWKB_Z != 0 || thousands & 1 == 1, m: code & EWKB_M != 0 || thousands & 2 == 2 };
        Ok((plain % 1000, dimensions))
    }

    fn lines(&mut self, dimensions: Dimensions) -> Result<Vec<Vec<Position>>> {
        let count = self.count(COUNT_BYTES)?;
        (0..count).map(|_| self.line(dimensions)).collect()
    }

    fn line(&mut self, dimensions: Dimensions) -> Result<Vec<Position>> {
        let count = self.count(dimensions.position_bytes())?;
        let mut line = Vec::with_capacity(count);
        for _ in 0..count {
            let position = self.position(dimensions)?;
            if position.x.is_nan() {
                return Err(self.corrupt("WKB coordinate is not finite"));
            }
            line.push(position);
        }
        Ok(line)
    }

    fn point(&mut self, dimensions: Dimensions) -> Result<Option<Position>> {
        Ok(Some(self.position(dimensions)?).filter(|position| !position.x.is_nan()))
    }

    /// A position whose x and y are both finite or both NaN, and whose z and m are finite or NaN.
    fn position(&mut self, dimensions: Dimensions) -> Result<Position> {
        self.points += 1;
        if self.points > limits::GEOMETRY_POINTS {
            return Err(self.corrupt("WKB geometry has too many points"));
        }
        let (x, y) = (self.float()?, self.float()?);
        let z = if dimensions.z { self.float()? } else { f64::NAN };
        let m = if dimensions.m { self.float()? } else { f64::NAN };
        let empty = x.is_nan() && y.is_nan();
        let flat = empty || (x.is_finite() && y.is_finite());
        if !flat || z.is_infinite() || m.is_infinite() {
            return Err(self.corrupt("WKB coordinate is not finite"));
        }
        Ok(Position { x, y, z, m })
    }

    fn count(&mut self, least_bytes_each: usize) -> Result<usize> {
        let count = usize::try_from(self.integer()?).unwrap_or(usize::MAX);
        let left = self.bytes.len() - self.offset;
        if count > left / least_bytes_each {
            return Err(self.corrupt(format!("WKB count {count} does not fit into {left} bytes")));
        }
        Ok(count)
    }

    fn integer(&mut self) -> Result<u32> {
        let bytes = self.take::<4>()?;
        Ok(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn float(&mut self) -> Result<f64> {
        let bytes = self.take::<8>()?;
        Ok(if self.big_endian { f64::from_be_bytes(bytes) } else { f64::from_le_bytes(bytes) })
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        let Some(bytes) = rest.first_chunk::<N>() else {
            return Err(self.corrupt("WKB ends too early"));
        };
        self.offset += N;
        Ok(*bytes)
    }

    fn corrupt(&self, message: impl Into<String>) -> Error {
        Error::corrupt(message).with("offset", self.offset)
    }
}
