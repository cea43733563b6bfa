//! Drives any machine of the core over object stores; gives up in time.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use earthcatalog_core::reads::{Answer, Read, ReadOptions, Reads, RequestLog, Turn};
use earthcatalog_core::{Error, ErrorKind, Location, Machine, Result, Span, limits};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore};
use tokio::task::JoinSet;

use crate::store::{Stores, store_error};

/// How a driver reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DriverOptions {
    /// How requests become reads.
    pub reads: ReadOptions,
    /// Longest time for one read, its repetitions included.
    pub timeout: Duration,
}

impl Default for DriverOptions {
    fn default() -> Self {
        Self { reads: ReadOptions::default(), timeout: Duration::from_mins(5) }
    }
}

/// Reads what machines ask for.
#[derive(Clone, Debug, Default)]
pub struct Driver {
    /// Where objects lie.
    pub stores: Stores,
    /// How they are read.
    pub options: DriverOptions,
    wholes: Wholes,
}

impl Driver {
    /// A driver over `stores` with the usual options.
    pub fn new(stores: Stores) -> Self {
        Self { stores, ..Self::default() }
    }

    /// Drives a machine to its end, or until `on_value` breaks; reads under way are then dropped. Answers with
    /// what was read.
    ///
    /// # Errors
    /// The machine's or `on_value`'s; a store's where the machine cannot do without the object.
    pub async fn run<M: Machine>(
        &self,
        machine: &mut M,
        mut on_value: impl FnMut(M::Output) -> Result<ControlFlow<()>>,
    ) -> Result<Reads> {
        let mut reads = Reads::new(self.options.reads);
        let mut flying = JoinSet::new();
        loop {
            match reads.step(machine)? {
                Turn::Finished => return Ok(reads),
                Turn::Value(value) => {
                    if on_value(value)?.is_break() {
                        return Ok(reads);
                    }
                    continue;
                }
                Turn::Wait => {}
            }
            while let Some(read) = reads.next() {
                reads.sent(&read);
                flying.spawn(self.clone().read(read));
            }
            let Some(answer) = flying.join_next().await else {
                return Err(Error::internal("machine waits although nothing is in flight"));
            };
            let (read, answer) =
                answer.map_err(|error| Error::internal("a read did not come to its end").caused_by(error))?;
            reads.answer(machine, read, answer)?;
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
        let log = log.await?.log();
        Ok((values, log))
    }

    async fn read(self, read: Read) -> (Read, Answer) {
        let answer = tokio::time::timeout(self.options.timeout, self.fetch(&read)).await.unwrap_or_else(|_| {
            let seconds = self.options.timeout.as_secs();
            let error = Error::new(ErrorKind::Unavailable, format!("no answer within {seconds} s"));
            Answer::once(Err(error.with("location", &read.location)))
        });
        (read, answer)
    }

    async fn fetch(&self, read: &Read) -> Answer {
        let (store, path) = match self.stores.get(&read.location) {
            Ok(place) => place,
            Err(error) => return Answer::once(Err(error)),
        };
        let range = match &read.span {
            Span::Whole => return Answer::once(whole(&*store, &path, &read.location).await),
            Span::Bytes(range) if range.is_empty() => return Answer::cached(Bytes::new()),
            Span::Bytes(range) => GetRange::Bounded(range.clone()),
            Span::Prefix(most) => GetRange::Bounded(0..*most),
            Span::Tail(most) => GetRange::Suffix(*most),
        };
        if let Some(body) = self.wholes.of(read) {
            return Answer::cached(body);
        }
        match part(&*store, &path, range).await {
            Ok(body) => Answer::once(Ok(body)),
            // Some servers know no ranges, and an empty object has no first byte.
            Err(error) if !is_final(&error) && (!matches!(read.span, Span::Bytes(_)) || knows_no_ranges(&error)) => {
                let whole = whole(&*store, &path, &read.location).await;
                let answer = Answer::once(whole.map(|whole| self.wholes.keep(read, whole)));
                Answer { requests: 2, ..answer }
            }
            Err(error) => Answer::once(Err(store_error(error, &read.location))),
        }
    }
}

/// Objects of servers that know no ranges, so that each comes once. The last ones, up to [`limits::OBJECT_BYTES`].
#[derive(Clone, Debug, Default)]
struct Wholes(Arc<Mutex<VecDeque<(Location, Bytes)>>>);

impl Wholes {
    fn of(&self, read: &Read) -> Option<Bytes> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, whole) = held.iter().find(|(location, _)| *location == read.location)?;
        read.span.of_whole(whole)
    }

    /// Keeps an object that cannot change, and gives what was asked for; short where the object is.
    fn keep(&self, read: &Read, whole: Bytes) -> Bytes {
        let part = read.span.of_whole(&whole).unwrap_or_default();
        if !read.volatile {
            let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            held.push_back((read.location.clone(), whole));
            while held.iter().map(|(_, whole)| whole.len() as u64).sum::<u64>() > limits::OBJECT_BYTES {
                held.pop_front();
            }
        }
        part
    }
}

async fn part(store: &dyn ObjectStore, path: &Path, range: GetRange) -> object_store::Result<Bytes> {
    store.get_opts(path, GetOptions { range: Some(range), ..GetOptions::default() }).await?.bytes().await
}

fn knows_no_ranges(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotSupported { .. })
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
    use earthcatalog_core::machine::Inflight;
    use earthcatalog_core::{RequestId, Step};

    /// Reads one span.
    struct One(Option<(Location, Span)>, Option<Bytes>, Inflight<()>);

    impl Machine for One {
        type Output = Bytes;

        fn step(&mut self) -> Result<Step<Bytes>> {
            let request = self.0.take().map(|(location, span)| self.2.request(location, span, ()));
            let waits = !self.2.is_empty();
            Ok(match (request, self.1.take()) {
                (None, None) if !waits => Step::Finished,
                (None, Some(bytes)) => Step::Data(bytes),
                (request, _) => Step::NeedsData(request.into_iter().collect()),
            })
        }

        fn supply(&mut self, id: RequestId, bytes: Bytes) -> Result<()> {
            self.2.answer(id, &bytes)?;
            self.1 = Some(bytes);
            Ok(())
        }
    }

    #[tokio::test]
    async fn whole_objects_prefixes_and_ranges_are_read_from_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x y=1%2F.bin"), b"0123456789").unwrap();
        std::fs::write(folder.path().join("empty"), b"").unwrap();
        let stores = Stores::default();
        let base = Location::parse(folder.path().to_str().unwrap()).unwrap();
        let read = |name: &'static str, span: Span| {
            let (location, driver) = (base.join(name), Driver::new(stores.clone()));
            async move {
                let (mut bodies, _) =
                    driver.collect(&mut One(Some((location, span)), None, Inflight::default())).await?;
                Ok::<_, Error>(bodies.remove(0))
            }
        };
        assert_eq!(read("x y=1%2F.bin", Span::Whole).await.unwrap(), "0123456789");
        assert_eq!(read("x y=1%2F.bin", Span::Prefix(4)).await.unwrap(), "0123");
        assert_eq!(read("x y=1%2F.bin", Span::Prefix(400)).await.unwrap(), "0123456789");
        assert_eq!(read("x y=1%2F.bin", Span::Tail(2)).await.unwrap(), "89");
        assert_eq!(read("x y=1%2F.bin", Span::Tail(400)).await.unwrap(), "0123456789");
        assert_eq!(read("x y=1%2F.bin", Span::Bytes(8..10)).await.unwrap(), "89");
        assert_eq!(read("empty", Span::Prefix(4)).await.unwrap(), "");
        assert_eq!(read("none", Span::Prefix(4)).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(read("none", Span::Whole).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(read("empty/below", Span::Prefix(4)).await.unwrap_err().kind(), ErrorKind::NotFound);
    }
}
