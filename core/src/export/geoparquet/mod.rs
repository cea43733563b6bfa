//! Items as a Parquet file of the STAC GeoParquet specification, version 1.1.
//!
//! One row an item; properties, assets and links as columns and structs that engines can filter on. The schema follows
//! from all items, so they wait in a [`Spool`] until the last is known. What no Parquet type holds is JSON text, marked
//! as the extension type `arrow.json`: places whose values differ in kind, objects without members, dictionaries with
//! too many keys. Instants are kept to the microsecond, and null is the same as absent (Drawbacks).

mod columns;
mod geo;
mod rows;
mod seen;
mod survey;
mod writer;

use std::mem;

use serde_json::Value;

use super::Spool;
use survey::Survey;
use writer::Writer;

use crate::{Error, Result};

/// JSON of the items that wait together: what is parsed again and held as rows at a time.
const FRAME_BYTES: usize = 4 << 20;
/// JSON shrinks about eightfold at the first level.
const ZSTD_LEVEL: i32 = 1;
/// Most places that are told of those that became JSON text.
const TOLD: usize = 10;

/// A file in the making.
#[derive(Debug)]
pub struct GeoParquet {
    survey: Survey,
    spool: Box<dyn Spool>,
    /// The newest items, a line each.
    frame: Vec<u8>,
    writer: Stage,
    json_places: Vec<String>,
}

#[derive(Debug)]
enum Stage {
    /// Items still come.
    Gathering,
    Writing(Box<Writer>),
    Ended,
}

impl GeoParquet {
    /// A file whose items wait in `spool`.
    pub fn new(spool: Box<dyn Spool>) -> Self {
        let survey = Survey::default();
        Self { survey, spool, frame: Vec::new(), writer: Stage::Gathering, json_places: Vec::new() }
    }

    /// Takes an item.
    ///
    /// # Errors
    /// Those of the spool, and [`crate::ErrorKind::Internal`] after the last item.
    pub fn push(&mut self, item: &Value) -> Result<()> {
        if !matches!(self.writer, Stage::Gathering) {
            return Err(Error::internal("an item after the last one"));
        }
        self.survey.observe(item);
        serde_json::to_writer(&mut self.frame, item).map_err(|error| Error::internal("no JSON").caused_by(error))?;
        self.frame.push(b'\n');
        if self.frame.len() >= FRAME_BYTES { self.put_frame() } else { Ok(()) }
    }

    fn put_frame(&mut self) -> Result<()> {
        let frame = mem::take(&mut self.frame);
        self.spool.put(pack(&frame)?)
    }

    /// The next piece of the file, perhaps empty; `None` when all of it is written.
    ///
    /// # Errors
    /// Those of the spool, and [`crate::ErrorKind::Invalid`] that names an item whose geometry is none.
    pub fn finish(&mut self) -> Result<Option<Vec<u8>>> {
        match &mut self.writer {
            Stage::Ended => Ok(None),
            Stage::Gathering => {
                if !self.frame.is_empty() {
                    self.put_frame()?;
                }
                let columns = self.survey.columns();
                self.json_places = columns.json_places();
                self.writer = Stage::Writing(Box::new(Writer::new(columns)?));
                Ok(Some(Vec::new()))
            }
            Stage::Writing(writer) => {
                if let Some(frame) = self.spool.take()? {
                    let frame = unpack(&frame)?;
                    let lines = frame.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
                    let items = lines.map(serde_json::from_slice).collect::<serde_json::Result<Vec<Value>>>();
                    let items = items.map_err(|error| Error::internal("items that waited").caused_by(error))?;
                    return writer.write(&items, frame.len()).map(Some);
                }
                match mem::replace(&mut self.writer, Stage::Ended) {
                    Stage::Writing(writer) => writer.end().map(Some),
                    Stage::Gathering | Stage::Ended => Ok(None),
                }
            }
        }
    }

    /// What of the items the file has no place for, and what it holds as text.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let left_out: Vec<String> = self.survey.left_out().collect();
        if !left_out.is_empty() {
            remarks.push(format!("STAC GeoParquet has no place for {}", left_out.join(", ")));
        }
        if !self.json_places.is_empty() {
            let told: Vec<&str> = self.json_places.iter().map(String::as_str).take(TOLD).collect();
            let more = self.json_places.len() - told.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let told = told.join("`, `");
            remarks.push(format!("kept as JSON text, since no Parquet type holds all the values: `{told}`{more}"));
        }
        remarks
    }
}

/// The length of the bytes, then the bytes compressed.
fn pack(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut packed = (bytes.len() as u64).to_le_bytes().to_vec();
    let compressed = zstd::bulk::compress(bytes, ZSTD_LEVEL);
    packed.extend(compressed.map_err(|error| Error::internal("items cannot be compressed").caused_by(error))?);
    Ok(packed)
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>> {
    let Some((length, compressed)) = packed.split_first_chunk::<8>() else {
        return Err(Error::internal("a frame without its length"));
    };
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    zstd::bulk::decompress(compressed, length)
        .map_err(|error| Error::internal("items that waited came back damaged").caused_by(error))
}
