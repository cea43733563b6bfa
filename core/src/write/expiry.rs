//! Which snapshots may be forgotten.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};

use crate::iceberg::metadata::{Snapshot, TableMetadata};

/// The snapshots that are neither among the `keep` newest, nor committed at `before_ms` or later, nor the current one,
/// nor named by a branch or tag.
#[must_use]
pub fn plan_expiry(metadata: &TableMetadata, keep: usize, before_ms: i64) -> BTreeSet<i64> {
    let mut newest: Vec<&Snapshot> = metadata.snapshots.iter().collect();
    newest.sort_by_key(|snapshot| Reverse((snapshot.sequence_number, snapshot.timestamp_ms, snapshot.snapshot_id)));
    let named: HashSet<i64> = metadata.refs.values().copied().chain(metadata.current_snapshot_id).collect();
    let old = newest.into_iter().skip(keep).filter(|snapshot| snapshot.timestamp_ms < before_ms);
    old.map(|snapshot| snapshot.snapshot_id).filter(|id| !named.contains(id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn table(current: i64, tag: i64) -> TableMetadata {
        let snapshot = |id: i64| {
            json!({ "snapshot-id": id, "sequence-number": id, "timestamp-ms": id * 10, "manifest-list": "l",
                "summary": { "operation": "append" }, "schema-id": 0 })
        };
        let metadata = json!({
            "format-version": 2, "table-uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1", "location": "s3://b/t",
            "last-sequence-number": 5, "last-updated-ms": 50, "last-column-id": 1, "current-schema-id": 0,
            "schemas": [{ "type": "struct", "schema-id": 0, "fields": [] }],
            "default-spec-id": 0, "partition-specs": [{ "spec-id": 0, "fields": [] }], "last-partition-id": 999,
            "sort-orders": [{ "order-id": 0, "fields": [] }], "default-sort-order-id": 0, "properties": {},
            "current-snapshot-id": current, "snapshots": (1..=5).map(snapshot).collect::<Vec<_>>(),
            "refs": { "kept": { "snapshot-id": tag, "type": "tag" }, "main": { "snapshot-id": current, "type": "branch" } },
        });
        TableMetadata::parse(metadata.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn old_snapshots_go_and_those_in_use_or_young_stay() {
        let of = |table: &TableMetadata, keep, before| plan_expiry(table, keep, before).into_iter().collect::<Vec<_>>();
        assert_eq!(of(&table(5, 2), 2, i64::MAX), [1, 3]);
        assert_eq!(of(&table(5, 2), 2, 30), [1]);
        assert_eq!(of(&table(5, 2), 9, i64::MAX), [0_i64; 0]);
        // A table that was rolled back: the current snapshot is an old one.
        assert_eq!(of(&table(1, 1), 0, i64::MAX), [2, 3, 4, 5]);
    }
}
