//! A catalog that was opened: where it lies, what its table is, and how it divides the globe.

pub mod column_stats;
pub mod hash_index;
pub mod info;
pub mod open;
mod place;
pub mod properties;
pub mod sqlite;
pub mod stats;
mod time_bin;

use bytes::Bytes;
use serde::Serialize;
use std::sync::Arc;

use crate::grid::Grid;
use crate::iceberg::metadata::{Snapshot, TableMetadata};
use crate::location::Rebase;
use crate::{Location, Result};
use properties::GridDefinition;
use sqlite::TableRow;

pub use info::CatalogInfo;
pub use open::{Open, OpenOptions};
pub use time_bin::TimeBin;

/// The database's name in a catalog's folder.
pub const DATABASE_NAME: &str = "earthcatalog.db";
/// One state of a catalog, as it was when it was opened. Never changes, costs nothing to clone.
#[derive(Clone, Debug)]
pub struct Catalog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    base: Location,
    database: Location,
    row: Option<TableRow>,
    metadata_location: Location,
    metadata: TableMetadata,
    rebase: Option<Rebase>,
    definition: GridDefinition,
    grid: Grid,
    manifest_list: Option<Bytes>,
    warnings: Vec<String>,
}

/// Who wrote a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Writer {
    /// This program, whose files keep what FORMAT.md promises.
    Ours,
    /// Another program: only what Iceberg and Parquet promise may be relied on.
    Foreign,
}

impl Catalog {
    /// The folder that was opened: what was stored below the table's old base is read below it.
    #[must_use]
    pub fn base(&self) -> &Location {
        &self.0.base
    }

    /// The database that names the current metadata; where it would be, if a metadata object was opened directly.
    #[must_use]
    pub fn database(&self) -> &Location {
        &self.0.database
    }

    /// The table's row in the database; `None` if a metadata object was opened directly.
    #[must_use]
    pub fn table_row(&self) -> Option<&TableRow> {
        self.0.row.as_ref()
    }

    /// The table metadata.
    #[must_use]
    pub fn metadata(&self) -> &TableMetadata {
        &self.0.metadata
    }

    /// Where the table metadata was read.
    #[must_use]
    pub fn metadata_location(&self) -> &Location {
        &self.0.metadata_location
    }

    /// How the table's properties say the globe is divided.
    #[must_use]
    pub fn grid_definition(&self) -> &GridDefinition {
        &self.0.definition
    }

    /// The grid; [`Grid::Unknown`] also if its regions could not be read, of which [`Catalog::warnings`] tells.
    #[must_use]
    pub fn grid(&self) -> &Grid {
        &self.0.grid
    }

    /// Where a stored location is to be read, in a catalog that may have been moved or copied.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Corrupt`] for a location that climbs out of the catalog, [`crate::ErrorKind::Invalid`] for an
    /// empty one, [`crate::ErrorKind::Denied`] for a local path in a catalog that lies elsewhere.
    pub fn resolve(&self, stored: &str) -> Result<Location> {
        place::reachable(&self.0.base, resolve(self.0.rebase.as_ref(), stored)?)
    }

    /// The manifest list, if it came with what the opening had to read.
    pub(crate) fn manifest_list(&self) -> Option<&Bytes> {
        self.0.manifest_list.as_ref()
    }

    /// How stored locations are moved; `None` if they are read where they say.
    #[must_use]
    pub fn rebase(&self) -> Option<&Rebase> {
        self.0.rebase.as_ref()
    }

    /// The state to read; `None` in an empty table.
    #[must_use]
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.0.metadata.current_snapshot()
    }

    /// Where the hash index lies, or would lie by the Python program's default. `None` in tables of other programs.
    #[must_use]
    pub fn hash_index(&self) -> Option<Location> {
        let properties = &self.0.metadata.properties;
        if let Some(stored) = properties.get(properties::HASH_INDEX_PATH) {
            return self.resolve(stored).ok();
        }
        if !properties.contains_key(properties::GRID_TYPE) {
            return None;
        }
        let table = Location::parse(&self.0.metadata.location).ok()?;
        let warehouse = table.parent()?.parent()?;
        self.resolve(&format!("{warehouse}{}", properties::HASH_INDEX_SUFFIX)).ok()
    }

    /// The time bin that new rows go to; `None` if the table's partition spec has none of a year, month or day.
    #[must_use]
    pub fn time_bin(&self) -> Option<TimeBin> {
        TimeBin::of_table(&self.0.metadata)
    }

    /// Who wrote the table.
    #[must_use]
    pub fn writer(&self) -> Writer {
        self.0.writer()
    }

    /// What was odd but did not keep the catalog from being opened.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.0.warnings
    }

    /// What there is to say about the catalog without reading more.
    #[must_use]
    pub fn info(&self) -> CatalogInfo {
        CatalogInfo::of(self)
    }
}

impl Inner {
    fn writer(&self) -> Writer {
        match self.metadata.properties.get(properties::WRITER) {
            Some(name) if name.starts_with(properties::WRITER_PREFIX) => Writer::Ours,
            _ => Writer::Foreign,
        }
    }
}

fn resolve(rebase: Option<&Rebase>, stored: &str) -> Result<Location> {
    rebase.map_or_else(|| Location::parse(stored), |rebase| rebase.apply(stored))
}
