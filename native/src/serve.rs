//! Serves the explorer and a catalog to this machine, with what browsers, caches and range readers need to be told.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use earthcatalog_core::{Error, ErrorKind, Location, Result};
use futures::TryStreamExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResult};
use tokio::net::TcpListener;

use crate::explorer;
use crate::publish;
use crate::store::{Stores, store_error};

/// After an error of the listener, such as too many open files.
const BREATH: Duration = Duration::from_millis(50);
const FOR_GOOD: &str = "public, max-age=31536000, immutable";
const ASK_AGAIN: &str = "no-cache";
/// What every answer says: any page may read, by range (Fetch standard, CORS protocol).
const SHARED: [(HeaderName, &str); 5] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "Range, If-None-Match, If-Match, If-Range, Cache-Control"),
    (header::ACCESS_CONTROL_EXPOSE_HEADERS, "Accept-Ranges, Content-Length, Content-Range, ETag, Last-Modified"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

type Body = UnsyncBoxBody<Bytes, object_store::Error>;

/// A catalog that is about to be served.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    site: Arc<Site>,
}

impl Server {
    /// Takes a port of this machine, 0 for any, for the catalog at `base`. Nobody else's machine can reach it.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the port is taken.
    pub async fn bind(stores: Stores, base: Location, port: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.map_err(|error| taken(port).caused_by(error))?;
        let address = listener.local_addr().map_err(|error| taken(port).caused_by(error))?;
        Ok(Self { listener, address, site: Arc::new(Site { stores, base }) })
    }

    /// The address of the explorer, which is the catalog's too.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves until it is dropped.
    pub async fn run(self) {
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                tokio::time::sleep(BREATH).await;
                continue;
            };
            let site = Arc::clone(&self.site);
            tokio::spawn(async move {
                let answer = service_fn(|request| {
                    let site = Arc::clone(&site);
                    async move { Ok::<_, std::convert::Infallible>(site.answer(&request).await) }
                });
                // A reader that goes away in the middle is no error.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    }
}

fn taken(port: u16) -> Error {
    Error::new(ErrorKind::Unavailable, format!("port {port} is not free: name another with --port"))
}

/// The explorer's files, and below them everything that lies below the catalog's base.
struct Site {
    stores: Stores,
    base: Location,
}

impl Site {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Body> {
        let mut response = match *request.method() {
            Method::GET | Method::HEAD => match Path::from_url_path(request.uri().path()) {
                Ok(path) => self.look_up(path.as_ref(), request).await,
                Err(_) => plain(StatusCode::BAD_REQUEST, "no path"),
            },
            Method::OPTIONS => plain(StatusCode::NO_CONTENT, ""),
            _ => plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD"),
        };
        for (name, value) in SHARED {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }

    async fn look_up(&self, key: &str, request: &Request<Incoming>) -> Response<Body> {
        let name = if key.is_empty() { explorer::PAGE } else { key };
        if let Some(bytes) = explorer::file(name) {
            let mut response = plain(StatusCode::OK, bytes);
            describe(response.headers_mut(), name, name.starts_with(explorer::HASHED));
            return response;
        }
        // A folder is answered with its index, as static hosts do.
        let index = format!("{key}/{}", explorer::PAGE);
        for key in [key, index.trim_start_matches('/')] {
            match self.object(key, request).await {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Ok(response) => return response,
                Err(error) => return refusal(&error),
            }
        }
        let why = if key.is_empty() { explorer::MISSING } else { "no such object" };
        plain(StatusCode::NOT_FOUND, why)
    }

    /// An object below the base, or the part of it that is asked for.
    async fn object(&self, key: &str, request: &Request<Incoming>) -> Result<Response<Body>> {
        let location = self.base.below(key);
        let (store, path) = self.stores.get(&location)?;
        let head = request.method() == Method::HEAD;
        let range = range_of(request.headers());
        let tag = request.headers().get(header::IF_NONE_MATCH).and_then(|tag| tag.to_str().ok());
        let options =
            GetOptions { range: range.clone(), if_none_match: tag.map(str::to_owned), head, ..Default::default() };
        let mut response = match store.get_opts(&path, options).await {
            Ok(found) => whole_or_part(found, range.is_some(), head),
            Err(object_store::Error::NotModified { .. }) => plain(StatusCode::NOT_MODIFIED, ""),
            Err(error) if range.is_some() => {
                match store.get_opts(&path, GetOptions { head: true, ..Default::default() }).await {
                    // The object is there: it was the range that could not be had.
                    Ok(found) => out_of_range(found.meta.size),
                    Err(_) => return Err(store_error(error, &location)),
                }
            }
            Err(error) => return Err(store_error(error, &location)),
        };
        describe(response.headers_mut(), key, publish::never_changes(key));
        Ok(response)
    }
}

fn whole_or_part(found: GetResult, is_part: bool, head: bool) -> Response<Body> {
    let (size, range) = (found.meta.size, found.range.clone());
    let tag = found.meta.e_tag.clone();
    let modified = found.meta.last_modified.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let body = if head {
        Full::default().map_err(|never| match never {}).boxed_unsync()
    } else {
        StreamBody::new(found.into_stream().map_ok(Frame::data)).boxed_unsync()
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, (range.end - range.start).into());
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    insert(headers, header::LAST_MODIFIED, &modified);
    if let Some(tag) = tag {
        insert(headers, header::ETAG, &tag);
    }
    if is_part {
        insert(
            headers,
            header::CONTENT_RANGE,
            &format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1)),
        );
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

/// The one range that is asked for (RFC 9110 §14.1.2). Several, and those under a condition, may be answered with all.
fn range_of(headers: &HeaderMap) -> Option<GetRange> {
    if headers.contains_key(header::IF_RANGE) {
        return None;
    }
    let (start, end) = headers.get(header::RANGE)?.to_str().ok()?.strip_prefix("bytes=")?.split_once('-')?;
    match (start.trim(), end.trim()) {
        ("", length) => length.parse().ok().map(GetRange::Suffix),
        (start, "") => start.parse().ok().map(GetRange::Offset),
        (start, end) => {
            let (start, end): (u64, u64) = (start.parse().ok()?, end.parse::<u64>().ok()?.checked_add(1)?);
            (start < end).then_some(GetRange::Bounded(start..end))
        }
    }
}

fn out_of_range(size: u64) -> Response<Body> {
    let mut response = plain(StatusCode::RANGE_NOT_SATISFIABLE, "");
    insert(response.headers_mut(), header::CONTENT_RANGE, &format!("bytes */{size}"));
    response
}

fn refusal(error: &Error) -> Response<Body> {
    let status = match error.kind() {
        ErrorKind::Denied => StatusCode::FORBIDDEN,
        ErrorKind::Invalid => StatusCode::BAD_REQUEST,
        _ => StatusCode::BAD_GATEWAY,
    };
    plain(status, error.to_string())
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(text.into()).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

/// What the object is, and how long caches may keep it.
fn describe(headers: &mut HeaderMap, key: &str, never_changes: bool) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(publish::media_type(key)));
    let cache = if never_changes { FOR_GOOD } else { ASK_AGAIN };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
}

/// Sets a header to a text that stores gave or this program made; one that is no header value is left out.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &'static str) -> Option<GetRange> {
        range_of(&HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static(text))]))
    }

    #[test]
    fn one_range_is_understood_and_others_are_left_alone() {
        assert_eq!(range("bytes=2-4"), Some(GetRange::Bounded(2..5)));
        assert_eq!(range("bytes=2-"), Some(GetRange::Offset(2)));
        assert_eq!(range("bytes=-3"), Some(GetRange::Suffix(3)));
        for none in ["bytes=4-2", "bytes=0-1,4-5", "bytes=-", "lines=1-2", "bytes=0-18446744073709551615"] {
            assert_eq!(range(none), None, "{none}");
        }
    }
}
