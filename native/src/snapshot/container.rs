//! Compresses an Avro object container: the `iceberg` crate writes its manifests uncompressed.

use std::io::Write as _;

use earthcatalog_core::{Error, Result};
use flate2::{Compression, write::DeflateEncoder};

/// Inflated size at which a block is closed. Large blocks share one dictionary of paths and keys; a reader inflates
/// one at a time.
const BLOCK_BYTES: usize = 1 << 20;
const MAGIC: &[u8] = b"Obj\x01";
const SYNC_BYTES: usize = 16;

/// The same records in blocks of about [`BLOCK_BYTES`], codec `deflate` (Avro, Object Container Files).
///
/// # Errors
/// [`earthcatalog_core::ErrorKind::Internal`] if the bytes are not an uncompressed container.
pub(super) fn compress(container: &[u8]) -> Result<Vec<u8>> {
    let mut input = Input(container);
    if input.take(MAGIC.len())? != MAGIC {
        return Err(unexpected("has no Avro magic"));
    }
    let header = read_header(&mut input)?;
    let sync = input.take(SYNC_BYTES)?;

    let mut output = Vec::with_capacity(container.len() / 2);
    output.extend_from_slice(MAGIC);
    put_long(&mut output, i64_of(header.len() + 1)?);
    for (key, value) in header.iter().copied().chain([(b"avro.codec".as_slice(), b"deflate".as_slice())]) {
        put_bytes(&mut output, key)?;
        put_bytes(&mut output, value)?;
    }
    output.push(0);
    output.extend_from_slice(sync);

    let mut block = Block::default();
    while !input.0.is_empty() {
        block.records += input.long()?;
        block.bytes.extend_from_slice(input.bytes()?);
        input.take(SYNC_BYTES)?;
        if block.bytes.len() >= BLOCK_BYTES {
            block.put(&mut output, sync)?;
        }
    }
    block.put(&mut output, sync)?;
    Ok(output)
}

/// The header's pairs without the codec.
fn read_header<'a>(input: &mut Input<'a>) -> Result<Vec<(&'a [u8], &'a [u8])>> {
    let mut pairs = Vec::new();
    loop {
        let mut count = input.long()?;
        if count == 0 {
            return Ok(pairs);
        }
        if count < 0 {
            count = count.checked_neg().ok_or_else(|| unexpected("has a broken header"))?;
            input.long()?;
        }
        for _ in 0..count {
            let (key, value) = (input.bytes()?, input.bytes()?);
            match key {
                b"avro.codec" if value != b"null" => return Err(unexpected("is compressed already")),
                b"avro.codec" => {}
                _ => pairs.push((key, value)),
            }
        }
    }
}

#[derive(Default)]
struct Block {
    records: i64,
    bytes: Vec<u8>,
}

impl Block {
    fn put(&mut self, output: &mut Vec<u8>, sync: &[u8]) -> Result<()> {
        if self.records == 0 {
            return Ok(());
        }
        let mut encoder = DeflateEncoder::new(Vec::with_capacity(self.bytes.len() / 3), Compression::new(9));
        let packed = encoder
            .write_all(&self.bytes)
            .and_then(|()| encoder.finish())
            .map_err(|error| Error::internal("cannot deflate an Avro block").caused_by(error))?;
        put_long(output, self.records);
        put_bytes(output, &packed)?;
        output.extend_from_slice(sync);
        self.records = 0;
        self.bytes.clear();
        Ok(())
    }
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or_else(|| unexpected("ends early"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn bytes(&mut self) -> Result<&'a [u8]> {
        let length = usize::try_from(self.long()?).map_err(|_| unexpected("has a negative length"))?;
        self.take(length)
    }

    /// A zig-zag variable-length integer (Avro, Binary Encoding).
    fn long(&mut self) -> Result<i64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?.first().copied().unwrap_or_default();
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
            }
        }
        Err(unexpected("has an endless integer"))
    }
}

fn put_long(output: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        output.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    output.push(rest.to_le_bytes()[0]);
}

fn put_bytes(output: &mut Vec<u8>, bytes: &[u8]) -> Result<()> {
    put_long(output, i64_of(bytes.len())?);
    output.extend_from_slice(bytes);
    Ok(())
}

fn i64_of(length: usize) -> Result<i64> {
    i64::try_from(length).map_err(|_| unexpected("is too long"))
}

fn unexpected(what: &str) -> Error {
    Error::internal(format!("an Avro container just written {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_come_back_as_they_went_in() {
        for value in [0, -1, 1, 63, 64, -64, -65, 1 << 40, i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            put_long(&mut bytes, value);
            assert_eq!(Input(&bytes).long().unwrap(), value);
        }
    }

    #[test]
    fn bytes_that_are_no_container_are_refused() {
        for bytes in [&b""[..], b"Obj", b"Obj\x01\x02", b"Obj\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"] {
            assert!(compress(bytes).is_err());
        }
    }
}
