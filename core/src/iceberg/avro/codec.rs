//! The codecs of Avro blocks, with one decompressor and one buffer for all blocks of a file ("Required Codecs",
//! "Optional Codecs").

use flate2::{Crc, Decompress, FlushDecompress, Status};

use crate::{Error, Result, limits};

/// First size of the buffer; beyond it grows fourfold up to [`limits::AVRO_BLOCK_BYTES`].
const FIRST_BYTES: usize = 64 << 10;
const CRC_BYTES: usize = 4;

/// Decompresses block after block into the same buffer.
pub(super) struct Decompressor {
    codec: Codec,
    buffer: Vec<u8>,
}

enum Codec {
    Null,
    Deflate(Decompress),
    Snappy(snap::raw::Decoder),
    Zstandard(zstd::bulk::Decompressor<'static>),
}

impl Decompressor {
    pub(super) fn new(name: &[u8]) -> Result<Self> {
        let codec = match name {
            b"null" | b"" => Codec::Null,
            b"deflate" => Codec::Deflate(Decompress::new(false)),
            b"snappy" => Codec::Snappy(snap::raw::Decoder::new()),
            b"zstandard" => Codec::Zstandard(
                zstd::bulk::Decompressor::new()
                    .map_err(|error| Error::internal("zstandard cannot be started").caused_by(error))?,
            ),
            other => {
                let name = String::from_utf8_lossy(other.get(..other.len().min(40)).unwrap_or_default());
                return Err(Error::unsupported(format!("Avro codec `{}`", name.escape_debug())));
            }
        };
        Ok(Self { codec, buffer: Vec::new() })
    }

    /// The bytes of a block. Bounded by [`limits::AVRO_BLOCK_BYTES`].
    pub(super) fn decompress<'b>(&'b mut self, stored: &'b [u8]) -> Result<&'b [u8]> {
        let buffer = &mut self.buffer;
        let length = match &mut self.codec {
            Codec::Null if stored.len() > limits::AVRO_BLOCK_BYTES => return Err(too_large()),
            Codec::Null => return Ok(stored),
            Codec::Deflate(inflater) => grow_until(buffer, |buffer| inflate(inflater, stored, buffer))?,
            Codec::Snappy(decoder) => unsnap(decoder, stored, buffer)?,
            Codec::Zstandard(decoder) => {
                let known = zstd::zstd_safe::get_frame_content_size(stored).ok().flatten();
                if known.is_some_and(|size| size > limits::AVRO_BLOCK_BYTES as u64) {
                    return Err(too_large());
                }
                grow_until(buffer, |buffer| match decoder.decompress_to_buffer(stored, buffer) {
                    Ok(length) => Ok(Some(length)),
                    // The only error with a message of its own that a larger buffer can mend.
                    Err(error) if error.to_string().contains("too small") => Ok(None),
                    Err(error) => Err(Error::corrupt("Avro block is no zstandard data").caused_by(error)),
                })?
            }
        };
        buffer.get(..length).ok_or_else(|| Error::internal("decompressor wrote beyond its buffer"))
    }
}

/// Tries with a larger and larger buffer while `decompress` answers that it is too small.
fn grow_until(buffer: &mut Vec<u8>, mut decompress: impl FnMut(&mut [u8]) -> Result<Option<usize>>) -> Result<usize> {
    if buffer.is_empty() {
        buffer.resize(FIRST_BYTES, 0);
    }
    loop {
        if let Some(length) = decompress(buffer)? {
            return Ok(length);
        }
        if buffer.len() >= limits::AVRO_BLOCK_BYTES {
            return Err(too_large());
        }
        buffer.resize((buffer.len() * 4).min(limits::AVRO_BLOCK_BYTES), 0);
    }
}

/// Inflates in one call, which lets the inflater write straight into `buffer`; `None` if that is too small.
fn inflate(inflater: &mut Decompress, stored: &[u8], buffer: &mut [u8]) -> Result<Option<usize>> {
    inflater.reset(false);
    let corrupt = || Error::corrupt("Avro block is no deflate data");
    let status = inflater.decompress(stored, buffer, FlushDecompress::Finish);
    let length = usize::try_from(inflater.total_out()).map_err(|_| corrupt())?;
    match status.map_err(|error| corrupt().caused_by(error))? {
        Status::StreamEnd => Ok(Some(length)),
        // Not full and yet not at the end: the data is cut.
        _ if length < buffer.len() => Err(corrupt()),
        _ => Ok(None),
    }
}

/// A snappy block ends in the big-endian CRC-32 of its decompressed bytes.
fn unsnap(decoder: &mut snap::raw::Decoder, stored: &[u8], buffer: &mut Vec<u8>) -> Result<usize> {
    let corrupt = || Error::corrupt("Avro block is no snappy data");
    let (stored, crc) = stored.split_last_chunk::<CRC_BYTES>().ok_or_else(corrupt)?;
    let length = snap::raw::decompress_len(stored).map_err(|error| corrupt().caused_by(error))?;
    // Snappy cannot do better than 64 bytes from 3.
    if length > limits::AVRO_BLOCK_BYTES || length > stored.len().saturating_mul(64) {
        return Err(too_large());
    }
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
    let written = decoder.decompress(stored, buffer).map_err(|error| corrupt().caused_by(error))?;
    let mut found = Crc::new();
    found.update(buffer.get(..written).unwrap_or_default());
    if found.sum() != u32::from_be_bytes(*crc) {
        return Err(Error::corrupt("Avro block differs from its checksum"));
    }
    Ok(written)
}

fn too_large() -> Error {
    Error::corrupt(format!("Avro block exceeds {} bytes when decompressed", limits::AVRO_BLOCK_BYTES))
}
