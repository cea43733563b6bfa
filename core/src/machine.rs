//! The seam between what is decided here and what a host reads: a sans-IO machine.

use bytes::Bytes;
use std::collections::HashMap;
use std::ops::Range;

use crate::error::ResultExt as _;
use crate::{Error, ErrorKind, Location, Result, limits};

/// Work that needs bytes: it says which, is given them, and yields values.
///
/// A host calls [`step`](Self::step) until it answers [`Step::Finished`], fetches what [`Step::NeedsData`] lists, in
/// any order and with any concurrency, and hands each body to [`supply`](Self::supply). Whatever the order, the
/// values come out the same and in the same order. Dropping a machine cancels it.
pub trait Machine {
    /// What the machine yields.
    type Output;

    /// Goes on as far as the bytes at hand allow.
    ///
    /// `NeedsData` lists only requests that were not listed before; an empty list means that the machine waits for
    /// requests already listed.
    ///
    /// # Errors
    /// Whatever ends the work: corrupt bytes, an exceeded limit. The machine must not be used afterwards.
    fn step(&mut self) -> Result<Step<Self::Output>>;

    /// Hands over the bytes of a request.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the length is not what the request's span promises, so that no decoder ever sees
    /// a cut body; [`ErrorKind::Internal`] for an id that is not in flight.
    fn supply(&mut self, id: RequestId, bytes: Bytes) -> Result<()>;

    /// Tells the machine that a request cannot be answered. Most end with that error.
    ///
    /// # Errors
    /// `error`, unless the machine can do without the object.
    fn fail(&mut self, id: RequestId, error: Error) -> Result<()> {
        Err(error.with("request", id.0))
    }
}

/// The answer of [`Machine::step`].
#[derive(Debug)]
pub enum Step<T> {
    /// New requests; empty while waiting for those in flight.
    NeedsData(Vec<Request>),
    /// A value. Step again for the next.
    Data(T),
    /// Nothing more will come.
    Finished,
}

/// A request's name within one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// A wish for the bytes of an object, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// To be given back to [`Machine::supply`].
    pub id: RequestId,
    /// The object.
    pub location: Location,
    /// Which of its bytes.
    pub range: Span,
    /// The object may be overwritten (only `earthcatalog.db` is); all others are immutable by name.
    pub volatile: bool,
    /// What these bytes must begin or end with, so that a driver notices a body that is something else.
    pub magic: Magic,
}

impl Request {
    /// The same request with the bytes that its answer must begin or end with.
    #[must_use]
    pub fn with_magic(self, magic: Magic) -> Self {
        Self { magic, ..self }
    }
}

/// The bytes by which a format is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Magic {
    /// None, or not in these bytes.
    Any,
    /// They come first.
    Start(&'static [u8]),
    /// They come last.
    End(&'static [u8]),
}

/// The bytes of an object that are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// All of it, whatever its size.
    Whole,
    /// Its first bytes, at most so many; fewer come if the object is smaller.
    Prefix(u64),
    /// Its last bytes, at most so many. Only for an object whose size nothing tells: most servers of the web answer
    /// that in two requests.
    Tail(u64),
    /// Exactly these bytes.
    Bytes(Range<u64>),
}

impl Span {
    /// How many bytes it has at most; of a whole object nothing is known.
    #[must_use]
    pub fn most_bytes(&self) -> u64 {
        match self {
            Self::Whole => 0,
            Self::Prefix(bytes) | Self::Tail(bytes) => *bytes,
            Self::Bytes(range) => range.end.saturating_sub(range.start),
        }
    }

    /// These bytes of an object of which all are there; `None` where it ends before them.
    #[must_use]
    pub fn of_whole(&self, whole: &Bytes) -> Option<Bytes> {
        let length = whole.len();
        let most = |most: &u64| usize::try_from(*most).unwrap_or(usize::MAX).min(length);
        match self {
            Self::Whole => Some(whole.clone()),
            Self::Prefix(bytes) => Some(whole.slice(..most(bytes))),
            Self::Tail(bytes) => Some(whole.slice(length - most(bytes)..)),
            Self::Bytes(range) => {
                let (start, end) = (usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?);
                (start <= end && end <= length).then(|| whole.slice(start..end))
            }
        }
    }

    /// Checks that a body is as long as this span promises.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] for a cut or overlong body, [`ErrorKind::Corrupt`] beyond [`limits::OBJECT_BYTES`].
    pub fn check(&self, bytes: &Bytes) -> Result<()> {
        let length = bytes.len() as u64;
        let (fits, wanted) = match self {
            Self::Whole if length > limits::OBJECT_BYTES => {
                return Err(Error::corrupt(format!("object of {length} bytes exceeds the limit")));
            }
            Self::Whole => (true, 0),
            Self::Prefix(most) | Self::Tail(most) => (length <= *most, *most),
            Self::Bytes(range) => (length == range.end - range.start, range.end - range.start),
        };
        if fits {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unavailable, format!("got {length} bytes where {wanted} were asked for")))
    }
}

/// The requests of one machine that are in flight: numbers new ones, checks and removes answered ones.
#[derive(Debug)]
pub struct Inflight<T> {
    next: u64,
    waiting: HashMap<RequestId, (Request, T)>,
}

impl<T> Default for Inflight<T> {
    fn default() -> Self {
        Self { next: 0, waiting: HashMap::new() }
    }
}

impl<T> Inflight<T> {
    /// Goes on numbering where `other` is: a machine that hands over to another one keeps its ids apart.
    #[must_use]
    pub fn after<U>(other: &Inflight<U>) -> Self {
        Self { next: other.next, waiting: HashMap::new() }
    }

    /// Makes a request for an immutable object and remembers `purpose` with it.
    pub fn request(&mut self, location: Location, range: Span, purpose: T) -> Request {
        self.insert(location, range, false, purpose)
    }

    /// Makes a request for the one object that may be overwritten.
    pub fn request_volatile(&mut self, location: Location, range: Span, purpose: T) -> Request {
        self.insert(location, range, true, purpose)
    }

    fn insert(&mut self, location: Location, range: Span, volatile: bool, purpose: T) -> Request {
        let id = RequestId(self.next);
        self.next += 1;
        let request = Request { id, location, range, volatile, magic: Magic::Any };
        self.waiting.insert(id, (request.clone(), purpose));
        request
    }

    /// Takes an answered request out, after checking the body's length.
    ///
    /// # Errors
    /// As [`Machine::supply`].
    pub fn answer(&mut self, id: RequestId, bytes: &Bytes) -> Result<(Request, T)> {
        let (request, purpose) = self.take(id)?;
        request.range.check(bytes).context("location", &request.location)?;
        Ok((request, purpose))
    }

    /// Takes a request out, answered or failed.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if it is not in flight.
    pub fn take(&mut self, id: RequestId) -> Result<(Request, T)> {
        self.waiting.remove(&id).ok_or_else(|| Error::internal(format!("request {} is not in flight", id.0)))
    }

    /// Whether no request is in flight.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// Drives a machine to its end over a function that reads: the blocking driver, for tools and tests.
///
/// # Errors
/// The machine's, or `read`'s if the machine cannot do without the object.
pub fn drive<M: Machine>(machine: &mut M, mut read: impl FnMut(&Request) -> Result<Bytes>) -> Result<Vec<M::Output>> {
    let mut values = Vec::new();
    loop {
        match machine.step()? {
            Step::Data(value) => values.push(value),
            Step::Finished => return Ok(values),
            Step::NeedsData(requests) if requests.is_empty() => {
                return Err(Error::internal("machine waits although nothing is in flight"));
            }
            Step::NeedsData(requests) => {
                for request in requests {
                    match read(&request) {
                        Ok(bytes) => machine.supply(request.id, bytes)?,
                        Err(error) => machine.fail(request.id, error)?,
                    }
                }
            }
        }
    }
}
