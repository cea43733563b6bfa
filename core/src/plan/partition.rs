//! Partition values as bounds: the cell a partition holds, and the time its bin spans.

use crate::iceberg::metadata::PartitionSpec;
use crate::iceberg::transform::Transform;
use crate::iceberg::value::Value;
use crate::plan::PlanColumns;

const HOUR_MICROS: i64 = 3_600_000_000;
const DAY_MICROS: i64 = 24 * HOUR_MICROS;

/// What a field of a partition spec says about the columns that decide a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning<'a> {
    /// The cell itself.
    Cell,
    /// The bin of `datetime` under a transform.
    TimeBin(&'a Transform),
    /// Nothing that is used.
    Other,
}

/// The meaning of each field of `spec`, in its order.
pub fn meanings<'a>(spec: &'a PartitionSpec, columns: &PlanColumns) -> impl Iterator<Item = Meaning<'a>> {
    let columns = columns.clone();
    spec.fields.iter().map(move |field| match &field.transform {
        Transform::Identity if Some(field.source_id) == columns.cell => Meaning::Cell,
        Transform::Year | Transform::Month | Transform::Day | Transform::Hour
            if Some(field.source_id) == columns.datetime =>
        {
            Meaning::TimeBin(&field.transform)
        }
        _ => Meaning::Other,
    })
}

/// The first and last microsecond of a time bin (Iceberg, "Partition Transforms"); `None` if it is not known.
pub fn bin_micros(transform: &Transform, value: &Value) -> Option<(i64, i64)> {
    let ordinal = match value {
        Value::Int(ordinal) | Value::Date(ordinal) => i64::from(*ordinal),
        Value::Long(ordinal) => *ordinal,
        _ => return None,
    };
    let start = bin_start(transform, ordinal)?;
    let next = bin_start(transform, ordinal.checked_add(1)?)?;
    Some((start, next.checked_sub(1)?))
}

fn bin_start(transform: &Transform, ordinal: i64) -> Option<i64> {
    match transform {
        Transform::Year => first_of_month(ordinal.checked_mul(12)?)?.checked_mul(DAY_MICROS),
        Transform::Month => first_of_month(ordinal)?.checked_mul(DAY_MICROS),
        Transform::Day => ordinal.checked_mul(DAY_MICROS),
        Transform::Hour => ordinal.checked_mul(HOUR_MICROS),
        _ => None,
    }
}

/// Days from 1970-01-01 to the first of the month `months` after January 1970, in the proleptic Gregorian calendar.
fn first_of_month(months: i64) -> Option<i64> {
    let years = months.div_euclid(12).checked_add(1970)?;
    // Years counted from March, so that the leap day is the last of its year (Hinnant, `days_from_civil`).
    let month = months.rem_euclid(12);
    let (year, month_from_march) = if month < 2 { (years.checked_sub(1)?, month + 10) } else { (years, month - 2) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let day_of_year = (153 * month_from_march + 2) / 5;
    year.checked_mul(365)?.checked_add(leap_days)?.checked_add(day_of_year)?.checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_begin_where_the_calendar_says() {
        let day = |months| first_of_month(months);
        assert_eq!(day(0), Some(0));
        assert_eq!(day(2), Some(59));
        assert_eq!(day(12), Some(365));
        assert_eq!(day(-12), Some(-365));
        assert_eq!(day(30 * 12), Some(10_957)); // 2000-01-01
        assert_eq!(day(30 * 12 + 2), Some(11_017)); // 2000-03-01, after a leap day
        assert_eq!(day(51 * 12), Some(18_628)); // 2021-01-01
    }

    #[test]
    fn a_bin_ends_one_microsecond_before_the_next() {
        let (first, last) = bin_micros(&Transform::Year, &Value::Int(51)).unwrap();
        assert_eq!(first, 1_609_459_200_000_000);
        assert_eq!(last + 1, bin_micros(&Transform::Year, &Value::Int(52)).unwrap().0);
        assert_eq!(bin_micros(&Transform::Hour, &Value::Int(-1)), Some((-HOUR_MICROS, -1)));
        assert_eq!(bin_micros(&Transform::Day, &Value::Long(i64::MAX)), None);
        assert_eq!(bin_micros(&Transform::Bucket(4), &Value::Int(1)), None);
    }
}
