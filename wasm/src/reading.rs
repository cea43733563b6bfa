//! One catalog being read: opened first, searched next.

use bytes::Bytes;
use earthcatalog_core::catalog::{Catalog, Open, OpenOptions};
use earthcatalog_core::query::Query;
use earthcatalog_core::search::Search;
use earthcatalog_core::{Error, ErrorKind, Location, Machine, Request, RequestId, Result, Span, Step};
use serde_json::{Value, json};
use wasm_bindgen::prelude::wasm_bindgen;

/// A catalog being read. Each call answers with a JSON object that has one of these keys:
/// `needs` (requests to be answered by [`supply`](Self::supply)), `opened` (the catalog's description), `item`,
/// `finished`, `error` (`kind` and `message`), or `ok`.
#[wasm_bindgen]
pub struct Reading {
    state: State,
}

enum State {
    Opening(Box<Open>),
    Opened(Catalog),
    Searching(Catalog, Box<Search>),
    /// An error has been told.
    Failed,
}

#[wasm_bindgen]
impl Reading {
    /// Begins to open the catalog at `location`.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(location: &str) -> Self {
        let state = match Location::parse(location) {
            Ok(location) => State::Opening(Box::new(Open::new(&location, OpenOptions::default()))),
            Err(_) => State::Failed,
        };
        Self { state }
    }

    /// Goes on as far as the bytes at hand allow.
    pub fn step(&mut self) -> String {
        let answer = self.advance();
        self.tell(answer)
    }

    /// Answers a request with its bytes.
    pub fn supply(&mut self, id: u32, bytes: &[u8]) -> String {
        let (id, bytes) = (RequestId(id.into()), Bytes::copy_from_slice(bytes));
        let answer = match &mut self.state {
            State::Opening(machine) => machine.supply(id, bytes),
            State::Searching(_, machine) => machine.supply(id, bytes),
            State::Opened(_) | State::Failed => Err(Error::internal("nothing is being read")),
        };
        self.tell(answer.map(|()| json!({ "ok": true })))
    }

    /// Says that a request found no object.
    pub fn missing(&mut self, id: u32, message: &str) -> String {
        let (id, error) = (RequestId(id.into()), Error::new(ErrorKind::NotFound, message));
        let answer = match &mut self.state {
            State::Opening(machine) => machine.fail(id, error),
            State::Searching(_, machine) => machine.fail(id, error),
            State::Opened(_) | State::Failed => Err(Error::internal("nothing is being read")),
        };
        self.tell(answer.map(|()| json!({ "ok": true })))
    }

    /// Begins a search of the opened catalog: `bbox`, `intersects`, `datetime`, `ids`, `max_items` as JSON.
    pub fn search(&mut self, query: &str) -> String {
        let answer = self.begin(query).map(|()| json!({ "ok": true }));
        self.tell(answer)
    }
}

impl Reading {
    fn advance(&mut self) -> Result<Value> {
        match &mut self.state {
            State::Opening(machine) => match machine.step()? {
                Step::NeedsData(requests) => Ok(needs(&requests)),
                Step::Finished => Err(Error::internal("opening ended without a catalog")),
                Step::Data(catalog) => {
                    let info = serde_json::to_value(catalog.info())
                        .map_err(|error| Error::internal("the description is not JSON").caused_by(error))?;
                    self.state = State::Opened(catalog);
                    Ok(json!({ "opened": info }))
                }
            },
            State::Searching(catalog, machine) => match machine.step()? {
                Step::NeedsData(requests) => Ok(needs(&requests)),
                Step::Data(item) => Ok(json!({ "item": item })),
                Step::Finished => {
                    self.state = State::Opened(catalog.clone());
                    Ok(json!({ "finished": true }))
                }
            },
            State::Opened(_) => Ok(json!({ "finished": true })),
            State::Failed => Err(Error::invalid("nothing is being read")),
        }
    }

    fn begin(&mut self, query: &str) -> Result<()> {
        let catalog = match &self.state {
            State::Opened(catalog) | State::Searching(catalog, _) => catalog.clone(),
            State::Opening(_) | State::Failed => return Err(Error::invalid("the catalog is not open")),
        };
        let search = Search::new(&catalog, parse(query)?)?;
        self.state = State::Searching(catalog, Box::new(search));
        Ok(())
    }

    /// An answer as JSON. After an error the machine must not be used any more.
    fn tell(&mut self, answer: Result<Value>) -> String {
        let answer = answer.unwrap_or_else(|error| {
            self.state = State::Failed;
            json!({ "error": { "kind": error.kind().as_str(), "message": error.to_string() } })
        });
        answer.to_string()
    }
}

fn needs(requests: &[Request]) -> Value {
    let requests: Vec<_> = requests
        .iter()
        .map(|request| {
            let (start, end) = match &request.range {
                Span::Whole => (None, None),
                Span::Prefix(most) => (Some(0), Some(*most)),
                Span::Bytes(range) => (Some(range.start), Some(range.end)),
            };
            json!({ "id": request.id.0, "location": request.location.as_str(), "start": start, "end": end })
        })
        .collect();
    json!({ "needs": requests })
}

fn parse(text: &str) -> Result<Query> {
    let parameters: Value =
        serde_json::from_str(text).map_err(|error| Error::invalid("the query is not JSON").caused_by(error))?;
    let mut query = Query::new();
    if let Some(bbox) = parameters.get("bbox").and_then(Value::as_array) {
        let numbers: Option<Vec<f64>> = bbox.iter().map(Value::as_f64).collect();
        query = query.bbox(&numbers.ok_or_else(|| Error::invalid("`bbox` is not all numbers"))?)?;
    }
    if let Some(geometry) = parameters.get("intersects") {
        query = query.intersects(geometry)?;
    }
    if let Some(datetime) = parameters.get("datetime").and_then(Value::as_str) {
        query = query.datetime(datetime)?;
    }
    if let Some(ids) = parameters.get("ids").and_then(Value::as_array) {
        query = query.ids(ids.iter().filter_map(Value::as_str));
    }
    if let Some(most) = parameters.get("max_items").and_then(Value::as_u64) {
        query = query.max_items(most);
    }
    Ok(query)
}
