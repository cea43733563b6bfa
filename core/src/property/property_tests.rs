//! Properties against rows as this program and others write them.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, Float64Array, Int32Array, LargeStringArray, StringArray, StructArray,
    TimestampMillisecondArray,
};
use arrow_schema::Field as ArrowField;

use super::*;
use crate::iceberg::metadata::Type;

fn table(more: &[(&str, PrimitiveType)]) -> Schema {
    let mut fields = schema::initial_fields();
    for (id, (name, kind)) in (50..).zip(more) {
        fields.push(Field::optional(id, *name, (*kind).into()));
    }
    Schema { schema_id: 0, fields }
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

fn strings(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn patches(values: &[Option<Value>]) -> ArrayRef {
    Arc::new(StringArray::from(
        values.iter().map(|patch| patch.as_ref().map(Value::to_string)).collect::<Vec<Option<String>>>(),
    ))
}

fn json_of_rows(name: &str, table: &Schema, batch: &RecordBatch) -> Vec<Value> {
    let values = Property::resolve(name, table).unwrap().values(batch).unwrap();
    (0..batch.num_rows())
        .map(|row| match values.scalar(row) {
            None => Value::Null,
            Some(Scalar::Boolean(value)) => json!(value),
            Some(Scalar::Long(value)) => json!(value),
            Some(Scalar::Double(value)) => json!(value),
            Some(Scalar::Instant(value)) => json!({ "instant": value }),
            Some(Scalar::Text(text)) => json!(text),
            Some(Scalar::Json(json)) => *json,
        })
        .collect()
}

#[test]
fn a_name_finds_its_column_with_and_without_properties() {
    let table = table(&[("eo:cloud_cover", PrimitiveType::Double), ("a.b", PrimitiveType::String)]);
    let column = |name: &str| {
        let property = Property::resolve(name, &table).unwrap();
        (property.name(), property.column().map(|column| (column.root.clone(), column.below.clone())))
    };
    let held = |name: &str, root: &str, below: &str| (name.to_owned(), Some((root.to_owned(), below.to_owned())));
    assert_eq!(column("properties.eo:cloud_cover"), held("eo:cloud_cover", "eo:cloud_cover", ""));
    assert_eq!(column("eo:cloud_cover"), column("properties.eo:cloud_cover"));
    assert_eq!(column("assets.data.href"), held("assets.data.href", "assets", "data.href"));
    assert_eq!(column("a.b"), held("a.b", "a.b", ""));
    assert_eq!(column("a.b.c"), held("a.b.c", "a.b", "c"));
    assert_eq!(column("collection"), held("collection", "collection", ""));
    assert_eq!(column("properties.collection"), ("collection".to_owned(), None));
    assert_eq!(column("grid_partition").1, None);
    assert_eq!(column("json_patch").1, None);
    assert!(Property::resolve("", &table).is_err());
    assert!(Property::resolve(&"x".repeat(2000), &table).is_err());
    let roots = |name: &str| {
        let property = Property::resolve(name, &table).unwrap();
        property.roots().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(roots("eo:cloud_cover"), ["eo:cloud_cover", "json_patch"]);
    assert_eq!(roots("nowhere"), ["json_patch"]);
    assert_eq!(roots("datetime"), ["datetime"]);
    assert_eq!(roots("id"), ["id"]);
}

#[test]
fn a_patch_holds_what_the_column_cannot_in_its_rows_only() {
    let table = table(&[("gsd", PrimitiveType::Double)]);
    let rows = batch(vec![
        ("gsd", Arc::new(Float64Array::from(vec![Some(1.5), None, None, None, Some(2.0)]))),
        (
            "json_patch",
            patches(&[
                None,
                Some(json!([{ "op": "add", "path": "/properties/gsd", "value": "ten" }])),
                Some(json!([{ "op": "add", "path": "/properties/gsdx", "value": 1 }])),
                Some(json!([{ "op": "add", "path": "/properties/a~1b", "value": { "c": [5, 6] } }])),
                Some(json!([{ "op": "replace", "path": "/properties", "value": { "gsd": 3, "a/b": 7 } }])),
            ]),
        ),
    ]);
    assert_eq!(json_of_rows("gsd", &table, &rows), [json!(1.5), json!("ten"), json!(null), json!(null), json!(3)]);
    let nested = [Value::Null, Value::Null, Value::Null, json!(6), Value::Null];
    assert_eq!(json_of_rows("a/b.c.1", &table, &rows), nested);
    assert_eq!(json_of_rows("properties.a/b", &table, &rows)[3..], [json!({ "c": [5, 6] }), json!(7)]);
}

#[test]
fn members_of_an_item_are_read_as_they_are_in_the_item() {
    let rows = batch(vec![
        ("id", strings(&[Some("a"), Some("b")])),
        ("assets", strings(&[Some(r#"{"data":{"href":"x","a.b":1,"a":{"b":2}}}"#), None])),
        ("bbox", strings(&[Some("[1,2.5,3,4]"), None])),
        (
            "json_patch",
            patches(&[None, Some(json!([{ "op": "add", "path": "/assets/data", "value": { "href": "y" } }]))]),
        ),
    ]);
    let table = table(&[]);
    assert_eq!(json_of_rows("assets.data.href", &table, &rows), [json!("x"), json!("y")]);
    assert_eq!(json_of_rows("assets.data.a.b", &table, &rows), [json!(1), json!(null)]);
    assert_eq!(json_of_rows("bbox.1", &table, &rows), [json!(2.5), json!(null)]);
    assert_eq!(json_of_rows("type", &table, &rows), [json!("Feature"), json!("Feature")]);
    assert_eq!(json_of_rows("links", &table, &rows), [json!([]), json!([])]);
    assert_eq!(json_of_rows("collection", &table, &rows), [json!(null), json!(null)]);
    assert_eq!(json_of_rows("id", &table, &rows), [json!("a"), json!("b")]);
}

#[test]
fn columns_of_other_writers_are_read_whatever_their_types() {
    let members =
        StructArray::from(vec![(Arc::new(ArrowField::new("b", DataType::Utf8, true)), strings(&[Some("deep"), None]))]);
    let nested = Field::optional(60, "a", Type::Struct(vec![Field::optional(61, "b", PrimitiveType::String.into())]));
    let mut table = table(&[]);
    table.fields.push(nested);
    let rows = batch(vec![
        ("datetime", Arc::new(TimestampMillisecondArray::from(vec![Some(1), None]).with_timezone("UTC"))),
        ("date_dt", Arc::new(Int32Array::from(vec![Some(7), None]))),
        ("percent_valid_pixels", Arc::new(Float64Array::from(vec![Some(80.0), Some(f64::NAN)]))),
        ("platform", Arc::new(LargeStringArray::from(vec![Some("S1"), None]))),
        ("geometry", Arc::new(BinaryArray::from_opt_vec(vec![None, None]))),
        ("a", Arc::new(members)),
    ]);
    assert_eq!(json_of_rows("datetime", &table, &rows), [json!({ "instant": 1000 }), json!(null)]);
    assert_eq!(json_of_rows("date_dt", &table, &rows), [json!(7), json!(null)]);
    assert_eq!(json_of_rows("percent_valid_pixels", &table, &rows), [json!(80.0), json!(null)]);
    assert_eq!(json_of_rows("platform", &table, &rows), [json!("S1"), json!(null)]);
    assert_eq!(json_of_rows("geometry", &table, &rows), [json!(null), json!(null)]);
    assert_eq!(json_of_rows("a.b", &table, &rows), [json!("deep"), json!(null)]);
}

#[test]
fn a_time_keeps_its_instant_however_the_patch_spells_it() {
    let table = table(&[]);
    let rows = batch(vec![
        ("created", Arc::new(TimestampMillisecondArray::from(vec![Some(5), None]).with_timezone("UTC"))),
        (
            "json_patch",
            patches(&[
                Some(json!([{ "op": "replace", "path": "/properties/created", "value": "1970-01-01 00:00:00.005" }])),
                Some(json!([{ "op": "add", "path": "/properties/created", "value": "yesterday" }])),
            ]),
        ),
    ]);
    assert_eq!(json_of_rows("created", &table, &rows), [json!({ "instant": 5000 }), json!("yesterday")]);
}

#[test]
fn a_patch_that_does_not_fit_its_row_is_corrupt() {
    let rows = batch(vec![("json_patch", strings(&[Some(r#"[{"op":"remove","path":"/properties/gsd"}]"#)]))]);
    let error = Property::resolve("gsd", &table(&[])).unwrap().values(&rows).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Corrupt);
}
