//! Sorted rows to data files.

use std::sync::Arc;

use bytes::Bytes;
use earthcatalog_core::catalog::Catalog;
use earthcatalog_core::error::ResultExt as _;
use earthcatalog_core::iceberg::metadata::{Field, Schema};
use earthcatalog_core::stac::encode::encode_items;
use earthcatalog_core::stac::validate::ValidItem;
use earthcatalog_core::write::data_file::{WrittenFile, write_data_file};
use earthcatalog_core::write::partition::PartitionKey;
use earthcatalog_core::{Error, Location, Result};
use futures::StreamExt;
use futures::stream;
use tokio::sync::mpsc;

use super::row::Row;
use crate::commit::{self, NewDataFile, stored_location};
use crate::fetch::blocking;
use crate::store::Stores;

/// Items parsed and encoded at once. A parsed item takes about five times its JSON, a column little more than it.
const BATCH_ITEMS: usize = 500;
/// Files encoded at once, at least and at most: each may hold `file_bytes` of items.
const WORKERS: std::ops::RangeInclusive<usize> = 2..=8;

/// Files put at once. They are compressed, some 25 MB at most, and a store answers slowly but to many.
const PUTS: usize = 16;

/// The rows of one data file to be.
struct FileRows {
    partition: PartitionKey,
    items: Vec<Arc<[u8]>>,
    item_bytes: usize,
}

/// A data file, not yet put; none in a dry run.
struct Encoded {
    rows: u64,
    file: Option<(Location, Bytes, NewDataFile)>,
}

/// How large data files become.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileLimits {
    /// Most rows.
    pub(crate) rows: usize,
    /// Most JSON of their items, in bytes: what bounds the memory of encoding.
    pub(crate) bytes: usize,
}

/// What a data file took, once it is put.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Put {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

/// Writes data files of one run.
pub(crate) struct Writer<'a> {
    stores: &'a Stores,
    catalog: &'a Catalog,
    schema: Arc<Schema>,
    limits: FileLimits,
    /// Counts rows and files, writes nothing.
    dry_run: bool,
    run: String,
}

impl<'a> Writer<'a> {
    /// A writer of files with the table's columns and `new_fields`.
    pub(crate) fn new(
        stores: &'a Stores,
        catalog: &'a Catalog,
        new_fields: &[Field],
        limits: FileLimits,
        dry_run: bool,
    ) -> Self {
        let mut schema = catalog.metadata().schema().clone();
        schema.fields.extend_from_slice(new_fields);
        let run = stores.host().draw().simple().to_string().chars().take(8).collect();
        Self { stores, catalog, schema: Arc::new(schema), limits, dry_run, run }
    }

    /// Writes sorted rows: files of one partition each, in their order. `on_put` is told of each.
    pub(crate) async fn write_files(
        &self,
        rows: impl Iterator<Item = Result<Row>> + Send + 'static,
        mut on_put: impl FnMut(Put),
    ) -> Result<Vec<NewDataFile>> {
        let (sender, receiver) = mpsc::channel(1);
        let limits = self.limits;
        let cutting = blocking(move || cut_files(rows, limits, &sender));
        let writing = self.write_all(receiver, &mut on_put);
        // If writing fails, its end of the channel is gone and cutting ends by itself.
        let (cut, files) = tokio::join!(cutting, writing);
        let files = files?;
        cut?;
        Ok(files)
    }

    async fn write_all(
        &self,
        mut receiver: mpsc::Receiver<FileRows>,
        on_put: &mut impl FnMut(Put),
    ) -> Result<Vec<NewDataFile>> {
        let workers =
            std::thread::available_parallelism().map_or(1, usize::from).clamp(*WORKERS.start(), *WORKERS.end());
        let mut written = stream::poll_fn(move |context| receiver.poll_recv(context))
            .enumerate()
            .map(|(number, rows)| self.encode_file(number, rows))
            .buffered(workers)
            .map(|encoded| self.put_file(encoded))
            .buffered(PUTS);
        let mut files = Vec::new();
        while let Some(file) = written.next().await {
            let (rows, file) = file?;
            on_put(Put { rows, bytes: file.as_ref().map_or(0, |file| file.file_size_bytes) });
            files.extend(file);
        }
        Ok(files)
    }

    async fn encode_file(&self, number: usize, rows: FileRows) -> Result<Encoded> {
        let count = rows.items.len() as u64;
        if self.dry_run {
            return Ok(Encoded { rows: count, file: None });
        }
        let partition = rows.partition.clone();
        let key = partition.data_file_key(&format!("{number:06}_{}", self.run));
        let schema = Arc::clone(&self.schema);
        let written = blocking(move || encode(&rows, &schema)).await.context("data file", &key)?;
        let file = NewDataFile::new(stored_location(self.catalog, &key)?, partition, &written)?;
        Ok(Encoded { rows: count, file: Some((self.catalog.base().join(&key), written.bytes, file)) })
    }

    async fn put_file(&self, encoded: Result<Encoded>) -> Result<(u64, Option<NewDataFile>)> {
        let Encoded { rows, file } = encoded?;
        let Some((location, bytes, file)) = file else {
            return Ok((rows, None));
        };
        commit::put(self.stores, &location, bytes).await?;
        Ok((rows, Some(file)))
    }
}

/// Groups rows into files, in order. Ends early, without error, if nobody listens.
fn cut_files(
    rows: impl Iterator<Item = Result<Row>>,
    limits: FileLimits,
    files: &mpsc::Sender<FileRows>,
) -> Result<()> {
    let mut current: Option<FileRows> = None;
    for row in rows {
        let row = row?;
        let fits = current.as_ref().is_some_and(|file| {
            file.partition == row.partition
                && file.items.len() < limits.rows.max(1)
                && file.item_bytes.saturating_add(row.json.len()) <= limits.bytes
        });
        if !fits {
            let next = FileRows { partition: row.partition.clone(), items: Vec::new(), item_bytes: 0 };
            if current.replace(next).is_some_and(|full| files.blocking_send(full).is_err()) {
                return Ok(());
            }
        }
        if let Some(file) = &mut current {
            file.item_bytes += row.json.len();
            file.items.push(row.json);
        }
    }
    if let Some(last) = current {
        // Nobody listens after an error, which is reported there.
        drop(files.blocking_send(last));
    }
    Ok(())
}

fn encode(rows: &FileRows, schema: &Schema) -> Result<WrittenFile> {
    let mut batches = Vec::new();
    for texts in rows.items.chunks(BATCH_ITEMS) {
        let items = texts.iter().map(|text| ValidItem::parse(text)).collect::<Result<Vec<_>>>()?;
        let cells = vec![rows.partition.cell.as_str(); items.len()];
        batches.push(encode_items(&items, &cells, schema)?);
    }
    let Some(first) = batches.first() else {
        return Err(Error::internal("data file without rows"));
    };
    let joined = arrow_select::concat::concat_batches(&first.schema(), &batches)
        .map_err(|error| Error::internal("cannot join rows").caused_by(error))?;
    drop(batches);
    write_data_file(&joined, schema, &rows.partition)
}
