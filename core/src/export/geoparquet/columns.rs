//! JSON values to Arrow arrays of the type that holds them all.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, ListArray, StringArray, StructArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, FieldRef, Fields, TimeUnit};
use serde_json::Value;

use super::seen::Kind;
use crate::geometry::wkb;
use crate::query::datetime::instant_of_item;
use crate::stac::json_column::json_text_metadata;
use crate::{Error, Result};

/// The name of a list's elements (Parquet, Lists).
const ELEMENT: &str = "element";
const UTC: &str = "UTC";

impl Kind {
    /// The field of this name and kind; JSON text says that it is.
    pub(super) fn field(&self, name: &str) -> FieldRef {
        let metadata = if *self == Self::Json { json_text_metadata() } else { HashMap::new() };
        Arc::new(Field::new(name, self.data_type(), true).with_metadata(metadata))
    }

    fn data_type(&self) -> DataType {
        match self {
            Self::Null => DataType::Null,
            Self::Boolean => DataType::Boolean,
            Self::Long => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Text | Self::Json => DataType::Utf8,
            Self::Instant => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
            Self::Wkb => DataType::Binary,
            Self::List(element) => DataType::List(element.field(ELEMENT)),
            Self::Struct(members) => DataType::Struct(fields(members)),
        }
    }

    /// Appends the paths below `path` where JSON text stands.
    pub(super) fn push_json_places(&self, path: &str, places: &mut Vec<String>) {
        match self {
            Self::Json => places.push(path.to_owned()),
            Self::List(element) => element.push_json_places(path, places),
            Self::Struct(members) => {
                for (name, kind) in members {
                    kind.push_json_places(&format!("{path}.{name}"), places);
                }
            }
            _ => {}
        }
    }

    /// The values as an array; null where there is none.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] for values of another kind.
    pub(super) fn array(&self, values: &[Option<&Value>]) -> Result<ArrayRef> {
        let values: Vec<Option<&Value>> = values.iter().map(|value| value.filter(|value| !value.is_null())).collect();
        let array = self.typed_array(&values)?;
        let missing = values.iter().filter(|value| value.is_none()).count();
        if array.null_count() != missing && *self != Self::Null {
            return Err(Error::internal(format!("values that are not all of the kind {self:?}")));
        }
        Ok(array)
    }

    fn typed_array(&self, values: &[Option<&Value>]) -> Result<ArrayRef> {
        let all = values.iter();
        Ok(match self {
            Self::Null => new_null_array(&DataType::Null, values.len()),
            Self::Boolean => Arc::new(all.map(|value| value.and_then(Value::as_bool)).collect::<BooleanArray>()),
            Self::Long => Arc::new(all.map(|value| value.and_then(Value::as_i64)).collect::<Int64Array>()),
            Self::Double => Arc::new(all.map(|value| value.and_then(Value::as_f64)).collect::<Float64Array>()),
            Self::Text => Arc::new(all.map(|value| value.and_then(Value::as_str)).collect::<StringArray>()),
            Self::Json => Arc::new(all.map(|value| value.map(Value::to_string)).collect::<StringArray>()),
            Self::Instant => {
                let instants = all.map(|value| instant_of_item(value.as_ref()?.as_str()?).ok());
                Arc::new(instants.collect::<TimestampMicrosecondArray>().with_timezone(UTC))
            }
            Self::Wkb => {
                let bytes = all.map(|value| value.and_then(|value| wkb::encode_geojson(value).ok()));
                Arc::new(bytes.collect::<BinaryArray>())
            }
            Self::List(element) => list(element, values)?,
            Self::Struct(members) => objects(members, values)?,
        })
    }
}

fn fields(members: &[(String, Kind)]) -> Fields {
    members.iter().map(|(name, kind)| kind.field(name)).collect()
}

fn list(element: &Kind, values: &[Option<&Value>]) -> Result<ArrayRef> {
    let lists: Vec<Option<&Vec<Value>>> = values.iter().map(|value| value.and_then(Value::as_array)).collect();
    let elements: Vec<Option<&Value>> = lists.iter().flatten().flat_map(|list| list.iter().map(Some)).collect();
    let offsets = OffsetBuffer::from_lengths(lists.iter().map(|list| list.map_or(0, Vec::len)));
    let present: NullBuffer = lists.iter().map(Option::is_some).collect();
    let array = ListArray::try_new(element.field(ELEMENT), offsets, element.array(&elements)?, Some(present));
    Ok(Arc::new(array.map_err(unfit)?))
}

fn objects(members: &[(String, Kind)], values: &[Option<&Value>]) -> Result<ArrayRef> {
    let member = |(name, kind): &(String, Kind)| {
        let values: Vec<_> = values.iter().map(|value| value.and_then(|value| value.get(name))).collect();
        kind.array(&values)
    };
    let columns = members.iter().map(member).collect::<Result<Vec<_>>>()?;
    let present: NullBuffer = values.iter().map(|value| value.is_some_and(Value::is_object)).collect();
    let array = StructArray::try_new(fields(members), columns, Some(present));
    Ok(Arc::new(array.map_err(unfit)?))
}

fn unfit(error: arrow_schema::ArrowError) -> Error {
    Error::internal("values do not fit their own schema").caused_by(error)
}
