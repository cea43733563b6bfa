//! What a manifest says of a data file's columns: counts and bounds.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Float32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{Array, ArrayRef, RecordBatch};

use crate::Result;
use crate::iceberg::metadata::{Field, PrimitiveType, Schema, Type};
use crate::iceberg::value::Value;
use crate::stac::{patch, schema};
use crate::write::bounds::{lower_text, upper_text};

/// Characters of a text that a bound keeps: `truncate(16)`, Iceberg's default of `write.metadata.metrics.default`.
const BOUND_CHARACTERS: usize = 16;

/// The metrics of a data file by field id (Iceberg, Manifests, `data_file`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    /// Nulls.
    pub null_value_counts: BTreeMap<i32, u64>,
    /// NaN, of the float columns.
    pub nan_value_counts: BTreeMap<i32, u64>,
    /// No value is less.
    pub lower_bounds: BTreeMap<i32, Value>,
    /// No value is greater.
    pub upper_bounds: BTreeMap<i32, Value>,
}

/// Measures the rows of a file.
///
/// Columns of JSON text and WKB get no bounds. A property of which some item has a value that its column could not
/// hold (so it is in `json_patch`) gets neither bounds nor a count of nulls: whoever prunes by them would lose that
/// item.
///
/// # Errors
/// [`crate::ErrorKind::Corrupt`] for a `json_patch` that is none.
pub fn measure(rows: &RecordBatch, schema: &Schema) -> Result<Metrics> {
    let incomplete = incomplete_columns(rows)?;
    let mut metrics = Metrics::default();
    for field in &schema.fields {
        if let Some(column) = rows.column_by_name(&field.name) {
            let bounded = !schema::UNBOUNDED_COLUMNS.contains(&field.name.as_str());
            metrics.add(field, column, bounded && !incomplete.contains(&field.name));
            if incomplete.contains(&field.name) {
                metrics.null_value_counts.remove(&field.id);
            }
        } else if schema::FILTER_COLUMNS.contains(&field.name.as_str()) && !incomplete.contains(&field.name) {
            // Left out of the file as it is null throughout. Said here, a search by time needs not open the file to
            // see that its items have no `start_datetime`.
            metrics.null_value_counts.insert(field.id, rows.num_rows() as u64);
        }
    }
    Ok(metrics)
}

/// The columns that are null in a row whose item has a value for them.
fn incomplete_columns(rows: &RecordBatch) -> Result<BTreeSet<String>> {
    let mut incomplete = BTreeSet::new();
    let Some(patches) = rows.column_by_name(schema::JSON_PATCH).and_then(|column| column.as_string_opt::<i32>()) else {
        return Ok(incomplete);
    };
    for (row, text) in patches.iter().enumerate() {
        let Some(text) = text else { continue };
        let properties = patch::patched_properties(text)?;
        let names =
            properties.unwrap_or_else(|| rows.schema_ref().fields().iter().map(|field| field.name().clone()).collect());
        for name in names.into_iter().filter(|name| schema::property_column(name).is_some()) {
            if rows.column_by_name(&name).is_some_and(|column| column.is_null(row)) {
                incomplete.insert(name);
            }
        }
    }
    Ok(incomplete)
}

impl Metrics {
    fn add(&mut self, field: &Field, column: &ArrayRef, bounded: bool) {
        match &field.r#type {
            Type::Struct(members) => {
                let Some(column) = column.as_struct_opt() else { return };
                for member in members {
                    if let Some(values) = column.column_by_name(&member.name) {
                        self.add(member, values, bounded);
                    }
                }
            }
            Type::Primitive(kind) => self.add_leaf(field.id, kind, column, bounded),
            _ => {}
        }
    }

    fn add_leaf(&mut self, id: i32, kind: &PrimitiveType, column: &ArrayRef, bounded: bool) {
        self.null_value_counts.insert(id, column.null_count() as u64);
        if matches!(kind, PrimitiveType::Float | PrimitiveType::Double) {
            self.nan_value_counts.insert(id, nan_count(column));
        }
        let (lower, upper) = if bounded { bounds(kind, column) } else { (None, None) };
        self.lower_bounds.extend(lower.map(|bound| (id, bound)));
        self.upper_bounds.extend(upper.map(|bound| (id, bound)));
    }
}

fn nan_count(column: &ArrayRef) -> u64 {
    let doubles = column.as_primitive_opt::<Float64Type>();
    let doubles = doubles.map_or(0, |values| values.iter().flatten().filter(|value| value.is_nan()).count());
    let floats = column.as_primitive_opt::<Float32Type>();
    let floats = floats.map_or(0, |values| values.iter().flatten().filter(|value| value.is_nan()).count());
    (doubles + floats) as u64
}

/// Bounds of the values that are neither null nor NaN.
fn bounds(kind: &PrimitiveType, column: &ArrayRef) -> (Option<Value>, Option<Value>) {
    match kind {
        PrimitiveType::Boolean => {
            let values = || column.as_boolean_opt().into_iter().flatten().flatten();
            (values().min().map(Value::Boolean), values().max().map(Value::Boolean))
        }
        PrimitiveType::Int => least_and_greatest::<Int32Type>(column, Value::Int, Ord::cmp),
        PrimitiveType::Long => least_and_greatest::<Int64Type>(column, Value::Long, Ord::cmp),
        PrimitiveType::Date => least_and_greatest::<Date32Type>(column, Value::Date, Ord::cmp),
        PrimitiveType::Float => least_and_greatest::<Float32Type>(column, Value::Float, f32::total_cmp),
        PrimitiveType::Double => least_and_greatest::<Float64Type>(column, Value::Double, f64::total_cmp),
        PrimitiveType::Timestamp => least_and_greatest::<TimestampMicrosecondType>(column, Value::Timestamp, Ord::cmp),
        PrimitiveType::Timestamptz => {
            least_and_greatest::<TimestampMicrosecondType>(column, Value::Timestamptz, Ord::cmp)
        }
        PrimitiveType::String => {
            let values = || column.as_string_opt::<i32>().into_iter().flatten().flatten();
            let lower = values().min().map(|text| Value::String(lower_text(text, BOUND_CHARACTERS)));
            (lower, values().max().and_then(|text| upper_text(text, BOUND_CHARACTERS)).map(Value::String))
        }
        _ => (None, None),
    }
}

fn least_and_greatest<T: ArrowPrimitiveType>(
    column: &ArrayRef,
    value: fn(T::Native) -> Value,
    compare: fn(&T::Native, &T::Native) -> std::cmp::Ordering,
) -> (Option<Value>, Option<Value>) {
    // NaN is what does not equal itself.
    #[expect(clippy::eq_op, reason = "NaN is what does not equal itself")]
    let values = || {
        let values = column.as_primitive_opt::<T>().into_iter().flatten().flatten();
        values.filter(|value| value == value)
    };
    (values().min_by(compare).map(value), values().max_by(compare).map(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Float64Array, StringArray};
    use std::sync::Arc;

    #[test]
    fn nan_and_null_are_counted_and_bound_nothing() {
        let column: ArrayRef = Arc::new(Float64Array::from(vec![Some(f64::NAN), None, Some(-0.0), Some(2.0)]));
        assert_eq!(nan_count(&column), 1);
        let (lower, upper) = bounds(&PrimitiveType::Double, &column);
        assert_eq!((lower, upper), (Some(Value::Double(-0.0)), Some(Value::Double(2.0))));
        let column: ArrayRef = Arc::new(Float64Array::from(vec![f64::NAN]));
        assert_eq!(bounds(&PrimitiveType::Double, &column), (None, None));
    }

    #[test]
    fn texts_are_bounded_by_code_point() {
        let column: ArrayRef = Arc::new(StringArray::from(vec!["\u{FFFF}", "\u{10000}", "a"]));
        let (lower, upper) = bounds(&PrimitiveType::String, &column);
        assert_eq!((lower, upper), (Some(Value::String("a".into())), Some(Value::String("\u{10000}".into()))));
    }
}
