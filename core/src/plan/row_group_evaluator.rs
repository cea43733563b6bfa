//! Which row groups, and which rows of them, might hold an answer, from statistics and page index.

use std::ops::Range;

use parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use parquet::basic::{ConvertedType, LogicalType, TimeUnit};
use parquet::data_type::AsBytes as _;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescriptor;

use crate::cql2::Filter;
use crate::plan::bounds::{ColumnBounds, Nulls, RowsBounds, rows_might_match};
use crate::plan::facts::FilterLeaves;
use crate::plan::file_evaluator::box_around;
use crate::plan::{Cause, Verdict};
use crate::property::{Property, Scalar};
use crate::query::Query;
use crate::query::datetime::DAY_MICROS;

/// Positions of the Parquet leaf columns that decide a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeafColumns {
    /// Item id.
    pub id: Option<usize>,
    /// Collection id.
    pub collection: Option<usize>,
    /// Footprint.
    pub geometry: Option<usize>,
    /// `datetime`.
    pub datetime: Option<usize>,
    /// `start_datetime`.
    pub start_datetime: Option<usize>,
    /// `end_datetime`.
    pub end_datetime: Option<usize>,
    /// West, south, east and north of the box around a footprint.
    pub footprint: Option<[usize; 4]>,
}

impl LeafColumns {
    /// The columns whose pages are worth a look for `query`.
    fn used_by(&self, query: &Query) -> Vec<usize> {
        let time = [self.datetime, self.start_datetime, self.end_datetime];
        let named = [self.id.filter(|_| query.ids.is_some()), self.collection.filter(|_| query.collections.is_some())];
        let mut used: Vec<usize> = named.into_iter().flatten().collect();
        used.extend(time.into_iter().flatten().filter(|_| query.datetime.is_some()));
        used.extend(self.footprint.into_iter().flatten().filter(|_| query.area.is_some()));
        used
    }
}

/// What decides rows of one file.
#[derive(Clone, Copy, Debug)]
pub struct FileCriteria<'a> {
    /// The query.
    pub query: &'a Query,
    /// The columns that decide it.
    pub leaves: &'a LeafColumns,
    /// The filter with the columns of the properties it names.
    pub filter: Option<(&'a Filter, &'a FilterLeaves)>,
}

impl FileCriteria<'_> {
    fn judge(&self, rows: &RowsBounds, patched: bool, bounds: impl Fn(usize) -> Option<LeafBounds>) -> Verdict {
        rows_might_match(self.query, rows).and_then(|| match self.filter {
            Some((filter, leaves)) if !filter.might_match(&leaves.facts(filter, rows, patched, bounds)) => {
                Verdict::Prune(Cause::Bounds)
            }
            _ => Verdict::Keep,
        })
    }

    /// Whether patches of a row group hold values that columns do not.
    fn patched(&self, row_group: &RowGroupMetaData) -> bool {
        let Some(leaf) = self.filter.and_then(|(_, leaves)| leaves.patch) else { return false };
        chunk_bounds(row_group, leaf).is_none_or(|bounds| bounds.nulls != Nulls::All)
    }

    /// The columns whose pages are worth a look.
    fn used_leaves(&self) -> Vec<usize> {
        let mut used = self.leaves.used_by(self.query);
        if let Some((filter, leaves)) = self.filter {
            used.extend(leaves.leaves());
            used.extend(
                self.leaves.footprint.into_iter().flatten().filter(|_| filter.properties().any(Property::is_footprint)),
            );
        }
        used.sort_unstable();
        used.dedup();
        used
    }
}

/// Judges a row group by the statistics of its column chunks (parquet-format, `Statistics`).
pub fn row_group_might_match(criteria: FileCriteria<'_>, row_group: &RowGroupMetaData) -> Verdict {
    let leaves = criteria.leaves;
    let boxed = every_geometry_has_its_box(leaves, row_group);
    let rows = rows_bounds(leaves, boxed, |leaf| chunk_bounds(row_group, leaf));
    criteria.judge(&rows, criteria.patched(row_group), |leaf| chunk_bounds(row_group, leaf))
}

/// Whether the boxes say something of every footprint: another writer may have left them out of its rows.
fn every_geometry_has_its_box(leaves: &LeafColumns, row_group: &RowGroupMetaData) -> bool {
    let nulls = |leaf: usize| row_group.columns().get(leaf)?.statistics()?.null_count_opt();
    let (Some(unplaced), Some(footprint)) = (leaves.geometry.and_then(nulls), leaves.footprint) else {
        return false;
    };
    footprint.into_iter().all(|leaf| nulls(leaf) == Some(unplaced))
}

/// The rows of a row group that might match by the page index (parquet-format, "Page Index"); `None` is all.
///
/// A page index that does not add up is not used: what it says is only ever a short cut.
pub fn rows_that_might_match(
    criteria: FileCriteria<'_>,
    metadata: &ParquetMetaData,
    row_group: usize,
) -> Option<RowSelection> {
    let leaves = criteria.leaves;
    let chunks = metadata.row_groups().get(row_group)?;
    let patched = criteria.patched(chunks);
    let rows = usize::try_from(chunks.num_rows()).ok()?;
    let boxed = every_geometry_has_its_box(leaves, chunks);
    let pages: Vec<Pages<'_>> =
        criteria.used_leaves().into_iter().filter_map(|leaf| Pages::of(metadata, row_group, leaf, rows)).collect();
    let mut starts: Vec<usize> = pages.iter().flat_map(|pages| pages.starts.iter().copied()).collect();
    starts.sort_unstable();
    starts.dedup();
    let ends = starts.iter().copied().skip(1).chain([rows]);
    // Between two page starts of any column, each column is described by one page.
    let spans: Vec<Range<usize>> = starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect();
    let selectors = spans.into_iter().map(|span| {
        let of_leaf = |leaf| pages.iter().find(|pages| pages.leaf == leaf).map(|pages| pages.bounds_at(span.start));
        match criteria.judge(&rows_bounds(leaves, boxed, of_leaf), patched, of_leaf) {
            Verdict::Keep => RowSelector::select(span.len()),
            Verdict::Prune(_) => RowSelector::skip(span.len()),
        }
    });
    let selectors: Vec<RowSelector> = selectors.collect();
    selectors.iter().any(|selector| selector.skip).then(|| RowSelection::from(selectors))
}

/// What Parquet stores of the values of one leaf column in some rows.
#[derive(Clone, Debug, Default)]
pub(super) struct LeafBounds {
    pub(super) lower: Option<Scalar>,
    pub(super) upper: Option<Scalar>,
    pub(super) nulls: Nulls,
}

fn rows_bounds(leaves: &LeafColumns, boxed: bool, bounds: impl Fn(usize) -> Option<LeafBounds>) -> RowsBounds {
    let known = |leaf: Option<usize>| leaf.and_then(&bounds).unwrap_or_default();
    // A column that the file does not have is null in every row.
    let absent = |leaf: Option<usize>| if leaf.is_none() { Nulls::All } else { Nulls::Unknown };
    let text = |leaf| {
        column(known(leaf), absent(leaf), |bound| if let Scalar::Text(text) = bound { Some(text.into()) } else { None })
    };
    let time = |leaf| {
        column(known(leaf), absent(leaf), |bound| if let Scalar::Instant(micros) = bound { Some(micros) } else { None })
    };
    RowsBounds {
        id: text(leaves.id),
        collection: text(leaves.collection),
        datetime: time(leaves.datetime),
        start_datetime: time(leaves.start_datetime),
        end_datetime: time(leaves.end_datetime),
        area: leaves.footprint.filter(|_| boxed).and_then(|footprint| area(footprint.map(&bounds))),
    }
}

fn column<T>(bounds: LeafBounds, absent: Nulls, pick: impl Fn(Scalar) -> Option<T>) -> ColumnBounds<T> {
    let nulls = if absent == Nulls::All { absent } else { bounds.nulls };
    ColumnBounds { lower: bounds.lower.and_then(&pick), upper: bounds.upper.and_then(&pick), nulls }
}

fn area(sides: [Option<LeafBounds>; 4]) -> Option<geo::Rect<f64>> {
    let degrees = |bound: &Option<Scalar>| match bound {
        Some(Scalar::Double(degrees)) if degrees.is_finite() => Some(*degrees),
        _ => None,
    };
    let edges = |side: Option<LeafBounds>| side.and_then(|side| degrees(&side.lower).zip(degrees(&side.upper)));
    let [west, south, east, north] = sides.map(edges);
    let (west, south, east, north) = (west?, south?, east?, north?);
    box_around([west.0, south.0, east.1, north.1], [Some(west.1), Some(east.0)])
}

fn chunk_bounds(row_group: &RowGroupMetaData, leaf: usize) -> Option<LeafBounds> {
    let chunk = row_group.columns().get(leaf)?;
    let (descriptor, statistics) = (chunk.column_descr(), chunk.statistics()?);
    let (lower, upper) = match statistics {
        Statistics::Boolean(values) => {
            (values.min_opt().copied().map(Scalar::Boolean), values.max_opt().copied().map(Scalar::Boolean))
        }
        Statistics::Int32(values) => {
            (short(descriptor, values.min_opt().copied()), short(descriptor, values.max_opt().copied()))
        }
        Statistics::Int64(values) => {
            (long(descriptor, values.min_opt().copied()), long(descriptor, values.max_opt().copied()))
        }
        Statistics::Float(values) => {
            (double(values.min_opt().copied().map(f64::from)), double(values.max_opt().copied().map(f64::from)))
        }
        Statistics::Double(values) => (double(values.min_opt().copied()), double(values.max_opt().copied())),
        // Deprecated bounds of strings were compared as signed bytes.
        Statistics::ByteArray(values) if !statistics.is_min_max_deprecated() => (
            values.min_opt().and_then(|bound| text(bound.as_bytes())),
            values.max_opt().and_then(|bound| text(bound.as_bytes())),
        ),
        _ => (None, None),
    };
    let rows = u64::try_from(row_group.num_rows()).ok();
    let nulls = match statistics.null_count_opt() {
        Some(0) => Nulls::None,
        Some(count) if Some(count) == rows => Nulls::All,
        _ => Nulls::Unknown,
    };
    Some(LeafBounds { lower, upper, nulls })
}

fn text(bytes: &[u8]) -> Option<Scalar> {
    std::str::from_utf8(bytes).ok().map(|text| Scalar::Text(text.into()))
}

/// NaN bounds nothing.
fn double(stored: Option<f64>) -> Option<Scalar> {
    stored.filter(|double| !double.is_nan()).map(Scalar::Double)
}

fn short(descriptor: &ColumnDescriptor, stored: Option<i32>) -> Option<Scalar> {
    let stored = i64::from(stored?);
    match (descriptor.logical_type_ref(), descriptor.converted_type()) {
        (Some(LogicalType::Date), _) | (None, ConvertedType::DATE) => {
            stored.checked_mul(DAY_MICROS).map(Scalar::Instant)
        }
        (logical, converted) => is_whole(logical, converted).then_some(Scalar::Long(stored)),
    }
}

/// Whether a column of integers holds signed ones, as they are.
pub(crate) fn holds_whole(column: &ColumnDescriptor) -> bool {
    is_whole(column.logical_type_ref(), column.converted_type())
}

/// Whether signed integers are meant, and not decimals, times of day, or unsigned numbers in another order.
fn is_whole(logical: Option<&LogicalType>, converted: ConvertedType) -> bool {
    use ConvertedType::{INT_8, INT_16, INT_32, INT_64, NONE};
    match logical {
        Some(LogicalType::Integer { is_signed, .. }) => *is_signed,
        Some(_) => false,
        None => matches!(converted, NONE | INT_8 | INT_16 | INT_32 | INT_64),
    }
}

fn long(descriptor: &ColumnDescriptor, stored: Option<i64>) -> Option<Scalar> {
    let unit = match (descriptor.logical_type_ref(), descriptor.converted_type()) {
        (Some(LogicalType::Timestamp { unit, .. }), _) => *unit,
        (None, ConvertedType::TIMESTAMP_MILLIS) => TimeUnit::MILLIS,
        (None, ConvertedType::TIMESTAMP_MICROS) => TimeUnit::MICROS,
        (logical, converted) => return stored.filter(|_| is_whole(logical, converted)).map(Scalar::Long),
    };
    let micros = match unit {
        TimeUnit::MILLIS => stored?.checked_mul(1_000)?,
        TimeUnit::MICROS => stored?,
        // Rounded down as the rows are.
        TimeUnit::NANOS => stored?.div_euclid(1_000),
    };
    Some(Scalar::Instant(micros))
}

/// The pages of one column chunk.
struct Pages<'a> {
    leaf: usize,
    descriptor: &'a ColumnDescriptor,
    /// First row of each page, ascending from 0.
    starts: Vec<usize>,
    index: &'a ColumnIndexMetaData,
}

impl<'a> Pages<'a> {
    fn of(metadata: &'a ParquetMetaData, row_group: usize, leaf: usize, rows: usize) -> Option<Self> {
        let index = metadata.column_index()?.get(row_group)?.get(leaf)?;
        let offsets = metadata.offset_index()?.get(row_group)?.get(leaf)?;
        let starts = page_starts(offsets.page_locations(), rows)?;
        let counted = match index {
            ColumnIndexMetaData::NONE => false,
            index => usize::try_from(index.num_pages()).ok() == Some(starts.len()),
        };
        let descriptor = metadata.row_groups().get(row_group)?.columns().get(leaf)?.column_descr();
        counted.then_some(Self { leaf, descriptor, starts, index })
    }

    fn bounds_at(&self, row: usize) -> LeafBounds {
        let page = self.starts.partition_point(|start| *start <= row).saturating_sub(1);
        if self.index.is_null_page(page) {
            return LeafBounds { nulls: Nulls::All, ..LeafBounds::default() };
        }
        let descriptor = self.descriptor;
        let (lower, upper) = match self.index {
            ColumnIndexMetaData::BOOLEAN(values) => (
                values.min_value(page).copied().map(Scalar::Boolean),
                values.max_value(page).copied().map(Scalar::Boolean),
            ),
            ColumnIndexMetaData::INT32(values) => {
                (short(descriptor, values.min_value(page).copied()), short(descriptor, values.max_value(page).copied()))
            }
            ColumnIndexMetaData::INT64(values) => {
                (long(descriptor, values.min_value(page).copied()), long(descriptor, values.max_value(page).copied()))
            }
            ColumnIndexMetaData::FLOAT(values) => {
                let side = |bound: Option<&f32>| double(bound.map(|bound| f64::from(*bound)));
                (side(values.min_value(page)), side(values.max_value(page)))
            }
            ColumnIndexMetaData::DOUBLE(values) => {
                (double(values.min_value(page).copied()), double(values.max_value(page).copied()))
            }
            ColumnIndexMetaData::BYTE_ARRAY(values) => {
                (values.min_value(page).and_then(text), values.max_value(page).and_then(text))
            }
            _ => (None, None),
        };
        let nulls = if self.index.null_count(page) == Some(0) { Nulls::None } else { Nulls::Unknown };
        LeafBounds { lower, upper, nulls }
    }
}

fn page_starts(locations: &[PageLocation], rows: usize) -> Option<Vec<usize>> {
    let starts: Vec<usize> =
        locations.iter().map(|page| usize::try_from(page.first_row_index).ok()).collect::<Option<_>>()?;
    let ascends = starts.is_sorted_by(|left, right| left < right);
    (starts.first() == Some(&0) && ascends && starts.last() < Some(&rows)).then_some(starts)
}
