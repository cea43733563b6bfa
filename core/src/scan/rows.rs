//! The chosen rows of one file: several row groups are read at once and yielded in order.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, DataType, Field, FieldRef};
use bytes::Bytes;
use parquet::DecodeResult;
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ArrowReaderMetadata, ArrowReaderOptions, RowFilter, RowSelection,
};
use parquet::arrow::push_decoder::{ParquetPushDecoder, ParquetPushDecoderBuilder};
use parquet::arrow::{ProjectionMask, RowNumber};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};

use crate::plan::facts::FilterLeaves;
use crate::plan::row_group_evaluator::{FileCriteria, rows_that_might_match};
use crate::scan::columns::FileColumns;
use crate::scan::footer::{self, guarded};
use crate::scan::predicate::{RowPredicate, renamed};
use crate::scan::{Output, ScanContext};
use crate::{Error, Result};

/// Row groups of one file read at once: one after the other, each would cost two round trips.
const ROW_GROUPS: usize = 4;
/// Columns of a row group that are read beside those of the filter at once, and not only after it has spoken, if they
/// have at most so many bytes: what another round trip costs.
const AT_ONCE_BYTES: u64 = 512 << 10;
/// The same where only area and time restrict. Grid, partitions and page indexes have dealt with both before, so most
/// pages hold a match, and waiting for the filter spares next to nothing.
const AT_ONCE_BYTES_OF_AREA: u64 = 4 << 20;
/// Rows decoded at once.
const BATCH_ROWS: usize = 1024;
/// The column of [`Output::Keys`] that numbers the rows of a file from 0.
pub(crate) const ROW_NUMBER: &str = "row number";

/// A file whose footer was read, and the bytes of it that are at hand.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(super) metadata: Arc<ParquetMetaData>,
    pub(super) columns: FileColumns,
    pub(super) pieces: Vec<(Range<u64>, Bytes)>,
}

impl Opened {
    /// About how much memory this takes, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.metadata.memory_size() + self.pieces.iter().map(|(_, bytes)| bytes.len()).sum::<usize>()
    }
}

/// Which rows of a file are read.
#[derive(Clone, Debug)]
pub(super) enum Picks {
    /// Those of these row groups that match the query; and where the file keeps what its filter names.
    Matching(Vec<usize>, Option<FilterLeaves>),
    /// These, by their numbers in the file, ascending; the query has chosen them before.
    Numbered(Arc<[u64]>),
}

/// Reads row groups of a file; bytes are asked for by row group.
#[derive(Debug)]
pub(super) struct Rows {
    metadata: ArrowReaderMetadata,
    columns: FileColumns,
    filter_leaves: Option<FilterLeaves>,
    predicate: Option<RowPredicate>,
    numbered: Option<Arc<[u64]>>,
    context: Arc<ScanContext>,
    /// Root column and name of what comes back, in the order of the file.
    output: Vec<(usize, String)>,
    /// Bytes that were read with the footer.
    pieces: Vec<(Range<u64>, Bytes)>,
    file_bytes: u64,
    waiting: VecDeque<usize>,
    open: VecDeque<Group>,
}

#[derive(Debug)]
struct Group {
    position: usize,
    decoder: ParquetPushDecoder,
    /// What is read with the first bytes that the decoder wants.
    at_once: Vec<Range<u64>>,
    in_flight: usize,
    ready: Option<RecordBatch>,
    finished: bool,
}

/// What [`Rows::next_batch`] has.
pub(super) enum Next {
    Batch(RecordBatch),
    Waiting,
    Finished,
}

impl Rows {
    pub(super) fn new(
        opened: Opened,
        picks: Picks,
        context: Arc<ScanContext>,
        unreadable: Arc<AtomicU64>,
        file_bytes: u64,
    ) -> Result<Self> {
        let Opened { metadata, columns, pieces } = opened;
        let (waiting, filter_leaves, numbered) = match picks {
            Picks::Matching(row_groups, filter_leaves) => (row_groups.into(), filter_leaves, None),
            Picks::Numbered(rows) => (row_groups_of(&metadata, &rows), None, Some(rows)),
        };
        // The types come from the Parquet schema: what Arrow writers add would only vary them.
        let mut options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        if context.output == Output::Keys {
            options = guarded(|| options.with_virtual_columns(vec![row_number()]))?;
        }
        let metadata = guarded(|| ArrowReaderMetadata::try_new(metadata, options))?;
        let predicate = (numbered.is_none() && context.restricts())
            .then(|| RowPredicate::new(&context, &columns, filter_leaves.as_ref(), unreadable));
        Ok(Self {
            output: output_columns(&columns, &context),
            metadata,
            columns,
            filter_leaves,
            predicate,
            numbered,
            context,
            pieces,
            file_bytes,
            waiting,
            open: VecDeque::new(),
        })
    }

    /// Takes every open row group as far as its bytes and its turn allow; yields what they want, by row group.
    pub(super) fn advance(&mut self) -> Result<Vec<(usize, Range<u64>)>> {
        while self.open.len() < ROW_GROUPS
            && let Some(row_group) = self.waiting.pop_front()
        {
            let group = self.open_group(row_group)?;
            self.open.push_back(group);
        }
        let mut wanted = Vec::new();
        for group in &mut self.open {
            if group.in_flight > 0 || group.ready.is_some() || group.finished {
                continue;
            }
            match guarded(|| group.decoder.try_decode())? {
                DecodeResult::NeedsData(mut ranges) => {
                    if !group.at_once.is_empty() {
                        ranges = std::mem::take(&mut group.at_once);
                    }
                    if ranges.iter().any(|range| range.start > range.end || range.end > self.file_bytes) {
                        return Err(Error::corrupt("page lies outside its Parquet file"));
                    }
                    group.in_flight = ranges.len();
                    wanted.extend(ranges.into_iter().map(|range| (group.position, range)));
                }
                // The decoder is asked again.
                DecodeResult::Data(batch) if batch.num_rows() == 0 => {}
                DecodeResult::Data(batch) => {
                    group.ready = Some(renamed(&batch, self.output.iter().map(|(_, name)| name.as_str()))?);
                }
                DecodeResult::Finished => group.finished = true,
            }
        }
        Ok(wanted)
    }

    /// The next rows in the order of the file.
    pub(super) fn next_batch(&mut self) -> Next {
        while let Some(group) = self.open.front_mut() {
            match group.ready.take() {
                Some(batch) => return Next::Batch(batch),
                None if group.finished => self.open.pop_front(),
                None => return Next::Waiting,
            };
        }
        if self.waiting.is_empty() { Next::Finished } else { Next::Waiting }
    }

    /// Hands over bytes that [`advance`](Self::advance) asked for.
    pub(super) fn supply(&mut self, row_group: usize, range: Range<u64>, bytes: Bytes) -> Result<()> {
        let group = self.open.iter_mut().find(|group| group.position == row_group);
        let group = group.ok_or_else(|| Error::internal("bytes of a row group that is not open"))?;
        group.in_flight = group.in_flight.saturating_sub(1);
        guarded(|| group.decoder.push_range(range, bytes))
    }

    fn open_group(&self, row_group: usize) -> Result<Group> {
        let selection = self.selection(row_group);
        let schema = self.metadata.parquet_schema();
        let projection = ProjectionMask::roots(schema, self.output.iter().map(|(root, _)| *root));
        let at_once = guarded(|| Ok(self.at_once(row_group, selection.as_ref())))?;
        let decoder = guarded(|| {
            let mut builder = ParquetPushDecoderBuilder::new_with_metadata(self.metadata.clone())
                .with_batch_size(BATCH_ROWS)
                .with_row_groups(vec![row_group])
                .with_projection(projection);
            if let Some(selection) = selection {
                builder = builder.with_row_selection(selection);
            }
            if let Some(predicate) = self.predicate.clone() {
                let mask = ProjectionMask::roots(schema, predicate.roots().iter().copied());
                let filter = ArrowPredicateFn::new(mask, move |batch| {
                    predicate.evaluate(&batch).map_err(|error| ArrowError::ExternalError(error.into()))
                });
                builder = builder.with_row_filter(RowFilter::new(vec![Box::new(filter)]));
            }
            let mut decoder = builder.build()?;
            for (range, bytes) in &self.pieces {
                decoder.push_range(range.clone(), bytes.clone())?;
            }
            Ok(decoder)
        })?;
        Ok(Group { position: row_group, decoder, at_once, in_flight: 0, ready: None, finished: false })
    }

    /// The rows of a row group that are read at all; `None` for all.
    fn selection(&self, row_group: usize) -> Option<RowSelection> {
        let metadata = self.metadata.metadata();
        match &self.numbered {
            None => {
                let leaves = self.columns.leaves();
                let filter = self.context.filter.as_deref().zip(self.filter_leaves.as_ref());
                let criteria = FileCriteria { query: &self.context.query, leaves: &leaves, filter };
                rows_that_might_match(criteria, metadata, row_group)
            }
            Some(numbered) => {
                let group = row_range(metadata, row_group)?;
                let first = numbered.partition_point(|row| *row < group.start);
                let inside = numbered.iter().skip(first).take_while(|row| **row < group.end);
                let offsets = inside.filter_map(|row| usize::try_from(row - group.start).ok());
                let rows = usize::try_from(group.end - group.start).ok()?;
                Some(RowSelection::from_consecutive_ranges(offsets.map(|row| row..row + 1), rows))
            }
        }
    }

    /// The bytes of all columns that are read of a row group, if that is little enough to be read at once; else none.
    fn at_once(&self, row_group: usize, selection: Option<&RowSelection>) -> Vec<Range<u64>> {
        let filter = self.predicate.as_ref().map(RowPredicate::roots).unwrap_or_default();
        let schema = self.metadata.parquet_schema();
        let most = if self.context.only_area_or_time() { AT_ONCE_BYTES_OF_AREA } else { AT_ONCE_BYTES };
        let metadata = self.metadata.metadata();
        let widened = selection.map(|selection| widened(selection, metadata.row_group(row_group).num_rows()));
        let mut ranges = Vec::new();
        let mut beside_filter = 0;
        for leaf in 0..schema.num_columns() {
            let root = schema.get_column_root_idx(leaf);
            let in_filter = filter.contains(&root);
            if !in_filter && !self.output.iter().any(|(output, _)| *output == root) {
                continue;
            }
            let selection = if in_filter { widened.as_ref() } else { selection };
            let column = column_ranges(metadata, row_group, leaf, selection);
            if !in_filter {
                beside_filter += column.iter().map(|range| range.end.saturating_sub(range.start)).sum::<u64>();
            }
            ranges.extend(column);
        }
        let at_hand = |wanted: &Range<u64>| {
            self.pieces.iter().any(|(held, _)| held.start <= wanted.start && wanted.end <= held.end)
        };
        ranges.retain(|range| !at_hand(range));
        if beside_filter <= most { ranges } else { Vec::new() }
    }
}

/// The rows whose values of filter columns the decoder keeps for its output: whole batches.
fn widened(selection: &RowSelection, rows: i64) -> RowSelection {
    let rows = usize::try_from(rows).unwrap_or_default();
    let mut at = 0;
    let mut batches: Vec<Range<usize>> = Vec::new();
    for selector in selection.iter() {
        let range = at..at + selector.row_count;
        at = range.end;
        if selector.skip {
            continue;
        }
        let wide = range.start / BATCH_ROWS * BATCH_ROWS..(range.end.div_ceil(BATCH_ROWS) * BATCH_ROWS).min(rows);
        match batches.last_mut() {
            Some(last) if wide.start <= last.end => last.end = wide.end.max(last.end),
            _ => batches.push(wide),
        }
    }
    RowSelection::from_consecutive_ranges(batches.into_iter(), rows)
}

/// The bytes of one column of a row group: of the pages with selected rows, where it is known which those are.
fn column_ranges(
    metadata: &ParquetMetaData,
    row_group: usize,
    leaf: usize,
    selection: Option<&RowSelection>,
) -> Vec<Range<u64>> {
    let Some(chunk) = metadata.row_groups().get(row_group).and_then(|group| group.columns().get(leaf)) else {
        return Vec::new();
    };
    let Some(whole) = footer::chunk_range(chunk) else {
        return Vec::new();
    };
    let index = metadata.offset_index().and_then(|index| index.get(row_group)?.get(leaf));
    let pages = index.map(|index| index.page_locations().as_slice()).unwrap_or_default();
    let (Some(selection), Some(first)) = (selection, pages.first()) else {
        return vec![whole];
    };
    let dictionary = u64::try_from(first.offset).map(|first| whole.start..first).unwrap_or_default();
    let dictionary = (!dictionary.is_empty()).then_some(dictionary);
    dictionary.into_iter().chain(selection.scan_ranges(pages)).collect()
}

fn output_columns(columns: &FileColumns, context: &ScanContext) -> Vec<(usize, String)> {
    let wanted = columns.iter().filter(|(name, _)| context.wants_column(name));
    let mut wanted: Vec<(usize, String)> = wanted.map(|(name, root)| (root, name.to_owned())).collect();
    wanted.sort_unstable();
    wanted
}

fn row_number() -> FieldRef {
    Arc::new(Field::new(ROW_NUMBER, DataType::Int64, false).with_extension_type(RowNumber))
}

/// The first row of a row group and the row after its last, by their numbers in the file.
fn row_range(metadata: &ParquetMetaData, row_group: usize) -> Option<Range<u64>> {
    let rows = |group: &RowGroupMetaData| u64::try_from(group.num_rows()).unwrap_or_default();
    let start = metadata.row_groups().get(..row_group)?.iter().map(rows).fold(0, u64::saturating_add);
    Some(start..start.saturating_add(rows(metadata.row_groups().get(row_group)?)))
}

/// The row groups that hold these rows.
fn row_groups_of(metadata: &ParquetMetaData, rows: &[u64]) -> VecDeque<usize> {
    let holds = |range: Range<u64>| rows.get(rows.partition_point(|row| *row < range.start)) < Some(&range.end);
    (0..metadata.num_row_groups())
        .filter(|row_group| row_range(metadata, *row_group).is_some_and(|range| !range.is_empty() && holds(range)))
        .collect()
}
