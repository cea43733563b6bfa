//! A search in STAC's terms, parsed and refused precisely.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::cql2::{Expression, Operator};
use crate::geometry::Shape;
use crate::{Error, Result};

mod body;
pub mod datetime;
mod extension;
mod fields;
mod sort;

pub use datetime::Interval;
pub use fields::Fields;
pub use sort::SortKey;

/// Page size where a query names none.
const DEFAULT_PAGE_SIZE: usize = 100;

/// Which of an item's times are compared with the query's interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TemporalRule {
    /// `[start_datetime ?? datetime, end_datetime ?? datetime]` overlaps the interval, ends inclusive.
    #[default]
    Overlap,
    /// `datetime` lies in the interval, ends inclusive.
    Datetime,
}

impl TemporalRule {
    /// Whether an item with these times, in µs since 1970, is in the interval.
    ///
    /// An item that has only one end of its own interval is taken to lie at that end; one without any time matches
    /// only an interval open at both ends, of which there is none.
    #[must_use]
    pub fn matches(
        self,
        interval: &Interval,
        datetime: Option<i64>,
        start_datetime: Option<i64>,
        end_datetime: Option<i64>,
    ) -> bool {
        match self {
            Self::Datetime => datetime.is_some_and(|instant| interval.overlaps(instant, instant)),
            Self::Overlap => {
                let start = start_datetime.or(datetime);
                let end = end_datetime.or(datetime);
                match (start.or(end), end.or(start)) {
                    (Some(start), Some(end)) => interval.overlaps(start, end),
                    _ => false,
                }
            }
        }
    }
}

/// What is looked for. An absent part does not restrict.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The item's geometry shares a point with this.
    pub area: Option<Shape>,
    /// The item's times meet this, by [`Query::temporal`].
    pub datetime: Option<Interval>,
    /// How times are compared.
    pub temporal: TemporalRule,
    /// The item's `id` is one of these.
    pub ids: Option<BTreeSet<String>>,
    /// The item's `collection` is one of these.
    pub collections: Option<BTreeSet<String>>,
    /// The order of the answer, the first key deciding first; without keys that of cell, time bin and path.
    pub sortby: Vec<SortKey>,
    /// Which members of items come back.
    pub fields: Option<Fields>,
    /// The item fulfils this; not tied to a table yet.
    pub filter: Option<Arc<Expression>>,
    /// Most items of the whole answer.
    pub max_items: Option<u64>,
    /// Items of one page, STAC's `limit`; at least 1.
    pub page_size: usize,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            area: None,
            datetime: None,
            temporal: TemporalRule::Overlap,
            ids: None,
            collections: None,
            sortby: Vec::new(),
            fields: None,
            filter: None,
            max_items: None,
            page_size: DEFAULT_PAGE_SIZE,
        }
    }
}

impl Query {
    /// The query that matches every item.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Restricts to a bbox of 4 or 6 numbers; west > east crosses the antimeridian.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] for a bad bbox, or beside `intersects` (STAC API, Item Search, Query Parameters).
    pub fn bbox(self, bbox: &[f64]) -> Result<Self> {
        self.area(Shape::from_bbox(bbox)?)
    }

    /// Restricts to a GeoJSON geometry.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] for a bad geometry, or beside `bbox`.
    pub fn intersects(self, geometry: &Value) -> Result<Self> {
        self.area(Shape::from_geojson(geometry)?)
    }

    /// Restricts to a shape.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] if there is one already.
    pub fn area(self, area: Shape) -> Result<Self> {
        if self.area.is_some() {
            return Err(Error::invalid("only one of bbox and intersects may be given"));
        }
        Ok(Self { area: Some(area), ..self })
    }

    /// Restricts to an instant, period or interval as [`Interval::parse`] reads it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] for text that is none.
    pub fn datetime(self, text: &str) -> Result<Self> {
        Ok(Self { datetime: Some(Interval::parse(text)?), ..self })
    }

    /// Sets how times are compared.
    #[must_use]
    pub fn temporal(self, temporal: TemporalRule) -> Self {
        Self { temporal, ..self }
    }

    /// Restricts to these ids.
    #[must_use]
    pub fn ids<T: Into<String>>(self, ids: impl IntoIterator<Item = T>) -> Self {
        Self { ids: Some(ids.into_iter().map(Into::into).collect()), ..self }
    }

    /// Restricts to these collections.
    #[must_use]
    pub fn collections<T: Into<String>>(self, collections: impl IntoIterator<Item = T>) -> Self {
        Self { collections: Some(collections.into_iter().map(Into::into).collect()), ..self }
    }

    /// Orders the answer by these keys, such as `-datetime`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] for an empty name, or more than 16 keys.
    pub fn sortby<T: AsRef<str>>(self, keys: impl IntoIterator<Item = T>) -> Result<Self> {
        Ok(Self { sortby: sort::parse_keys(keys)?, ..self })
    }

    /// Sets which members of items come back.
    #[must_use]
    pub fn fields(self, fields: Fields) -> Self {
        Self { fields: Some(fields), ..self }
    }

    /// Restricts to what fulfils a filter, besides those given before.
    #[must_use]
    pub fn filter(self, filter: Expression) -> Self {
        let both = match self.filter {
            None => filter,
            Some(other) => Expression::Call(Operator::And, vec![other.as_ref().clone(), filter]),
        };
        Self { filter: Some(Arc::new(both)), ..self }
    }

    /// Ends the answer after so many items.
    #[must_use]
    pub fn max_items(self, max_items: u64) -> Self {
        Self { max_items: Some(max_items), ..self }
    }

    /// Sets the page size; 0 becomes 1.
    #[must_use]
    pub fn page_size(self, page_size: usize) -> Self {
        Self { page_size: page_size.max(1), ..self }
    }
}
