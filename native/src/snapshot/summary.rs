//! What a snapshot says of itself: how much came and went, and how much there is.

use std::collections::{HashMap, HashSet};

use earthcatalog_core::catalog::properties::COMMIT_ID;
use iceberg::spec::{DataFile, Operation, SnapshotRef, Struct, Summary};

use super::{Change, Mode};

/// Sums over the files that come or go.
#[derive(Clone, Debug, Default)]
pub(super) struct Totals {
    pub(super) files: u64,
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) partitions: HashSet<Struct>,
}

impl Totals {
    pub(super) fn count(&mut self, file: &DataFile) {
        self.files += 1;
        self.records += file.record_count();
        self.bytes += file.file_size_in_bytes();
        self.partitions.insert(file.partition().clone());
    }

    pub(super) fn add(&mut self, other: Self) {
        self.files += other.files;
        self.records += other.records;
        self.bytes += other.bytes;
        self.partitions.extend(other.partitions);
    }
}

/// The summary of the snapshot that follows `before` (Iceberg, Optional Snapshot Summary Fields).
pub(super) fn of(before: Option<&SnapshotRef>, change: &Change, added: &Totals, removed: Option<&Totals>) -> Summary {
    let mut entries: HashMap<String, String> = change.summary.clone().into_iter().collect();
    if let Some(id) = &change.commit_id {
        entries.insert(COMMIT_ID.into(), id.clone());
    }
    let none = Totals::default();
    let out = removed.unwrap_or(&none);
    let before = before.map(|snapshot| &snapshot.summary().additional_properties);
    let counts = [
        ("added-data-files", "deleted-data-files", "total-data-files", added.files, out.files),
        ("added-records", "deleted-records", "total-records", added.records, out.records),
        ("added-files-size", "removed-files-size", "total-files-size", added.bytes, out.bytes),
    ];
    for (added_key, removed_key, total_key, added, out) in counts {
        if added > 0 {
            entries.insert(added_key.into(), added.to_string());
        }
        if out > 0 {
            entries.insert(removed_key.into(), out.to_string());
        }
        // A total that the snapshot before does not state cannot be told without reading everything.
        let stated = match before {
            _ if change.mode == Mode::Replace => Some(out),
            None => Some(0),
            Some(before) => before.get(total_key).and_then(|total| total.parse::<u64>().ok()),
        };
        // Another writer's total may be wrong; less than nothing is not said.
        let total = stated.and_then(|total| (total + added).checked_sub(out));
        entries.extend(total.map(|total| (total_key.to_owned(), total.to_string())));
    }
    for total_key in ["total-delete-files", "total-position-deletes", "total-equality-deletes"] {
        entries.insert(total_key.into(), "0".into());
    }
    let partitions = added.partitions.union(&out.partitions).count();
    entries.insert("changed-partition-count".into(), partitions.to_string());
    let operation = match change.mode {
        Mode::Append => Operation::Append,
        Mode::Rewrite(_) | Mode::Cluster => Operation::Replace,
        Mode::Overwrite(_) if added.files == 0 => Operation::Delete,
        Mode::Overwrite(_) | Mode::Replace => Operation::Overwrite,
    };
    Summary { operation, additional_properties: entries }
}
