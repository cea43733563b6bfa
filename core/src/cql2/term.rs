//! Single values as filters compare them.

use std::cmp::Ordering;

use serde_json::Value;

use crate::property::{Scalar, Values, compare_doubles, compare_numbers};
use crate::query::datetime::{DAY_MICROS, moment_of_item};

/// A value, or a day.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Term {
    Scalar(Scalar),
    /// `DATE`, by its first instant.
    Day(i64),
}

/// A value that lies elsewhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum View<'a> {
    Boolean(bool),
    Long(i64),
    Double(f64),
    Instant(i64),
    Day(i64),
    Text(&'a str),
    Json(&'a Value),
}

impl Term {
    pub(crate) fn view(&self) -> View<'_> {
        match self {
            Self::Scalar(scalar) => View::of(scalar),
            Self::Day(day) => View::Day(*day),
        }
    }
}

impl<'a> View<'a> {
    pub(crate) fn of(scalar: &'a Scalar) -> Self {
        match scalar {
            Scalar::Boolean(value) => Self::Boolean(*value),
            Scalar::Long(value) => Self::Long(*value),
            Scalar::Double(value) => Self::Double(*value),
            Scalar::Instant(value) => Self::Instant(*value),
            Scalar::Text(text) => Self::Text(text),
            Scalar::Json(value) => Self::Json(value),
        }
    }

    pub(crate) fn of_json(value: &'a Value) -> Option<Self> {
        Some(match value {
            Value::Null => return None,
            Value::Bool(value) => Self::Boolean(*value),
            Value::Number(number) => number.as_i64().map(Self::Long).or_else(|| number.as_f64().map(Self::Double))?,
            Value::String(text) => Self::Text(text),
            value => Self::Json(value),
        })
    }

    pub(crate) fn at(values: &'a Values, row: usize) -> Option<Self> {
        if values.is_null(row) {
            return None;
        }
        Some(match values {
            Values::Booleans(values) => Self::Boolean(values.value(row)),
            Values::Longs(values) => Self::Long(values.value(row)),
            Values::Doubles(values) => Self::Double(values.value(row)),
            Values::Texts(values) => Self::Text(values.value(row)),
            Values::Instants(values) => Self::Instant(values.value(row)),
            Values::Mixed(values) => Self::of(values.get(row)?.as_ref()?),
        })
    }

    pub(crate) fn term(self) -> Term {
        Term::Scalar(match self {
            Self::Boolean(value) => Scalar::Boolean(value),
            Self::Long(value) => Scalar::Long(value),
            Self::Double(value) => Scalar::Double(value),
            Self::Instant(value) => Scalar::Instant(value),
            Self::Day(day) => return Term::Day(day),
            Self::Text(text) => Scalar::Text(text.into()),
            Self::Json(value) => Scalar::Json(Box::new(value.clone())),
        })
    }

    /// The first and last instant of a time, or of a text that says one.
    pub(crate) fn moment(self) -> Option<(i64, i64)> {
        match self {
            Self::Instant(at) => Some((at, at)),
            Self::Day(day) => Some((day, day.saturating_add(DAY_MICROS - 1))),
            Self::Text(text) => moment_of_item(text),
            _ => None,
        }
    }
}

/// How two values compare; `None` if they do not: then nothing is known of the comparison, as with null.
///
/// Numbers compare by value, texts by their UTF-8 bytes, `false` before `true`. A day equals every instant in it. A
/// text is compared with a time by the time it says.
pub(crate) fn compare(left: View<'_>, right: View<'_>) -> Option<Ordering> {
    Some(match (left, right) {
        (View::Long(left), View::Long(right)) | (View::Instant(left), View::Instant(right)) => left.cmp(&right),
        (View::Double(left), View::Double(right)) => compare_doubles(left, right),
        (View::Long(left), View::Double(right)) => compare_numbers(left, right),
        (View::Double(left), View::Long(right)) => compare_numbers(right, left).reverse(),
        (View::Text(left), View::Text(right)) => left.as_bytes().cmp(right.as_bytes()),
        (View::Boolean(left), View::Boolean(right)) => left.cmp(&right),
        (View::Instant(_) | View::Day(_), _) | (_, View::Instant(_) | View::Day(_)) => {
            let ((first, last), (other_first, other_last)) = (left.moment()?, right.moment()?);
            match () {
                () if last < other_first => Ordering::Less,
                () if first > other_last => Ordering::Greater,
                () => Ordering::Equal,
            }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::datetime::parse_instant;

    #[test]
    fn a_day_equals_every_instant_in_it() {
        let day = Term::Day(parse_instant("2022-04-16T00:00:00Z").unwrap());
        let cases = [
            ("2022-04-15T23:59:59.999999Z", Ordering::Less),
            ("2022-04-16T00:00:00Z", Ordering::Equal),
            ("2022-04-16T23:59:59.999999Z", Ordering::Equal),
            ("2022-04-17T00:00:00Z", Ordering::Greater),
            ("2022-04-17", Ordering::Greater),
            ("2022-04-16 10:13:19", Ordering::Equal),
            ("2022-04-16", Ordering::Equal),
        ];
        for (text, order) in cases {
            assert_eq!(compare(View::Text(text), day.view()), Some(order), "{text}");
            assert_eq!(compare(day.view(), View::Text(text)), Some(order.reverse()), "{text}");
        }
        assert_eq!(compare(View::Text("soon"), day.view()), None);
        assert_eq!(compare(View::Long(5), day.view()), None);
    }

    #[test]
    fn values_of_different_kinds_do_not_compare() {
        assert_eq!(compare(View::Text("1"), View::Long(1)), None);
        assert_eq!(compare(View::Boolean(true), View::Long(1)), None);
        assert_eq!(compare(View::Long(1), View::Double(1.0)), Some(Ordering::Equal));
    }
}
