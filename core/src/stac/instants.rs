//! Columns of instants as microseconds since 1970, whatever their writer chose: timestamps of any unit, or dates.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Date64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow_array::{Array, Int64Array};
use arrow_schema::{DataType, TimeUnit};

const DAY_MICROS: i64 = 86_400_000_000;

/// The instants of a column; null where 64 bits do not hold them, `None` for a column of another type.
pub(crate) fn instants(column: &dyn Array) -> Option<Int64Array> {
    Some(match column.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => {
            column.as_primitive::<TimestampSecondType>().iter().map(|at| at?.checked_mul(1_000_000)).collect()
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            column.as_primitive::<TimestampMillisecondType>().iter().map(|at| at?.checked_mul(1_000)).collect()
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            column.as_primitive::<TimestampMicrosecondType>().reinterpret_cast()
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            column.as_primitive::<TimestampNanosecondType>().iter().map(|at| Some(at?.div_euclid(1_000))).collect()
        }
        DataType::Date32 => {
            column.as_primitive::<Date32Type>().iter().map(|day| i64::from(day?).checked_mul(DAY_MICROS)).collect()
        }
        DataType::Date64 => column.as_primitive::<Date64Type>().iter().map(|at| at?.checked_mul(1_000)).collect(),
        _ => return None,
    })
}
