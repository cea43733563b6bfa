//! The exact test of rows: geometry, time, ids, collections, and the filter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, FieldRef, Schema as ArrowSchema};

use crate::cql2::Filter;
use crate::geometry::Shape;
use crate::plan::facts::FilterLeaves;
use crate::property::Property;
use crate::query::Query;
use crate::query::datetime::parse_instant;
use crate::scan::ScanContext;
use crate::scan::columns::FileColumns;
use crate::stac::instants::instants;
use crate::stac::schema as stac_schema;
use crate::{Error, Result};

/// Decides rows of one file, from a batch of the file's columns that matter to the query.
#[derive(Clone, Debug)]
pub struct RowPredicate {
    query: Arc<Query>,
    id: Wanted,
    collection: Wanted,
    geometry: Wanted,
    datetime: Wanted,
    start_datetime: Wanted,
    end_datetime: Wanted,
    filter: Option<Arc<Filter>>,
    roots: Vec<usize>,
    /// What the table calls the columns of a batch.
    names: Vec<String>,
    unreadable: Arc<AtomicU64>,
}

/// A column the predicate reads: not at all, absent from the file (null in every row), or at a position of the batch.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    Unused,
    Absent,
    At(usize),
}

impl RowPredicate {
    /// The predicate of a search over a file with `columns`, where `kept` is where it keeps what the filter names;
    /// `unreadable` counts footprints that cannot be read.
    pub fn new(
        context: &ScanContext,
        columns: &FileColumns,
        kept: Option<&FilterLeaves>,
        unreadable: Arc<AtomicU64>,
    ) -> Self {
        let (query, filter) = (Arc::clone(&context.query), context.filter.clone());
        let (time, area) = (query.datetime.is_some(), query.area.is_some());
        let uses = [
            (stac_schema::ID, query.ids.is_some()),
            (stac_schema::COLLECTION, query.collections.is_some()),
            (stac_schema::GEOMETRY, area),
            (stac_schema::DATETIME, time),
            (stac_schema::START_DATETIME, time),
            (stac_schema::END_DATETIME, time),
        ];
        let mut roots: Vec<usize> =
            uses.iter().filter(|(_, used)| *used).filter_map(|(name, _)| columns.root(name)).collect();
        let filtered = filter.iter().flat_map(|filter| filter.properties()).flat_map(Property::roots);
        // Patches may be long, and where the columns say all they say nothing of these properties.
        let patches = filter.as_ref().zip(kept).is_none_or(|(filter, kept)| kept.wants_patches(filter));
        let filtered = filtered.filter(|name| patches || *name != stac_schema::JSON_PATCH);
        roots.extend(filtered.filter_map(|name| columns.root(name)));
        roots.sort_unstable();
        roots.dedup();
        let name = |root: &usize| columns.iter().find(|(_, other)| other == root).map_or("", |(name, _)| name);
        let names = roots.iter().map(|root| name(root).to_owned()).collect();
        let [id, collection, geometry, datetime, start_datetime, end_datetime] = uses.map(|(name, used)| {
            if !used {
                return Wanted::Unused;
            }
            // A batch holds its columns in the order of the file.
            let position = columns.root(name).and_then(|root| roots.iter().position(|wanted| *wanted == root));
            position.map_or(Wanted::Absent, Wanted::At)
        });
        Self {
            query,
            id,
            collection,
            geometry,
            datetime,
            start_datetime,
            end_datetime,
            filter,
            roots,
            names,
            unreadable,
        }
    }

    /// The file's root columns that [`evaluate`](Self::evaluate) wants, ascending.
    pub fn roots(&self) -> &[usize] {
        &self.roots
    }

    /// Which rows match. A null or unreadable footprint matches no area, a null id or collection no name, and what a
    /// filter does not know is no match.
    ///
    /// # Errors
    /// As [`Filter::evaluate`].
    pub fn evaluate(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let mut hits = vec![true; batch.num_rows()];
        self.match_names(batch, &mut hits);
        self.match_time(batch, &mut hits);
        self.match_area(batch, &mut hits);
        self.match_filter(batch, &mut hits)?;
        Ok(BooleanArray::from(hits))
    }

    fn match_filter(&self, batch: &RecordBatch, hits: &mut [bool]) -> Result<()> {
        let Some(filter) = self.filter.as_ref().filter(|_| hits.contains(&true)) else { return Ok(()) };
        let known = filter.evaluate(&renamed(batch, self.names.iter().map(String::as_str))?, hits, &self.unreadable)?;
        keep(hits, |row| known.is_valid(row) && known.value(row));
        Ok(())
    }

    fn match_names(&self, batch: &RecordBatch, hits: &mut [bool]) {
        for (names, wanted) in [(&self.query.ids, self.id), (&self.query.collections, self.collection)] {
            let Some(names) = names else { continue };
            let column = Texts::of(column(batch, wanted));
            keep(hits, |row| column.at(row).is_some_and(|text| names.contains(text)));
        }
    }

    fn match_time(&self, batch: &RecordBatch, hits: &mut [bool]) {
        let Some(interval) = &self.query.datetime else { return };
        let instants = |wanted| Instants::of(column(batch, wanted));
        let (datetime, start, end) =
            (instants(self.datetime), instants(self.start_datetime), instants(self.end_datetime));
        keep(hits, |row| self.query.temporal.matches(interval, datetime.at(row), start.at(row), end.at(row)));
    }

    fn match_area(&self, batch: &RecordBatch, hits: &mut [bool]) {
        let Some(area) = &self.query.area else { return };
        let footprints = Bytes::of(column(batch, self.geometry));
        keep(hits, |row| match footprints.at(row).map(Shape::from_wkb) {
            Some(Ok(shape)) => shape.intersects(area),
            Some(Err(_)) => {
                self.unreadable.fetch_add(1, Ordering::Relaxed);
                false
            }
            None => false,
        });
    }
}

/// The batch under the table's names; what the reader adds behind them keeps its own.
///
/// # Errors
/// [`crate::ErrorKind::Internal`] for names of other columns.
pub(crate) fn renamed<'n>(batch: &RecordBatch, names: impl Iterator<Item = &'n str>) -> Result<RecordBatch> {
    let mut names = names;
    let renamed = |field: &FieldRef| match names.next() {
        Some(name) => field.as_ref().clone().with_name(name),
        None => field.as_ref().clone(),
    };
    let fields: Vec<Field> = batch.schema_ref().fields().iter().map(renamed).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(ArrowSchema::new(fields)), batch.columns().to_vec(), &options)
        .map_err(|error| Error::internal("columns of a batch do not fit their names").caused_by(error))
}

fn keep(hits: &mut [bool], matches: impl Fn(usize) -> bool) {
    for (row, hit) in hits.iter_mut().enumerate() {
        *hit = *hit && matches(row);
    }
}

fn column(batch: &RecordBatch, wanted: Wanted) -> Option<&ArrayRef> {
    match wanted {
        Wanted::At(position) => batch.columns().get(position),
        Wanted::Unused | Wanted::Absent => None,
    }
}

/// A column of text; null where it is absent or of another type.
pub(crate) struct Texts<'a>(Option<&'a arrow_array::StringArray>);

impl<'a> Texts<'a> {
    pub(crate) fn of(column: Option<&'a ArrayRef>) -> Self {
        Self(column.and_then(|column| column.as_string_opt()))
    }

    pub(crate) fn at(&self, row: usize) -> Option<&'a str> {
        self.0.filter(|column| row < column.len() && column.is_valid(row)).map(|column| column.value(row))
    }
}

struct Bytes<'a>(Option<&'a arrow_array::BinaryArray>);

impl<'a> Bytes<'a> {
    fn of(column: Option<&'a ArrayRef>) -> Self {
        Self(column.and_then(|column| column.as_binary_opt()))
    }

    fn at(&self, row: usize) -> Option<&'a [u8]> {
        self.0.filter(|column| row < column.len() && column.is_valid(row)).map(|column| column.value(row))
    }
}

/// A column of instants as microseconds since 1970; those of text are parsed.
pub(crate) struct Instants(Option<Int64Array>);

impl Instants {
    pub(crate) fn of(column: Option<&ArrayRef>) -> Self {
        let text = |column: &ArrayRef| {
            let texts = column.as_string_opt::<i32>()?;
            Some(texts.iter().map(|text| parse_instant(text?).ok()).collect())
        };
        Self(column.and_then(|column| instants(column).or_else(|| text(column))))
    }

    pub(crate) fn at(&self, row: usize) -> Option<i64> {
        self.0.as_ref().filter(|column| row < column.len() && column.is_valid(row)).map(|column| column.value(row))
    }
}
