//! What is wrong with a catalog: each finding with its object and its cure.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use serde::Serialize;

use super::partition::PartitionKey;
use super::version::Identity;
use crate::Result;
use crate::iceberg::manifest::DataFile;
use crate::iceberg::metadata::Schema;
use crate::iceberg::value::Value;
use crate::scan::predicate::{Instants, Texts};
use crate::stac::schema;

/// Findings that are listed in full; all are counted.
const LISTED: usize = 1_000;

/// What kind of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Wrong {
    /// The database is damaged.
    Database,
    /// An object that is named is not there.
    Missing,
    /// An object has another size than is noted.
    Size,
    /// An object cannot be read.
    Unreadable,
    /// Counts that do not agree.
    Count,
    /// A bound that a row is beyond: a search may miss it.
    Bound,
    /// A row that is not of its file's cell and year.
    Partition,
    /// An item without a row in a cell that it touches.
    Cover,
    /// Two rows of an item in one cell, or rows of different versions.
    Twice,
    /// The hash index does not hold the ids of the rows.
    Index,
    /// A commit that was made is not in the table's history.
    Lost,
}

impl Wrong {
    /// What to do about it.
    #[must_use]
    pub fn cure(self) -> &'static str {
        match self {
            Self::Database => "restore `earthcatalog.db` from a copy, or run `repair`",
            Self::Missing | Self::Size | Self::Unreadable => {
                "restore the object from a copy, or run `repair`, which goes on without it"
            }
            Self::Count | Self::Bound | Self::Partition => "run `repair`, which writes the files again",
            Self::Cover => "ingest the item again",
            Self::Twice => "run `repair`, which keeps the newest version of each item",
            Self::Index => "run `index rebuild`",
            Self::Lost => "run `repair --replay`, which makes the commit again",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind.
    pub wrong: Wrong,
    /// The object, as it is stored or lies below the base.
    pub object: String,
    /// What was found.
    pub found: String,
    /// What to do about it.
    pub cure: &'static str,
}

/// All that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// How many of each kind.
    pub counts: BTreeMap<Wrong, u64>,
    /// The first 1,000 of them.
    pub findings: Vec<Finding>,
}

impl Findings {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Takes in a finding.
    pub fn add(&mut self, wrong: Wrong, object: impl Into<String>, found: impl Into<String>) {
        *self.counts.entry(wrong).or_default() += 1;
        if self.findings.len() < LISTED {
            self.findings.push(Finding { wrong, object: object.into(), found: found.into(), cure: wrong.cure() });
        }
    }
}

/// Holds the rows of a data file against what its manifest says of it.
#[derive(Debug)]
pub struct FileCheck<'a> {
    file: &'a DataFile,
    partition: PartitionKey,
    texts: Vec<(i32, &'static str)>,
    instants: Vec<(i32, &'static str)>,
    rows: u64,
    nulls: BTreeMap<i32, u64>,
    outside: BTreeMap<&'static str, u64>,
    misplaced: u64,
}

const TEXTS: [&str; 2] = [schema::ID, schema::COLLECTION];
const INSTANTS: [&str; 4] = [schema::DATETIME, schema::START_DATETIME, schema::END_DATETIME, schema::UPDATED];

impl<'a> FileCheck<'a> {
    /// A check of `file`, whose rows are of `partition`.
    #[must_use]
    pub fn new(file: &'a DataFile, partition: PartitionKey, schema: &Schema) -> Self {
        let ids = |names: &[&'static str]| -> Vec<(i32, &'static str)> {
            names.iter().filter_map(|name| Some((schema.field_by_name(name)?.id, *name))).collect()
        };
        Self {
            file,
            partition,
            texts: ids(&TEXTS),
            instants: ids(&INSTANTS),
            rows: 0,
            nulls: BTreeMap::new(),
            outside: BTreeMap::new(),
            misplaced: 0,
        }
    }

    /// The field ids whose metrics are compared.
    #[must_use]
    pub fn wanted(schema: &Schema) -> Vec<i32> {
        TEXTS.iter().chain(&INSTANTS).filter_map(|name| Some(schema.field_by_name(name)?.id)).collect()
    }

    /// Takes in rows of the file.
    ///
    /// # Errors
    /// None yet: rows that cannot be compared are counted.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        for (id, name) in self.texts.clone() {
            let column = Texts::of(batch.column_by_name(name));
            for row in 0..batch.num_rows() {
                self.compare(id, name, column.at(row).map(|text| Value::String(text.to_owned())).as_ref());
            }
        }
        for (id, name) in self.instants.clone() {
            let column = Instants::of(batch.column_by_name(name));
            for row in 0..batch.num_rows() {
                self.compare(id, name, column.at(row).map(Value::Timestamptz).as_ref());
            }
        }
        let cells = Texts::of(batch.column_by_name(schema::GRID_PARTITION));
        let datetimes = Instants::of(batch.column_by_name(schema::DATETIME));
        for row in 0..batch.num_rows() {
            let cell = cells.at(row).unwrap_or(&self.partition.cell);
            self.misplaced +=
                u64::from(PartitionKey::new(cell, self.partition.time_bin, datetimes.at(row)) != self.partition);
        }
        Ok(())
    }

    fn compare(&mut self, id: i32, name: &'static str, value: Option<&Value>) {
        let Some(value) = value else {
            *self.nulls.entry(id).or_default() += 1;
            return;
        };
        let Some(metrics) = self.file.metrics.get(&id) else { return };
        let below =
            metrics.lower.as_ref().is_some_and(|lower| value.compare(lower).is_some_and(std::cmp::Ordering::is_lt));
        let above =
            metrics.upper.as_ref().is_some_and(|upper| value.compare(upper).is_some_and(std::cmp::Ordering::is_gt));
        if below || above {
            *self.outside.entry(name).or_default() += 1;
        }
    }

    /// What was found, once all rows are taken in.
    pub fn finish(self, findings: &mut Findings) {
        let object = &self.file.file_path;
        if self.rows != self.file.record_count {
            let found = format!("{} rows, the manifest says {}", self.rows, self.file.record_count);
            findings.add(Wrong::Count, object, found);
        }
        for (id, name) in self.texts.iter().chain(&self.instants) {
            let found = self.nulls.get(id).copied().unwrap_or_default();
            match self.file.metrics.get(id).and_then(|metrics| metrics.null_count) {
                Some(noted) if noted != found => {
                    findings.add(Wrong::Count, object, format!("{found} nulls in `{name}`, the manifest says {noted}"));
                }
                _ => {}
            }
        }
        for (name, rows) in self.outside {
            findings.add(Wrong::Bound, object, format!("{rows} values of `{name}` are beyond the manifest's bounds"));
        }
        if self.misplaced > 0 {
            let PartitionKey { cell, time_bin, .. } = &self.partition;
            let bin = self.partition.human_bin();
            let found = format!("{} rows are not of cell {cell} and {time_bin} {bin}", self.misplaced);
            findings.add(Wrong::Partition, object, found);
        }
    }
}

/// How an item is told in a finding: its names are hashed in what is sorted.
#[must_use]
pub fn identity_text(identity: &Identity) -> String {
    format!("item with the id hash {:032x}", u128::from_be_bytes(identity.id))
}
