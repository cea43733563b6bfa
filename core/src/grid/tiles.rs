//! Grids by bounding box, as newer versions of the Python program have them: S2 cells, UTM zones, tiles of degrees.
//!
//! It stores an item in every tile that the item's bounding box touches, in the plane of its coordinates as written.
//! So a footprint over ±180 lies in the tiles of the other way round the world: all of them, at its latitudes, from its
//! least longitude to its greatest, which are more than 180 degrees apart; and one round a pole lies in tiles between its
//! ring and the equator. A query that such a footprint might touch looks at the tiles along the meridians 0 and ±180
//! from its own latitudes to the equator: one of them crosses every box so wide. Longitudes may also be written up to
//! ±360.

use geo::{Coord, Intersects as _, Rect};

use super::cover::Reach;
use super::s2::box_of_token;
use crate::geometry::Shape;

/// Degrees by which everything is widened: rounding in the writer, and the size of the smallest S2 cells.
const MARGIN: f64 = 1e-6;
const ZONE_DEGREES: f64 = 6.0;
const ZONES: u8 = 60;
/// Farther than any longitude.
const FARTHEST: f64 = 1000.0;

/// How the globe is cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tiles {
    /// S2 cells by their tokens, each of any level.
    S2,
    /// UTM zones with the hemisphere: `11N`.
    Utm,
    /// Squares of so many degrees by row and column from the equator and Greenwich: `r-12c40`.
    LatLon {
        /// The side of a tile in degrees, above 0.
        degrees: f64,
    },
}

/// A tile: its own box, and the box in which the footprints lie that are stored in it and in no tile nearer.
struct Tile {
    own: Rect<f64>,
    reached: Rect<f64>,
}

impl Tiles {
    /// The tile of a name; `None` for a name that is none.
    fn tile(self, name: &str) -> Option<Tile> {
        match self {
            Self::S2 => box_of_token(name).map(|own| Tile { own, reached: own }),
            Self::Utm => zone(name),
            Self::LatLon { degrees } => square(name, degrees),
        }
    }
}

/// The writer takes the zones of points six degrees apart, from the least longitude on: the last may be missing. The
/// hemisphere is that of the middle latitude, which says nothing of a footprint's points.
fn zone(name: &str) -> Option<Tile> {
    let number: u8 = name.strip_suffix(['N', 'S'])?.parse().ok().filter(|number| (1..=ZONES).contains(number))?;
    let west = f64::from(number - 1) * ZONE_DEGREES - 180.0;
    let east = west + ZONE_DEGREES;
    // Longitudes beyond ±180 go to the first and the last zone.
    let reached_west = if number == 1 { -FARTHEST } else { west };
    let reached_east = if number == ZONES { FARTHEST } else { east + ZONE_DEGREES };
    Some(Tile { own: rect(west, -90.0, east, 90.0), reached: rect(reached_west, -90.0, reached_east, 90.0) })
}

/// The writer steps from tile to tile by adding their size, which skips one now and then where the size is no binary
/// fraction.
fn square(name: &str, degrees: f64) -> Option<Tile> {
    let (row, column) = name.strip_prefix('r')?.split_once('c')?;
    let (row, column): (i32, i32) = (row.parse().ok()?, column.parse().ok()?);
    let (south, west) = (f64::from(row) * degrees, f64::from(column) * degrees);
    let own = rect(west, south, west + degrees, south + degrees);
    let is_exact = (degrees * 1024.0).fract().abs() < f64::EPSILON;
    let skipped = if is_exact { 0.0 } else { degrees };
    Some(Tile { own, reached: grown(own, skipped) })
}

/// A shape made ready to be compared with tiles.
#[derive(Debug)]
pub(super) struct TileTest {
    tiles: Tiles,
    own: Vec<Rect<f64>>,
    looked: Vec<Rect<f64>>,
}

impl TileTest {
    pub(super) fn new(tiles: Tiles, shape: &Shape) -> Self {
        let turned = |rect: &Rect<f64>| [-360.0, 0.0, 360.0].map(|turn| moved(rect, turn));
        let own: Vec<Rect<f64>> = shape.rects().iter().flat_map(turned).collect();
        let bounds = shape.bounds();
        let (south, north) = (bounds.min().y.min(0.0), bounds.max().y.max(0.0));
        let meridians = [-180.0, 0.0, 180.0].map(|longitude| rect(longitude, south, longitude, north));
        let looked = own.iter().copied().chain(meridians).map(|rect| grown(rect, MARGIN)).collect();
        Self { tiles, own, looked }
    }

    pub(super) fn reach(&self, name: &str) -> Reach {
        // What is no tile may be anything.
        let Some(tile) = self.tiles.tile(name) else { return Reach::Touches };
        let meets = |boxes: &[Rect<f64>], tile: &Rect<f64>| boxes.iter().any(|one| one.intersects(tile));
        match () {
            () if meets(&self.own, &tile.own) => Reach::Touches,
            () if meets(&self.looked, &tile.reached) => Reach::Near,
            () => Reach::No,
        }
    }
}

fn rect(west: f64, south: f64, east: f64, north: f64) -> Rect<f64> {
    Rect::new(Coord { x: west, y: south }, Coord { x: east, y: north })
}

fn moved(area: &Rect<f64>, degrees: f64) -> Rect<f64> {
    rect(area.min().x + degrees, area.min().y, area.max().x + degrees, area.max().y)
}

fn grown(area: Rect<f64>, margin: f64) -> Rect<f64> {
    rect(area.min().x - margin, area.min().y - margin, area.max().x + margin, area.max().y + margin)
}
