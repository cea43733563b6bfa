//! What a driver has to read for a machine: near ranges merged, reads at once bounded, everything counted.
//!
//! This is the half of every driver that does no I/O, so that all hosts send the same requests:
//!
//! ```
//! # use bytes::Bytes;
//! # use earthcatalog_core::{Machine, Result, reads::{Answer, Reads, ReadOptions, Turn}};
//! # fn drive<M: Machine>(machine: &mut M, read: impl Fn(&earthcatalog_core::reads::Read) -> Result<Bytes>) -> Result<()> {
//! let mut reads = Reads::new(ReadOptions::default());
//! loop {
//!     match reads.step(machine)? {
//!         Turn::Value(value) => drop(value),
//!         Turn::Finished => return Ok(()),
//!         Turn::Wait => {}
//!     }
//!     while let Some(next) = reads.next() {
//!         reads.sent(&next);
//!         // Here at once; elsewhere later, in any order.
//!         let body = read(&next);
//!         reads.answer(machine, next, Answer::once(body))?;
//!     }
//! }
//! # }
//! ```

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use bytes::Bytes;
use serde::Serialize;

use crate::machine::Magic;
use crate::{Error, Location, Machine, Request, Result, Span, Step};

/// Most entries of the list of what was sent; beyond it reads are only counted.
const LISTED: usize = 10_000;

/// How requests become reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    /// Most reads at once. Object stores and HTTP/2 stand many; browsers open six connections to a host without it and
    /// let the others wait.
    pub concurrency: usize,
    /// Ranges of one object that lie at most this far apart become one read: a request costs more than these bytes.
    pub gap_bytes: u64,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { concurrency: 64, gap_bytes: 64 << 10 }
    }
}

/// What a machine cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RequestLog {
    /// Requests sent, repetitions included.
    pub requests: u64,
    /// Bytes received.
    pub bytes: u64,
    /// Requests in the longest chain in which each was sent after the one before was answered.
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

/// A read that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The object.
    pub location: Location,
    /// Which of its bytes.
    pub span: Span,
    /// The length of the chain of reads that ends in this one, from 1.
    pub round_trip: u64,
}

/// One read for one or more requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The object.
    pub location: Location,
    /// Which of its bytes.
    pub span: Span,
    /// The object may be overwritten: no cache may answer without asking.
    pub volatile: bool,
    requests: Vec<Request>,
    /// The length of the chain that led here.
    after: u64,
}

impl Read {
    fn single(request: Request, after: u64) -> Self {
        Self {
            location: request.location.clone(),
            span: request.range.clone(),
            volatile: request.volatile,
            requests: vec![request],
            after,
        }
    }

    /// Whether a body has the length and the magic bytes that what was asked for must have.
    ///
    /// # Errors
    /// As [`Span::check`], and [`crate::ErrorKind::Corrupt`] where the magic is missing.
    pub fn check(&self, body: &Bytes) -> Result<()> {
        self.span.check(body)?;
        self.requests.iter().try_for_each(|request| request.magic.check(&self.part(body, &request.range)))
    }

    /// The bytes of one request out of the body of this read; short where the body is, which the machine refuses.
    fn part(&self, body: &Bytes, wanted: &Span) -> Bytes {
        match (&self.span, wanted) {
            (Span::Bytes(all), Span::Bytes(wanted)) => cut(body, all.start, wanted),
            _ => body.clone(),
        }
    }
}

/// The bytes `wanted` out of a body that begins at `start`; fewer where it ends before.
#[must_use]
pub fn cut(body: &Bytes, start: u64, wanted: &Range<u64>) -> Bytes {
    let at = |offset: u64| usize::try_from(offset.saturating_sub(start)).unwrap_or(usize::MAX).min(body.len());
    body.slice(at(wanted.start)..at(wanted.end).max(at(wanted.start)))
}

/// What came of a read.
#[derive(Debug)]
pub struct Answer {
    /// The body, or why there is none.
    pub body: Result<Bytes>,
    /// Requests sent for it: none if a cache answered, more than one after repetitions.
    pub requests: u64,
    /// Bytes received for it.
    pub received_bytes: u64,
}

impl Answer {
    /// The answer of a single request.
    #[must_use]
    pub fn once(body: Result<Bytes>) -> Self {
        let received_bytes = body.as_ref().map_or(0, |body| body.len() as u64);
        Self { body, requests: 1, received_bytes }
    }

    /// The answer of a cache.
    #[must_use]
    pub fn cached(body: Bytes) -> Self {
        Self { body: Ok(body), requests: 0, received_bytes: 0 }
    }
}

/// What a driver does next.
#[derive(Debug)]
pub enum Turn<T> {
    /// Take this value, then step again.
    Value(T),
    /// Send what [`Reads::next`] gives and wait for one answer.
    Wait,
    /// Stop: nothing more will come.
    Finished,
}

/// The reads of one machine: those to be sent, those under way, and what they cost.
#[derive(Debug, Default)]
pub struct Reads {
    options: ReadOptions,
    waiting: VecDeque<Read>,
    flying: usize,
    /// The length of the chain that ends in the answer last given: what is asked for next follows from it.
    depth: u64,
    log: RequestLog,
    sent: Vec<Sent>,
}

impl Reads {
    /// No reads yet.
    #[must_use]
    pub fn new(options: ReadOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// Takes the machine to its next value, its end, or to where it has to wait.
    ///
    /// # Errors
    /// The machine's; [`crate::ErrorKind::Internal`] for one that waits for nothing.
    pub fn step<M: Machine>(&mut self, machine: &mut M) -> Result<Turn<M::Output>> {
        loop {
            match machine.step()? {
                Step::Data(value) => return Ok(Turn::Value(value)),
                Step::Finished => return Ok(Turn::Finished),
                // The machine may know of more before it has to wait.
                Step::NeedsData(requests) if !requests.is_empty() => {
                    self.waiting.extend(merge(requests, self.options.gap_bytes, self.depth));
                }
                Step::NeedsData(_) if self.flying == 0 && self.waiting.is_empty() => {
                    return Err(Error::internal("machine waits although nothing is in flight"));
                }
                Step::NeedsData(_) => return Ok(Turn::Wait),
            }
        }
    }

    /// The next read that is due, while fewer than allowed are under way. It is under way from now on.
    #[expect(clippy::should_implement_trait, reason = "it goes on giving after it gave none")]
    pub fn next(&mut self) -> Option<Read> {
        if self.flying >= self.options.concurrency.max(1) {
            return None;
        }
        let read = self.waiting.pop_front()?;
        self.flying += 1;
        Some(read)
    }

    /// Notes that a read was sent, and not answered by a cache.
    pub fn sent(&mut self, read: &Read) {
        self.log.requests += 1;
        if self.sent.len() < LISTED {
            let round_trip = read.after + 1;
            self.sent.push(Sent { location: read.location.clone(), span: read.span.clone(), round_trip });
        }
    }

    /// Hands the answer of a read to the machine.
    ///
    /// # Errors
    /// The machine's; the read's where the machine cannot do without the object.
    pub fn answer<M: Machine>(&mut self, machine: &mut M, read: Read, answer: Answer) -> Result<()> {
        self.flying = self.flying.saturating_sub(1);
        self.depth = read.after + answer.requests;
        self.log.round_trips = self.log.round_trips.max(self.depth);
        self.log.requests += answer.requests.saturating_sub(1);
        self.log.bytes += answer.received_bytes;
        match answer.body {
            Ok(body) => {
                let mut requests = read.requests.iter();
                requests.try_for_each(|request| machine.supply(request.id, read.part(&body, &request.range)))
            }
            Err(error) => {
                // A machine that can do without one of the objects can do without the others of the same read.
                let (kind, message) = (error.kind(), error.to_string());
                let mut requests = read.requests.into_iter();
                let Some(first) = requests.next() else { return Err(error) };
                machine.fail(first.id, error)?;
                requests.try_for_each(|request| machine.fail(request.id, Error::new(kind, message.clone())))
            }
        }
    }

    /// What it cost so far.
    #[must_use]
    pub fn log(&self) -> RequestLog {
        self.log
    }

    /// The reads sent so far in order, the first ten thousand of them.
    #[must_use]
    pub fn list(&self) -> &[Sent] {
        &self.sent
    }
}

/// Makes one read of ranges of the same object that are close to each other.
fn merge(requests: Vec<Request>, gap_bytes: u64, after: u64) -> Vec<Read> {
    let mut reads: Vec<Read> = Vec::with_capacity(requests.len());
    let (mut ranges, others): (Vec<Request>, Vec<Request>) =
        requests.into_iter().partition(|request| matches!(request.range, Span::Bytes(_)));
    let others = others.into_iter().map(|request| Read::single(request, after));
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
            _ => reads.push(Read::single(request, after)),
        }
    }
    reads.extend(others);
    reads
}

/// Whether a body of an object begins and ends as its format says.
impl Magic {
    fn check(self, body: &Bytes) -> Result<()> {
        let (found, expected) = match self {
            Self::Any => return Ok(()),
            Self::Start(magic) => (body.starts_with(magic), magic),
            Self::End(magic) => (body.ends_with(magic), magic),
        };
        // Nothing at all is for the machine to judge.
        if found || body.is_empty() {
            return Ok(());
        }
        let magic = String::from_utf8_lossy(expected);
        Err(Error::corrupt(format!("the bytes `{}` are not where they should be", magic.escape_debug())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RequestId;

    fn request(id: u64, location: &str, range: Range<u64>) -> Request {
        let location = Location::parse(location).unwrap();
        Request { id: RequestId(id), location, range: Span::Bytes(range), volatile: false, magic: Magic::Any }
    }

    fn spans(requests: Vec<Request>) -> Vec<(String, Span, usize)> {
        let reads = merge(requests, 10, 0);
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
        let body = Bytes::from_static(b"abc");
        assert_eq!(cut(&body, 10, &(11..13)), "bc");
        assert_eq!(cut(&body, 10, &(12..20)), "c");
        assert_eq!(cut(&body, 10, &(15..20)), "");
    }

    #[test]
    fn a_body_without_its_magic_is_not_taken_for_the_object() {
        let mut first = request(0, "/a", 0..4);
        first.magic = Magic::Start(b"PAR");
        let read = &merge(vec![first, request(1, "/a", 4..6)], 0, 0)[0];
        assert!(read.check(&Bytes::from_static(b"PARxyz")).is_ok());
        assert!(read.check(&Bytes::from_static(b"<htmlz")).is_err());
        assert!(read.check(&Bytes::from_static(b"PAR")).is_err());
    }

    struct Chain(u64, crate::machine::Inflight<()>);

    impl Machine for Chain {
        type Output = ();

        fn step(&mut self) -> Result<Step<()>> {
            if !self.1.is_empty() {
                return Ok(Step::NeedsData(Vec::new()));
            }
            if self.0 == 0 {
                return Ok(Step::Finished);
            }
            self.0 -= 1;
            let location = Location::parse("/a").unwrap();
            Ok(Step::NeedsData(vec![self.1.request(location, Span::Whole, ())]))
        }

        fn supply(&mut self, id: RequestId, bytes: Bytes) -> Result<()> {
            self.1.answer(id, &bytes).map(drop)
        }
    }

    #[test]
    fn what_a_cache_answers_costs_nothing_and_what_is_repeated_costs_more() {
        let mut machine = Chain(3, crate::machine::Inflight::default());
        let mut reads = Reads::new(ReadOptions::default());
        let body = || Ok(Bytes::from_static(b"12"));
        let answers = [
            Answer::once(body()),
            Answer::cached(Bytes::new()),
            Answer { body: body(), requests: 3, received_bytes: 9 },
        ];
        for answer in answers {
            assert!(matches!(reads.step(&mut machine).unwrap(), Turn::Wait));
            let read = reads.next().unwrap();
            assert!(reads.next().is_none());
            if answer.requests > 0 {
                reads.sent(&read);
            }
            reads.answer(&mut machine, read, answer).unwrap();
        }
        assert!(matches!(reads.step(&mut machine).unwrap(), Turn::Finished));
        assert_eq!(reads.log(), RequestLog { requests: 4, bytes: 11, round_trips: 4 });
        assert_eq!(reads.list().iter().map(|sent| sent.round_trip).collect::<Vec<_>>(), [1, 2]);
    }
}
