//! Which files can hold an answer, and why the others cannot.

pub mod bounds;
pub mod facts;
pub mod file_evaluator;
pub mod manifest_evaluator;
pub mod partition;
pub mod row_group_evaluator;

use std::cmp::Ordering;
use std::sync::Arc;

use crate::cql2::Filter;
use crate::grid::{Cover, Grid};
use crate::iceberg::manifest::DataFile;
use crate::iceberg::metadata::Schema;
use crate::iceberg::value::Value;
use crate::property::Property;
use crate::query::Query;
use crate::stac::schema as stac_schema;
use crate::{Location, Result};

/// Why something cannot hold an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Its grid cell does not touch the area.
    Grid,
    /// No item of it lies in the time asked for.
    Time,
    /// The bounds of its ids, collections, footprints or filtered properties leave the query out.
    Bounds,
}

/// Whether something might hold an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It might.
    Keep,
    /// It cannot, and why.
    Prune(Cause),
}

impl Verdict {
    /// This verdict, or the next one's if this one keeps.
    #[must_use]
    pub fn and_then(self, next: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Keep => next(),
            Self::Prune(_) => self,
        }
    }

    /// Whether it keeps.
    #[must_use]
    pub fn keeps(self) -> bool {
        self == Self::Keep
    }
}

/// What planning left out, and what remains to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct PlanSummary {
    /// Manifests of the snapshot.
    pub manifests_total: u64,
    /// Manifests that were read.
    pub manifests_read: u64,
    /// Data files of the snapshot where the manifest list tells, of the manifests read otherwise.
    pub files_total: u64,
    /// Cells of the files left after the grid.
    pub cells_looked_at: u64,
    /// Those of them that touch the area; the others are looked at because of how another program chose its cells.
    pub cells_touched: u64,
    /// Files left after the grid.
    pub after_grid: u64,
    /// Files left after the time.
    pub after_time: u64,
    /// Files left after all bounds: these are read.
    pub after_bounds: u64,
    /// Rows of these files: no search yields more items.
    pub rows_upper_bound: u64,
    /// Bytes of these files.
    pub bytes: u64,
}

/// A data file that is to be read.
#[derive(Clone, Debug, PartialEq)]
pub struct FileScanTask {
    /// Where it lies now, which for a moved catalog is not where the manifest says.
    pub location: Location,
    /// What the manifest says of it.
    pub data_file: Arc<DataFile>,
}

/// The Iceberg ids of the columns that decide a query, in one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanColumns {
    /// The cell.
    pub cell: Option<i32>,
    /// Item id.
    pub id: Option<i32>,
    /// Collection id.
    pub collection: Option<i32>,
    /// Footprint.
    pub geometry: Option<i32>,
    /// `datetime`.
    pub datetime: Option<i32>,
    /// `start_datetime`.
    pub start_datetime: Option<i32>,
    /// `end_datetime`.
    pub end_datetime: Option<i32>,
    /// West, south, east and north of the box around a footprint.
    pub footprint: Option<[i32; 4]>,
}

impl PlanColumns {
    /// Finds the columns in a table's schema.
    #[must_use]
    pub fn of(schema: &Schema) -> Self {
        let id = |name: &str| schema.field_by_name(name).map(|field| field.id);
        let sides = stac_schema::GEOMETRY_BBOX_FIELDS
            .map(|side| schema.field_by_path(&format!("{}.{side}", stac_schema::GEOMETRY_BBOX)).map(|field| field.id));
        let footprint = match sides {
            [Some(west), Some(south), Some(east), Some(north)] => Some([west, south, east, north]),
            _ => None,
        };
        Self {
            cell: id(stac_schema::GRID_PARTITION),
            id: id(stac_schema::ID),
            collection: id(stac_schema::COLLECTION),
            geometry: id(stac_schema::GEOMETRY),
            datetime: id(stac_schema::DATETIME),
            start_datetime: id(stac_schema::START_DATETIME),
            end_datetime: id(stac_schema::END_DATETIME),
            footprint,
        }
    }

    /// The columns whose metrics a manifest reader has to keep.
    #[must_use]
    pub fn wanted(&self) -> Vec<i32> {
        let single = [self.id, self.collection, self.geometry, self.datetime, self.start_datetime, self.end_datetime];
        single.into_iter().flatten().chain(self.footprint.into_iter().flatten()).collect()
    }
}

/// Sorts files by cell, time bin and path, the order in which items are yielded.
pub fn sort_tasks(tasks: &mut [FileScanTask]) {
    tasks.sort_by(|left, right| {
        compare_partitions(&left.data_file.partition, &right.data_file.partition)
            .then_with(|| left.data_file.file_path.cmp(&right.data_file.file_path))
    });
}

fn compare_partitions(left: &[Option<Value>], right: &[Option<Value>]) -> Ordering {
    let unequal = left.iter().zip(right).map(|pair| match pair {
        (Some(left), Some(right)) => left.compare(right).unwrap_or(Ordering::Equal),
        // Null last: `__none__` and unknown years are read after what is known.
        (left, right) => left.is_none().cmp(&right.is_none()),
    });
    unequal.fold(Ordering::Equal, Ordering::then).then(left.len().cmp(&right.len()))
}

/// A query with what it means in one catalog.
#[derive(Clone, Debug)]
pub struct Criteria {
    /// The query.
    pub query: Arc<Query>,
    /// Its filter, tied to the table.
    pub filter: Option<Arc<Filter>>,
    /// The cells that can hold an answer; all without an area.
    pub cover: Cover,
    /// The columns of the table.
    pub columns: PlanColumns,
}

impl Criteria {
    /// What a query means in a table that is spread over cells of `grid`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] for an area that the grid cannot place; as [`Filter::new`] for the filter.
    pub fn new(query: Query, table: &Schema, grid: &Grid) -> Result<Self> {
        let filter = query.filter.as_ref().map(|filter| Filter::new(filter, table)).transpose()?.map(Arc::new);
        let mut cover = Cover::All;
        // An item lies in each cell it touches, so one of the shapes decides: that with the fewest cells.
        for shape in query.area.iter().chain(filter.iter().flat_map(|filter| filter.shapes())) {
            let other = grid.query_cells(shape);
            if other.fewer_than(&cover) {
                cover = other;
            }
        }
        Ok(Self { query: Arc::new(query), filter, cover, columns: PlanColumns::of(table) })
    }

    /// The columns whose metrics a manifest reader has to keep.
    #[must_use]
    pub fn wanted(&self) -> Vec<i32> {
        let mut wanted = self.columns.wanted();
        let columns = self.filter.iter().flat_map(|filter| filter.properties()).filter_map(Property::column);
        wanted.extend(columns.map(|column| column.field_id));
        wanted
    }
}
