//! How two arrays relate: the functions `A_…`, which take arrays as sets (OGC 21-065r2, 7.6).

use std::cmp::Ordering;

use serde_json::Value;

use super::Operator;
use super::term::{Term, View, compare};
use crate::stac::patch::same;

/// An element of an array.
#[derive(Clone, Debug)]
pub(super) enum Element {
    Term(Term),
    List(Vec<Element>),
    /// Null, or an object.
    Other(Value),
}

impl Element {
    pub(super) fn of_json(value: &Value) -> Self {
        match (value, View::of_json(value)) {
            (Value::Array(elements), _) => Self::List(elements.iter().map(Self::of_json).collect()),
            (Value::Null | Value::Object(_), _) | (_, None) => Self::Other(value.clone()),
            (_, Some(view)) => Self::Term(view.term()),
        }
    }

    fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Term(one), Self::Term(other)) => compare(one.view(), other.view()) == Some(Ordering::Equal),
            (Self::List(one), Self::List(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.equals(other))
            }
            (Self::Other(one), Self::Other(other)) => same(one, other),
            _ => false,
        }
    }
}

/// Whether `left` stands to `right` as `operator` says.
pub(super) fn relate(operator: Operator, left: &[Element], right: &[Element]) -> Option<bool> {
    let among = |one: &Element, all: &[Element]| all.iter().any(|other| one.equals(other));
    let holds = |all: &[Element], some: &[Element]| some.iter().all(|one| among(one, all));
    Some(match operator {
        Operator::AContains => holds(left, right),
        Operator::AContainedBy => holds(right, left),
        Operator::AEquals => holds(left, right) && holds(right, left),
        Operator::AOverlaps => left.iter().any(|one| among(one, right)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn arrays_are_sets_of_equal_values() {
        let says = |operator, left: Value, right: Value| {
            let elements = |value: Value| match Element::of_json(&value) {
                Element::List(elements) => elements,
                other => panic!("{other:?}"),
            };
            relate(operator, &elements(left), &elements(right)).unwrap()
        };
        assert!(says(Operator::AContains, json!([1, 2.0, "x"]), json!(["x", 2])));
        assert!(!says(Operator::AContains, json!([1]), json!(["1"])));
        assert!(says(Operator::AContainedBy, json!([]), json!([1])));
        assert!(says(Operator::AEquals, json!([1, 1, [2, null]]), json!([[2, null], 1.0])));
        assert!(!says(Operator::AOverlaps, json!([[1]]), json!([1])));
        assert!(says(Operator::AOverlaps, json!([{ "a": 1 }]), json!([0, { "a": 1.0 }])));
    }
}
