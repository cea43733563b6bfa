//! Chosen rows of several files, read whole and yielded in the order in which they were chosen.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::best::Place;
use super::window::{Batch, Window};
use crate::scan::file::FileScan;
use crate::{Error, Result, Step};

/// Rows of which the answer is made at a time: their files are read at once, and their bytes held until all are there.
const PIECE_ROWS: usize = 1_000;

/// Reads rows by their places.
#[derive(Debug)]
pub(super) struct Picked {
    rows: VecDeque<Place>,
    pub(super) window: Window,
    /// Files to be begun for this piece, and which of their rows.
    files: VecDeque<(usize, Arc<[u64]>)>,
    /// The files begun, by their number in the window.
    begun: Vec<usize>,
    /// The rows of this piece that were not yielded yet.
    piece: VecDeque<Place>,
    read: HashMap<usize, ReadRows>,
    reading: bool,
}

/// Rows that were read of one file.
#[derive(Debug)]
struct ReadRows {
    /// Their numbers, ascending.
    numbers: Arc<[u64]>,
    batches: Vec<(Batch, usize)>,
}

impl Picked {
    pub(super) fn new(rows: Vec<Place>, window: Window) -> Self {
        Self {
            rows: rows.into(),
            window,
            files: VecDeque::new(),
            begun: Vec::new(),
            piece: VecDeque::new(),
            read: HashMap::new(),
            reading: false,
        }
    }

    /// The next rows. `scan_of` makes the scan of rows of a file.
    pub(super) fn step(&mut self, scan_of: impl Fn(usize, Arc<[u64]>) -> Option<FileScan>) -> Result<Step<Batch>> {
        loop {
            if self.reading {
                let (files, begun) = (&mut self.files, &mut self.begun);
                let step = self.window.step(|_| {
                    let (file, rows) = files.pop_front()?;
                    begun.push(file);
                    scan_of(file, rows)
                })?;
                match step {
                    Step::NeedsData(requests) => return Ok(Step::NeedsData(requests)),
                    Step::Data(batch) => self.keep(batch)?,
                    Step::Finished => self.reading = false,
                }
            } else if let Some(batch) = self.next_run()? {
                return Ok(Step::Data(batch));
            } else if !self.begin_piece() {
                return Ok(Step::Finished);
            }
        }
    }

    fn begin_piece(&mut self) -> bool {
        let most = self.rows.len().min(PIECE_ROWS);
        self.piece = self.rows.drain(..most).collect();
        let mut numbers: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        for (file, row) in &self.piece {
            numbers.entry(*file).or_default().push(*row);
        }
        self.read.clear();
        for (file, mut numbers) in numbers {
            numbers.sort_unstable();
            let numbers: Arc<[u64]> = numbers.into();
            self.files.push_back((file, Arc::clone(&numbers)));
            self.read.insert(file, ReadRows { numbers, batches: Vec::new() });
        }
        self.reading = !self.piece.is_empty();
        self.reading
    }

    fn keep(&mut self, batch: Batch) -> Result<()> {
        let file = usize::try_from(batch.number).ok().and_then(|number| self.begun.get(number));
        let read = file.and_then(|file| self.read.get_mut(file));
        let read = read.ok_or_else(|| Error::internal("rows of a file that was not begun"))?;
        let first = read.batches.last().map_or(0, |(batch, first)| first + batch.rows.num_rows());
        read.batches.push((batch, first));
        Ok(())
    }

    /// The rows that follow, as many as lie one after the other in one batch.
    fn next_run(&mut self) -> Result<Option<Batch>> {
        let Some(place) = self.piece.pop_front() else { return Ok(None) };
        let missing = || Error::corrupt("a data file lacks rows that it had when its keys were read");
        let read = self.read.get(&place.0).ok_or_else(missing)?;
        let at = read.numbers.binary_search(&place.1).map_err(|_| missing())?;
        let holder = read.batches.partition_point(|(_, first)| *first <= at).checked_sub(1);
        let (batch, first) = holder.and_then(|holder| read.batches.get(holder)).ok_or_else(missing)?;
        let offset = at - first;
        let most = batch.rows.num_rows().checked_sub(offset).filter(|rows| *rows > 0).ok_or_else(missing)?;
        let mut length = 1;
        while length < most
            && let (Some(next), Some(row)) = (self.piece.front(), read.numbers.get(at + length))
            && *next == (place.0, *row)
        {
            self.piece.pop_front();
            length += 1;
        }
        let rows = batch.rows.slice(offset, length);
        Ok(Some(Batch { number: batch.number, location: batch.location.clone(), rows }))
    }
}
