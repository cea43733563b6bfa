//! Rows of one partition to the bytes of a data file, with what its manifest entry says.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array as _, RecordBatch};
use arrow_schema::Schema as ArrowSchema;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{BloomFilterPosition, EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use super::metrics::{self, Metrics};
use super::partition::PartitionKey;
use crate::iceberg::metadata::Schema;
use crate::stac::geoparquet::geo_metadata;
use crate::stac::schema;
use crate::{Error, Result};

/// Uncompressed size of a row group. `ITS_LIVE` rows compress about 8:1, so one is a range request of about 1 MB.
const ROW_GROUP_BYTES: usize = 8 << 20;
/// Bounds of a row group's rows, whatever their size.
const ROW_GROUP_ROWS: std::ops::RangeInclusive<usize> = 128..=8192;
/// Rows of a data page: what a reader fetches of a wide column for one row.
const PAGE_ROWS: usize = 512;
/// Uncompressed size of a data page.
const PAGE_BYTES: usize = 128 << 10;
/// Rows from which a file carries bloom filters: below, the file is read in one request anyway.
const BLOOM_FILTER_ROWS: usize = 1000;
/// False positives of a bloom filter: about 10 bits for each id.
const BLOOM_FILTER_ERRORS: f64 = 0.01;
/// Bytes of a text that statistics keep.
const STATISTICS_BYTES: usize = 32;
/// What Parquet readers use to know our files' defects, once there are some.
const CREATED_BY: &str = concat!("earthcatalog version ", env!("CARGO_PKG_VERSION"), " (build rust)");

/// Columns whose values hardly repeat: a dictionary would be as large as the column, and a reader of one page would
/// have to fetch it.
const UNIQUE_COLUMNS: [&str; 5] = [schema::ID, schema::GEOMETRY, schema::ASSETS, schema::BBOX, schema::JSON_PATCH];

/// A data file and what its manifest entry says of it.
#[derive(Clone, Debug)]
pub struct WrittenFile {
    /// The file.
    pub bytes: Bytes,
    /// Its rows.
    pub record_count: u64,
    /// Counts and bounds by field id.
    pub metrics: Metrics,
}

/// Writes rows of one partition, in the order given.
///
/// ZSTD; `PARQUET:field_id` on every field; page index; row groups of about 8 MiB uncompressed; a bloom filter on `id`
/// in files of 1000 rows and more; `geo` metadata for these rows. Columns without a value are left out, as Iceberg
/// readers take them for null by their id, except those that make it a GeoParquet file.
///
/// # Errors
/// [`crate::ErrorKind::Internal`] for no rows, or rows that are not of this partition.
pub fn write_data_file(rows: &RecordBatch, schema: &Schema, partition: &PartitionKey) -> Result<WrittenFile> {
    check_partition(rows, partition)?;
    let rows = without_empty_columns(rows)?;
    let bytes = parquet_file(&rows).map_err(|error| match error {
        ParquetError::External(source) => Error::internal("data file cannot be written").caused_by(source),
        other => Error::internal("data file cannot be written").caused_by(other),
    })?;
    let metrics = metrics::measure(&rows, schema)?;
    Ok(WrittenFile { record_count: rows.num_rows() as u64, metrics, bytes: bytes.into() })
}

/// One partition per data file: what the manifest says of the file must hold for each row.
fn check_partition(rows: &RecordBatch, partition: &PartitionKey) -> Result<()> {
    if rows.num_rows() == 0 {
        return Err(Error::internal("a data file without rows"));
    }
    let cells = rows.column_by_name(schema::GRID_PARTITION).and_then(|column| column.as_string_opt::<i32>());
    let datetimes = rows.column_by_name(schema::DATETIME);
    let datetimes = datetimes.and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
    let (Some(cells), Some(datetimes)) = (cells, datetimes) else {
        return Err(Error::internal("rows without cell or datetime"));
    };
    for (cell, datetime) in cells.iter().zip(datetimes) {
        if cell.is_none_or(|cell| PartitionKey::new(cell, partition.time_bin, datetime) != *partition) {
            return Err(Error::internal("a row that is not of its data file's partition"));
        }
    }
    Ok(())
}

fn without_empty_columns(rows: &RecordBatch) -> Result<RecordBatch> {
    let always = [schema::ID, schema::GRID_PARTITION, schema::GEOMETRY, schema::DATETIME, schema::GEOMETRY_BBOX];
    let keep = |name: &str, nulls: usize| nulls < rows.num_rows() || always.contains(&name);
    let fields = rows.schema_ref().fields().iter().zip(rows.columns());
    let (fields, columns): (Vec<_>, Vec<_>) = fields
        .filter(|(field, column)| keep(field.name(), column.null_count()))
        .map(|(field, column)| (Arc::clone(field), Arc::clone(column)))
        .unzip();
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), columns)
        .map_err(|error| Error::internal("rows without their empty columns").caused_by(error))
}

fn parquet_file(rows: &RecordBatch) -> Result<Vec<u8>, ParquetError> {
    let group_rows = row_group_rows(rows);
    let geo = geo_metadata(rows).map_err(|error| ParquetError::External(Box::new(error)))?;
    let properties = writer_properties(rows, group_rows, geo)?.build();
    // The types follow from the Parquet schema; the serialised Arrow schema would add 6 kB to each footer.
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new_with_options(&mut bytes, rows.schema(), options)?;
    for start in (0..rows.num_rows()).step_by(group_rows) {
        writer.write(&rows.slice(start, group_rows.min(rows.num_rows() - start)))?;
        writer.flush()?;
    }
    writer.close()?;
    Ok(bytes)
}

/// As many rows as make a row group, of equal size throughout the file so that none is tiny.
fn row_group_rows(rows: &RecordBatch) -> usize {
    let row_bytes = rows.get_array_memory_size() / rows.num_rows().max(1);
    let most = (ROW_GROUP_BYTES / row_bytes.max(1)).clamp(*ROW_GROUP_ROWS.start(), *ROW_GROUP_ROWS.end());
    let groups = rows.num_rows().div_ceil(most).max(1);
    rows.num_rows().div_ceil(groups).max(1)
}

fn writer_properties(
    rows: &RecordBatch,
    group_rows: usize,
    geo: String,
) -> Result<WriterPropertiesBuilder, ParquetError> {
    let key = |key: &str, value: String| KeyValue::new(key.to_owned(), value);
    let mut builder = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_max_row_group_row_count(None)
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_data_page_size_limit(PAGE_BYTES)
        .set_write_batch_size(PAGE_ROWS.min(128))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_statistics_truncate_length(Some(STATISTICS_BYTES))
        .set_column_index_truncate_length(Some(STATISTICS_BYTES))
        .set_bloom_filter_position(BloomFilterPosition::End)
        .set_key_value_metadata(Some(vec![
            key("geo", geo),
            key("stac-geoparquet", r#"{"version":"1.0.0"}"#.to_owned()),
        ]));
    for name in schema::UNBOUNDED_COLUMNS {
        builder = builder.set_column_statistics_enabled(name.into(), EnabledStatistics::None);
    }
    for name in UNIQUE_COLUMNS {
        builder = builder.set_column_dictionary_enabled(name.into(), false);
    }
    for side in schema::GEOMETRY_BBOX_FIELDS {
        let path = ColumnPath::new(vec![schema::GEOMETRY_BBOX.to_owned(), side.to_owned()]);
        builder = builder.set_column_dictionary_enabled(path, false);
    }
    if rows.num_rows() >= BLOOM_FILTER_ROWS {
        builder = builder
            .set_column_bloom_filter_fpp(schema::ID.into(), BLOOM_FILTER_ERRORS)
            .set_column_bloom_filter_ndv(schema::ID.into(), group_rows as u64);
    }
    Ok(builder)
}
