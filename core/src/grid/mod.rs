//! Grids: which cells a geometry touches.

use std::collections::BTreeSet;
use std::ops::Bound;

use crate::Result;
use crate::catalog::properties::GridDefinition;
use crate::geometry::Shape;

mod cell_boundary;
mod h3;
mod regions;
mod sphere;

pub use h3::H3Grid;
pub use regions::RegionGrid;

/// The cell of items that no other cell holds: without geometry, or outside every region.
pub const NONE_CELL: &str = "__none__";

/// How items are spread over cells.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Grid {
    /// H3 cells of one resolution.
    H3(H3Grid),
    /// Named regions.
    GeoJson(RegionGrid),
    /// A grid this program does not know, by its name: every query looks at every cell.
    Unknown(String),
}

/// The cells a geometry touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cover {
    /// Possibly any cell.
    All,
    /// These and no others.
    Cells(BTreeSet<String>),
}

impl Cover {
    /// Whether the cell may hold what the geometry touches.
    pub fn contains(&self, cell: &str) -> bool {
        match self {
            Self::All => true,
            Self::Cells(cells) => cells.contains(cell),
        }
    }

    /// Whether it lists fewer cells.
    #[must_use]
    pub fn fewer_than(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Cells(cells), Self::Cells(others)) => cells.len() < others.len(),
            (Self::Cells(_), Self::All) => true,
            (Self::All, _) => false,
        }
    }

    /// Whether some cell lies between the bounds, both inclusive, in the order of their UTF-8 bytes.
    pub fn might_contain_between(&self, lower: &str, upper: &str) -> bool {
        match self {
            Self::All => true,
            Self::Cells(cells) => {
                lower <= upper
                    && cells.range::<str, _>((Bound::Included(lower), Bound::Included(upper))).next().is_some()
            }
        }
    }
}

impl Grid {
    /// The grid that a table's properties define; `boundaries` is the file a grid of regions names.
    ///
    /// Without that file the grid is [`Grid::Unknown`].
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] for a resolution that H3 has not, and for boundaries that are no regions.
    pub fn from_definition(definition: &GridDefinition, boundaries: Option<&[u8]>) -> Result<Self> {
        Ok(match (definition, boundaries) {
            (GridDefinition::H3 { resolution }, _) => Self::H3(H3Grid::new(*resolution)?),
            (GridDefinition::GeoJson { id_field, .. }, Some(bytes)) => Self::GeoJson(RegionGrid::new(bytes, id_field)?),
            (GridDefinition::GeoJson { .. }, None) => Self::Unknown("geojson".to_owned()),
            (GridDefinition::Other { name }, _) => Self::Unknown(name.clone()),
        })
    }

    /// The same grid in a table that another program writes: see [`RegionGrid::of_another_writer`].
    #[must_use]
    pub fn of_another_writer(self) -> Self {
        match self {
            Self::GeoJson(regions) => Self::GeoJson(regions.of_another_writer()),
            other => other,
        }
    }

    /// Every cell that shares a point with the shape, boundaries included.
    ///
    /// Two shapes that share a point share an H3 cell. For regions that holds for points inside some region only.
    /// [`Cover::All`] beyond [`crate::limits::CELLS`] cells, and for an unknown grid.
    ///
    /// # Errors
    /// None at present; kept for grids that cannot answer for every shape.
    pub fn cells(&self, shape: &Shape) -> Result<Cover> {
        Ok(match self {
            Self::H3(grid) => grid.cells(shape).map_or(Cover::All, Cover::Cells),
            Self::GeoJson(grid) => Cover::Cells(grid.cells(shape)),
            Self::Unknown(_) => Cover::All,
        })
    }

    /// The cells a query has to look at: those of the shape, and [`NONE_CELL`].
    ///
    /// # Errors
    /// As [`cells`](Self::cells).
    pub fn query_cells(&self, shape: &Shape) -> Result<Cover> {
        let cover = match self {
            Self::GeoJson(grid) => grid.query_cells(shape).map_or(Cover::All, Cover::Cells),
            _ => self.cells(shape)?,
        };
        Ok(match cover {
            Cover::All => Cover::All,
            Cover::Cells(mut cells) => {
                cells.insert(NONE_CELL.to_owned());
                Cover::Cells(cells)
            }
        })
    }

    /// The cells an item is stored in, sorted; never empty.
    ///
    /// [`NONE_CELL`] alone without a geometry, outside every region, and where the shape has too many cells to list; in
    /// a grid of regions also beside the regions of an item that sticks out of them.
    pub fn item_cells(&self, shape: Option<&Shape>) -> Vec<String> {
        let cells = shape.and_then(|shape| match self {
            Self::H3(grid) => grid.cells(shape),
            Self::GeoJson(grid) => Some(grid.item_cells(shape)),
            Self::Unknown(_) => None,
        });
        cells.map_or_else(|| vec![NONE_CELL.to_owned()], |cells| cells.into_iter().collect())
    }
}

/// The cover as an SQL condition on `grid_partition`; `TRUE` for all cells, `FALSE` for none.
pub fn cell_list_sql(cover: &Cover) -> String {
    match cover {
        Cover::All => "TRUE".to_owned(),
        Cover::Cells(cells) if cells.is_empty() => "FALSE".to_owned(),
        Cover::Cells(cells) => {
            let quoted: Vec<String> = cells.iter().map(|cell| format!("'{}'", cell.replace('\'', "''"))).collect();
            format!("grid_partition IN ({})", quoted.join(", "))
        }
    }
}
