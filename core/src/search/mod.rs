//! Searches: manifest list, manifests, plan, scan.

mod best;
mod list;
mod picked;
mod rows;
mod sorted;
mod window;

pub use crate::plan::FileScanTask;
pub use list::ListFiles;
pub use rows::Rows;

use std::collections::VecDeque;

use bytes::Bytes;
use serde_json::Value;

use crate::catalog::Catalog;
use crate::plan::PlanSummary;
use crate::query::Query;
use crate::scan::file::RowGroupCounts;
use crate::scan::{Output, ScanContext};
use crate::{Error, Machine, RequestId, Result, Step};
use window::Window;

/// What a search did beyond planning, so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ScanSummary {
    /// Data files whose rows were looked at or ruled out, in order.
    pub files_opened: u64,
    /// Their row groups.
    pub row_groups: RowGroupCounts,
    /// Rows that matched, copies of one item in several cells included.
    pub rows_matched: u64,
    /// Items yielded.
    pub items: u64,
    /// Footprints that could not be read: their rows match no area, their items come with a null geometry.
    pub unreadable_geometries: u64,
}

/// Yields the items of a catalog that match a query, one by one: [`Rows`], decoded.
#[derive(Debug)]
pub struct Search {
    rows: Rows,
    ready: VecDeque<Value>,
}

impl Search {
    /// A search over the current snapshot of `catalog`.
    ///
    /// # Errors
    /// As [`Rows::new`].
    pub fn new(catalog: &Catalog, query: Query) -> Result<Self> {
        Ok(Self { rows: Rows::new(catalog, query, Output::Items)?, ready: VecDeque::new() })
    }

    /// A search over files of any table whose schema is known.
    pub fn within(context: ScanContext, files: Vec<FileScanTask>) -> Self {
        Self { rows: Rows::within(context, files), ready: VecDeque::new() }
    }

    /// Yields only `id` and `collection` of each item, for counting: the other columns are not read.
    #[must_use]
    pub fn ids_only(self) -> Self {
        Self { rows: self.rows.with_output(Output::Ids), ..self }
    }

    /// What was planned, once it is.
    pub fn plan(&self) -> Option<&PlanSummary> {
        self.rows.plan()
    }

    /// What was read so far.
    pub fn summary(&self) -> ScanSummary {
        self.rows.summary()
    }

    /// What is odd about the answer so far.
    pub fn warnings(&self) -> Vec<String> {
        self.rows.warnings()
    }
}

impl Machine for Search {
    type Output = Value;

    fn step(&mut self) -> Result<Step<Value>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(Step::Data(item));
            }
            match self.rows.step()? {
                Step::NeedsData(requests) => return Ok(Step::NeedsData(requests)),
                Step::Finished => return Ok(Step::Finished),
                Step::Data((location, batch)) => {
                    self.ready = self.rows.decode(&location, &batch)?.into();
                }
            }
        }
    }

    fn supply(&mut self, id: RequestId, bytes: Bytes) -> Result<()> {
        self.rows.supply(id, bytes)
    }

    fn fail(&mut self, id: RequestId, error: Error) -> Result<()> {
        self.rows.fail(id, error)
    }
}
