//! Rows to the bytes of a Parquet file.

use arrow_schema::{ArrowError, DataType, Fields, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use serde_json::{Value, json};

use super::geo::Geo;
use super::rows::Columns;
use super::seen::Kind;
use crate::stac::json_column::PROJECTED_GEOMETRY;
use crate::stac::schema;
use crate::{Error, Result};

/// JSON of the items of a row group: about 8 MB of Parquet, so that engines have work to share out and pages to skip.
const ROW_GROUP_JSON_BYTES: usize = 64 << 20;
/// Most rows of a row group.
const ROW_GROUP_ROWS: usize = 65_536;
const ZSTD_LEVEL: i32 = 3;
/// Bytes of a text that statistics keep.
const STATISTICS_BYTES: usize = 32;
/// The version of the STAC GeoParquet specification.
const VERSION: &str = "1.1.0";
const CREATED_BY: &str = concat!("earthcatalog version ", env!("CARGO_PKG_VERSION"), " (build rust)");

/// Writes rows, and hands on the bytes of row groups that are done.
#[derive(Debug)]
pub(super) struct Writer {
    columns: Columns,
    schema: SchemaRef,
    geo: Geo,
    parquet: ArrowWriter<Vec<u8>>,
    group_json_bytes: usize,
}

impl Writer {
    pub(super) fn new(columns: Columns) -> Result<Self> {
        let schema = columns.schema();
        // The types follow from the Parquet schema, but not which texts are JSON.
        let options = ArrowWriterOptions::new()
            .with_properties(properties(schema.fields())?)
            .with_skip_arrow_metadata(columns.json_places().is_empty());
        let parquet = ArrowWriter::try_new_with_options(Vec::new(), schema.clone(), options).map_err(unwritable)?;
        Ok(Self { columns, schema, geo: Geo::default(), parquet, group_json_bytes: 0 })
    }

    /// Takes items of `json_bytes` in all.
    ///
    /// # Errors
    /// As [`Columns::rows`].
    pub(super) fn write(&mut self, items: &[Value], json_bytes: usize) -> Result<Vec<u8>> {
        let rows = self.columns.rows(items, &self.schema, &mut self.geo)?;
        let mut start = 0;
        while start < rows.num_rows() {
            let most = ROW_GROUP_ROWS.saturating_sub(self.parquet.in_progress_rows()).max(1);
            let some = rows.slice(start, most.min(rows.num_rows() - start));
            start += some.num_rows();
            self.parquet.write(&some).map_err(unwritable)?;
            if self.parquet.in_progress_rows() >= ROW_GROUP_ROWS {
                self.flush()?;
            }
        }
        self.group_json_bytes += json_bytes;
        if self.group_json_bytes >= ROW_GROUP_JSON_BYTES {
            self.flush()?;
        }
        Ok(std::mem::take(self.parquet.inner_mut()))
    }

    fn flush(&mut self) -> Result<()> {
        self.group_json_bytes = 0;
        self.parquet.flush().map_err(unwritable)
    }

    /// Ends the file.
    pub(super) fn end(mut self: Box<Self>) -> Result<Vec<u8>> {
        let projected =
            self.columns.properties.iter().any(|(name, kind)| name == PROJECTED_GEOMETRY && *kind == Kind::Wkb);
        let geo = self.geo.metadata(self.columns.bbox, projected);
        for (key, value) in [("geo", geo), ("stac-geoparquet", json!({ "version": VERSION }))] {
            self.parquet.append_key_value_metadata(KeyValue::new(key.to_owned(), value.to_string()));
        }
        self.parquet.into_inner().map_err(unwritable)
    }
}

/// Statistics for what engines filter on: scalars at the top level, and the bbox. Hrefs of assets have none to speak of.
fn properties(fields: &Fields) -> Result<WriterProperties> {
    let level = ZstdLevel::try_new(ZSTD_LEVEL).map_err(unwritable)?;
    let mut builder = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(None)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_statistics_truncate_length(Some(STATISTICS_BYTES))
        .set_column_index_truncate_length(Some(STATISTICS_BYTES));
    for field in fields {
        let path = |member: &str| ColumnPath::new(vec![field.name().clone(), member.to_owned()]);
        match field.data_type() {
            DataType::Struct(members) if field.name() == schema::BBOX => {
                for side in members {
                    builder = builder
                        .set_column_statistics_enabled(path(side.name()), EnabledStatistics::Page)
                        .set_column_dictionary_enabled(path(side.name()), false);
                }
            }
            DataType::Struct(_) | DataType::List(_) | DataType::Binary => {}
            _ => {
                let column = ColumnPath::new(vec![field.name().clone()]);
                builder = builder.set_column_statistics_enabled(column, EnabledStatistics::Page);
            }
        }
    }
    for unique in [schema::ID, schema::GEOMETRY] {
        builder = builder.set_column_dictionary_enabled(ColumnPath::new(vec![unique.to_owned()]), false);
    }
    Ok(builder.build())
}

fn unwritable(error: impl Into<Unwritable>) -> Error {
    Error::internal("the Parquet file cannot be written").caused_by(error.into().0)
}

/// What may go wrong.
struct Unwritable(Box<dyn std::error::Error + Send + Sync>);

impl From<ParquetError> for Unwritable {
    fn from(error: ParquetError) -> Self {
        Self(Box::new(error))
    }
}

impl From<ArrowError> for Unwritable {
    fn from(error: ArrowError) -> Self {
        Self(Box::new(error))
    }
}
