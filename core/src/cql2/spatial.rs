//! How two shapes relate: the predicates of `S_…`, by the intersections of interiors, boundaries and exteriors
//! (OGC 06-103r4, 6.1.15).

use geo::coordinate_position::CoordPos::{Inside, OnBoundary, Outside};
use geo::dimensions::Dimensions;
use geo::{Geometry, GeometryCollection, HasDimensions as _, MapCoords as _, Relate as _};

use super::Operator;
use crate::geometry::Shape;

/// Whether `left` stands to `right` as `operator` says; `None` where that cannot be told.
///
/// Shapes are compared part by part as they were cut at the antimeridian, and once more across it: a point exactly on
/// ±180 in the midst of a shape that is cut there counts as its boundary.
pub(super) fn relates(operator: Operator, left: &Shape, right: &Shape) -> Option<bool> {
    match operator {
        Operator::SIntersects => return Some(left.intersects(right)),
        Operator::SDisjoint => return Some(!left.intersects(right)),
        _ if !left.intersects(right) => return Some(false),
        _ => {}
    }
    let (left, right) = (geometry(left), geometry(right));
    // `geo` asserts what broken geometries can break.
    let matrix = std::panic::catch_unwind(|| Matrix::of(&left, &right)).ok()?;
    Some(matrix.says(operator))
}

fn geometry(shape: &Shape) -> Geometry<f64> {
    let parts = shape.parts();
    if let [part] = parts {
        return part.clone();
    }
    let polygons: Option<Vec<_>> = parts.iter().map(|part| geo::Polygon::try_from(part.clone()).ok()).collect();
    let lines: Option<Vec<_>> = parts.iter().map(|part| geo::LineString::try_from(part.clone()).ok()).collect();
    let points: Option<Vec<_>> = parts.iter().map(|part| geo::Point::try_from(part.clone()).ok()).collect();
    match (polygons, lines, points) {
        (Some(polygons), ..) => Geometry::MultiPolygon(geo::MultiPolygon(polygons)),
        (_, Some(lines), _) => Geometry::MultiLineString(geo::MultiLineString(lines)),
        (.., Some(points)) => Geometry::MultiPoint(geo::MultiPoint(points)),
        _ => Geometry::GeometryCollection(GeometryCollection(parts.to_vec())),
    }
}

/// Dimensions of the intersections, and of both geometries.
struct Matrix {
    inside: Dimensions,
    touching: bool,
    /// Whether the interiors of left and right reach beyond the other.
    beyond: [bool; 2],
    /// Whether their boundaries do.
    boundary_beyond: [bool; 2],
    left: Dimensions,
    right: Dimensions,
}

impl Matrix {
    fn of(left: &Geometry<f64>, right: &Geometry<f64>) -> Self {
        let here = left.relate(right);
        let there = |one, other| here.get(one, other) != Dimensions::Empty;
        let mut matrix = Self {
            inside: here.get(Inside, Inside),
            touching: there(Inside, OnBoundary) || there(OnBoundary, Inside) || there(OnBoundary, OnBoundary),
            beyond: [there(Inside, Outside), there(Outside, Inside)],
            boundary_beyond: [there(OnBoundary, Outside), there(Outside, OnBoundary)],
            left: left.dimensions(),
            right: right.dimensions(),
        };
        if here.is_disjoint() {
            // They meet at ±180 only.
            for shift in [360.0, -360.0] {
                let across = left.relate(&right.map_coords(|coord| geo::coord! { x: coord.x + shift, y: coord.y }));
                matrix.inside = matrix.inside.max(across.get(Inside, Inside));
                matrix.touching |= across.is_intersects();
            }
        }
        matrix
    }

    fn says(&self, operator: Operator) -> bool {
        let meet_inside = self.inside != Dimensions::Empty;
        let [left_beyond, right_beyond] = self.beyond;
        let [left_boundary, right_boundary] = self.boundary_beyond;
        let within = meet_inside && !left_beyond && !left_boundary;
        let contains = meet_inside && !right_beyond && !right_boundary;
        match operator {
            Operator::SWithin => within,
            Operator::SContains => contains,
            Operator::SEquals => within && contains,
            Operator::STouches => !meet_inside && self.touching,
            Operator::SCrosses => match self.left.cmp(&self.right) {
                std::cmp::Ordering::Less => meet_inside && left_beyond,
                std::cmp::Ordering::Greater => meet_inside && right_beyond,
                std::cmp::Ordering::Equal => {
                    self.left == Dimensions::OneDimensional && self.inside == Dimensions::ZeroDimensional
                }
            },
            Operator::SOverlaps => self.left == self.right && self.inside == self.left && left_beyond && right_beyond,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(operator: Operator, left: &str, right: &str) -> bool {
        let shape = |text| Shape::from_wkt(text).unwrap();
        relates(operator, &shape(left), &shape(right)).unwrap()
    }

    #[test]
    fn predicates_are_those_of_simple_features() {
        let square = "POLYGON((0 0,4 0,4 4,0 4,0 0))";
        for (operator, other, expected) in [
            (Operator::SContains, "POINT(1 1)", true),
            (Operator::SContains, "POINT(0 1)", false),
            (Operator::STouches, "POINT(0 1)", true),
            (Operator::STouches, "POLYGON((4 0,5 0,5 4,4 0))", true),
            (Operator::SOverlaps, "POLYGON((3 3,5 3,5 5,3 3))", true),
            (Operator::SOverlaps, "POLYGON((1 1,2 1,2 2,1 1))", false),
            (Operator::SContains, "POLYGON((0 0,2 0,2 2,0 0))", true),
            (Operator::SEquals, "POLYGON((4 4,0 4,0 0,4 0,4 4))", true),
            (Operator::SEquals, "MULTIPOLYGON(((0 0,4 0,4 4,0 4,0 0)))", true),
            (Operator::SCrosses, "LINESTRING(-1 1,1 1)", true),
            (Operator::SCrosses, "LINESTRING(1 1,2 2)", false),
            (Operator::SWithin, "POLYGON((-1 -1,5 -1,5 5,-1 5,-1 -1))", true),
            (Operator::SDisjoint, "POINT(9 9)", true),
            (Operator::STouches, "POINT(9 9)", false),
        ] {
            assert_eq!(says(operator, square, other), expected, "{operator:?} {other}");
        }
        assert!(says(Operator::SCrosses, "LINESTRING(0 0,2 2)", "LINESTRING(0 2,2 0)"));
        assert!(says(Operator::SOverlaps, "LINESTRING(0 0,2 0)", "LINESTRING(1 0,3 0)"));
    }

    #[test]
    fn the_antimeridian_is_no_edge() {
        let across = "POLYGON((170 0,-170 0,-170 10,170 10,170 0))";
        assert!(says(Operator::SContains, across, "POLYGON((175 1,-175 1,-175 5,175 5,175 1))"));
        assert!(says(Operator::SWithin, "LINESTRING(175 1,-175 1)", across));
        assert!(says(
            Operator::STouches,
            "POLYGON((170 0,180 0,180 10,170 0))",
            "POLYGON((-180 0,-170 0,-180 10,-180 0))"
        ));
        assert!(!says(Operator::SEquals, "POINT(180 1)", "POINT(179 1)"));
        assert!(says(Operator::SEquals, across, "POLYGON((190 10,170 10,170 0,190 0,190 10))"));
    }

    #[test]
    fn broken_rings_do_no_harm() {
        let bow = "POLYGON((0 0,4 4,4 0,0 4,0 0))";
        for operator in [Operator::SWithin, Operator::STouches, Operator::SOverlaps, Operator::SEquals] {
            let shape = Shape::from_wkt(bow).unwrap();
            let _ = relates(operator, &shape, &shape);
            let _ = relates(operator, &shape, &Shape::from_wkt("POLYGON((1 1,1 1,1 1,1 1))").unwrap());
        }
    }
}
