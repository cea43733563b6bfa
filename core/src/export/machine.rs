//! A search whose answer is the bytes of a file.

use bytes::Bytes;

use super::{Encoder, ExportOptions, Format};
use crate::catalog::Catalog;
use crate::error::ResultExt as _;
use crate::plan::PlanSummary;
use crate::query::Query;
use crate::scan::Output;
use crate::search::{Rows, ScanSummary, Search};
use crate::{Error, Machine, Request, RequestId, Result, Step};

/// Bytes are handed on when there are so many, and whenever the search waits.
const PIECE_BYTES: usize = 64 << 10;
/// After so many items it is told how many there are, even if none of their bytes is there yet.
const TOLD_ITEMS: u64 = 1000;

/// A part of the bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// They follow those of the pieces before; empty while a format waits for the last item.
    pub bytes: Bytes,
    /// Items taken so far.
    pub items: u64,
}

/// Yields the items of a catalog that match a query as the bytes of a format, a piece at a time. The bytes are the same
/// whatever order the answers come in; their cuts may differ.
#[derive(Debug)]
pub struct Export {
    source: Source,
    encoder: Encoder,
    most_items: Option<u64>,
    /// Requests that wait until the bytes before them are handed on.
    held: Option<Vec<Request>>,
    told: u64,
    is_over: bool,
}

#[derive(Debug)]
enum Source {
    Items(Box<Search>),
    Rows(Box<Rows>),
}

impl Export {
    /// An export of the current snapshot of `catalog`.
    ///
    /// # Errors
    /// As [`Search::new`] and [`Encoder::new`].
    pub fn new(catalog: &Catalog, query: Query, format: Format, options: ExportOptions) -> Result<Self> {
        let encoder = Encoder::new(format, catalog, query.fields.as_ref(), options)?;
        // Which members are wanted does not say whether an address of theirs is written.
        let fields = query.fields.filter(|_| !encoder.wants_assets());
        let query = Query { fields, ..query };
        let most_items = query.max_items;
        let source = if encoder.takes_rows() {
            Source::Rows(Box::new(Rows::new(catalog, query, Output::Items)?))
        } else {
            Source::Items(Box::new(Search::new(catalog, query)?))
        };
        Ok(Self { source, encoder, most_items, held: None, told: 0, is_over: false })
    }

    /// What was planned, once it is.
    pub fn plan(&self) -> Option<&PlanSummary> {
        match &self.source {
            Source::Items(search) => search.plan(),
            Source::Rows(rows) => rows.plan(),
        }
    }

    /// What was read so far.
    pub fn summary(&self) -> ScanSummary {
        match &self.source {
            Source::Items(search) => search.summary(),
            Source::Rows(rows) => rows.summary(),
        }
    }

    /// What is odd about the answer so far.
    pub fn warnings(&self) -> Vec<String> {
        match &self.source {
            Source::Items(search) => search.warnings(),
            Source::Rows(rows) => rows.warnings(),
        }
    }

    /// What of the items is not in the bytes, when all are written.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        self.encoder.remarks()
    }

    /// Lets the encoder take what comes next.
    fn advance(&mut self) -> Result<Step<()>> {
        match &mut self.source {
            Source::Items(search) => Ok(match search.step()? {
                Step::NeedsData(requests) => Step::NeedsData(requests),
                Step::Finished => Step::Finished,
                Step::Data(item) => Step::Data(self.encoder.push(&item)?),
            }),
            Source::Rows(rows) => Ok(match rows.step()? {
                Step::NeedsData(requests) => Step::NeedsData(requests),
                Step::Finished => Step::Finished,
                Step::Data((location, batch)) => {
                    Step::Data(self.encoder.push_rows(&batch).context("location", location)?)
                }
            }),
        }
    }

    /// What follows the last item.
    fn finish(&mut self) -> Result<Step<Piece>> {
        let complete = self.most_items.is_none_or(|most| self.summary().items < most);
        while let Some(bytes) = self.encoder.finish(complete)? {
            if !bytes.is_empty() {
                return Ok(Step::Data(Piece { bytes: bytes.into(), items: self.encoder.items() }));
            }
        }
        Ok(Step::Finished)
    }

    fn piece(&mut self) -> Step<Piece> {
        self.told = self.encoder.items();
        Step::Data(Piece { bytes: self.encoder.take().into(), items: self.told })
    }

    fn is_worth_telling(&self) -> bool {
        self.encoder.len() >= PIECE_BYTES || self.encoder.items() >= self.told + TOLD_ITEMS
    }
}

impl Machine for Export {
    type Output = Piece;

    fn step(&mut self) -> Result<Step<Piece>> {
        if let Some(requests) = self.held.take() {
            return Ok(Step::NeedsData(requests));
        }
        while !self.is_over {
            match self.advance()? {
                Step::Data(()) if self.is_worth_telling() => return Ok(self.piece()),
                Step::Data(()) => {}
                Step::NeedsData(requests) if self.encoder.is_empty() => return Ok(Step::NeedsData(requests)),
                Step::NeedsData(requests) => {
                    self.held = Some(requests);
                    return Ok(self.piece());
                }
                Step::Finished => self.is_over = true,
            }
        }
        self.finish()
    }

    fn supply(&mut self, id: RequestId, bytes: Bytes) -> Result<()> {
        match &mut self.source {
            Source::Items(search) => search.supply(id, bytes),
            Source::Rows(rows) => rows.supply(id, bytes),
        }
    }

    fn fail(&mut self, id: RequestId, error: Error) -> Result<()> {
        match &mut self.source {
            Source::Items(search) => search.fail(id, error),
            Source::Rows(rows) => rows.fail(id, error),
        }
    }
}
