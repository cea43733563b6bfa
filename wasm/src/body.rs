//! The body of a response, piece by piece: how long it is and whether it still comes is known while it is read.

use bytes::Bytes;
use earthcatalog_core::{Error, Result};
use js_sys::{Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::Response;

use crate::flight::Flight;

/// How many times longer a body may take that cannot be read in pieces.
const UNSEEN: f64 = 10.0;

/// What came.
#[derive(Debug)]
pub(crate) enum Body {
    /// All of it.
    Ended(Bytes),
    /// More than can be of use; the rest was not read.
    Beyond,
    /// It broke off, for this reason.
    Broke(JsValue),
}

/// Reads a body of at most `most_bytes`. Each piece is heard.
///
/// # Errors
/// [`earthcatalog_core::ErrorKind::Unsupported`] where there is not enough memory.
pub(crate) async fn read_body(
    flight: &Flight<'_>,
    response: &Response,
    (declared_bytes, most_bytes): (Option<u64>, u64),
) -> Result<Body> {
    let mut pieces = Pieces::of(response).unwrap_or_else(|| {
        flight.be_patient(UNSEEN);
        Pieces::Whole(response.array_buffer())
    });
    let mut body = Vec::new();
    reserve(&mut body, declared_bytes.unwrap_or(0).min(most_bytes))?;
    loop {
        flight.hear();
        let piece = match pieces.next().await {
            Ok(Some(piece)) => piece,
            Ok(None) => break,
            Err(value) => return Ok(Body::Broke(value)),
        };
        let held = body.len();
        let bytes = u64::from(piece.length());
        if held as u64 + bytes > most_bytes {
            return Ok(Body::Beyond);
        }
        reserve(&mut body, bytes)?;
        body.resize(held + piece.length() as usize, 0);
        if let Some(room) = body.get_mut(held..) {
            piece.copy_to(room);
        }
    }
    flight.land();
    Ok(Body::Ended(body.into()))
}

/// Makes room, which may fail: a reader that stops here would leave a promise that never settles.
fn reserve(body: &mut Vec<u8>, bytes: u64) -> Result<()> {
    let full = |_| Error::unsupported(format!("there is no memory for {bytes} bytes more"));
    body.try_reserve(usize::try_from(bytes).unwrap_or(usize::MAX)).map_err(full)
}

/// How the body is had.
enum Pieces {
    /// From the stream's reader, by its method `read`.
    Stream(JsValue, Function),
    /// At once: some fetches of callers' own have other streams or none.
    Whole(Result<Promise, JsValue>),
    End,
}

impl Pieces {
    fn of(response: &Response) -> Option<Self> {
        let body = Reflect::get(response, &"body".into()).ok()?;
        let begin: Function = Reflect::get(&body, &"getReader".into()).ok()?.dyn_into().ok()?;
        let reader = begin.call0(&body).ok()?;
        let read = Reflect::get(&reader, &"read".into()).ok()?.dyn_into().ok()?;
        Some(Self::Stream(reader, read))
    }

    async fn next(&mut self) -> Result<Option<Uint8Array>, JsValue> {
        match self {
            Self::Stream(reader, read) => {
                let piece = JsFuture::from(Promise::resolve(&read.call0(reader)?)).await?;
                if Reflect::get(&piece, &"done".into())?.is_truthy() {
                    return Ok(None);
                }
                Reflect::get(&piece, &"value".into())?.dyn_into().map(Some)
            }
            Self::Whole(promise) => {
                let buffer = JsFuture::from(promise.clone()?).await?;
                *self = Self::End;
                Ok(Some(Uint8Array::new(&buffer)))
            }
            Self::End => Ok(None),
        }
    }
}

/// The body's length, if the server says it and does not say that it compresses the body.
pub(crate) fn declared_bytes(response: &Response) -> Option<u64> {
    let header = |name: &str| response.headers().get(name).ok().flatten();
    if header("content-encoding").is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return None;
    }
    header("content-length")?.parse().ok()
}
