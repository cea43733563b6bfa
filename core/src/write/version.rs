//! What makes two rows versions of one item, and which of two versions is the newer.

use std::cmp::Ordering;

use arrow_array::RecordBatch;
use serde_json::Value;
use xxhash_rust::xxh3::Xxh3;

use super::hash_index::{IdHash, hash_id};
use crate::Result;
use crate::query::datetime::instant_of_item;
use crate::scan::predicate::{Instants, Texts};
use crate::stac::validate::ValidItem;
use crate::stac::{decode_items, schema};

/// The Python program keeps instants to the millisecond, so versions are told apart to the millisecond.
const MICROS_OF_MILLI: i64 = 1000;

/// An item's name: collection and id. Sorted by the id's hash first, as the hash index is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The hash of the id, as the hash index has it.
    pub id: IdHash,
    /// The hash of the collection; zero for none.
    pub collection: IdHash,
}

impl Identity {
    /// The identity of an id in a collection.
    #[must_use]
    pub fn new(collection: Option<&str>, id: &str) -> Self {
        Self { id: hash_id(id), collection: collection.map_or([0; 16], hash_id) }
    }
}

/// What tells versions of one item apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// `updated`, in µs since 1970.
    pub updated_us: Option<i64>,
    /// When the object it was read from was last written; never known of a stored row.
    pub modified_us: Option<i64>,
    /// A hash of all the item says; zero where it was not needed.
    pub content: IdHash,
}

impl Version {
    /// The version of an item that was read from an object last written at `modified_us`. The content is hashed only
    /// where `updated` does not tell.
    #[must_use]
    pub fn of(item: &ValidItem, modified_us: Option<i64>) -> Self {
        let updated = item.item.get("properties").and_then(|properties| properties.get(schema::UPDATED));
        let updated_us = updated.and_then(Value::as_str).and_then(|text| instant_of_item(text).ok());
        let content = if updated_us.is_none() { content_hash(&item.item) } else { IdHash::default() };
        Self { updated_us, modified_us, content }
    }

    /// The time that orders versions within one run: `updated`, else when the object was last written.
    #[must_use]
    pub fn time_us(&self) -> i64 {
        self.updated_us.or(self.modified_us).unwrap_or(i64::MIN)
    }

    /// Whether this version, just read, takes the place of a stored one.
    ///
    /// By `updated` where both have it. Otherwise what was read last is the state of its source: it takes the place of
    /// a stored version that says something else, unless its object was last written before that one was updated.
    #[must_use]
    pub fn supersedes(&self, stored: &Self) -> bool {
        match (self.updated_us, stored.updated_us) {
            (Some(new), Some(old)) => millis(new) > millis(old),
            (Some(_), None) => true,
            (None, Some(old)) if self.modified_us.is_some_and(|modified| modified < old) => false,
            (None, _) => self.content != stored.content,
        }
    }

    /// The order of stored versions by `updated`; one without it is older.
    #[must_use]
    pub fn compare_stored(&self, other: &Self) -> Ordering {
        self.updated_us.map(millis).cmp(&other.updated_us.map(millis))
    }
}

fn millis(us: i64) -> i64 {
    us.div_euclid(MICROS_OF_MILLI)
}

/// Identity and version of each row of a batch, in order. Their contents are hashed if `contents` is set; the batch
/// then has to hold all columns. A row without an id is `None`: it is no version of anything.
///
/// # Errors
/// Those of decoding rows.
pub fn row_versions(batch: &RecordBatch, contents: bool) -> Result<Vec<Option<(Identity, Version)>>> {
    let texts = |name| Texts::of(batch.column_by_name(name));
    let (ids, collections) = (texts(schema::ID), texts(schema::COLLECTION));
    let updated = Instants::of(batch.column_by_name(schema::UPDATED));
    let hashes: Vec<IdHash> =
        if contents { decode_items(batch)?.iter().map(content_hash).collect() } else { Vec::new() };
    let row = |row: usize| {
        let identity = Identity::new(collections.at(row), ids.at(row)?);
        let content = hashes.get(row).copied().unwrap_or_default();
        Some((identity, Version { updated_us: updated.at(row), modified_us: None, content }))
    };
    Ok((0..batch.num_rows()).map(row).collect())
}

/// A hash of a JSON value that is the same for equal values: members in any order, 80 and 80.0 one number.
#[must_use]
pub fn content_hash(value: &Value) -> IdHash {
    let mut hash = Xxh3::new();
    feed(value, &mut hash);
    hash.digest128().to_be_bytes()
}

fn feed(value: &Value, hash: &mut Xxh3) {
    match value {
        Value::Null => hash.update(b"n"),
        Value::Bool(flag) => hash.update(if *flag { b"t" } else { b"f" }),
        Value::Number(number) => match (number.as_i128(), number.as_f64()) {
            (Some(whole), _) => feed_text("i", &whole.to_string(), hash),
            (None, Some(float)) => match crate::stac::whole_number(float) {
                Some(whole) => feed_text("i", &whole.to_string(), hash),
                None => feed_text("d", &float.to_string(), hash),
            },
            (None, None) => feed_text("d", &number.to_string(), hash),
        },
        Value::String(text) => feed_text("s", text, hash),
        Value::Array(values) => {
            feed_text("a", &values.len().to_string(), hash);
            for value in values {
                feed(value, hash);
            }
        }
        Value::Object(members) => {
            feed_text("o", &members.len().to_string(), hash);
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| *name);
            for (name, value) in sorted {
                feed_text("k", name, hash);
                feed(value, hash);
            }
        }
    }
}

/// A text with its length before it, so that neighbours cannot run into each other.
fn feed_text(kind: &str, text: &str, hash: &mut Xxh3) {
    hash.update(kind.as_bytes());
    hash.update(&(text.len() as u64).to_le_bytes());
    hash.update(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn stored(updated_us: Option<i64>, content: u8) -> Version {
        Version { updated_us, modified_us: None, content: [content; 16] }
    }

    #[test]
    fn updated_decides_to_the_millisecond_where_both_have_it() {
        assert!(stored(Some(2_000), 0).supersedes(&stored(Some(1_999), 0)));
        assert!(!stored(Some(1_999), 0).supersedes(&stored(Some(1_000), 0)));
        assert!(!stored(Some(1_000), 1).supersedes(&stored(Some(2_000), 2)));
        assert!(stored(Some(1), 0).supersedes(&stored(None, 0)));
    }

    #[test]
    fn without_updated_only_another_content_takes_the_place_and_never_that_of_an_older_object() {
        assert!(!stored(None, 1).supersedes(&stored(None, 1)));
        assert!(stored(None, 1).supersedes(&stored(None, 2)));
        let read = |modified_us| Version { modified_us: Some(modified_us), ..stored(None, 1) };
        assert!(!read(4).supersedes(&stored(Some(5), 2)));
        assert!(read(6).supersedes(&stored(Some(5), 2)));
    }

    #[test]
    fn equal_values_have_one_content_and_others_another() {
        let hash = |value: Value| content_hash(&value);
        assert_eq!(hash(json!({ "a": 1, "b": [80, null] })), hash(json!({ "b": [80.0, null], "a": 1.0 })));
        let different = [
            json!({}),
            json!([]),
            json!(null),
            json!("1"),
            json!(1),
            json!(1.5),
            json!(["a", "b"]),
            json!(["ab"]),
            json!([["a"], "b"]),
            json!({ "a": "b" }),
            json!(i64::MAX),
            json!(u64::MAX),
        ];
        for (at, left) in different.iter().enumerate() {
            for right in different.iter().skip(at + 1) {
                assert_ne!(content_hash(left), content_hash(right), "{left} {right}");
            }
        }
    }
}
