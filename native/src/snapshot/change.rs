//! What a commit is asked to do, and what it is given for it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use earthcatalog_core::iceberg::metadata::Field;
use earthcatalog_core::write::data_file::WrittenFile;
use earthcatalog_core::write::metrics::Metrics;
use earthcatalog_core::write::partition::PartitionKey;
use earthcatalog_core::{Error, Result};
use uuid::Uuid;

use crate::host::Host;

/// What a commit does to the files that are there. Files that go stay readable in earlier snapshots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// They stay.
    #[default]
    Append,
    /// These go, by stored location, and the new files hold the same items: what Iceberg calls `replace`.
    Rewrite(BTreeSet<String>),
    /// These go, by stored location; what the new files hold may differ: newer items, fewer items, none at all.
    Overwrite(BTreeSet<String>),
    /// All go; only the new ones are live afterwards.
    Replace,
    /// They stay, and the manifests that name them are written anew: sorted by cell, few, and small.
    Cluster,
}

impl Mode {
    /// The files that go, if they are named one by one.
    #[must_use]
    pub fn named_files(&self) -> Option<&BTreeSet<String>> {
        match self {
            Self::Rewrite(files) | Self::Overwrite(files) => Some(files),
            Self::Append | Self::Replace | Self::Cluster => None,
        }
    }
}

/// What a commit changes.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Which of the present files go.
    pub mode: Mode,
    /// Columns to add, with ids above the table's last one.
    pub new_fields: Vec<Field>,
    /// Data files, already put where they say.
    pub files: Vec<NewDataFile>,
    /// Table properties to set. Others stay.
    pub properties: BTreeMap<String, String>,
    /// Further entries of the snapshot's summary.
    pub summary: BTreeMap<String, String>,
    /// Snapshots to forget. Those that are gone already are no error; the current one, and one that a branch or tag
    /// names, are a conflict.
    pub expired_snapshots: BTreeSet<i64>,
    /// Names the commit: one that is in the table already is not made again. Drawn at random if `None`.
    pub commit_id: Option<String>,
}

/// A Parquet file to be added to the table.
#[derive(Clone, Debug)]
pub struct NewDataFile {
    /// Where it lies, as it is to be stored: absolute.
    pub location: String,
    /// Its one cell and time bin.
    pub partition: PartitionKey,
    /// Rows.
    pub record_count: u64,
    /// Size of the object.
    pub file_size_bytes: u64,
    /// Counts and bounds.
    pub metrics: Metrics,
}

impl NewDataFile {
    /// A file that was written, under the location it is to be stored by: see [`crate::commit::stored_location`].
    ///
    /// # Errors
    /// [`earthcatalog_core::ErrorKind::Internal`] for a file without end.
    pub fn new(location: impl Into<String>, partition: PartitionKey, written: &WrittenFile) -> Result<Self> {
        Ok(Self {
            location: location.into(),
            partition,
            record_count: written.record_count,
            file_size_bytes: u64::try_from(written.bytes.len()).map_err(|_| Error::internal("file is too long"))?,
            metrics: written.metrics.clone(),
        })
    }
}

/// The clock and randomness of one commit, given from outside so that a test can repeat it.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// Milliseconds since 1970.
    pub now_ms: i64,
    /// The new snapshot's id: positive.
    pub snapshot_id: i64,
    /// Makes the names of new objects unique.
    pub uuid: Uuid,
}

impl Stamp {
    /// The machine's clock and random numbers.
    #[must_use]
    pub fn drawn(host: &dyn Host) -> Self {
        let (high, low) = host.draw().as_u64_pair();
        let snapshot_id = ((high ^ low) & i64::MAX.cast_unsigned()).cast_signed();
        Self { now_ms: host.now_ms(), snapshot_id, uuid: host.draw() }
    }
}

/// An object to be put, and where: as stored, not yet as this host reaches it.
#[derive(Clone, Debug)]
pub struct Object {
    /// Absolute stored location.
    pub location: String,
    /// Its bytes.
    pub bytes: Bytes,
}
