//! Grids: which cells a geometry touches.

use std::sync::Arc;

use crate::catalog::properties::GridDefinition;
use crate::geometry::Shape;
use crate::{Result, limits};

mod cell_boundary;
mod cover;
mod foreign;
mod h3;
mod regions;
mod s2;
mod sphere;
mod tiles;

use cover::Rule;
use tiles::TileTest;

pub use cover::{CellTest, Cover, Footprints, Reach, cell_list_sql};
pub use h3::H3Grid;
pub use regions::RegionGrid;
pub use tiles::Tiles;

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
    /// Tiles of the Python program, which this program reads and does not write.
    Tiles(Tiles),
    /// A grid this program does not know, by its name: every query looks at every cell.
    Unknown(String),
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
            (GridDefinition::S2 { .. }, _) => Self::Tiles(Tiles::S2),
            (GridDefinition::Utm, _) => Self::Tiles(Tiles::Utm),
            (GridDefinition::LatLon { degrees }, _) => match degrees.as_ref().and_then(|text| text.trim().parse().ok())
            {
                Some(degrees) if degrees > 0.0 && degrees <= 360.0 => Self::Tiles(Tiles::LatLon { degrees }),
                _ => Self::Unknown(definition.name().to_owned()),
            },
            (GridDefinition::Other { name }, _) => Self::Unknown(name.clone()),
        })
    }

    /// The same grid in a table that another program writes: see [`H3Grid::of_another_writer`] and
    /// [`RegionGrid::of_another_writer`].
    #[must_use]
    pub fn of_another_writer(self) -> Self {
        match self {
            Self::H3(grid) => Self::H3(grid.of_another_writer()),
            Self::GeoJson(regions) => Self::GeoJson(regions.of_another_writer()),
            other => other,
        }
    }

    /// Every cell that shares a point with the shape, boundaries included.
    ///
    /// Two shapes that share a point share an H3 cell. For regions that holds for points inside some region only.
    /// [`Cover::All`] beyond [`crate::limits::CELLS`] cells, and for an unknown grid.
    #[must_use]
    pub fn cells(&self, shape: &Shape) -> Cover {
        match self {
            Self::H3(grid) => grid.cells(shape).map_or(Cover::All, Cover::Cells),
            Self::GeoJson(grid) => Cover::Cells(grid.cells(shape)),
            Self::Tiles(tiles) => tested(*tiles, shape),
            Self::Unknown(_) => Cover::All,
        }
    }

    /// The cells a query has to look at, [`NONE_CELL`] among them.
    #[must_use]
    pub fn query_cells(&self, shape: &Shape) -> Cover {
        with_none(match self {
            Self::H3(grid) => grid.query_cover(shape),
            Self::GeoJson(grid) => grid.query_cells(shape).map_or(Cover::All, Cover::Cells),
            Self::Tiles(_) | Self::Unknown(_) => self.cells(shape),
        })
    }

    /// The same as a list where there is one. In H3 tables of another writer it leaves out those cells of which only
    /// some files are read: [`Reach::Holes`] and [`Reach::WorldBoxes`].
    #[must_use]
    pub fn listed_cells(&self, shape: &Shape) -> Cover {
        match self {
            Self::H3(grid) => with_none(grid.listed_cells(shape).map_or(Cover::All, Cover::Cells)),
            _ => self.query_cells(shape),
        }
    }

    /// The cells an item is stored in, sorted; never empty.
    ///
    /// [`NONE_CELL`] alone without a geometry, outside every region, and where the shape has too many cells to list or, for
    /// its length, to be stored in each ([`limits::CELL_POSITIONS`]); in a grid of regions also beside the regions of an
    /// item that sticks out of them.
    pub fn item_cells(&self, shape: Option<&Shape>) -> Vec<String> {
        let cells = shape.and_then(|shape| match self {
            Self::H3(grid) => grid
                .cells(shape)
                .filter(|cells| cells.len().saturating_mul(shape.positions()) <= limits::CELL_POSITIONS),
            Self::GeoJson(grid) => Some(grid.item_cells(shape)),
            Self::Tiles(_) | Self::Unknown(_) => None,
        });
        cells.map_or_else(|| vec![NONE_CELL.to_owned()], |cells| cells.into_iter().collect())
    }
}

fn tested(tiles: Tiles, shape: &Shape) -> Cover {
    Cover::Tested(Arc::new(CellTest::new(Rule::Tiles(TileTest::new(tiles, shape)))))
}

fn with_none(cover: Cover) -> Cover {
    match cover {
        Cover::Cells(mut cells) => {
            cells.insert(NONE_CELL.to_owned());
            Cover::Cells(cells)
        }
        other => other,
    }
}
