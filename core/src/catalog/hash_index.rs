//! How many different items a catalog holds: the row count of its hash index, which its footer says.

use bytes::Bytes;

use super::{Catalog, properties};
use crate::error::ResultExt as _;
use crate::machine::{Inflight, Magic};
use crate::scan::file::TAIL_BYTES;
use crate::scan::footer;
use crate::{Error, ErrorKind, Location, Machine, RequestId, Result, Span, Step};

/// Finds the number of different items; yields nothing if the catalog has no hash index.
#[derive(Debug)]
pub struct UniqueItems {
    state: State,
    inflight: Inflight<()>,
}

#[derive(Debug)]
enum State {
    Known(u64),
    /// The index, and how many of its last bytes.
    Wanted(Location, u64),
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
            (None, Some(location)) => State::Wanted(location, TAIL_BYTES),
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
            State::Wanted(location, bytes) => {
                self.state = State::Waiting;
                // The Python program writes its index anew under the same name.
                let request = self.inflight.request_volatile(location, Span::Tail(bytes), ());
                Ok(Step::NeedsData(vec![request.with_magic(Magic::End(footer::MAGIC))]))
            }
        }
    }

    fn supply(&mut self, id: RequestId, bytes: Bytes) -> Result<()> {
        let (request, ()) = self.inflight.answer(id, &bytes)?;
        let needed = footer::bytes_from_end(&bytes).context("location", &request.location)?;
        self.state = match request.range {
            Span::Tail(most) if needed > bytes.len() as u64 && bytes.len() as u64 == most => {
                State::Wanted(request.location, needed)
            }
            _ => State::Known(parquet_rows(&bytes).context("location", &request.location)?),
        };
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

/// The rows of a Parquet object, by its last bytes: footer and all, or the whole object.
///
/// # Errors
/// [`ErrorKind::Corrupt`] for what does not end as a Parquet object does, or begins within its footer.
pub fn parquet_rows(tail: &Bytes) -> Result<u64> {
    footer::rows(tail)
}
