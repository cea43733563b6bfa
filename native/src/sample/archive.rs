//! The files of a sample archive: items, NDJSON and inventories in every format.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use chrono::SecondsFormat;
use earthcatalog_core::{Error, ErrorKind, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest as _, Md5};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as Codec, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};

use super::{SAMPLE_BUCKET, Sampled};
use crate::fetch::hex;

/// Rows of a Parquet inventory written at once.
const BATCH_ROWS: usize = 4096;
/// 2025-10-01, after all items: when the inventories say they were made.
const INVENTORY_MS: i64 = 1_759_276_800_000;

type Gzip = GzEncoder<BufWriter<File>>;

/// An archive that is being written.
pub(super) struct Archive {
    dir: PathBuf,
    /// The folders made last: most items share theirs with many others.
    folders: std::collections::HashSet<PathBuf>,
    lines: Gzip,
    csv: BufWriter<File>,
    csv_gz: Gzip,
    parquet: ParquetInventory,
    parts: [Part; 2],
    /// Rows of the first of two data files.
    first_part: u64,
    count: u64,
}

/// A data file of each of the two inventories with a manifest.
struct Part {
    parquet_path: PathBuf,
    parquet: ParquetInventory,
    csv_path: PathBuf,
    csv: Gzip,
}

/// A row of an inventory.
struct Row<'a> {
    key: &'a str,
    size: usize,
    etag: String,
    modified_ms: i64,
    modified: String,
}

impl Archive {
    pub(super) fn create(dir: &Path, items: u64) -> Result<Self> {
        let root = dir.join("items");
        if root.exists() {
            return Err(Error::invalid("there is an archive already").with("folder", root.display()));
        }
        for folder in [root, dir.join("inventory/data"), dir.join("inventory-csv/data")] {
            fs::create_dir_all(&folder).map_err(|error| failed(&folder, error))?;
        }
        let mut csv = create(&dir.join("inventory.csv"))?;
        let mut csv_gz = gzip(&dir.join("inventory.csv.gz"))?;
        let header = b"\"bucket\",\"key\",\"size\",\"last_modified_date\"\n";
        for output in [&mut csv as &mut dyn Write, &mut csv_gz] {
            output.write_all(header).map_err(|error| failed(dir, error))?;
        }
        Ok(Self {
            dir: dir.to_owned(),
            folders: std::collections::HashSet::new(),
            lines: gzip(&dir.join("items.ndjson.gz"))?,
            csv,
            csv_gz,
            parquet: ParquetInventory::create(&dir.join("inventory.parquet"))?,
            parts: [Part::create(dir, 0)?, Part::create(dir, 1)?],
            first_part: items.div_ceil(2),
            count: 0,
        })
    }

    /// Adds an item and returns its size.
    pub(super) fn add(&mut self, sampled: &Sampled) -> Result<u64> {
        let mut text =
            serde_json::to_vec(&sampled.item).map_err(|error| Error::internal("cannot write JSON").caused_by(error))?;
        let path = self.dir.join("items").join(&sampled.key);
        if let Some(folder) = path.parent().filter(|folder| !self.folders.contains(*folder)) {
            fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
            self.folders.insert(folder.to_owned());
        }
        fs::write(&path, &text).map_err(|error| failed(&path, error))?;
        let row = Row {
            key: &sampled.key,
            size: text.len(),
            etag: hex(&Md5::digest(&text)),
            modified_ms: sampled.modified.timestamp_millis(),
            modified: sampled.modified.to_rfc3339_opts(SecondsFormat::Millis, true),
        };
        let size = row.size as u64;
        self.add_row(&row)?;
        text.push(b'\n');
        self.lines.write_all(&text).map_err(|error| failed(&self.dir, error))?;
        self.count += 1;
        Ok(size)
    }

    fn add_row(&mut self, row: &Row<'_>) -> Result<()> {
        let failed = |error| failed(&self.dir, error);
        let line = format!("\"{SAMPLE_BUCKET}\",\"{}\",\"{}\",\"{}\"\n", row.key, row.size, row.modified);
        self.csv.write_all(line.as_bytes()).map_err(failed)?;
        self.csv_gz.write_all(line.as_bytes()).map_err(failed)?;
        self.parquet.add(row)?;
        let [first, second] = &mut self.parts;
        let part = if self.count < self.first_part { first } else { second };
        part.parquet.add(row)?;
        let line = format!(
            "\"{SAMPLE_BUCKET}\",\"{}\",\"\",\"true\",\"false\",\"{}\",\"{}\",\"{}\"\n",
            url_encoded(row.key),
            row.size,
            row.modified,
            row.etag
        );
        part.csv.write_all(line.as_bytes()).map_err(failed)
    }

    pub(super) fn finish(self) -> Result<()> {
        let Self { dir, lines, mut csv, csv_gz, parquet, parts, .. } = self;
        let failed = |error| failed(&dir, error);
        csv.flush().map_err(failed)?;
        for gzip in [lines, csv_gz] {
            gzip.finish().and_then(|mut file| file.flush()).map_err(failed)?;
        }
        parquet.finish()?;
        let (mut parquet_files, mut csv_files) = (Vec::new(), Vec::new());
        for part in parts {
            part.parquet.finish()?;
            part.csv.finish().and_then(|mut file| file.flush()).map_err(failed)?;
            parquet_files.push(entry(&dir, &part.parquet_path)?);
            csv_files.push(entry(&dir, &part.csv_path)?);
        }
        let schema = "message s3.inventory { required binary bucket (STRING); required binary key (STRING); optional \
                      int64 size; optional int64 last_modified_date (TIMESTAMP(MILLIS,true)); }";
        write_manifest(&dir.join("inventory"), "Parquet", schema, &parquet_files)?;
        let schema = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag";
        write_manifest(&dir.join("inventory-csv"), "CSV", schema, &csv_files)
    }
}

impl Part {
    fn create(dir: &Path, number: usize) -> Result<Self> {
        let parquet_path = dir.join(format!("inventory/data/part{number}.parquet"));
        let csv_path = dir.join(format!("inventory-csv/data/part{number}.csv.gz"));
        Ok(Self { parquet: ParquetInventory::create(&parquet_path)?, csv: gzip(&csv_path)?, parquet_path, csv_path })
    }
}

/// A Parquet file of inventory rows.
struct ParquetInventory {
    writer: ArrowWriter<BufWriter<File>>,
    schema: Arc<Schema>,
    keys: Vec<String>,
    sizes: Vec<i64>,
    modified_ms: Vec<i64>,
}

impl ParquetInventory {
    fn create(path: &Path) -> Result<Self> {
        let time = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
        let schema = Arc::new(Schema::new(vec![
            Field::new("bucket", DataType::Utf8, false),
            Field::new("key", DataType::Utf8, false),
            Field::new("size", DataType::Int64, true),
            Field::new("last_modified_date", time, true),
        ]));
        let properties = WriterProperties::builder().set_compression(Codec::ZSTD(ZstdLevel::default())).build();
        let writer = ArrowWriter::try_new(create(path)?, Arc::clone(&schema), Some(properties)).map_err(parquet)?;
        Ok(Self { writer, schema, keys: Vec::new(), sizes: Vec::new(), modified_ms: Vec::new() })
    }

    fn add(&mut self, row: &Row<'_>) -> Result<()> {
        self.keys.push(row.key.to_owned());
        self.sizes.push(i64::try_from(row.size).unwrap_or(i64::MAX));
        self.modified_ms.push(row.modified_ms);
        if self.keys.len() < BATCH_ROWS { Ok(()) } else { self.write_batch() }
    }

    fn write_batch(&mut self) -> Result<()> {
        let keys = std::mem::take(&mut self.keys);
        let buckets = StringArray::from(vec![SAMPLE_BUCKET; keys.len()]);
        let modified = TimestampMillisecondArray::from(std::mem::take(&mut self.modified_ms)).with_timezone("UTC");
        let columns: Vec<ArrayRef> = vec![
            Arc::new(buckets),
            Arc::new(StringArray::from(keys)),
            Arc::new(Int64Array::from(std::mem::take(&mut self.sizes))),
            Arc::new(modified),
        ];
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .map_err(|error| Error::internal("cannot build an inventory").caused_by(error))?;
        self.writer.write(&batch).map_err(parquet)
    }

    fn finish(mut self) -> Result<()> {
        self.write_batch()?;
        self.writer.into_inner().map_err(parquet)?.flush().map_err(|error| failed(Path::new("inventory"), error))
    }
}

fn write_manifest(folder: &Path, format: &str, schema: &str, files: &[Value]) -> Result<()> {
    let manifest = json!({
        "sourceBucket": SAMPLE_BUCKET,
        "destinationBucket": format!("arn:aws:s3:::{SAMPLE_BUCKET}"),
        "version": "2016-11-30",
        "creationTimestamp": INVENTORY_MS.to_string(),
        "fileFormat": format,
        "fileSchema": schema,
        "files": files,
    });
    let path = folder.join("manifest.json");
    fs::write(&path, format!("{manifest:#}\n")).map_err(|error| failed(&path, error))
}

/// The manifest's entry of a data file.
fn entry(dir: &Path, path: &Path) -> Result<Value> {
    let bytes = fs::read(path).map_err(|error| failed(path, error))?;
    let key = path.strip_prefix(dir).unwrap_or(path).to_string_lossy().replace('\\', "/");
    Ok(json!({ "key": key, "size": bytes.len(), "MD5checksum": hex(&Md5::digest(&bytes)) }))
}

/// As S3 writes keys into CSV inventories.
fn url_encoded(key: &str) -> String {
    key.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'*' => char::from(byte).to_string(),
            b' ' => "+".to_owned(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

fn create(path: &Path) -> Result<BufWriter<File>> {
    Ok(BufWriter::new(File::create(path).map_err(|error| failed(path, error))?))
}

/// Fast rather than small: the archive is thrown away.
fn gzip(path: &Path) -> Result<Gzip> {
    Ok(GzEncoder::new(create(path)?, Compression::fast()))
}

fn failed(path: &Path, error: std::io::Error) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::PermissionDenied => ErrorKind::Denied,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, "cannot write the archive").with("path", path.display()).caused_by(error)
}

fn parquet(error: parquet::errors::ParquetError) -> Error {
    Error::new(ErrorKind::Unavailable, "cannot write an inventory").caused_by(error)
}
