//! The order of an answer (STAC API, Sort Extension).

use serde_json::Value;

use crate::{Error, Result};

/// Most keys of one order: each is read of every row that matches.
const MOST_KEYS: usize = 16;

/// One property by which items are ordered. Items without it come last, in either direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortKey {
    /// The property as it was named: `id`, `properties.datetime`, `eo:cloud_cover`.
    pub field: String,
    /// Greatest first.
    pub descending: bool,
}

impl SortKey {
    /// Reads an order as a GET request has it, such as `-properties.datetime`, `+id` or `id`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] for an empty name.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let (field, descending) = match text.strip_prefix('-') {
            Some(field) => (field, true),
            None => (text.strip_prefix('+').unwrap_or(text), false),
        };
        if field.is_empty() {
            return Err(Error::invalid("a name in `sortby` is empty"));
        }
        Ok(Self { field: field.to_owned(), descending })
    }

    fn from_json(value: &Value) -> Result<Self> {
        let wrong =
            || Error::invalid("`sortby` has names such as `-datetime`, or objects with `field` and `direction`");
        let members = match value {
            Value::String(text) => return Self::parse(text),
            Value::Object(members) if members.keys().all(|key| key == "field" || key == "direction") => members,
            _ => return Err(wrong()),
        };
        let field = members.get("field").and_then(Value::as_str).filter(|field| !field.is_empty()).ok_or_else(wrong)?;
        let descending = match members.get("direction") {
            None | Some(Value::Null) => false,
            Some(Value::String(direction)) if direction == "asc" => false,
            Some(Value::String(direction)) if direction == "desc" => true,
            Some(other) => return Err(Error::invalid(format!("`direction` is `asc` or `desc`, not {other}"))),
        };
        Ok(Self { field: field.to_owned(), descending })
    }
}

/// Reads a list of keys, the first of which decides first.
///
/// # Errors
/// As [`SortKey::parse`], and for more than 16 keys.
pub(super) fn parse_keys<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Vec<SortKey>> {
    bounded(texts.into_iter().map(|text| SortKey::parse(text.as_ref())).collect::<Result<_>>()?)
}

/// Reads `sortby` of a search body: a list of objects with `field` and `direction`, or of texts; or one text with commas.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] for anything else.
pub(super) fn keys_from_json(value: &Value) -> Result<Vec<SortKey>> {
    match value {
        Value::String(text) => parse_keys(text.split(',')),
        Value::Array(keys) => bounded(keys.iter().map(SortKey::from_json).collect::<Result<_>>()?),
        _ => Err(Error::invalid("`sortby` is a list")),
    }
}

fn bounded(keys: Vec<SortKey>) -> Result<Vec<SortKey>> {
    if keys.len() > MOST_KEYS {
        return Err(Error::invalid(format!("`sortby` has more than {MOST_KEYS} keys")));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_order_is_written_in_three_ways() {
        let wanted = parse_keys(["-properties.datetime", "+id"]).unwrap();
        assert_eq!(wanted.iter().map(|key| key.descending).collect::<Vec<_>>(), [true, false]);
        for body in [
            json!("-properties.datetime,id"),
            json!(["-properties.datetime", "id"]),
            json!([{ "field": "properties.datetime", "direction": "desc" }, { "field": "id" }]),
        ] {
            assert_eq!(keys_from_json(&body).unwrap(), wanted, "{body}");
        }
    }

    #[test]
    fn what_is_no_order_is_refused() {
        let many = vec!["id"; MOST_KEYS + 1];
        for wrong in [
            json!(1),
            json!([1]),
            json!(["-"]),
            json!(""),
            json!([{ "field": "" }]),
            json!([{ "field": "id", "direction": "down" }]),
            json!([{ "field": "id", "order": "asc" }]),
            json!(many),
        ] {
            assert!(keys_from_json(&wrong).is_err(), "{wrong}");
        }
    }
}
