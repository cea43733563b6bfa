//! The hash index: one sorted, unique 16-byte hash per item id, as a Parquet file.

use std::cmp::Ordering;
use std::io::Write;
use std::iter::Peekable;
use std::sync::Arc;

use arrow_array::{Array, FixedSizeBinaryArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::ChunkReader;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::{Error, Result};

/// The hash of an item id, as it is stored.
pub type IdHash = [u8; 16];

/// The only column (FORMAT.md, "Hash index").
const COLUMN: &str = "id_hash";
/// The seed the Python program chose; changing it would make every stored index useless.
const SEED: u64 = 42;
/// Rows handed to the Parquet writer at once: 256 KiB.
const BATCH_ROWS: usize = 16_384;

/// xxh3-128 of the id in UTF-8 with seed 42, big endian (FORMAT.md, "Hash index").
///
/// ```
/// use earthcatalog_core::write::hash_index::hash_id;
/// assert_eq!(hash_id("a")[..4], [0x28, 0xdf, 0x59, 0x45]);
/// ```
#[must_use]
pub fn hash_id(id: &str) -> IdHash {
    xxh3_128_with_seed(id.as_bytes(), SEED).to_be_bytes()
}

/// Reads the hashes of a stored index in their order, a batch at a time.
///
/// # Errors
/// [`crate::ErrorKind::Corrupt`] if it is not a hash index; an item of the iterator is an error if the file breaks off
/// or its hashes do not ascend.
pub fn read_hashes<R: ChunkReader + 'static>(input: R) -> Result<impl Iterator<Item = Result<IdHash>>> {
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(input, options).map_err(corrupt)?;
    let is_index = builder.schema().field_with_name(COLUMN).is_ok_and(|field| *field.data_type() == hash_type());
    if !is_index {
        return Err(Error::corrupt(format!("hash index without a 16 byte column `{COLUMN}`")));
    }
    let reader = builder.with_batch_size(BATCH_ROWS).build().map_err(corrupt)?;
    Ok(Hashes { reader, batch: Vec::new().into_iter(), last: None })
}

/// Merges two ascending runs of hashes into one, each hash once. The first error ends the run.
pub fn merge_hashes(
    left: impl Iterator<Item = Result<IdHash>>,
    right: impl Iterator<Item = Result<IdHash>>,
) -> impl Iterator<Item = Result<IdHash>> {
    Merge { left: left.peekable(), right: right.peekable(), last: None }
}

/// What of the first ascending run is not in the second, each hash once. The first error ends the run.
pub fn subtract_hashes(
    from: impl Iterator<Item = Result<IdHash>>,
    what: impl Iterator<Item = Result<IdHash>>,
) -> impl Iterator<Item = Result<IdHash>> {
    let mut what = what.peekable();
    let mut last = None;
    from.filter_map(move |hash| {
        let Ok(hash) = hash else { return Some(hash) };
        if last.replace(hash) == Some(hash) {
            return None;
        }
        while what.next_if(|other| other.as_ref().is_ok_and(|other| *other < hash)).is_some() {}
        match what.peek() {
            Some(Err(_)) => what.next(),
            Some(Ok(other)) if *other == hash => None,
            _ => Some(Ok(hash)),
        }
    })
}

/// Writes ascending, unique hashes as an index and returns their number.
///
/// # Errors
/// The first error of `hashes`, [`crate::ErrorKind::Internal`] if they do not ascend, or what `output` answers.
pub fn write_hashes<W: Write + Send>(output: W, hashes: impl Iterator<Item = Result<IdHash>>) -> Result<u64> {
    let schema = Arc::new(Schema::new(vec![Field::new(COLUMN, hash_type(), true)]));
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        // Hashes never repeat: a dictionary would only be written and thrown away.
        .set_dictionary_enabled(false)
        .build();
    let mut writer = ArrowWriter::try_new(output, Arc::clone(&schema), Some(properties)).map_err(failed_write)?;
    let mut rows = 0_u64;
    let mut last = None;
    let mut pending = Vec::with_capacity(BATCH_ROWS);
    for hash in hashes {
        let hash = hash?;
        if last.is_some_and(|last| last >= hash) {
            return Err(Error::internal("hashes of the hash index do not ascend"));
        }
        last = Some(hash);
        rows += 1;
        pending.push(hash);
        if pending.len() == BATCH_ROWS {
            write_batch(&mut writer, &schema, &mut pending)?;
        }
    }
    write_batch(&mut writer, &schema, &mut pending)?;
    writer.close().map_err(failed_write)?;
    Ok(rows)
}

fn write_batch<W: Write + Send>(
    writer: &mut ArrowWriter<W>,
    schema: &Arc<Schema>,
    pending: &mut Vec<IdHash>,
) -> Result<()> {
    if pending.is_empty() {
        return Ok(());
    }
    let array = FixedSizeBinaryArray::try_from_iter(pending.iter()).map_err(internal)?;
    let batch = RecordBatch::try_new(Arc::clone(schema), vec![Arc::new(array)]).map_err(internal)?;
    pending.clear();
    writer.write(&batch).map_err(failed_write)
}

fn hash_type() -> DataType {
    DataType::FixedSizeBinary(16)
}

fn corrupt(error: ParquetError) -> Error {
    Error::corrupt("unreadable hash index").caused_by(error)
}

fn internal(error: arrow_schema::ArrowError) -> Error {
    Error::internal("cannot build the hash index").caused_by(error)
}

fn failed_write(error: ParquetError) -> Error {
    Error::new(crate::ErrorKind::Unavailable, "cannot write the hash index").caused_by(error)
}

struct Hashes {
    reader: ParquetRecordBatchReader,
    batch: std::vec::IntoIter<IdHash>,
    last: Option<IdHash>,
}

impl Hashes {
    /// The next batch with rows; `None` at the end.
    fn refill(&mut self) -> Option<Result<()>> {
        let batch = match self.reader.next()? {
            Ok(batch) => batch,
            Err(error) => return Some(Err(Error::corrupt("unreadable hash index").caused_by(error))),
        };
        let column = batch.column_by_name(COLUMN)?;
        let Some(column) = column.as_any().downcast_ref::<FixedSizeBinaryArray>() else {
            return Some(Err(Error::corrupt("hash index column changed its type")));
        };
        let rows: Vec<_> = column.iter().flatten().filter_map(|hash| IdHash::try_from(hash).ok()).collect();
        self.batch = rows.into_iter();
        Some(Ok(()))
    }
}

impl Iterator for Hashes {
    type Item = Result<IdHash>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(hash) = self.batch.next() {
                if self.last.is_some_and(|last| last > hash) {
                    return Some(Err(Error::corrupt("hashes of the hash index do not ascend")));
                }
                self.last = Some(hash);
                return Some(Ok(hash));
            }
            if let Err(error) = self.refill()? {
                return Some(Err(error));
            }
        }
    }
}

struct Merge<L: Iterator, R: Iterator> {
    left: Peekable<L>,
    right: Peekable<R>,
    last: Option<IdHash>,
}

impl<L, R> Merge<L, R>
where
    L: Iterator<Item = Result<IdHash>>,
    R: Iterator<Item = Result<IdHash>>,
{
    fn smaller(&mut self) -> Option<Result<IdHash>> {
        let order = match (self.left.peek(), self.right.peek()) {
            (Some(Ok(left)), Some(Ok(right))) => left.cmp(right),
            // An error, or the only run left, comes next.
            (Some(Err(_)), _) | (Some(_), None) => Ordering::Less,
            _ => Ordering::Greater,
        };
        if order == Ordering::Greater { self.right.next() } else { self.left.next() }
    }
}

impl<L, R> Iterator for Merge<L, R>
where
    L: Iterator<Item = Result<IdHash>>,
    R: Iterator<Item = Result<IdHash>>,
{
    type Item = Result<IdHash>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let hash = match self.smaller()? {
                Ok(hash) => hash,
                error => return Some(error),
            };
            if self.last != Some(hash) {
                self.last = Some(hash);
                return Some(Ok(hash));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn hash(first: u8) -> IdHash {
        [first, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    }

    fn run(firsts: &[u8]) -> impl Iterator<Item = Result<IdHash>> + use<> {
        firsts.iter().map(|first| Ok(hash(*first))).collect::<Vec<_>>().into_iter()
    }

    fn stored(firsts: &[u8]) -> Bytes {
        let mut file = Vec::new();
        write_hashes(&mut file, run(firsts)).unwrap();
        file.into()
    }

    #[test]
    fn an_index_returns_what_was_written() {
        let read: Result<Vec<_>> = read_hashes(stored(&[1, 2, 200])).unwrap().collect();
        assert_eq!(read.unwrap(), [hash(1), hash(2), hash(200)]);
        assert_eq!(read_hashes(stored(&[])).unwrap().count(), 0);
    }

    #[test]
    fn merging_keeps_each_hash_once_and_in_order() {
        let merged: Result<Vec<_>> = merge_hashes(run(&[1, 1, 3, 9]), run(&[0, 1, 3, 4])).collect();
        assert_eq!(merged.unwrap(), [hash(0), hash(1), hash(3), hash(4), hash(9)]);
    }

    #[test]
    fn subtracting_leaves_what_only_the_first_run_has() {
        let left: Result<Vec<_>> = subtract_hashes(run(&[1, 1, 3, 9]), run(&[0, 3, 4])).collect();
        assert_eq!(left.unwrap(), [hash(1), hash(9)]);
        let broken = vec![Err(Error::corrupt("cut"))].into_iter();
        assert!(subtract_hashes(run(&[1, 7]), broken).any(|hash| hash.is_err()));
    }

    #[test]
    fn an_error_of_a_run_is_not_swallowed_by_the_merge() {
        let broken = vec![Ok(hash(5)), Err(Error::corrupt("cut"))].into_iter();
        assert!(merge_hashes(run(&[1, 7]), broken).any(|hash| hash.is_err()));
    }

    #[test]
    fn hashes_out_of_order_are_refused() {
        assert!(write_hashes(Vec::new(), run(&[2, 1])).is_err());
        assert!(write_hashes(Vec::new(), run(&[2, 2])).is_err());
    }

    #[test]
    fn a_file_that_is_no_index_is_refused() {
        assert!(read_hashes(Bytes::from_static(b"PAR1 not really PAR1")).is_err());
    }
}
