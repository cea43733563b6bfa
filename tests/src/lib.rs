//! What the tests share: outside fixtures and what a test says when they are absent, tables in memory,
//! things made at random, JSON equality.

pub mod folder;
pub mod generated;
pub mod items;
pub mod made;
pub mod place;
pub mod shapes;
pub mod sim;

use std::path::PathBuf;

use serde_json::Value;

/// The folder of outside test data, or `None`, with a message, where it is absent: the test then skips.
///
/// `EARTHCATALOG_FIXTURES` names it; otherwise it is looked for at `../shared/fixtures` from the project's root.
#[must_use]
pub fn fixtures() -> Option<PathBuf> {
    let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures"));
    let folder = std::env::var_os("EARTHCATALOG_FIXTURES").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no outside fixtures at {}", folder.display());
    None
}

/// JSON equality of its own, not the writer's: key order aside, numbers by value.
#[must_use]
pub fn same_json(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) if left.is_f64() == right.is_f64() => left == right,
        (Value::Number(left), Value::Number(right)) => {
            left.as_f64() == right.as_f64()
                && left.as_f64().is_some_and(|number| number.abs() <= 9_007_199_254_740_992.0)
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same_json(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let keys = (sorted(left.keys()), sorted(right.keys()));
            keys.0 == keys.1 && left.iter().all(|(key, value)| same_json(value, &right[key]))
        }
        _ => left == right,
    }
}

fn sorted<'a>(keys: impl Iterator<Item = &'a String>) -> Vec<&'a String> {
    let mut keys: Vec<&String> = keys.collect();
    keys.sort();
    keys
}
