//! Partition transforms: how a partition value is made from a column's value ("Partition Transforms").

use super::schema::PrimitiveType;
use super::value::{Value, civil};

/// How a partition field is made from its source column.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transform {
    /// The value itself.
    Identity,
    /// Years since 1970.
    Year,
    /// Months since 1970-01.
    Month,
    /// Days since 1970-01-01.
    Day,
    /// Hours since 1970-01-01T00.
    Hour,
    /// Always null.
    Void,
    /// A hash modulo so many buckets.
    Bucket(u32),
    /// The value cut to a width.
    Truncate(u32),
    /// One this program does not know; nothing may be concluded from its values.
    Unknown(String),
}

const MICROSECONDS_PER_HOUR: i64 = 3_600_000_000;
const MICROSECONDS_PER_DAY: i64 = 24 * MICROSECONDS_PER_HOUR;

impl Transform {
    /// Reads a transform's name. What is not known becomes [`Transform::Unknown`], as the specification asks.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        match name {
            "identity" => Self::Identity,
            "year" => Self::Year,
            "month" => Self::Month,
            "day" => Self::Day,
            "hour" => Self::Hour,
            "void" => Self::Void,
            other => parametric(other).unwrap_or_else(|| Self::Unknown(other.to_owned())),
        }
    }

    /// The type of the values this makes from a source of type `source`; `None` if it is not known.
    #[must_use]
    pub fn result_type(&self, source: &PrimitiveType) -> Option<PrimitiveType> {
        match self {
            Self::Identity | Self::Truncate(_) | Self::Void => Some(*source),
            Self::Year | Self::Month | Self::Day | Self::Hour | Self::Bucket(_) => Some(PrimitiveType::Int),
            Self::Unknown(_) => None,
        }
    }

    /// Whether it counts time units since 1970: year, month, day or hour.
    #[must_use]
    pub fn is_temporal(&self) -> bool {
        matches!(self, Self::Year | Self::Month | Self::Day | Self::Hour)
    }

    /// The partition value of a column's value.
    ///
    /// `None` where the answer is not known here: void, bucket and unknown transforms, and types a transform is not
    /// defined for. Callers that prune must then keep.
    #[must_use]
    pub fn apply(&self, value: &Value) -> Option<Value> {
        match self {
            Self::Identity => Some(value.clone()),
            Self::Year | Self::Month | Self::Day => {
                let days = match value {
                    Value::Date(days) => i64::from(*days),
                    Value::Timestamp(at) | Value::Timestamptz(at) => at.div_euclid(MICROSECONDS_PER_DAY),
                    _ => return None,
                };
                let (year, month, _) = civil(days);
                let ordinal = match self {
                    Self::Year => year - 1970,
                    Self::Month => (year - 1970) * 12 + month - 1,
                    _ => days,
                };
                i32::try_from(ordinal).ok().map(Value::Int)
            }
            Self::Hour => match value {
                Value::Timestamp(at) | Value::Timestamptz(at) => {
                    i32::try_from(at.div_euclid(MICROSECONDS_PER_HOUR)).ok().map(Value::Int)
                }
                _ => None,
            },
            Self::Truncate(width) => truncate(value, *width),
            Self::Void | Self::Bucket(_) | Self::Unknown(_) => None,
        }
    }

    /// A partition value as Iceberg shows it: `2021`, `2021-06`, `2021-06-15`, `2021-06-15-13`, or the value itself.
    #[must_use]
    pub fn human(&self, value: Option<&Value>) -> String {
        let Some(value) = value else {
            return "null".to_owned();
        };
        let Some(ordinal) = value.as_i64().filter(|_| self.is_temporal()) else {
            return value.to_string();
        };
        match self {
            Self::Year => format!("{:04}", 1970 + ordinal),
            Self::Month => format!("{:04}-{:02}", 1970 + ordinal.div_euclid(12), ordinal.rem_euclid(12) + 1),
            Self::Day => day(ordinal),
            _ => format!("{}-{:02}", day(ordinal.div_euclid(24)), ordinal.rem_euclid(24)),
        }
    }
}

impl std::fmt::Display for Transform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Identity => f.write_str("identity"),
            Self::Year => f.write_str("year"),
            Self::Month => f.write_str("month"),
            Self::Day => f.write_str("day"),
            Self::Hour => f.write_str("hour"),
            Self::Void => f.write_str("void"),
            Self::Bucket(count) => write!(f, "bucket[{count}]"),
            Self::Truncate(width) => write!(f, "truncate[{width}]"),
            Self::Unknown(name) => f.write_str(name),
        }
    }
}

fn parametric(name: &str) -> Option<Transform> {
    let (kind, argument) = name.strip_suffix(']')?.split_once('[')?;
    let number: u32 = argument.trim().parse().ok().filter(|number| *number > 0)?;
    match kind {
        "bucket" => Some(Transform::Bucket(number)),
        "truncate" => Some(Transform::Truncate(number)),
        _ => None,
    }
}

fn truncate(value: &Value, width: u32) -> Option<Value> {
    let length = usize::try_from(width).ok()?;
    match value {
        Value::Int(number) => {
            let number = i64::from(*number);
            i32::try_from(number - number.rem_euclid(i64::from(width))).ok().map(Value::Int)
        }
        Value::Long(number) => number.checked_sub(number.rem_euclid(i64::from(width))).map(Value::Long),
        Value::Decimal { unscaled, scale } => {
            let unscaled = unscaled.checked_sub(unscaled.rem_euclid(i128::from(width)))?;
            Some(Value::Decimal { unscaled, scale: *scale })
        }
        Value::String(text) => Some(Value::String(text.chars().take(length).collect())),
        Value::Binary(bytes) => Some(Value::Binary(bytes.iter().copied().take(length).collect())),
        _ => None,
    }
}

fn day(days: i64) -> String {
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(transform: &str, value: &Value) -> Option<Value> {
        Transform::parse(transform).apply(value)
    }

    #[test]
    fn time_ordinals_floor_also_before_1970() {
        // 2017-11-16T22:31:08, the example of the specification's Appendix B.
        let at_2017 = Value::Timestamptz(1_510_871_468_000_000);
        assert_eq!(at("year", &at_2017), Some(Value::Int(47)));
        assert_eq!(at("month", &at_2017), Some(Value::Int(574)));
        assert_eq!(at("day", &at_2017), Some(Value::Int(17_486)));
        assert_eq!(at("hour", &at_2017), Some(Value::Int(419_686)));
        for transform in ["year", "month", "day", "hour"] {
            assert_eq!(at(transform, &Value::Timestamp(-1)), Some(Value::Int(-1)), "{transform}");
        }
        assert_eq!(at("month", &Value::Date(-32)), Some(Value::Int(-2)));
    }

    #[test]
    fn extremes_and_foreign_types_do_not_panic() {
        for transform in ["year", "month", "day", "hour", "truncate[7]", "bucket[4]", "void", "zorder"] {
            for value in [
                Value::Timestamp(i64::MIN),
                Value::Timestamp(i64::MAX),
                Value::Date(i32::MIN),
                Value::Date(i32::MAX),
                Value::Long(i64::MIN),
                Value::Int(i32::MIN),
                Value::String("é".into()),
            ] {
                let _ = at(transform, &value);
            }
        }
        assert_eq!(at("truncate[10]", &Value::Int(-1)), Some(Value::Int(-10)));
        assert_eq!(at("truncate[2]", &Value::String("éèê".into())), Some(Value::String("éè".into())));
    }

    #[test]
    fn ordinals_are_shown_as_dates() {
        let human = |transform: &str, ordinal| Transform::parse(transform).human(Some(&Value::Int(ordinal)));
        assert_eq!(human("year", 51), "2021");
        assert_eq!(human("month", 617), "2021-06");
        assert_eq!(human("month", -1), "1969-12");
        assert_eq!(human("day", 18_793), "2021-06-15");
        assert_eq!(human("hour", 18_793 * 24 + 13), "2021-06-15-13");
        assert_eq!(Transform::Identity.human(Some(&Value::String("81".into()))), "81");
        assert_eq!(Transform::Year.human(None), "null");
    }

    #[test]
    fn names_survive_and_unknown_ones_are_kept() {
        for name in ["identity", "year", "bucket[16]", "truncate[3]", "zorder", "bucket[0]"] {
            assert_eq!(Transform::parse(name).to_string(), name);
        }
        assert_eq!(Transform::parse("bucket[0]"), Transform::Unknown("bucket[0]".into()));
    }
}
