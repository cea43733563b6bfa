//! A Parquet footer: where it lies, what it says, and whether the file can hold what it says.

use std::ops::Range;

use bytes::Bytes;
use parquet::DecodeResult;
use parquet::file::metadata::{
    ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataPushDecoder, ParquetMetaDataReader,
    RowGroupMetaData,
};

use crate::{Error, Result, limits};

/// How a Parquet file begins and ends.
pub const MAGIC: &[u8; 4] = b"PAR1";
/// The last bytes of a file: length of the metadata and the magic (parquet-format, "File Format").
const TAIL_BYTES: u64 = 8;
/// The least a Parquet file can have: the magic twice and the length of the metadata.
pub const LEAST_FILE_BYTES: u64 = 12;

/// Where the metadata lies, from the last bytes of a file of `file_bytes`.
///
/// # Errors
/// [`crate::ErrorKind::Corrupt`] for what is not Parquet, [`crate::ErrorKind::Unsupported`] for an encrypted footer.
pub fn metadata_range(tail: &[u8], file_bytes: u64) -> Result<Range<u64>> {
    let Some((_, [a, b, c, d, magic @ ..])) = tail.split_last_chunk::<8>() else {
        return Err(Error::corrupt(format!("a Parquet file cannot have {file_bytes} bytes")));
    };
    match magic {
        _ if magic == MAGIC => {}
        b"PARE" => return Err(Error::unsupported("Parquet file with an encrypted footer")),
        _ => return Err(Error::corrupt("not a Parquet file: no magic at its end")),
    }
    let length = u64::from(u32::from_le_bytes([*a, *b, *c, *d]));
    let end = file_bytes.saturating_sub(TAIL_BYTES);
    match end.checked_sub(length) {
        Some(start) if length <= limits::FOOTER_BYTES => Ok(start..end),
        _ => Err(Error::corrupt(format!("footer of {length} bytes in a Parquet file of {file_bytes}"))),
    }
}

/// How many bytes from the end of a file its footer takes, from its last eight bytes or more.
///
/// # Errors
/// As [`metadata_range`].
pub fn bytes_from_end(tail: &[u8]) -> Result<u64> {
    // As if the file were as large as may be: how large it is need not be known.
    let range = metadata_range(tail, u64::MAX)?;
    Ok(range.end - range.start + TAIL_BYTES)
}

/// The rows of a file, by its last bytes.
///
/// # Errors
/// As [`metadata_range`], and [`crate::ErrorKind::Corrupt`] if the footer begins before these bytes.
pub fn rows(tail: &[u8]) -> Result<u64> {
    let range = metadata_range(tail, tail.len() as u64)?;
    let bounds = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
    let footer = bounds.and_then(|(start, end)| tail.get(start..end));
    let footer = footer.ok_or_else(|| Error::corrupt("a Parquet file ends before its footer does"))?;
    let metadata = guarded(|| ParquetMetaDataReader::decode_metadata(footer))?;
    u64::try_from(metadata.file_metadata().num_rows())
        .map_err(|_| Error::corrupt("a Parquet file says that it has less than no rows"))
}

/// Parses the metadata and checks it against the file's size.
///
/// # Errors
/// [`crate::ErrorKind::Corrupt`].
pub fn parse_metadata(bytes: &[u8], file_bytes: u64) -> Result<ParquetMetaData> {
    let metadata = guarded(|| ParquetMetaDataReader::decode_metadata(bytes))?;
    check(&metadata, file_bytes)?;
    Ok(metadata)
}

/// Adds the page index, from the bytes of [`page_index_range`].
///
/// # Errors
/// [`crate::ErrorKind::Corrupt`].
pub fn parse_page_index(
    metadata: ParquetMetaData,
    file_bytes: u64,
    range: Range<u64>,
    bytes: Bytes,
) -> Result<ParquetMetaData> {
    let decoded = guarded(|| {
        let mut decoder = ParquetMetaDataPushDecoder::try_new_with_metadata(file_bytes, metadata)?
            .with_page_index_policy(PageIndexPolicy::Optional);
        decoder.push_range(range, bytes)?;
        decoder.try_decode()
    })?;
    match decoded {
        DecodeResult::Data(metadata) => Ok(metadata),
        DecodeResult::NeedsData(_) | DecodeResult::Finished => {
            Err(Error::corrupt("page index is not where it should be"))
        }
    }
}

/// Where the page index lies, if there is one inside the file.
pub fn page_index_range(metadata: &ParquetMetaData, file_bytes: u64) -> Option<Range<u64>> {
    let chunks = || metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
    let part = |offset: Option<i64>, length: Option<i32>| {
        let start = u64::try_from(offset?).ok()?;
        Some(start..start.checked_add(u64::try_from(length?).ok()?)?)
    };
    let parts = chunks().flat_map(|chunk| {
        let columns = part(chunk.column_index_offset(), chunk.column_index_length());
        [columns, part(chunk.offset_index_offset(), chunk.offset_index_length())]
    });
    let range = parts.flatten().reduce(|left, right| left.start.min(right.start)..left.end.max(right.end))?;
    let sound = range.start < range.end && range.end <= file_bytes && range.end - range.start <= limits::FOOTER_BYTES;
    sound.then_some(range)
}

/// Runs a piece of `parquet`; it panics on some broken files, which must not end the program where panics unwind.
///
/// # Errors
/// [`crate::ErrorKind::Corrupt`] for its errors and its panics.
pub fn guarded<T>(work: impl FnOnce() -> parquet::errors::Result<T>) -> Result<T> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Error::corrupt("broken Parquet file").caused_by(error)),
        Err(_) => Err(Error::corrupt("broken Parquet file: its decoder gave up")),
    }
}

/// Checks what the decoder takes for granted: it asserts or allocates on counts and offsets.
fn check(metadata: &ParquetMetaData, file_bytes: u64) -> Result<()> {
    let leaves = metadata.file_metadata().schema_descr().num_columns();
    for row_group in metadata.row_groups() {
        let rows = u64::try_from(row_group.num_rows());
        if row_group.columns().len() != leaves || rows.is_err() {
            return Err(Error::corrupt("row group does not fit the schema of its Parquet file"));
        }
        for chunk in row_group.columns() {
            if chunk_range(chunk).is_none_or(|range| range.end > file_bytes) {
                return Err(Error::corrupt("column chunk lies outside its Parquet file")
                    .with("column", chunk.column_path().string()));
            }
        }
    }
    Ok(())
}

/// Where the pages of a column chunk lie.
pub fn chunk_range(chunk: &ColumnChunkMetaData) -> Option<Range<u64>> {
    let start = u64::try_from(chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset())).ok()?;
    let length = u64::try_from(chunk.compressed_size()).ok()?;
    Some(start..start.checked_add(length)?)
}
