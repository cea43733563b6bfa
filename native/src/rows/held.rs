//! Which items a catalog holds, in which versions and files: read out of its rows, sorted by item.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::sync::Arc;

use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::scan::Output;
use earthcatalog_core::write::id_filter::IdFilter;
use earthcatalog_core::write::version::{Identity, Version, row_versions};
use earthcatalog_core::{Error, Result};
use futures::{StreamExt as _, stream};

use super::live::{LiveFile, scan_file};
use super::row::{put_identity, put_optional, take_identity, take_optional};
use crate::driver::Driver;
use crate::fetch::blocking;
use crate::spill::{Parts, Record, Runs, Sorted, Sorter};
use crate::store::Stores;

/// Memory of the sort, and at most twice as much in files that are read at once.
const MEMORY_BYTES: usize = 16 << 20;
/// Files read at once.
const FILES: usize = 4;

/// A row of a data file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) identity: Identity,
    pub(crate) version: Version,
    /// The age of its file: the higher, the later it was committed.
    pub(crate) sequence_number: i64,
    /// The file's number in the list that was read.
    pub(crate) file: u32,
}

impl Held {
    /// The order of age: by `updated`, then by the commit.
    pub(crate) fn compare_age(&self, other: &Self) -> Ordering {
        let by_version = self.version.compare_stored(&other.version);
        by_version.then(self.sequence_number.cmp(&other.sequence_number))
    }
}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |held: &Self| (held.identity, held.file, held.version.updated_us, held.version.content);
        key(self).cmp(&key(other))
    }
}

impl Record for Held {
    fn size_bytes(&self) -> usize {
        size_of::<Self>()
    }

    fn encode(&self, output: &mut Vec<u8>) {
        put_identity(output, &self.identity);
        put_optional(output, self.version.updated_us);
        output.extend_from_slice(&self.version.content);
        output.extend_from_slice(&self.sequence_number.to_le_bytes());
        output.extend_from_slice(&self.file.to_le_bytes());
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut parts = Parts(bytes);
        let identity = take_identity(&mut parts)?;
        let updated_us = take_optional(&mut parts)?;
        let version = Version { updated_us, modified_us: None, content: parts.array()? };
        let sequence_number = i64::from_le_bytes(parts.array()?);
        Some(Self { identity, version, sequence_number, file: u32::from_le_bytes(parts.array()?) })
    }
}

/// Reads the rows of `files`, those that `filter` lets pass, sorted by item. With `contents` whole rows are read and
/// their contents hashed, otherwise three columns.
///
/// # Errors
/// Those of reading.
pub(crate) async fn held_rows(
    stores: &Stores,
    catalog: &Catalog,
    files: &[LiveFile],
    filter: Option<IdFilter>,
    contents: bool,
) -> Result<Runs<Held>> {
    let driver = Driver::new(stores.clone());
    let filter = filter.map(Arc::new);
    let read = stream::iter(files.iter().enumerate())
        .map(|(number, file)| rows_of(&driver, catalog, number, file, filter.as_deref(), contents));
    let mut read = std::pin::pin!(read.buffer_unordered(FILES));
    let mut sorter = Sorter::new(MEMORY_BYTES);
    while let Some(rows) = read.next().await {
        let rows = rows?;
        sorter = blocking(move || {
            for row in rows {
                sorter.push(row)?;
            }
            Ok(sorter)
        })
        .await?;
    }
    Ok(sorter.finish().0)
}

async fn rows_of(
    driver: &Driver,
    catalog: &Catalog,
    number: usize,
    file: &LiveFile,
    filter: Option<&IdFilter>,
    contents: bool,
) -> Result<Vec<Held>> {
    let number = u32::try_from(number).map_err(|_| Error::internal("too many data files"))?;
    let output = if contents { Output::Items } else { Output::Versions };
    let sequence_number = file.entry.sequence_number;
    let mut rows = Vec::new();
    scan_file(driver, catalog, file, output, |batch| {
        for (identity, version) in row_versions(&batch, contents)?.into_iter().flatten() {
            if filter.is_none_or(|filter| filter.might_hold(&identity.id)) {
                rows.push(Held { identity, version, sequence_number, file: number });
            }
        }
        Ok(())
    })
    .await?;
    Ok(rows)
}

/// Walks through sorted rows item by item.
pub(crate) struct ByItem(Peekable<Sorted<Held>>);

impl ByItem {
    /// A walk from the first item on.
    ///
    /// # Errors
    /// Those of the temporary files.
    pub(crate) fn new(rows: &Runs<Held>) -> Result<Self> {
        Ok(Self(rows.read()?.peekable()))
    }

    /// The rows of the next item.
    ///
    /// # Errors
    /// Those of the temporary files.
    pub(crate) fn next_item(&mut self) -> Result<Option<Vec<Held>>> {
        let Some(first) = self.0.next().transpose()? else { return Ok(None) };
        let mut rows = vec![first];
        let same = |next: &Result<Held>| next.as_ref().map_or(true, |next| next.identity == first.identity);
        while let Some(next) = self.0.next_if(same) {
            rows.push(next?);
        }
        Ok(Some(rows))
    }

    /// The rows of `identity`, after skipping those before it; none if it has none.
    ///
    /// # Errors
    /// Those of the temporary files.
    pub(crate) fn seek(&mut self, identity: &Identity) -> Result<Vec<Held>> {
        let before = |next: &Result<Held>| next.as_ref().map_or(true, |next| next.identity < *identity);
        while let Some(skipped) = self.0.next_if(before) {
            skipped?;
        }
        match self.0.peek() {
            Some(Ok(next)) if next.identity == *identity => Ok(self.next_item()?.unwrap_or_default()),
            _ => Ok(Vec::new()),
        }
    }
}
