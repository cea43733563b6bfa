//! The values of a property in the rows of a batch, and the order in which values of any kind are sorted.

use std::cmp::Ordering;

use arrow_array::{Array as _, BooleanArray, Float64Array, Int64Array, StringArray};
use serde_json::Value;

/// The values of one property, a row each; null where an item has none.
#[derive(Clone, Debug)]
pub enum Values {
    /// Truth values.
    Booleans(BooleanArray),
    /// Whole numbers.
    Longs(Int64Array),
    /// Numbers, none of them NaN or infinite.
    Doubles(Float64Array),
    /// Texts.
    Texts(StringArray),
    /// Instants in µs since 1970.
    Instants(Int64Array),
    /// Values of several kinds.
    Mixed(Vec<Option<Scalar>>),
}

impl Values {
    /// Nulls.
    #[must_use]
    pub fn nulls(rows: usize) -> Self {
        Self::Mixed(vec![None; rows])
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Booleans(values) => values.len(),
            Self::Longs(values) | Self::Instants(values) => values.len(),
            Self::Doubles(values) => values.len(),
            Self::Texts(values) => values.len(),
            Self::Mixed(values) => values.len(),
        }
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a row has no value; so has one that is not there.
    #[must_use]
    pub fn is_null(&self, row: usize) -> bool {
        let valid = row < self.len()
            && match self {
                Self::Booleans(values) => values.is_valid(row),
                Self::Longs(values) | Self::Instants(values) => values.is_valid(row),
                Self::Doubles(values) => values.is_valid(row),
                Self::Texts(values) => values.is_valid(row),
                Self::Mixed(values) => values.get(row).is_some_and(Option::is_some),
            };
        !valid
    }

    /// The value of a row.
    #[must_use]
    pub fn scalar(&self, row: usize) -> Option<Scalar> {
        if self.is_null(row) {
            return None;
        }
        Some(match self {
            Self::Booleans(values) => Scalar::Boolean(values.value(row)),
            Self::Longs(values) => Scalar::Long(values.value(row)),
            Self::Doubles(values) => Scalar::Double(values.value(row)),
            Self::Texts(values) => Scalar::Text(values.value(row).into()),
            Self::Instants(values) => Scalar::Instant(values.value(row)),
            Self::Mixed(values) => return values.get(row).cloned().flatten(),
        })
    }

    /// The same with other values in some rows.
    pub(super) fn with(self, others: Vec<(usize, Option<Scalar>)>) -> Self {
        if others.is_empty() {
            return self;
        }
        let mut rows = match self {
            Self::Mixed(rows) => rows,
            typed => (0..typed.len()).map(|row| typed.scalar(row)).collect(),
        };
        for (row, value) in others {
            if let Some(place) = rows.get_mut(row) {
                *place = value;
            }
        }
        Self::Mixed(rows)
    }
}

/// A value of an item. As a sort key it is small, owned, and has its place among values of any kind: `false` before
/// `true`, then numbers by value, instants, texts by their UTF-8 bytes, and JSON arrays and objects by their text.
#[derive(Clone, Debug)]
pub enum Scalar {
    /// A truth value.
    Boolean(bool),
    /// A whole number.
    Long(i64),
    /// Any other number.
    Double(f64),
    /// An instant in µs since 1970.
    Instant(i64),
    /// A text.
    Text(Box<str>),
    /// An array or object.
    Json(Box<Value>),
}

impl Scalar {
    /// A JSON value; null is `None`.
    #[must_use]
    pub fn from_json(value: Value) -> Option<Self> {
        Some(match value {
            Value::Null => return None,
            Value::Bool(value) => Self::Boolean(value),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Self::Long(whole),
                (None, Some(double)) => Self::Double(double),
                (None, None) => return None,
            },
            Value::String(text) => Self::Text(text.into()),
            json @ (Value::Array(_) | Value::Object(_)) => Self::Json(Box::new(json)),
        })
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Boolean(_) => 0,
            Self::Long(_) | Self::Double(_) => 1,
            Self::Instant(_) => 2,
            Self::Text(_) => 3,
            Self::Json(_) => 4,
        }
    }
}

impl Ord for Scalar {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Boolean(left), Self::Boolean(right)) => left.cmp(right),
            (Self::Long(left), Self::Long(right)) | (Self::Instant(left), Self::Instant(right)) => left.cmp(right),
            (Self::Double(left), Self::Double(right)) => compare_doubles(*left, *right),
            (Self::Long(left), Self::Double(right)) => compare_numbers(*left, *right),
            (Self::Double(left), Self::Long(right)) => compare_numbers(*right, *left).reverse(),
            (Self::Text(left), Self::Text(right)) => left.as_bytes().cmp(right.as_bytes()),
            (Self::Json(left), Self::Json(right)) => left.to_string().cmp(&right.to_string()),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Scalar {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Scalar {}

/// Doubles by value: -0.0 is 0.0, NaN comes last.
pub(crate) fn compare_doubles(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}

/// A whole number and a double by value, where a conversion would round.
#[expect(clippy::cast_possible_truncation, reason = "a double without a fraction between the ends of i64")]
pub(crate) fn compare_numbers(whole: i64, double: f64) -> Ordering {
    /// 2^63, the first double beyond `i64`.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if double.is_nan() || double >= BEYOND {
        return Ordering::Less;
    }
    if double < -BEYOND {
        return Ordering::Greater;
    }
    let below = double.floor();
    whole.cmp(&(below as i64)).then(if double > below { Ordering::Less } else { Ordering::Equal })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_ordered_by_value_and_never_by_rounding() {
        let ascending = [
            json!(-1e300),
            json!(i64::MIN),
            json!(-1.5),
            json!(-1),
            json!(0.5),
            json!(1),
            json!(9_007_199_254_740_992.0),
            json!(9_007_199_254_740_993_i64),
            json!(i64::MAX),
            json!(9_223_372_036_854_775_808.0),
            json!(1e300),
        ];
        let keys: Vec<Scalar> = ascending.into_iter().filter_map(Scalar::from_json).collect();
        for (position, left) in keys.iter().enumerate() {
            for (other, right) in keys.iter().enumerate() {
                assert_eq!(left.cmp(right), position.cmp(&other), "{left:?} {right:?}");
            }
        }
        assert_eq!(Scalar::Long(80), Scalar::Double(80.0));
        assert_eq!(Scalar::Double(0.0), Scalar::Double(-0.0));
    }

    #[test]
    fn kinds_have_their_places_and_texts_are_ordered_by_bytes() {
        let text = |text: &str| Scalar::Text(text.into());
        let ascending = [
            Scalar::Boolean(false),
            Scalar::Boolean(true),
            Scalar::Double(1e300),
            Scalar::Instant(-5),
            text(""),
            text("Z"),
            text("a"),
            text("\u{ffff}"),
            text("\u{10000}"),
            Scalar::Json(Box::new(json!([1]))),
        ];
        assert!(ascending.is_sorted_by(|left, right| left < right));
    }

    #[test]
    fn a_key_is_small() {
        assert!(size_of::<Scalar>() <= 24);
    }
}
