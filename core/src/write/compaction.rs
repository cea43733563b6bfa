//! Which data files are merged: small ones of one partition, where that leaves fewer files.

use std::collections::BTreeMap;

use super::partition::PartitionKey;

/// What is merged, and into what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// A partition is left alone while it has fewer small files than this.
    pub threshold: usize,
    /// Size that merged files are to have; a file below half of it is small.
    pub target_bytes: u64,
    /// Most rows of a file; a file with more than half of them is not small.
    pub file_rows: u64,
}

/// A data file that may be merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The partition of its rows.
    pub partition: PartitionKey,
    /// Its size.
    pub bytes: u64,
    /// Its rows.
    pub rows: u64,
}

/// Files of one partition that become fewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The partition.
    pub partition: PartitionKey,
    /// The files, by their place in the list that was planned.
    pub files: Vec<usize>,
    /// Their bytes.
    pub bytes: u64,
    /// Their rows.
    pub rows: u64,
    /// Files that come of them, unless the rows turn out larger than their share of bytes says.
    pub merged_files: u64,
}

impl Bucket {
    /// Rows of each merged file, so that all are of one size.
    #[must_use]
    pub fn rows_per_file(&self) -> u64 {
        self.rows.div_ceil(self.merged_files.max(1)).max(1)
    }
}

/// What is to be merged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompactionPlan {
    /// Partitions looked at.
    pub buckets_scanned: u64,
    /// Their files.
    pub files: u64,
    /// Partitions with files to merge.
    pub buckets: Vec<Bucket>,
}

/// Plans a compaction of the partitions that `wanted` picks.
#[must_use]
pub fn plan_compaction(files: &[Candidate], policy: &Policy, wanted: impl Fn(&PartitionKey) -> bool) -> CompactionPlan {
    let mut partitions: BTreeMap<&PartitionKey, Vec<(usize, &Candidate)>> = BTreeMap::new();
    for (place, file) in files.iter().enumerate().filter(|(_, file)| wanted(&file.partition)) {
        partitions.entry(&file.partition).or_default().push((place, file));
    }
    let mut plan = CompactionPlan::default();
    for (partition, files) in partitions {
        plan.buckets_scanned += 1;
        plan.files += files.len() as u64;
        let small = files.iter().filter(|(_, file)| is_small(file, policy));
        let mut bucket = Bucket { partition: partition.clone(), files: Vec::new(), bytes: 0, rows: 0, merged_files: 0 };
        for (place, file) in small {
            bucket.files.push(*place);
            bucket.bytes += file.bytes;
            bucket.rows += file.rows;
        }
        let by_bytes = bucket.bytes.div_ceil(policy.target_bytes.max(1));
        bucket.merged_files = by_bytes.max(bucket.rows.div_ceil(policy.file_rows.max(1))).max(1);
        let count = bucket.files.len();
        if count >= policy.threshold.max(2) && bucket.merged_files < count as u64 {
            plan.buckets.push(bucket);
        }
    }
    plan
}

fn is_small(file: &Candidate, policy: &Policy) -> bool {
    file.bytes < policy.target_bytes / 2 && file.rows <= policy.file_rows / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy { threshold: 2, target_bytes: 100, file_rows: 1000 };

    fn file(cell: &str, bytes: u64, rows: u64) -> Candidate {
        Candidate {
            partition: PartitionKey::new(cell, crate::catalog::TimeBin::Year, Some(1_600_000_000_000_000)),
            bytes,
            rows,
        }
    }

    fn merged(files: &[Candidate], policy: &Policy) -> Vec<Vec<usize>> {
        plan_compaction(files, policy, |_| true).buckets.into_iter().map(|bucket| bucket.files).collect()
    }

    #[test]
    fn small_files_of_one_partition_are_merged_and_large_or_lonely_ones_left() {
        let files = [file("b", 10, 1), file("a", 10, 1), file("a", 90, 1), file("a", 20, 1), file("c", 1, 501)];
        let plan = plan_compaction(&files, &POLICY, |_| true);
        assert_eq!((plan.buckets_scanned, plan.files), (3, 5));
        assert_eq!(plan.buckets.len(), 1);
        assert_eq!((plan.buckets[0].files.as_slice(), plan.buckets[0].rows), ([1, 3].as_slice(), 2));
        assert_eq!(merged(&files, &Policy { threshold: 3, ..POLICY }), Vec::<Vec<usize>>::new());
        assert!(plan_compaction(&files, &POLICY, |partition| partition.cell == "b").buckets.is_empty());
    }

    #[test]
    fn what_was_merged_is_not_merged_again() {
        // Files of every size: merging once leaves files that the plan leaves alone.
        for count in 2..200_u64 {
            let bytes = 1 + count * 7 % 49;
            let files: Vec<_> = (0..count).map(|_| file("a", bytes, 10)).collect();
            let Some(bucket) = plan_compaction(&files, &POLICY, |_| true).buckets.pop() else { continue };
            let sizes = (0..bucket.merged_files).map(|_| bucket.bytes / bucket.merged_files);
            let again: Vec<_> = sizes.map(|bytes| file("a", bytes, bucket.rows_per_file())).collect();
            assert!(merged(&again, &POLICY).is_empty(), "{count} files of {bytes}: {bucket:?}");
        }
    }

    #[test]
    fn rows_bound_merged_files_too() {
        let files: Vec<_> = (0..5).map(|_| file("a", 1, 500)).collect();
        let bucket = plan_compaction(&files, &POLICY, |_| true).buckets.remove(0);
        assert_eq!((bucket.merged_files, bucket.rows_per_file()), (3, 834));
    }
}
