//! What is sorted: the row of an item in a cell, and the name of an item.

use std::cmp::Ordering;
use std::sync::Arc;

use earthcatalog_core::catalog::TimeBin;
use earthcatalog_core::stac::validate::ValidItem;
use earthcatalog_core::write::partition::PartitionKey;
use earthcatalog_core::write::sort::hilbert_of_bounds;
use earthcatalog_core::write::version::{Identity, Version};
use serde_json::Value;

use crate::spill::{Parts, Record, put_text};

/// In which order rows lie in a data file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortOrder {
    /// By platform, then `datetime`.
    #[default]
    Time,
    /// Along a Hilbert curve, by the middle of the footprint: neighbours lie together.
    Hilbert,
}

/// An item in one of its cells. The order of its members is the order of rows: partition, sort order, id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) partition: PartitionKey,
    /// Platform, or nothing along a curve.
    group: Option<String>,
    /// Datetime, or the place on a curve.
    place: Option<i64>,
    id: String,
    /// The item's number in the run.
    pub(crate) sequence: u64,
    /// The item as JSON, shared by its rows.
    pub(crate) json: Arc<[u8]>,
}

impl Row {
    /// The row of an item in a partition that is its own.
    pub(crate) fn new(
        item: &ValidItem,
        partition: PartitionKey,
        sequence: u64,
        json: Arc<[u8]>,
        order: SortOrder,
    ) -> Self {
        let platform = property(&item.item, "platform").and_then(Value::as_str);
        let (group, place) = match order {
            SortOrder::Time => (platform.map(str::to_owned), item.datetime_us),
            SortOrder::Hilbert => (None, item.bounds.map(|bounds| i64::from(hilbert_of_bounds(bounds)))),
        };
        Self { partition, group, place, id: item.id.clone(), sequence, json }
    }
}

impl Record for Row {
    fn size_bytes(&self) -> usize {
        let texts = self.partition.cell.len() + self.group.as_ref().map_or(0, String::len) + self.id.len();
        size_of::<Self>() + texts + self.json.len()
    }

    fn encode(&self, output: &mut Vec<u8>) {
        put_text(output, &self.partition.cell);
        output
            .push(TimeBin::ALL.iter().take_while(|bin| **bin != self.partition.time_bin).fold(0, |count, _| count + 1));
        put_optional(output, self.partition.bin.map(i64::from));
        match &self.group {
            Some(group) => {
                output.push(1);
                put_text(output, group);
            }
            None => output.push(0),
        }
        put_optional(output, self.place);
        put_text(output, &self.id);
        output.extend_from_slice(&self.sequence.to_le_bytes());
        output.extend_from_slice(&self.json);
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut parts = Parts(bytes);
        let cell = parts.text()?.to_owned();
        let [time_bin] = parts.array()?;
        let time_bin = *TimeBin::ALL.get(usize::from(time_bin))?;
        let (dated, bin) = optional(&mut parts)?;
        let bin = dated.then(|| i32::try_from(bin)).transpose().ok()?;
        let group = match parts.array()? {
            [0] => None,
            [_] => Some(parts.text()?.to_owned()),
        };
        let place = take_optional(&mut parts)?;
        let id = parts.text()?.to_owned();
        let sequence = u64::from_le_bytes(parts.array()?);
        let partition = PartitionKey { cell, time_bin, bin };
        Some(Self { partition, group, place, id, sequence, json: parts.0.into() })
    }
}

/// The name and version of an item. The last of equal names is to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) identity: Identity,
    pub(crate) version: Version,
    /// The item's number in the run.
    pub(crate) sequence: u64,
}

impl Name {
    /// The name of an item whose object was last written at `modified_us`.
    pub(crate) fn new(item: &ValidItem, modified_us: Option<i64>, sequence: u64) -> Self {
        let identity = Identity::new(item.collection.as_deref(), &item.id);
        Self { identity, version: Version::of(item, modified_us), sequence }
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |name: &Self| (name.identity, name.version.time_us(), name.sequence);
        key(self).cmp(&key(other))
    }
}

impl Record for Name {
    fn size_bytes(&self) -> usize {
        size_of::<Self>()
    }

    fn encode(&self, output: &mut Vec<u8>) {
        put_identity(output, &self.identity);
        put_optional(output, self.version.updated_us);
        put_optional(output, self.version.modified_us);
        output.extend_from_slice(&self.version.content);
        output.extend_from_slice(&self.sequence.to_le_bytes());
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut parts = Parts(bytes);
        Some(Self {
            identity: take_identity(&mut parts)?,
            version: Version {
                updated_us: take_optional(&mut parts)?,
                modified_us: take_optional(&mut parts)?,
                content: parts.array()?,
            },
            sequence: u64::from_le_bytes(parts.array()?),
        })
    }
}

/// Appends an identity, for [`take_identity`].
pub(crate) fn put_identity(output: &mut Vec<u8>, identity: &Identity) {
    output.extend_from_slice(&identity.id);
    output.extend_from_slice(&identity.collection);
}

/// Reads an identity.
pub(crate) fn take_identity(parts: &mut Parts<'_>) -> Option<Identity> {
    Some(Identity { id: parts.array()?, collection: parts.array()? })
}

/// Reads a number that may be missing, written by [`put_optional`].
#[expect(clippy::option_option, reason = "no number, or no record")]
pub(crate) fn take_optional(parts: &mut Parts<'_>) -> Option<Option<i64>> {
    let (present, number) = optional(parts)?;
    Some(present.then_some(number))
}

fn property<'a>(item: &'a Value, name: &str) -> Option<&'a Value> {
    item.get("properties")?.get(name)
}

/// Appends a number that may be missing.
pub(crate) fn put_optional(output: &mut Vec<u8>, number: Option<i64>) {
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
        let item = item(datetime, platform, "2020-01-01T00:00:00Z");
        let partition = PartitionKey::new("c", TimeBin::Year, item.datetime_us);
        Row::new(&item, partition, sequence, Arc::from(*b"{}"), SortOrder::Time)
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
        let name = |updated, sequence| Name::new(&item(&time, &Value::Null, updated), None, sequence);
        let names = [name("never", 9), name("2020-01-01T00:00:00Z", 1), name("2021-01-01T00:00:00Z", 0)];
        assert!(names.is_sorted() && names[0].identity == names[2].identity);
        let mut bytes = Vec::new();
        names[1].encode(&mut bytes);
        assert_eq!(Name::decode(&bytes), Some(names[1]));
    }
}
