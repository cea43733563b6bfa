//! Taking rows out of data files: what is left of the files is written anew, and the files go.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use arrow_array::RecordBatch;
use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::error::ResultExt as _;
use earthcatalog_core::scan::Output;
use earthcatalog_core::stac::decode::unreadable_geometries;
use earthcatalog_core::stac::decode_items;
use earthcatalog_core::stac::validate::ValidItem;
use earthcatalog_core::write::partition::PartitionKey;
use earthcatalog_core::write::version::{Identity, row_versions};
use earthcatalog_core::{Error, Result};
use serde_json::Value;

use super::live::{LiveFile, scan_file};
use super::row::{Row, SortOrder, put_identity, take_identity};
use crate::driver::Driver;
use crate::spill::{Parts, Record, Runs, Sorter};
use crate::store::Stores;

/// Items decoded at once.
const BATCH_ITEMS: usize = 256;

/// An item that is to go out of a data file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Leaving {
    /// The file's number in the list of live files.
    pub(crate) file: u32,
    pub(crate) identity: Identity,
}

impl Record for Leaving {
    fn size_bytes(&self) -> usize {
        size_of::<Self>()
    }

    fn encode(&self, output: &mut Vec<u8>) {
        output.extend_from_slice(&self.file.to_le_bytes());
        put_identity(output, &self.identity);
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut parts = Parts(bytes);
        Some(Self { file: u32::from_le_bytes(parts.array()?), identity: take_identity(&mut parts)? })
    }
}

/// What is left when items leave.
pub(crate) struct Left {
    /// The files that go, by stored location.
    pub(crate) files: BTreeSet<String>,
    /// The rows of these files that stay.
    pub(crate) rows: Runs<Row>,
    /// How many rows stay.
    pub(crate) rows_kept: u64,
    /// How many rows leave.
    pub(crate) rows_gone: u64,
}

/// Reads the files that items leave, and sorts the rows that stay.
///
/// # Errors
/// Those of reading, and [`earthcatalog_core::ErrorKind::Invalid`] for a row that is no valid item: it cannot be
/// written again.
pub(crate) async fn without(
    stores: &Stores,
    catalog: &Catalog,
    files: &[LiveFile],
    leaving: &Runs<Leaving>,
    memory_bytes: usize,
) -> Result<Left> {
    let driver = Driver::new(stores.clone());
    let mut sorter = Sorter::new(memory_bytes);
    let mut left = Left { files: BTreeSet::new(), rows: Sorter::new(0).finish().0, rows_kept: 0, rows_gone: 0 };
    let mut leaving = leaving.read()?.peekable();
    while let Some(first) = leaving.next().transpose()? {
        // At most as many as the file has rows.
        let mut gone = HashSet::from([first.identity]);
        let same = |next: &Result<Leaving>| next.as_ref().map_or(true, |next| next.file == first.file);
        while let Some(next) = leaving.next_if(same) {
            gone.insert(next?.identity);
        }
        let number = usize::try_from(first.file).unwrap_or(usize::MAX);
        let file = files.get(number).ok_or_else(|| Error::internal("a file that is not listed"))?;
        left.files.insert(file.stored().to_owned());
        let partition = file.partition(catalog.metadata())?;
        scan_file(&driver, catalog, file, Output::Items, |batch| {
            let names = row_versions(&batch, false)?;
            let stays = |name: &Option<(Identity, _)>| name.as_ref().is_none_or(|(name, _)| !gone.contains(name));
            let stays: Vec<bool> = names.iter().map(stays).collect();
            for (item, stays) in items_of(&batch)?.into_iter().zip(stays) {
                if !stays {
                    left.rows_gone += 1;
                    continue;
                }
                sorter.push(stored_row(item, &partition, left.rows_kept, SortOrder::Time)?.0)?;
                left.rows_kept += 1;
            }
            Ok(())
        })
        .await?;
    }
    left.rows = sorter.finish().0;
    Ok(left)
}

/// The items of a batch, decoded in pieces.
///
/// # Errors
/// Those of decoding, and [`earthcatalog_core::ErrorKind::Corrupt`] for a geometry that cannot be read: written again
/// it would be lost.
pub(crate) fn items_of(batch: &RecordBatch) -> Result<Vec<Value>> {
    if unreadable_geometries(batch) > 0 {
        return Err(Error::corrupt("rows with a geometry that cannot be read are not written again"));
    }
    let mut items = Vec::with_capacity(batch.num_rows());
    for start in (0..batch.num_rows()).step_by(BATCH_ITEMS) {
        items.extend(decode_items(&batch.slice(start, BATCH_ITEMS.min(batch.num_rows() - start)))?);
    }
    Ok(items)
}

/// A stored item as a row of its cell to be written again, and the item.
///
/// # Errors
/// [`earthcatalog_core::ErrorKind::Invalid`] for what is no valid item, named by its id.
pub(crate) fn stored_row(
    item: Value,
    partition: &PartitionKey,
    sequence: u64,
    order: SortOrder,
) -> Result<(Row, ValidItem)> {
    let id = item.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let item = ValidItem::from_value(item).context("stored item", id)?;
    let json: Arc<[u8]> =
        serde_json::to_vec(&item.item).map_err(|error| Error::internal("JSON").caused_by(error))?.into();
    let partition = PartitionKey::new(&partition.cell, partition.time_bin, item.datetime_us);
    Ok((Row::new(&item, partition, sequence, json, order), item))
}
