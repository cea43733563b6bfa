//! Rows out of the record batches of a Parquet inventory.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Schema, TimeUnit};

use super::columns::flag;
use super::{BrokenRow, Columns, InventoryRow, parse_inventory_time};
use crate::Result;

/// Finds the columns of a Parquet inventory by name.
///
/// # Errors
/// As [`Columns::from_names`].
pub fn inventory_columns(schema: &Schema) -> Result<Columns> {
    Columns::from_names(schema.fields().iter().map(|field| field.name().as_str()))
}

/// The rows of a batch, the first of which is row `first_row` of the inventory. Keys are plain: S3 encodes them in
/// CSV only.
#[must_use]
pub fn inventory_rows(batch: &RecordBatch, columns: &Columns, first_row: u64) -> Vec<Result<InventoryRow, BrokenRow>> {
    let numbers = first_row..;
    (0..batch.num_rows())
        .zip(numbers)
        .map(|(place, row)| row_at(batch, columns, place).map_err(|reason| BrokenRow { row, reason }))
        .collect()
}

fn row_at(batch: &RecordBatch, columns: &Columns, place: usize) -> Result<InventoryRow, String> {
    let cell = |column: usize| batch.columns().get(column).filter(|array| array.is_valid(place)).map(AsRef::as_ref);
    let mut row = columns.row(|column| text(cell(column)?, place))?;
    let typed = |column: Option<usize>| column.and_then(cell);
    if let Some(array) = typed(columns.last_modified) {
        row.last_modified_us = time(array, place);
    }
    if let Some(array) = typed(columns.size) {
        row.size = integer(array, place).or(row.size);
    }
    if let Some(array) = typed(columns.is_latest) {
        row.is_latest = boolean(array, place);
    }
    if let Some(array) = typed(columns.is_delete_marker) {
        row.is_delete_marker = boolean(array, place);
    }
    Ok(row)
}

/// A text cell; also of a column without the string annotation, as some writers leave it out.
fn text(array: &dyn Array, place: usize) -> Option<&str> {
    let bytes = match array.data_type() {
        DataType::Utf8 => return Some(array.as_string::<i32>().value(place)),
        DataType::LargeUtf8 => return Some(array.as_string::<i64>().value(place)),
        DataType::Utf8View => return Some(array.as_string_view().value(place)),
        DataType::Binary => array.as_binary::<i32>().value(place),
        DataType::LargeBinary => array.as_binary::<i64>().value(place),
        DataType::BinaryView => array.as_binary_view().value(place),
        _ => return None,
    };
    std::str::from_utf8(bytes).ok()
}

fn time(array: &dyn Array, place: usize) -> Option<i64> {
    match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => {
            array.as_primitive::<TimestampSecondType>().value(place).checked_mul(1_000_000)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            array.as_primitive::<TimestampMillisecondType>().value(place).checked_mul(1_000)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Some(array.as_primitive::<TimestampMicrosecondType>().value(place))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            Some(array.as_primitive::<TimestampNanosecondType>().value(place).div_euclid(1_000))
        }
        _ => text(array, place).and_then(parse_inventory_time),
    }
}

fn integer(array: &dyn Array, place: usize) -> Option<u64> {
    use arrow_array::types::{Int32Type, Int64Type, UInt64Type};
    match array.data_type() {
        DataType::Int64 => u64::try_from(array.as_primitive::<Int64Type>().value(place)).ok(),
        DataType::Int32 => u64::try_from(array.as_primitive::<Int32Type>().value(place)).ok(),
        DataType::UInt64 => Some(array.as_primitive::<UInt64Type>().value(place)),
        _ => None,
    }
}

fn boolean(array: &dyn Array, place: usize) -> Option<bool> {
    match array.data_type() {
        DataType::Boolean => Some(array.as_boolean().value(place)),
        _ => text(array, place).and_then(flag),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, BooleanArray, StringArray, TimestampMillisecondArray};
    use std::sync::Arc;

    #[test]
    fn typed_and_text_columns_give_the_same_row() {
        let strings = |text: &str| Arc::new(StringArray::from(vec![text])) as ArrayRef;
        let typed = RecordBatch::try_from_iter([
            ("Key", strings("a+%20.json")),
            ("bucket", strings("b")),
            ("last_modified_date", Arc::new(TimestampMillisecondArray::from(vec![1_000])) as ArrayRef),
            ("is_latest", Arc::new(BooleanArray::from(vec![false])) as ArrayRef),
        ])
        .unwrap();
        let texts = RecordBatch::try_from_iter([
            ("bucket", strings("b")),
            ("key", strings("a+%20.json")),
            ("last_modified_date", strings("1970-01-01T00:00:01")),
            ("is_latest", strings("False")),
        ])
        .unwrap();
        let rows = |batch: &RecordBatch| inventory_rows(batch, &inventory_columns(&batch.schema()).unwrap(), 1);
        assert_eq!(rows(&typed), rows(&texts));
        let row = rows(&typed).remove(0).unwrap();
        assert_eq!(
            (row.key.as_str(), row.last_modified_us, row.is_latest),
            ("a+%20.json", Some(1_000_000), Some(false))
        );
    }

    #[test]
    fn a_row_without_a_key_is_told_with_its_number() {
        let batch = RecordBatch::try_from_iter([
            ("bucket", Arc::new(StringArray::from(vec!["b", "b"])) as ArrayRef),
            ("key", Arc::new(StringArray::from(vec![Some("k.json"), None])) as ArrayRef),
        ])
        .unwrap();
        let rows = inventory_rows(&batch, &inventory_columns(&batch.schema()).unwrap(), 11);
        assert_eq!(rows[1].as_ref().unwrap_err().row, 12);
    }
}
