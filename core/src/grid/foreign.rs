//! H3 cells of tables of the Python program, which leaves cells out: which of them may hold what a shape touches.
//!
//! It stores a polygon in the cells whose centres lie in it (H3's `polygonToCells`) and in the cells of points along its
//! outer ring: the ends of each edge and points between them at most 0.3 degrees apart (one every 0.1 degrees, rounded
//! to the next lower number). So where a point of the polygon lies in a cell that it is not stored in, that cell's
//! centre lies outside, and between the two:
//!
//! 1. *An edge of the outer ring that passes through the cell between two of its points.* In a cell much larger than
//!    their distance it cuts off a corner, all of which lies in the disc around the two points: one of them is within
//!    0.3°/√2. In a smaller cell the edge is no farther than the cell is wide, and one of them half a step beyond.
//! 2. *An edge over ±180*, along which it walks the other way round the world. Of that edge only the ends are sure. Such
//!    edges are found if they reach at most [`EDGE_REACH`] to either side; a cell is cut off by one within 1.54 times
//!    that of an end (half of a regular hexagon against its diameter).
//! 3. *A ring round a pole*, whose inside it gets wrong. Any point of a cap has a vertex of a ring that lies in it within
//!    √2 of its radius: found within [`EDGE_REACH`] of the pole.
//! 4. *A box round the world*, whose inside it gets wrong too. It is stored at ±180 in every latitude.
//! 5. *A hole*, along which it does not walk. There is no telling where such a polygon is stored: files that may hold one
//!    (the bounds of the column `geometry` tell) are read whatever their cell.
//!
//! The resolution is taken from each cell, since the table's property was seen to be absent or wrong.

use std::sync::atomic::{AtomicUsize, Ordering};

use geo::{Coord, Geometry, Line};
use h3o::CellIndex;

use super::cover::Reach;
use super::h3::{Edges, holds_centre};
use super::sphere::{Edge, Outline};
use crate::geometry::Shape;

/// Most looks at one edge for one shape: some seconds. Beyond them the other cells are looked at without a test.
const MOST_WORK: usize = 1_000_000_000;
const DEGREE: f64 = std::f64::consts::PI / 180.0;
/// Most that two points of the walk along an edge lie apart.
const STEP: f64 = 0.3 * DEGREE;
/// Cells with a smaller radius than this may be cut through the middle between two points of the walk.
const SMALL_CELL: f64 = 1.5 * STEP;
/// How far an edge over ±180 may reach to either side: 445 km.
pub(super) const EDGE_REACH: f64 = 4.0 * DEGREE;
/// How far from the end of such an edge, or from a vertex of a ring round a pole, a point of the polygon may lie.
pub(super) const FAR: f64 = 1.6 * EDGE_REACH;

/// A shape made ready to be compared with cells.
#[derive(Debug)]
pub(super) struct ForeignH3 {
    shape: Shape,
    edges: Vec<Edges>,
    antimeridian: Edge,
    /// The antimeridian between the latitudes of the shape.
    beside: Edge,
    work: AtomicUsize,
}

impl ForeignH3 {
    pub(super) fn new(shape: &Shape) -> Self {
        let meridian = |south: f64, north: f64| {
            let at = |latitude: f64| Coord { x: 180.0, y: latitude.clamp(-90.0, 90.0) };
            Edge::new(Line::new(at(south), at(north)))
        };
        let bounds = shape.bounds();
        let step = STEP / DEGREE;
        Self {
            edges: shape.parts().iter().map(Edges::of).collect(),
            antimeridian: meridian(-90.0, 90.0),
            beside: meridian(bounds.min().y - step, bounds.max().y + step),
            shape: shape.clone(),
            work: AtomicUsize::new(0),
        }
    }

    pub(super) fn reach(&self, cell: &str) -> Reach {
        // What is no cell may be anything.
        let Ok(cell) = cell.parse::<CellIndex>() else { return Reach::Touches };
        let outline = Outline::new(cell);
        if self.work.load(Ordering::Relaxed) > MOST_WORK || self.touch(cell, &outline) {
            return Reach::Touches;
        }
        let is_beside = |edge: &Edge, outline: &Outline| outline.touches(edge, &mut 0);
        let is_near = self.touch(cell, &outline.grown(near(&outline)))
            || (is_beside(&self.antimeridian, &outline.grown(EDGE_REACH)) && self.touch(cell, &outline.grown(FAR)));
        match is_near {
            true => Reach::Near,
            false if is_beside(&self.beside, &outline) => Reach::WorldBoxes,
            false => Reach::Holes,
        }
    }

    fn touch(&self, cell: CellIndex, outline: &Outline) -> bool {
        let mut work = 0;
        let mut parts = self.shape.parts().iter().zip(&self.edges);
        let touches = parts.any(|(part, edges)| {
            work += edges.len();
            edges.meet(outline, &mut work) || holds_centre(part, cell)
        });
        self.work.fetch_add(work, Ordering::Relaxed);
        touches
    }
}

/// How far from a polygon's point its nearest cell may be, by the first of the reasons above.
pub(super) fn near(outline: &Outline) -> f64 {
    if outline.radius() > SMALL_CELL {
        return STEP * std::f64::consts::FRAC_1_SQRT_2;
    }
    // Neighbours are of about the same size.
    1.2 * outline.radius() + STEP / 2.0
}

/// Whether a shape comes so near to ±180 that a footprint that crosses it may touch it.
pub(super) fn is_near_antimeridian(shape: &Shape) -> bool {
    shape.rects().iter().any(|rect| {
        let gap = (180.0 - rect.min().x.abs().max(rect.max().x.abs())).min(90.0);
        let latitude = rect.min().y.abs().max(rect.max().y.abs());
        latitude.to_radians().cos() * gap.to_radians().sin() <= FAR.sin()
    })
}

/// The stretch of ±180 at which cells may lie that are only near a shape.
pub(super) fn antimeridian_beside(shape: &Shape) -> Geometry<f64> {
    let bounds = shape.bounds();
    let at = |latitude: f64| Coord { x: 180.0, y: latitude.clamp(-90.0, 90.0) };
    let margin = (FAR + EDGE_REACH) / DEGREE;
    Geometry::LineString(vec![at(bounds.min().y - margin), at(bounds.max().y + margin)].into())
}
