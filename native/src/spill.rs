//! Sorting more than memory holds: sorted runs in temporary files, merged at the end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use earthcatalog_core::{Error, ErrorKind, Result};
use serde::Serialize;

/// Runs merged at once: bounds open files and decoders (about 1 MB each).
const FAN_IN: usize = 64;
/// Largest record read back, far above an item with its key.
const RECORD_BYTES: usize = 64 << 20;
/// Spilled JSON shrinks about eightfold at level 1, and faster than a disk writes it.
const ZSTD_LEVEL: i32 = 1;

/// What can be sorted: ordered, and with a form as bytes.
pub(crate) trait Record: Clone + Ord {
    /// What it takes in memory, about.
    fn size_bytes(&self) -> usize;
    /// Appends its form as bytes.
    fn encode(&self, output: &mut Vec<u8>);
    /// Reads what [`encode`](Self::encode) wrote; `None` if it is something else.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

/// How much was sorted where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SpillSize {
    /// Records sorted.
    pub records: u64,
    /// Most bytes held in memory at a time.
    pub peak_memory_bytes: u64,
    /// Bytes written to temporary files, compressed.
    pub spilled_bytes: u64,
    /// Runs written to temporary files.
    pub runs: u64,
}

/// Takes records in any order and gives them back in theirs.
pub(crate) struct Sorter<T> {
    budget_bytes: usize,
    held: Vec<T>,
    held_bytes: usize,
    /// `levels[n]` holds runs that were merged `n` times.
    levels: Vec<Vec<File>>,
    size: SpillSize,
}

impl<T: Record> Sorter<T> {
    /// A sorter that holds about `budget_bytes` in memory.
    pub(crate) fn new(budget_bytes: usize) -> Self {
        Self { budget_bytes, held: Vec::new(), held_bytes: 0, levels: Vec::new(), size: SpillSize::default() }
    }

    /// Takes a record.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if a temporary file cannot be written.
    pub(crate) fn push(&mut self, record: T) -> Result<()> {
        self.held_bytes += record.size_bytes();
        self.held.push(record);
        self.size.records += 1;
        self.size.peak_memory_bytes = self.size.peak_memory_bytes.max(self.held_bytes as u64);
        if self.held_bytes > self.budget_bytes { self.spill() } else { Ok(()) }
    }

    /// Whether a few more records may set off the writing of a temporary file.
    pub(crate) fn is_nearly_full(&self) -> bool {
        self.held_bytes > self.budget_bytes / 8 * 7
    }

    /// The records in order, and what sorting them took.
    pub(crate) fn finish(mut self) -> (Runs<T>, SpillSize) {
        self.held.sort_unstable();
        let files = self.levels.into_iter().flatten().map(Arc::new).collect();
        (Runs { files, held: Arc::new(self.held) }, self.size)
    }

    fn spill(&mut self) -> Result<()> {
        let mut held = std::mem::take(&mut self.held);
        self.held_bytes = 0;
        held.sort_unstable();
        let mut run = RunWriter::new()?;
        for record in held {
            run.write(&record)?;
        }
        let run = self.close(run)?;
        self.add(0, run)
    }

    /// Adds a run; a level that is full becomes one run of the next.
    fn add(&mut self, level: usize, run: File) -> Result<()> {
        if self.levels.len() <= level {
            self.levels.push(Vec::new());
        }
        let Some(runs) = self.levels.get_mut(level) else {
            return Err(Error::internal("levels of runs are filled in order"));
        };
        runs.push(run);
        if runs.len() < FAN_IN {
            return Ok(());
        }
        let full = std::mem::take(runs);
        let mut merged = RunWriter::new()?;
        for record in Sorted::<T>::new(full.into_iter().map(Arc::new), Arc::default())? {
            merged.write(&record?)?;
        }
        let merged = self.close(merged)?;
        self.add(level + 1, merged)
    }

    fn close(&mut self, run: RunWriter) -> Result<File> {
        let mut file = run.finish()?;
        self.size.runs += 1;
        self.size.spilled_bytes += file.stream_position().map_err(failed)?;
        file.rewind().map_err(failed)?;
        Ok(file)
    }
}

/// Sorted records, to be gone through as often as wanted.
#[derive(Debug)]
pub(crate) struct Runs<T> {
    files: Vec<Arc<File>>,
    held: Arc<Vec<T>>,
}

impl<T> Clone for Runs<T> {
    fn clone(&self) -> Self {
        Self { files: self.files.clone(), held: Arc::clone(&self.held) }
    }
}

impl<T: Record> Runs<T> {
    /// The records in order.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if a temporary file cannot be read; so are items of the iterator.
    pub(crate) fn read(&self) -> Result<Sorted<T>> {
        Sorted::new(self.files.iter().cloned(), Arc::clone(&self.held))
    }
}

/// Records in order, out of memory and temporary files.
pub(crate) struct Sorted<T> {
    sources: Vec<Source<T>>,
    next: BinaryHeap<Reverse<(T, usize)>>,
}

enum Source<T> {
    /// The records and how many of them were given.
    Memory(Arc<Vec<T>>, usize),
    File(RunReader),
}

impl<T: Record> Sorted<T> {
    fn new(runs: impl Iterator<Item = Arc<File>>, held: Arc<Vec<T>>) -> Result<Self> {
        let mut sources = vec![Source::Memory(held, 0)];
        for run in runs {
            sources.push(Source::File(RunReader::new(run)?));
        }
        let mut sorted = Self { sources, next: BinaryHeap::new() };
        for source in 0..sorted.sources.len() {
            sorted.refill(source)?;
        }
        Ok(sorted)
    }

    fn refill(&mut self, place: usize) -> Result<()> {
        let record = match self.sources.get_mut(place) {
            Some(Source::Memory(records, given)) => {
                *given += 1;
                records.get(*given - 1).cloned()
            }
            Some(Source::File(run)) => run.read()?,
            None => None,
        };
        if let Some(record) = record {
            self.next.push(Reverse((record, place)));
        }
        Ok(())
    }
}

impl<T: Record> Iterator for Sorted<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((record, place)) = self.next.pop()?;
        if let Err(error) = self.refill(place) {
            self.next.clear();
            return Some(Err(error));
        }
        Some(Ok(record))
    }
}

struct RunWriter {
    encoder: zstd::Encoder<'static, BufWriter<File>>,
    buffer: Vec<u8>,
}

impl RunWriter {
    fn new() -> Result<Self> {
        let file = tempfile::tempfile().map_err(failed)?;
        let encoder = zstd::Encoder::new(BufWriter::new(file), ZSTD_LEVEL).map_err(failed)?;
        Ok(Self { encoder, buffer: Vec::new() })
    }

    fn write<T: Record>(&mut self, record: &T) -> Result<()> {
        self.buffer.clear();
        record.encode(&mut self.buffer);
        let length = u32::try_from(self.buffer.len()).map_err(|_| Error::internal("record is too long to spill"))?;
        self.encoder.write_all(&length.to_le_bytes()).map_err(failed)?;
        self.encoder.write_all(&self.buffer).map_err(failed)
    }

    fn finish(self) -> Result<File> {
        let mut file =
            self.encoder.finish().map_err(failed)?.into_inner().map_err(|error| failed(error.into_error()))?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(file)
    }
}

struct RunReader {
    decoder: zstd::Decoder<'static, BufReader<Positioned>>,
    buffer: Vec<u8>,
}

/// A file with a position of its own, so that several readers can share it.
struct Positioned {
    file: Arc<File>,
    at: u64,
}

impl Read for Positioned {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        #[cfg(unix)]
        let length = std::os::unix::fs::FileExt::read_at(&*self.file, buffer, self.at)?;
        #[cfg(windows)]
        let length = std::os::windows::fs::FileExt::seek_read(&*self.file, buffer, self.at)?;
        self.at += length as u64;
        Ok(length)
    }
}

impl RunReader {
    fn new(file: Arc<File>) -> Result<Self> {
        let decoder = zstd::Decoder::new(Positioned { file, at: 0 }).map_err(failed)?;
        Ok(Self { decoder, buffer: Vec::new() })
    }

    /// The next record; `None` at the end of the run.
    fn read<T: Record>(&mut self) -> Result<Option<T>> {
        let mut length = [0; 4];
        if self.decoder.read(&mut length[..1]).map_err(failed)? == 0 {
            return Ok(None);
        }
        self.decoder.read_exact(&mut length[1..]).map_err(failed)?;
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        if length > RECORD_BYTES {
            return Err(damaged());
        }
        self.buffer.resize(length, 0);
        self.decoder.read_exact(&mut self.buffer).map_err(failed)?;
        T::decode(&self.buffer).map(Some).ok_or_else(damaged)
    }
}

fn damaged() -> Error {
    Error::internal("a temporary file does not hold what was written to it")
}

fn failed(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "temporary file").with("folder", std::env::temp_dir().display()).caused_by(error)
}

/// Reads the parts of an encoded record one after the other.
pub(crate) struct Parts<'a>(pub(crate) &'a [u8]);

impl<'a> Parts<'a> {
    /// The next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    /// The next text, written by [`put_text`].
    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(u32::from_le_bytes(self.array()?)).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

/// Appends a text with its length. A text of 4 GiB would be cut in the length; items are far below.
pub(crate) fn put_text(output: &mut Vec<u8>, text: &str) {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    output.extend_from_slice(&length.to_le_bytes());
    output.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
    struct Word(String);

    impl Record for Word {
        fn size_bytes(&self) -> usize {
            self.0.len()
        }
        fn encode(&self, output: &mut Vec<u8>) {
            put_text(output, &self.0);
        }
        fn decode(bytes: &[u8]) -> Option<Self> {
            Parts(bytes).text().map(|text| Self(text.to_owned()))
        }
    }

    fn sorted(budget_bytes: usize, count: u64) -> (Vec<Word>, SpillSize) {
        let mut sorter = Sorter::new(budget_bytes);
        for number in 0..count {
            // A fixed shuffle: multiplication by an odd number is one to one modulo 2^32.
            sorter.push(Word(format!("{:08x}", (number * 2_654_435_761) % (1 << 32)))).unwrap();
        }
        let (runs, size) = sorter.finish();
        // Two readers at a time do not disturb each other.
        let (first, second) = (runs.read().unwrap(), runs.read().unwrap());
        let both = first.zip(second).map(|(first, second)| (first.unwrap(), second.unwrap()));
        (both.inspect(|(first, second)| assert_eq!(first, second)).map(|(first, _)| first).collect(), size)
    }

    #[test]
    fn what_spills_comes_back_as_what_stays_in_memory() {
        let (in_memory, size) = sorted(1 << 20, 3_000);
        assert_eq!((size.runs, size.records), (0, 3_000));
        assert!(in_memory.is_sorted());
        // 8 bytes each: a run for every 6 records, so that runs are merged twice over.
        let (spilled, size) = sorted(40, 3_000);
        assert!(size.runs > 500 && size.spilled_bytes > 0);
        assert!(size.peak_memory_bytes <= 48, "{size:?}");
        assert_eq!(spilled, in_memory);
    }

    #[test]
    fn nothing_sorts_to_nothing() {
        assert_eq!(sorted(10, 0).0, []);
    }
}
