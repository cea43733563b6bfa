//! Avro object container files: a header with the writer's schema, then blocks of records (Avro 1.11, "Object
//! Container Files").

mod codec;
mod cursor;
mod schema;

use std::collections::BTreeMap;

use crate::{Error, Result, limits};
use codec::Decompressor;

pub use cursor::Cursor;
pub(super) use cursor::unexpected;
pub use schema::{Node, RecordField};

/// How an object container file begins.
pub(crate) const MAGIC: &[u8; 4] = b"Obj\x01";
const SYNC_BYTES: usize = 16;

/// Reads the header of an object container file.
///
/// # Errors
/// [`crate::ErrorKind::Corrupt`] for anything that is no such file, [`crate::ErrorKind::Unsupported`] for a codec
/// other than `null`, `deflate`, `snappy` and `zstandard`.
pub fn read_object_container(bytes: &[u8]) -> Result<ObjectContainer<'_>> {
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| Error::corrupt("not an Avro object container file"))?;
    let mut cursor = Cursor::new(rest);
    let mut metadata = BTreeMap::new();
    while let Some(count) = cursor.array_block()? {
        for _ in 0..count {
            let key = cursor.text()?;
            metadata.insert(key, cursor.bytes()?);
        }
    }
    let schema = metadata.get("avro.schema").ok_or_else(|| Error::corrupt("Avro file without schema"))?;
    let codec = metadata.get("avro.codec").copied().unwrap_or(b"null");
    Ok(ObjectContainer {
        schema: schema::parse(schema)?,
        decompressor: Decompressor::new(codec)?,
        sync: cursor.take(SYNC_BYTES)?,
        rest: cursor.rest(),
        metadata,
        records: 0,
        decompressed_bytes: 0,
    })
}

/// An object container file, read block by block. One decompressor and one buffer serve all blocks, since some
/// writers put each record into a block of its own.
pub struct ObjectContainer<'a> {
    metadata: BTreeMap<&'a str, &'a [u8]>,
    schema: std::sync::Arc<Node>,
    decompressor: Decompressor,
    sync: &'a [u8],
    rest: &'a [u8],
    records: usize,
    decompressed_bytes: usize,
}

/// The records of a block: `count` of them, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Block<'b> {
    /// How many records it holds.
    pub count: usize,
    /// Their bytes.
    pub bytes: &'b [u8],
}

impl<'a> ObjectContainer<'a> {
    /// The schema of a record, as the writer had it.
    #[must_use]
    pub fn schema(&self) -> std::sync::Arc<Node> {
        self.schema.clone()
    }

    /// A value of the header, such as `partition-spec-id`.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&'a [u8]> {
        self.metadata.get(key).copied()
    }

    /// The next block; `None` at the end of the file.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Corrupt`] for a cut or damaged block and beyond [`limits::AVRO_BLOCK_BYTES`],
    /// [`limits::AVRO_FILE_BYTES`] and [`limits::MANIFEST_ENTRIES`].
    pub fn next_block(&mut self) -> Result<Option<Block<'_>>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let mut cursor = Cursor::new(self.rest);
        let count = usize::try_from(cursor.long()?).map_err(|_| Error::corrupt("Avro block of negative count"))?;
        let stored = cursor.bytes()?;
        if cursor.take(SYNC_BYTES)? != self.sync {
            return Err(Error::corrupt("Avro block does not end in the file's sync marker"));
        }
        self.rest = cursor.rest();
        self.records = self.records.saturating_add(count);
        if self.records > limits::MANIFEST_ENTRIES {
            return Err(Error::corrupt(format!("Avro file of {} records exceeds the limit", self.records)));
        }
        let bytes = self.decompressor.decompress(stored)?;
        self.decompressed_bytes = self.decompressed_bytes.saturating_add(bytes.len());
        if self.decompressed_bytes > limits::AVRO_FILE_BYTES {
            return Err(Error::corrupt("Avro file exceeds the limit when decompressed"));
        }
        Ok(Some(Block { count, bytes }))
    }

    /// Hands every record to `read`, which must consume all of it.
    ///
    /// # Errors
    /// As [`ObjectContainer::next_block`], `read`'s, and [`crate::ErrorKind::Corrupt`] if a block holds more bytes
    /// than its records.
    pub fn for_each_record(&mut self, mut read: impl FnMut(&mut Cursor<'_>) -> Result<()>) -> Result<()> {
        while let Some(block) = self.next_block()? {
            let mut cursor = Cursor::new(block.bytes);
            for _ in 0..block.count {
                read(&mut cursor)?;
            }
            if !cursor.rest().is_empty() {
                return Err(Error::corrupt("Avro block holds more than its records"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod testing;

#[cfg(test)]
mod tests {
    use super::testing::{container, long};
    use super::*;

    fn texts(file: &[u8]) -> Result<Vec<String>> {
        let mut found = Vec::new();
        read_object_container(file)?.for_each_record(|cursor| {
            found.push(cursor.text()?.to_owned());
            Ok(())
        })?;
        Ok(found)
    }

    fn records(texts: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for text in texts {
            long(&mut bytes, i64::try_from(text.len()).unwrap());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }

    fn compressed(codec: &str, bytes: &[u8]) -> Vec<u8> {
        use std::io::Write as _;
        match codec {
            "deflate" => {
                let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            "snappy" => {
                let mut stored = snap::raw::Encoder::new().compress_vec(bytes).unwrap();
                let mut crc = flate2::Crc::new();
                crc.update(bytes);
                stored.extend_from_slice(&crc.sum().to_be_bytes());
                stored
            }
            "zstandard" => zstd::bulk::compress(bytes, 3).unwrap(),
            _ => bytes.to_vec(),
        }
    }

    #[test]
    fn every_codec_gives_the_same_records_and_a_flipped_bit_never_panics() {
        let long_text = "x".repeat(300_000);
        let (first, second) = (records(&["a", "bc"]), records(&[&long_text]));
        for codec in ["null", "deflate", "snappy", "zstandard"] {
            let blocks = [(2, compressed(codec, &first)), (0, compressed(codec, &[])), (1, compressed(codec, &second))];
            let file = container(codec, "\"string\"", &blocks);
            assert_eq!(texts(&file).unwrap(), ["a", "bc", &long_text], "{codec}");
            for cut in (0..file.len()).step_by(1 + file.len() / 300) {
                let _ = texts(&file[..cut]);
            }
            for position in (0..file.len()).step_by(1 + file.len() / 300) {
                let mut damaged = file.clone();
                damaged[position] ^= 0x41;
                let _ = texts(&damaged);
            }
        }
    }

    #[test]
    fn a_snappy_block_is_checked_by_its_crc() {
        let mut stored = compressed("snappy", &records(&["abc"]));
        *stored.last_mut().unwrap() ^= 1;
        assert!(texts(&container("snappy", "\"string\"", &[(1, stored)])).is_err());
    }

    #[test]
    fn bombs_foreign_codecs_and_wrong_counts_are_refused() {
        let bomb = vec![0; limits::AVRO_BLOCK_BYTES + 1];
        for codec in ["deflate", "snappy", "zstandard"] {
            let file = container(codec, "\"string\"", &[(1, compressed(codec, &bomb))]);
            assert_eq!(texts(&file).unwrap_err().kind(), crate::ErrorKind::Corrupt, "{codec}");
        }
        let file = container("bzip2", "\"string\"", &[]);
        assert_eq!(texts(&file).unwrap_err().kind(), crate::ErrorKind::Unsupported);
        for count in [-1, 1, 3, i64::MAX] {
            assert!(texts(&container("null", "\"string\"", &[(count, records(&["a", "b"]))])).is_err(), "{count}");
        }
    }

    #[test]
    fn values_without_bytes_cannot_make_the_reader_loop() {
        // Every record doubles the one before and none takes a byte; then an array of 2^60 nulls.
        let mut schema = r#"{"type":"record","name":"r0","fields":[{"name":"x","type":"null"}]}"#.to_owned();
        for level in 1..25 {
            let below = level - 1;
            schema = format!(
                r#"{{"type":"record","name":"r{level}","fields":[{{"name":"a","type":{schema}}},{{"name":"b","type":"r{below}"}}]}}"#
            );
        }
        let mut items = Vec::new();
        long(&mut items, 1 << 60);
        long(&mut items, 0);
        for (schema, bytes) in [(schema.as_str(), vec![]), (r#"{"type":"array","items":"null"}"#, items)] {
            let file = container("null", schema, &[(1, bytes)]);
            let mut reader = read_object_container(&file).unwrap();
            let node = reader.schema();
            assert!(reader.for_each_record(|cursor| cursor.skip(&node)).is_err());
        }
    }
}
