//! The window of data files that are read ahead, so that their rows come in order although their bytes do not.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::RecordBatch;
use bytes::Bytes;

use crate::machine::Inflight;
use crate::scan::Opened;
use crate::scan::file::{FileScan, RowGroupCounts};
use crate::search::ScanSummary;
use crate::{Error, Location, Machine, Request, RequestId, Result, Step};

/// Most files read at once: those of one cell and every year of the satellites are one round trip.
const FILES: usize = 64;
/// Bytes asked for by the files read at once, beyond which only the first of them asks for more.
const BYTES: u64 = 64 << 20;
/// Files read at once by a search that may end early, at first.
const FIRST_FILES: usize = 2;

/// Reads files in order, some ahead of the first; each holds back after one batch until its turn comes.
#[derive(Debug)]
pub(super) struct Window {
    open: VecDeque<Slot>,
    files: usize,
    begun: u64,
    inflight: Inflight<(u64, RequestId)>,
    closed: RowGroupCounts,
    unreadable: Arc<AtomicU64>,
    kept: Vec<(u64, Opened)>,
}

#[derive(Debug)]
struct Slot {
    number: u64,
    scan: FileScan,
    ready: Option<RecordBatch>,
    finished: bool,
    asked_bytes: u64,
}

/// Rows of one of the files, which are numbered from 0 in the order in which they were begun.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) number: u64,
    pub(super) location: Location,
    pub(super) rows: RecordBatch,
}

impl Window {
    /// A window for a search that `may_end_early`: it widens as files turn out not to suffice.
    pub(super) fn new(may_end_early: bool, inflight: Inflight<(u64, RequestId)>) -> Self {
        Self {
            open: VecDeque::new(),
            files: if may_end_early { FIRST_FILES } else { FILES },
            begun: 0,
            inflight,
            closed: RowGroupCounts::default(),
            unreadable: Arc::default(),
            kept: Vec::new(),
        }
    }

    /// Adds what was read so far.
    pub(super) fn describe(&self, summary: &mut ScanSummary) {
        let counts = self.open.iter().map(|slot| slot.scan.row_groups());
        summary.files_opened = self.begun;
        summary.row_groups = counts.fold(self.closed, RowGroupCounts::and);
        summary.unreadable_geometries = self.unreadable.load(Ordering::Relaxed);
    }

    /// Numbers for the requests of what follows.
    pub(super) fn numbering<T>(&self) -> Inflight<T> {
        Inflight::after(&self.inflight)
    }

    /// The files that were read to their end since the last call, as they were opened, if they keep that.
    pub(super) fn take_opened(&mut self) -> Vec<(u64, Opened)> {
        std::mem::take(&mut self.kept)
    }

    /// The next batch of the first file, or the requests of all open files. `next` begins a file, wherever there is room
    /// for one more; it is given the counter of footprints that cannot be read.
    pub(super) fn step(&mut self, mut next: impl FnMut(&Arc<AtomicU64>) -> Option<FileScan>) -> Result<Step<Batch>> {
        loop {
            while self.open.len() < self.files
                && let Some(scan) = next(&self.unreadable)
            {
                self.open.push_back(Slot { number: self.begun, scan, ready: None, finished: false, asked_bytes: 0 });
                self.begun += 1;
            }
            let requests = self.advance()?;
            if !requests.is_empty() {
                return Ok(Step::NeedsData(requests));
            }
            let Some(first) = self.open.front_mut() else {
                return Ok(Step::Finished);
            };
            if let Some(rows) = first.ready.take() {
                let location = first.scan.task().location.clone();
                return Ok(Step::Data(Batch { number: first.number, location, rows }));
            }
            if !first.finished {
                return Ok(Step::NeedsData(Vec::new()));
            }
            if let Some(Slot { number, scan, .. }) = self.open.pop_front() {
                self.closed = self.closed.and(scan.row_groups());
                self.kept.extend(scan.into_opened().map(|opened| (number, opened)));
            }
            self.files = (self.files * 2).min(FILES);
        }
    }

    /// Takes every file as far as its bytes and its turn allow.
    fn advance(&mut self) -> Result<Vec<Request>> {
        let mut requests = Vec::new();
        let mut asked_bytes: u64 = self.open.iter().map(|slot| slot.asked_bytes).sum();
        for (position, slot) in self.open.iter_mut().enumerate() {
            if position > 0 && asked_bytes >= BYTES {
                break;
            }
            if slot.ready.is_some() || slot.finished {
                continue;
            }
            match slot.scan.step()? {
                Step::Data(batch) => slot.ready = Some(batch),
                Step::Finished => slot.finished = true,
                Step::NeedsData(wanted) => {
                    let bytes: u64 = wanted.iter().map(|request| request.range.most_bytes()).sum();
                    slot.asked_bytes += bytes;
                    asked_bytes += bytes;
                    let own = wanted.into_iter().map(|Request { id, location, range, magic, .. }| {
                        self.inflight.request(location, range, (slot.number, id)).with_magic(magic)
                    });
                    requests.extend(own);
                }
            }
        }
        Ok(requests)
    }

    pub(super) fn supply(&mut self, id: RequestId, bytes: Bytes) -> Result<()> {
        let (_, (number, id)) = self.inflight.answer(id, &bytes)?;
        let slot = self.open.iter_mut().find(|slot| slot.number == number);
        slot.ok_or_else(|| Error::internal("bytes of a file that is not open"))?.scan.supply(id, bytes)
    }

    pub(super) fn fail(&mut self, id: RequestId, error: Error) -> Result<()> {
        let (request, _) = self.inflight.take(id)?;
        Err(error.with("location", request.location))
    }
}
