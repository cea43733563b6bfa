//! What was seen of JSON values at one place of many items, and the one type that holds them all.

use std::collections::HashMap;

use serde_json::Value;

use crate::geometry::wkb;
use crate::stac::json_column::PROJECTED_GEOMETRY;
use crate::stac::patch::same;

/// Deepest nesting that becomes structs and lists; below it stands JSON text.
const DEPTH: usize = 12;
/// Most members of one struct. What has more is a dictionary, whose keys are data: JSON text.
const MEMBERS: usize = 1000;
/// Largest whole number that every double up to it can represent.
const EXACT_DOUBLE: u64 = 1 << 53;

/// The type of a column, or of a place within one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing but null.
    Null,
    Boolean,
    Long,
    Double,
    Text,
    /// Date-times, in µs since 1970.
    Instant,
    /// A GeoJSON geometry as WKB.
    Wkb,
    /// Values of several kinds, and objects without members, which no Parquet type holds: JSON text.
    Json,
    List(Box<Self>),
    Struct(Vec<(String, Self)>),
}

/// What may still be learnt: bounds the memory of a survey and the columns of a file.
#[derive(Debug)]
pub(super) struct Budget(pub(super) usize);

impl Budget {
    fn spend(&mut self) -> bool {
        let spent = self.0.checked_sub(1);
        self.0 = spent.unwrap_or(0);
        spent.is_some()
    }
}

/// The kinds of values seen at one place.
#[derive(Debug, Default)]
pub(super) struct Seen {
    kinds: u16,
    element: Option<Box<Self>>,
    members: Members,
    not_wkb: bool,
}

const BOOLEAN: u16 = 1;
const TEXT: u16 = 1 << 1;
/// A whole number that a long holds, and a double exactly.
const LONG: u16 = 1 << 2;
const DOUBLE: u16 = 1 << 3;
/// A whole number that a long holds, but no double.
const ONLY_LONG: u16 = 1 << 4;
const LIST: u16 = 1 << 5;
const OBJECT: u16 = 1 << 6;
/// What has no type of its own: huge whole numbers, nesting too deep, too many members.
const OTHER: u16 = 1 << 7;

/// The members of objects, in the order in which they were first seen.
#[derive(Debug, Default)]
struct Members {
    positions: HashMap<String, usize>,
    list: Vec<(String, Seen)>,
}

impl Seen {
    /// As if texts had been seen.
    pub(super) fn text() -> Self {
        Self { kinds: TEXT, ..Self::default() }
    }

    /// As if lists of what `element` has seen had been seen.
    pub(super) fn list_of(element: Self) -> Self {
        Self { kinds: LIST, element: Some(Box::new(element)), ..Self::default() }
    }

    /// As if objects with these members had been seen.
    pub(super) fn object(members: impl IntoIterator<Item = (&'static str, Self)>) -> Self {
        let mut seen = Self { kinds: OBJECT, ..Self::default() };
        for (name, member) in members {
            seen.members.positions.insert(name.to_owned(), seen.members.list.len());
            seen.members.list.push((name.to_owned(), member));
        }
        seen
    }

    /// Looks at a value; null says nothing.
    pub(super) fn observe(&mut self, value: &Value, budget: &mut Budget) {
        self.observe_at(value, 0, budget);
    }

    /// Looks at the value of a member of this name.
    pub(super) fn observe_member(&mut self, name: &str, value: &Value, budget: &mut Budget) {
        self.observe_named(name, value, 0, budget);
    }

    /// What was seen of a member; `None` if it is new and there are `most` already. Costs nothing.
    pub(super) fn member(&mut self, name: &str, most: usize) -> Option<&mut Self> {
        if name.is_empty() || (self.members.list.len() >= most && !self.members.positions.contains_key(name)) {
            return None;
        }
        self.members.get(name, &mut Budget(1))
    }

    /// Looks at an object of up to `most` members, which themselves cost nothing.
    pub(super) fn observe_members(&mut self, value: &Value, most: usize, budget: &mut Budget) {
        for (name, value) in value.as_object().into_iter().flatten() {
            match self.member(name, most) {
                Some(member) => member.observe_named(name, value, 1, budget),
                None => self.kinds |= OTHER,
            }
        }
        if value.is_object() {
            self.kinds |= OBJECT;
        } else {
            self.observe(value, budget);
        }
    }

    /// The members seen, in order.
    pub(super) fn members(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.members.list.iter().map(|(name, seen)| (name.as_str(), seen))
    }

    /// Whether all that was seen is objects, none of which has a member other than null.
    pub(super) fn is_without_members(&self) -> bool {
        self.kinds == OBJECT && self.members.list.iter().all(|(_, seen)| seen.kinds == 0)
    }

    fn observe_named(&mut self, name: &str, value: &Value, depth: usize, budget: &mut Budget) {
        if name == PROJECTED_GEOMETRY && !self.not_wkb && !value.is_null() {
            self.not_wkb = !is_geometry(value);
        }
        self.observe_at(value, depth, budget);
    }

    fn observe_at(&mut self, value: &Value, depth: usize, budget: &mut Budget) {
        if depth > DEPTH {
            self.kinds |= OTHER;
        }
        if self.kinds & OTHER != 0 {
            return;
        }
        match value {
            Value::Null => {}
            Value::Bool(_) => self.kinds |= BOOLEAN,
            Value::String(_) => self.kinds |= TEXT,
            Value::Number(number) => {
                self.kinds |= match number.as_i64() {
                    Some(whole) if whole.unsigned_abs() <= EXACT_DOUBLE => LONG,
                    Some(_) => ONLY_LONG,
                    None if number.is_f64() => DOUBLE,
                    None => OTHER,
                };
            }
            Value::Array(elements) => {
                self.kinds |= LIST;
                if self.element.is_none() && !budget.spend() {
                    self.kinds |= OTHER;
                    return;
                }
                let element = self.element.get_or_insert_default();
                for value in elements {
                    element.observe_at(value, depth + 1, budget);
                }
            }
            Value::Object(members) => {
                self.kinds |= OBJECT;
                for (name, value) in members {
                    let Some(member) = self.members.get(name, budget) else {
                        self.kinds |= OTHER;
                        return;
                    };
                    member.observe_named(name, value, depth + 1, budget);
                }
            }
        }
    }

    /// The one type that holds all values that were seen.
    pub(super) fn kind(&self, name: &str) -> Kind {
        let only = |kinds: u16| self.kinds & !kinds == 0;
        if self.kinds == 0 {
            return Kind::Null;
        }
        if name == PROJECTED_GEOMETRY && !self.not_wkb && only(OBJECT) {
            return Kind::Wkb;
        }
        match self.kinds {
            BOOLEAN => Kind::Boolean,
            TEXT => Kind::Text,
            LIST => self.list_kind(),
            OBJECT => self.members.kind(),
            _ if only(LONG | ONLY_LONG) => Kind::Long,
            _ if only(LONG | DOUBLE) => Kind::Double,
            _ => Kind::Json,
        }
    }

    /// Lists without elements need a type of element all the same.
    fn list_kind(&self) -> Kind {
        match self.element.as_ref().map_or(Kind::Null, |element| element.kind("")) {
            Kind::Json => Kind::Json,
            Kind::Null => Kind::List(Box::new(Kind::Text)),
            element => Kind::List(Box::new(element)),
        }
    }
}

impl Members {
    /// What was seen of a member; `None` if it is new and there are too many.
    fn get(&mut self, name: &str, budget: &mut Budget) -> Option<&mut Seen> {
        let position = match self.positions.get(name) {
            Some(position) => *position,
            // Readers know a column by its name.
            None if name.is_empty() || self.list.len() >= MEMBERS || !budget.spend() => return None,
            None => {
                self.positions.insert(name.to_owned(), self.list.len());
                self.list.push((name.to_owned(), Seen::default()));
                self.list.len() - 1
            }
        };
        self.list.get_mut(position).map(|(_, seen)| seen)
    }

    fn kind(&self) -> Kind {
        let kinds = self.list.iter().map(|(name, seen)| (name.clone(), seen.kind(name)));
        let members: Vec<_> = kinds.filter(|(_, kind)| *kind != Kind::Null).collect();
        if members.is_empty() { Kind::Json } else { Kind::Struct(members) }
    }
}

/// Whether WKB says all that this geometry says.
fn is_geometry(value: &Value) -> bool {
    let back = wkb::encode_geojson(value).and_then(|bytes| wkb::decode_to_geojson(&bytes));
    back.is_ok_and(|back| same(&back, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kind(values: &[Value]) -> Kind {
        let mut seen = Seen::default();
        for value in values {
            seen.observe(value, &mut Budget(1000));
        }
        seen.kind("x")
    }

    #[test]
    fn the_type_holds_every_value_exactly() {
        assert_eq!(kind(&[json!(null)]), Kind::Null);
        assert_eq!(kind(&[json!(1), json!(null)]), Kind::Long);
        assert_eq!(kind(&[json!(1), json!(0.5)]), Kind::Double);
        assert_eq!(kind(&[json!(i64::MAX), json!(1)]), Kind::Long);
        assert_eq!(kind(&[json!(i64::MAX), json!(0.5)]), Kind::Json);
        assert_eq!(kind(&[json!(u64::MAX)]), Kind::Json);
        assert_eq!(kind(&[json!("a"), json!(1)]), Kind::Json);
        assert_eq!(kind(&[json!("a"), json!(["a"])]), Kind::Json);
    }

    #[test]
    fn lists_and_objects_nest_and_empty_ones_have_a_type_too() {
        let list = |kind| Kind::List(Box::new(kind));
        assert_eq!(kind(&[json!([]), json!([null])]), list(Kind::Text));
        assert_eq!(kind(&[json!([[1]]), json!([[0.5], []])]), list(list(Kind::Double)));
        assert_eq!(kind(&[json!([1, "a"])]), Kind::Json);
        assert_eq!(kind(&[json!({}), json!({ "a": null })]), Kind::Json);
        let members = vec![("b".to_owned(), Kind::Long), ("a".to_owned(), Kind::Text)];
        assert_eq!(kind(&[json!({ "b": 1 }), json!({ "a": "x", "none": null })]), Kind::Struct(members));
        assert_eq!(kind(&[json!({ "": 1 })]), Kind::Json);
    }

    #[test]
    fn what_would_become_too_many_columns_is_text() {
        let dictionary: Value =
            (0..=MEMBERS).map(|key| (key.to_string(), json!(key))).collect::<serde_json::Map<_, _>>().into();
        let mut seen = Seen::default();
        seen.observe(&dictionary, &mut Budget(10 * MEMBERS));
        assert_eq!(seen.kind("x"), Kind::Json);
        let mut seen = Seen::default();
        seen.observe(&json!({ "a": 1, "b": 2 }), &mut Budget(1));
        assert_eq!(seen.kind("x"), Kind::Json);
        let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(kind(&[deep]), Kind::Json);
    }

    #[test]
    fn a_projected_geometry_is_wkb_where_all_are_geometries() {
        let kind = |values: &[Value]| {
            let mut seen = Seen::default();
            for value in values {
                seen.observe_member(PROJECTED_GEOMETRY, value, &mut Budget(100));
            }
            seen.kind(PROJECTED_GEOMETRY)
        };
        let point = json!({ "type": "Point", "coordinates": [400_000, 5_000_000] });
        assert_eq!(kind(&[point.clone(), Value::Null]), Kind::Wkb);
        assert_ne!(kind(&[point, json!({ "type": "Circle" })]), Kind::Wkb);
    }
}
