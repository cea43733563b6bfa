//! Arrow arrays as JSON values, one for each row; null where the row has none.

use std::collections::HashMap;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field, TimeUnit};
use serde_json::{Map, Number, Value};

use crate::geometry::wkb;
use crate::query::datetime::format_instant;
use crate::{Error, Result, limits};

/// Where a field names its extension type, and that of JSON text.
const EXTENSION_NAME: &str = "ARROW:extension:name";
const JSON_TEXT: &str = "arrow.json";
/// The property, also of assets, that the STAC GeoParquet specification stores as WKB.
pub(crate) const PROJECTED_GEOMETRY: &str = "proj:geometry";
const MICROS_PER_DAY: i64 = 86_400_000_000;
/// 0000-01-01T00:00:00Z and the last microsecond of year 9999: what RFC 3339 can write.
const INSTANTS: std::ops::RangeInclusive<i64> = -62_167_219_200_000_000..=253_402_300_799_999_999;

/// The values of a column as JSON; members of structs that are null are left out, for a struct must list the members
/// of all its rows.
///
/// # Errors
/// [`crate::ErrorKind::Unsupported`] for a type that JSON values are not stored as, [`crate::ErrorKind::Corrupt`] for
/// an instant that RFC 3339 cannot write.
pub(crate) fn json_values(array: &dyn Array) -> Result<Vec<Value>> {
    values_at(array, 0)
}

fn values_at(array: &dyn Array, depth: usize) -> Result<Vec<Value>> {
    if depth > limits::DEPTH {
        return Err(Error::corrupt("nested deeper than the limit"));
    }
    match array.data_type() {
        DataType::Null => Ok(vec![Value::Null; array.len()]),
        DataType::Boolean => {
            Ok(array.as_boolean().iter().map(|value| value.map_or(Value::Null, Value::Bool)).collect())
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            Ok(texts(array)?.into_iter().map(|text| text.map_or(Value::Null, Value::from)).collect())
        }
        DataType::Timestamp(unit, _) => instants(array, *unit),
        DataType::Date32 => primitives::<Date32Type>(array, |days| {
            let text = instant(i64::from(days).checked_mul(MICROS_PER_DAY))?;
            Ok(Value::from(text.get(..10).unwrap_or(&text)))
        }),
        DataType::List(_) => {
            lists(array, depth, array.as_list::<i32>().value_offsets().iter().copied().map(usize::try_from))
        }
        DataType::LargeList(_) => {
            lists(array, depth, array.as_list::<i64>().value_offsets().iter().copied().map(usize::try_from))
        }
        DataType::FixedSizeList(_, size) => {
            let size = usize::try_from(*size).unwrap_or(0);
            lists(array, depth, (0..=array.len()).map(|row| row.checked_mul(size).ok_or(())))
        }
        DataType::Struct(_) => objects(array, depth),
        DataType::Map(..) => maps(array, depth),
        DataType::Dictionary(..) => dictionary(array, depth),
        _ => numbers(array),
    }
}

/// The values of a column whose field tells what the array does not: that texts are JSON, that bytes are a geometry.
pub(super) fn field_values(field: &Field, array: &dyn Array) -> Result<Vec<Value>> {
    field_values_at(field, array, 0)
}

fn field_values_at(field: &Field, array: &dyn Array, depth: usize) -> Result<Vec<Value>> {
    if is_json_text(field) {
        return texts(array)?.into_iter().map(parsed).collect();
    }
    if field.name() == PROJECTED_GEOMETRY && byte_strings(array).is_ok() {
        return geometries(array);
    }
    values_at(array, depth)
}

/// Whether the texts of a field are JSON.
pub(super) fn is_json_text(field: &Field) -> bool {
    field.metadata().get(EXTENSION_NAME).is_some_and(|name| name == JSON_TEXT)
}

/// JSON text as the value it says.
pub(super) fn parsed(text: Option<&str>) -> Result<Value> {
    let Some(text) = text else { return Ok(Value::Null) };
    serde_json::from_str(text).map_err(|error| Error::corrupt("not JSON").caused_by(error))
}

/// What a field whose texts are JSON says of itself (Arrow, Canonical Extension Types).
pub(crate) fn json_text_metadata() -> HashMap<String, String> {
    HashMap::from([(EXTENSION_NAME.to_owned(), JSON_TEXT.to_owned())])
}

/// WKB as GeoJSON.
pub(super) fn geometries(array: &dyn Array) -> Result<Vec<Value>> {
    if let DataType::Null = array.data_type() {
        return Ok(vec![Value::Null; array.len()]);
    }
    let bytes = byte_strings(array)?.into_iter();
    bytes.map(|bytes| bytes.map_or(Ok(Value::Null), wkb::decode_to_geojson)).collect()
}

/// The texts of a string column of any of Arrow's layouts.
pub(crate) fn texts(array: &dyn Array) -> Result<Vec<Option<&str>>> {
    match array.data_type() {
        DataType::Utf8 => Ok(array.as_string::<i32>().iter().collect()),
        DataType::LargeUtf8 => Ok(array.as_string::<i64>().iter().collect()),
        DataType::Utf8View => Ok(array.as_string_view().iter().collect()),
        other => Err(unsupported(other)),
    }
}

/// The byte strings of a binary column of any of Arrow's layouts.
pub(crate) fn byte_strings(array: &dyn Array) -> Result<Vec<Option<&[u8]>>> {
    match array.data_type() {
        DataType::Binary => Ok(array.as_binary::<i32>().iter().collect()),
        DataType::LargeBinary => Ok(array.as_binary::<i64>().iter().collect()),
        DataType::BinaryView => Ok(array.as_binary_view().iter().collect()),
        other => Err(unsupported(other)),
    }
}

fn unsupported(kind: &DataType) -> Error {
    Error::unsupported(format!("values of type {kind} are not read as JSON"))
}

fn numbers(array: &dyn Array) -> Result<Vec<Value>> {
    match array.data_type() {
        DataType::Int8 => primitives::<Int8Type>(array, |value| Ok(value.into())),
        DataType::Int16 => primitives::<Int16Type>(array, |value| Ok(value.into())),
        DataType::Int32 => primitives::<Int32Type>(array, |value| Ok(value.into())),
        DataType::Int64 => primitives::<Int64Type>(array, |value| Ok(value.into())),
        DataType::UInt8 => primitives::<UInt8Type>(array, |value| Ok(value.into())),
        DataType::UInt16 => primitives::<UInt16Type>(array, |value| Ok(value.into())),
        DataType::UInt32 => primitives::<UInt32Type>(array, |value| Ok(value.into())),
        DataType::UInt64 => primitives::<UInt64Type>(array, |value| Ok(value.into())),
        DataType::Float32 => primitives::<Float32Type>(array, |value| Ok(float(f64::from(value)))),
        DataType::Float64 => primitives::<Float64Type>(array, |value| Ok(float(value))),
        other => Err(unsupported(other)),
    }
}

/// JSON has no NaN and no infinity: where other writers store one, the item has no such value.
fn float(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

fn primitives<T: ArrowPrimitiveType>(
    array: &dyn Array,
    convert: impl Fn(T::Native) -> Result<Value>,
) -> Result<Vec<Value>> {
    let array = array.as_primitive_opt::<T>().ok_or_else(|| unsupported(array.data_type()))?;
    array.iter().map(|value| value.map_or(Ok(Value::Null), &convert)).collect()
}

/// Instants as the Python program (ms), GeoPandas (ns) and this one (µs) store them.
fn instants(array: &dyn Array, unit: TimeUnit) -> Result<Vec<Value>> {
    let text = |micros| instant(micros).map(Value::from);
    match unit {
        TimeUnit::Second => primitives::<TimestampSecondType>(array, |value| text(value.checked_mul(1_000_000))),
        TimeUnit::Millisecond => primitives::<TimestampMillisecondType>(array, |value| text(value.checked_mul(1000))),
        TimeUnit::Microsecond => primitives::<TimestampMicrosecondType>(array, |value| text(Some(value))),
        TimeUnit::Nanosecond => {
            primitives::<TimestampNanosecondType>(array, |value| text(Some(value.div_euclid(1000))))
        }
    }
}

fn instant(micros: Option<i64>) -> Result<String> {
    let micros = micros.filter(|micros| INSTANTS.contains(micros));
    micros.map(format_instant).ok_or_else(|| Error::corrupt("instant outside the years 0 to 9999"))
}

fn lists<E>(
    array: &dyn Array,
    depth: usize,
    offsets: impl Iterator<Item = std::result::Result<usize, E>>,
) -> Result<Vec<Value>> {
    let elements = match array.data_type() {
        DataType::List(_) => array.as_list::<i32>().values(),
        DataType::LargeList(_) => array.as_list::<i64>().values(),
        _ => array.as_fixed_size_list().values(),
    };
    let elements = values_at(elements, depth + 1)?;
    let offsets: Vec<usize> =
        offsets.collect::<std::result::Result<_, E>>().map_err(|_| Error::corrupt("negative list offset"))?;
    let mut rows = Vec::with_capacity(array.len());
    for (row, ends) in offsets.windows(2).enumerate() {
        rows.push(match ends {
            [start, end] if !array.is_null(row) => elements.get(*start..*end).unwrap_or_default().to_vec().into(),
            _ => Value::Null,
        });
    }
    Ok(rows)
}

fn objects(array: &dyn Array, depth: usize) -> Result<Vec<Value>> {
    let array = array.as_struct();
    let mut rows = vec![Map::new(); array.len()];
    for (field, column) in array.fields().iter().zip(array.columns()) {
        for (row, value) in rows.iter_mut().zip(field_values_at(field, column, depth + 1)?) {
            if !value.is_null() {
                row.insert(field.name().clone(), value);
            }
        }
    }
    let present = |row| !array.is_null(row);
    let values = rows.into_iter().enumerate();
    Ok(values.map(|(row, members)| if present(row) { Value::Object(members) } else { Value::Null }).collect())
}

fn maps(array: &dyn Array, depth: usize) -> Result<Vec<Value>> {
    let array = array.as_map();
    let keys = texts(array.keys())?;
    let values = values_at(array.values(), depth + 1)?;
    let mut rows = Vec::with_capacity(array.len());
    for (row, ends) in array.value_offsets().windows(2).enumerate() {
        let (mut members, mut range) = (Map::new(), 0..0);
        if let [start, end] = ends {
            range = usize::try_from(*start).unwrap_or(0)..usize::try_from(*end).unwrap_or(0);
        }
        for entry in range {
            if let (Some(Some(key)), Some(value)) = (keys.get(entry), values.get(entry)) {
                members.insert((*key).to_owned(), value.clone());
            }
        }
        rows.push(if array.is_null(row) { Value::Null } else { Value::Object(members) });
    }
    Ok(rows)
}

fn dictionary(array: &dyn Array, depth: usize) -> Result<Vec<Value>> {
    let Some(dictionary) = array.as_any_dictionary_opt() else {
        return Err(unsupported(array.data_type()));
    };
    let words: &ArrayRef = dictionary.values();
    if words.is_empty() {
        return Ok(vec![Value::Null; array.len()]);
    }
    let words = values_at(words, depth + 1)?;
    let keys = dictionary.normalized_keys().into_iter().enumerate();
    let word = |row, key| if array.is_null(row) { None } else { words.get(key).cloned() };
    Ok(keys.map(|(row, key)| word(row, key).unwrap_or(Value::Null)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::builder::{ListBuilder, StringBuilder};
    use arrow_array::types::Int32Type;
    use arrow_array::{
        DictionaryArray, Float64Array, StructArray, Time32SecondArray, TimestampMillisecondArray,
        TimestampNanosecondArray,
    };
    use arrow_schema::Field;
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn instants_of_every_unit_are_texts_and_impossible_ones_are_corrupt() {
        let array = TimestampMillisecondArray::from(vec![Some(1_509_999_521_000), None]).with_timezone("UTC");
        assert_eq!(json_values(&array).unwrap(), [json!("2017-11-06T20:18:41Z"), Value::Null]);
        let array = TimestampNanosecondArray::from(vec![-1]);
        assert_eq!(json_values(&array).unwrap(), [json!("1969-12-31T23:59:59.999999Z")]);
        let array = TimestampMillisecondArray::from(vec![i64::MAX]);
        assert_eq!(json_values(&array).unwrap_err().kind(), crate::ErrorKind::Corrupt);
    }

    #[test]
    fn nested_columns_become_objects_without_null_members() {
        let mut roles = ListBuilder::new(StringBuilder::new());
        roles.append_value([Some("data"), Some("x")]);
        roles.append_null();
        let roles = Arc::new(roles.finish()) as ArrayRef;
        let size = Arc::new(Float64Array::from(vec![f64::NAN, 1.5])) as ArrayRef;
        let array = StructArray::from(vec![
            (Arc::new(Field::new("roles", roles.data_type().clone(), true)), roles),
            (Arc::new(Field::new("size", DataType::Float64, true)), size),
        ]);
        assert_eq!(json_values(&array).unwrap(), [json!({ "roles": ["data", "x"] }), json!({ "size": 1.5 })]);
    }

    #[test]
    fn dictionaries_are_looked_up_also_empty_ones() {
        let array: DictionaryArray<Int32Type> = [Some("a"), None, Some("a")].into_iter().collect();
        assert_eq!(json_values(&array).unwrap(), [json!("a"), Value::Null, json!("a")]);
        let array: DictionaryArray<Int32Type> = [None::<&str>].into_iter().collect();
        assert_eq!(json_values(&array).unwrap(), [Value::Null]);
    }

    #[test]
    fn types_that_are_no_json_are_refused_by_name() {
        let error = json_values(&Time32SecondArray::from(vec![1])).unwrap_err();
        assert!(error.message().contains("Time32"), "{error}");
    }
}
