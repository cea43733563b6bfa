//! How many different items a catalog holds: the row count of its hash index.

use bytes::Bytes;
use parquet::file::metadata::ParquetMetaDataReader;

use super::{Catalog, properties};
use crate::error::ResultExt as _;
use crate::machine::Inflight;
use crate::{Error, ErrorKind, Location, Machine, Request, RequestId, Result, Span, Step, limits};

const MAGIC: &[u8; 4] = b"PAR1";

/// Finds the number of different items; yields nothing if the catalog has no hash index.
#[derive(Debug)]
pub struct UniqueItems {
    state: State,
    inflight: Inflight<()>,
}

#[derive(Debug)]
enum State {
    Known(u64),
    Wanted(Location),
    Waiting,
    Done,
}

impl UniqueItems {
    /// For a catalog. A table property that says the number makes reading needless.
    #[must_use]
    pub fn new(catalog: &Catalog) -> Self {
        let noted = catalog.metadata().properties.get(properties::HASH_INDEX_ROWS);
        let state = match (noted.and_then(|text| text.parse().ok()), catalog.hash_index()) {
            (Some(rows), _) => State::Known(rows),
            (None, Some(location)) => State::Wanted(location),
            (None, None) => State::Done,
        };
        Self { state, inflight: Inflight::default() }
    }
}

impl Machine for UniqueItems {
    type Output = u64;

    fn step(&mut self) -> Result<Step<u64>> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Known(rows) => Ok(Step::Data(rows)),
            State::Done => Ok(Step::Finished),
            State::Waiting => {
                self.state = State::Waiting;
                Ok(Step::NeedsData(Vec::new()))
            }
            State::Wanted(location) => {
                self.state = State::Waiting;
                let request: Request = self.inflight.request(location, Span::Whole, ());
                Ok(Step::NeedsData(vec![request]))
            }
        }
    }

    fn supply(&mut self, id: RequestId, bytes: Bytes) -> Result<()> {
        let (request, ()) = self.inflight.answer(id, &bytes)?;
        self.state = State::Known(parquet_rows(&bytes).context("location", &request.location)?);
        Ok(())
    }

    fn fail(&mut self, id: RequestId, error: Error) -> Result<()> {
        let (request, ()) = self.inflight.take(id)?;
        if error.kind() != ErrorKind::NotFound {
            return Err(error.with("location", request.location));
        }
        self.state = State::Done;
        Ok(())
    }
}

/// The rows of a Parquet object, by its footer.
///
/// # Errors
/// [`ErrorKind::Corrupt`] for anything that is no Parquet object, and beyond [`limits::FOOTER_BYTES`].
pub fn parquet_rows(bytes: &Bytes) -> Result<u64> {
    let corrupt = || Error::corrupt("not a Parquet object");
    let tail = bytes.len().checked_sub(8).and_then(|at| bytes.get(at..)).ok_or_else(corrupt)?;
    let (length, magic) = tail.split_first_chunk::<4>().ok_or_else(corrupt)?;
    let length = u64::from(u32::from_le_bytes(*length));
    if magic != MAGIC || length > limits::FOOTER_BYTES || length + 8 > bytes.len() as u64 {
        return Err(corrupt());
    }
    let metadata = ParquetMetaDataReader::new().parse_and_finish(bytes).map_err(|error| corrupt().caused_by(error))?;
    u64::try_from(metadata.file_metadata().num_rows()).map_err(|_| corrupt())
}
