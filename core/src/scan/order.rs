//! The order of an answer: keys of rows, and which files can hold the first of them.

use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use arrow_array::RecordBatch;

use crate::Result;
use crate::iceberg::manifest::DataFile;
use crate::iceberg::metadata::Schema;
use crate::plan::FileScanTask;
use crate::plan::facts::scalar;
use crate::property::{Property, Scalar};
use crate::query::SortKey;
use crate::stac::schema as stac_schema;

/// What a query's `sortby` means in one table.
#[derive(Clone, Debug, Default)]
pub struct Order {
    keys: Vec<OrderKey>,
    /// Whether values may stand in patches.
    patched: bool,
}

#[derive(Clone, Debug)]
struct OrderKey {
    property: Property,
    descending: bool,
    /// Whether a row looked at had a value.
    seen: Arc<AtomicBool>,
}

/// What decides the place of a row: less is first. Nulls are last, whatever the direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    values: Box<[Option<Scalar>]>,
    /// A bit for each value, from the lowest.
    descending: u16,
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let pairs = self.values.iter().zip(&other.values).enumerate();
        let mut orders =
            pairs.map(|(at, (left, right))| compare(left.as_ref(), right.as_ref(), self.descending >> at & 1 == 1));
        orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn compare(left: Option<&Scalar>, right: Option<&Scalar>, descending: bool) -> Ordering {
    match (left, right) {
        (Some(left), Some(right)) if descending => right.cmp(left),
        (Some(left), Some(right)) => left.cmp(right),
        (left, right) => left.is_none().cmp(&right.is_none()),
    }
}

/// What is known of the first keys of a file's rows.
enum Reach {
    /// Anything.
    Unknown,
    /// None of them is before this one, or before null.
    From(Option<Scalar>),
}

impl Order {
    /// Finds the properties in a table's schema.
    ///
    /// # Errors
    /// Those of [`Property::resolve`].
    pub fn new(sortby: &[SortKey], schema: &Schema) -> Result<Self> {
        let key = |key: &SortKey| {
            let property = Property::resolve(&key.field, schema)?;
            Ok(OrderKey { property, descending: key.descending, seen: Arc::default() })
        };
        let patched = schema.field_by_name(stac_schema::JSON_PATCH).is_some();
        Ok(Self { keys: sortby.iter().map(key).collect::<Result<_>>()?, patched })
    }

    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The root columns from which keys are made.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().flat_map(|key| key.property.roots())
    }

    /// Names of properties that no column holds and none of the rows looked at had: they ordered nothing.
    pub fn missing(&self) -> impl Iterator<Item = String> {
        let missing = self.keys.iter().filter(|key| key.property.column().is_none() && !key.seen.load(Relaxed));
        missing.map(|key| key.property.name())
    }

    /// The Iceberg id of the column whose bounds tell which files come first.
    #[must_use]
    pub fn field_id(&self) -> Option<i32> {
        let column = self.keys.first()?.property.column()?;
        column.below.is_empty().then_some(column.field_id)
    }

    /// The keys of a batch's rows.
    ///
    /// # Errors
    /// Those of [`Property::values`].
    pub(crate) fn keys(&self, batch: &RecordBatch) -> Result<Vec<Key>> {
        let values = self.keys.iter().map(|key| key.property.values(batch)).collect::<Result<Vec<_>>>()?;
        let directions = self.keys.iter().enumerate().filter(|(_, key)| key.descending);
        let descending = directions.fold(0, |bits, (at, _)| bits | 1 << at);
        let key = |row| Key { values: values.iter().map(|values| values.scalar(row)).collect(), descending };
        let keys: Vec<Key> = (0..batch.num_rows()).map(key).collect();
        for (at, key) in self.keys.iter().enumerate().filter(|(_, key)| key.property.column().is_none()) {
            if keys.iter().any(|row| row.values.get(at).is_some_and(Option::is_some)) {
                key.seen.store(true, Relaxed);
            }
        }
        Ok(keys)
    }

    /// The positions of these files, those that can hold the first rows first, else in the order in which they are.
    pub(crate) fn of_files(&self, files: &[FileScanTask]) -> Vec<usize> {
        let reaches: Vec<Reach> = files.iter().map(|file| self.reach(&file.data_file)).collect();
        let descending = self.keys.first().is_some_and(|key| key.descending);
        let mut order: Vec<(usize, &Reach)> = reaches.iter().enumerate().collect();
        order.sort_by(|(_, left), (_, right)| match (left, right) {
            (Reach::From(left), Reach::From(right)) => compare(left.as_ref(), right.as_ref(), descending),
            (left, right) => matches!(left, Reach::From(_)).cmp(&matches!(right, Reach::From(_))),
        });
        order.into_iter().map(|(file, _)| file).collect()
    }

    /// Whether every row of a file comes after a key, surely.
    pub(crate) fn comes_after(&self, file: &FileScanTask, key: &Key) -> bool {
        let (Some(first), Reach::From(reach)) = (self.keys.first(), self.reach(&file.data_file)) else { return false };
        let value = key.values.first().and_then(Option::as_ref);
        compare(reach.as_ref(), value, first.descending).is_gt()
    }

    fn reach(&self, file: &DataFile) -> Reach {
        let metrics = self.field_id().and_then(|id| file.metrics.get(&id));
        let (Some(metrics), Some(first)) = (metrics, self.keys.first()) else { return Reach::Unknown };
        // Where a column is null, or nulls are not counted, a patch may hold the value (FORMAT.md, "Columns").
        let complete = match metrics.null_count {
            Some(0) => true,
            Some(_) => first.property.is_item_property(),
            None => false,
        };
        if self.patched && !complete {
            return Reach::Unknown;
        }
        if metrics.null_count.is_some_and(|nulls| nulls >= file.record_count) {
            return Reach::From(None);
        }
        let bound = if first.descending { &metrics.upper } else { &metrics.lower };
        bound.as_ref().and_then(scalar).map_or(Reach::Unknown, |bound| Reach::From(Some(bound)))
    }
}
