//! What can be asked of an opened catalog, as machines that yield JavaScript values.

use std::sync::Arc;

use bytes::Bytes;
use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::catalog::column_stats::column_stats;
use earthcatalog_core::catalog::hash_index::UniqueItems;
use earthcatalog_core::catalog::stats::{stats, top_cells};
use earthcatalog_core::export::{Export, ExportOptions, Format};
use earthcatalog_core::plan::PlanSummary;
use earthcatalog_core::query::Query;
use earthcatalog_core::scan::Output;
use earthcatalog_core::search::{FileScanTask, ListFiles, Rows, ScanSummary};
use earthcatalog_core::{Error, Machine, RequestId, Result, Step};
use js_sys::Uint8Array;
use serde_json::Value;
use wasm_bindgen::JsValue;

use crate::convert::{json_to_js, object_to_js};

/// What is asked.
#[derive(Debug)]
pub(crate) enum Job {
    /// Items, a batch at a time.
    Items(Query),
    /// How many items, a batch at a time.
    Count(Query),
    /// The addresses of one asset of each item that has it, a batch at a time.
    Uris(Query, String),
    /// The bytes of a format, with the href of an asset where it has one, a piece at a time.
    Export(Query, Format, Option<String>),
    /// What of the catalog a search would read, and nothing of it.
    Plan(Query),
    /// The addresses of these files.
    Files(Query),
    /// The statistics of every partition.
    Stats,
    /// The statistics of every column that can be filtered by.
    ColumnStats,
    /// The statistics of the fullest cells.
    TopCells(usize),
    /// The number of different items.
    UniqueItems,
}

/// A job being done.
#[derive(Debug)]
pub(crate) struct Task {
    machine: Kind,
    catalog: Catalog,
    finished: bool,
}

#[derive(Debug)]
enum Kind {
    Rows(Box<Rows>, Form),
    Export(Box<Export>),
    List(Box<ListFiles>, Listing),
    Unique(UniqueItems),
}

/// What becomes of matching rows.
#[derive(Debug)]
enum Form {
    Items,
    Count,
    Uris(String),
}

/// What becomes of the list of files.
#[derive(Clone, Copy, Debug)]
enum Listing {
    Plan,
    Files,
    Stats,
    ColumnStats,
    TopCells(usize),
}

impl Task {
    /// Begins a job.
    ///
    /// # Errors
    /// Those of [`Rows::new`] and [`ListFiles::matching`].
    pub(crate) fn new(catalog: &Catalog, job: &Job) -> Result<Self> {
        let rows = |query: &Query, output, form| {
            Ok::<_, Error>(Kind::Rows(Box::new(Rows::new(catalog, query.clone(), output)?), form))
        };
        let list = |query: &Query, listing| {
            Ok::<_, Error>(Kind::List(Box::new(ListFiles::matching(catalog, query.clone())?), listing))
        };
        let all = |listing| Kind::List(Box::new(ListFiles::all(catalog)), listing);
        let machine = match job {
            Job::Items(query) => rows(query, Output::Items, Form::Items)?,
            Job::Count(query) => rows(query, Output::Ids, Form::Count)?,
            Job::Uris(query, asset) => rows(query, Output::Assets, Form::Uris(asset.clone()))?,
            Job::Export(query, format, asset) => {
                let options = ExportOptions { asset: asset.clone(), ..ExportOptions::default() };
                Kind::Export(Box::new(Export::new(catalog, query.clone(), *format, options)?))
            }
            Job::Plan(query) => list(query, Listing::Plan)?,
            Job::Files(query) => list(query, Listing::Files)?,
            Job::Stats => all(Listing::Stats),
            Job::ColumnStats => Kind::List(Box::new(ListFiles::all_with_metrics(catalog)), Listing::ColumnStats),
            Job::TopCells(most) => all(Listing::TopCells(*most)),
            Job::UniqueItems => Kind::Unique(UniqueItems::new(catalog)),
        };
        Ok(Self { machine, catalog: catalog.clone(), finished: false })
    }

    /// The catalog, as the job found it.
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// What was planned, so far as it is.
    pub(crate) fn plan(&self) -> PlanSummary {
        let plan = match &self.machine {
            Kind::Rows(rows, _) => rows.plan(),
            Kind::Export(export) => export.plan(),
            Kind::List(list, _) => list.plan(),
            Kind::Unique(_) => None,
        };
        plan.cloned().unwrap_or_default()
    }

    /// What was read of data files so far.
    pub(crate) fn summary(&self) -> ScanSummary {
        match &self.machine {
            Kind::Rows(rows, _) => rows.summary(),
            Kind::Export(export) => export.summary(),
            Kind::List(..) | Kind::Unique(_) => ScanSummary::default(),
        }
    }

    /// What is odd about the answer so far.
    pub(crate) fn warnings(&self) -> Vec<String> {
        match &self.machine {
            Kind::Rows(rows, _) => rows.warnings(),
            // When all is written, also what of the items is not in the bytes.
            Kind::Export(export) => export.warnings().into_iter().chain(export.remarks()).collect(),
            Kind::List(..) | Kind::Unique(_) => Vec::new(),
        }
    }

    /// What follows the last batch.
    fn last(&mut self) -> Option<JsValue> {
        let is_over = std::mem::replace(&mut self.finished, true);
        (!is_over && matches!(self.machine, Kind::Unique(_))).then_some(JsValue::NULL)
    }
}

impl Machine for Task {
    type Output = JsValue;

    fn step(&mut self) -> Result<Step<JsValue>> {
        let value = match &mut self.machine {
            Kind::Rows(rows, form) => match rows.step()? {
                Step::NeedsData(requests) => return Ok(Step::NeedsData(requests)),
                Step::Data((location, batch)) => Some(match form {
                    Form::Items => json_to_js(&rows.decode(&location, &batch)?)?,
                    Form::Count => number(batch.num_rows()),
                    Form::Uris(asset) => json_to_js(&uris(&rows.decode(&location, &batch)?, asset))?,
                }),
                Step::Finished => None,
            },
            Kind::Export(export) => loop {
                match export.step()? {
                    Step::NeedsData(requests) => return Ok(Step::NeedsData(requests)),
                    Step::Data(piece) if piece.bytes.is_empty() => {}
                    Step::Data(piece) => break Some(bytes_to_js(&piece.bytes)),
                    Step::Finished => break None,
                }
            },
            Kind::List(list, listing) => match list.step()? {
                Step::NeedsData(requests) => return Ok(Step::NeedsData(requests)),
                Step::Data(_) if matches!(listing, Listing::Plan) => Some(object_to_js(&list.plan())?),
                Step::Data(files) => Some(listed(&self.catalog, &files, *listing)?),
                Step::Finished => None,
            },
            Kind::Unique(unique) => match unique.step()? {
                Step::NeedsData(requests) => return Ok(Step::NeedsData(requests)),
                Step::Data(items) => {
                    self.finished = true;
                    Some(json_to_js(&items)?)
                }
                Step::Finished => None,
            },
        };
        let value = value.or_else(|| self.last());
        Ok(value.map_or(Step::Finished, Step::Data))
    }

    fn supply(&mut self, id: RequestId, bytes: Bytes) -> Result<()> {
        match &mut self.machine {
            Kind::Rows(rows, _) => rows.supply(id, bytes),
            Kind::Export(export) => export.supply(id, bytes),
            Kind::List(list, _) => list.supply(id, bytes),
            Kind::Unique(unique) => unique.supply(id, bytes),
        }
    }

    fn fail(&mut self, id: RequestId, error: Error) -> Result<()> {
        match &mut self.machine {
            Kind::Rows(rows, _) => rows.fail(id, error),
            Kind::Export(export) => export.fail(id, error),
            Kind::List(list, _) => list.fail(id, error),
            Kind::Unique(unique) => unique.fail(id, error),
        }
    }
}

fn bytes_to_js(bytes: &[u8]) -> JsValue {
    Uint8Array::from(bytes).into()
}

#[expect(clippy::cast_precision_loss, reason = "a batch has some thousand rows")]
fn number(rows: usize) -> JsValue {
    (rows as f64).into()
}

fn uris<'v>(items: &'v [Value], asset: &str) -> Vec<&'v Value> {
    let href = |item: &'v Value| item.get("assets")?.get(asset)?.get("href").filter(|href| href.is_string());
    items.iter().filter_map(href).collect()
}

fn listed(catalog: &Catalog, files: &[FileScanTask], listing: Listing) -> Result<JsValue> {
    let partitions = || stats(files.iter().map(|task| Arc::as_ref(&task.data_file)), catalog.metadata());
    match listing {
        Listing::Plan => Ok(JsValue::NULL),
        Listing::Files => json_to_js(&files.iter().map(|task| task.location.as_str()).collect::<Vec<_>>()),
        Listing::Stats => object_to_js(&partitions()),
        Listing::ColumnStats => {
            let files: Vec<_> = files.iter().map(|task| Arc::as_ref(&task.data_file)).collect();
            object_to_js(&column_stats(&files, catalog.metadata()))
        }
        Listing::TopCells(most) => object_to_js(&top_cells(&partitions(), most)),
    }
}
