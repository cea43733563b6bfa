//! Reads manifests ("Manifests").

use std::collections::BTreeMap;
use std::sync::Arc;

use super::avro::{Cursor, Node, read_object_container, unexpected};
use super::manifest::{
    ColumnMetrics, DataFile, EntryStatus, ManifestContent, ManifestEntry, ManifestFile, delete_files,
};
use super::manifest_list::resolve;
use super::metadata::{PartitionSpec, PrimitiveType, TableMetadata};
use super::value::{Value, twos_complement};
use crate::{Error, Result};

/// Reads the live entries of a manifest, in the order they are stored.
///
/// Counts and bounds are kept for the field ids in `wanted` only; all others are skipped, which is most of the work
/// saved. Snapshot ids and sequence numbers that an entry leaves out are inherited ("Sequence Number Inheritance").
///
/// # Errors
/// [`crate::ErrorKind::Unsupported`] for delete files, naming one; [`crate::ErrorKind::Corrupt`] for anything that
/// breaks the format or a limit, or names a partition spec the table does not have.
pub fn parse_manifest(
    bytes: &[u8],
    metadata: &TableMetadata,
    manifest: &ManifestFile,
    wanted: &[i32],
) -> Result<Vec<ManifestEntry>> {
    let mut container = read_object_container(bytes)?;
    // The manifest itself knows best; the list's word counts where it is silent.
    let own_spec =
        container.metadata("partition-spec-id").and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
    let spec_id = own_spec.unwrap_or(manifest.partition_spec_id);
    let spec = metadata.spec(spec_id);
    let spec =
        spec.ok_or_else(|| Error::corrupt(format!("manifest of partition spec {spec_id}, which is not there")))?;
    let deletes =
        manifest.content == ManifestContent::Deletes || container.metadata("content") == Some(b"deletes".as_slice());
    let schema = container.schema();
    let plan = Plan::new(&schema, metadata, spec, wanted)?;
    let mut entries = Vec::new();
    container.for_each_record(|cursor| {
        let Some((entry, content)) = plan.entry(cursor, manifest)? else {
            return Ok(());
        };
        if deletes || content != 0 {
            return Err(delete_files().with("file", &entry.data_file.file_path));
        }
        entries.push(entry);
        Ok(())
    })?;
    Ok(entries)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum EntryRole {
    Status,
    SnapshotId,
    SequenceNumber,
    DataFile,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FileRole {
    Content,
    Path,
    Format,
    Partition,
    RecordCount,
    Size,
    ValueCounts,
    NullCounts,
    LowerBounds,
    UpperBounds,
}

const ENTRY_FIELDS: [(i32, &str, EntryRole); 4] = [
    (0, "status", EntryRole::Status),
    (1, "snapshot_id", EntryRole::SnapshotId),
    (3, "sequence_number", EntryRole::SequenceNumber),
    (2, "data_file", EntryRole::DataFile),
];

const FILE_FIELDS: [(i32, &str, FileRole); 10] = [
    (134, "content", FileRole::Content),
    (100, "file_path", FileRole::Path),
    (101, "file_format", FileRole::Format),
    (102, "partition", FileRole::Partition),
    (103, "record_count", FileRole::RecordCount),
    (104, "file_size_in_bytes", FileRole::Size),
    (109, "value_counts", FileRole::ValueCounts),
    (110, "null_value_counts", FileRole::NullCounts),
    (125, "lower_bounds", FileRole::LowerBounds),
    (128, "upper_bounds", FileRole::UpperBounds),
];

/// How to read this manifest's records: worked out once from its schema.
struct Plan {
    entry: Vec<(Option<EntryRole>, Arc<Node>)>,
    file: Vec<(Option<FileRole>, Arc<Node>)>,
    partition: Vec<PartitionPlan>,
    width: usize,
    spec_id: i32,
    /// Sorted by id; the type is there if bounds can be read.
    wanted: Vec<(i32, Option<PrimitiveType>)>,
}

/// One field of the partition record: its position in the spec and its type, as far as known.
struct PartitionPlan {
    position: Option<usize>,
    kind: Option<PrimitiveType>,
    node: Arc<Node>,
}

impl Plan {
    fn new(schema: &Node, metadata: &TableMetadata, spec: &PartitionSpec, wanted: &[i32]) -> Result<Self> {
        let lacks = |name: &str| Error::corrupt(format!("manifest without `{name}`"));
        let entry = resolve(schema.fields().ok_or_else(|| lacks("manifest_entry"))?, &ENTRY_FIELDS);
        let find = |role| entry.iter().find(|(found, _)| *found == Some(role)).map(|(_, node)| node);
        find(EntryRole::Status).ok_or_else(|| lacks("status"))?;
        let data_file = find(EntryRole::DataFile).and_then(|node| node.fields()).ok_or_else(|| lacks("data_file"))?;
        let file = resolve(data_file, &FILE_FIELDS);
        for (_, name, role) in FILE_FIELDS.iter().take(6).skip(1) {
            file.iter().find(|(found, _)| found == &Some(*role)).ok_or_else(|| lacks(name))?;
        }
        let partition = file.iter().find(|(role, _)| *role == Some(FileRole::Partition));
        let partition = partition.and_then(|(_, node)| node.fields()).ok_or_else(|| lacks("partition"))?;
        let mut ids: Vec<i32> = wanted.to_vec();
        ids.sort_unstable();
        ids.dedup();
        Ok(Self {
            partition: partition_plan(partition, metadata, spec),
            entry,
            file,
            width: spec.fields.len(),
            spec_id: spec.spec_id,
            wanted: ids
                .into_iter()
                .map(|id| (id, metadata.field_by_id(id).and_then(|f| f.primitive().copied())))
                .collect(),
        })
    }

    /// A record: the entry and its file's content, or `None` if it is deleted.
    fn entry(&self, cursor: &mut Cursor<'_>, manifest: &ManifestFile) -> Result<Option<(ManifestEntry, i64)>> {
        let (mut status, mut snapshot_id, mut sequence_number, mut file) = (None, None, None, None);
        for (role, node) in &self.entry {
            match role {
                None => cursor.skip(node)?,
                Some(EntryRole::Status) => status = cursor.optional_long(node)?,
                Some(EntryRole::SnapshotId) => snapshot_id = cursor.optional_long(node)?,
                Some(EntryRole::SequenceNumber) => sequence_number = cursor.optional_long(node)?,
                Some(EntryRole::DataFile) if status == Some(2) => cursor.skip(node)?,
                Some(EntryRole::DataFile) => file = Some(self.data_file(cursor)?),
            }
        }
        let status = match status {
            Some(0) => EntryStatus::Existing,
            Some(1) => EntryStatus::Added,
            Some(2) => return Ok(None),
            _ => return Err(Error::corrupt("manifest entry of unknown status")),
        };
        let (data_file, content) = file.ok_or_else(|| Error::corrupt("manifest entry without data file"))?;
        let entry = ManifestEntry {
            status,
            snapshot_id: snapshot_id.unwrap_or(manifest.added_snapshot_id),
            sequence_number: sequence_number.unwrap_or(manifest.sequence_number),
            data_file,
        };
        Ok(Some((entry, content)))
    }

    fn data_file(&self, cursor: &mut Cursor<'_>) -> Result<(DataFile, i64)> {
        let mut content = 0;
        let mut file = DataFile {
            file_path: String::new(),
            file_format: String::new(),
            partition: Vec::new(),
            spec_id: self.spec_id,
            record_count: 0,
            file_size_bytes: 0,
            metrics: BTreeMap::new(),
        };
        for (role, node) in &self.file {
            let Some(role) = role else {
                cursor.skip(node)?;
                continue;
            };
            match role {
                FileRole::Content => content = cursor.optional_long(node)?.unwrap_or(0),
                FileRole::Path => cursor.optional_text(node)?.unwrap_or_default().clone_into(&mut file.file_path),
                FileRole::Format => {
                    file.file_format = cursor.optional_text(node)?.unwrap_or_default().to_ascii_uppercase();
                }
                FileRole::Partition => file.partition = self.partition(cursor)?,
                FileRole::RecordCount => file.record_count = count(cursor, node)?,
                FileRole::Size => file.file_size_bytes = count(cursor, node)?,
                _ if self.wanted.is_empty() => cursor.skip(node)?,
                metric => self.metric(cursor, *metric, node, &mut file.metrics)?,
            }
        }
        if file.file_path.is_empty() {
            return Err(Error::corrupt("manifest entry without location"));
        }
        Ok((file, content))
    }

    fn partition(&self, cursor: &mut Cursor<'_>) -> Result<Vec<Option<Value>>> {
        let mut tuple = vec![None; self.width];
        for field in &self.partition {
            match field.position.and_then(|position| tuple.get_mut(position)) {
                Some(place) => *place = partition_value(cursor, &field.node, field.kind)?,
                None => cursor.skip(&field.node)?,
            }
        }
        Ok(tuple)
    }

    fn metric(
        &self,
        cursor: &mut Cursor<'_>,
        role: FileRole,
        node: &Node,
        metrics: &mut BTreeMap<i32, ColumnMetrics>,
    ) -> Result<()> {
        each_pair(cursor, node, |id, cursor, value| {
            let Ok(position) = self.wanted.binary_search_by_key(&id, |(wanted, _)| *wanted) else {
                return cursor.skip(value);
            };
            let kind = self.wanted.get(position).and_then(|(_, kind)| *kind);
            let metrics = metrics.entry(id).or_default();
            match role {
                FileRole::ValueCounts => metrics.value_count = Some(count(cursor, value)?),
                FileRole::NullCounts => metrics.null_count = Some(count(cursor, value)?),
                FileRole::LowerBounds => metrics.lower = bound(cursor, value, kind)?,
                FileRole::UpperBounds => metrics.upper = bound(cursor, value, kind)?,
                _ => cursor.skip(value)?,
            }
            Ok(())
        })
    }
}

fn partition_plan(
    fields: &[super::avro::RecordField],
    metadata: &TableMetadata,
    spec: &PartitionSpec,
) -> Vec<PartitionPlan> {
    let position_of = |field: &super::avro::RecordField| {
        spec.fields.iter().position(|known| field.field_id.map_or(known.name == field.name, |id| id == known.field_id))
    };
    let plan = |field: &super::avro::RecordField| {
        let position = position_of(field);
        let known = position.and_then(|position| spec.fields.get(position));
        PartitionPlan {
            position,
            kind: known.and_then(|known| metadata.partition_type(known)),
            node: field.node.clone(),
        }
    };
    fields.iter().map(plan).collect()
}

/// Avro has no maps with integer keys, so Iceberg stores arrays of records of a key and a value ("Appendix A").
fn each_pair(
    cursor: &mut Cursor<'_>,
    node: &Node,
    mut pair: impl FnMut(i32, &mut Cursor<'_>, &Node) -> Result<()>,
) -> Result<()> {
    let item = match cursor.branch(node)? {
        Node::Null => return Ok(()),
        Node::Array(item) => item,
        other => return Err(unexpected(other, "an array of keys and values")),
    };
    let Some([key, value]) = item.fields() else {
        return Err(unexpected(item, "a record of key and value"));
    };
    if !matches!(*key.node, Node::Int | Node::Long) {
        return Err(unexpected(&key.node, "an integer key"));
    }
    while let Some(count) = cursor.array_block()? {
        for _ in 0..count {
            pair(cursor.int()?, cursor, &value.node)?;
        }
    }
    Ok(())
}

fn count(cursor: &mut Cursor<'_>, node: &Node) -> Result<u64> {
    let number = cursor.optional_long(node)?.and_then(|number| u64::try_from(number).ok());
    number.ok_or_else(|| Error::corrupt("manifest has a negative count"))
}

/// A bound that is no value of its type proves nothing, so it is left out rather than believed.
fn bound(cursor: &mut Cursor<'_>, node: &Node, kind: Option<PrimitiveType>) -> Result<Option<Value>> {
    let bytes = cursor.optional_bytes(node)?;
    Ok(bytes.zip(kind).and_then(|(bytes, kind)| Value::from_bound_bytes(&kind, bytes).ok()))
}

/// A partition value: what Avro stored, as the type the spec gives it; as stored if the type is not known.
fn partition_value(cursor: &mut Cursor<'_>, node: &Node, kind: Option<PrimitiveType>) -> Result<Option<Value>> {
    let branch = cursor.branch(node)?;
    let stored = match branch {
        Node::Null => return Ok(None),
        Node::Boolean => Value::Boolean(cursor.boolean()?),
        Node::Int => Value::Int(cursor.int()?),
        Node::Long => Value::Long(cursor.long()?),
        Node::Float => Value::Float(cursor.float()?),
        Node::Double => Value::Double(cursor.double()?),
        Node::String => Value::String(cursor.text()?.to_owned()),
        Node::Bytes => Value::Binary(cursor.bytes()?.to_vec()),
        Node::Fixed(length) => Value::Binary(cursor.take(*length)?.to_vec()),
        other => return Err(unexpected(other, "a partition value")),
    };
    let Some(kind) = kind else {
        return Ok(Some(stored));
    };
    let typed = typed(stored, kind);
    typed
        .map(Some)
        .ok_or_else(|| Error::corrupt(format!("partition value of type `{kind}` stored as {}", branch.kind())))
}

fn typed(stored: Value, kind: PrimitiveType) -> Option<Value> {
    Some(match (kind, stored) {
        (PrimitiveType::Boolean, stored @ Value::Boolean(_))
        | (PrimitiveType::Int, stored @ Value::Int(_))
        | (PrimitiveType::Long, stored @ Value::Long(_))
        | (PrimitiveType::Float, stored @ Value::Float(_))
        | (PrimitiveType::Double, stored @ Value::Double(_))
        | (PrimitiveType::String, stored @ Value::String(_))
        | (PrimitiveType::Binary | PrimitiveType::Fixed(_), stored @ Value::Binary(_)) => stored,
        (PrimitiveType::Int, Value::Long(number)) => Value::Int(i32::try_from(number).ok()?),
        (PrimitiveType::Long, Value::Int(number)) => Value::Long(i64::from(number)),
        (PrimitiveType::Double, Value::Float(number)) => Value::Double(f64::from(number)),
        (PrimitiveType::Date, Value::Int(days)) => Value::Date(days),
        (PrimitiveType::Time, Value::Long(at)) => Value::Time(at),
        (PrimitiveType::Timestamp, Value::Long(at)) => Value::Timestamp(at),
        (PrimitiveType::Timestamptz, Value::Long(at)) => Value::Timestamptz(at),
        (PrimitiveType::Uuid, Value::Binary(bytes)) => Value::Uuid(bytes.try_into().ok()?),
        (PrimitiveType::Decimal { scale, .. }, Value::Binary(bytes)) => {
            Value::Decimal { unscaled: twos_complement(&bytes)?, scale }
        }
        (PrimitiveType::Decimal { scale, .. }, Value::Int(unscaled)) => {
            Value::Decimal { unscaled: i128::from(unscaled), scale }
        }
        (PrimitiveType::Decimal { scale, .. }, Value::Long(unscaled)) => {
            Value::Decimal { unscaled: i128::from(unscaled), scale }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::avro::testing::{container, long};
    use super::*;
    use crate::ErrorKind;

    /// Version 1, without field ids: everything is found by name.
    const SCHEMA: &str = r#"{"type":"record","name":"manifest_entry","fields":[
        {"name":"status","type":"int"},
        {"name":"snapshot_id","type":["null","long"]},
        {"name":"data_file","type":{"type":"record","name":"r2","fields":[
            {"name":"file_path","type":"string"},
            {"name":"file_format","type":"string"},
            {"name":"partition","type":{"type":"record","name":"r102","fields":[
                {"name":"gone","type":["null","int"]},
                {"name":"day","type":["null",{"type":"int","logicalType":"date"}]},
                {"name":"cell","type":["string","null"]}]}},
            {"name":"record_count","type":"long"},
            {"name":"file_size_in_bytes","type":"long"},
            {"name":"block_size_in_bytes","type":"long"},
            {"name":"value_counts","type":["null",{"type":"array","logicalType":"map","items":
                {"type":"record","name":"k119_v120","fields":[{"name":"key","type":"int"},{"name":"value","type":"long"}]}}]},
            {"name":"lower_bounds","type":["null",{"type":"array","logicalType":"map","items":
                {"type":"record","name":"k126_v127","fields":[{"name":"key","type":"int"},{"name":"value","type":"bytes"}]}}]}
        ]}}]}"#;

    const TABLE: &str = r#"{"format-version":1,"location":"t","last-updated-ms":0,"last-column-id":3,
        "schema":{"type":"struct","fields":[{"id":1,"name":"cell","type":"string","required":false},
            {"id":2,"name":"at","type":"timestamp","required":false},{"id":3,"name":"n","type":"long","required":false}]},
        "partition-spec":[{"source-id":1,"transform":"identity","name":"cell"},{"source-id":2,"transform":"day","name":"day"}]}"#;

    fn longs(bytes: &mut Vec<u8>, numbers: &[i64]) {
        for number in numbers {
            long(bytes, *number);
        }
    }

    fn text(bytes: &mut Vec<u8>, text: &[u8]) {
        long(bytes, i64::try_from(text.len()).unwrap());
        bytes.extend_from_slice(text);
    }

    fn entry(status: i64, snapshot_id: Option<i64>, path: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        long(&mut bytes, status);
        match snapshot_id {
            None => long(&mut bytes, 0),
            Some(id) => longs(&mut bytes, &[1, id]),
        }
        text(&mut bytes, path.as_bytes());
        text(&mut bytes, b"parquet");
        longs(&mut bytes, &[1, 7, 1, 18_793, 0]);
        text(&mut bytes, b"81");
        longs(&mut bytes, &[5, 1_000, 64]);
        // Two blocks of counts, the first with its size in bytes, as Java writes them.
        longs(&mut bytes, &[1, -2, 4, 3, 5, 9, 6, 1, 8, 7, 0]);
        longs(&mut bytes, &[1, 2, 3]);
        text(&mut bytes, &(-4_i64).to_le_bytes());
        long(&mut bytes, 2);
        text(&mut bytes, b"too short");
        long(&mut bytes, 0);
        bytes
    }

    fn parse(entries: &[Vec<u8>]) -> Result<Vec<ManifestEntry>> {
        let blocks: Vec<(i64, Vec<u8>)> = entries.iter().map(|entry| (1, entry.clone())).collect();
        let table = TableMetadata::parse(TABLE.as_bytes()).unwrap();
        parse_manifest(&container("null", SCHEMA, &blocks), &table, &ManifestFile::inline("m.avro", 77), &[3, 2])
    }

    #[test]
    fn a_version_1_manifest_is_read_by_names_and_deleted_files_are_left_out() {
        let entries = [entry(1, None, "a"), entry(2, Some(5), "b"), entry(0, Some(1 << 60), "c")];
        let found = parse(&entries).unwrap();
        let shown: Vec<_> =
            found.iter().map(|one| (one.data_file.file_path.as_str(), one.status, one.snapshot_id)).collect();
        assert_eq!(shown, [("a", EntryStatus::Added, 77), ("c", EntryStatus::Existing, 1 << 60)]);
        let file = &found[0].data_file;
        assert_eq!(file.partition, [Some(Value::String("81".into())), Some(Value::Int(18_793))]);
        assert_eq!((file.record_count, file.file_size_bytes, file.file_format.as_str()), (5, 1_000, "PARQUET"));
        let counted = ColumnMetrics { value_count: Some(5), lower: Some(Value::Long(-4)), ..ColumnMetrics::default() };
        // Field 9 is not wanted, and what is no timestamp is no bound.
        assert_eq!(file.metrics, BTreeMap::from([(3, counted), (2, ColumnMetrics::default())]));
    }

    #[test]
    fn entries_that_break_the_format_are_corrupt() {
        for broken in
            [entry(3, None, "a"), entry(-1, None, "a"), entry(1, None, ""), vec![2], entry(1, None, "a")[1..].to_vec()]
        {
            assert_eq!(parse(&[broken]).unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }
}
