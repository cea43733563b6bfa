//! What a filter or a sort key names, and where a table keeps it.

mod patches;
mod values;

pub use patches::Patches;
pub use values::{Scalar, Values};
pub(crate) use values::{compare_doubles, compare_numbers};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type,
};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::DataType;
use serde_json::{Map, Value, json};

use crate::error::ResultExt as _;
use crate::iceberg::metadata::{Field, PrimitiveType, Schema};
use crate::stac::decode::{property_values, top_level_values};
use crate::stac::instants::instants;
use crate::stac::json_column::{json_values, texts};
use crate::stac::schema;
use crate::{Error, Result, limits};

/// The member of an item that holds its properties.
const PROPERTIES: &str = "properties";

type Default = fn() -> Value;

/// The members of an item that stand beside its properties, and what an item has where the column is null.
const MEMBERS: [(&str, Option<Default>); 9] = [
    (schema::ID, None),
    (schema::COLLECTION, None),
    (schema::GEOMETRY, None),
    (schema::BBOX, None),
    (schema::STAC_EXTENSIONS, None),
    (schema::ASSETS, Some(|| json!({}))),
    (schema::LINKS, Some(|| json!([]))),
    (schema::TYPE, Some(|| json!("Feature"))),
    (schema::STAC_VERSION, Some(|| json!("1.1.0"))),
];

/// A place in items by its name, and where a table keeps what lies there.
///
/// `eo:cloud_cover` and `properties.eo:cloud_cover` are one property; `id`, `collection`, `geometry`, `bbox`, `assets`
/// and the other members of an item are what they are in the item; `assets.data.href` goes into them, and `a.b` into
/// nested properties, unless a property has that very name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    member: &'static str,
    /// Dotted, below the member; empty for the member itself.
    path: String,
    column: Option<PropertyColumn>,
    patched: bool,
}

/// The column that holds a property, or what the property is a part of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertyColumn {
    /// The root column's name.
    pub root: String,
    /// Its Iceberg id.
    pub field_id: i32,
    /// Its type, if that is a single value.
    pub kind: Option<PrimitiveType>,
    /// Dotted, below the column; empty if the column is the property.
    pub below: String,
}

impl Property {
    /// Finds a name in a table's schema. A name that no column holds is a property all the same: it can stand in
    /// `json_patch`, or be null in every item.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] for an empty name or one that is too long.
    pub fn resolve(name: &str, table: &Schema) -> Result<Self> {
        if name.is_empty() || name.len() > limits::PROPERTY_NAME_BYTES {
            return Err(Error::invalid(format!(
                "a property's name has 1 to {} bytes, not {}",
                limits::PROPERTY_NAME_BYTES,
                name.len()
            )));
        }
        let patched = table.field_by_name(schema::JSON_PATCH).is_some();
        let (first, rest) = name.split_once('.').unwrap_or((name, ""));
        let member = MEMBERS.iter().map(|(member, _)| *member).find(|member| *member == first);
        let named_so = table.field_by_name(name).is_some() && schema::property_column(name).is_some();
        if let Some(member) = member.filter(|_| !named_so) {
            let column = table.field_by_name(member).map(|field| PropertyColumn::new(field, rest));
            return Ok(Self { member, path: rest.to_owned(), column, patched });
        }
        let path = name.strip_prefix("properties.").filter(|rest| !named_so && !rest.is_empty()).unwrap_or(name);
        let column = prefixes(path).rev().find_map(|root| {
            let field = table.field_by_name(schema::property_column(root)?)?;
            let below = path.get(root.len()..).unwrap_or_default().trim_start_matches('.');
            Some(PropertyColumn::new(field, below))
        });
        Ok(Self { member: PROPERTIES, path: path.to_owned(), column, patched })
    }

    /// The name of the place, the shortest that finds it: `eo:cloud_cover`, `assets.data.href`.
    #[must_use]
    pub fn name(&self) -> String {
        match (self.member, self.path.as_str()) {
            (PROPERTIES, path) => path.to_owned(),
            (member, "") => member.to_owned(),
            (member, path) => format!("{member}.{path}"),
        }
    }

    /// The column that holds it or what it is a part of; without one it can stand in `json_patch` only.
    #[must_use]
    pub fn column(&self) -> Option<&PropertyColumn> {
        self.column.as_ref()
    }

    /// The root columns that have to be read: its own, and `json_patch`, which holds what columns cannot.
    #[must_use]
    pub fn roots(&self) -> Vec<&str> {
        let own = self.column.iter().map(|column| column.root.as_str());
        own.chain(self.patched().then_some(schema::JSON_PATCH)).collect()
    }

    /// Whether a patch can hold a value that the column does not. The id, the footprint and the datetimes are always in
    /// their columns (FORMAT.md, "Columns").
    #[must_use]
    pub fn patched(&self) -> bool {
        self.patched && !(self.always_in_column() && self.column.is_some())
    }

    /// Whether it is the item's geometry.
    #[must_use]
    pub fn is_footprint(&self) -> bool {
        self.is_member(schema::GEOMETRY)
    }

    /// Whether it is this member of an item that stands beside its properties.
    pub(crate) fn is_member(&self, member: &str) -> bool {
        self.member == member && self.path.is_empty()
    }

    /// Whether it is one of the item's properties, or lies in one.
    pub(crate) fn is_item_property(&self) -> bool {
        self.member == PROPERTIES
    }

    /// Whether it is the item property of this name.
    pub(crate) fn is_property(&self, name: &str) -> bool {
        self.member == PROPERTIES && self.path == name
    }

    fn always_in_column(&self) -> bool {
        [schema::DATETIME, schema::START_DATETIME, schema::END_DATETIME].iter().any(|name| self.is_property(name))
            || [schema::ID, schema::GEOMETRY].iter().any(|name| self.is_member(name))
    }

    /// The values in a batch that has the columns of [`roots`](Self::roots), under the table's names, where its file
    /// has them.
    ///
    /// # Errors
    /// As [`decode_items`](crate::stac::decode_items), for the columns that are read.
    pub fn values(&self, batch: &RecordBatch) -> Result<Values> {
        let patches = if self.patched() { Patches::of(batch)? } else { Patches::default() };
        self.values_with(batch, &patches)
    }

    /// As [`values`](Self::values), with the patches of the batch at hand.
    ///
    /// # Errors
    /// As there.
    pub fn values_with(&self, batch: &RecordBatch, patches: &Patches) -> Result<Values> {
        let column = self.column.as_ref().and_then(|column| Some((column, batch.column_by_name(&column.root)?)));
        let values = match column {
            Some((column, array)) => self.column_values(column, array).context("column", &column.root)?,
            None => self.default(batch.num_rows()),
        };
        if self.patched() { self.overlaid(values, batch, patches) } else { Ok(values) }
    }

    fn column_values(&self, column: &PropertyColumn, array: &ArrayRef) -> Result<Values> {
        if column.below.is_empty() && !is_json(self.member) {
            return typed(array).map(|values| self.with_default(values));
        }
        let values = json_of(self.member, &column.root, array)?;
        let place = |value: Value| below_owned(value, &column.below).and_then(Scalar::from_json);
        Ok(self.with_default(Values::Mixed(values.into_iter().map(place).collect())))
    }

    fn default_value(&self) -> Option<Scalar> {
        let default = MEMBERS.iter().find(|(member, _)| *member == self.member).and_then(|(_, default)| *default)?;
        self.path.is_empty().then(|| Scalar::from_json(default()))?
    }

    fn default(&self, rows: usize) -> Values {
        Values::Mixed(vec![self.default_value(); rows])
    }

    fn with_default(&self, values: Values) -> Values {
        let Some(default) = self.default_value() else { return values };
        let nulls: Vec<_> = (0..values.len()).filter(|row| values.is_null(*row)).collect();
        values.with(nulls.into_iter().map(|row| (row, Some(default.clone()))).collect())
    }

    /// The values where patches say otherwise than columns.
    fn overlaid(&self, values: Values, batch: &RecordBatch, patches: &Patches) -> Result<Values> {
        let keys: Vec<&str> = prefixes(&self.path).collect();
        let places: Vec<(&str, Option<&str>)> = match self.member {
            PROPERTIES => keys.iter().map(|key| (PROPERTIES, Some(*key))).collect(),
            member => vec![(member, None)],
        };
        let kept = self.column.as_ref().is_some_and(|column| is_time(column.kind));
        let mut others = Vec::new();
        for (row, patch) in patches.touching(&places) {
            // The text of a time may be spelt otherwise; the instant is the same.
            if kept && !values.is_null(row) {
                continue;
            }
            let mut item = self.part_of_item(batch, row)?;
            crate::stac::patch::apply_parsed(&mut item, &patch)?;
            let value = item.get_mut(self.member).map(Value::take).unwrap_or_default();
            others.push((row, below_owned(value, &self.path).and_then(Scalar::from_json)));
        }
        Ok(values.with(others))
    }

    /// What columns say of the member of one row's item that the property lies in, as far as the property goes.
    fn part_of_item(&self, batch: &RecordBatch, row: usize) -> Result<Value> {
        let mut item = Map::new();
        let column = self.column.as_ref().and_then(|column| Some((column, batch.column_by_name(&column.root)?)));
        if self.member == PROPERTIES {
            let mut properties = Map::new();
            // STAC requires the member, so decoding always makes it.
            properties.insert(schema::DATETIME.to_owned(), Value::Null);
            if let Some((column, array)) = column {
                let value = json_of(PROPERTIES, &column.root, &array.slice(row, 1))?.pop().unwrap_or_default();
                if !value.is_null() {
                    properties.insert(column.root.clone(), value);
                }
            }
            item.insert(PROPERTIES.to_owned(), Value::Object(properties));
        } else {
            let held =
                column.map(|(column, array)| json_of(self.member, &column.root, &array.slice(row, 1))).transpose()?;
            let held = held.and_then(|mut held| held.pop()).filter(|value| !value.is_null());
            let default =
                || MEMBERS.iter().find(|(member, _)| *member == self.member).and_then(|(_, default)| *default);
            if let Some(value) = held.or_else(|| default().map(|default| default())) {
                item.insert(self.member.to_owned(), value);
            }
        }
        Ok(Value::Object(item))
    }
}

impl PropertyColumn {
    fn new(field: &Field, below: &str) -> Self {
        let kind = field.primitive().copied();
        Self { root: field.name.clone(), field_id: field.id, kind, below: below.to_owned() }
    }
}

/// What a path may begin with, at each of its dots, the shortest first.
fn prefixes(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.match_indices('.').map(|(at, _)| path.get(..at).unwrap_or_default()).chain([path])
}

fn below_owned(value: Value, path: &str) -> Option<Value> {
    if path.is_empty() { Some(value) } else { patches::below(&value, path).cloned() }
}

fn json_of(member: &str, root: &str, array: &ArrayRef) -> Result<Vec<Value>> {
    if member == PROPERTIES { property_values(root, array) } else { top_level_values(member, array) }
}

fn is_time(kind: Option<PrimitiveType>) -> bool {
    matches!(kind, Some(PrimitiveType::Timestamp | PrimitiveType::Timestamptz | PrimitiveType::Date))
}

/// Whether a member's column is JSON text or WKB rather than the value itself.
fn is_json(member: &str) -> bool {
    schema::UNBOUNDED_COLUMNS.contains(&member)
}

fn typed(array: &ArrayRef) -> Result<Values> {
    Ok(match array.data_type() {
        DataType::Boolean => Values::Booleans(array.as_boolean().clone()),
        DataType::Int8 => longs::<Int8Type>(array),
        DataType::Int16 => longs::<Int16Type>(array),
        DataType::Int32 => longs::<Int32Type>(array),
        DataType::Int64 => Values::Longs(array.as_primitive::<Int64Type>().clone()),
        DataType::UInt8 => longs::<UInt8Type>(array),
        DataType::UInt16 => longs::<UInt16Type>(array),
        DataType::UInt32 => longs::<UInt32Type>(array),
        DataType::Float32 => {
            Values::Doubles(finite(array.as_primitive::<Float32Type>().iter().map(|value| value.map(f64::from))))
        }
        DataType::Float64 => Values::Doubles(finite(array.as_primitive::<Float64Type>().iter())),
        DataType::Utf8 => Values::Texts(array.as_string::<i32>().clone()),
        DataType::LargeUtf8 | DataType::Utf8View => Values::Texts(texts(array)?.into_iter().collect::<StringArray>()),
        _ => match instants(array) {
            Some(instants) => Values::Instants(instants),
            None => Values::Mixed(json_values(array)?.into_iter().map(Scalar::from_json).collect()),
        },
    })
}

fn longs<T: ArrowPrimitiveType<Native: Into<i64>>>(array: &ArrayRef) -> Values {
    Values::Longs(array.as_primitive::<T>().iter().map(|value| value.map(Into::into)).collect::<Int64Array>())
}

/// JSON has neither NaN nor infinity: where other writers store one, the item has no such value.
fn finite(values: impl Iterator<Item = Option<f64>>) -> Float64Array {
    values.map(|value| value.filter(|value| value.is_finite())).collect()
}

#[cfg(test)]
mod property_tests;
