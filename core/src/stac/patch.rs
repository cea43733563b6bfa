//! The `json_patch` column: what the other columns of a row cannot say, as an RFC 6902 JSON Patch.

use json_patch::jsonptr::Pointer;
use json_patch::{Patch, PatchOperation};
use serde_json::{Number, Value};

use crate::{Error, Result, limits};

/// Whether two JSON values say the same: key order aside, numbers by value (`80` is `80.0`), texts exactly.
#[must_use]
pub fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => same_number(left, right),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}

fn same_number(left: &Number, right: &Number) -> bool {
    match (integer(left), integer(right)) {
        (Some(left), Some(right)) => left == right,
        (None, None) => left.as_f64() == right.as_f64(),
        (Some(whole), None) => right.as_f64().and_then(whole_number) == Some(whole),
        (None, Some(whole)) => left.as_f64().and_then(whole_number) == Some(whole),
    }
}

fn integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

/// A float without a fraction, as the integer that equals it exactly.
#[expect(clippy::cast_possible_truncation, reason = "a finite whole float below 2^65 is an i128")]
pub(crate) fn whole_number(float: f64) -> Option<i128> {
    (float.fract() == 0.0 && float.abs() < 3.7e19).then_some(float as i128)
}

/// Turns `item` into what it was before it became columns.
///
/// Only `add`, `replace` and `remove` are taken: they cannot make a value larger than the patch itself.
///
/// # Errors
/// [`crate::ErrorKind::Corrupt`] for a text that is no patch or does not fit the item,
/// [`crate::ErrorKind::Unsupported`] for another operation.
pub fn apply(item: &mut Value, text: &str) -> Result<()> {
    apply_wanted(item, text, |_| true)
}

/// As [`apply`], for an item of which only some columns are there: what is said of places in others is left out. A
/// place is `assets` and the like, or `properties.datetime`.
pub(super) fn apply_wanted(item: &mut Value, text: &str, wanted: impl Fn(&str) -> bool) -> Result<()> {
    let mut patch = parse(text)?;
    patch.0.retain(|operation| place(operation.path()).is_none_or(|place| wanted(&place)));
    apply_parsed(item, &patch)
}

/// Reads a patch of the operations that are taken.
///
/// # Errors
/// As [`apply`].
pub(crate) fn parse(text: &str) -> Result<Patch> {
    if text.len() > limits::ITEM_BYTES {
        return Err(Error::corrupt(format!("`json_patch` of {} bytes exceeds the limit", text.len())));
    }
    let patch: Patch =
        serde_json::from_str(text).map_err(|error| Error::corrupt("`json_patch` is no JSON Patch").caused_by(error))?;
    for operation in patch.iter() {
        let (PatchOperation::Add(_) | PatchOperation::Replace(_) | PatchOperation::Remove(_)) = operation else {
            return Err(Error::unsupported("`json_patch` has an operation other than add, replace and remove"));
        };
        if operation.path().tokens().count() > limits::DEPTH {
            return Err(Error::corrupt("`json_patch` has a path deeper than the limit"));
        }
    }
    Ok(patch)
}

/// Applies what [`parse`] read.
///
/// # Errors
/// [`crate::ErrorKind::Corrupt`] for a patch that does not fit the item.
pub(crate) fn apply_parsed(item: &mut Value, patch: &Patch) -> Result<()> {
    json_patch::patch_unsafe(item, patch)
        .map_err(|error| Error::corrupt("`json_patch` does not fit its row").caused_by(error))?;
    if item.is_object() {
        return Ok(());
    }
    Err(Error::corrupt("`json_patch` turns an item into something else"))
}

/// The place of a column, at or above a path; `None` for the whole item.
fn place(path: &Pointer) -> Option<String> {
    let mut tokens = path.tokens();
    let member = tokens.next()?.decoded().into_owned();
    match tokens.next().filter(|_| member == "properties") {
        Some(property) => Some(format!("{member}.{}", property.decoded())),
        None => Some(member),
    }
}

/// The patch that turns `decoded` into `original`, or `None` if they say the same.
///
/// The patch is applied once here; one that did not give the original back would be replaced by one that sets the
/// whole item.
///
/// # Errors
/// [`crate::ErrorKind::Internal`] if even that does not, which no JSON object should cause.
#[cfg(feature = "write")]
pub fn between(decoded: Value, original: &Value) -> Result<Option<String>> {
    let mut operations = Vec::new();
    difference(&decoded, original, &mut String::new(), &mut operations);
    if operations.is_empty() {
        return Ok(None);
    }
    let whole = serde_json::json!([{ "op": "replace", "path": "", "value": original }]);
    let mut item = decoded;
    for text in [Value::Array(operations).to_string(), whole.to_string()] {
        if apply(&mut item, &text).is_ok() && same(&item, original) {
            return Ok(Some(text));
        }
    }
    Err(Error::internal("no patch gives the item back"))
}

/// Objects are compared member by member; anything else that differs is replaced as a whole.
#[cfg(feature = "write")]
fn difference(from: &Value, to: &Value, path: &mut String, operations: &mut Vec<Value>) {
    use serde_json::json;
    let (Value::Object(old), Value::Object(new)) = (from, to) else {
        if !same(from, to) {
            operations.push(json!({ "op": "replace", "path": path, "value": to }));
        }
        return;
    };
    let parent = path.len();
    for (key, value) in new {
        push_token(path, key);
        match old.get(key) {
            Some(other) => difference(other, value, path, operations),
            None => operations.push(json!({ "op": "add", "path": path, "value": value })),
        }
        path.truncate(parent);
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        push_token(path, key);
        operations.push(json!({ "op": "remove", "path": path }));
        path.truncate(parent);
    }
}

/// RFC 6901 §3: `~` is written `~0`, `/` is written `~1`.
#[cfg(feature = "write")]
fn push_token(path: &mut String, key: &str) {
    path.push('/');
    path.push_str(&key.replace('~', "~0").replace('/', "~1"));
}

/// The properties, top-level members of `/properties`, that a patch gives a value other than null; `None` if it may be
/// all of them.
///
/// # Errors
/// [`crate::ErrorKind::Corrupt`] for a text that is no patch.
#[cfg(feature = "write")]
pub(crate) fn patched_properties(text: &str) -> Result<Option<Vec<String>>> {
    let patch: Patch =
        serde_json::from_str(text).map_err(|error| Error::corrupt("`json_patch` is no JSON Patch").caused_by(error))?;
    let mut names = Vec::new();
    for operation in patch.iter() {
        let (PatchOperation::Add(json_patch::AddOperation { value, .. })
        | PatchOperation::Replace(json_patch::ReplaceOperation { value, .. })) = operation
        else {
            continue;
        };
        let mut tokens = operation.path().tokens();
        let (first, second) = (tokens.next(), tokens.next());
        match (first, second) {
            (None, _) => return Ok(None),
            (Some(first), None) if first.decoded() == "properties" => return Ok(None),
            (Some(first), Some(second)) if first.decoded() == "properties" && !value.is_null() => {
                names.push(second.decoded().into_owned());
            }
            _ => {}
        }
    }
    Ok(Some(names))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_the_same_by_value_and_never_by_rounding() {
        assert!(same(&json!(80), &json!(80.0)));
        assert!(same(&json!(-0.0), &json!(0)));
        assert!(!same(&json!(9_007_199_254_740_993_i64), &json!(9_007_199_254_740_992.0)));
        assert!(!same(&json!(u64::MAX), &json!(18_446_744_073_709_551_616.0)));
        assert!(!same(&json!(1), &json!("1")));
        assert!(!same(&json!({ "a": null }), &json!({})));
        assert!(same(&json!({ "a": 1, "b": [2] }), &json!({ "b": [2.0], "a": 1 })));
    }

    #[test]
    fn a_patch_with_an_operation_that_can_multiply_values_is_refused() {
        let mut item = json!({ "a": [1, 2, 3] });
        let error = apply(&mut item, r#"[{"op":"copy","from":"","path":"/b"}]"#).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Unsupported);
    }

    #[test]
    fn broken_patches_are_corrupt_and_do_not_panic() {
        for text in [
            "",
            "{}",
            "[1]",
            r#"[{"op":"remove","path":"/x"}]"#,
            r#"[{"op":"add","path":"x","value":1}]"#,
            r#"[{"op":"add","path":"/a/99999999999999999999","value":1}]"#,
            r#"[{"op":"replace","path":"","value":1}]"#,
            r#"[{"op":"remove","path":""}]"#,
        ] {
            assert!(apply(&mut json!({ "a": [1] }), text).is_err(), "{text}");
        }
        let deep = format!(r#"[{{"op":"add","path":"{}","value":1}}]"#, "/a".repeat(1000));
        assert!(apply(&mut json!({ "a": [1] }), &deep).is_err());
    }

    #[cfg(feature = "write")]
    #[test]
    fn a_patch_gives_the_original_back_whatever_the_keys() {
        let original =
            json!({ "": 1, "a/b": { "~": null, "x~1y": [1, { "z": 2 }] }, "gone": null, "é\u{0}": "\u{10FFFF}" });
        for decoded in [json!({}), json!({ "": 2, "a/b": { "other": 1 } }), json!({ "a/b": [], "gone": 3 })] {
            let mut item = decoded.clone();
            let text = between(decoded, &original).unwrap().unwrap();
            apply(&mut item, &text).unwrap();
            assert_eq!(item, original);
        }
        assert_eq!(between(original.clone(), &original).unwrap(), None);
    }
}
