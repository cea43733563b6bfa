//! Reads manifest lists ("Manifest Lists").

use std::sync::Arc;

use super::avro::{Cursor, Node, RecordField, read_object_container};
use super::manifest::{FieldSummary, ManifestContent, ManifestFile};
use crate::{Error, Result};

/// Reads a manifest list.
///
/// # Errors
/// [`crate::ErrorKind::Corrupt`] for anything that breaks the format or a limit.
pub fn parse_manifest_list(bytes: &[u8]) -> Result<Vec<ManifestFile>> {
    let mut container = read_object_container(bytes)?;
    let schema = container.schema();
    let plan = Plan::new(&schema)?;
    let mut manifests = Vec::new();
    container.for_each_record(|cursor| {
        manifests.push(plan.read(cursor)?);
        Ok(())
    })?;
    Ok(manifests)
}

/// What a field of an Avro record is, found by its field id, or by its name where the writer gave no id.
pub(super) fn resolve<R: Copy>(fields: &[RecordField], known: &[(i32, &str, R)]) -> Vec<(Option<R>, Arc<Node>)> {
    let role = |field: &RecordField| {
        known.iter().find(|(id, name, _)| field.field_id.map_or(*name == field.name, |given| given == *id))
    };
    fields.iter().map(|field| (role(field).map(|(_, _, role)| *role), field.node.clone())).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Path,
    Length,
    Spec,
    Content,
    Sequence,
    Snapshot,
    AddedFiles,
    ExistingFiles,
    DeletedFiles,
    AddedRows,
    ExistingRows,
    DeletedRows,
    Partitions,
}

#[derive(Clone, Copy)]
enum SummaryRole {
    ContainsNull,
    ContainsNan,
    Lower,
    Upper,
}

const FIELDS: [(i32, &str, Role); 13] = [
    (500, "manifest_path", Role::Path),
    (501, "manifest_length", Role::Length),
    (502, "partition_spec_id", Role::Spec),
    (517, "content", Role::Content),
    (515, "sequence_number", Role::Sequence),
    (503, "added_snapshot_id", Role::Snapshot),
    (504, "added_files_count", Role::AddedFiles),
    (505, "existing_files_count", Role::ExistingFiles),
    (506, "deleted_files_count", Role::DeletedFiles),
    (512, "added_rows_count", Role::AddedRows),
    (513, "existing_rows_count", Role::ExistingRows),
    (514, "deleted_rows_count", Role::DeletedRows),
    (507, "partitions", Role::Partitions),
];

const SUMMARY_FIELDS: [(i32, &str, SummaryRole); 4] = [
    (509, "contains_null", SummaryRole::ContainsNull),
    (518, "contains_nan", SummaryRole::ContainsNan),
    (510, "lower_bound", SummaryRole::Lower),
    (511, "upper_bound", SummaryRole::Upper),
];

struct Plan {
    fields: Vec<(Option<Role>, Arc<Node>)>,
}

impl Plan {
    fn new(schema: &Node) -> Result<Self> {
        let fields = schema.fields().ok_or_else(|| Error::corrupt("manifest list holds no records"))?;
        let fields = resolve(fields, &FIELDS);
        for (_, name, role) in FIELDS.iter().filter(|(.., role)| matches!(role, Role::Path | Role::Length | Role::Spec))
        {
            if !fields.iter().any(|(found, _)| *found == Some(*role)) {
                return Err(Error::corrupt(format!("manifest list without `{name}`")));
            }
        }
        Ok(Self { fields })
    }

    fn read(&self, cursor: &mut Cursor<'_>) -> Result<ManifestFile> {
        let mut manifest = ManifestFile::inline(String::new(), 0);
        for (role, node) in &self.fields {
            match role {
                None => cursor.skip(node)?,
                Some(Role::Path) => {
                    cursor.optional_text(node)?.unwrap_or_default().clone_into(&mut manifest.manifest_path);
                }
                Some(Role::Partitions) => manifest.partitions = summaries(cursor, node)?,
                Some(role) => {
                    if let Some(number) = cursor.optional_long(node)? {
                        manifest.set(*role, number)?;
                    }
                }
            }
        }
        if manifest.manifest_path.is_empty() {
            return Err(Error::corrupt("manifest list has a manifest without location"));
        }
        Ok(manifest)
    }
}

impl ManifestFile {
    fn set(&mut self, role: Role, number: i64) -> Result<()> {
        let corrupt = || Error::corrupt(format!("manifest list has {number} as {role:?}"));
        let size = || u64::try_from(number).map_err(|_| corrupt());
        // Some writers put -1 where a count is not known.
        let count = u64::try_from(number).ok();
        match role {
            Role::Length => self.manifest_length = size()?,
            Role::Spec => self.partition_spec_id = i32::try_from(number).map_err(|_| corrupt())?,
            Role::Content => {
                self.content = match number {
                    0 => ManifestContent::Data,
                    1 => ManifestContent::Deletes,
                    _ => return Err(Error::unsupported(format!("manifest content {number}"))),
                }
            }
            Role::Sequence => self.sequence_number = number,
            Role::Snapshot => self.added_snapshot_id = number,
            Role::AddedFiles => self.added_files_count = count,
            Role::ExistingFiles => self.existing_files_count = count,
            Role::DeletedFiles => self.deleted_files_count = count,
            Role::AddedRows => self.added_rows_count = count,
            Role::ExistingRows => self.existing_rows_count = count,
            Role::DeletedRows => self.deleted_rows_count = count,
            Role::Path | Role::Partitions => return Err(Error::internal("not a number of the manifest list")),
        }
        Ok(())
    }
}

fn summaries(cursor: &mut Cursor<'_>, node: &Node) -> Result<Option<Vec<FieldSummary>>> {
    let item = match cursor.branch(node)? {
        Node::Null => return Ok(None),
        Node::Array(item) => item,
        other => return Err(super::avro::unexpected(other, "an array of summaries")),
    };
    let fields = item.fields().ok_or_else(|| super::avro::unexpected(item, "a partition summary"))?;
    let fields = resolve(fields, &SUMMARY_FIELDS);
    let mut summaries = Vec::new();
    while let Some(count) = cursor.array_block()? {
        for _ in 0..count {
            summaries.push(summary(cursor, &fields)?);
        }
    }
    Ok(Some(summaries))
}

fn summary(cursor: &mut Cursor<'_>, fields: &[(Option<SummaryRole>, Arc<Node>)]) -> Result<FieldSummary> {
    // Without `contains_null`, nulls must be reckoned with.
    let mut summary = FieldSummary { contains_null: true, contains_nan: None, lower: None, upper: None };
    for (role, node) in fields {
        match role {
            None => cursor.skip(node)?,
            Some(SummaryRole::ContainsNull) => summary.contains_null = cursor.optional_boolean(node)?.unwrap_or(true),
            Some(SummaryRole::ContainsNan) => summary.contains_nan = cursor.optional_boolean(node)?,
            Some(SummaryRole::Lower) => summary.lower = cursor.optional_bytes(node)?.map(<[u8]>::to_vec),
            Some(SummaryRole::Upper) => summary.upper = cursor.optional_bytes(node)?.map(<[u8]>::to_vec),
        }
    }
    Ok(summary)
}
