//! What is known of a set of rows without reading them, and whether one of them might match a query.
//!
//! The same question is asked of a manifest, a data file, a row group and a page; each evaluator fills
//! [`RowsBounds`] from what its level stores. Doubt always keeps (Iceberg, "Scan Planning").

use std::collections::BTreeSet;

use geo::Rect;

use crate::plan::{Cause, Verdict};
use crate::query::datetime::Interval;
use crate::query::{Query, TemporalRule};

/// Whether a column holds nulls in a set of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nulls {
    /// No value is null.
    None,
    /// Some may be.
    #[default]
    Unknown,
    /// Every value is null.
    All,
}

/// What is known of one column in a set of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnBounds<T> {
    /// No value that is not null is less.
    pub lower: Option<T>,
    /// No value that is not null is greater.
    pub upper: Option<T>,
    /// Whether values are null.
    pub nulls: Nulls,
}

impl<T> Default for ColumnBounds<T> {
    fn default() -> Self {
        Self { lower: None, upper: None, nulls: Nulls::Unknown }
    }
}

impl<T: Ord> ColumnBounds<T> {
    /// What is known when both are known of the same rows.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            lower: self.lower.max(other.lower),
            upper: match (self.upper, other.upper) {
                (Some(left), Some(right)) => Some(left.min(right)),
                (left, right) => left.or(right),
            },
            nulls: if self.nulls == Nulls::Unknown { other.nulls } else { self.nulls },
        }
    }
}

/// What is known of the columns that decide a query, in a set of rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowsBounds {
    /// Item ids.
    pub id: ColumnBounds<String>,
    /// Collection ids.
    pub collection: ColumnBounds<String>,
    /// `datetime` in microseconds since 1970.
    pub datetime: ColumnBounds<i64>,
    /// `start_datetime`, likewise.
    pub start_datetime: ColumnBounds<i64>,
    /// `end_datetime`, likewise.
    pub end_datetime: ColumnBounds<i64>,
    /// A box around every geometry of these rows, if there is one for certain.
    pub area: Option<Rect<f64>>,
}

/// Whether one of the rows might match `query`, by everything but the cell.
pub fn rows_might_match(query: &Query, rows: &RowsBounds) -> Verdict {
    if query.datetime.as_ref().is_some_and(|interval| !time_might_match(interval, query.temporal, rows)) {
        return Verdict::Prune(Cause::Time);
    }
    let named =
        |names: &Option<BTreeSet<String>>, bounds| names.as_ref().is_none_or(|names| one_of_might_match(names, bounds));
    let placed = || match (&query.area, &rows.area) {
        (Some(shape), Some(area)) => shape.rects().iter().any(|rect| touch(rect, area)),
        _ => true,
    };
    if named(&query.ids, &rows.id) && named(&query.collections, &rows.collection) && placed() {
        return Verdict::Keep;
    }
    Verdict::Prune(Cause::Bounds)
}

fn one_of_might_match(names: &BTreeSet<String>, bounds: &ColumnBounds<String>) -> bool {
    // Iceberg and Parquet order strings by their UTF-8 bytes, as `str` does. A truncated upper bound was rounded up.
    match (&bounds.nulls, &bounds.lower, &bounds.upper) {
        (Nulls::All, ..) => false,
        (_, Some(lower), Some(upper)) => lower <= upper && names.range(lower.clone()..=upper.clone()).next().is_some(),
        (_, Some(lower), None) => names.last().is_some_and(|last| last >= lower),
        (_, None, Some(upper)) => names.first().is_some_and(|first| first <= upper),
        (_, None, None) => true,
    }
}

/// Whether two boxes share a point; +180 and -180 are one meridian.
pub(crate) fn touch(left: &Rect<f64>, right: &Rect<f64>) -> bool {
    let across = |east: &Rect<f64>, west: &Rect<f64>| east.max().x >= 180.0 && west.min().x <= -180.0;
    let side_by_side = left.min().x <= right.max().x && right.min().x <= left.max().x;
    (side_by_side || across(left, right) || across(right, left))
        && left.min().y <= right.max().y
        && right.min().y <= left.max().y
}

/// Whether an item of these rows might lie in `interval`.
fn time_might_match(interval: &Interval, rule: TemporalRule, rows: &RowsBounds) -> bool {
    let (first, last) = match rule {
        TemporalRule::Datetime if rows.datetime.nulls == Nulls::All => return false,
        TemporalRule::Datetime => (rows.datetime.lower, rows.datetime.upper),
        TemporalRule::Overlap => {
            let columns = [&rows.datetime, &rows.start_datetime, &rows.end_datetime];
            if columns.iter().all(|column| column.nulls == Nulls::All) {
                return false;
            }
            let [datetime, start, end] = columns;
            let first = coalesced([start, datetime, end], |bounds| bounds.lower).and_then(|all| all.into_iter().min());
            let last = coalesced([end, datetime, start], |bounds| bounds.upper).and_then(|all| all.into_iter().max());
            (first, last)
        }
    };
    let starts_in_time = first.zip(interval.end).is_none_or(|(first, end)| first <= end);
    let ends_in_time = last.zip(interval.start).is_none_or(|(last, start)| last >= start);
    starts_in_time && ends_in_time
}

/// Bounds of the first value of a chain of columns that is not null; `None` if one of them is not known.
///
/// [`TemporalRule::matches`] falls back along the same chains. A row in which all are null matches no interval, so
/// the chain needs no end.
fn coalesced(chain: [&ColumnBounds<i64>; 3], bound: impl Fn(&ColumnBounds<i64>) -> Option<i64>) -> Option<Vec<i64>> {
    let mut bounds = Vec::with_capacity(chain.len());
    for column in chain.into_iter().filter(|column| column.nulls != Nulls::All) {
        bounds.push(bound(column)?);
        if column.nulls == Nulls::None {
            break;
        }
    }
    Some(bounds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use geo::coord;

    fn column(lower: i64, upper: i64, nulls: Nulls) -> ColumnBounds<i64> {
        ColumnBounds { lower: Some(lower), upper: Some(upper), nulls }
    }

    fn null() -> ColumnBounds<i64> {
        ColumnBounds { nulls: Nulls::All, ..ColumnBounds::default() }
    }

    fn keeps(start: i64, end: i64, rule: TemporalRule, [datetime, first, last]: [&ColumnBounds<i64>; 3]) -> bool {
        let rows = RowsBounds {
            datetime: datetime.clone(),
            start_datetime: first.clone(),
            end_datetime: last.clone(),
            ..RowsBounds::default()
        };
        let interval = Interval { start: Some(start), end: Some(end) };
        let query = Query { datetime: Some(interval), temporal: rule, ..Query::default() };
        rows_might_match(&query, &rows).keeps()
    }

    #[test]
    fn overlap_is_judged_by_start_and_end_where_they_are_set_and_by_datetime_where_not() {
        let rule = TemporalRule::Overlap;
        let (datetime, start, end) =
            (column(50, 60, Nulls::None), column(10, 20, Nulls::None), column(80, 90, Nulls::None));
        assert!(keeps(85, 86, rule, [&datetime, &start, &end]));
        assert!(!keeps(91, 92, rule, [&datetime, &start, &end]));
        assert!(!keeps(0, 9, rule, [&datetime, &start, &end]));
        assert!(!keeps(61, 70, rule, [&datetime, &null(), &null()]));
        // Some rows have no end: they end with their datetime.
        let some_end = column(10, 20, Nulls::Unknown);
        assert!(keeps(55, 58, rule, [&datetime, &null(), &some_end]));
        assert!(!keeps(61, 70, rule, [&datetime, &null(), &some_end]));
        assert!(!keeps(0, 100, rule, [&null(), &null(), &null()]));
    }

    #[test]
    fn what_is_not_known_of_a_column_keeps() {
        let (datetime, unknown) = (column(50, 60, Nulls::None), ColumnBounds::default());
        assert!(keeps(0, 9, TemporalRule::Overlap, [&datetime, &unknown, &unknown]));
        assert!(!keeps(0, 9, TemporalRule::Datetime, [&datetime, &unknown, &unknown]));
        assert!(keeps(0, 9, TemporalRule::Datetime, [&unknown, &datetime, &datetime]));
        assert!(!keeps(0, 9, TemporalRule::Datetime, [&null(), &unknown, &unknown]));
    }

    #[test]
    fn names_are_compared_with_bounds_byte_by_byte() {
        let bounds = |lower: &str, upper: &str| ColumnBounds {
            lower: Some(lower.to_owned()),
            upper: Some(upper.to_owned()),
            nulls: Nulls::None,
        };
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert!(one_of_might_match(&names(&["a", "m"]), &bounds("k", "p")));
        assert!(!one_of_might_match(&names(&["a", "z"]), &bounds("k", "p")));
        // The bound of a longer id was cut and rounded up.
        assert!(one_of_might_match(&names(&["item-long-tail"]), &bounds("item-lon", "item-loo")));
        assert!(!one_of_might_match(&names(&["\u{e9}"]), &bounds("a", "z")));
        assert!(one_of_might_match(&names(&["x"]), &ColumnBounds::default()));
    }

    #[test]
    fn boxes_meet_across_the_antimeridian() {
        let rect = |west: f64, east: f64| Rect::new(coord! { x: west, y: 0.0 }, coord! { x: east, y: 1.0 });
        assert!(touch(&rect(170.0, 180.0), &rect(-180.0, -170.0)));
        assert!(touch(&rect(-180.0, -170.0), &rect(170.0, 180.0)));
        assert!(!touch(&rect(170.0, 179.0), &rect(-180.0, -170.0)));
    }
}
