//! The objects an S3 Inventory lists.

use std::fs::File;
use std::io::Read;

use earthcatalog_core::error::ResultExt as _;
use earthcatalog_core::write::inventory::{
    BrokenRow, Columns, CsvReader, InventoryFile, InventoryFormat, InventoryManifest, InventoryRow, inventory_columns,
    inventory_rows, parse_inventory_manifest,
};
use earthcatalog_core::{Error, ErrorKind, Location, Result, limits};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use super::kind::{open_text, unreadable};
use super::{Entry, Feed, More};
use crate::fetch::{blocking, file_error, local_path, open_file};
use crate::store::Stores;

/// Bytes parsed at once.
const CHUNK_BYTES: usize = 256 << 10;
/// Rows of a Parquet inventory decoded at once.
const BATCH_ROWS: usize = 8_192;
/// How many folders above the manifest a data file is looked for in.
const PARENTS: usize = 8;

/// Reads the inventory whose `manifest.json` is `file`.
pub(super) async fn read_manifest(
    stores: &Stores,
    location: &Location,
    file: File,
    mut feed: Feed,
) -> Result<(Feed, More)> {
    let manifest = blocking(move || {
        let mut text = Vec::new();
        open_text(file)?.take(limits::OBJECT_BYTES).read_to_end(&mut text).map_err(unreadable)?;
        parse_inventory_manifest(&text)
    })
    .await?;
    feed.inventory_of = Some(manifest.source_bucket.clone());
    for data_file in &manifest.files {
        let (place, file) = open_data_file(stores, location, &manifest, data_file).await?;
        let key = place.to_string();
        let format = manifest.format.clone();
        let work = move || {
            let more = match format {
                InventoryFormat::Csv(columns) => read_csv(&key, file, Some(columns), &mut feed)?,
                InventoryFormat::Parquet => read_parquet(&key, file, &mut feed)?,
            };
            Ok((feed, more))
        };
        let (back, more) = blocking(work).await.context("inventory", &data_file.key)?;
        feed = back;
        if !more {
            return Ok((feed, false));
        }
    }
    Ok((feed, true))
}

/// Opens a data file: beside the manifest or in a folder above it, then where the manifest says it was put.
///
/// A manifest that lies in its destination bucket finds its files there by the first way, as the key of a data file
/// begins at the bucket; and so does a copy of the bucket's folders anywhere else.
async fn open_data_file(
    stores: &Stores,
    manifest_location: &Location,
    manifest: &InventoryManifest,
    data_file: &InventoryFile,
) -> Result<(Location, File)> {
    let key = &data_file.key;
    if key.is_empty() || key.split('/').any(|segment| segment == "..") {
        return Err(Error::corrupt(format!("manifest names the data file `{key}`")));
    }
    let destination = manifest.destination_bucket.as_ref().map(|bucket| format!("s3://{bucket}"));
    let destination = destination.map(|bucket| Location::parse(&bucket)).transpose()?;
    let mut places: Vec<Location> = Vec::new();
    let inside = destination.as_ref().is_some_and(|bucket| is_below(manifest_location, bucket));
    if !inside {
        let parents = std::iter::successors(manifest_location.parent(), Location::parent);
        places.extend(parents.take(PARENTS).map(|parent| parent.join(key)));
        // A local path without any folder lies in the working directory.
        if local_path(manifest_location).is_some_and(|path| path.is_relative()) {
            places.push(Location::parse(key)?);
        }
    }
    places.extend(destination.map(|bucket| bucket.join(key)));
    let mut missing = Error::new(ErrorKind::NotFound, format!("data file `{key}` of the inventory is not there"));
    for place in places {
        match open_file(stores, &place, data_file.md5.as_deref()).await {
            Ok(file) => return Ok((place, file)),
            Err(error) if error.kind() == ErrorKind::NotFound => missing = missing.with("tried", place),
            // The guess may lie where nothing may be read; the manifest's own place comes last.
            Err(error) if error.kind() == ErrorKind::Corrupt => return Err(error),
            Err(error) => missing = missing.with("tried", place).caused_by(error),
        }
    }
    Err(missing)
}

fn is_below(location: &Location, folder: &Location) -> bool {
    location.normal().strip_prefix(&folder.normal()).is_some_and(|rest| rest.starts_with('/'))
}

/// Reads a CSV data file, gzipped or not.
pub(super) fn read_csv(source: &str, file: File, columns: Option<Columns>, feed: &mut Feed) -> Result<More> {
    let mut text = open_text(file)?;
    let mut reader = CsvReader::new(columns);
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let length = text.read(&mut buffer).map_err(unreadable)?;
        if length == 0 {
            return Ok(hand_on(source, reader.finish()?, feed));
        }
        let rows = reader.push(buffer.get(..length).unwrap_or_default())?;
        if !hand_on(source, rows, feed) {
            return Ok(false);
        }
    }
}

/// Reads a Parquet data file.
pub(super) fn read_parquet(source: &str, file: File, feed: &mut Feed) -> Result<More> {
    let length = file.metadata().map_err(file_error)?.len();
    let corrupt = |error| Error::corrupt("unreadable Parquet inventory").with("bytes", length).caused_by(error);
    // Writers add Arrow types that differ for the same columns; the Parquet ones are enough.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).map_err(corrupt)?;
    let columns = inventory_columns(builder.schema())?;
    let mut row = 1_u64;
    for batch in builder.with_batch_size(BATCH_ROWS).build().map_err(corrupt)? {
        let batch = batch.map_err(|error| Error::corrupt("unreadable Parquet inventory").caused_by(error))?;
        let rows = inventory_rows(&batch, &columns, row);
        row += rows.len() as u64;
        if !hand_on(source, rows, feed) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn hand_on(source: &str, rows: Vec<Result<InventoryRow, BrokenRow>>, feed: &mut Feed) -> More {
    for row in rows {
        let more = match row {
            Err(broken) => feed.fail(format!("{source}:{}", broken.row), broken.reason),
            Ok(row) => match row.check(feed.options.since_us) {
                Err(skip) => feed.skip(skip.to_string()),
                Ok(()) => match feed.locate(&row.bucket, &row.key) {
                    Ok(location) => {
                        let key = format!("{}/{}", row.bucket, row.key);
                        feed.send(Entry::Object { key, location, modified_us: row.last_modified_us })
                    }
                    Err(error) => feed.fail(format!("{}/{}", row.bucket, row.key), error.to_string()),
                },
            },
        };
        if !more {
            return false;
        }
    }
    true
}
