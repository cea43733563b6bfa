//! Manifest lists and manifests: which data files a snapshot has, and what is known of each ("Manifests").

use std::collections::BTreeMap;

use super::value::Value;
use crate::{Error, Result};

pub use super::manifest_entry::parse_manifest;
pub use super::manifest_list::parse_manifest_list;

/// A manifest, as the manifest list describes it ("Manifest Lists").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestFile {
    /// Its location as stored.
    pub manifest_path: String,
    /// Its size in bytes as noted; 0 where version 1 lists manifests without their size. Not to be relied on: a table
    /// of PyIceberg was seen whose manifests are 34 bytes shorter than this says, so read them whole.
    pub manifest_length: u64,
    /// The partition spec of its files.
    pub partition_spec_id: i32,
    /// Whether it lists data files or delete files.
    pub content: ManifestContent,
    /// The sequence number of the commit that added it; 0 in version 1.
    pub sequence_number: i64,
    /// The snapshot that added it.
    pub added_snapshot_id: i64,
    /// What is known of each partition field, in the order of the spec's fields.
    pub partitions: Option<Vec<FieldSummary>>,
    /// How many of its entries are added.
    pub added_files_count: Option<u64>,
    /// How many of its entries are existing.
    pub existing_files_count: Option<u64>,
    /// How many of its entries are deleted.
    pub deleted_files_count: Option<u64>,
    /// The rows in its added files.
    pub added_rows_count: Option<u64>,
    /// The rows in its existing files.
    pub existing_rows_count: Option<u64>,
    /// The rows in its deleted files.
    pub deleted_rows_count: Option<u64>,
}

/// What a manifest lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestContent {
    /// Data files.
    Data,
    /// Position or equality delete files.
    Deletes,
}

/// What is known of one partition field over all files of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldSummary {
    /// Whether some file's value is null.
    pub contains_null: bool,
    /// Whether some file's value is NaN, if known.
    pub contains_nan: Option<bool>,
    /// The lowest value that is neither null nor NaN, as bound bytes of the field's type.
    pub lower: Option<Vec<u8>>,
    /// The highest, likewise.
    pub upper: Option<Vec<u8>>,
}

/// A live data file in a manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct ManifestEntry {
    /// Whether this snapshot's manifest added it or carries it on.
    pub status: EntryStatus,
    /// The snapshot that added the file, inherited from the manifest where the entry leaves it out.
    pub snapshot_id: i64,
    /// The file's data sequence number, inherited likewise.
    pub sequence_number: i64,
    /// The file.
    pub data_file: DataFile,
}

/// The state of a live manifest entry. Deleted ones are never handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryStatus {
    /// Carried on from an earlier manifest.
    Existing,
    /// Added by the snapshot of the manifest.
    Added,
}

/// A data file and what its writer noted of it ("Data File Fields").
#[derive(Clone, Debug, PartialEq)]
pub struct DataFile {
    /// Its location as stored.
    pub file_path: String,
    /// `PARQUET`, `ORC` or `AVRO`, in upper case.
    pub file_format: String,
    /// The partition tuple, in the order of the spec's fields.
    pub partition: Vec<Option<Value>>,
    /// The spec the tuple follows.
    pub spec_id: i32,
    /// Its rows.
    pub record_count: u64,
    /// Its size.
    pub file_size_bytes: u64,
    /// What is known of the wanted columns, by field id.
    pub metrics: BTreeMap<i32, ColumnMetrics>,
}

/// What is known of one column of a data file. A bound that cannot be decoded counts as not known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColumnMetrics {
    /// Values, nulls and NaNs included.
    pub value_count: Option<u64>,
    /// Nulls.
    pub null_count: Option<u64>,
    /// Nothing in the column is lower; text and binary may be cut short.
    pub lower: Option<Value>,
    /// Nothing in the column is higher; text and binary may be cut and rounded up.
    pub upper: Option<Value>,
}

impl ManifestFile {
    /// A manifest of which only the location is known, as version 1 lists them inside the metadata.
    #[must_use]
    pub fn inline(manifest_path: impl Into<String>, snapshot_id: i64) -> Self {
        Self {
            manifest_path: manifest_path.into(),
            manifest_length: 0,
            partition_spec_id: 0,
            content: ManifestContent::Data,
            sequence_number: 0,
            added_snapshot_id: snapshot_id,
            partitions: None,
            added_files_count: None,
            existing_files_count: None,
            deleted_files_count: None,
            added_rows_count: None,
            existing_rows_count: None,
            deleted_rows_count: None,
        }
    }

    /// Whether some entry may be live; only a manifest that counts none added and none existing has none.
    #[must_use]
    pub fn has_live_files(&self) -> bool {
        self.added_files_count != Some(0) || self.existing_files_count != Some(0)
    }
}

/// Refuses a snapshot that needs delete files, from its manifest list alone.
///
/// # Errors
/// [`crate::ErrorKind::Unsupported`] naming the first delete manifest that may hold live delete files.
pub fn refuse_deletes(manifests: &[ManifestFile]) -> Result<()> {
    let deletes = |manifest: &&ManifestFile| manifest.content == ManifestContent::Deletes && manifest.has_live_files();
    match manifests.iter().find(deletes) {
        Some(manifest) => Err(delete_files().with("location", &manifest.manifest_path)),
        None => Ok(()),
    }
}

pub(super) fn delete_files() -> Error {
    Error::unsupported("the table has delete files, which are not read: rows would come back that were deleted")
}
