//! Which properties of the items get a column of their own.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use crate::iceberg::metadata::{Field, PrimitiveType, Schema, Type};
use crate::stac::encode::exact_double;
use crate::stac::schema;

/// Most columns of a table, those of the contract included. Each costs about 150 bytes in every data file's footer.
pub const COLUMNS: usize = 200;
/// Most property names that are counted; real collections have hundreds at most.
const NAMES: usize = 100_000;
/// Longest name of a column in bytes.
const NAME_BYTES: usize = 128;

/// The properties seen in items, with their types, from which new columns are chosen.
///
/// Items may be observed in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservedProperties {
    by_name: BTreeMap<String, Observed>,
}

/// How many items have a property, and which kinds of values they give it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Observed {
    items: u64,
    kinds: u8,
}

const BOOLEAN: u8 = 1;
const STRING: u8 = 1 << 1;
/// A whole number that a long holds, and a double exactly.
const LONG: u8 = 1 << 2;
const DOUBLE: u8 = 1 << 3;
/// A whole number that a long holds, but no double.
const ONLY_LONG: u8 = 1 << 4;
/// A whole number that a double holds, but no long.
const ONLY_DOUBLE: u8 = 1 << 5;
/// Anything else: arrays, objects, whole numbers that neither holds.
const OTHER: u8 = 1 << 6;

impl ObservedProperties {
    /// Counts the properties of an item.
    pub fn observe(&mut self, item: &Value) {
        for (name, value) in item.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if value.is_null() || !may_be_a_column(name) {
                continue;
            }
            if let Some(observed) = self.by_name.get_mut(name) {
                observed.add(value);
            } else if self.by_name.len() < NAMES {
                self.by_name.entry(name.clone()).or_default().add(value);
            }
        }
    }

    /// The fields to add to a table: this program's own ones where it lacks them, then the properties with one scalar
    /// type in all items, the most frequent first, ties by name, up to [`COLUMNS`] in all.
    ///
    /// Ids go on from `last_column_id`. No two columns differ in case alone, for engines that ignore it.
    #[must_use]
    pub fn new_fields(&self, current: &Schema, last_column_id: i32) -> Vec<Field> {
        let mut taken: HashSet<String> = current.fields.iter().map(|field| field.name.to_lowercase()).collect();
        let mut next_id = last_column_id.saturating_add(1);
        let mut fields = Vec::new();
        for field in schema::own_fields(next_id) {
            if taken.insert(field.name.to_lowercase()) {
                fields.push(field);
            }
        }
        renumber(&mut fields, &mut next_id);
        let mut steady: Vec<(&String, &Observed, PrimitiveType)> =
            self.by_name.iter().filter_map(|(name, seen)| Some((name, seen, seen.steady_type()?))).collect();
        steady.sort_by_key(|(name, seen, _)| (Reverse(seen.items), *name));
        for (name, _, kind) in steady {
            if current.fields.len() + fields.len() >= COLUMNS {
                break;
            }
            if !is_reserved(name) && taken.insert(name.to_lowercase()) {
                fields.push(Field { id: next_id, name: name.clone(), required: false, r#type: Type::Primitive(kind) });
                next_id = next_id.saturating_add(1);
            }
        }
        fields
    }
}

impl Observed {
    fn add(&mut self, value: &Value) {
        self.items += 1;
        self.kinds |= match value {
            Value::Bool(_) => BOOLEAN,
            Value::String(_) => STRING,
            Value::Number(number) if number.is_f64() => DOUBLE,
            Value::Number(number) => match (number.is_i64(), exact_double(value).is_some()) {
                (true, true) => LONG,
                (true, false) => ONLY_LONG,
                (false, true) => ONLY_DOUBLE,
                (false, false) => OTHER,
            },
            Value::Array(_) | Value::Object(_) | Value::Null => OTHER,
        };
    }

    /// The type that holds the value of every item exactly, if there is one.
    fn steady_type(self) -> Option<PrimitiveType> {
        let only = |kinds: u8| self.kinds & !kinds == 0;
        match self.kinds {
            BOOLEAN => Some(PrimitiveType::Boolean),
            STRING => Some(PrimitiveType::String),
            _ if only(LONG | ONLY_LONG) => Some(PrimitiveType::Long),
            _ if only(LONG | DOUBLE | ONLY_DOUBLE) => Some(PrimitiveType::Double),
            _ => None,
        }
    }
}

/// Names that no engine mistakes: a dot would read as a path into a struct.
fn may_be_a_column(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_BYTES && !name.contains(|letter: char| letter == '.' || letter.is_control())
}

fn is_reserved(name: &str) -> bool {
    schema::reserved(name) || schema::reserved(&name.to_lowercase())
}

/// Gives fields and their members consecutive ids.
fn renumber(fields: &mut [Field], next_id: &mut i32) {
    for field in fields {
        field.id = *next_id;
        *next_id = next_id.saturating_add(1);
        if let Type::Struct(members) = &mut field.r#type {
            renumber(members, next_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn initial() -> Schema {
        Schema { schema_id: 0, fields: schema::initial_fields() }
    }

    fn observed(all: &[Value]) -> ObservedProperties {
        let mut observed = ObservedProperties::default();
        for properties in all {
            observed.observe(&json!({ "properties": properties }));
        }
        observed
    }

    fn names_and_types(fields: &[Field]) -> Vec<(i32, String, Type)> {
        fields.iter().map(|field| (field.id, field.name.clone(), field.r#type.clone())).collect()
    }

    #[test]
    fn steady_scalars_become_columns_the_most_frequent_first() {
        let all = [
            json!({ "eo:cloud_cover": 3, "gsd": 10, "mixed": 1, "list": [1], "none": null, "datetime": "x", "b": true, "s": "x" }),
            json!({ "eo:cloud_cover": 3.5, "gsd": 10, "mixed": "x", "list": 1, "ID": "x", "a.b": 1, "S": "x" }),
            json!({ "eo:cloud_cover": 1, "huge": u64::MAX, "big": 9_007_199_254_740_993_i64 }),
            json!({ "big": 0.5 }),
        ];
        let primitive = |id, name: &str, kind| (id, name.to_owned(), Type::Primitive(kind));
        assert_eq!(
            names_and_types(&observed(&all).new_fields(&initial(), 34)),
            [
                primitive(35, "eo:cloud_cover", PrimitiveType::Double),
                primitive(36, "gsd", PrimitiveType::Long),
                primitive(37, "S", PrimitiveType::String),
                primitive(38, "b", PrimitiveType::Boolean),
            ]
        );
    }

    #[test]
    fn the_order_of_items_does_not_matter() {
        let (left, right) = (json!({ "a": 1, "b": "x" }), json!({ "a": 1.5, "c": 2 }));
        assert_eq!(observed(&[left.clone(), right.clone()]), observed(&[right, left]));
    }

    #[test]
    fn a_table_of_the_python_program_gets_our_own_columns_first() {
        let mut schema = initial();
        schema.fields.truncate(28);
        let fields = observed(&[json!({ "a": 1 })]).new_fields(&schema, 28);
        let names: Vec<(i32, &str)> = fields.iter().map(|field| (field.id, field.name.as_str())).collect();
        assert_eq!(names, [(29, "geometry_bbox"), (34, "json_patch"), (35, "a")]);
    }

    #[test]
    fn there_are_never_more_columns_than_the_limit() {
        let properties: serde_json::Map<String, Value> =
            (0..500).map(|index| (format!("p{index:03}"), json!(1))).collect();
        let fields = observed(&[Value::Object(properties)]).new_fields(&initial(), 34);
        assert_eq!(fields.len(), COLUMNS - 30);
        assert_eq!(fields[0].name, "p000");
    }
}
