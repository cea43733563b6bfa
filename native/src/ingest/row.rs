//! What is sorted: the row of an item in a cell, and the name of an item.

use std::sync::Arc;

use earthcatalog_core::stac::validate::ValidItem;
use earthcatalog_core::write::hash_index::{IdHash, hash_id};
use earthcatalog_core::write::partition::PartitionKey;
use serde_json::Value;

use crate::spill::{Parts, Record, put_text};

/// An item in one of its cells. The order of its members is the order of rows: partition, platform, datetime, id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) partition: PartitionKey,
    platform: Option<String>,
    datetime_us: Option<i64>,
    id: String,
    /// The item's number in the run.
    pub(super) sequence: u64,
    /// The item as JSON, shared by its rows.
    pub(super) json: Arc<[u8]>,
}

impl Row {
    /// The row of an item in a cell.
    pub(super) fn new(item: &ValidItem, cell: &str, sequence: u64, json: Arc<[u8]>) -> Self {
        let platform = property(&item.item, "platform").and_then(Value::as_str);
        Self {
            partition: PartitionKey::new(cell, item.datetime_us),
            platform: platform.map(str::to_owned),
            datetime_us: item.datetime_us,
            id: item.id.clone(),
            sequence,
            json,
        }
    }
}

impl Record for Row {
    fn size_bytes(&self) -> usize {
        let texts = self.partition.cell.len() + self.platform.as_ref().map_or(0, String::len) + self.id.len();
        size_of::<Self>() + texts + self.json.len()
    }

    fn encode(&self, output: &mut Vec<u8>) {
        put_text(output, &self.partition.cell);
        put_optional(output, self.partition.year.map(i64::from));
        match &self.platform {
            Some(platform) => {
                output.push(1);
                put_text(output, platform);
            }
            None => output.push(0),
        }
        put_optional(output, self.datetime_us);
        put_text(output, &self.id);
        output.extend_from_slice(&self.sequence.to_le_bytes());
        output.extend_from_slice(&self.json);
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut parts = Parts(bytes);
        let cell = parts.text()?.to_owned();
        let (dated, year) = optional(&mut parts)?;
        let year = dated.then(|| i32::try_from(year)).transpose().ok()?;
        let platform = match parts.array()? {
            [0] => None,
            [_] => Some(parts.text()?.to_owned()),
        };
        let (dated, datetime_us) = optional(&mut parts)?;
        let datetime_us = dated.then_some(datetime_us);
        let id = parts.text()?.to_owned();
        let sequence = u64::from_le_bytes(parts.array()?);
        Some(Self { partition: PartitionKey { cell, year }, platform, datetime_us, id, sequence, json: parts.0.into() })
    }
}

/// What makes two items the same, and which of them is newer. The last of equal names is to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) id: IdHash,
    pub(super) collection: IdHash,
    updated_us: i64,
    pub(super) sequence: u64,
}

impl Name {
    /// The name of an item.
    pub(super) fn new(item: &ValidItem, sequence: u64) -> Self {
        let updated = property(&item.item, "updated").and_then(Value::as_str);
        let updated_us = updated.and_then(|text| earthcatalog_core::query::datetime::parse_instant(text).ok());
        Self {
            id: hash_id(&item.id),
            collection: item.collection.as_deref().map_or([0; 16], hash_id),
            updated_us: updated_us.unwrap_or(i64::MIN),
            sequence,
        }
    }

    /// Whether both name the same item.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.id == other.id && self.collection == other.collection
    }
}

impl Record for Name {
    fn size_bytes(&self) -> usize {
        size_of::<Self>()
    }

    fn encode(&self, output: &mut Vec<u8>) {
        output.extend_from_slice(&self.id);
        output.extend_from_slice(&self.collection);
        output.extend_from_slice(&self.updated_us.to_le_bytes());
        output.extend_from_slice(&self.sequence.to_le_bytes());
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut parts = Parts(bytes);
        Some(Self {
            id: parts.array()?,
            collection: parts.array()?,
            updated_us: i64::from_le_bytes(parts.array()?),
            sequence: u64::from_le_bytes(parts.array()?),
        })
    }
}

fn property<'a>(item: &'a Value, name: &str) -> Option<&'a Value> {
    item.get("properties")?.get(name)
}

fn put_optional(output: &mut Vec<u8>, number: Option<i64>) {
    output.push(u8::from(number.is_some()));
    output.extend_from_slice(&number.unwrap_or_default().to_le_bytes());
}

/// The number and whether it is there.
fn optional(parts: &mut Parts<'_>) -> Option<(bool, i64)> {
    let [present] = parts.array()?;
    Some((present != 0, i64::from_le_bytes(parts.array()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn item(datetime: &Value, platform: &Value, updated: &str) -> ValidItem {
        let item = json!({
            "type": "Feature", "stac_version": "1.0.0", "id": "a", "geometry": null, "links": [], "assets": {},
            "properties": { "datetime": datetime, "platform": platform, "updated": updated }
        });
        ValidItem::from_value(item).unwrap()
    }

    fn row(datetime: &Value, platform: &Value, sequence: u64) -> Row {
        Row::new(&item(datetime, platform, "2020-01-01T00:00:00Z"), "c", sequence, Arc::from(*b"{}"))
    }

    #[test]
    fn a_row_survives_its_bytes() {
        for row in [row(&json!("1960-01-01T00:00:00Z"), &json!("p"), 7), row(&Value::Null, &Value::Null, 0)] {
            let mut bytes = Vec::new();
            row.encode(&mut bytes);
            assert_eq!(Row::decode(&bytes), Some(row));
            assert_eq!(Row::decode(&bytes[..bytes.len() - 3]), None);
        }
    }

    #[test]
    fn rows_sort_by_partition_then_platform_then_datetime_with_absent_ones_first() {
        let (early, late) = (json!("2020-01-01T00:00:00Z"), json!("2020-06-01T00:00:00Z"));
        let year_before = json!("2019-12-31T23:59:59Z");
        let rows = [
            row(&Value::Null, &json!("z"), 0),
            row(&year_before, &json!("z"), 1),
            row(&late, &Value::Null, 2),
            row(&early, &json!("a"), 3),
            row(&late, &json!("a"), 4),
            row(&early, &json!("b"), 5),
        ];
        assert!(rows.is_sorted(), "{rows:?}");
    }

    #[test]
    fn the_newest_of_equal_names_comes_last() {
        let time = json!("2020-01-01T00:00:00Z");
        let name = |updated, sequence| Name::new(&item(&time, &Value::Null, updated), sequence);
        let names = [name("never", 9), name("2020-01-01T00:00:00Z", 1), name("2021-01-01T00:00:00Z", 0)];
        assert!(names.is_sorted() && names[0].is_same(&names[2]));
        let mut bytes = Vec::new();
        names[1].encode(&mut bytes);
        assert_eq!(Name::decode(&bytes), Some(names[1]));
    }
}
