//! Reads what machines ask for over `fetch`, and makes of what servers do to it the bytes that were asked for.

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use earthcatalog_core::reads::{Answer, Read, ReadOptions};
use earthcatalog_core::{Error, ErrorKind, Result, Span};
use wasm_bindgen::JsValue;
use web_sys::Response;

use crate::address::origin_of;
use crate::body::{Body, declared_bytes, read_body};
use crate::flight::{Flight, Flights};
use crate::host::{Host, closed};
use crate::http::{Ladder, Verdict, Wanted, judge, pause_ms, too_large};
use crate::turns::Turn;

/// Requests to a server that is busy, before a read is given up.
const ATTEMPTS: u32 = 4;
/// Requests without an answer, before something else is tried.
const SILENCES: u32 = 2;

/// What a request brought.
enum Got {
    /// The bytes of the object from an offset on.
    Part(Bytes),
    /// All of the object.
    Whole(Bytes),
    /// The size of an object that is too large to be read for its end.
    Sized(u64),
    /// Nothing there.
    Beyond,
    /// A body that ended early.
    Broken(Error),
    /// Somebody else was reading the whole object.
    Waited,
    /// No connection, or an answer that the browser does not let through; it does not tell which.
    Silence(Error),
    /// A failure that may pass, and how long the server says to wait.
    Busy(Error, Option<f64>),
}

/// Whose turn it is to read.
enum Turned<'t> {
    /// Ours; others that want the same wait if there is a turn.
    Mine(Option<Turn<'t>>),
    /// Nobody's: the bytes are there by now.
    Held(Bytes),
}

/// Reads one thing.
struct Reader<'r> {
    host: &'r Host,
    flights: &'r Flights,
    read: &'r Read,
    requests: Cell<u64>,
    received_bytes: Cell<u64>,
}

/// Reads what is wanted, from a cache if it is there by then.
pub(crate) async fn read(host: Rc<Host>, flights: Rc<Flights>, read: Read) -> (Read, Answer) {
    let (requests, received_bytes) = (Cell::new(0), Cell::new(0));
    let reader = Reader { host: &host, flights: &flights, read: &read, requests, received_bytes };
    let body = reader.read().await.map_err(|error| error.with("location", &read.location));
    let answer = Answer { body, requests: reader.requests.get(), received_bytes: reader.received_bytes.get() };
    (read, answer)
}

impl Reader<'_> {
    async fn read(&self) -> Result<Bytes> {
        let Read { location, span, .. } = self.read;
        if matches!(span, Span::Bytes(range) if range.is_empty()) {
            return Ok(Bytes::new());
        }
        let _turn = match self.wait_for_turn().await? {
            Turned::Mine(turn) => turn,
            Turned::Held(body) => return Ok(body),
        };
        let url = self.host.url(location).await?;
        self.ladder(&url, span).await
    }

    /// Waits while others read the same. Without a cache nobody finds what others read, but for whole objects.
    async fn wait_for_turn(&self) -> Result<Turned<'_>> {
        let Read { location, span, volatile, .. } = self.read;
        if *volatile {
            return Ok(Turned::Mine(None));
        }
        loop {
            while self.host.turns.wait(location, span).await {
                if let Some(body) = self.held()? {
                    return Ok(Turned::Held(body));
                }
            }
            if self.host.cache.borrow().is_off() {
                return Ok(Turned::Mine(None));
            }
            if let Some(turn) = self.host.turns.take(location, span) {
                return Ok(Turned::Mine(Some(turn)));
            }
        }
    }

    /// What is held by now; an error after the end of the run.
    fn held(&self) -> Result<Option<Bytes>> {
        if self.flights.have_ended() {
            return Err(ended());
        }
        Ok(self.host.held(self.flights, self.read))
    }

    /// The body of a span. A server that answers wrongly is asked again past all caches, and then for the whole object.
    async fn ladder(&self, url: &str, span: &Span) -> Result<Bytes> {
        let origin = origin_of(url).unwrap_or_default();
        let (fresh, spoils) = (self.host.doubts(&self.read.location), self.host.server(origin).spoils_ranges);
        let mut span = span.clone();
        let mut ladder = Ladder::new(Wanted::of(&span, ReadOptions::default().gap_bytes), fresh, spoils);
        let mut last = None;
        while let Some(wanted) = ladder.wanted.clone() {
            match self.patiently(url, &wanted, ladder.fresh).await? {
                Got::Whole(whole) => {
                    let body = self.read.span.of_whole(&whole);
                    if let Some(body) = body.clone().filter(|body| self.read.check(body).is_ok()) {
                        if wanted == Wanted::Whole && matches!(Wanted::of(&span, 0), Wanted::Range(_)) {
                            self.host.learn(origin, |server| server.spoils_ranges = true);
                        }
                        self.keep_whole(whole);
                        return Ok(body);
                    }
                    last = body.or(last);
                    ladder.wrong();
                }
                Got::Part(body) if span.check(&body).is_ok() && self.read.check(&body).is_ok() => {
                    self.keep_part(&body);
                    return Ok(body);
                }
                Got::Part(body) => {
                    last = Some(body);
                    ladder.wrong();
                }
                Got::Sized(bytes) => {
                    let Span::Tail(most) = self.read.span else { return Err(too_large(&wanted)) };
                    span = Span::Bytes(bytes - most.min(bytes)..bytes);
                    ladder = Ladder::new(Wanted::of(&span, 0), ladder.fresh, spoils);
                }
                // An empty object has no first byte.
                Got::Beyond if matches!(span, Span::Prefix(_)) => return Ok(Bytes::new()),
                Got::Beyond => ladder.wrong(),
                Got::Waited => {
                    if let Some(body) = self.held()? {
                        return Ok(body);
                    }
                }
                Got::Broken(error) => {
                    self.flights.pause(pause_ms(ladder.broken, js_sys::Math::random(), None)).await;
                    ladder.broke();
                    if ladder.wanted.is_none() {
                        return Err(error);
                    }
                }
                // Some answers to ranges do not come through where one to a plain request does: compressed ones.
                Got::Silence(_) if wanted.header().is_some() => ladder.silent(),
                Got::Silence(error) => return Err(self.explained(error, url).await),
                Got::Busy(error, _) => return Err(error.with("requests", self.requests.get())),
            }
        }
        // The machine says best what is wrong with a body of the right length.
        let ends = || Error::new(ErrorKind::Corrupt, "the object ends before the bytes that the catalog says it has");
        last.filter(|body| self.read.span.check(body).is_ok()).ok_or_else(ends)
    }

    /// Asks until there is an answer that will not change by asking again, or there is no point in asking more.
    async fn patiently(&self, url: &str, wanted: &Wanted, fresh: bool) -> Result<Got> {
        let mut attempts = 0;
        loop {
            let got = self.request(url, wanted, fresh || attempts > 0).await?;
            attempts += 1;
            let (most, after) = match &got {
                Got::Silence(_) => (SILENCES, None),
                Got::Busy(_, after) => (ATTEMPTS, *after),
                _ => return Ok(got),
            };
            if attempts >= most {
                return Ok(got);
            }
            self.flights.pause(pause_ms(attempts - 1, js_sys::Math::random(), after)).await;
        }
    }

    async fn request(&self, url: &str, wanted: &Wanted, fresh: bool) -> Result<Got> {
        if self.flights.have_ended() {
            return Err(ended());
        }
        let flight = Flight::new(self.flights, self.host.patience_ms)?;
        self.requests.set(self.requests.get() + 1);
        let response = match self.host.send(&flight, self.read, (url, wanted, fresh)).await {
            Ok(response) => response,
            Err(value) => return self.silence(&flight, &value, url),
        };
        if let Some(origin) = origin_of(url) {
            self.host.learn(origin, |server| server.answered = true);
        }
        let declared = declared_bytes(&response);
        let whole = match judge(wanted, response.status(), declared) {
            Verdict::Part => false,
            Verdict::Whole => true,
            Verdict::Sized(bytes) => return Ok(Got::Sized(bytes)),
            Verdict::Beyond => return Ok(Got::Beyond),
            Verdict::Again(error) => return Ok(Got::Busy(error, retry_after(&response))),
            Verdict::Stop(error) => return Err(error),
        };
        let turn = if whole { self.whole_turn() } else { Ok(None) };
        let Ok(_turn) = turn else {
            drop(flight);
            self.host.turns.wait(&self.read.location, &Span::Whole).await;
            return Ok(Got::Waited);
        };
        let most_bytes = if whole { Wanted::Whole.most_bytes() } else { wanted.most_bytes() };
        let body = match read_body(&flight, &response, (declared, most_bytes)).await? {
            Body::Ended(body) => body,
            Body::Beyond if whole => return Err(too_large(wanted)),
            // Longer than what was asked for.
            Body::Beyond => return Ok(Got::Part(Bytes::new())),
            Body::Broke(value) if flight.is_aborted() => return self.silence(&flight, &value, url),
            Body::Broke(value) => {
                let reason = Host::reason(&value, url, &self.read.location);
                let error = Error::new(ErrorKind::Unavailable, "the connection broke before the end of the object");
                return Ok(Got::Broken(error.caused_by(reason)));
            }
        };
        self.received_bytes.set(self.received_bytes.get() + body.len() as u64);
        Ok(if whole && !wanted.is_range_of(body.len() as u64) { Got::Whole(body) } else { Got::Part(body) })
    }

    /// The turn to read the whole object, where a part was asked for that others may ask for too.
    fn whole_turn(&self) -> Result<Option<Turn<'_>>, ()> {
        if self.read.volatile || self.read.span == Span::Whole {
            return Ok(None);
        }
        self.host.turns.take(&self.read.location, &Span::Whole).map(Some).ok_or(())
    }

    /// What a rejected fetch means: ended, out of time, or no connection.
    fn silence(&self, flight: &Flight<'_>, value: &JsValue, url: &str) -> Result<Got> {
        if self.flights.have_ended() {
            return Err(ended());
        }
        if flight.is_aborted() {
            let message = format!("no answer within {} s", self.host.patience_ms / 1000.0);
            return Ok(Got::Busy(Error::new(ErrorKind::Unavailable, message), None));
        }
        let reason = Host::reason(value, url, &self.read.location);
        Ok(Got::Silence(Error::new(ErrorKind::Unavailable, "no answer from the server").caused_by(reason)))
    }

    /// A failure without a status: a browser tells no more, so it is looked into.
    async fn explained(&self, error: Error, url: &str) -> Error {
        if !self.host.is_closed(self.flights, url).await {
            return error.with("requests", self.requests.get());
        }
        let origin = origin_of(url).unwrap_or_default();
        closed(origin, self.host.server(origin).answered).caused_by(error)
    }

    fn keep_whole(&self, whole: Bytes) {
        if !self.read.volatile {
            self.host.cache.borrow_mut().keep_whole(&self.read.location, whole.clone());
        }
        if self.read.span != Span::Whole && !self.flights.have_ended() {
            self.flights.wholes.borrow_mut().keep_whole(&self.read.location, whole);
        }
    }

    fn keep_part(&self, body: &Bytes) {
        if let (false, Span::Bytes(range)) = (self.read.volatile, &self.read.span) {
            self.host.cache.borrow_mut().keep_part(&self.read.location, range.start, body.clone());
        }
    }
}

/// Nobody waits for this any more.
fn ended() -> Error {
    Error::new(ErrorKind::Unavailable, "the search was ended")
}

fn retry_after(response: &Response) -> Option<f64> {
    response.headers().get("retry-after").ok().flatten()?.parse().ok()
}
