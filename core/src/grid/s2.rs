//! S2 cells: the box in longitude and latitude around the cell of a token.
//!
//! A cell is a quadrilateral of great circles on one face of a cube; its id is a position on a Hilbert curve over that
//! face (S2 Geometry, "S2 Cells").

use geo::{Coord, Rect};

use super::sphere::{Vector, cross, dot, length};

/// Levels below a face.
const LEVELS: u32 = 30;
const SWAPPED: usize = 1;
const INVERTED: usize = 2;
/// Column and row of each quarter along the curve, by the curve's orientation.
const QUARTERS: [[(u32, u32); 4]; 4] = [
    [(0, 0), (0, 1), (1, 1), (1, 0)],
    [(0, 0), (1, 0), (1, 1), (0, 1)],
    [(1, 1), (1, 0), (0, 0), (0, 1)],
    [(1, 1), (0, 1), (0, 0), (1, 0)],
];
/// How the orientation changes in each quarter.
const TURNS: [usize; 4] = [SWAPPED, 0, 0, SWAPPED | INVERTED];

/// A box around the cell of a token; its longitudes may pass ±180. `None` for a text that is no token.
pub(super) fn box_of_token(token: &str) -> Option<Rect<f64>> {
    let cell = Square::of_token(token)?;
    let corners = cell.corners();
    let centre = cell.at(0.5, 0.5);
    let latitude = |point: &Vector| point[2].atan2(point[0].hypot(point[1])).to_degrees();
    let mut extremes: Vec<f64> = corners.iter().map(latitude).collect();
    for (from, to) in corners.iter().zip(corners.iter().cycle().skip(1)) {
        extremes.extend(summits(from, to).iter().map(latitude));
    }
    let south = extremes.iter().copied().fold(90.0, f64::min);
    let north = extremes.iter().copied().fold(-90.0, f64::max);
    if cell.holds_pole() {
        let (south, north) = if centre[2] > 0.0 { (south, 90.0) } else { (-90.0, north) };
        return Some(rect(-180.0, south, 180.0, north));
    }
    let longitude = |point: &Vector| point[1].atan2(point[0]).to_degrees();
    let middle = longitude(&centre);
    // Without a pole inside, no corner is half the world away.
    let offsets = corners.map(|corner| (longitude(&corner) - middle + 540.0).rem_euclid(360.0) - 180.0);
    let west = offsets.iter().copied().fold(0.0, f64::min);
    let east = offsets.iter().copied().fold(0.0, f64::max);
    Some(rect(middle + west, south, middle + east, north))
}

fn rect(west: f64, south: f64, east: f64, north: f64) -> Rect<f64> {
    Rect::new(Coord { x: west, y: south }, Coord { x: east, y: north })
}

/// A cell on its face: the least column and row, and the side, in units of the smallest cells.
struct Square {
    face: u64,
    column: f64,
    row: f64,
    side: f64,
}

impl Square {
    fn of_token(token: &str) -> Option<Self> {
        if token.is_empty() || token.len() > 16 || !token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let id = u64::from_str_radix(&format!("{token:0<16}"), 16).ok()?;
        let face = id >> 61;
        let zeros = id.trailing_zeros();
        if face > 5 || zeros % 2 != 0 || zeros > 2 * LEVELS {
            return None;
        }
        let level = LEVELS - zeros / 2;
        let (mut column, mut row) = (0_u32, 0_u32);
        let mut orientation = if face % 2 == 1 { SWAPPED } else { 0 };
        for step in 0..level {
            let quarter = usize::try_from((id >> (59 - 2 * step)) & 3).ok()?;
            let (right, up) = *QUARTERS.get(orientation)?.get(quarter)?;
            (column, row) = (column << 1 | right, row << 1 | up);
            orientation ^= TURNS.get(quarter)?;
        }
        let side = f64::from(1_u32 << (LEVELS - level));
        Some(Self { face, column: f64::from(column) * side, row: f64::from(row) * side, side })
    }

    /// The point of the sphere at a share of the cell's width and height.
    fn at(&self, right: f64, up: f64) -> Vector {
        let whole = f64::from(1_u32 << LEVELS);
        let u = plane((self.column + right * self.side) / whole);
        let v = plane((self.row + up * self.side) / whole);
        let point = match self.face {
            0 => [1.0, u, v],
            1 => [-u, 1.0, v],
            2 => [-u, -v, 1.0],
            3 => [-1.0, -v, -u],
            4 => [v, -1.0, -u],
            _ => [v, u, -1.0],
        };
        let size = length(&point);
        point.map(|number| number / size)
    }

    fn corners(&self) -> [Vector; 4] {
        [self.at(0.0, 0.0), self.at(1.0, 0.0), self.at(1.0, 1.0), self.at(0.0, 1.0)]
    }

    fn holds_pole(&self) -> bool {
        let middle = f64::from(1_u32 << (LEVELS - 1));
        let spans = |start: f64| (start..=start + self.side).contains(&middle);
        matches!(self.face, 2 | 5) && spans(self.column) && spans(self.row)
    }
}

/// From a share of a face's width to the plane of the face (S2's quadratic projection).
fn plane(share: f64) -> f64 {
    if share >= 0.5 { (4.0 * share * share - 1.0) / 3.0 } else { (1.0 - 4.0 * (1.0 - share) * (1.0 - share)) / 3.0 }
}

/// The northern- and southernmost points of a great circle, where they lie between two of its points.
fn summits(from: &Vector, to: &Vector) -> Vec<Vector> {
    let normal = cross(from, to);
    let size = length(&normal);
    let normal = normal.map(|number| number / size);
    let up = [-normal[2] * normal[0], -normal[2] * normal[1], 1.0 - normal[2] * normal[2]];
    let size = length(&up);
    if size < 1e-12 {
        return Vec::new();
    }
    let summit = up.map(|number| number / size);
    let opposite = summit.map(|number| -number);
    let between = |point: &Vector| dot(&cross(from, point), &normal) >= 0.0 && dot(&cross(point, to), &normal) >= 0.0;
    [summit, opposite].into_iter().filter(between).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_no_tokens_have_no_box() {
        for text in ["", "x", "X", "00", "ffffffffffffffff", "11N", "r1c2", "89c25a31000000000", "e"] {
            assert!(box_of_token(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_face_is_a_box_of_90_degrees_and_polar_ones_are_caps() {
        let rounded = |token: &str| {
            let rect = box_of_token(token).unwrap();
            [rect.min().x, rect.min().y, rect.max().x, rect.max().y].map(|degrees| format!("{degrees:.0}")).join(" ")
        };
        assert_eq!(rounded("1"), "-45 -45 45 45");
        assert_eq!(rounded("3"), "45 -45 135 45");
        assert_eq!(rounded("5"), "-180 35 180 90");
        assert_eq!(rounded("7"), "-225 -45 -135 45");
        assert_eq!(rounded("b"), "-180 -90 180 -35");
    }
}
