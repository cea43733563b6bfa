//! What the caller said about reading, and what was learnt of the servers: shared by all runs on a catalog.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use earthcatalog_core::reads::{Read, ReadOptions};
use earthcatalog_core::{Error, ErrorKind, Location, Result};
use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, Response};

use crate::address::{Address, origin_of, without_address};
use crate::cache::Cache;
use crate::convert::thrown;
use crate::flight::{Flight, Flights, global};
use crate::http::Wanted;
use crate::turns::Turns;

/// Where a catalog lies and how it is read.
#[derive(Debug)]
pub(crate) struct Host {
    /// Where the catalog lies.
    pub(crate) address: Address,
    /// Most reads at once.
    pub(crate) concurrency: usize,
    /// How long a server may keep silent.
    pub(crate) patience_ms: f64,
    /// Bytes of immutable objects.
    pub(crate) cache: RefCell<Cache>,
    /// What is being read of them.
    pub(crate) turns: Turns,
    fetch: Function,
    own_fetch: bool,
    headers: Vec<(String, String)>,
    resolve: Option<Function>,
    servers: RefCell<HashMap<String, Server>>,
    /// Objects whose bytes made no sense: a cache of the network's may hold them so.
    doubted: RefCell<HashSet<Location>>,
}

/// What is known of a server.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Server {
    /// It answered: that this page may not read it at all is out of the question.
    pub(crate) answered: bool,
    /// Ranges of its objects were wrong where the whole object was right.
    pub(crate) spoils_ranges: bool,
    /// Whether the page may not read it, once that was looked into.
    pub(crate) closed: Option<bool>,
}

impl Host {
    /// Takes the caller's options: `fetch`, `headers` (pairs), `resolve`, `cacheBytes`, `concurrency`, `timeoutMs`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a bad address, [`ErrorKind::Unsupported`] where there is no `fetch`.
    pub(crate) fn new(url: &str, options: &JsValue) -> Result<Self> {
        let option = |name: &str| Reflect::get(options, &name.into()).unwrap_or(JsValue::UNDEFINED);
        let number = |name: &str| option(name).as_f64().filter(|number| *number >= 0.0);
        let fetch = option("fetch").dyn_into::<Function>().ok();
        let own_fetch = fetch.is_none();
        let fetch = fetch.or_else(|| global("fetch").dyn_into().ok());
        let pair = |pair: JsValue| {
            let pair: Array = pair.dyn_into().ok()?;
            Some((pair.get(0).as_string()?, pair.get(1).as_string()?))
        };
        let headers = option("headers").dyn_into::<Array>().unwrap_or_default();
        Ok(Self {
            address: Address::parse(url)?,
            concurrency: number("concurrency")
                .map_or(ReadOptions::default().concurrency, |number| saturated(number) as usize),
            patience_ms: number("timeoutMs").unwrap_or(30_000.0),
            cache: RefCell::new(Cache::new(number("cacheBytes").map_or(64 << 20, |number| saturated(number).into()))),
            turns: Turns::default(),
            fetch: fetch
                .ok_or_else(|| Error::unsupported("there is no `fetch` here: give one with the option `fetch`"))?,
            own_fetch,
            headers: headers.iter().filter_map(pair).collect(),
            resolve: option("resolve").dyn_into().ok(),
            servers: RefCell::default(),
            doubted: RefCell::default(),
        })
    }

    /// The web address of an object.
    pub(crate) async fn url(&self, location: &Location) -> Result<String> {
        let Some(resolve) = &self.resolve else {
            return self.address.url(location);
        };
        let failed = |value: JsValue| Error::invalid("the option `resolve` failed").caused_by(thrown(&value));
        let answer = resolve.call1(&JsValue::UNDEFINED, &location.as_str().into()).map_err(failed)?;
        let answer = JsFuture::from(Promise::resolve(&answer)).await.map_err(failed)?;
        let none = || Error::invalid("the option `resolve` gave no text").with("location", location);
        answer.as_string().filter(|url| !url.is_empty()).ok_or_else(none)
    }

    /// Sends a request.
    pub(crate) async fn send(
        &self,
        flight: &Flight<'_>,
        read: &Read,
        (url, wanted, fresh): (&str, &Wanted, bool),
    ) -> Result<Response, JsValue> {
        let headers = Headers::new()?;
        for (name, value) in &self.headers {
            headers.append(name, value)?;
        }
        if let Some(range) = wanted.header() {
            headers.set("range", &range)?;
        }
        let init = Object::new();
        Reflect::set(&init, &"headers".into(), &headers)?;
        Reflect::set(&init, &"signal".into(), &flight.controller.signal())?;
        // Elsewhere there is no cache, and Cloudflare refuses a request that says `reload`.
        if is_page() {
            let mode = match (fresh, read.volatile) {
                (true, _) => "reload",
                (false, true) => "no-cache",
                (false, false) => "default",
            };
            Reflect::set(&init, &"cache".into(), &mode.into())?;
        }
        let answer = self.fetch.call2(&JsValue::UNDEFINED, &url.into(), &init)?;
        // A fetch of the caller's own may answer with a class of its own that looks the same.
        Ok(JsFuture::from(Promise::resolve(&answer)).await?.unchecked_into())
    }

    /// Whether a request went through that gives nothing away (Fetch, mode `no-cors`), where those that are to be read
    /// fail: it is then the server's rules for pages of other sites that forbid it. Never where such rules do not hold.
    pub(crate) async fn is_closed(&self, flights: &Flights, url: &str) -> bool {
        let origin = origin_of(url).unwrap_or_default();
        let server = self.server(origin);
        if !self.own_fetch || !is_page() {
            return false;
        }
        if let (false, Some(closed)) = (server.answered, server.closed) {
            return closed;
        }
        let closed = self.probe(flights, url).await.is_some();
        if !server.answered {
            self.learn(origin, |server| server.closed = Some(closed));
        }
        closed
    }

    /// Sends such a request; its body is not read.
    async fn probe(&self, flights: &Flights, url: &str) -> Option<()> {
        let flight = Flight::new(flights, self.patience_ms).ok()?;
        let init = Object::new();
        Reflect::set(&init, &"mode".into(), &"no-cors".into()).ok()?;
        Reflect::set(&init, &"signal".into(), &flight.controller.signal()).ok()?;
        let answer = self.fetch.call2(&JsValue::UNDEFINED, &url.into(), &init).ok()?;
        JsFuture::from(Promise::resolve(&answer)).await.ok()?;
        Some(())
    }

    /// What is known of the server of an address.
    pub(crate) fn server(&self, origin: &str) -> Server {
        self.servers.borrow().get(origin).copied().unwrap_or_default()
    }

    /// Notes something about a server.
    pub(crate) fn learn(&self, origin: &str, note: impl FnOnce(&mut Server)) {
        note(self.servers.borrow_mut().entry(origin.to_owned()).or_default());
    }

    /// What is held of an object, without asking for it.
    pub(crate) fn held(&self, flights: &Flights, read: &Read) -> Option<Bytes> {
        let whole = flights.wholes.borrow_mut().find(&read.location, &read.span);
        if read.volatile || whole.is_some() {
            return whole;
        }
        self.cache.borrow_mut().find(&read.location, &read.span)
    }

    /// Lets go what is held of an object that makes no sense, and asks for it past all caches from now on.
    pub(crate) fn doubt(&self, location: Location) {
        self.cache.borrow_mut().forget(&location);
        self.doubted.borrow_mut().insert(location);
    }

    /// Whether an object is asked for past all caches.
    pub(crate) fn doubts(&self, location: &Location) -> bool {
        self.doubted.borrow().contains(location)
    }

    /// What was thrown at a request, without what is not to be shown.
    pub(crate) fn reason(value: &JsValue, url: &str, location: &Location) -> String {
        without_address(&thrown(value), url, location)
    }
}

/// The error for a server that does not let a page read it; `CORS` in its context says so.
pub(crate) fn closed(origin: &str, answered: bool) -> Error {
    let message = if answered {
        "the server does not let this page read its answer (CORS), which it does for other objects"
    } else {
        "the server does not let this page read it (CORS)"
    };
    Error::new(ErrorKind::Denied, message).with(crate::convert::CORS, origin)
}

/// Whether this is a page or a worker of one, where CORS holds.
fn is_page() -> bool {
    !global("location").is_undefined()
        && (!global("document").is_undefined() || !global("WorkerGlobalScope").is_undefined())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float becomes the nearest whole number there is"
)]
fn saturated(number: f64) -> u32 {
    number as u32
}
