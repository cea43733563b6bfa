//! Drives any machine of the core over object stores: merges ranges, bounds concurrency, gives up in time.

use std::collections::{HashMap, VecDeque};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use earthcatalog_core::{Error, ErrorKind, Location, Machine, Request, Result, Span, Step, limits};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt as _};
use tokio::task::JoinSet;

use crate::store::{Stores, store_error};

/// How a driver reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DriverOptions {
    /// Most reads at once.
    pub concurrency: usize,
    /// Ranges of one object that lie at most this far apart become one read: a request costs more than these bytes.
    pub gap_bytes: u64,
    /// Longest time for one read, its repetitions included.
    pub timeout: Duration,
}

impl Default for DriverOptions {
    fn default() -> Self {
        Self { concurrency: 16, gap_bytes: 64 << 10, timeout: Duration::from_mins(5) }
    }
}

/// What a machine cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct RequestLog {
    /// Reads sent to stores.
    pub requests: u64,
    /// Bytes received.
    pub bytes: u64,
    /// Reads in the longest chain in which each was asked for after the one before was answered.
    pub round_trips: u64,
}

impl RequestLog {
    /// The cost of one after the other.
    #[must_use]
    pub fn and(self, next: Self) -> Self {
        Self {
            requests: self.requests + next.requests,
            bytes: self.bytes + next.bytes,
            round_trips: self.round_trips + next.round_trips,
        }
    }
}

/// Reads what machines ask for.
#[derive(Clone, Debug, Default)]
pub struct Driver {
    /// Where objects lie.
    pub stores: Stores,
    /// How they are read.
    pub options: DriverOptions,
}

impl Driver {
    /// A driver over `stores` with the usual options.
    pub fn new(stores: Stores) -> Self {
        Self { stores, options: DriverOptions::default() }
    }

    /// Drives a machine to its end, or until `on_value` breaks; reads under way are then dropped.
    ///
    /// # Errors
    /// The machine's or `on_value`'s; a store's where the machine cannot do without the object.
    pub async fn run<M: Machine>(
        &self,
        machine: &mut M,
        mut on_value: impl FnMut(M::Output) -> Result<ControlFlow<()>>,
    ) -> Result<RequestLog> {
        let mut log = RequestLog::default();
        let mut waiting: VecDeque<Read> = VecDeque::new();
        let mut flying = JoinSet::new();
        // The length of the chain that ends in the answer last given: what is asked for next follows from it.
        let mut depth = 0;
        loop {
            match machine.step()? {
                Step::Finished => return Ok(log),
                Step::Data(value) => {
                    if on_value(value)?.is_break() {
                        return Ok(log);
                    }
                    continue;
                }
                Step::NeedsData(requests) if requests.is_empty() => {}
                Step::NeedsData(requests) => {
                    waiting.extend(merge(requests, self.options.gap_bytes, depth + 1));
                    // The machine may know of more before it has to wait.
                    continue;
                }
            }
            while flying.len() < self.options.concurrency.max(1)
                && let Some(read) = waiting.pop_front()
            {
                log.requests += 1;
                flying.spawn(self.clone().read(read));
            }
            let Some(answer) = flying.join_next().await else {
                return Err(Error::internal("machine waits although nothing is in flight"));
            };
            let (read, answer) =
                answer.map_err(|error| Error::internal("a read did not come to its end").caused_by(error))?;
            depth = read.depth;
            log.round_trips = log.round_trips.max(depth);
            deliver(machine, read, answer, &mut log)?;
        }
    }

    /// Drives a machine to its end and gathers its values.
    ///
    /// # Errors
    /// As [`Driver::run`].
    pub async fn collect<M: Machine>(&self, machine: &mut M) -> Result<(Vec<M::Output>, RequestLog)> {
        let mut values = Vec::new();
        let log = self.run(machine, |value| {
            values.push(value);
            Ok(ControlFlow::Continue(()))
        });
        let log = log.await?;
        Ok((values, log))
    }

    async fn read(self, read: Read) -> (Read, Result<Bytes>) {
        let answer = match self.stores.get(&read.location) {
            Err(error) => Err(error),
            Ok((store, path)) => {
                let fetch = fetch(store, path, &read.span, &read.location);
                tokio::time::timeout(self.options.timeout, fetch).await.unwrap_or_else(|_| {
                    let seconds = self.options.timeout.as_secs();
                    Err(Error::new(ErrorKind::Unavailable, format!("no answer within {seconds} s"))
                        .with("location", &read.location))
                })
            }
        };
        (read, answer)
    }
}

/// One read for one or more requests.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Read {
    location: Location,
    span: Span,
    requests: Vec<Request>,
    depth: u64,
}

fn deliver<M: Machine>(machine: &mut M, read: Read, answer: Result<Bytes>, log: &mut RequestLog) -> Result<()> {
    let bytes = match answer {
        Ok(bytes) => bytes,
        Err(error) => {
            // A machine that can do without one of the objects can do without the others of the same read.
            let mut requests = read.requests.into_iter();
            let Some(first) = requests.next() else { return Err(error) };
            let (kind, message) = (error.kind(), error.to_string());
            machine.fail(first.id, error)?;
            return requests.try_for_each(|request| machine.fail(request.id, Error::new(kind, message.clone())));
        }
    };
    log.bytes += bytes.len() as u64;
    for request in read.requests {
        let part = match (&read.span, &request.range) {
            (Span::Bytes(all), Span::Bytes(wanted)) => part(&bytes, all, wanted),
            _ => bytes.clone(),
        };
        machine.supply(request.id, part)?;
    }
    Ok(())
}

/// The wanted part of a body; short where the body is, which the machine then refuses.
fn part(bytes: &Bytes, all: &Range<u64>, wanted: &Range<u64>) -> Bytes {
    let at = |offset: u64| usize::try_from(offset - all.start).unwrap_or(usize::MAX).min(bytes.len());
    bytes.slice(at(wanted.start)..at(wanted.end))
}

/// Makes one read of ranges of the same object that are close to each other.
fn merge(requests: Vec<Request>, gap_bytes: u64, depth: u64) -> Vec<Read> {
    let mut reads: Vec<Read> = Vec::with_capacity(requests.len());
    let (mut ranges, others): (Vec<Request>, Vec<Request>) =
        requests.into_iter().partition(|request| matches!(request.range, Span::Bytes(_)));
    let single = |request: Request| Read {
        location: request.location.clone(),
        span: request.range.clone(),
        requests: vec![request],
        depth,
    };
    let others: Vec<Read> = others.into_iter().map(single).collect();
    // Stable: objects stay in the order in which the machine named them, as long as their ranges are listed together.
    let mut order: HashMap<Location, usize> = HashMap::new();
    for request in &ranges {
        let next = order.len();
        order.entry(request.location.clone()).or_insert(next);
    }
    ranges.sort_by_cached_key(|request| {
        let start = if let Span::Bytes(range) = &request.range { range.start } else { 0 };
        (order.get(&request.location).copied(), start)
    });
    for request in ranges {
        let Span::Bytes(wanted) = request.range.clone() else { continue };
        match reads.last_mut() {
            Some(Read { location, span: Span::Bytes(all), requests, .. })
                if *location == request.location && wanted.start <= all.end.saturating_add(gap_bytes) =>
            {
                all.end = all.end.max(wanted.end);
                requests.push(request);
            }
            _ => reads.push(single(request)),
        }
    }
    reads.extend(others);
    reads
}

async fn fetch(store: Arc<dyn ObjectStore>, path: Path, span: &Span, location: &Location) -> Result<Bytes> {
    let failed = |error| store_error(error, location);
    match span {
        Span::Whole => whole(&*store, &path, location).await,
        Span::Prefix(most) => {
            let options = GetOptions { range: Some(GetRange::Bounded(0..*most)), ..GetOptions::default() };
            let answer = match store.get_opts(&path, options).await {
                Ok(answer) => answer.bytes().await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(bytes) => Ok(bytes.slice(..bytes.len().min(usize::try_from(*most).unwrap_or(usize::MAX)))),
                Err(error) if is_final(&error) => Err(failed(error)),
                // An empty object has no first byte, and some servers know no ranges.
                Err(_) => {
                    let bytes = whole(&*store, &path, location).await?;
                    Ok(bytes.slice(..bytes.len().min(usize::try_from(*most).unwrap_or(usize::MAX))))
                }
            }
        }
        Span::Bytes(range) if range.is_empty() => Ok(Bytes::new()),
        Span::Bytes(range) => match store.get_range(&path, range.clone()).await {
            Ok(bytes) => Ok(bytes),
            Err(object_store::Error::NotSupported { .. }) => {
                let bytes = whole(&*store, &path, location).await?;
                Ok(part(&bytes, &(0..bytes.len() as u64), range))
            }
            Err(error) => Err(failed(error)),
        },
    }
}

fn is_final(error: &object_store::Error) -> bool {
    use object_store::Error as E;
    matches!(error, E::NotFound { .. } | E::PermissionDenied { .. } | E::Unauthenticated { .. })
}

/// All of an object, up to [`limits::OBJECT_BYTES`].
pub(crate) async fn whole(store: &dyn ObjectStore, path: &Path, location: &Location) -> Result<Bytes> {
    let failed = |error| store_error(error, location);
    let answer = store.get_opts(path, GetOptions::default()).await.map_err(failed)?;
    let size = answer.meta.size;
    if size > limits::OBJECT_BYTES {
        return Err(Error::corrupt(format!("object of {size} bytes exceeds the limit")).with("location", location));
    }
    answer.bytes().await.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use earthcatalog_core::RequestId;

    fn request(id: u64, location: &str, range: Range<u64>) -> Request {
        let location = Location::parse(location).unwrap();
        Request { id: RequestId(id), location, range: Span::Bytes(range), volatile: false }
    }

    fn spans(requests: Vec<Request>) -> Vec<(String, Span, usize)> {
        let reads = merge(requests, 10, 1);
        reads.into_iter().map(|read| (read.location.to_string(), read.span, read.requests.len())).collect()
    }

    #[test]
    fn near_ranges_of_one_object_become_one_read_and_far_ones_do_not() {
        let requests = vec![
            request(0, "/b", 50..60),
            request(1, "/a", 100..110),
            request(2, "/a", 0..10),
            request(3, "/a", 15..20),
            request(4, "/b", 60..61),
        ];
        let expected = vec![
            ("/b".to_owned(), Span::Bytes(50..61), 2),
            ("/a".to_owned(), Span::Bytes(0..20), 2),
            ("/a".to_owned(), Span::Bytes(100..110), 1),
        ];
        assert_eq!(spans(requests), expected);
    }

    #[test]
    fn a_range_inside_another_does_not_shorten_it() {
        let requests = vec![request(0, "/a", 0..100), request(1, "/a", 5..10)];
        assert_eq!(spans(requests), vec![("/a".to_owned(), Span::Bytes(0..100), 2)]);
    }

    #[test]
    fn a_part_of_a_short_body_is_short() {
        let bytes = Bytes::from_static(b"abc");
        assert_eq!(part(&bytes, &(10..20), &(11..13)), "bc");
        assert_eq!(part(&bytes, &(10..20), &(12..20)), "c");
        assert_eq!(part(&bytes, &(10..20), &(15..20)), "");
    }

    #[tokio::test]
    async fn whole_objects_prefixes_and_ranges_are_read_from_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x y=1%2F.bin"), b"0123456789").unwrap();
        std::fs::write(folder.path().join("empty"), b"").unwrap();
        let stores = Stores::default();
        let base = Location::parse(folder.path().to_str().unwrap()).unwrap();
        let read = |name: &'static str, span: Span| {
            let (location, stores) = (base.join(name), stores.clone());
            async move {
                let (store, path) = stores.get(&location).unwrap();
                fetch(store, path, &span, &location).await
            }
        };
        assert_eq!(read("x y=1%2F.bin", Span::Whole).await.unwrap(), "0123456789");
        assert_eq!(read("x y=1%2F.bin", Span::Prefix(4)).await.unwrap(), "0123");
        assert_eq!(read("x y=1%2F.bin", Span::Prefix(400)).await.unwrap(), "0123456789");
        assert_eq!(read("x y=1%2F.bin", Span::Bytes(8..10)).await.unwrap(), "89");
        assert_eq!(read("empty", Span::Prefix(4)).await.unwrap(), "");
        assert_eq!(read("none", Span::Prefix(4)).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(read("none", Span::Whole).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(read("empty/below", Span::Prefix(4)).await.unwrap_err().kind(), ErrorKind::NotFound);
    }
}
