//! Which cells may hold what a geometry touches.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};

use super::NONE_CELL;
use super::foreign::ForeignH3;
use super::tiles::TileTest;

/// The cells a geometry touches.
#[derive(Clone, Debug)]
pub enum Cover {
    /// Possibly any cell.
    All,
    /// These and no others.
    Cells(BTreeSet<String>),
    /// Those of a table of another program that pass a test: what it wrote is not listed but asked of each cell.
    Tested(Arc<CellTest>),
}

/// Why a cell has to be looked at, the weakest reason first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// It has not.
    No,
    /// Its writer may have put a polygon with holes there alone, wherever the polygon touches the geometry.
    Holes,
    /// Its writer may have put a box round the world there alone.
    WorldBoxes,
    /// It does not touch the geometry, but its writer may have put an item there, and nowhere nearer, that does.
    Near,
    /// It touches the geometry.
    Touches,
}

/// What is known of all footprints of a data file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprints {
    holes: bool,
    world_boxes: bool,
}

impl Default for Footprints {
    /// Nothing is known.
    fn default() -> Self {
        Self { holes: true, world_boxes: true }
    }
}

/// How little-endian ISO WKB begins: a point, and a polygon of one ring.
const WKB_POINT: [u8; 5] = [1, 1, 0, 0, 0];
const WKB_ONE_RING: [u8; 9] = [1, 3, 0, 0, 0, 1, 0, 0, 0];
/// Positions of the ring of a box.
const BOX_POSITIONS: u8 = 5;

impl Footprints {
    /// What follows from bounds of their WKB, compared byte by byte and possibly cut (Iceberg, Column Metrics).
    ///
    /// All values between two that begin alike begin so too: bounds of 16 bytes tell what a file holds if it holds
    /// only points, or only polygons without holes, and then how many positions their rings may have.
    #[must_use]
    pub fn between(lower: Option<&[u8]>, upper: Option<&[u8]>) -> Self {
        let (Some(lower), Some(upper)) = (lower, upper) else { return Self::default() };
        let both_start = |start: &[u8]| lower.starts_with(start) && upper.starts_with(start);
        if both_start(&WKB_POINT) {
            return Self { holes: false, world_boxes: false };
        }
        if !both_start(&WKB_ONE_RING) {
            return Self::default();
        }
        let positions = |bound: &[u8]| bound.get(WKB_ONE_RING.len()).copied();
        let world_boxes = match (positions(lower), positions(upper)) {
            (Some(least), Some(most)) => (least..=most).contains(&BOX_POSITIONS),
            _ => true,
        };
        Self { holes: false, world_boxes }
    }
}

/// A test of cells, which remembers its answers.
#[derive(Debug)]
pub struct CellTest {
    rule: Rule,
    answers: Mutex<BTreeMap<String, Reach>>,
}

#[derive(Debug)]
pub(super) enum Rule {
    H3(ForeignH3),
    Tiles(TileTest),
}

impl CellTest {
    pub(super) fn new(rule: Rule) -> Self {
        Self { rule, answers: Mutex::default() }
    }

    fn reach(&self, cell: &str) -> Reach {
        if cell == NONE_CELL {
            return Reach::Touches;
        }
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = answers.get(cell) {
            return *known;
        }
        let reach = match &self.rule {
            Rule::H3(test) => test.reach(cell),
            Rule::Tiles(test) => test.reach(cell),
        };
        answers.insert(cell.to_owned(), reach);
        reach
    }
}

impl PartialEq for Cover {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, Self::All) => true,
            (Self::Cells(cells), Self::Cells(others)) => cells == others,
            (Self::Tested(test), Self::Tested(other)) => Arc::ptr_eq(test, other),
            _ => false,
        }
    }
}

impl Eq for Cover {}

impl Cover {
    /// Why the cell has to be looked at.
    #[must_use]
    pub fn reach(&self, cell: &str) -> Reach {
        match self {
            Self::All => Reach::Touches,
            Self::Cells(cells) if cells.contains(cell) => Reach::Touches,
            Self::Cells(_) => Reach::No,
            Self::Tested(test) => test.reach(cell),
        }
    }

    /// Whether the cell may hold what the geometry touches, polygons with holes and boxes round the world aside.
    #[must_use]
    pub fn contains(&self, cell: &str) -> bool {
        self.reach(cell) >= Reach::Near
    }

    /// Whether a data file of the cell, of whose footprints so much is known, may hold what the geometry touches.
    #[must_use]
    pub fn might_hold(&self, cell: &str, footprints: Footprints) -> bool {
        match self.reach(cell) {
            Reach::Touches | Reach::Near => true,
            Reach::WorldBoxes => footprints.world_boxes || footprints.holes,
            Reach::Holes => footprints.holes,
            Reach::No => false,
        }
    }

    /// Whether it is sure to leave out more: a list of fewer cells, a list rather than a test, a test rather than nothing.
    #[must_use]
    pub fn fewer_than(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Cells(cells), Self::Cells(others)) => cells.len() < others.len(),
            (Self::Cells(_), Self::Tested(_)) | (Self::Cells(_) | Self::Tested(_), Self::All) => true,
            (Self::All | Self::Tested(_), _) => false,
        }
    }

    /// Whether some cell between the bounds may hold what the geometry touches; both are inclusive, in the order of
    /// their UTF-8 bytes.
    #[must_use]
    pub fn might_contain_between(&self, lower: &str, upper: &str) -> bool {
        match self {
            Self::All | Self::Tested(_) => true,
            Self::Cells(cells) => {
                lower <= upper
                    && cells.range::<str, _>((Bound::Included(lower), Bound::Included(upper))).next().is_some()
            }
        }
    }
}

/// The cover as an SQL condition on `grid_partition`; `TRUE` for all cells and for those that cannot be listed,
/// `FALSE` for none.
#[must_use]
pub fn cell_list_sql(cover: &Cover) -> String {
    match cover {
        Cover::All | Cover::Tested(_) => "TRUE".to_owned(),
        Cover::Cells(cells) if cells.is_empty() => "FALSE".to_owned(),
        Cover::Cells(cells) => {
            let quoted: Vec<String> = cells.iter().map(|cell| format!("'{}'", cell.replace('\'', "''"))).collect();
            format!("grid_partition IN ({})", quoted.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_wkb_tell_what_a_file_cannot_hold() {
        let ring = |positions: u8| [&WKB_ONE_RING[..], &[positions, 0, 0, 0, 7, 7, 7]].concat();
        let between = |lower: &[u8], upper: &[u8]| {
            let known = Footprints::between(Some(lower), Some(upper));
            (known.holes, known.world_boxes)
        };
        assert_eq!(between(&ring(6), &ring(17)), (false, false));
        assert_eq!(between(&ring(4), &ring(17)), (false, true));
        assert_eq!(between(&[1, 1, 0, 0, 0, 9], &[1, 1, 0, 0, 0, 200]), (false, false));
        let two_rings = [1, 3, 0, 0, 0, 2, 0, 0, 0, 5];
        assert_eq!(between(&ring(6), &two_rings), (true, true));
        assert_eq!(between(&[1, 1, 0, 0, 0], &ring(17)), (true, true));
        assert_eq!(between(&[0, 0, 0, 0, 3], &ring(17)), (true, true));
        assert_eq!(Footprints::between(None, Some(&ring(6))), Footprints::default());
    }
}
