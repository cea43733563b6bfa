//! Where a straight edge in longitude and latitude meets a cell whose sides are great circles: exact on the sphere.
//!
//! Both are compared as curves of unit vectors, so that neither the poles nor ±180 are special. A cell is the union of
//! the triangles between its centre and its sides (it need not be convex: sides bend where they cross an edge of the
//! icosahedron). An edge is halved until a half is in a triangle or provably outside all of them.

use geo::{Coord, Line};
use h3o::{CellIndex, LatLng};

/// Cells are grown by this much, in radians: 6 mm on the ground, far above the rounding of the H3 projection.
pub(super) const TOLERANCE: f64 = 1e-9;
/// Halvings before an edge that runs along a side is taken to touch it.
const MOST_HALVINGS: usize = 4096;
/// What a halving costs, counted in looks at one edge.
const HALVING_WORK: usize = 16;
/// A pentagon has five vertices and crosses five edges of the icosahedron.
const MOST_SIDES: usize = 10;

pub(super) type Vector = [f64; 3];

/// The unit vector of a place in degrees.
pub(super) fn unit(coord: Coord<f64>) -> Vector {
    let (longitude_sin, longitude_cos) = coord.x.to_radians().sin_cos();
    let (latitude_sin, latitude_cos) = coord.y.to_radians().sin_cos();
    [latitude_cos * longitude_cos, latitude_cos * longitude_sin, latitude_sin]
}

/// Points in degrees along the great circle from one place to another, in even steps of not more than `step` radians,
/// without the last. Backwards they are the same.
pub(super) fn arc(from: Coord<f64>, to: Coord<f64>, step: f64) -> Vec<Coord<f64>> {
    let (start, end) = (unit(from), unit(to));
    let angle = 2.0 * (distance(&start, &end) / 2.0).clamp(0.0, 1.0).asin();
    let mut points = vec![from];
    let mut steps = 1.0_f64;
    while angle / steps > step {
        steps += 1.0;
    }
    let mut at = 1.0;
    while at < steps {
        let (before, after) = ((angle * (1.0 - at / steps)).sin(), (angle * at / steps).sin());
        let [x, y, z] = std::array::from_fn(|axis| {
            let pair = start.get(axis).zip(end.get(axis));
            pair.map_or(0.0, |(start, end)| start * before + end * after)
        });
        points.push(Coord { x: y.atan2(x).to_degrees(), y: z.atan2(x.hypot(y)).to_degrees() });
        at += 1.0;
    }
    points
}

pub(super) fn dot(a: &Vector, b: &Vector) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn distance(a: &Vector, b: &Vector) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

pub(super) fn cross([ax, ay, az]: &Vector, [bx, by, bz]: &Vector) -> Vector {
    [ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx]
}

pub(super) fn length(vector: &Vector) -> f64 {
    dot(vector, vector).sqrt()
}

/// The unit normal of the plane through the origin and two points; `None` if they are one.
fn normal(a: &Vector, b: &Vector) -> Option<Vector> {
    let cross = cross(a, b);
    let length = length(&cross);
    (length > 1e-15).then(|| cross.map(|number| number / length))
}

/// The largest cosine of a latitude between the two, in degrees.
pub(super) fn widest_parallel(south: f64, north: f64) -> f64 {
    let nearest_equator = if south <= 0.0 && north >= 0.0 { 0.0 } else { south.abs().min(north.abs()) };
    nearest_equator.to_radians().cos()
}

/// A straight edge in longitude and latitude, at most 360 degrees wide.
#[derive(Clone, Debug)]
pub(super) struct Edge {
    line: Line<f64>,
    /// The point half way, and how far the edge gets from it.
    pub(super) middle: Vector,
    pub(super) reach: f64,
    /// Bound of the second derivative of the unit vector along the edge, whose parameter runs from 0 to 1.
    bend: f64,
}

impl Edge {
    pub(super) fn new(line: Line<f64>) -> Self {
        let (wide, high) = (line.dx().abs().to_radians(), line.dy().abs().to_radians());
        let widest = widest_parallel(line.start.y.min(line.end.y), line.start.y.max(line.end.y));
        let bend = high * high + 2.0 * high * wide + wide * wide * widest * (1.0 + widest);
        let reach = high.hypot(wide * widest) / 2.0;
        Self { line, middle: unit((line.start + line.end) / 2.0), reach, bend }
    }

    /// How far the edge may get to the inner side of a plane between two points on its outer side, a share of the
    /// edge apart: a function exceeds its ends by at most |f''| h² / 8.
    fn slack(&self, share: f64) -> f64 {
        self.bend * share * share / 8.0 + TOLERANCE
    }

    fn at(&self, share: f64) -> Vector {
        unit(self.line.start + self.line.delta() * share)
    }
}

/// One cell as planes: its sides, and the spokes from its centre to its vertices.
#[derive(Clone, Debug)]
pub(super) struct Outline {
    centre: Vector,
    radius: f64,
    /// How far outside the cell a point still counts as in it, in radians.
    margin: f64,
    sectors: usize,
    sides: [Vector; MOST_SIDES],
    spokes: [Vector; MOST_SIDES],
}

/// On which side of each plane a point lies, and how far from it.
#[derive(Clone, Copy)]
struct Distances {
    sides: [f64; MOST_SIDES],
    spokes: [f64; MOST_SIDES],
}

impl Outline {
    pub(super) fn new(cell: CellIndex) -> Self {
        let place = |place: LatLng| unit(Coord { x: place.lng(), y: place.lat() });
        let centre = place(LatLng::from(cell));
        let vertices: Vec<Vector> = cell.boundary().iter().map(|vertex| place(*vertex)).collect();
        let radius = vertices.iter().map(|vertex| distance(&centre, vertex)).fold(0.0, f64::max);
        let mut outline = Self {
            centre,
            radius,
            margin: TOLERANCE,
            sectors: 0,
            sides: [[0.0; 3]; MOST_SIDES],
            spokes: [[0.0; 3]; MOST_SIDES],
        };
        let slots = outline.sides.iter_mut().zip(outline.spokes.iter_mut());
        let pairs = vertices.iter().zip(vertices.iter().cycle().skip(1));
        let planes = pairs.filter_map(|(a, b)| Some((normal(a, b)?, normal(&centre, a)?)));
        for ((side, spoke), planes) in slots.zip(planes) {
            (*side, *spoke) = planes;
            outline.sectors += 1;
        }
        outline
    }

    /// The same cell, taken to reach so much farther, in radians.
    pub(super) fn grown(&self, margin: f64) -> Self {
        Self { margin: margin + TOLERANCE, ..self.clone() }
    }

    /// From the centre to the farthest vertex.
    pub(super) fn radius(&self) -> f64 {
        self.radius
    }

    /// Whether the whole cap around a point lies inside.
    pub(super) fn holds_cap(&self, middle: &Vector, radius: f64) -> bool {
        distance(middle, &self.centre) < self.radius
            && self.sides.iter().take(self.sectors).all(|side| dot(side, middle) > radius + TOLERANCE)
    }

    /// The cube around the cell: least and most corner.
    pub(super) fn cube(&self) -> (Vector, Vector) {
        cube(&self.centre, self.radius + self.margin)
    }

    /// Whether the edge has a point in the cell, boundary and margin included.
    /// Adds to `work` what it took.
    pub(super) fn touches(&self, edge: &Edge, work: &mut usize) -> bool {
        *work += 1;
        if distance(&edge.middle, &self.centre) > self.radius + edge.reach + self.margin {
            return false;
        }
        let (start, end) = (self.distances(&edge.at(0.0)), self.distances(&edge.at(1.0)));
        if self.holds(&start) || self.holds(&end) {
            return true;
        }
        let mut open = Vec::new();
        if self.might_hold_between(&start, &end, edge.slack(1.0)) {
            open.push((0.0, start, 1.0, end));
        }
        for _ in 0..MOST_HALVINGS {
            *work += HALVING_WORK;
            let Some((from, start, to, end)) = open.pop() else { return false };
            let share = to - from;
            let middle = edge.at(f64::midpoint(from, to));
            if distance(&middle, &self.centre) > self.radius + edge.reach * share + self.margin {
                continue;
            }
            let distances = self.distances(&middle);
            if self.holds(&distances) || edge.reach * share < TOLERANCE {
                return true;
            }
            let slack = edge.slack(share / 2.0);
            let half = f64::midpoint(from, to);
            if self.might_hold_between(&distances, &end, slack) {
                open.push((half, distances, to, end));
            }
            if self.might_hold_between(&start, &distances, slack) {
                open.push((from, start, half, distances));
            }
        }
        true
    }

    fn distances(&self, point: &Vector) -> Distances {
        Distances {
            sides: self.sides.map(|plane| dot(&plane, point)),
            spokes: self.spokes.map(|plane| dot(&plane, point)),
        }
    }

    fn holds(&self, at: &Distances) -> bool {
        self.might_hold_between(at, at, TOLERANCE)
    }

    /// Whether some triangle is not on the far side of one of its planes at both points, by more than `slack`. The
    /// margin counts at the sides alone: every point lies between two spokes.
    fn might_hold_between(&self, a: &Distances, b: &Distances, slack: f64) -> bool {
        let next = |spokes: &[f64; MOST_SIDES], at: usize| {
            let after = if at + 1 < self.sectors { at + 1 } else { 0 };
            -spokes.get(after).copied().unwrap_or_default()
        };
        let planes = a.sides.iter().zip(&b.sides).zip(a.spokes.iter().zip(&b.spokes));
        planes.take(self.sectors).enumerate().any(|(at, ((side_a, side_b), (spoke_a, spoke_b)))| {
            side_a.max(*side_b) >= -(slack + self.margin)
                && spoke_a.max(*spoke_b) >= -slack
                && next(&a.spokes, at).max(next(&b.spokes, at)) >= -slack
        })
    }
}

/// The cube around a point: least and most corner.
pub(super) fn cube(middle: &Vector, reach: f64) -> (Vector, Vector) {
    (middle.map(|number| number - reach), middle.map(|number| number + reach))
}
