//! The data files of a snapshot: manifest list, manifests, plan.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;

use crate::catalog::Catalog;
use crate::error::ResultExt as _;
use crate::grid::{Cover, Reach};
use crate::iceberg::avro;
use crate::iceberg::manifest::{
    DataFile, ManifestContent, ManifestFile, parse_manifest, parse_manifest_list, refuse_deletes,
};
use crate::machine::{Inflight, Magic};
use crate::plan::file_evaluator::{cell_of, file_might_match};
use crate::plan::manifest_evaluator::manifest_might_match;
use crate::plan::{Cause, Criteria, FileScanTask, PlanColumns, PlanSummary, Verdict, sort_tasks};
use crate::query::Query;
use crate::{Error, Machine, Request, RequestId, Result, Span, Step};

/// How manifest lists and manifests begin.
const AVRO: Magic = Magic::Start(avro::MAGIC);

/// Yields, in one value, the data files of the current snapshot that might hold an answer; sorted by cell, time bin
/// and path.
#[derive(Debug)]
pub struct ListFiles {
    catalog: Catalog,
    criteria: Criteria,
    wanted: Vec<i32>,
    inflight: Inflight<Purpose>,
    state: State,
    manifests: Vec<ManifestFile>,
    /// What each manifest that is read lists, in the order of the manifest list.
    entries: Vec<Option<Vec<DataFile>>>,
    /// Cells of the files left after the grid.
    cells: HashSet<String>,
    plan: PlanSummary,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    ManifestList,
    Manifest(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    ManifestList,
    Ask,
    Manifests,
    Planned,
}

impl ListFiles {
    /// All data files, with the metrics of the columns that decide queries.
    pub fn all(catalog: &Catalog) -> Self {
        let columns = PlanColumns::of(catalog.metadata().schema());
        Self::by(catalog, Criteria { query: Arc::default(), filter: None, cover: Cover::All, columns })
    }

    /// All data files, with the metrics of every column.
    pub fn all_with_metrics(catalog: &Catalog) -> Self {
        let mut list = Self::all(catalog);
        list.wanted = catalog.metadata().schema().fields.iter().map(|field| field.id).collect();
        list
    }

    /// The data files that might hold an answer to `query`.
    ///
    /// # Errors
    /// As [`Criteria::new`].
    pub fn matching(catalog: &Catalog, query: Query) -> Result<Self> {
        Ok(Self::by(catalog, Criteria::new(query, catalog.metadata().schema(), catalog.grid())?))
    }

    fn by(catalog: &Catalog, criteria: Criteria) -> Self {
        Self {
            catalog: catalog.clone(),
            wanted: criteria.wanted(),
            criteria,
            inflight: Inflight::default(),
            state: State::Start,
            manifests: Vec::new(),
            entries: Vec::new(),
            cells: HashSet::new(),
            plan: PlanSummary::default(),
        }
    }

    /// Keeps what manifests say of this column too, by its Iceberg id.
    pub(super) fn with_metrics_of(mut self, column: Option<i32>) -> Self {
        self.wanted.extend(column);
        self
    }

    /// What was left out, once the files are listed.
    pub fn plan(&self) -> Option<&PlanSummary> {
        (self.state == State::Planned).then_some(&self.plan)
    }

    /// Numbers for the requests of what follows.
    pub(super) fn numbering<T>(&self) -> Inflight<T> {
        Inflight::after(&self.inflight)
    }

    /// Asks for the manifest list, or takes the manifests that the metadata itself lists (Iceberg format version 1).
    fn start(&mut self) -> Result<Vec<Request>> {
        self.state = State::Ask;
        let catalog = self.catalog.clone();
        let Some(snapshot) = catalog.snapshot() else {
            return Ok(Vec::new());
        };
        if let Some(manifests) = self.catalog.manifest_list().and_then(|bytes| parse_manifest_list(bytes).ok()) {
            self.manifests = manifests;
            return Ok(Vec::new());
        }
        if let Some(stored) = &snapshot.manifest_list {
            self.state = State::ManifestList;
            let location = catalog.resolve(stored)?;
            let request = self.inflight.request(location, Span::Whole, Purpose::ManifestList);
            return Ok(vec![request.with_magic(AVRO)]);
        }
        self.manifests =
            snapshot.manifests.iter().map(|path| ManifestFile::inline(path, snapshot.snapshot_id)).collect();
        Ok(Vec::new())
    }

    /// Asks for all manifests that might list an answer, at once.
    fn ask(&mut self) -> Result<Vec<Request>> {
        self.state = State::Manifests;
        refuse_deletes(&self.manifests)?;
        let data = self.manifests.iter().filter(|manifest| manifest.content == ManifestContent::Data);
        let kept =
            |manifest: &&ManifestFile| manifest_might_match(&self.criteria, self.catalog.metadata(), manifest).keeps();
        let manifests: Vec<ManifestFile> = data.clone().filter(kept).cloned().collect();
        self.plan.manifests_total = data.clone().count() as u64;
        self.plan.manifests_read = manifests.len() as u64;
        let live = |manifest: &ManifestFile| manifest.added_files_count?.checked_add(manifest.existing_files_count?);
        // Files that no manifest read lists are known by number only.
        let pruned = data.filter(|manifest| !kept(manifest));
        self.plan.files_total = pruned.filter_map(live).fold(0, u64::saturating_add);
        self.entries = manifests.iter().map(|_| None).collect();
        self.manifests = manifests;
        let mut requests = Vec::with_capacity(self.manifests.len());
        for (position, manifest) in self.manifests.iter().enumerate() {
            let location = self.catalog.resolve(&manifest.manifest_path)?;
            let request = self.inflight.request(location, Span::Whole, Purpose::Manifest(position));
            requests.push(request.with_magic(AVRO));
        }
        Ok(requests)
    }

    fn read_manifest(&mut self, position: usize, bytes: &[u8]) -> Result<()> {
        let absent = || Error::internal(format!("no manifest at {position}"));
        let manifest = self.manifests.get(position).ok_or_else(absent)?;
        let live = parse_manifest(bytes, self.catalog.metadata(), manifest, &self.wanted)?;
        let mut kept = Vec::new();
        for file in live.into_iter().map(|entry| entry.data_file) {
            self.plan.files_total += 1;
            let verdict = file_might_match(&self.criteria, self.catalog.metadata(), &file);
            if verdict != Verdict::Prune(Cause::Grid) {
                self.look_at_cell_of(&file);
            }
            // The counts are what remains after each cause in turn.
            self.plan.after_grid += u64::from(verdict != Verdict::Prune(Cause::Grid));
            self.plan.after_time += u64::from(!matches!(verdict, Verdict::Prune(Cause::Grid | Cause::Time)));
            if verdict.keeps() {
                self.plan.after_bounds += 1;
                self.plan.rows_upper_bound = self.plan.rows_upper_bound.saturating_add(file.record_count);
                self.plan.bytes = self.plan.bytes.saturating_add(file.file_size_bytes);
                kept.push(file);
            }
        }
        *self.entries.get_mut(position).ok_or_else(absent)? = Some(kept);
        Ok(())
    }

    fn look_at_cell_of(&mut self, file: &DataFile) {
        let Some(cell) = cell_of(&self.criteria.columns, self.catalog.metadata(), file) else { return };
        if !self.cells.contains(cell) {
            self.plan.cells_looked_at += 1;
            self.plan.cells_touched += u64::from(self.criteria.cover.reach(cell) == Reach::Touches);
            self.cells.insert(cell.to_owned());
        }
    }

    fn tasks(&mut self) -> Result<Vec<FileScanTask>> {
        self.state = State::Planned;
        let files = std::mem::take(&mut self.entries).into_iter().flatten().flatten();
        let task = |file: DataFile| {
            let location = self.catalog.resolve(&file.file_path)?;
            Ok(FileScanTask { location, data_file: Arc::new(file) })
        };
        let mut tasks = files.map(task).collect::<Result<Vec<_>>>()?;
        sort_tasks(&mut tasks);
        Ok(tasks)
    }
}

impl Machine for ListFiles {
    type Output = Vec<FileScanTask>;

    fn step(&mut self) -> Result<Step<Vec<FileScanTask>>> {
        loop {
            let requests = match self.state {
                State::Start => self.start()?,
                State::Ask => self.ask()?,
                State::Planned => return Ok(Step::Finished),
                State::Manifests if self.inflight.is_empty() => return Ok(Step::Data(self.tasks()?)),
                State::Manifests | State::ManifestList => return Ok(Step::NeedsData(Vec::new())),
            };
            if !requests.is_empty() {
                return Ok(Step::NeedsData(requests));
            }
        }
    }

    fn supply(&mut self, id: RequestId, bytes: Bytes) -> Result<()> {
        let (request, purpose) = self.inflight.answer(id, &bytes)?;
        let read = match purpose {
            Purpose::ManifestList => parse_manifest_list(&bytes).map(|manifests| {
                self.manifests = manifests;
                self.state = State::Ask;
            }),
            Purpose::Manifest(position) => self.read_manifest(position, &bytes),
        };
        read.context("location", request.location)
    }

    fn fail(&mut self, id: RequestId, error: Error) -> Result<()> {
        let (request, _) = self.inflight.take(id)?;
        Err(error.with("location", request.location))
    }
}
