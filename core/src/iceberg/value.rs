//! Single values: how bounds are stored, and Iceberg's order of values ("Appendix D: Single-value serialization").

use std::cmp::Ordering;
use std::fmt;

use super::schema::PrimitiveType;
use crate::{Error, Result};

/// A single value that is not null.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// True or false.
    Boolean(bool),
    /// 32 bits, signed.
    Int(i32),
    /// 64 bits, signed.
    Long(i64),
    /// IEEE 754, 32 bits.
    Float(f32),
    /// IEEE 754, 64 bits.
    Double(f64),
    /// `unscaled` / 10^`scale`.
    Decimal {
        /// The digits.
        unscaled: i128,
        /// How many of them come after the point.
        scale: u8,
    },
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since midnight.
    Time(i64),
    /// Microseconds since 1970-01-01, no zone.
    Timestamp(i64),
    /// Microseconds since 1970-01-01, UTC.
    Timestamptz(i64),
    /// UTF-8 text.
    String(String),
    /// 16 bytes.
    Uuid([u8; 16]),
    /// Bytes, also of fixed length.
    Binary(Vec<u8>),
}

impl Value {
    /// Reads a bound or a default of type `kind`.
    ///
    /// An `int` or `float` written before its column was promoted to `long` or `double` is read as the wider type
    /// ("Schema Evolution").
    ///
    /// # Errors
    /// [`crate::ErrorKind::Corrupt`] for bytes of the wrong length, text that is not UTF-8.
    pub fn from_bound_bytes(kind: &PrimitiveType, bytes: &[u8]) -> Result<Self> {
        decode(*kind, bytes)
            .ok_or_else(|| Error::corrupt(format!("{} bytes are no value of type `{kind}`", bytes.len())))
    }

    /// Writes a bound, as [`Value::from_bound_bytes`] reads it.
    #[must_use]
    pub fn to_bound_bytes(&self) -> Vec<u8> {
        match self {
            Self::Boolean(flag) => vec![u8::from(*flag)],
            Self::Int(number) | Self::Date(number) => number.to_le_bytes().to_vec(),
            Self::Long(number) | Self::Time(number) | Self::Timestamp(number) | Self::Timestamptz(number) => {
                number.to_le_bytes().to_vec()
            }
            Self::Float(number) => number.to_le_bytes().to_vec(),
            Self::Double(number) => number.to_le_bytes().to_vec(),
            Self::Decimal { unscaled, .. } => shortest_twos_complement(*unscaled),
            Self::String(text) => text.as_bytes().to_vec(),
            Self::Uuid(bytes) => bytes.to_vec(),
            Self::Binary(bytes) => bytes.clone(),
        }
    }

    /// Iceberg's order of two values; `None` if they are not comparable: different kinds, or a NaN.
    ///
    /// Integers compare with each other whatever their width, so do floats; dates also with the `int` day ordinals of
    /// partition values. Text compares by its UTF-8 bytes. `-0.0` equals `0.0`, so that a bound never separates what
    /// a predicate calls equal.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Boolean(one), Self::Boolean(two)) => Some(one.cmp(two)),
            (Self::Int(_) | Self::Long(_) | Self::Date(_), Self::Int(_) | Self::Long(_) | Self::Date(_)) => {
                Some(self.as_i64()?.cmp(&other.as_i64()?))
            }
            (Self::Float(_) | Self::Double(_), Self::Float(_) | Self::Double(_)) => {
                self.as_f64()?.partial_cmp(&other.as_f64()?)
            }
            (Self::Time(one), Self::Time(two))
            | (Self::Timestamp(one), Self::Timestamp(two))
            | (Self::Timestamptz(one), Self::Timestamptz(two)) => Some(one.cmp(two)),
            (Self::String(one), Self::String(two)) => Some(one.as_bytes().cmp(two.as_bytes())),
            (Self::Uuid(one), Self::Uuid(two)) => Some(one.cmp(two)),
            (Self::Binary(one), Self::Binary(two)) => Some(one.cmp(two)),
            (Self::Decimal { unscaled: one, scale }, Self::Decimal { unscaled: two, scale: other_scale }) => {
                let common = (*scale).max(*other_scale);
                let widen =
                    |unscaled: &i128, scale: u8| unscaled.checked_mul(10_i128.checked_pow(u32::from(common - scale))?);
                Some(widen(one, *scale)?.cmp(&widen(two, *other_scale)?))
            }
            _ => None,
        }
    }

    /// The integer behind a value that is stored as one.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(number) | Self::Date(number) => Some(i64::from(*number)),
            Self::Long(number) | Self::Time(number) | Self::Timestamp(number) | Self::Timestamptz(number) => {
                Some(*number)
            }
            _ => None,
        }
    }

    /// The number behind a float or double.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(number) => Some(f64::from(*number)),
            Self::Double(number) => Some(*number),
            _ => None,
        }
    }

    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(flag) => write!(f, "{flag}"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Long(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number}"),
            Self::Double(number) => write!(f, "{number}"),
            Self::Decimal { unscaled, scale } => write_decimal(f, *unscaled, *scale),
            Self::Date(days) => {
                let (year, month, day) = civil(i64::from(*days));
                write!(f, "{year:04}-{month:02}-{day:02}")
            }
            Self::Time(at) => write_time(f, *at),
            Self::Timestamp(at) => write_timestamp(f, *at),
            Self::Timestamptz(at) => write_timestamp(f, *at).and_then(|()| f.write_str("Z")),
            Self::String(text) => f.write_str(text),
            Self::Uuid(bytes) => {
                for (position, byte) in bytes.iter().enumerate() {
                    let dash = if matches!(position, 4 | 6 | 8 | 10) { "-" } else { "" };
                    write!(f, "{dash}{byte:02x}")?;
                }
                Ok(())
            }
            Self::Binary(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

fn decode(kind: PrimitiveType, bytes: &[u8]) -> Option<Value> {
    let int = || bytes.try_into().ok().map(i32::from_le_bytes);
    let long = || bytes.try_into().ok().map(i64::from_le_bytes);
    match kind {
        PrimitiveType::Boolean => match bytes {
            [flag] => Some(Value::Boolean(*flag != 0)),
            _ => None,
        },
        PrimitiveType::Int => int().map(Value::Int),
        PrimitiveType::Long => long().or_else(|| int().map(i64::from)).map(Value::Long),
        PrimitiveType::Float => bytes.try_into().ok().map(f32::from_le_bytes).map(Value::Float),
        PrimitiveType::Double => {
            let single = || bytes.try_into().ok().map(f32::from_le_bytes).map(f64::from);
            bytes.try_into().ok().map(f64::from_le_bytes).or_else(single).map(Value::Double)
        }
        PrimitiveType::Decimal { scale, .. } => {
            twos_complement(bytes).map(|unscaled| Value::Decimal { unscaled, scale })
        }
        PrimitiveType::Date => int().map(Value::Date),
        PrimitiveType::Time => long().map(Value::Time),
        PrimitiveType::Timestamp => long().map(Value::Timestamp),
        PrimitiveType::Timestamptz => long().map(Value::Timestamptz),
        PrimitiveType::String => std::str::from_utf8(bytes).ok().map(|text| Value::String(text.to_owned())),
        PrimitiveType::Uuid => bytes.try_into().ok().map(Value::Uuid),
        PrimitiveType::Fixed(_) | PrimitiveType::Binary => Some(Value::Binary(bytes.to_vec())),
    }
}

/// A big-endian two's complement number of 1 to 16 bytes.
pub(super) fn twos_complement(bytes: &[u8]) -> Option<i128> {
    let first = *bytes.first().filter(|_| bytes.len() <= 16)?;
    let start: i128 = if first >= 0x80 { -1 } else { 0 };
    Some(bytes.iter().fold(start, |number, byte| (number << 8) | i128::from(*byte)))
}

fn shortest_twos_complement(number: i128) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let mut rest = bytes.as_slice();
    while let [first, second, ..] = rest {
        let redundant = (*first == 0 && *second < 0x80) || (*first == 0xff && *second >= 0x80);
        if !redundant {
            break;
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    rest.to_vec()
}

/// Year, month and day of a count of days since 1970-01-01, in the proleptic Gregorian calendar.
///
/// Howard Hinnant's `civil_from_days`; the year is shifted to start in March so that the leap day comes last.
pub(super) fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn write_time(f: &mut fmt::Formatter<'_>, at: i64) -> fmt::Result {
    let (seconds, micros) = (at.div_euclid(1_000_000), at.rem_euclid(1_000_000));
    write!(f, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
    if micros != 0 {
        write!(f, ".{micros:06}")?;
    }
    Ok(())
}

fn write_timestamp(f: &mut fmt::Formatter<'_>, at: i64) -> fmt::Result {
    let (days, in_day) = (at.div_euclid(86_400_000_000), at.rem_euclid(86_400_000_000));
    let (year, month, day) = civil(days);
    write!(f, "{year:04}-{month:02}-{day:02}T")?;
    write_time(f, in_day)
}

fn write_decimal(f: &mut fmt::Formatter<'_>, unscaled: i128, scale: u8) -> fmt::Result {
    let sign = if unscaled < 0 { "-" } else { "" };
    let scale = usize::from(scale);
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    match digits.split_at_checked(digits.len().saturating_sub(scale)) {
        Some((whole, fraction)) if !fraction.is_empty() => write!(f, "{sign}{whole}.{fraction}"),
        _ => write!(f, "{sign}{digits}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_survive_bytes_both_ways() {
        let decimal =
            |unscaled| (PrimitiveType::Decimal { precision: 38, scale: 2 }, Value::Decimal { unscaled, scale: 2 });
        let mut cases = vec![
            (PrimitiveType::Boolean, Value::Boolean(true)),
            (PrimitiveType::Int, Value::Int(-2)),
            (PrimitiveType::Long, Value::Long(i64::MIN)),
            (PrimitiveType::Float, Value::Float(1.5)),
            (PrimitiveType::Double, Value::Double(-0.0)),
            (PrimitiveType::Date, Value::Date(-1)),
            (PrimitiveType::Time, Value::Time(1)),
            (PrimitiveType::Timestamp, Value::Timestamp(-1)),
            (PrimitiveType::Timestamptz, Value::Timestamptz(1)),
            (PrimitiveType::String, Value::String("é".into())),
            (PrimitiveType::Uuid, Value::Uuid([7; 16])),
            (PrimitiveType::Binary, Value::Binary(vec![])),
        ];
        cases.extend([0, -1, 1, 127, 128, -128, -129, 1420, i128::MAX, i128::MIN].map(decimal));
        for (kind, value) in cases {
            assert_eq!(Value::from_bound_bytes(&kind, &value.to_bound_bytes()).unwrap(), value);
        }
        // 14.20 is 1420 unscaled, the specification's example.
        assert_eq!(Value::Decimal { unscaled: 1420, scale: 2 }.to_bound_bytes(), [0x05, 0x8c]);
    }

    #[test]
    fn bounds_of_the_wrong_length_are_corrupt_and_narrow_ones_are_promoted() {
        assert!(Value::from_bound_bytes(&PrimitiveType::Int, &[1, 2, 3]).is_err());
        assert!(Value::from_bound_bytes(&PrimitiveType::Boolean, &[]).is_err());
        assert!(Value::from_bound_bytes(&PrimitiveType::String, &[0xff]).is_err());
        assert!(Value::from_bound_bytes(&PrimitiveType::Decimal { precision: 1, scale: 0 }, &[0; 17]).is_err());
        assert_eq!(Value::from_bound_bytes(&PrimitiveType::Long, &[255; 4]).unwrap(), Value::Long(-1));
        let single = 1.5_f32.to_le_bytes();
        assert_eq!(Value::from_bound_bytes(&PrimitiveType::Double, &single).unwrap(), Value::Double(1.5));
    }

    #[test]
    fn the_order_promotes_numbers_and_knows_no_nan() {
        assert_eq!(Value::Int(1).compare(&Value::Long(2)), Some(Ordering::Less));
        assert_eq!(Value::Float(0.5).compare(&Value::Double(0.25)), Some(Ordering::Greater));
        assert_eq!(Value::Double(-0.0).compare(&Value::Double(0.0)), Some(Ordering::Equal));
        assert_eq!(Value::Double(f64::NAN).compare(&Value::Double(0.0)), None);
        assert_eq!(Value::Int(1).compare(&Value::String("1".into())), None);
        // U+FFFF sorts after a supplementary character in UTF-16, before it in UTF-8.
        let text = |text: &str| Value::String(text.into());
        assert_eq!(text("\u{ffff}").compare(&text("\u{10000}")), Some(Ordering::Less));
        let decimal = |unscaled, scale| Value::Decimal { unscaled, scale };
        assert_eq!(decimal(15, 1).compare(&decimal(150, 2)), Some(Ordering::Equal));
        assert_eq!(decimal(i128::MAX, 0).compare(&decimal(1, 38)), None);
    }

    #[test]
    fn values_are_shown_as_people_write_them() {
        assert_eq!(Value::Timestamptz(1_510_871_468_000_001).to_string(), "2017-11-16T22:31:08.000001Z");
        assert_eq!(Value::Date(-719_469).to_string(), "0000-02-29");
        assert_eq!(Value::Decimal { unscaled: -5, scale: 2 }.to_string(), "-0.05");
        assert_eq!(Value::Decimal { unscaled: 1420, scale: 0 }.to_string(), "1420");
        let uuid = Value::Uuid([
            0xf7, 0x9c, 0x3e, 0x09, 0x67, 0x7c, 0x4b, 0xbd, 0xa4, 0x79, 0x3f, 0x34, 0x9c, 0xb7, 0x85, 0xe7,
        ]);
        assert_eq!(uuid.to_string(), "f79c3e09-677c-4bbd-a479-3f349cb785e7");
    }

    #[test]
    fn extreme_times_do_not_panic() {
        for at in [i64::MIN, i64::MAX] {
            let _ = (Value::Timestamp(at).to_string(), Value::Time(at).to_string());
        }
    }
}
