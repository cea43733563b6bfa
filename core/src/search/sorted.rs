//! Rows in the order a query asks for: the keys of all that match are read first, and whole rows of the chosen ones only.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use bytes::Bytes;

use super::ScanSummary;
use super::best::{Best, Found};
use super::picked::Picked;
use super::rows::identity;
use super::window::{Batch, Window};
use crate::error::ResultExt as _;
use crate::machine::Inflight;
use crate::plan::FileScanTask;
use crate::scan::file::FileScan;
use crate::scan::predicate::Texts;
use crate::scan::{Opened, Output, ROW_NUMBER, ScanContext};
use crate::stac::schema as stac_schema;
use crate::{Error, RequestId, Result, Step};

/// Bytes of opened files that are held until their rows are read whole.
const OPENED_BYTES: usize = 64 << 20;

/// Reads the keys of all rows that match, of no more files than can hold one of the first; then those rows, in order.
///
/// Ties are in the order of the files and their rows. Of copies of an item the first in the order stands for all.
#[derive(Debug)]
pub(super) struct Sorted {
    context: Arc<ScanContext>,
    files: Vec<FileScanTask>,
    opened: HashMap<usize, Opened>,
    opened_bytes: usize,
    summary: ScanSummary,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Choosing(Box<Choosing>),
    Reading(Box<Picked>),
}

/// Reads keys.
#[derive(Debug)]
struct Choosing {
    context: Arc<ScanContext>,
    window: Window,
    /// Files to be begun, those that can hold the first rows first.
    waiting: VecDeque<usize>,
    /// The files begun, by their number in the window.
    begun: Vec<usize>,
    /// The file whose rows came last.
    current: Option<u64>,
    best: Best,
    rows_matched: u64,
}

impl Sorted {
    /// The rows of `files`, which are in base order.
    pub(super) fn new(
        files: Vec<FileScanTask>,
        context: Arc<ScanContext>,
        inflight: Inflight<(u64, RequestId)>,
    ) -> Self {
        let most = context.query.max_items;
        let choosing = Choosing {
            context: Arc::new(ScanContext { output: Output::Keys, ..context.as_ref().clone() }),
            window: Window::new(most.is_some(), inflight),
            waiting: context.order.of_files(&files).into(),
            begun: Vec::new(),
            current: None,
            best: Best::new(most),
            rows_matched: 0,
        };
        Self {
            context,
            files,
            opened: HashMap::new(),
            opened_bytes: 0,
            summary: ScanSummary::default(),
            stage: Stage::Choosing(Box::new(choosing)),
        }
    }

    /// Adds what was read so far to find out which rows come first; of what was yielded it says nothing.
    pub(super) fn describe(&self, summary: &mut ScanSummary) {
        let items = summary.items;
        *summary = self.summary;
        if let Stage::Choosing(choosing) = &self.stage {
            choosing.describe(summary);
        }
        summary.items = items;
    }

    pub(super) fn step(&mut self) -> Result<Step<Batch>> {
        loop {
            match &mut self.stage {
                Stage::Choosing(choosing) => {
                    let step = choosing.step(&self.files)?;
                    for (number, opened) in choosing.window.take_opened() {
                        self.opened_bytes = self.opened_bytes.saturating_add(opened.memory_bytes());
                        let file = usize::try_from(number).ok().and_then(|number| choosing.begun.get(number));
                        if let Some(file) = file.filter(|_| self.opened_bytes <= OPENED_BYTES) {
                            self.opened.insert(*file, opened);
                        }
                    }
                    match step {
                        Step::NeedsData(requests) => return Ok(Step::NeedsData(requests)),
                        Step::Data(()) => {}
                        Step::Finished => {
                            choosing.describe(&mut self.summary);
                            let window = Window::new(false, choosing.window.numbering());
                            let rows = std::mem::take(&mut choosing.best).into_places();
                            self.stage = Stage::Reading(Box::new(Picked::new(rows, window)));
                        }
                    }
                }
                Stage::Reading(picked) => {
                    return picked.step(|file, rows| {
                        let task = self.files.get(file)?.clone();
                        let opened = self.opened.get(&file).cloned();
                        Some(FileScan::numbered(task, Arc::clone(&self.context), rows, opened))
                    });
                }
            }
        }
    }

    pub(super) fn supply(&mut self, id: RequestId, bytes: Bytes) -> Result<()> {
        self.window().supply(id, bytes)
    }

    pub(super) fn fail(&mut self, id: RequestId, error: Error) -> Result<()> {
        self.window().fail(id, error)
    }

    fn window(&mut self) -> &mut Window {
        match &mut self.stage {
            Stage::Choosing(choosing) => &mut choosing.window,
            Stage::Reading(picked) => &mut picked.window,
        }
    }
}

impl Choosing {
    fn describe(&self, summary: &mut ScanSummary) {
        self.window.describe(summary);
        summary.rows_matched = self.rows_matched;
    }

    /// Takes one batch of keys.
    fn step(&mut self, files: &[FileScanTask]) -> Result<Step<()>> {
        let Self { context, window, waiting, begun, best, .. } = self;
        let step = window.step(|unreadable| {
            loop {
                let file = waiting.pop_front()?;
                let task = files.get(file)?;
                if best.worst().is_some_and(|worst| context.order.comes_after(task, &worst.key)) {
                    continue;
                }
                begun.push(file);
                return Some(FileScan::new(task.clone(), Arc::clone(context), Arc::clone(unreadable)));
            }
        })?;
        match step {
            Step::NeedsData(requests) => Ok(Step::NeedsData(requests)),
            Step::Finished => Ok(Step::Finished),
            Step::Data(batch) => {
                self.take(&batch).context("location", &batch.location)?;
                Ok(Step::Data(()))
            }
        }
    }

    fn take(&mut self, Batch { number, rows, .. }: &Batch) -> Result<()> {
        // Between two files it is worth knowing which of those that follow are of use.
        if self.current.replace(*number) != Some(*number) {
            self.best.settle();
        }
        self.rows_matched += rows.num_rows() as u64;
        let file = usize::try_from(*number).ok().and_then(|number| self.begun.get(number)).copied();
        let file = file.ok_or_else(|| Error::internal("keys of a file that was not begun"))?;
        let numbers = rows.column_by_name(ROW_NUMBER).and_then(|column| column.as_primitive_opt::<Int64Type>());
        let numbers = numbers.ok_or_else(|| Error::internal("keys without the numbers of their rows"))?;
        let texts = |name| Texts::of(rows.column_by_name(name));
        let (ids, collections) = (texts(stac_schema::ID), texts(stac_schema::COLLECTION));
        let keys = self.context.order.keys(rows)?;
        for (row, (key, number)) in keys.into_iter().zip(numbers.values()).enumerate() {
            let place = (file, u64::try_from(*number).map_err(|_| Error::internal("a row before the first"))?);
            let identity = ids.at(row).map(|id| identity(collections.at(row), id));
            self.best.add(Found { key, place, identity });
        }
        Ok(())
    }
}
