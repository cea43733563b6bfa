//! Items to rows.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Float32Array, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray, StructArray, TimestampMicrosecondArray, new_null_array,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field, TimeUnit};
use chrono::NaiveDate;
use serde_json::Value;

use super::patch::{self, whole_number};
use super::schema;
use super::validate::ValidItem;
use crate::iceberg::metadata::Schema;
use crate::query::datetime::instant_of_item;
use crate::{Error, Result, stac};

/// Most JSON in one batch: Arrow's text columns hold 2 GiB.
const BATCH_BYTES: usize = 1 << 30;
/// Largest whole number that every double up to it can represent.
const EXACT_DOUBLE: i128 = 1 << 53;

/// One row for each item, in the cell beside it, with the columns of `schema`.
///
/// A property goes into the column of its name if the column's type holds it exactly; whatever the columns cannot say
/// goes into `json_patch`, which is made by decoding the row again and comparing. So decoding gives the item back.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] for as many cells as items not given or for more than 1 GiB of items,
/// [`crate::ErrorKind::Unsupported`] for a schema that cannot hold items.
pub fn encode_items(items: &[ValidItem], cells: &[&str], schema: &Schema) -> Result<RecordBatch> {
    let borrowed: Vec<&ValidItem> = items.iter().collect();
    encode_rows(&borrowed, cells, schema)
}

/// As [`encode_items`], for items that are owned elsewhere, as fan-out has them.
///
/// # Errors
/// As [`encode_items`].
pub fn encode_rows(items: &[&ValidItem], cells: &[&str], schema: &Schema) -> Result<RecordBatch> {
    if items.len() != cells.len() {
        return Err(Error::invalid(format!("{} items but {} cells", items.len(), cells.len())));
    }
    if items.iter().map(|item| item.size_bytes).sum::<usize>() > BATCH_BYTES {
        return Err(Error::invalid("more than 1 GiB of items in one batch"));
    }
    let arrow = Arc::new(schema::arrow_schema(schema)?);
    let columns = arrow.fields().iter().map(|field| column(field, items, cells)).collect::<Result<Vec<_>>>()?;
    let without_patches = batch(&arrow, columns)?;
    let patches = patches(&without_patches, items)?;
    let Ok(position) = arrow.index_of(schema::JSON_PATCH) else {
        let lost = patches.iter().position(Option::is_some).and_then(|row| items.get(row));
        return lost.map_or(Ok(without_patches), |item| {
            Err(Error::unsupported("the table has no column `json_patch` to keep the whole item").with("id", &item.id))
        });
    };
    let mut columns = without_patches.columns().to_vec();
    if let Some(column) = columns.get_mut(position) {
        *column = Arc::new(StringArray::from(patches));
    }
    batch(&arrow, columns)
}

fn batch(schema: &arrow_schema::SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    RecordBatch::try_new(Arc::clone(schema), columns)
        .map_err(|error| Error::unsupported("the table's schema cannot hold STAC items").caused_by(error))
}

fn patches(rows: &RecordBatch, items: &[&ValidItem]) -> Result<Vec<Option<String>>> {
    let decoded = stac::decode_items(rows)?;
    let pairs = decoded.into_iter().zip(items);
    pairs
        .map(|(decoded, item)| patch::between(decoded, &item.item).map_err(|error| error.with("id", &item.id)))
        .collect()
}

fn column(field: &Field, items: &[&ValidItem], cells: &[&str]) -> Result<ArrayRef> {
    let member = |name: &'static str| items.iter().map(move |item| item.item.get(name));
    Ok(match field.name().as_str() {
        schema::ID => Arc::new(StringArray::from_iter_values(items.iter().map(|item| &item.id))),
        schema::GRID_PARTITION => Arc::new(StringArray::from_iter_values(cells)),
        schema::GEOMETRY => Arc::new(items.iter().map(|item| item.wkb.as_deref()).collect::<BinaryArray>()),
        schema::GEOMETRY_BBOX => bounds(field, items)?,
        schema::ASSETS => json_texts(member(schema::ASSETS), Value::is_object),
        schema::LINKS => json_texts(member(schema::LINKS), Value::is_array),
        schema::STAC_EXTENSIONS => json_texts(member(schema::STAC_EXTENSIONS), Value::is_array),
        schema::BBOX => json_texts(member(schema::BBOX), Value::is_array),
        schema::TYPE => Arc::new(member(schema::TYPE).map(|value| value?.as_str()).collect::<StringArray>()),
        schema::STAC_VERSION => {
            Arc::new(member(schema::STAC_VERSION).map(|value| value?.as_str()).collect::<StringArray>())
        }
        schema::COLLECTION => Arc::new(items.iter().map(|item| item.collection.as_deref()).collect::<StringArray>()),
        schema::JSON_PATCH => new_null_array(field.data_type(), items.len()),
        name => property(field.data_type(), items.iter().map(|item| item.item.get("properties")?.get(name))),
    })
}

fn json_texts<'a>(values: impl Iterator<Item = Option<&'a Value>>, fits: impl Fn(&Value) -> bool) -> ArrayRef {
    Arc::new(values.map(|value| value.filter(|value| fits(value)).map(Value::to_string)).collect::<StringArray>())
}

fn bounds(field: &Field, items: &[&ValidItem]) -> Result<ArrayRef> {
    let DataType::Struct(fields) = field.data_type() else {
        return Err(Error::unsupported("column `geometry_bbox` is not a struct"));
    };
    let side = |index: usize| items.iter().map(move |item| item.bounds.as_ref()?.get(index).copied());
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(fields.len());
    for member in fields {
        let index = schema::GEOMETRY_BBOX_FIELDS.iter().position(|name| name == member.name());
        columns.push(match index {
            Some(index) => Arc::new(side(index).collect::<Float64Array>()),
            None => new_null_array(member.data_type(), items.len()),
        });
    }
    let present: NullBuffer = items.iter().map(|item| item.bounds.is_some()).collect();
    let array = StructArray::try_new(fields.clone(), columns, Some(present))
        .map_err(|error| Error::unsupported("column `geometry_bbox` is not four doubles").caused_by(error))?;
    Ok(Arc::new(array))
}

/// The values that the column's type holds exactly; null elsewhere.
fn property<'a>(kind: &DataType, values: impl ExactSizeIterator<Item = Option<&'a Value>>) -> ArrayRef {
    match kind {
        DataType::Utf8 => Arc::new(values.map(|value| value?.as_str()).collect::<StringArray>()),
        DataType::Boolean => Arc::new(values.map(|value| value?.as_bool()).collect::<BooleanArray>()),
        DataType::Int64 => Arc::new(values.map(|value| long(value?)).collect::<Int64Array>()),
        DataType::Int32 => Arc::new(
            values.map(|value| long(value?).and_then(|whole| i32::try_from(whole).ok())).collect::<Int32Array>(),
        ),
        DataType::Float64 => Arc::new(values.map(|value| exact_double(value?)).collect::<Float64Array>()),
        DataType::Float32 => Arc::new(values.map(|value| exact_float(exact_double(value?)?)).collect::<Float32Array>()),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let instants = values.map(|value| instant_of_item(value?.as_str()?).ok());
            Arc::new(instants.collect::<TimestampMicrosecondArray>().with_timezone_opt(zone.clone()))
        }
        DataType::Date32 => Arc::new(values.map(|value| days(value?.as_str()?)).collect::<Date32Array>()),
        other => new_null_array(other, values.len()),
    }
}

fn long(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let whole = whole_number(value.as_f64()?)?;
        i64::try_from(whole).ok().filter(|_| whole.abs() <= EXACT_DOUBLE)
    })
}

/// The number as a double, unless it is a whole number that rounding would change.
pub(crate) fn exact_double(value: &Value) -> Option<f64> {
    let double = value.as_f64()?;
    let whole = value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
    whole.is_none_or(|whole| whole.abs() <= EXACT_DOUBLE).then_some(double)
}

#[expect(clippy::cast_possible_truncation, reason = "compared with the double afterwards")]
fn exact_float(double: f64) -> Option<f32> {
    let float = double as f32;
    (f64::from(float).to_bits() == double.to_bits()).then_some(float)
}

fn days(text: &str) -> Option<i32> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    let days = date.signed_duration_since(NaiveDate::default()).num_days();
    i32::try_from(days).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iceberg::metadata::{Field as IcebergField, PrimitiveType, Type};
    use serde_json::json;

    fn schema_with(extra: &[(&str, PrimitiveType)]) -> Schema {
        let mut fields = schema::initial_fields();
        for (id, (name, kind)) in (35..).zip(extra) {
            let kind = Type::Primitive(*kind);
            fields.push(IcebergField { id, name: (*name).to_owned(), required: false, r#type: kind });
        }
        Schema { schema_id: 0, fields }
    }

    fn round_trip(item: &Value, schema: &Schema) -> (Option<String>, Value) {
        let valid = ValidItem::from_value(item.clone()).unwrap();
        let rows = encode_items(&[valid], &["cell"], schema).unwrap();
        let column = rows.column_by_name(schema::JSON_PATCH).unwrap();
        let text = arrow_array::cast::as_string_array(column).iter().next().unwrap().map(str::to_owned);
        (text, stac::decode_items(&rows).unwrap().remove(0))
    }

    fn item(properties: &Value) -> Value {
        json!({
            "type": "Feature", "stac_version": "1.0.0", "id": "a", "geometry": null, "properties": properties,
            "links": [], "assets": { "b": { "href": "x" } }
        })
    }

    #[test]
    fn an_item_that_the_columns_can_say_needs_no_patch() {
        let properties = json!({
            "datetime": "2020-01-01T00:00:00Z", "platform": "p", "date_dt": 12.0, "latitude": 1, "flag": true
        });
        let (patch, back) = round_trip(&item(&properties), &schema_with(&[("flag", PrimitiveType::Boolean)]));
        assert_eq!(patch, None);
        assert!(patch::same(&back, &item(&properties)));
    }

    #[test]
    fn what_the_columns_cannot_say_comes_back_by_the_patch() {
        let properties = json!({
            "datetime": "2020-01-01T01:00:00.000000+01:00", "platform": null, "date_dt": 12.5, "latitude": 9_007_199_254_740_993_u64,
            "created": "yesterday", "id": "other", "geometry_bbox": 1, "json_patch": "x", "flag": "no", "a": [1], "": {}
        });
        let mut whole = item(&properties);
        whole["collection"] = Value::Null;
        whole["foreign"] = json!({ "a": null });
        whole["assets"]["none"] = Value::Null;
        whole["links"] = json!({ "self": { "href": "x" } });
        let (patch, back) = round_trip(&whole, &schema_with(&[("flag", PrimitiveType::Boolean)]));
        assert!(patch.is_some());
        assert!(patch::same(&back, &whole), "{back}\n{whole}");
    }

    #[test]
    fn the_deepest_item_that_is_taken_comes_back_too() {
        let mut deepest = json!(1);
        while ValidItem::from_value(item(&json!({ "datetime": null, "deep": [deepest] }))).is_ok() {
            deepest = json!([deepest]);
        }
        let deepest = deepest.as_array().and_then(|elements| elements.first()).unwrap();
        let whole = item(&json!({ "datetime": null, "deep": [deepest] }));
        let (patch, back) = round_trip(&whole, &schema_with(&[]));
        assert!(patch.is_some());
        assert_eq!(back["properties"], whole["properties"]);
    }

    #[test]
    fn a_table_without_a_patch_column_takes_only_what_its_columns_can_say() {
        let mut schema = schema_with(&[]);
        schema.fields.retain(|field| field.name != schema::JSON_PATCH);
        let valid = |properties: Value| vec![ValidItem::from_value(item(&properties)).unwrap()];
        assert!(encode_items(&valid(json!({ "datetime": null })), &["c"], &schema).is_ok());
        assert!(encode_items(&valid(json!({ "datetime": null, "x": 1 })), &["c"], &schema).is_err());
    }
}
