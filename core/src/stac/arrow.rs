//! Batches of many data files under one Arrow schema, that of the table.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Float32Type, Float64Type, Int32Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow_array::{
    Array as _, ArrayRef, ArrowPrimitiveType, Float64Array, Int64Array, PrimitiveArray, RecordBatch,
    RecordBatchOptions, TimestampMicrosecondArray, make_array, new_null_array,
};
use arrow_schema::{DataType, Field, Schema as ArrowSchema, SchemaRef, TimeUnit};

use super::json_column::texts;
use super::patch::whole_number;
use super::schema;
use crate::error::ResultExt as _;
use crate::iceberg::metadata::Schema;
use crate::{Error, Result};

/// The Arrow schema of a table's rows as others read them; the footprint is WKB and says so (`GeoArrow`, "Extension
/// type definitions").
///
/// # Errors
/// [`crate::ErrorKind::Unsupported`] that names a column of a type that has no place there.
pub fn table_schema(table: &Schema) -> Result<SchemaRef> {
    let schema = schema::arrow_schema(table)?;
    let fields = schema.fields().iter().map(|field| {
        let extension = if field.name() == schema::GEOMETRY {
            HashMap::from([
                ("ARROW:extension:name".to_owned(), "geoarrow.wkb".to_owned()),
                ("ARROW:extension:metadata".to_owned(), r#"{"crs":"OGC:CRS84"}"#.to_owned()),
            ])
        } else {
            HashMap::new()
        };
        Field::clone(field).with_metadata(extension)
    });
    Ok(Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>())))
}

/// A batch as `schema` has it: columns in its order, absent ones null, types promoted where a file has narrower ones
/// or another unit of time.
///
/// # Errors
/// [`crate::ErrorKind::Unsupported`] that names a column whose type cannot be taken for the table's.
pub fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = schema.fields().iter().map(|field| match batch.column_by_name(field.name()) {
        None => Ok(new_null_array(field.data_type(), batch.num_rows())),
        Some(column) => promote(column, field.data_type()).context("column", field.name()),
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(|error| Error::internal("columns do not fit the schema of the table").caused_by(error))
}

fn promote(column: &ArrayRef, wanted: &DataType) -> Result<ArrayRef> {
    let refused = || {
        let found = column.data_type();
        Error::unsupported(format!("a data file has type {found} where the table has {wanted}"))
    };
    if column.data_type() == wanted {
        return Ok(Arc::clone(column));
    }
    if column.data_type().equals_datatype(wanted) {
        let named = column.to_data().into_builder().data_type(wanted.clone()).build();
        return named.map(make_array).map_err(|error| refused().caused_by(error));
    }
    Ok(match (column.data_type(), wanted) {
        (DataType::Null, _) => new_null_array(wanted, column.len()),
        (DataType::Int32, DataType::Int64) => {
            let values = column.as_primitive::<Int32Type>().iter();
            Arc::new(values.map(|value| value.map(i64::from)).collect::<Int64Array>())
        }
        // Whole numbers that pandas wrote as floats, since some were missing.
        (DataType::Float64, DataType::Int64) => Arc::new(Int64Array::from_iter(whole(column).ok_or_else(refused)?)),
        (DataType::Float32, DataType::Float64) => {
            let values = column.as_primitive::<Float32Type>().iter().map(|value| value.map(f64::from));
            Arc::new(values.collect::<Float64Array>())
        }
        (DataType::Int32, DataType::Float64) => {
            let values = column.as_primitive::<Int32Type>().iter().map(|value| value.map(f64::from));
            Arc::new(values.collect::<Float64Array>())
        }
        (DataType::Timestamp(unit, _), DataType::Timestamp(TimeUnit::Microsecond, zone)) => {
            let instants = match unit {
                TimeUnit::Second => scaled::<TimestampSecondType>(column, 1_000_000),
                TimeUnit::Millisecond => scaled::<TimestampMillisecondType>(column, 1000),
                TimeUnit::Microsecond => scaled::<TimestampMicrosecondType>(column, 1),
                TimeUnit::Nanosecond => {
                    column.as_primitive::<TimestampNanosecondType>().unary(|value| value.div_euclid(1000))
                }
            };
            Arc::new(instants.with_timezone_opt(zone.clone()))
        }
        (DataType::LargeUtf8 | DataType::Utf8View, DataType::Utf8) => {
            let mut builder = StringBuilder::new();
            builder.extend(texts(column)?);
            Arc::new(builder.finish())
        }
        _ => return Err(refused()),
    })
}

/// Floats as whole numbers; `None` if one has a fraction or is too large.
fn whole(column: &ArrayRef) -> Option<Vec<Option<i64>>> {
    let whole = |value: f64| whole_number(value).and_then(|value| i64::try_from(value).ok());
    let values = column.as_primitive::<Float64Type>().iter();
    values.map(|value| value.map_or(Some(None), |value| whole(value).map(Some))).collect()
}

/// Instants in µs; null where 64 bits do not hold them.
fn scaled<T: ArrowPrimitiveType<Native = i64>>(column: &ArrayRef, factor: i64) -> TimestampMicrosecondArray {
    let values: &PrimitiveArray<T> = column.as_primitive();
    values.unary_opt(|value| value.checked_mul(factor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iceberg::metadata::{Field as TableField, PrimitiveType};
    use arrow_array::types::Int64Type;
    use arrow_array::{Int32Array, StringArray, TimestampMillisecondArray};

    fn table() -> Schema {
        let fields = vec![
            TableField::optional(1, "id", PrimitiveType::String.into()),
            TableField::optional(2, "datetime", PrimitiveType::Timestamptz.into()),
            TableField::optional(3, "valid", PrimitiveType::Long.into()),
            TableField::optional(4, "absent", PrimitiveType::Double.into()),
        ];
        Schema { schema_id: 0, fields }
    }

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter(columns).unwrap()
    }

    #[test]
    fn files_of_other_writers_fit_the_schema_of_their_table() {
        let schema = table_schema(&table()).unwrap();
        let narrow = batch(vec![
            ("valid", Arc::new(Int32Array::from(vec![Some(7), None]))),
            ("id", Arc::new(StringArray::from(vec!["a", "b"]))),
            ("datetime", Arc::new(TimestampMillisecondArray::from(vec![Some(1), None]).with_timezone("UTC"))),
        ]);
        let wide = conform(&narrow, &schema).unwrap();
        assert_eq!(wide.schema(), schema);
        assert_eq!(wide.column(1).as_primitive::<TimestampMicrosecondType>().value(0), 1000);
        assert_eq!(wide.column(2).as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), [Some(7), None]);
        assert_eq!(wide.column(3).null_count(), 2);
    }

    #[test]
    fn floats_are_whole_numbers_only_if_they_are_whole() {
        let schema = table_schema(&table()).unwrap();
        let floats = |value| batch(vec![("valid", Arc::new(Float64Array::from(vec![Some(value), None])) as ArrayRef)]);
        assert_eq!(conform(&floats(3.0), &schema).unwrap().column(2).as_primitive::<Int64Type>().value(0), 3);
        let error = conform(&floats(3.5), &schema).unwrap_err();
        assert!(error.to_string().contains("column: valid"), "{error}");
    }
}
