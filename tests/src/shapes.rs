//! Points of shapes, and the cells that the Python program stores them in: its algorithm, written anew from its source.

use std::collections::BTreeSet;

use geo::{BoundingRect as _, Coord, CoordsIter as _, Geometry, Intersects as _, LinesIter as _};
use h3o::{CellIndex, LatLng, Resolution};

/// Points of a part: vertices, points along its edges, and points of a raster over it that lie inside.
#[must_use]
pub fn samples(part: &Geometry<f64>, across: u32) -> Vec<Coord<f64>> {
    let mut points: Vec<Coord<f64>> = part.coords_iter().collect();
    let edges: Vec<geo::Line<f64>> = match part {
        Geometry::LineString(line) => line.lines().collect(),
        Geometry::Polygon(polygon) => polygon.lines_iter().collect(),
        _ => Vec::new(),
    };
    for edge in edges {
        points.extend((1..24).map(|at| edge.start + edge.delta() * (f64::from(at) / 24.0)));
    }
    if let Geometry::Polygon(polygon) = part
        && let Some(rect) = polygon.bounding_rect()
    {
        let raster = (0..across * across).map(|at| {
            let (column, row) = (f64::from(at % across) + 0.5, f64::from(at / across) + 0.5);
            let share = |number: f64| number / f64::from(across);
            rect.min() + Coord { x: rect.width() * share(column), y: rect.height() * share(row) }
        });
        points.extend(raster.filter(|point| polygon.intersects(point)));
    }
    points
}

/// A polygon as it is written: rings of longitudes and latitudes in degrees, the outer one first, each closed.
pub type Rings = Vec<Vec<(f64, f64)>>;

/// The cells of a polygon: those of points along its outer ring, and those whose centres H3 finds inside.
#[must_use]
pub fn python_h3_keys(rings: &Rings, resolution: Resolution) -> BTreeSet<CellIndex> {
    let Some((outer, holes)) = rings.split_first() else { return BTreeSet::new() };
    let mut keys: BTreeSet<CellIndex> = walk(outer).into_iter().filter_map(|place| cell(place, resolution)).collect();
    let centres = candidates(outer, resolution).into_iter().filter(|cell| {
        let centre = LatLng::from(*cell);
        let inside = |ring: &[(f64, f64)]| h3_holds(ring, (centre.lng_radians(), centre.lat_radians()));
        inside(outer) && !holes.iter().any(|hole| inside(hole))
    });
    keys.extend(centres);
    keys
}

fn cell((longitude, latitude): (f64, f64), resolution: Resolution) -> Option<CellIndex> {
    LatLng::new(latitude, longitude).ok().map(|place| place.to_cell(resolution))
}

/// `n = max(2, int(hypot(dlon, dlat) / 0.1))` points of each edge, its ends included.
fn walk(ring: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    for (from, to) in ring.iter().zip(ring.iter().skip(1)) {
        let (wide, high) = (to.0 - from.0, to.1 - from.1);
        let count = (wide.hypot(high) / 0.1).floor().max(2.0);
        let mut number = 0.0;
        while number < count {
            let share = number / (count - 1.0);
            points.push((from.0 + share * wide, from.1 + share * high));
            number += 1.0;
        }
    }
    points
}

/// Cells whose centres may lie inside: all of a coarse resolution, those met by a fine raster otherwise.
fn candidates(ring: &[(f64, f64)], resolution: Resolution) -> BTreeSet<CellIndex> {
    if resolution <= Resolution::Two {
        return all_cells(resolution).into_iter().collect();
    }
    let latitudes = || ring.iter().map(|place| place.1);
    let (south, north) = (latitudes().fold(90.0, f64::min), latitudes().fold(-90.0, f64::max));
    let step = resolution.edge_length_rads().to_degrees() / 3.0;
    let jumps = jumps(ring);
    let longitudes = || ring.iter().map(|place| if jumps && place.0 < 0.0 { place.0 + 360.0 } else { place.0 });
    let (west, east) = (longitudes().fold(720.0, f64::min), longitudes().fold(-720.0, f64::max));
    let mut cells = BTreeSet::new();
    let mut latitude = south;
    while latitude < north + step {
        let mut longitude = west;
        let across = step / latitude.min(90.0).to_radians().cos().max(0.001);
        while longitude < east + across {
            cells.extend(cell((longitude, latitude.min(90.0)), resolution));
            longitude += across;
        }
        latitude += step;
    }
    cells
}

fn jumps(ring: &[(f64, f64)]) -> bool {
    ring.iter().zip(ring.iter().skip(1)).any(|(from, to)| (to.0 - from.0).abs() > 180.0)
}

/// `pointInsideGeoLoop` of the H3 C library, with its box and its way over ±180.
fn h3_holds(ring: &[(f64, f64)], (longitude, latitude): (f64, f64)) -> bool {
    let turn = std::f64::consts::TAU;
    let jumps = jumps(ring);
    let turned = |longitude: f64| if jumps && longitude < 0.0 { longitude + turn } else { longitude };
    let ring: Vec<(f64, f64)> = ring.iter().map(|place| (place.0.to_radians(), place.1.to_radians())).collect();
    let longitudes = || ring.iter().map(|place| turned(place.0));
    let latitudes = || ring.iter().map(|place| place.1);
    let (mut longitude, mut latitude) = (turned(longitude), latitude);
    let within = |value: f64, values: &mut dyn Iterator<Item = f64>| {
        let (least, most) = values.fold((f64::MAX, f64::MIN), |(least, most), one| (least.min(one), most.max(one)));
        (least..=most).contains(&value)
    };
    if !within(longitude, &mut longitudes()) || !within(latitude, &mut latitudes()) {
        return false;
    }
    let mut inside = false;
    for (from, to) in ring.iter().zip(ring.iter().skip(1)) {
        let (low, high) = if from.1 <= to.1 { (from, to) } else { (to, from) };
        let is_at = |value: f64, other: f64| (value..=value).contains(&other);
        if is_at(latitude, low.1) || is_at(latitude, high.1) {
            latitude += f64::EPSILON;
        }
        if latitude < low.1 || latitude > high.1 {
            continue;
        }
        let (at_low, at_high) = (turned(low.0), turned(high.0));
        if is_at(longitude, at_low) || is_at(longitude, at_high) {
            longitude -= f64::EPSILON;
        }
        let share = (latitude - low.1) / (high.1 - low.1);
        inside ^= turned(at_low + (at_high - at_low) * share) > longitude;
    }
    inside
}

/// Every cell of a resolution.
#[must_use]
pub fn all_cells(resolution: Resolution) -> Vec<CellIndex> {
    CellIndex::base_cells().flat_map(|base| base.children(resolution)).collect()
}
