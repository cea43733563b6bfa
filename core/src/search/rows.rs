//! The rows that match a query, each item once: what every kind of answer is made from.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;
use bytes::Bytes;
use serde_json::{Value, json};
use xxhash_rust::xxh3::Xxh3;

use super::sorted::Sorted;
use super::window::Batch;
use super::{ListFiles, ScanSummary, Window};
use crate::catalog::Catalog;
use crate::error::ResultExt as _;
use crate::machine::Inflight;
use crate::plan::{FileScanTask, PlanSummary};
use crate::query::Query;
use crate::scan::file::FileScan;
use crate::scan::predicate::Texts;
use crate::scan::{Output, ScanContext};
use crate::stac::decode::{decode_assets, decode_fields, decode_items, unreadable_geometries};
use crate::stac::schema as stac_schema;
use crate::{Error, Location, Machine, RequestId, Result, Step};

/// Yields the rows of a catalog that match a query, each item once, with the data file they come from: in the order that
/// the query asks for, and where that says nothing in that of cell, time bin, path and row. Batches are never empty; they
/// hold the columns that the file and the output have.
///
/// An item is its collection and id: of several rows with both equal, the first in that order is yielded.
#[derive(Debug)]
pub struct Rows {
    stage: Stage,
    context: Arc<ScanContext>,
    plan: Option<PlanSummary>,
    /// Hashes of collection and id: 16 bytes an item, where the names would take a hundred.
    seen: HashSet<u128>,
    remaining: Option<u64>,
    summary: ScanSummary,
    /// Rows yielded although their geometry cannot be read: no area was asked for.
    unreadable: u64,
}

#[derive(Debug)]
enum Stage {
    Planning(Box<ListFiles>),
    Scanning(Box<Window>, VecDeque<FileScanTask>),
    Sorting(Box<Sorted>),
    Done,
}

impl Stage {
    /// What reads these files, in base order, as the query asks for.
    fn over(files: Vec<FileScanTask>, context: &Arc<ScanContext>, inflight: Inflight<(u64, RequestId)>) -> Self {
        if context.sorts() {
            return Self::Sorting(Box::new(Sorted::new(files, Arc::clone(context), inflight)));
        }
        let window = Window::new(context.query.max_items.is_some(), inflight);
        Self::Scanning(Box::new(window), files.into())
    }
}

impl Rows {
    /// The rows of the current snapshot of `catalog`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] for an area the grid cannot place, [`crate::ErrorKind::Corrupt`] for a broken
    /// name mapping, [`crate::ErrorKind::Unsupported`] as [`ScanContext::new`].
    pub fn new(catalog: &Catalog, query: Query, output: Output) -> Result<Self> {
        let list = ListFiles::matching(catalog, query.clone())?;
        let context = scan_context(catalog, query, output)?;
        let list = list.with_metrics_of(context.order.field_id());
        Ok(Self::at(Stage::Planning(Box::new(list)), Arc::new(context)))
    }

    /// The rows of files of any table whose schema is known.
    pub fn within(context: ScanContext, files: Vec<FileScanTask>) -> Self {
        let context = Arc::new(context);
        let stage = Stage::over(files, &context, Inflight::default());
        Self::at(stage, context)
    }

    fn at(stage: Stage, context: Arc<ScanContext>) -> Self {
        Self {
            stage,
            remaining: context.query.max_items,
            context,
            plan: None,
            seen: HashSet::new(),
            summary: ScanSummary::default(),
            unreadable: 0,
        }
    }

    /// The values of a batch that this yielded: items with their wanted members, or what the output leaves of them.
    ///
    /// # Errors
    /// Those of decoding, with the data file.
    pub fn decode(&self, location: &Location, batch: &RecordBatch) -> Result<Vec<Value>> {
        let values = match (self.context.output, &self.context.query.fields) {
            (Output::Items, None) => decode_items(batch),
            (Output::Items, Some(fields)) => decode_fields(batch, fields),
            (Output::Assets, _) => decode_assets(batch),
            (Output::Ids | Output::Keys | Output::Versions, _) => Ok(identities(batch)),
        };
        values.context("location", location)
    }

    pub(super) fn with_output(self, output: Output) -> Self {
        let context = ScanContext { output, ..self.context.as_ref().clone() };
        Self { context: Arc::new(context), ..self }
    }

    /// What was planned, once it is.
    pub fn plan(&self) -> Option<&PlanSummary> {
        self.plan.as_ref()
    }

    /// What was read so far.
    pub fn summary(&self) -> ScanSummary {
        let mut summary = self.summary;
        match &self.stage {
            Stage::Scanning(window, _) => window.describe(&mut summary),
            Stage::Sorting(sorted) => sorted.describe(&mut summary),
            Stage::Planning(_) => {}
            Stage::Done => return summary,
        }
        summary.unreadable_geometries += self.unreadable;
        summary
    }

    /// What is odd about the answer so far: properties of filter and order that no column holds and no row looked at had.
    pub fn warnings(&self) -> Vec<String> {
        let told = |name: String, what: &str| format!("no column holds `{name}` and no item looked at has it: {what}");
        let filtered = self.context.filter.iter().flat_map(|filter| filter.missing());
        let filtered = filtered.map(|name| told(name, "the filter took it for null"));
        filtered.chain(self.context.order.missing().map(|name| told(name, "it orders nothing"))).collect()
    }

    fn finish(&mut self) {
        self.summary = self.summary();
        self.stage = Stage::Done;
    }

    /// The rows of a batch that are not copies of rows seen before, at most as many as are still wanted.
    fn first_copies(&mut self, batch: &RecordBatch) -> BooleanArray {
        let texts = |name| Texts::of(batch.column_by_name(name));
        let (ids, collections) = (texts(stac_schema::ID), texts(stac_schema::COLLECTION));
        let fresh = (0..batch.num_rows()).map(|row| {
            if self.remaining == Some(0) {
                return false;
            }
            // A row without an id is no copy of anything.
            let fresh = ids.at(row).is_none_or(|id| self.seen.insert(identity(collections.at(row), id)));
            if fresh {
                self.remaining = self.remaining.map(|remaining| remaining - 1);
            }
            fresh
        });
        fresh.collect::<Vec<bool>>().into()
    }

    fn take(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        self.summary.rows_matched += batch.num_rows() as u64;
        let fresh = self.first_copies(batch);
        let batch = filter_record_batch(batch, &fresh)
            .map_err(|error| Error::internal("cannot pick rows of a batch").caused_by(error))?;
        self.summary.items += batch.num_rows() as u64;
        self.unreadable += unreadable_geometries(&batch);
        if self.remaining == Some(0) {
            self.finish();
        }
        Ok(batch)
    }
}

impl Machine for Rows {
    type Output = (Location, RecordBatch);

    fn step(&mut self) -> Result<Step<Self::Output>> {
        loop {
            let step = match &mut self.stage {
                Stage::Done => return Ok(Step::Finished),
                // Nothing is wanted: not even the plan.
                _ if self.remaining == Some(0) => {
                    self.finish();
                    continue;
                }
                Stage::Planning(list) => match list.step()? {
                    Step::NeedsData(requests) => return Ok(Step::NeedsData(requests)),
                    Step::Data(files) => {
                        self.plan = list.plan().cloned();
                        self.stage = Stage::over(files, &self.context, list.numbering());
                        continue;
                    }
                    Step::Finished => Step::Finished,
                },
                Stage::Scanning(window, tasks) => window.step(|unreadable| {
                    let task = tasks.pop_front()?;
                    Some(FileScan::new(task, Arc::clone(&self.context), Arc::clone(unreadable)))
                })?,
                Stage::Sorting(sorted) => sorted.step()?,
            };
            match step {
                Step::NeedsData(requests) => return Ok(Step::NeedsData(requests)),
                Step::Finished => self.finish(),
                Step::Data(Batch { location, rows, .. }) => {
                    let batch = self.take(&rows).context("location", &location)?;
                    if batch.num_rows() > 0 {
                        return Ok(Step::Data((location, batch)));
                    }
                }
            }
        }
    }

    fn supply(&mut self, id: RequestId, bytes: Bytes) -> Result<()> {
        match &mut self.stage {
            Stage::Planning(list) => list.supply(id, bytes),
            Stage::Scanning(window, _) => window.supply(id, bytes),
            Stage::Sorting(sorted) => sorted.supply(id, bytes),
            // A late answer to a request that is no longer of use.
            Stage::Done => Ok(()),
        }
    }

    fn fail(&mut self, id: RequestId, error: Error) -> Result<()> {
        match &mut self.stage {
            Stage::Planning(list) => list.fail(id, error),
            Stage::Scanning(window, _) => window.fail(id, error),
            Stage::Sorting(sorted) => sorted.fail(id, error),
            Stage::Done => Ok(()),
        }
    }
}

fn identities(batch: &RecordBatch) -> Vec<Value> {
    let texts = |name| Texts::of(batch.column_by_name(name));
    let (ids, collections) = (texts(stac_schema::ID), texts(stac_schema::COLLECTION));
    (0..batch.num_rows()).map(|row| json!({ "id": ids.at(row), "collection": collections.at(row) })).collect()
}

/// What scans of the current snapshot of `catalog` share.
fn scan_context(catalog: &Catalog, query: Query, output: Output) -> Result<ScanContext> {
    let metadata = catalog.metadata();
    let name_mapping = metadata.name_mapping()?.map(Arc::new);
    ScanContext::new(Arc::new(query), Arc::new(metadata.schema().clone()), name_mapping, output)
}

/// A hash of collection and id; with 128 bits, two of a thousand million items share one in 10^20 catalogs.
pub(super) fn identity(collection: Option<&str>, id: &str) -> u128 {
    let mut hash = Xxh3::new();
    hash.update(&[u8::from(collection.is_some())]);
    let collection = collection.unwrap_or_default();
    // The length keeps ("a", "bc") apart from ("ab", "c").
    hash.update(&(collection.len() as u64).to_le_bytes());
    hash.update(collection.as_bytes());
    hash.update(id.as_bytes());
    hash.digest128()
}
