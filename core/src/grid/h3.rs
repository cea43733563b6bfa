//! H3 cells of one resolution, and which of them a shape touches.
//!
//! The cells that a connected part touches are connected through their neighbours. So a cover starts from the cells of
//! the part's vertices and spreads to every neighbour that the part's edges meet, or that lies inside it.

use std::collections::BTreeSet;
use std::sync::Arc;

use geo::{BoundingRect as _, Coord, CoordsIter as _, Geometry, Line, Rect};
use h3o::{CellIndex, LatLng, Resolution};
use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};

use super::cover::{CellTest, Cover, Reach, Rule};
use super::foreign::{EDGE_REACH, ForeignH3, antimeridian_beside, is_near_antimeridian, near};
use super::sphere::{Edge, Outline, TOLERANCE, cube, unit, widest_parallel};
use crate::geometry::{Shape, holds, lines};
use crate::{Error, Result, limits};

/// Most looks at one edge for one shape: about a second.
const MOST_WORK: usize = 400_000_000;
/// [`limits::CELLS`], to compare areas with.
const MOST_CELLS: f64 = 100_000.0;
/// Parts with fewer edges are compared edge by edge.
const INDEXED_EDGES: usize = 32;

/// The H3 grid at one resolution.
#[derive(Clone, Debug)]
pub struct H3Grid {
    resolution: Resolution,
    lacks_cells: bool,
}

impl H3Grid {
    /// The grid at a resolution of 0 to 15.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] for a higher one.
    pub fn new(resolution: u8) -> Result<Self> {
        let resolution = Resolution::try_from(resolution)
            .map_err(|error| Error::invalid(format!("H3 has no resolution `{resolution}`")).caused_by(error))?;
        Ok(Self { resolution, lacks_cells: false })
    }

    /// The same grid in a table of the Python program, whose items lack cells that they touch.
    #[must_use]
    pub fn of_another_writer(self) -> Self {
        Self { lacks_cells: true, ..self }
    }

    /// The resolution, 0 to 15.
    pub fn resolution(&self) -> u8 {
        u8::from(self.resolution)
    }

    /// Every cell that holds a point of the shape, and none farther from it than [`TOLERANCE`]; `None` for more than
    /// [`limits::CELLS`], or where finding them is out of proportion.
    pub(super) fn cells(&self, shape: &Shape) -> Option<BTreeSet<String>> {
        names(self.flood(shape.parts(), shape.rects(), |_| 0.0)?)
    }

    /// The cells a query for the shape looks at.
    pub(super) fn query_cover(&self, shape: &Shape) -> Cover {
        if self.lacks_cells {
            return Cover::Tested(Arc::new(CellTest::new(Rule::H3(ForeignH3::new(shape)))));
        }
        self.cells(shape).map_or(Cover::All, Cover::Cells)
    }

    /// The same as a list, if there is one: in a table of another writer without what only some files hold.
    pub(super) fn listed_cells(&self, shape: &Shape) -> Option<BTreeSet<String>> {
        if !self.lacks_cells {
            return self.cells(shape);
        }
        let mut cells = self.flood(shape.parts(), shape.rects(), near)?;
        if is_near_antimeridian(shape) {
            let (beside, test) = (antimeridian_beside(shape), ForeignH3::new(shape));
            let rect = beside.bounding_rect()?;
            let candidates = self.flood(std::slice::from_ref(&beside), &[rect], |_| EDGE_REACH)?;
            cells.extend(candidates.into_iter().filter(|cell| test.reach(&cell.to_string()) >= Reach::Near));
        }
        names(cells)
    }

    fn flood(
        &self,
        parts: &[Geometry<f64>],
        rects: &[Rect<f64>],
        margin: fn(&Outline) -> f64,
    ) -> Option<BTreeSet<CellIndex>> {
        let mut cover = Flood { resolution: self.resolution, margin, found: BTreeSet::new(), work: 0 };
        for (part, rect) in parts.iter().zip(rects) {
            cover.add(part, rect)?;
        }
        Some(cover.found)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the end of a chain of options")]
fn names(cells: BTreeSet<CellIndex>) -> Option<BTreeSet<String>> {
    Some(cells.into_iter().map(|cell| cell.to_string()).collect())
}

struct Flood {
    resolution: Resolution,
    /// How much farther a cell is taken to reach.
    margin: fn(&Outline) -> f64,
    found: BTreeSet<CellIndex>,
    work: usize,
}

impl Flood {
    fn add(&mut self, part: &Geometry<f64>, rect: &Rect<f64>) -> Option<()> {
        if let Some(cell) = self.only_cell(rect) {
            self.found.insert(cell);
            return self.within_limits();
        }
        // No cell is twice as large as the mean one, and none is wider than four mean sides.
        let by_area = least_area(part) / (2.0 * self.resolution.area_rads2());
        let by_length = least_length(part) / (4.0 * self.resolution.edge_length_rads());
        if by_area > MOST_CELLS || by_length > MOST_CELLS {
            return None;
        }
        let seeds: BTreeSet<CellIndex> = part.coords_iter().flat_map(|coord| self.cells_at(coord)).collect();
        self.found.extend(&seeds);
        self.spread(seeds, part, &Edges::of(part))
    }

    /// Spreads from cells that touch the part to all others that do.
    fn spread(&mut self, seeds: BTreeSet<CellIndex>, part: &Geometry<f64>, edges: &Edges) -> Option<()> {
        let mut open: Vec<(CellIndex, bool)> = seeds.iter().map(|cell| (*cell, false)).collect();
        let mut seen = seeds;
        while let Some((cell, is_inside)) = open.pop() {
            for neighbour in cell.grid_disk::<Vec<_>>(1) {
                if !seen.insert(neighbour) {
                    continue;
                }
                let outline = self.outline(neighbour);
                self.work += edges.len();
                if edges.meet(&outline, &mut self.work) {
                    open.push((neighbour, false));
                } else if is_inside || holds_centre(part, neighbour) {
                    // No edge lies between two neighbours that no edge meets.
                    open.push((neighbour, true));
                } else {
                    continue;
                }
                self.found.insert(neighbour);
                self.within_limits()?;
            }
        }
        self.within_limits()
    }

    fn outline(&self, cell: CellIndex) -> Outline {
        let outline = Outline::new(cell);
        let margin = (self.margin)(&outline);
        outline.grown(margin)
    }

    fn within_limits(&self) -> Option<()> {
        (self.found.len() <= limits::CELLS && self.work <= MOST_WORK).then_some(())
    }

    /// The one cell that holds the whole rectangle with room to spare.
    fn only_cell(&self, rect: &Rect<f64>) -> Option<CellIndex> {
        let (wide, high) = (rect.width().to_radians(), rect.height().to_radians());
        let radius = high.hypot(wide * widest_parallel(rect.min().y, rect.max().y)) / 2.0;
        let centre = rect.center();
        let cell = self.cell_at(centre).filter(|_| radius < self.resolution.edge_length_rads() * 1.5)?;
        let outline = Outline::new(cell);
        let margin = (self.margin)(&outline);
        outline.holds_cap(&unit(centre), radius + margin).then_some(cell)
    }

    fn cell_at(&self, coord: Coord<f64>) -> Option<CellIndex> {
        LatLng::new(coord.y, coord.x).ok().map(|place| place.to_cell(self.resolution))
    }

    /// The cell of a point; at ±180 under both names of the meridian, which may round differently.
    fn cells_at(&self, coord: Coord<f64>) -> impl Iterator<Item = CellIndex> + use<> {
        let across = (coord.x.abs() >= 180.0).then_some(Coord { x: -coord.x, y: coord.y });
        let across = across.and_then(|coord| self.cell_at(coord));
        self.cell_at(coord).into_iter().chain(across)
    }
}

/// Whether the centre of a cell lies in a polygon.
pub(super) fn holds_centre(part: &Geometry<f64>, cell: CellIndex) -> bool {
    let centre = LatLng::from(cell);
    holds(part, Coord { x: centre.lng(), y: centre.lat() })
}

/// Edges, by place when there are many.
#[derive(Debug)]
pub(super) enum Edges {
    Few(Vec<Edge>),
    Many(RTree<GeomWithData<Rectangle<[f64; 3]>, Edge>>),
}

impl Edges {
    /// The edges of a part; a point is one of no length.
    pub(super) fn of(part: &Geometry<f64>) -> Self {
        if let Geometry::Point(point) = part {
            return Self::Few(vec![Edge::new(Line::new(point.0, point.0))]);
        }
        Self::new(lines(part).map(Edge::new).collect())
    }

    fn new(edges: Vec<Edge>) -> Self {
        if edges.len() < INDEXED_EDGES {
            return Self::Few(edges);
        }
        let placed = edges.into_iter().map(|edge| {
            let (least, most) = cube(&edge.middle, edge.reach + TOLERANCE);
            GeomWithData::new(Rectangle::from_corners(least, most), edge)
        });
        Self::Many(RTree::bulk_load(placed.collect()))
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Few(edges) => edges.len(),
            Self::Many(tree) => tree.size(),
        }
    }

    /// Whether one of them has a point in the cell.
    pub(super) fn meet(&self, outline: &Outline, work: &mut usize) -> bool {
        let mut touches = |edge: &Edge| outline.touches(edge, work);
        match self {
            Self::Few(edges) => edges.iter().any(touches),
            Self::Many(tree) => {
                let (least, most) = outline.cube();
                let near = AABB::from_corners(least, most);
                tree.locate_in_envelope_intersecting(&near).any(|placed| touches(&placed.data))
            }
        }
    }
}

/// No more than the length of a part's longest edge, in radians. (All of them would count what a line runs twice.)
fn least_length(part: &Geometry<f64>) -> f64 {
    lines(part).map(|line| line.dy().abs().to_radians()).fold(0.0, f64::max)
}

/// The area of a part on the unit sphere; more for a polygon that overlaps itself.
fn least_area(part: &Geometry<f64>) -> f64 {
    let Geometry::Polygon(polygon) = part else { return 0.0 };
    let holes: f64 = polygon.interiors().iter().map(|ring| ring_area(&ring.0)).sum();
    ring_area(&polygon.exterior().0) - holes
}

/// The integral of the sine of latitude over longitude (Green), along straight edges.
fn ring_area(ring: &[Coord<f64>]) -> f64 {
    let sum: f64 = ring
        .iter()
        .zip(ring.iter().skip(1))
        .map(|(from, to)| {
            let (south, north) = (from.y.to_radians(), to.y.to_radians());
            let rise = north - south;
            let mean_sine =
                if rise.abs() < 1e-6 { f64::midpoint(south, north).sin() } else { (south.cos() - north.cos()) / rise };
            (to.x - from.x).to_radians() * mean_sine
        })
        .sum();
    sum.abs()
}
