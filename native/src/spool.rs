//! Items that wait for the last one: in memory, and in a temporary file when they outgrow it.

use std::io::{BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};

use earthcatalog_core::export::Spool;
use earthcatalog_core::{Error, ErrorKind, Result};
use tempfile::SpooledTempFile;

/// What is held in memory; compressed, that is about half a gigabyte of items.
const MEMORY_BYTES: usize = 64 << 20;

/// Frames of bytes, each after its length.
#[derive(Debug)]
pub struct FileSpool(Side);

#[derive(Debug)]
enum Side {
    Writing(BufWriter<SpooledTempFile>),
    Reading(BufReader<SpooledTempFile>),
    /// Between the two, and after an error.
    Neither,
}

impl Default for FileSpool {
    fn default() -> Self {
        Self(Side::Writing(BufWriter::new(tempfile::spooled_tempfile(MEMORY_BYTES))))
    }
}

impl Spool for FileSpool {
    fn put(&mut self, frame: Vec<u8>) -> Result<()> {
        let Side::Writing(file) = &mut self.0 else {
            return Err(Error::internal("a frame after the first was taken"));
        };
        file.write_all(&(frame.len() as u64).to_le_bytes()).and_then(|()| file.write_all(&frame)).map_err(failed)
    }

    fn take(&mut self) -> Result<Option<Vec<u8>>> {
        if let Side::Writing(_) = &self.0
            && let Side::Writing(file) = std::mem::replace(&mut self.0, Side::Neither)
        {
            let mut file = file.into_inner().map_err(|error| failed(error.into_error()))?;
            file.seek(SeekFrom::Start(0)).map_err(failed)?;
            self.0 = Side::Reading(BufReader::new(file));
        }
        let Side::Reading(file) = &mut self.0 else {
            return Err(Error::internal("a spool that failed before"));
        };
        let mut length = Vec::with_capacity(8);
        file.take(8).read_to_end(&mut length).map_err(failed)?;
        let Ok(length) = <[u8; 8]>::try_from(length.as_slice()) else {
            return if length.is_empty() { Ok(None) } else { Err(Error::internal("a spool that ends in a length")) };
        };
        let mut frame = vec![0; usize::try_from(u64::from_le_bytes(length)).unwrap_or(usize::MAX)];
        file.read_exact(&mut frame).map_err(failed)?;
        Ok(Some(frame))
    }
}

fn failed(error: std::io::Error) -> Error {
    let place = std::env::temp_dir();
    Error::new(ErrorKind::Unavailable, "a temporary file cannot be written or read")
        .with("location", place.display())
        .caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_in_their_order_from_memory_and_from_a_file() {
        for memory in [1 << 20, 10] {
            let mut spool = FileSpool(Side::Writing(BufWriter::new(tempfile::spooled_tempfile(memory))));
            for number in 0..100_u8 {
                spool.put(vec![number; usize::from(number)]).unwrap();
            }
            for number in 0..100_u8 {
                assert_eq!(spool.take().unwrap(), Some(vec![number; usize::from(number)]));
            }
            assert_eq!(spool.take().unwrap(), None);
            assert!(spool.put(Vec::new()).is_err());
        }
    }
}
