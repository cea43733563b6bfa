//! Whether two shapes share a point.

use geo::{Coord, Geometry, Intersects as _, Line, LinesIter as _, MapCoords as _, Rect};

use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};

use super::Shape;

/// So many pairs of edges are compared before a tree of them pays.
const FEW_PAIRS: usize = 100_000;

/// Whether two shapes share a point, boundaries included; +180 and -180 are one meridian.
pub(super) fn shapes_meet(a: &Shape, b: &Shape) -> bool {
    let mut pairs = a.parts.iter().zip(&a.rects).flat_map(|a| b.parts.iter().zip(&b.rects).map(move |b| (a, b)));
    if !a.bounds.intersects(&b.bounds) && !touch_at_antimeridian(&a.bounds, &b.bounds) {
        return false;
    }
    pairs.any(|((part_a, rect_a), (part_b, rect_b))| {
        parts_meet((part_a, rect_a), (part_b, rect_b))
            || (touch_at_antimeridian(rect_a, rect_b) && parts_meet_across((part_a, rect_a), (part_b, rect_b)))
    })
}

fn touch_at_antimeridian(a: &Rect<f64>, b: &Rect<f64>) -> bool {
    let touch = |east: &Rect<f64>, west: &Rect<f64>| east.max().x >= 180.0 && west.min().x <= -180.0;
    let latitudes_meet = a.min().y <= b.max().y && b.min().y <= a.max().y;
    latitudes_meet && (touch(a, b) || touch(b, a))
}

fn parts_meet_across(a: (&Geometry<f64>, &Rect<f64>), b: (&Geometry<f64>, &Rect<f64>)) -> bool {
    [360.0, -360.0].into_iter().any(|shift| {
        let moved = |coord: Coord<f64>| Coord { x: coord.x + shift, y: coord.y };
        let rect = Rect::new(moved(b.1.min()), moved(b.1.max()));
        a.1.intersects(&rect) && parts_meet(a, (&b.0.map_coords(moved), &rect))
    })
}

/// No boundaries cross and neither holds a vertex of the other: only then do two parts miss each other.
fn parts_meet(a: (&Geometry<f64>, &Rect<f64>), b: (&Geometry<f64>, &Rect<f64>)) -> bool {
    if !a.1.intersects(b.1) {
        return false;
    }
    if let (Geometry::Point(point), other) | (other, Geometry::Point(point)) = (a.0, b.0) {
        return other.intersects(point);
    }
    lines_cross(&lines_near(a.0, b.1).collect::<Vec<_>>(), lines_near(b.0, a.1).collect())
        || first_vertex(b.0).is_some_and(|vertex| holds(a.0, vertex))
        || first_vertex(a.0).is_some_and(|vertex| holds(b.0, vertex))
}

/// Whether an edge of one list meets an edge of the other. Many edges are looked up where they lie: pair by pair, two
/// shapes of 20,000 vertices took 20 seconds.
fn lines_cross(lines: &[Line<f64>], others: Vec<Line<f64>>) -> bool {
    if lines.len().saturating_mul(others.len()) <= FEW_PAIRS {
        return lines.iter().any(|line| others.iter().any(|other| line.intersects(other)));
    }
    let corners = |line: &Line<f64>| ([line.start.x, line.start.y], [line.end.x, line.end.y]);
    let placed = |line: Line<f64>| {
        let (start, end) = corners(&line);
        GeomWithData::new(Rectangle::from_corners(start, end), line)
    };
    let tree = RTree::bulk_load(others.into_iter().map(placed).collect());
    lines.iter().any(|line| {
        let (start, end) = corners(line);
        tree.locate_in_envelope_intersecting(&AABB::from_corners(start, end)).any(|other| line.intersects(&other.data))
    })
}

/// Edges of line strings and of all rings whose rectangle meets `rect`.
pub(crate) fn lines_near<'a>(part: &'a Geometry<f64>, rect: &'a Rect<f64>) -> impl Iterator<Item = Line<f64>> + 'a {
    lines(part).filter(move |line| Rect::new(line.start, line.end).intersects(rect))
}

/// Edges of line strings and of all rings.
pub(crate) fn lines(part: &Geometry<f64>) -> Box<dyn Iterator<Item = Line<f64>> + '_> {
    match part {
        Geometry::LineString(line) => Box::new(line.lines_iter()),
        Geometry::Polygon(polygon) => Box::new(polygon.lines_iter()),
        _ => Box::new(std::iter::empty()),
    }
}

/// The first vertex of a part.
pub(crate) fn first_vertex(part: &Geometry<f64>) -> Option<Coord<f64>> {
    match part {
        Geometry::Point(point) => Some(point.0),
        Geometry::LineString(line) => line.0.first().copied(),
        Geometry::Polygon(polygon) => polygon.exterior().0.first().copied(),
        _ => None,
    }
}

/// Whether the point lies in a polygon or on its boundary.
pub(crate) fn holds(part: &Geometry<f64>, coord: Coord<f64>) -> bool {
    matches!(part, Geometry::Polygon(polygon) if polygon.intersects(&coord))
}
