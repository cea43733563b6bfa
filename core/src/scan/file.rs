//! One data file from its bytes to the rows that match: footer, row groups, filter columns, the rest.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arrow_array::RecordBatch;
use bytes::Bytes;
use parquet::basic::Type;
use parquet::bloom_filter::Sbbf;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescriptor;

use crate::error::ResultExt as _;
use crate::machine::{Inflight, Magic};
use crate::plan::FileScanTask;
use crate::plan::facts::FilterLeaves;
use crate::plan::row_group_evaluator::{FileCriteria, holds_whole, row_group_might_match};
use crate::property::Scalar;
use crate::scan::Output;
use crate::scan::ScanContext;
use crate::scan::columns::FileColumns;
use crate::scan::footer;
use crate::scan::rows::{Next, Opened, Picks, Rows};
use crate::stac::patch::whole_number;
use crate::stac::schema as stac_schema;
use crate::{Error, Machine, Request, RequestId, Result, Span, Step};

/// Files up to this size come in one request: a second round trip costs more than these bytes.
pub const WHOLE_FILE_BYTES: u64 = 128 << 10;
/// First read of a larger file: footers of wide tables are some 10 KB, page indexes a little more.
pub const TAIL_BYTES: u64 = 64 << 10;
/// Largest bloom filter that is read: beyond it the id column itself is not much larger.
const BLOOM_FILTER_BYTES: u64 = 1 << 20;

/// What a scan found out about row groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct RowGroupCounts {
    /// Row groups of the files opened.
    pub total: u64,
    /// Those whose rows were looked at.
    pub read: u64,
}

impl RowGroupCounts {
    /// The counts of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { total: self.total + other.total, read: self.read + other.read }
    }
}

/// Reads the rows of one data file that match the query, in the order of the file.
///
/// Batches hold the columns the table knows, under the table's names, and are never empty.
#[derive(Debug)]
pub struct FileScan {
    task: FileScanTask,
    context: Arc<ScanContext>,
    unreadable: Arc<AtomicU64>,
    /// Each request with the row group it is for, if it is for rows.
    inflight: Inflight<Option<usize>>,
    pieces: Pieces,
    counts: RowGroupCounts,
    /// The rows to read, if others than those that match.
    numbered: Option<Arc<[u64]>>,
    /// The file as it was opened, where a second scan is to come.
    opened: Option<Opened>,
    state: State,
}

/// The bytes of a file that are at hand.
#[derive(Debug, Default)]
struct Pieces(Vec<(Range<u64>, Bytes)>);

impl Pieces {
    fn slice(&self, range: &Range<u64>) -> Option<Bytes> {
        let (held, bytes) = self.0.iter().find(|(held, _)| held.start <= range.start && range.end <= held.end)?;
        let start = usize::try_from(range.start - held.start).ok()?;
        let end = usize::try_from(range.end - held.start).ok()?;
        (start <= end && end <= bytes.len()).then(|| bytes.slice(start..end))
    }
}

#[derive(Debug)]
enum State {
    Start,
    Footer,
    PageIndex(Box<ParquetMetaData>),
    BloomFilters(Box<Chosen>),
    Rows(Box<Rows>),
    Done,
}

/// The row groups that remain after the footer.
#[derive(Debug)]
struct Chosen {
    metadata: Arc<ParquetMetaData>,
    columns: FileColumns,
    filter_leaves: Option<FilterLeaves>,
    row_groups: Vec<usize>,
}

/// Values of which a row has one in a column, if it matches.
struct Probe<'a> {
    leaf: usize,
    /// Whether patches hold none of them.
    complete: bool,
    values: Vec<Sought<'a>>,
}

/// A value as a bloom filter is asked for it.
enum Sought<'a> {
    Text(&'a str),
    Scalar(&'a Scalar),
}

impl Sought<'_> {
    /// Whether a column with this filter might hold the value: filters hash values as their column stores them
    /// (parquet-format, "Bloom Filter").
    fn might_be_in(&self, filter: &Sbbf, column: &ColumnDescriptor) -> bool {
        let kind = column.physical_type();
        match *self {
            Self::Text(text) => filter.check(text),
            Self::Scalar(Scalar::Text(text)) => kind != Type::BYTE_ARRAY || filter.check(text.as_ref()),
            Self::Scalar(number @ (Scalar::Long(_) | Scalar::Double(_))) => match kind {
                Type::INT32 if holds_whole(column) => {
                    long(number).and_then(|long| i32::try_from(long).ok()).is_some_and(|short| filter.check(&short))
                }
                Type::INT64 if holds_whole(column) => long(number).is_some_and(|long| filter.check(&long)),
                // Zeros of either sign are equal and have hashes of their own.
                Type::DOUBLE => double(number).is_none_or(|double| double == 0.0 || filter.check(&double)),
                _ => true,
            },
            Self::Scalar(_) => true,
        }
    }
}

impl Probe<'_> {
    /// Whether the column alone decides a row group.
    fn holds_in(&self, chosen: &Chosen, row_group: usize) -> bool {
        let patches = || {
            let leaf = chosen.columns.root(stac_schema::JSON_PATCH).and_then(|root| chosen.columns.leaf_of(root));
            let chunk = leaf.and_then(|leaf| chosen.metadata.row_groups().get(row_group)?.columns().get(leaf));
            leaf.is_some()
                && chunk.is_none_or(|chunk| {
                    let nulls = chunk.statistics().and_then(Statistics::null_count_opt);
                    nulls.is_none() || nulls != u64::try_from(chunk.num_values()).ok()
                })
        };
        self.complete || !patches()
    }
}

/// A number as a whole one, if it is one.
fn long(number: &Scalar) -> Option<i64> {
    match number {
        Scalar::Long(long) => Some(*long),
        Scalar::Double(double) => whole_number(*double).and_then(|whole| i64::try_from(whole).ok()),
        _ => None,
    }
}

/// A number as a double, if it is surely that.
fn double(number: &Scalar) -> Option<f64> {
    match number {
        Scalar::Long(long) => i32::try_from(*long).ok().map(f64::from),
        Scalar::Double(double) => Some(*double),
        _ => None,
    }
}

/// A state's answer: go on with the next, or wait for these bytes.
enum Turn {
    Next(State),
    Wait(State, Vec<Range<u64>>),
}

impl FileScan {
    /// A scan of `task`; `unreadable` counts footprints that cannot be read.
    pub fn new(task: FileScanTask, context: Arc<ScanContext>, unreadable: Arc<AtomicU64>) -> Self {
        Self {
            task,
            context,
            unreadable,
            inflight: Inflight::default(),
            pieces: Pieces::default(),
            counts: RowGroupCounts::default(),
            numbered: None,
            opened: None,
            state: State::Start,
        }
    }

    /// A scan of the rows with these ascending numbers, which the query has chosen before; `opened` spares the footer.
    pub(crate) fn numbered(
        task: FileScanTask,
        context: Arc<ScanContext>,
        rows: Arc<[u64]>,
        opened: Option<Opened>,
    ) -> Self {
        Self { numbered: Some(rows), opened, ..Self::new(task, context, Arc::default()) }
    }

    /// The file as it was opened, if its scan read [`Output::Keys`].
    pub(crate) fn into_opened(self) -> Option<Opened> {
        self.opened
    }

    /// The file.
    pub fn task(&self) -> &FileScanTask {
        &self.task
    }

    /// Row groups seen so far.
    pub fn row_groups(&self) -> RowGroupCounts {
        self.counts
    }

    fn file_bytes(&self) -> u64 {
        self.task.data_file.file_size_bytes
    }

    fn turn(&mut self, state: State) -> Result<Turn> {
        match state {
            State::Start => Ok(Turn::Next(self.start()?)),
            State::Footer => self.read_footer(),
            State::PageIndex(metadata) => self.read_page_index(*metadata),
            State::BloomFilters(chosen) => self.read_bloom_filters(*chosen),
            state @ (State::Rows(_) | State::Done) => Ok(Turn::Next(state)),
        }
    }

    fn start(&mut self) -> Result<State> {
        let format = &self.task.data_file.file_format;
        if !format.eq_ignore_ascii_case("parquet") {
            return Err(Error::unsupported(format!("data file in format `{format}`")));
        }
        if self.file_bytes() < footer::LEAST_FILE_BYTES {
            return Err(Error::corrupt(format!("a Parquet file cannot have {} bytes", self.file_bytes())));
        }
        match (self.opened.take(), self.numbered.clone()) {
            (Some(opened), Some(rows)) => self.read_rows(opened, Picks::Numbered(rows)),
            _ => Ok(State::Footer),
        }
    }

    fn read_footer(&self) -> Result<Turn> {
        let size = self.file_bytes();
        let first = if size <= WHOLE_FILE_BYTES { 0..size } else { size - TAIL_BYTES..size };
        let Some(tail) = self.pieces.slice(&first) else {
            return Ok(Turn::Wait(State::Footer, vec![first]));
        };
        let range = footer::metadata_range(&tail, size)?;
        let Some(bytes) = self.pieces.slice(&range) else {
            return Ok(Turn::Wait(State::Footer, vec![range]));
        };
        Ok(Turn::Next(State::PageIndex(Box::new(footer::parse_metadata(&bytes, size)?))))
    }

    fn read_page_index(&mut self, metadata: ParquetMetaData) -> Result<Turn> {
        let Some(range) = footer::page_index_range(&metadata, self.file_bytes()) else {
            return Ok(Turn::Next(self.choose(metadata)?));
        };
        let Some(bytes) = self.pieces.slice(&range) else {
            // Where every row is read there is nothing to look up.
            return Ok(if self.context.restricts() || self.numbered.is_some() {
                Turn::Wait(State::PageIndex(Box::new(metadata)), vec![range])
            } else {
                Turn::Next(self.choose(metadata)?)
            });
        };
        let metadata = footer::parse_page_index(metadata, self.file_bytes(), range, bytes)?;
        Ok(Turn::Next(self.choose(metadata)?))
    }

    fn choose(&mut self, metadata: ParquetMetaData) -> Result<State> {
        let metadata = Arc::new(metadata);
        let schema = metadata.file_metadata().schema_descr();
        let columns = FileColumns::resolve(schema, &self.context.schema, self.context.name_mapping.as_deref());
        self.counts.total = metadata.num_row_groups() as u64;
        if let Some(rows) = self.numbered.clone() {
            let pieces = std::mem::take(&mut self.pieces.0);
            return self.read_rows(Opened { metadata, columns, pieces }, Picks::Numbered(rows));
        }
        let leaves = columns.leaves();
        let filter = self.context.filter.as_deref();
        let filter_leaves = filter.map(|filter| FilterLeaves::new(filter, &columns, schema, &self.task.data_file));
        let filter = filter.zip(filter_leaves.as_ref());
        let criteria = FileCriteria { query: &self.context.query, leaves: &leaves, filter };
        let all = metadata.row_groups().iter().enumerate();
        let kept = all.filter(|(_, row_group)| row_group_might_match(criteria, row_group).keeps());
        let row_groups: Vec<usize> = kept.map(|(position, _)| position).collect();
        Ok(State::BloomFilters(Box::new(Chosen { metadata, columns, filter_leaves, row_groups })))
    }

    fn read_bloom_filters(&mut self, mut chosen: Chosen) -> Result<Turn> {
        let probes = self.probes(&chosen);
        let mut filters: Vec<(usize, usize, Range<u64>)> = Vec::new();
        for (position, probe) in probes.iter().enumerate() {
            let row_groups = chosen.row_groups.iter().filter(|row_group| probe.holds_in(&chosen, **row_group));
            filters.extend(row_groups.filter_map(|row_group| {
                let range = bloom_filter_range(&chosen.metadata, *row_group, probe.leaf, self.file_bytes())?;
                Some((position, *row_group, range))
            }));
        }
        let missing: Vec<Range<u64>> = filters
            .iter()
            .map(|(.., range)| range.clone())
            .filter(|range| self.pieces.slice(range).is_none())
            .collect();
        if !missing.is_empty() {
            drop(probes);
            return Ok(Turn::Wait(State::BloomFilters(Box::new(chosen)), missing));
        }
        let columns = chosen.metadata.file_metadata().schema_descr().columns();
        let mut ruled_out = BTreeSet::new();
        for (position, row_group, range) in filters {
            let (Some(probe), Some(bytes)) = (probes.get(position), self.pieces.slice(&range)) else { continue };
            let Some(column) = columns.get(probe.leaf) else { continue };
            let might_hold = footer::guarded(|| {
                let filter = Sbbf::from_bytes(&bytes)?;
                Ok(filter.num_blocks() == 0 || probe.values.iter().any(|value| value.might_be_in(&filter, column)))
            });
            if !might_hold? {
                ruled_out.insert(row_group);
            }
        }
        drop(probes);
        chosen.row_groups.retain(|row_group| !ruled_out.contains(row_group));
        Ok(Turn::Next(self.open(chosen)?))
    }

    /// The values of which every match has one, by the column that holds them.
    fn probes<'a>(&'a self, chosen: &'a Chosen) -> Vec<Probe<'a>> {
        let mut probes = Vec::new();
        if let (Some(ids), Some(leaf)) = (&self.context.query.ids, chosen.columns.leaves().id) {
            let values = ids.iter().map(|id| Sought::Text(id)).collect();
            probes.push(Probe { leaf, complete: true, values });
        }
        let Some((filter, leaves)) = self.context.filter.as_deref().zip(chosen.filter_leaves.as_ref()) else {
            return probes;
        };
        for (position, values) in filter.required() {
            // A value that stands in a patch is in no column.
            let complete = filter.properties().nth(position).is_some_and(|property| !property.patched())
                || leaves.complete_leaf(position, true).is_some();
            if let Some(leaf) = leaves.complete_leaf(position, false) {
                let values = values.into_iter().map(Sought::Scalar).collect();
                probes.push(Probe { leaf, complete, values });
            }
        }
        probes
    }

    fn open(&mut self, chosen: Chosen) -> Result<State> {
        let Chosen { metadata, columns, filter_leaves, row_groups } = chosen;
        if row_groups.is_empty() {
            return Ok(State::Done);
        }
        self.counts.read = row_groups.len() as u64;
        let opened = Opened { metadata, columns, pieces: std::mem::take(&mut self.pieces.0) };
        if self.context.output == Output::Keys {
            self.opened = Some(opened.clone());
        }
        self.read_rows(opened, Picks::Matching(row_groups, filter_leaves))
    }

    fn read_rows(&self, opened: Opened, picks: Picks) -> Result<State> {
        let (context, unreadable) = (Arc::clone(&self.context), Arc::clone(&self.unreadable));
        Ok(State::Rows(Box::new(Rows::new(opened, picks, context, unreadable, self.file_bytes())?)))
    }

    /// Goes on to the rows, or to the bytes that are wanted before.
    fn reach_rows(&mut self) -> Result<Vec<Range<u64>>> {
        while !matches!(self.state, State::Rows(_) | State::Done) {
            let state = std::mem::replace(&mut self.state, State::Done);
            match self.turn(state)? {
                Turn::Next(state) => self.state = state,
                Turn::Wait(state, ranges) => {
                    self.state = state;
                    return Ok(ranges);
                }
            }
        }
        Ok(Vec::new())
    }

    fn requests(&mut self, wanted: impl IntoIterator<Item = (Option<usize>, Range<u64>)>) -> Vec<Request> {
        let wanted = wanted.into_iter();
        wanted
            .map(|(row_group, range)| {
                let ends = range.end == self.task.data_file.file_size_bytes;
                let request = self.inflight.request(self.task.location.clone(), Span::Bytes(range), row_group);
                if ends { request.with_magic(Magic::End(footer::MAGIC)) } else { request }
            })
            .collect()
    }

    fn step_inner(&mut self) -> Result<Step<RecordBatch>> {
        if !matches!(self.state, State::Rows(_) | State::Done) {
            if !self.inflight.is_empty() {
                return Ok(Step::NeedsData(Vec::new()));
            }
            let ranges = self.reach_rows()?;
            if !ranges.is_empty() {
                return Ok(Step::NeedsData(self.requests(ranges.into_iter().map(|range| (None, range)))));
            }
        }
        loop {
            let State::Rows(rows) = &mut self.state else {
                return Ok(Step::Finished);
            };
            let wanted = rows.advance()?;
            if !wanted.is_empty() {
                let wanted = wanted.into_iter().map(|(row_group, range)| (Some(row_group), range));
                return Ok(Step::NeedsData(self.requests(wanted)));
            }
            match rows.next_batch() {
                Next::Batch(batch) => return Ok(Step::Data(batch)),
                Next::Finished => self.state = State::Done,
                Next::Waiting if self.inflight.is_empty() => {}
                Next::Waiting => return Ok(Step::NeedsData(Vec::new())),
            }
        }
    }
}

impl Machine for FileScan {
    type Output = RecordBatch;

    fn step(&mut self) -> Result<Step<RecordBatch>> {
        let step = self.step_inner();
        step.context("location", &self.task.location)
    }

    fn supply(&mut self, id: RequestId, bytes: Bytes) -> Result<()> {
        let (Request { range, .. }, row_group) = self.inflight.answer(id, &bytes)?;
        match (range, row_group, &mut self.state) {
            (Span::Bytes(range), None, _) => self.pieces.0.push((range, bytes)),
            (Span::Bytes(range), Some(row_group), State::Rows(rows)) => {
                if let Some(opened) = &mut self.opened {
                    opened.pieces.push((range.clone(), bytes.clone()));
                }
                rows.supply(row_group, range, bytes).context("location", &self.task.location)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn fail(&mut self, id: RequestId, error: Error) -> Result<()> {
        let (request, _) = self.inflight.take(id)?;
        Err(error.with("location", request.location))
    }
}

fn bloom_filter_range(
    metadata: &ParquetMetaData,
    row_group: usize,
    leaf: usize,
    file_bytes: u64,
) -> Option<Range<u64>> {
    let chunk = metadata.row_groups().get(row_group)?.columns().get(leaf)?;
    let start = u64::try_from(chunk.bloom_filter_offset()?).ok()?;
    // Without a length (it is recent) the filter's end is not known before it is read.
    let length = u64::try_from(chunk.bloom_filter_length()?).ok()?;
    let end = start.checked_add(length)?;
    (length > 0 && length <= BLOOM_FILTER_BYTES && end <= file_bytes).then_some(start..end)
}
